"""The files of a file log: their names, an open one, and what a failing disk means."""

import bisect
import contextlib
import errno
import os
from array import array
from collections.abc import Iterator
from pathlib import Path

from regulars.adapters.log import frames
from regulars.adapters.log.frames import Entry, Group
from regulars.core.errors import Unavailable

#: How much of a file is read at a time.
WINDOW_BYTES = 256 * 1024
#: The index of a file names a group in so many bytes.
INDEX_BYTES = 64 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def path_of(folder: Path, first: int) -> Path:
    """The file that begins with an offset."""
    return folder / f"{first:020d}{frames.SUFFIX}"


def firsts(folder: Path) -> list[int]:
    """The first offsets of all files."""
    return sorted(int(path.stem) for path in folder.glob(f"*{frames.SUFFIX}") if path.stem.isdecimal())


def damaged(path: Path, offset: int) -> Unavailable:
    """What to say of a file that is not as it was written."""
    return Unavailable(
        f"{path} is damaged at record {offset}: it is not as it was written; restore it with `regulars restore`"
    )


def explained(error: OSError, path: Path) -> Unavailable:
    """What a failed write means."""
    why = error.strerror or str(error)
    if error.errno in _FULL:
        return Unavailable(f"{path}: no space left ({why}); nothing of this write is stored. Free space and try again")
    return Unavailable(
        f"{path}: the disk refused a write ({why}); nothing of this write is stored. "
        "Check free space, limits and the disk, then try again"
    )


def write_all(descriptor: int, data: bytes, position: int) -> None:
    """All of it, in as many calls as the system takes."""
    written = os.pwrite(descriptor, data, position)
    while written < len(data):
        written += os.pwrite(descriptor, memoryview(data)[written:], position + written)


def bytes_of(path: Path) -> int:
    """Its size; 0 when it is gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def inode_of(path: Path) -> int:
    """Which file it is; 0 when it is gone."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


class Window:
    """Bytes of a file through a buffer."""

    def __init__(self, descriptor: int, size: int = WINDOW_BYTES) -> None:
        self._descriptor = descriptor
        self._size = size
        self._start = 0
        self._view = memoryview(b"")

    def __call__(self, position: int, size: int) -> memoryview:
        """So many bytes; fewer where the file ends."""
        at = position - self._start
        if at < 0 or at + size > len(self._view):
            self._view = memoryview(os.pread(self._descriptor, max(size, self._size), position))
            self._start, at = position, 0
        return self._view[at : at + size]


class LogFile:
    """An open file of the log, and where some of its groups begin."""

    def __init__(self, path: Path, first: int) -> None:
        self.path = path
        self.first = first
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self.descriptor).st_ino
        self._firsts, self._positions = array("Q"), array("Q")
        self._next = (first, frames.HEADER.size)  # what the index does not know begins here
        self._recent: tuple[int, list[Entry]] = (-1, [])
        found = frames.read_header(os.pread(self.descriptor, frames.HEADER.size, 0))
        if found is None or found[1] != first:
            self.close()
            raise damaged(path, first)
        self.mark = found[0]

    def find(self, offset: int) -> Group:
        """The group that holds a record; the record must be in this file, and durable."""
        view = Window(self.descriptor)
        if offset >= self._next[0]:
            position = self._next[1]
        else:
            position = self._positions[bisect.bisect_right(self._firsts, offset) - 1]
        while True:
            group = self.group(position, view)
            if offset <= group.last:
                return group
            position = group.end

    def group(self, position: int, view: Window) -> Group:
        """The group that begins there."""
        group = frames.read_group(view, position, self.mark)
        if group is None or not group.count:
            raise damaged(self.path, self._next[0])
        if group.first == self._next[0]:
            if not self._positions or position - self._positions[-1] >= INDEX_BYTES:
                self._firsts.append(group.first)
                self._positions.append(position)
            self._next = (group.last + 1, group.end)
        return group

    def entries(self, group: Group, view: Window) -> list[Entry]:
        """What a group says about its records."""
        if self._recent[0] != group.position:
            entries = frames.read_entries(view, group, self.mark)
            if entries is None:
                raise damaged(self.path, group.first)
            self._recent = (group.position, entries)
        return self._recent[1]

    def close(self) -> None:
        """Release the file."""
        os.close(self.descriptor)


def whole_bodies(path: Path) -> Iterator[bytes]:
    """Every body in a file that is as it was written, whoever may read it still; for a search."""
    try:
        file = LogFile(path, int(path.stem))
    except (Unavailable, ValueError):  # begun by a process that was killed
        return
    with contextlib.closing(file):
        view, size = Window(file.descriptor), os.fstat(file.descriptor).st_size
        position = frames.HEADER.size
        while (group := frames.read_group(view, position, file.mark)) is not None and group.end <= size:
            entries = frames.read_entries(view, group, file.mark)
            for _, at, entry in frames.bodies(group, entries or ()):
                yield bytes(view(at, entry.size))
            position = group.end
