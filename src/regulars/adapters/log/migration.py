"""The log of data folders of version 1, one SQLite file, carried over into files."""

import shutil
from pathlib import Path

from regulars.adapters.log.appending import FileLog
from regulars.adapters.log.head import sync_folder
from regulars.adapters.log.sqlite import SqliteLog
from regulars.adapters.sqlite import translated
from regulars.core.log import NewRecord

#: Read and written at a time.
_RECORDS, _BYTES = 2_000, 16_000_000


def carry_over(old: Path, folder: Path) -> int | None:
    """Write every record of an old log under its own offset into a new one and remove the old; how many, None if none.

    Killed before the new one has its name, it begins again; killed afterwards, it only removes the old one.
    """
    if not old.exists():
        return None
    carried = None
    with translated(folder):
        if not folder.exists():
            part = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            carried = _copy(old, part)
            part.replace(folder)
            sync_folder(folder.parent)
        for path in (old, *(Path(f"{old}{suffix}") for suffix in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)
        sync_folder(folder.parent)
    return carried


def _copy(old: Path, folder: Path) -> int:
    carried = 0
    source = SqliteLog(old)  # for writing: what is only in its write-ahead log belongs to it
    try:
        target = FileLog(folder, first=source.first())
        try:
            while records := source.read(target.head(), records=_RECORDS, size=_BYTES):
                target.append([NewRecord(r.kind, r.source, r.route, r.time, r.body, r.signs) for r in records])
                carried += len(records)
        finally:
            target.close()
    finally:
        source.close()
    return carried
