"""The ledger of erasures: a file beside the data that makes a backup from before forget again."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import msgspec

from regulars.core.erasure import Erasure, Tombstone
from regulars.core.errors import Unavailable
from regulars.core.state import ERASURE, StateReader

NAME = "erasures/ledger.jsonl"
_LINE = msgspec.json.Decoder(Tombstone)
_ERASURE = msgspec.msgpack.Decoder(Erasure)


def ledger_of(data: Path) -> Path:
    """Where the ledger of a data folder lies."""
    return data / NAME


def tombstones(path: Path) -> list[Tombstone]:
    """The lines of a ledger; none when there is no file. A line that a crash has cut off is left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}; mend the disk or the file's rights") from error
    found: dict[str, Tombstone] = {}
    for line in lines:
        try:
            one = _LINE.decode(line)
        except msgspec.DecodeError:
            continue
        found[one.id] = one
    return list(found.values())


def note(path: Path, added: Iterable[Tombstone]) -> None:
    """Add lines durably; an erasure that is in it already is not added again."""
    known = {one.id for one in tombstones(path)}
    lines = [msgspec.json.encode(one) + b"\n" for one in added if one.id not in known]
    if not lines:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell():  # a line that was cut off must not swallow the next one
                file.seek(-1, os.SEEK_END)
                lines[:0] = [] if file.read(1) == b"\n" else [b"\n"]
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}; free space and try again") from error


def erasure(state: StateReader, identifier: str) -> Erasure | None:
    """One erasure by its id."""
    row = state.get(ERASURE, identifier)
    return None if row is None else _ERASURE.decode(cast(bytes, row[3]))


def newest(state: StateReader, *, limit: int = 200) -> list[Erasure]:
    """The newest erasures first."""
    rows = state.select(ERASURE, order=("-offset",), limit=limit)
    return [_ERASURE.decode(cast(bytes, row[3])) for row in rows]
