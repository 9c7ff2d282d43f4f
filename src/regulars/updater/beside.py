"""A second process that reads and folds shares of large batches, while there is a backlog.

What is handed over lies in memory that both processes know (a file without a name); the pipes carry only where it lies
and how long it is, so that neither side waits for the other to read. The process starts when a backlog is first met,
ends when there was none for a while, and is no part of what the state rests on: what it does not answer is done by the
updater itself.
"""

import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from regulars.core.definitions import Definitions
from regulars.flow.engine import Engine
from regulars.flow.shares import Sharer
from regulars.runtime.build import read_state
from regulars.runtime.folder import DataFolder
from regulars.runtime.processes import Collecting, end_with_parent, logging_to_stderr

_LOG = structlog.get_logger("regulars.beside")
#: Messages that wait to be answered, and room for each, bytes; memory is taken only as far as messages fill it.
MESSAGES, ROOM = 16, 64_000_000
#: What takes longer will not be answered; and the process ends when nobody asked for so long. Seconds.
PATIENCE, IDLE_SECONDS = 60.0, 60.0
#: After it failed it is not started again for so long; seconds.
REST_SECONDS = 300.0
#: Kind, number, place, length.
_MESSAGE = struct.Struct("<cqqq")
_READY, _DEFINE, _WORK, _DONE = b"r", b"d", b"w", b"x"


class Beside:
    """The updater's end: `flow.sharing.Beside` over a child process."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._definitions: Definitions | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._memory = -1
        self._is_ready = False
        self.life = 0  # grows whenever a process is gone
        self._due: dict[int, int] = {}  # number of a message -> its place
        self._used = 0.0
        self._rests_until = 0.0

    def define(self, engine: Engine) -> None:
        """Fold by these definitions from now on."""
        self._definitions = engine.definitions
        self.close()  # it starts again with the next backlog

    def ready(self) -> bool:
        """Whether it can be asked now; where it is not running yet, it is started for the next time."""
        self._used = time.monotonic()
        if self._child is None:
            if self._used >= self._rests_until:
                self._start()
            return False
        if not self._is_ready and self._readable(0.0):
            self._is_ready = self._receive() is not None
        return self._is_ready

    def ask(self, number: int, body: bytes) -> bool:
        """Hand over a message; False when there is no room, or nobody."""
        if self._child is None or not self._is_ready or len(self._due) >= MESSAGES or len(body) > ROOM:
            return False
        taken = set(self._due.values())
        place = self._due[number] = next(at for at in range(0, MESSAGES * ROOM, ROOM) if at not in taken)
        return self._send(_WORK, number, place, body)

    def answer(self, *, wait: bool) -> tuple[int, bytes] | None:
        """An answer, in the order of asking; None when there is none or, waiting, none will ever be."""
        if not self._due:
            return None
        if not self._readable(PATIENCE if wait else 0.0):
            if wait:
                self._fail("it did not answer in time")
            return None
        found = self._receive()
        if found is not None:
            self._due.pop(found[0], None)
        return found

    def forget(self) -> None:
        """Nobody wants the answers that are still due: whoever computes them is ended."""
        if self._due:
            self.close()

    def rest(self) -> None:
        """End the process if it had nothing to do for a while."""
        if self._child is not None and time.monotonic() - self._used > IDLE_SECONDS:
            self.close()

    def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        self.life += child is not None
        self._is_ready = False
        self._due.clear()
        if child is None:
            return
        child.kill()  # it writes nothing
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        os.close(self._memory)

    @property
    def pid(self) -> int | None:
        """The number of the process while it runs."""
        return None if self._child is None else self._child.pid

    # Between the processes --------------------------------------------------------------------------------------

    def _start(self) -> None:
        memory = _memory()
        command = [sys.executable, "-m", "regulars.updater.beside", str(self._data), str(memory), str(os.getpid())]
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(memory,), bufsize=0
            )
        except OSError as error:
            os.close(memory)
            self._rest(f"it cannot start: {error.strerror}")
            return
        self._memory = memory
        self._send(_DEFINE, 0, 0, msgspec.msgpack.encode(self._definitions))

    def _send(self, kind: bytes, number: int, place: int, body: bytes) -> bool:
        assert self._child is not None  # noqa: S101 - asked for by the callers
        assert self._child.stdin is not None  # noqa: S101 - asked for in `_start`
        try:
            _write(self._memory, body, place)
            os.write(self._child.stdin.fileno(), _MESSAGE.pack(kind, number, place, len(body)))
        except OSError as error:  # it is gone, or there is no memory left
            self._fail(str(error.strerror))
            return False
        return True

    def _readable(self, seconds: float) -> bool:
        child = self._child
        if child is None or child.stdout is None:
            return False
        return bool(select.select([child.stdout], [], [], seconds)[0])

    def _receive(self) -> tuple[int, bytes] | None:
        """The next message; None when the process is gone."""
        assert self._child is not None  # noqa: S101 - asked for by the callers
        assert self._child.stdout is not None  # noqa: S101 - asked for in `_start`
        head = os.read(self._child.stdout.fileno(), _MESSAGE.size)
        if len(head) < _MESSAGE.size:
            self._fail(f"it ended with {self._child.poll()}")
            return None
        kind, number, place, length = _MESSAGE.unpack(head)
        return number, b"" if kind == _READY else _read(self._memory, length, place)

    def _fail(self, why: str) -> None:
        self.close()
        self._rest(why)

    def _rest(self, why: str) -> None:
        _LOG.warning("the second process that folds failed; the updater goes on by itself", why=why)
        self._rests_until = time.monotonic() + REST_SECONDS


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int:
    """Memory to hand things over: a file without a name, its descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("regulars")
    with tempfile.TemporaryFile() as file:  # removed when the last process closes it
        return os.dup(file.fileno())


def _write(memory: int, body: bytes, place: int) -> None:
    rest = memoryview(body)
    while rest:
        written = os.pwrite(memory, rest, place)
        rest, place = rest[written:], place + written


def _read(memory: int, length: int, place: int) -> bytes:
    body = os.pread(memory, length, place)
    while len(body) < length:  # as system calls may
        more = os.pread(memory, length - len(body), place + len(body))
        if not more:
            break
        body += more
    return body


# The child ----------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """`DATA MEMORY PARENT`: fold what is asked for on standard input; the exit code."""
    data, memory, parent = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the updater ends it, not the keyboard
    os.nice(5)  # after the updater, which comes after the gateway
    logging_to_stderr()
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints goes to standard error
    state = read_state(DataFolder(data))
    sharer: Sharer | None = None
    collecting: Collecting | None = None
    while True:
        head = os.read(0, _MESSAGE.size)
        if len(head) < _MESSAGE.size:
            return 0
        kind, number, place, length = _MESSAGE.unpack(head)
        body = _read(memory, length, place)
        if kind == _DEFINE:
            sharer = Sharer(Engine(msgspec.msgpack.decode(body, type=Definitions)), state)
            collecting = Collecting()
            os.write(answers, _MESSAGE.pack(_READY, 0, 0, 0))
            continue
        assert sharer is not None  # noqa: S101 - definitions come first
        done = sharer.answer(body)
        place += MESSAGES * ROOM
        if len(done) > ROOM:
            done = b""
        _write(memory, done, place)
        os.write(answers, _MESSAGE.pack(_DONE, number, place, len(done)))
        if collecting is not None:
            collecting.between()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
