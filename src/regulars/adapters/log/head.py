"""What the processes of a file log tell each other: a page of memory that all of them map."""

import contextlib
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from regulars.core.errors import Unavailable

NAME = "head"
MAGIC = int.from_bytes(b"RGHEAD\0\1", "little")
BYTES = 64
#: The numbers in it. Who holds `lock` writes the first two, who holds `upkeep` the next three, anybody the last.
LAST: Final = 1  # the last offset that is durable: nobody reads beyond it
ROLLED: Final = 2  # grows when a file was begun
FIRST: Final = 3  # the oldest offset kept
WIPED: Final = 4  # up to here (exclusive) what was trimmed is overwritten
CHANGED: Final = 5  # grows when a file was replaced or removed
WANTED: Final = 6  # the first offset of the file that somebody wants to be the last no longer
LOCK, UPKEEP = "lock", "upkeep"


class Head:
    """Eight numbers of 64 bits; each is read and written as one."""

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        path = folder / NAME
        try:
            descriptor = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Unavailable(
                f"{folder} does not exist yet; start `regulars serve`, which creates it, and try again"
            ) from None
        try:
            access = mmap.ACCESS_WRITE if write else mmap.ACCESS_READ
            if os.fstat(descriptor).st_size < BYTES:
                raise Unavailable(f"{path} is damaged (cut short); restore it with `regulars restore`")
            self._map = mmap.mmap(descriptor, BYTES, access=access)
        finally:
            os.close(descriptor)
        self._numbers = memoryview(self._map).cast("Q")
        if self._numbers[0] != MAGIC:
            self.close()
            raise Unavailable(f"{path} is damaged or of a newer program; restore it with `regulars restore`")

    def __getitem__(self, which: int) -> int:
        return self._numbers[which]

    def __setitem__(self, which: int, number: int) -> None:
        self._numbers[which] = number

    def flush(self) -> None:
        """Onto the disk."""
        self._map.flush()

    def close(self) -> None:
        """Release the memory."""
        self._numbers.release()
        self._map.close()


def create(folder: Path, *, last: int, first: int, wiped: int) -> None:
    """The head of a log; makes the names of the folder durable, too."""
    numbers = [MAGIC, last, 0, first, wiped, 0, 0, 0]
    part = folder / f"{NAME}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, struct.pack("8Q", *numbers))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(folder / NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make names that were made, changed or removed durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """Hold a lock file; None when somebody else does. Closing the descriptor releases it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def held(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold a lock file, waited for at most so long; raises Unavailable."""
    deadline = time.monotonic() + seconds
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise Unavailable(f"{path} is held by another process for more than {seconds:.0f} s; it is tried again")
        time.sleep(0.01)
    try:
        yield
    finally:
        os.close(descriptor)
