"""The log as files that only grow: a group is one write and one fsync, and every byte is written once."""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from regulars.adapters.log import files, frames, recovery
from regulars.adapters.log.files import LogFile, Window, path_of
from regulars.adapters.log.frames import Group
from regulars.adapters.log.head import (
    CHANGED,
    FIRST,
    LAST,
    LOCK,
    NAME,
    ROLLED,
    UPKEEP,
    WANTED,
    WIPED,
    Head,
    create,
    held,
    sync_folder,
    try_lock,
)
from regulars.adapters.log.reading import UPKEEP_SECONDS, FileLogReader
from regulars.adapters.sqlite import translated
from regulars.core.errors import Unavailable
from regulars.core.log import NewRecord

#: A file is ended when the next group would make it larger.
FILE_BYTES = 64_000_000
#: How often a process that has nothing to append looks whether somebody wants the last file ended; seconds.
LOOK_SECONDS = 0.2
#: How long to wait for that.
ENDING_SECONDS = 20.0


class FileLog(FileLogReader):
    """The view of the one process that appends; safe to share between threads.

    `max_bytes` bounds the files (a shop's own limit). `first` is the first offset of a log that does not exist yet.
    """

    _writes = True

    def __init__(
        self, folder: str | Path, *, max_bytes: int | None = None, file_bytes: int = FILE_BYTES, first: int = 1
    ) -> None:
        self._folder = Path(folder)
        self._lock = threading.Lock()  # over appending
        self._max_bytes = max_bytes
        self._file_bytes = file_bytes if max_bytes is None else min(file_bytes, max(max_bytes // 8, 1))
        self._failed = False
        self._owner = _own(self._folder)
        try:
            with translated(self._folder):
                _make(self._folder, first)
            super().__init__(self._folder)
        except BaseException:
            os.close(self._owner)
            raise
        try:
            with translated(self._folder):
                self._recover()
        except BaseException:
            os.close(self._owner)
            super().close()
            raise
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="log files", daemon=True)
        self._watch.start()

    def _recover(self) -> None:
        if (self._folder / recovery.MANIFEST).exists() or self._head[WIPED] < self._head[FIRST]:
            with held(self._folder / UPKEEP, seconds=UPKEEP_SECONDS):
                recovery.finish_replacing(self._folder, self._head)
        self._descriptor, self._mark, self._position, self._last = recovery.open_tail(self._folder, self._head)
        self._begins = files.firsts(self._folder)[-1]
        self._head[LAST] = self._last
        self._head[ROLLED] += 1
        self._others = self._size_of_others()
        if self._head[WIPED] < self._head[FIRST]:
            with held(self._folder / UPKEEP, seconds=UPKEEP_SECONDS):
                self._wipe()

    def append(self, records: Sequence[NewRecord]) -> int:
        """Store all, durably (fsync) when it returns; the last offset. All or nothing."""
        with self._lock:
            if not records:
                return self._last
            self._mend()
            size = frames.GROUP_BYTES + sum([64 + len(record.body) for record in records])
            if self._position > frames.HEADER.size and (
                self._position + size > self._file_bytes or self._head[WANTED] == self._begins
            ):
                self._roll()
            data = frames.encode(self._mark, self._last + 1, records)
            if self._max_bytes is not None and self._others + self._position + len(data) > self._max_bytes:
                raise Unavailable(
                    f"{self._folder}: no space left ({self._max_bytes} bytes are allowed); nothing of this write is "
                    "stored. Allow more or try again when old records have gone"
                )
            self._failed = True
            try:
                files.write_all(self._descriptor, data, self._position)
                os.fdatasync(self._descriptor)
            except OSError as error:
                raise files.explained(error, path_of(self._folder, self._begins)) from error
            self._position += len(data)
            self._last += len(records)
            self._head[LAST] = self._last
            self._failed = False
            return self._last

    def trim(self, before: int) -> int:
        """Forget records with offset < `before`; how many went. What they held is overwritten, whole files go."""
        with translated(self._folder), held(self._folder / UPKEEP, seconds=UPKEEP_SECONDS):
            first = self._head[FIRST]
            bound = min(before, self._head[LAST] + 1)
            if bound <= first:
                return 0
            self._head[FIRST] = bound
            self._head.flush()
            self._wipe()
            return bound - first

    def rewrite(self, bodies: Mapping[int, bytes]) -> int:
        """Replace the bodies of records, durably, all or nothing; how many were still there."""
        return _replace_bodies(self._folder, bodies, self._end_file)

    def close(self) -> None:
        """Release files; nothing acknowledged is lost."""
        self._stopping.set()
        self._watch.join()
        with self._lock:
            os.close(self._descriptor)
            self._head.flush()
        super().close()
        os.close(self._owner)

    # Under the lock -------------------------------------------------------------------------------------------------

    def _mend(self) -> None:
        """After a failed write: what may lie behind the last whole group goes."""
        if not self._failed:
            return
        try:
            os.ftruncate(self._descriptor, self._position)
            os.fsync(self._descriptor)
            self._failed = False
        except OSError as error:
            raise files.explained(error, path_of(self._folder, self._begins)) from error

    def _roll(self) -> None:
        """Begin the next file."""
        try:
            descriptor, mark = recovery.begin_file(self._folder, self._last + 1)
        except OSError as error:
            raise files.explained(error, path_of(self._folder, self._last + 1)) from error
        os.close(self._descriptor)
        self._descriptor, self._mark = descriptor, mark
        self._position, self._begins = frames.HEADER.size, self._last + 1
        self._others = self._size_of_others()
        self._head[ROLLED] += 1

    def _size_of_others(self) -> int:
        return self.size() - files.bytes_of(path_of(self._folder, self._begins))

    def _end_file(self, begins: int) -> None:
        """Begin the next file if this one is the last."""
        with self._lock:
            self._mend()
            if self._begins == begins and self._position > frames.HEADER.size:
                self._roll()

    def _watching(self) -> None:
        """End the last file for another process when nobody appends."""
        while not self._stopping.wait(LOOK_SECONDS):
            if self._head[WANTED] == self._begins:
                with contextlib.suppress(Unavailable):  # asked for again
                    self._end_file(self._begins)

    # Holding `UPKEEP` -----------------------------------------------------------------------------------------------

    def _wipe(self) -> None:
        """Remove files that hold nothing any more; overwrite what was trimmed of the one that holds something."""
        kept, done = self._head[FIRST], self._head[WIPED]
        names = files.firsts(self._folder)
        gone = [name for name, following in itertools.pairwise(names) if following <= kept]
        for name in gone:
            path_of(self._folder, name).unlink()
        if gone:
            self._head[CHANGED] += 1
            sync_folder(self._folder)
            with self._lock:
                self._others = self._size_of_others()
        name = names[len(gone)]
        if kept > max(name, done):
            _wipe_file(path_of(self._folder, name), name, max(name, done), kept)
        self._head[WIPED] = kept
        self._head.flush()


def replace_bodies(folder: Path, bodies: Mapping[int, bytes]) -> int:
    """Replace the bodies of records beside the process that appends, all or nothing; how many were still there."""

    def end_file(begins: int) -> None:
        head = Head(folder, write=True)
        deadline = time.monotonic() + ENDING_SECONDS
        try:
            while files.firsts(folder)[-1] == begins:
                head[WANTED] = begins
                if (owner := try_lock(folder / LOCK)) is not None:  # nobody appends
                    try:
                        descriptor, _, _, head[LAST] = recovery.open_tail(folder, head)
                        os.close(descriptor)
                        os.close(recovery.begin_file(folder, head[LAST] + 1)[0])
                        head[ROLLED] += 1
                    finally:
                        os.close(owner)
                elif time.monotonic() > deadline:
                    raise Unavailable(f"{folder}: the process that appends does not answer; it is tried again")
                time.sleep(0.01)
        finally:
            head[WANTED] = 0
            head.close()

    return _replace_bodies(folder, bodies, end_file)


def _make(folder: Path, first: int) -> None:
    """The head of a log that does not exist yet; never of one that has lost it."""
    if (folder / NAME).exists():
        return
    if files.firsts(folder):
        raise Unavailable(f"{folder / NAME} is missing beside the files; restore it with `regulars restore`")
    create(folder, last=first - 1, first=first, wiped=first)


def _own(folder: Path) -> int:
    """The lock of the process that appends, the folder made where it is missing."""
    try:
        folder.mkdir(exist_ok=True)
        owner = try_lock(folder / LOCK)
    except OSError as error:
        raise Unavailable(
            f"{folder} cannot be opened for this ({error.strerror or error}); "
            "check that the folder exists and its rights"
        ) from error
    if owner is None:
        raise Unavailable(f"{folder}: another process appends to it; let one process append to a log")
    return owner


def _wipe_file(path: Path, name: int, start: int, stop: int) -> None:
    """Overwrite the bodies of records from `start` to before `stop` with zeros."""
    with contextlib.closing(LogFile(path, name)) as file:
        view = Window(file.descriptor)
        group = file.find(start)
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            while True:
                stored = file.entries(group, view)
                spans = [
                    (at, entry.size) for offset, at, entry in frames.bodies(group, stored) if start <= offset < stop
                ]
                files.write_all(descriptor, bytes(sum(size for _, size in spans)), spans[0][0])
                if group.last + 1 >= stop:
                    break
                group = file.group(group.end, view)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def _replace_bodies(folder: Path, bodies: Mapping[int, bytes], end_file: Callable[[int], None]) -> int:
    if not bodies:
        return 0
    head = Head(folder, write=True)
    try:
        with translated(folder), held(folder / UPKEEP, seconds=UPKEEP_SECONDS):
            recovery.finish_replacing(folder, head)
            first, last = head[FIRST], head[LAST]
            wanted = {offset: body for offset, body in bodies.items() if first <= offset <= last}
            if not wanted:
                return 0
            names = files.firsts(folder)
            if max(wanted) >= names[-1]:
                end_file(names[-1])
                names = files.firsts(folder)
            touched: list[int] = []
            for name, following in itertools.pairwise(names):
                mine = {offset: body for offset, body in wanted.items() if name <= offset < following}
                if mine:
                    _write_replacement(path_of(folder, name), name, following - 1, mine, first)
                    touched.append(name)
            recovery.replace(folder, head, touched)
            return len(wanted)
    finally:
        head.close()


def _write_replacement(path: Path, name: int, last: int, bodies: Mapping[int, bytes], kept: int) -> None:
    """A file with other bodies, durable beside the one that it will replace."""
    with (
        contextlib.closing(LogFile(path, name)) as file,
        path.with_name(path.name + recovery.REPLACEMENT).open("wb") as new,
    ):
        os.fchmod(new.fileno(), os.fstat(file.descriptor).st_mode & 0o777)
        view = Window(file.descriptor, 1_000_000)
        new.write(frames.header(file.mark, name))
        position = frames.HEADER.size
        while name <= last:
            group = file.group(position, view)
            if any(group.first <= offset <= group.last for offset in bodies):
                new.write(frames.encode(file.mark, group.first, list(_replaced(file, group, view, bodies, kept))))
            else:
                new.write(view(position, group.end - position))
            name, position = group.last + 1, group.end
        new.flush()
        os.fsync(new.fileno())


def _replaced(file: LogFile, group: Group, view: Window, bodies: Mapping[int, bytes], kept: int) -> Iterator[NewRecord]:
    """The records of a group with their new bodies; nothing of those that were trimmed."""
    for offset, position, entry in frames.bodies(group, file.entries(group, view)):
        body = b"" if offset < kept else bodies.get(offset)
        if body is None:
            body = bytes(view(position, entry.size))
            if not frames.sound(body, entry):
                raise files.damaged(file.path, offset)
        yield NewRecord(entry.kind, entry.source, entry.route, entry.time, body, entry.signs)
