"""What deleted rows leave in a SQLite file, overwritten.

`secure_delete` overwrites deleted rows and free pages. When SQLite spreads rows over pages anew, though, copies of rows
stay in the unused middle of a page, and outlive the rows. And the pages that lead to the rows of a table part them by
the number of a row, which stays there when the row goes. Nobody reads either but whoever opens the file byte by byte.
"""

import contextlib
import mmap
import os
import sqlite3
import struct
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from regulars.adapters.finding import WHOLE, Finder, Share, stretch
from regulars.adapters.sqlite import connect, translated
from regulars.core.errors import Unavailable

#: How long to wait for a moment in which nobody reads an old state of the file; seconds.
WAIT_SECONDS = 20.0
#: First bytes of b-tree pages: inner and leaf pages of indexes and tables.
_INNER, _LEAVES = (2, 5), (10, 13)
_LEAF = 13  # of a table
_ROUTE = 5  # the inner page of a table: of each child its page, 4 bytes, and the largest number of a row there
_BESIDE_TEXT = 100  # what of a row is not text, at most: numbers and its header
_HEADER_BYTES = 100  # of the file, on its first page


def wipe_gaps(path: Path, pages: Collection[int], gone: Sequence[range] = ()) -> int:
    """Zero the unused part of these pages (`pages_with` finds them) and empty the write-ahead log; how many changed.

    `gone`: numbers of rows that went; where none of a range is in any table, pages do not tell of them either.

    Waits until no reader holds an old state; raises Unavailable when one holds it for too long.
    """
    with (
        translated(path),
        contextlib.closing(connect(path)) as connection,
        contextlib.closing(connect(path)) as beside,
    ):
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
        deadline = time.monotonic() + WAIT_SECONDS
        _checkpoint(connection, path, deadline)
        wiped = 0
        while pages:
            _begin(connection, deadline)
            # While nobody else writes, the rest of the write-ahead log is moved: what the file says is then the newest.
            busy, frames, moved = beside.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if busy or frames != moved:
                connection.execute("ROLLBACK")
                if time.monotonic() > deadline:
                    raise Unavailable(f"{path}: a reader holds an old state for too long; it is tried again")
                time.sleep(0.02)
                continue
            wiped = _zero(path, pages, size, _in_no_table(connection, gone))
            # A write of our own tells every other connection that what it remembers of the file is old.
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            connection.execute(f"PRAGMA user_version = {(version + 1) % 2**31}")
            connection.execute("COMMIT")
            break
        _checkpoint(connection, path, deadline)
        return wiped


def empty_log(path: Path) -> None:
    """Move the write-ahead log into the file, so that each page is where `pages_with` looks; waits as `wipe_gaps`."""
    with translated(path), contextlib.closing(connect(path)) as connection:
        _checkpoint(connection, path, time.monotonic() + WAIT_SECONDS)


def pages_with(path: Path, patterns: Collection[bytes], share: Share = WHOLE) -> list[int]:
    """Numbers (from 0) of the pages on which some pattern begins or ends: in this one of so many shares of the file."""
    pages: set[int] = set()
    if not _bytes(path):
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        size = _page_bytes(data)
        first, last = stretch(len(data), share, longest=max(map(len, patterns), default=1))
        with memoryview(data) as whole, whole[first:last] as seen:
            for found in Finder(patterns).find(seen):
                at = first + found.place
                pages |= {at // size, (at + len(found.pattern) - 1) // size}
    return sorted(pages)


def pages_of(data: mmap.mmap, pages: Iterable[int]) -> Iterator[bytes]:
    """The bytes of these pages and of the one after each, where what begins on them may end."""
    size = _page_bytes(data)
    yield from (data[number * size : (number + 2) * size] for number in pages)


def rows_on(path: Path, pages: Iterable[int]) -> set[int]:
    """Numbers of the rows that lie on these pages, of whatever tables; rows by other keys have none."""
    found: set[int] = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        size = _page_bytes(data)
        for number in pages:
            page = data[number * size : (number + 1) * size]
            start = _HEADER_BYTES if number == 0 else 0
            if page[start] != _LEAF:
                continue
            count = struct.unpack_from(">H", page, start + 3)[0]
            for (cell,) in struct.iter_unpack(">H", page[start + 8 : start + 8 + 2 * count]):
                _, at = _number_at(page, cell)  # the length of the row
                found.add(_number_at(page, at)[0])
    return found


def longest_row(connection: sqlite3.Connection, *, numbered: bool) -> int:
    """How long the texts of a row may be together so that it surely lies whole on one page; bytes."""
    page = int(connection.execute("PRAGMA page_size").fetchone()[0])
    # https://www.sqlite.org/fileformat2.html#b_tree_pages: of rows by number, and of those by other keys.
    return (page - 35 if numbered else (page - 12) * 64 // 255 - 23) - _BESIDE_TEXT


def _number_at(page: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer of SQLite, and where it ends."""
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | page[place] & 0x7F
        if page[place] < 0x80:
            return value, place + 1
    value = value << 8 | page[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9


def _page_bytes(data: mmap.mmap) -> int:
    """The size of a page, as the file's header says."""
    # https://www.sqlite.org/fileformat2.html#the_database_header
    size = int.from_bytes(data[16:18], "big")
    return 65_536 if size == 1 else size


def _begin(connection: sqlite3.Connection, deadline: float) -> None:
    """Keep other writers out; between the commits of a busy one the moment is short, so it is looked for often."""
    connection.execute("PRAGMA busy_timeout = 0")
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.001)
    connection.execute("PRAGMA busy_timeout = 10000")


def _checkpoint(connection: sqlite3.Connection, path: Path, deadline: float) -> None:
    """Move the write-ahead log into the file and cut it to nothing."""
    connection.execute("PRAGMA busy_timeout = 200")
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > deadline:
            raise Unavailable(
                f"{path}: a reader holds an old state for longer than {WAIT_SECONDS:.0f} s, so the write-ahead log "
                "cannot be emptied; it is tried again"
            )
        time.sleep(0.02)
    connection.execute("PRAGMA busy_timeout = 10000")


def _zero(path: Path, pages: Collection[int], size: int, gone: Sequence[range]) -> int:
    """Zero the unused part of b-tree pages and forget rows that are gone; the caller keeps every other writer out."""
    wiped = 0
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for number in sorted(pages):
            page = os.pread(descriptor, size, number * size)
            new = bytearray(page)
            start = _HEADER_BYTES if number == 0 else 0
            if (gap := _gap(page, start, size)) is not None:
                new[gap[0] : gap[1]] = bytes(gap[1] - gap[0])
            for at, row in _routes(page, start):
                # One less than the first that went parts the rows as well: none is between the two.
                for before in (one.start - 1 for one in gone if row in one and (one.start - 1) >> 56):
                    new[at : at + 9] = _nine(before)
            if new != page:
                os.pwrite(descriptor, new, number * size)
                wiped += 1
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return wiped


def _routes(page: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Where on an inner page of a table numbers of rows stand, and which; only large ones, of nine bytes."""
    if page[start] != _ROUTE:
        return
    count = struct.unpack_from(">H", page, start + 3)[0]
    for (cell,) in struct.iter_unpack(">H", page[start + 12 : start + 12 + 2 * count]):
        at = cell + 4
        upper = page[at : at + 8]
        if len(page) >= at + 9 and all(byte & 0x80 for byte in upper):
            row = 0
            for byte in upper:
                row = row << 7 | byte & 0x7F
            yield at, row << 8 | page[at + 8]


def _nine(row: int) -> bytes:
    """The number of a row as SQLite's variable-length integer of nine bytes."""
    return bytes(row >> shift & 0x7F | 0x80 for shift in range(57, 7, -7)) + bytes([row & 0xFF])


def _in_no_table(connection: sqlite3.Connection, gone: Sequence[range]) -> list[range]:
    """The ranges of which no table has a row, asked while nobody else writes."""
    listed = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND wr = 0"
    names = [str(row[0]) for row in connection.execute(listed)] if gone else []
    asked = [f'SELECT 1 FROM "{name}" WHERE rowid BETWEEN ? AND ?' for name in names]  # noqa: S608 - names of tables
    return [one for one in gone if not any(connection.execute(q, (one[0], one[-1])).fetchone() for q in asked)]


def _gap(page: bytes, start: int, size: int) -> tuple[int, int] | None:
    """Where a b-tree page holds nothing: after the places of its cells and before the first cell."""
    kind = page[start]
    if kind not in (*_INNER, *_LEAVES):
        return None
    cells, content = struct.unpack_from(">HH", page, start + 3)
    header = 12 if kind in _INNER else 8
    low, high = start + header + 2 * cells, content or 65_536
    return (low, min(high, size)) if low < high <= size or high == 65_536 else None


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
