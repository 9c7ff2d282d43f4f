"""What the updater commits once the child has written files: from then on they are listed and count."""

from collections.abc import Iterable

from regulars.analyst.protocol import Compacted, ProfilesWritten, Sealed
from regulars.core.lake import Dropped, PartFile
from regulars.core.state import CHANGED, LAKE_DROP, MANIFEST, SEALED, VERDICT, Changes, StateReader


def sealed(done: Sealed) -> tuple[Changes, dict[str, object]]:
    """The changes and META values that list a seal. Commit both together."""
    changes = Changes()
    _list(changes, done.parts)
    for first in done.verdicts:
        changes.delete(VERDICT, first)
    return changes, {SEALED: done.offset}


def compacted(done: Compacted) -> Changes:
    """The changes that swap parts; afterwards `sweep` removes the files."""
    changes = Changes()
    _swap(changes, done.parts, done.replaced)
    return changes


def dropped(done: Dropped, asked: Iterable[tuple[int, int]] = ()) -> Changes:
    """The changes that swap parts and strike out what asked for it (keys of LAKE_DROP); afterwards `sweep`."""
    changes = Changes()
    _swap(changes, done.parts, done.replaced)
    for key in asked:
        changes.delete(LAKE_DROP, key)
    return changes


def profiles(done: ProfilesWritten, state: StateReader) -> Changes:
    """The changes that swap the files of the profile table and strike out what they contain."""
    changes = Changes()
    _swap(changes, done.parts, done.replaced)
    for row in state.select(CHANGED, below={"offset": done.offset + 1}):
        changes.delete(CHANGED, (int(row[0] or 0), int(row[1] or 0)))
    return changes


def _swap(changes: Changes, parts: Iterable[PartFile], replaced: Iterable[str]) -> None:
    for file in replaced:
        changes.delete(MANIFEST, file)
    _list(changes, parts)


def _list(changes: Changes, parts: Iterable[PartFile]) -> None:
    for p in parts:
        changes.put(MANIFEST, (p.file, p.kind, p.day, p.bucket, p.rows, p.bytes, p.checksum, p.first, p.last, p.until))
