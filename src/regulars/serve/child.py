"""One process under supervision."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regulars.runtime.status import StatusFile, read_status

#: Pauses before a start again: at once, then doubling while the process dies young; seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 10.0
#: A process that worked this long after it was ready did not die of its start; seconds.
YOUNG_SECONDS = 1.0


class Child:
    """A child process that is started again when it ends."""

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], status: Path, descriptors: Sequence[int]
    ) -> None:
        self.name = name
        self.restarts = 0
        self.reason = ""
        self._command = [sys.executable, "-m", module, *arguments]
        self._status = status
        self._descriptors = tuple(descriptors)
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = FIRST_PAUSE
        self._again_at = 0.0

    def start(self) -> None:
        """Start the process; what an earlier one said of itself is forgotten."""
        status = StatusFile(self._status)
        status.write({})
        status.close()
        # A process group of its own: Ctrl+C reaches the supervisor alone, which stops its children in order. Not a
        # session of its own: Linux shares the processor evenly between sessions (autogroup), and that one process is
        # nicer than another holds only within a session.
        self._process = subprocess.Popen(self._command, pass_fds=self._descriptors, process_group=0)

    def said(self) -> dict[str, Any]:
        """What the process says of itself."""
        return read_status(self._status)

    def ready(self) -> bool:
        """Whether the process runs and does its work."""
        return self.running() and bool(self.said().get("ready"))

    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """How the last process ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def tend(self) -> bool:
        """Start the process again when it ended and its pause is over; whether anything changed."""
        if self.running():
            return False
        now = time.monotonic()
        if not self._again_at:
            said = self.said()
            self.reason = _reason(self.exit_code(), str(said.get("error", "")))
            worked = time.time() - float(said.get("since", time.time()))
            self._pause = FIRST_PAUSE if worked >= YOUNG_SECONDS else min(self._pause * 2, LONGEST_PAUSE)
            self._again_at = now + self._pause
            return True
        if now < self._again_at:
            return False
        self._again_at = 0.0
        self.restarts += 1
        self.start()
        return True

    def stop(self, seconds: float) -> bool:
        """Ask the process to end and wait; whether it did without being killed."""
        if self._process is None or self._process.poll() is not None:
            return True
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True

    def describe(self) -> dict[str, Any]:
        """For /ready."""
        pid = self._process.pid if self._process is not None else None
        return {"running": self.running(), "pid": pid, "restarts": self.restarts, "reason": self.reason}


def _reason(code: int | None, error: str) -> str:
    if error:
        return error
    if code is not None and code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
