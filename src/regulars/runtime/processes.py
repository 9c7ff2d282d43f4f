"""What every child process does first: end with its parent, and stop on a signal once its work is whole."""

import contextlib
import ctypes
import gc
import io
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO, cast

import structlog

from regulars.core.errors import Misconfigured, RegularsError, Rejected, Unavailable

#: Exit codes: the caller's input, the world outside, a defect of ours.
INPUT, WORLD, DEFECT = 2, 3, 70
_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Be told to stop when the process `parent` is gone, however it ended (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it ended before the call
        raise SystemExit(WORLD)


class Collecting:
    """Cycles of objects, searched between batches: folding makes hardly any, but many thousand objects for a moment.

    With Python's own way a fifth of the time of folding went into searching what was about to go anyway. What stands
    when this begins is never searched again.
    """

    def __init__(self, *, seconds: float = 20.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._last = clock()
        gc.collect()
        gc.freeze()
        gc.disable()

    def between(self) -> bool:
        """Search what came since, when it is time; whether it was. For a moment in which little is held."""
        now = self._clock()
        if now - self._last < self._seconds:
            return False
        self._last = now
        gc.collect()
        return True


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set.

    Not by the handler itself: it runs in the main thread, which may hold the event's lock while it waits for it.
    """
    stopping = threading.Event()
    asked: queue.SimpleQueue[None] = queue.SimpleQueue()

    def pass_on() -> None:
        asked.get()
        stopping.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.put(None))
    return stopping


def exit_code(error: BaseException) -> int:
    """How a process ends that fails with `error`."""
    if isinstance(error, Rejected | Misconfigured):
        return INPUT
    if isinstance(error, Unavailable | RegularsError):
        return WORLD
    return DEFECT


def logging_to_stderr() -> None:
    """One line an entry, time first, with its facts as key=value."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
    )


class _Stderr(io.TextIOBase):
    """The error output; where it goes to a full disk, a line is lost and the work goes on."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
