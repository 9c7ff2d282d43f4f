"""Rows in TOML, as schedules are kept in a repository: tables of arrays, and what holds for all of them above."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from regulars.core.errors import Rejected

#: Such a file is read whole.
BYTES = 20_000_000
_HEAD = re.compile(r"^[ \t]*\[\[\s*[^\[\]]+\s*\]\]", re.MULTILINE)


def read_toml(stream: IO[bytes], path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each table of an array (`[[entry]]`) is a row, with the values that stand outside of all tables.

    An entry's own value wins over one that stands outside.
    """
    data = stream.read(BYTES + 1)
    if len(data) > BYTES:
        raise _wrong(path, "is too large", f"TOML of at most {BYTES} bytes", f"more than {BYTES}")
    try:
        text = data.decode("utf-8-sig")
        found = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise _wrong(path, "is not UTF-8", "UTF-8", f"byte {error.start}") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _wrong(path, f"is not TOML: {error}", "TOML", str(error)[:120]) from None
    shared = {name: value for name, value in found.items() if not isinstance(value, dict) and not _is_rows(value)}
    rows: list[dict[str, Any]] = [row for value in found.values() if _is_rows(value) for row in value]
    if not rows:
        raise _wrong(path, "holds no [[entry]]", "[[entry]] tables, each a row", ", ".join(found)[:120] or "nothing")
    places = [match.start() for match in _HEAD.finditer(text)]
    lines = [text.count("\n", 0, place) + 1 for place in places]
    if len(lines) != len(rows):  # written in one line, or one within another: the number of the row
        lines = list(range(1, len(rows) + 1))
    for line, row in zip(lines, rows, strict=True):
        yield line, {**shared, **row}


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _wrong(path: Path, what: str, expected: str, got: str) -> Rejected:
    return Rejected(f"{path} {what}", field="FILE", expected=expected, got=got)
