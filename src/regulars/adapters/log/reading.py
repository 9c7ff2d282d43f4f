"""Reads of a file log, also from another process while one appends and another rewrites."""

import bisect
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from regulars.adapters.log import files, frames
from regulars.adapters.log.files import WINDOW_BYTES, LogFile, Window, firsts, path_of
from regulars.adapters.log.frames import Group
from regulars.adapters.log.head import CHANGED, FIRST, LAST, ROLLED, UPKEEP, WIPED, Head, create, held, sync_folder
from regulars.adapters.sqlite import translated
from regulars.core.errors import Rejected
from regulars.core.log import Record

#: Files whose descriptor and index are kept.
FILES = 64
#: How long to wait for another who trims, rewrites or copies; seconds.
UPKEEP_SECONDS = 60.0
#: Read at a time for a record by its offset, and copied at a time for a backup; bytes.
_SMALL, _LARGE = 4096, 4_000_000


class _Moved(Exception):
    """Files were replaced or removed under a read, which is begun again."""


class FileLogReader:
    """Reads of a log. Safe to share between threads.

    Nobody reads beyond the last durable offset, which the head tells: a group is seen whole, and not before its fsync.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._head = Head(self._folder, write=self._writes)
        self._reading = threading.Lock()  # over the five below
        self._generation: tuple[int, int] | None = None
        self._firsts: list[int] = []  # of every file
        self._open: dict[int, LogFile] = {}
        self._cursor: tuple[int, LogFile | None, int] = (
            0,
            None,
            0,
        )  # where a read ended: offset, file, place of the group
        self._oldest: tuple[int, int] | None = None  # offset and time

    _writes = False

    def read(self, after: int, *, records: int = 1000, size: int = 8_000_000) -> list[Record]:
        """Records with offset > `after` in order: at most `records` and about `size` bytes, at least one."""
        found: list[Record] = []
        with self._reading, translated(self._folder):
            while True:
                try:
                    for record in self._from(max(after + 1, self._head[FIRST]), WINDOW_BYTES):
                        found.append(record)
                        size -= len(record.body)
                        if size <= 0 or len(found) >= records:
                            break
                except _Moved:
                    after = found[-1].offset if found else after
                    self._generation = None
                else:
                    return found

    def get(self, offsets: Sequence[int]) -> dict[int, Record]:
        """Those of the given records that are still there."""
        found: dict[int, Record] = {}
        with self._reading, translated(self._folder):
            for offset in sorted(set(offsets)):
                while offset not in found and self._head[FIRST] <= offset <= self._head[LAST]:
                    try:
                        found[offset] = next(self._from(offset, _SMALL))
                    except _Moved:
                        self._generation = None
        return found

    def head(self) -> int:
        """The last offset, 0 when nothing was ever appended."""
        return self._head[LAST]

    def first(self) -> int:
        """The oldest offset still kept; head + 1 when empty."""
        return self._head[FIRST]

    def oldest_time(self) -> int | None:
        """Receipt time (ms) of the oldest record kept."""
        first, known = self._head[FIRST], self._oldest
        if known is None or known[0] != first:
            record = self.get([first]).get(first)
            self._oldest = known = None if record is None else (first, record.time)
        return None if known is None else known[1]

    def size(self) -> int:
        """Bytes on disk."""
        return sum(files.bytes_of(path) for path in self._folder.glob(f"*{frames.SUFFIX}"))

    def files(self) -> int:
        """How many files hold the records."""
        return len(firsts(self._folder))

    def backup(self, target: str | Path) -> None:
        """A consistent copy while the log is in use: appends go on, whoever removes or replaces files waits."""
        target = Path(target)
        if target.exists():
            raise Rejected(
                f"{target} exists already; name a new folder for the backup", field="target", got=str(target)
            )
        part = target.with_name(f"{target.name}.part")
        with translated(target), held(self._folder / UPKEEP, seconds=UPKEEP_SECONDS):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            last, first, wiped = self._head[LAST], self._head[FIRST], self._head[WIPED]
            names = [name for name in firsts(self._folder) if name <= last + 1]
            for name in names:
                source = path_of(self._folder, name)
                # What is appended to the last one meanwhile is not copied.
                size = source.stat().st_size if name != names[-1] else self._end(name, last)
                _copy(source, part / source.name, size)
            create(part, last=last, first=first, wiped=wiped)
            part.replace(target)
            sync_folder(target.parent)

    def close(self) -> None:
        """Release files."""
        with self._reading:
            for file in self._open.values():
                file.close()
            self._open.clear()
            self._head.close()

    # Inside, under the lock -----------------------------------------------------------------------------------------

    def _from(self, offset: int, window: int) -> Iterator[Record]:
        """Durable records from an offset on."""
        last = self._head[LAST]  # before the files are looked at: what it names is in them
        if offset > last:
            return
        self._refresh()
        file, group, view = self._place(offset, window)
        while True:
            for at, position, entry in frames.bodies(group, file.entries(group, view)):
                if at < offset:
                    continue
                body = bytes(view(position, entry.size))
                if not frames.sound(body, entry):
                    if at < self._head[FIRST] or self._generation != self._now():
                        raise _Moved
                    raise files.damaged(file.path, at)
                offset = at + 1
                self._cursor = (offset, file, group.position if at < group.last else group.end)
                yield Record(at, entry.kind, entry.source, entry.route, entry.time, body, entry.signs)
            if offset > last:
                return
            if self._first_of(offset) == file.first:
                group = file.group(group.end, view)
            else:
                file, group, view = self._place(offset, window)

    def _place(self, offset: int, window: int) -> tuple[LogFile, Group, Window]:
        """Where a record lies."""
        file = self._file(self._first_of(offset))
        view = Window(file.descriptor, window)
        at, where, position = self._cursor
        return file, file.group(position, view) if at == offset and where is file else file.find(offset), view

    def _first_of(self, offset: int) -> int:
        """The first offset of the file that holds a record."""
        at = bisect.bisect_right(self._firsts, offset) - 1
        if at < 0:
            if offset < self._head[FIRST]:
                raise _Moved
            raise files.damaged(path_of(self._folder, offset), offset)
        return self._firsts[at]

    def _file(self, first: int) -> LogFile:
        file = self._open.pop(first, None)
        if file is None:
            try:
                file = LogFile(path_of(self._folder, first), first)
            except FileNotFoundError:
                raise _Moved from None
        self._open[first] = file  # the one used last is the last
        if len(self._open) > FILES:
            self._open.pop(next(iter(self._open))).close()
        return file

    def _now(self) -> tuple[int, int]:
        return self._head[ROLLED], self._head[CHANGED]

    def _refresh(self) -> None:
        """Look at the folder again when files were begun, replaced or removed."""
        generation = self._now()
        if generation == self._generation:
            return
        self._firsts = firsts(self._folder)
        for first, file in list(self._open.items()):
            if files.inode_of(file.path) != file.inode:
                self._open.pop(first).close()
        self._generation = generation

    def _end(self, name: int, last: int) -> int:
        """Where the last durable group of a file ends."""
        with self._reading:
            self._refresh()
            return self._file(name).find(last).end if last >= name else frames.HEADER.size


def _copy(source: Path, target: Path, size: int) -> None:
    """The first bytes of a file, durably."""
    with source.open("rb") as old, target.open("xb") as new:
        while size and (data := old.read(min(size, _LARGE))):
            size -= len(data)
            new.write(data)
        new.flush()
        os.fsync(new.fileno())
