"""What a process that was killed left: a torn tail is cut, replacements that were decided are finished."""

import os
import secrets
from pathlib import Path

import msgspec

from regulars.adapters.log import files, frames
from regulars.adapters.log.files import Window, path_of
from regulars.adapters.log.frames import Group
from regulars.adapters.log.head import CHANGED, FIRST, LAST, Head, sync_folder

#: Names the files whose replacements (`REPLACEMENT`) are whole; while it exists they are what counts.
MANIFEST = "replacing"
REPLACEMENT = ".new"


def begin_file(folder: Path, first: int) -> tuple[int, bytes]:
    """A new file, durable with its name; its descriptor and mark. Raises OSError, and leaves nothing then."""
    path = path_of(folder, first)
    mark = secrets.token_bytes(8)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        files.write_all(descriptor, frames.header(mark, first), 0)
        os.fsync(descriptor)
        sync_folder(folder)
    except OSError:
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor, mark


def open_tail(folder: Path, head: Head) -> tuple[int, bytes, int, int]:
    """The last file without what was never whole: descriptor, mark, where the next group begins, last offset.

    Only what was written after the last fsync can be torn: one group, the one that nobody was told of. Anything else
    that is not as it was written raises Unavailable and is left as it is.
    """
    names = files.firsts(folder)
    if not names:
        if head[LAST] >= head[FIRST]:
            raise files.damaged(path_of(folder, head[FIRST]), head[FIRST])
        return *begin_file(folder, head[LAST] + 1), frames.HEADER.size, head[LAST]
    first = names[-1]
    path = path_of(folder, first)
    with path.open("rb") as file:
        found = frames.read_header(file.read(frames.HEADER.size))
    if found is None and head[LAST] < first:  # killed while it was begun
        return *begin_file(folder, first), frames.HEADER.size, first - 1
    if found is None or found[1] != first:
        raise files.damaged(path, first)
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        position, last = _cut(descriptor, path, found[0], first, head)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found[0], position, last


def _cut(descriptor: int, path: Path, mark: bytes, first: int, head: Head) -> tuple[int, int]:
    """Cut what is torn; where the groups end, and the last offset."""
    position, last = _whole(descriptor, mark, first, head[FIRST])
    size = os.fstat(descriptor).st_size
    if last < head[LAST] or (position < size and _marked(descriptor, mark, position + 1, size)):
        raise files.damaged(path, last + 1)
    if position < size:
        os.ftruncate(descriptor, position)
    os.fsync(descriptor)  # what a killed process wrote and did not sync is told of from now on
    return position, last


def _whole(descriptor: int, mark: bytes, first: int, kept: int) -> tuple[int, int]:
    """Where the groups of a file end that are as they were written, and the last offset."""
    view, size = Window(descriptor), os.fstat(descriptor).st_size
    position, last = frames.HEADER.size, first - 1
    while (group := frames.read_group(view, position, mark)) is not None:
        if group.first != last + 1 or group.end > size or not _sound(view, group, mark, kept):
            break
        position, last = group.end, group.last
    return position, last


def _sound(view: Window, group: Group, mark: bytes, kept: int) -> bool:
    """Whether a group and the bodies in it that are still kept are as they were written."""
    entries = frames.read_entries(view, group, mark)
    return entries is not None and all(
        offset < kept or frames.sound(view(position, entry.size), entry)
        for offset, position, entry in frames.bodies(group, entries)
    )


def _marked(descriptor: int, mark: bytes, position: int, size: int) -> bool:
    """Whether another group seems to begin behind a torn one: then it is no torn tail."""
    view, step = Window(descriptor, 1 << 20), (1 << 20) - len(mark)
    return any(bytes(view(at, 1 << 20)).find(mark) >= 0 for at in range(position, size, step))


def replace(folder: Path, head: Head, names: list[int]) -> None:
    """Put replacements that are durable in the place of their files: all of them, whenever the process is killed."""
    part = folder / f"{MANIFEST}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        files.write_all(descriptor, msgspec.json.encode(names), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(folder / MANIFEST)
    sync_folder(folder)
    finish_replacing(folder, head)


def finish_replacing(folder: Path, head: Head) -> None:
    """What a manifest says is done; what none names is removed. For whoever holds `UPKEEP`."""
    manifest = folder / MANIFEST
    if manifest.exists():
        for name in msgspec.json.decode(manifest.read_bytes(), type=list[int]):
            path = path_of(folder, name)
            replacement = path.with_name(path.name + REPLACEMENT)
            if replacement.exists():
                replacement.replace(path)
        head[CHANGED] += 1
        sync_folder(folder)
        manifest.unlink()
        sync_folder(folder)
    for pattern in (f"*{REPLACEMENT}", "*.part"):
        for path in folder.glob(pattern):
            path.unlink()
