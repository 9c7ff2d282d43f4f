"""Find the line of a key in a TOML text, so that a mistake can point at it."""

import tomllib
from typing import Any

Path = tuple[str, ...]


def lines_of(text: str) -> dict[Path, int]:
    r"""The line number (from 1) of every table header and every `key = value` statement.

    Keys inside an inline table are not listed; they stand on the line of their statement.

    >>> lines_of('[a]\nb = 1\n\n[c."d e"]\n')
    {('a',): 1, ('a', 'b'): 2, ('c',): 4, ('c', 'd e'): 4}
    """
    found: dict[Path, int] = {}
    table: Path = ()
    statement, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not statement:
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            start = number
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # a value that goes on in the next line
        header = statement.lstrip().startswith("[")
        path = _path(parsed, stop_at_empty=header)
        statement = ""
        if header:
            table = path
        else:
            path = table + path
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], start)
    return found


def line_of(text: str, path: Path) -> int | None:
    """The line of `path`, or of the nearest table that holds it."""
    lines = lines_of(text)
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _path(parsed: Any, *, stop_at_empty: bool) -> Path:
    """The keys down to the statement's value. Inline tables of several keys end the path."""
    path: Path = ()
    while isinstance(parsed, dict) and len(parsed) == 1:
        key, parsed = next(iter(parsed.items()))
        path += (key,)
        if stop_at_empty and parsed in ({}, [{}]):
            break
        if isinstance(parsed, list) and stop_at_empty:
            parsed = parsed[0]
    return path
