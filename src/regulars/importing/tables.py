"""Tables as text: CSV with any usual delimiter and encoding, NDJSON, and a JSON list of objects."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from regulars.core.errors import Rejected
from regulars.importing.row import BrokenRow, Row

DELIMITERS = ",;\t|"
#: Bytes of one line or object; a longer one is no row.
LONGEST = 4_000_000
#: Lines by which the delimiter is found.
_SAMPLED = 20


def read_csv(stream: IO[bytes], path: Path, *, encoding: str = "utf-8-sig", head: bytes = b"") -> Iterator[Row]:
    """The first line names the columns; titles above it, as advertising accounts write them, are passed over."""
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    csv.field_size_limit(LONGEST)
    try:
        first = text.readline(LONGEST)
        if not first.strip():
            raise Rejected(
                f"{path}:1: the file has no line with the names of its columns", field="FILE", expected="column names"
            )
        begin = head.decode(encoding, errors="replace") if head else first
        delimiter = delimiter_of(begin)
        above = lines_above(begin, delimiter)
        for _ in range(above):
            first = text.readline(LONGEST)
        names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
        _no_name_twice(names, path)
        yield from _cells(csv.reader(text, delimiter=delimiter, strict=True), names, after=above + 1)
    except UnicodeDecodeError as error:
        raise Rejected(
            f"{path} is not {encoding.removesuffix('-sig').upper()} text (byte {error.object[error.start]:#x}); "
            "save it as UTF-8, or say --set encoding=cp1252",
            field="FILE",
            expected=encoding.removesuffix("-sig").upper(),
            got="another encoding",
        ) from None
    finally:
        text.detach()  # the file belongs to the caller, who closes it


def _cells(reader: Any, names: list[str], *, after: int) -> Iterator[Row]:
    while True:
        line = reader.line_num + after + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BrokenRow(line, "a row of CSV", str(error))
            continue
        if not any(cells):
            continue  # spreadsheets end with empty rows
        if len(cells) == len(names):
            yield line, dict(zip(names, cells, strict=True))
        elif len(cells) == len(names) + 1 and not cells[-1].strip():
            yield line, dict(zip(names, cells[:-1], strict=True))  # a delimiter at the end of the line
        else:
            yield BrokenRow(line, f"{len(names)} cells as in the first line", f"{len(cells)} cells")


def _no_name_twice(names: list[str], path: Path) -> None:
    twice = {name for name in names if names.count(name) > 1 and name}
    if twice:
        raise Rejected(
            f"{path}:1: the column {min(twice)!r} is there twice; rename one",
            field="FILE",
            expected="each column once",
            got=", ".join(names)[:200],
        )


def lines_above(text: str, delimiter: str) -> int:
    r"""How many lines stand above the names of the columns: of one cell each, where what follows is a table.

    >>> lines_above('Campaign report\n"May 1, 2026"\nDay,Cost,Clicks\n2026-05-01,1,2\n2026-05-02,3,4\n', ",")
    2
    >>> lines_above("id\n1\n2\n", ","), lines_above("a,b\n1\n2,3\n", ",")
    (0, 0)
    """
    lines = text.splitlines(keepends=True)[:_SAMPLED]
    if len(text.splitlines()) > 1 and len(lines) < _SAMPLED and not text.endswith(("\n", "\r")):
        lines = lines[:-1] or lines
    counts = []
    for line in lines:
        try:
            counts.append(len(next(csv.reader([line], delimiter=delimiter), [])))
        except csv.Error:
            return 0
    above = next((place for place, count in enumerate(counts) if count > 1), 0)
    table = counts[above:]
    # Names and rows have the same number of cells, which is no accident from three on.
    return above if len(table) > 1 and table[0] > 2 and table.count(table[0]) * 2 > len(table) else 0


def delimiter_of(text: str) -> str:
    r"""What divides the cells: where most of the first rows have as many as the first.

    >>> delimiter_of('id;name;price\n1;"Mug, blue";4,90\n2;Pot;12,00\n')
    ';'
    """
    lines = text.splitlines(keepends=True)[:_SAMPLED]
    if len(text.splitlines()) > 1 and len(lines) < _SAMPLED and not text.endswith(("\n", "\r")):
        lines = lines[:-1] or lines  # the head may end within a line
    best = (0, 0, ",")
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        columns = len(rows[0]) if rows else 0
        same = sum(len(row) == columns for row in rows) if columns > 1 else 0
        if (same, columns) > best[:2]:
            best = (same, columns, delimiter)
    return best[2]


def read_json(stream: IO[bytes], path: Path) -> Iterator[Row]:
    """An object a line, or a list of objects."""
    start = stream.peek(512)[:512] if isinstance(stream, io.BufferedReader) else b""
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
        yield from _listed(stream, path)
        return
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line, text in _lines(stream):
        if isinstance(text, BrokenRow):
            yield text
            continue
        if not text.strip():
            continue
        try:
            yield line, decode(text.removeprefix(b"\xef\xbb\xbf") if line == 1 else text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            cut = "" if text.endswith(b"\n") else " (the last line is not complete)"
            yield BrokenRow(line, "one JSON object on a line", f"{error}{cut}")


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes | BrokenRow]]:
    line = 0
    while text := stream.readline(LONGEST):
        line += 1
        if len(text) < LONGEST or text.endswith(b"\n"):
            yield line, text
            continue
        while (more := stream.readline(LONGEST)) and not more.endswith(b"\n"):
            pass
        yield line, BrokenRow(line, f"a line of at most {LONGEST} bytes", "a longer one")


def _listed(stream: IO[bytes], path: Path) -> Iterator[Row]:
    """The objects of a list, numbered from 1; what comes after one that cannot be read cannot be told apart."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="strict")
    scan = json.JSONDecoder(parse_constant=_no_number).raw_decode
    held, number, more = "", 0, True
    try:
        held = text.read(65_536).lstrip()[1:]
        while True:
            held = re.sub(r"\A[\s,]+", "", held)
            if held.startswith("]"):
                return
            try:
                found, end = scan(held) if held else (None, 0)
            except (ValueError, RecursionError) as error:
                found, end = error, 0
            if end and (end < len(held) or not more):
                number += 1
                held = held[end:]
                yield (number, found) if isinstance(found, dict) else BrokenRow(number, "an object", str(found)[:80])
                continue
            chunk = text.read(65_536) if more and len(held) < LONGEST else ""
            more = bool(chunk)
            if not chunk:
                yield BrokenRow(number + 1, "a list of JSON objects", str(found) if held else "the list is cut off")
                return
            held += chunk
    except UnicodeDecodeError:
        raise Rejected(f"{path} is not UTF-8 text; save it so", field="FILE", expected="UTF-8") from None
    finally:
        text.detach()


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
