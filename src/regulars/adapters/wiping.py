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
from collections.abc import Iterator, Sequence
from pathlib import Path

from regulars.adapters.finding import Finder
from regulars.adapters.sqlite import connect, translated
from regulars.core.errors import Unavailable

#: How long to wait for a moment in which nobody reads an old state of the file; seconds.
WAIT_SECONDS = 20.0
#: First bytes of b-tree pages: inner and leaf pages of indexes and tables.
_INNER, _LEAVES = (2, 5), (10, 13)
_ROUTE = 5  # the inner page of a table: of each child its page, 4 bytes, and the largest number of a row there
_HEADER_BYTES = 100  # of the file, on its first page


def wipe_gaps(path: Path, patterns: Sequence[bytes], gone: Sequence[range] = ()) -> int:
    """Empty the write-ahead log, and zero the unused part of every page where a pattern lies; how many pages.

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
        while pages := _pages_with(path, patterns, size):
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


def _pages_with(path: Path, patterns: Sequence[bytes], size: int) -> set[int]:
    """Numbers (from 0) of the pages on which some pattern begins or ends."""
    pages: set[int] = set()
    if not _bytes(path):
        return pages
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for found in Finder(patterns).find(data):
            pages |= {found.place // size, (found.place + len(found.pattern) - 1) // size}
    return pages


def _zero(path: Path, pages: set[int], size: int, gone: Sequence[range]) -> int:
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
