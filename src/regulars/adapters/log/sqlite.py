"""The log as one SQLite file: one row a record, one transaction and one fsync a group."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from regulars.adapters.sqlite import (
    Checkpointer,
    Locked,
    connect,
    connect_readonly,
    copy,
    explained,
    file_bytes,
    translated,
)
from regulars.core.errors import Unavailable
from regulars.core.log import NewRecord, Record

#: A batch is around 12 kB: two pages, and a single event does not rewrite much more than itself.
PAGE_BYTES = 8192
#: Rows of one INSERT. A statement releases the interpreter lock once, whatever its rows: with a busy server on the same
#: interpreter every release may cost a wait of milliseconds, so a group of up to this many records is one statement.
ROWS = 128
#: The checkpointer starts at this size. Every page of a log is written once whatever it is, and a small one keeps the
#: fsync of a checkpoint, behind which those of appends have to wait, short.
WAL_BYTES = 4_000_000
#: Bodies that one transaction of `trim` deletes, so that appends wait a few milliseconds at most.
TRIM_BYTES = 4_000_000

_COLUMNS = '"offset", kind, source, route, time, body, signs'
_INSERTS = ["INSERT INTO record VALUES " + ", ".join(["(?,?,?,?,?,?,?)"] * n) for n in range(ROWS + 1)]  # noqa: S608 - constants
_AFTER = f'SELECT {_COLUMNS} FROM record WHERE "offset" > ? ORDER BY "offset" LIMIT ?'  # noqa: S608 - constants
_ONE = f'SELECT {_COLUMNS} FROM record WHERE "offset" = ?'  # noqa: S608 - constants
# `head` holds the last offset that `trim` found, so that offsets go on when every record is gone.
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS record (
        "offset" INTEGER PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL, route TEXT NOT NULL,
        time INTEGER NOT NULL, body BLOB NOT NULL, signs TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE IF NOT EXISTS head (id INTEGER PRIMARY KEY CHECK (id = 1), "offset" INTEGER NOT NULL);
    INSERT OR IGNORE INTO head VALUES (1, 0);
"""
_HEAD = 'SELECT max(coalesce((SELECT max("offset") FROM record), 0), (SELECT "offset" FROM head))'


class SqliteLogReader:
    """Reads of a log, also from another process while the writer appends. Safe to share between threads."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._reading = Locked(connect_readonly(self._path), self._path)

    def read(self, after: int, *, records: int = 1000, size: int = 8_000_000) -> list[Record]:
        """Records with offset > `after` in order: at most `records` and about `size` bytes, at least one."""
        found: list[Record] = []
        with self._reading as connection:
            rows = connection.execute(_AFTER, (after, records))
            for row in rows:
                found.append(Record(*row))
                size -= len(row[5])
                if size <= 0:
                    break
            rows.close()  # an open cursor would hold its snapshot and with it the write-ahead log
        return found

    def get(self, offsets: Sequence[int]) -> dict[int, Record]:
        """Those of the given records that are still there."""
        with self._reading as connection:
            rows = (connection.execute(_ONE, (offset,)).fetchone() for offset in sorted(set(offsets)))
            return {row[0]: Record(*row) for row in rows if row}

    def head(self) -> int:
        """The last offset, 0 when nothing was ever appended."""
        return int(self._one(_HEAD) or 0)

    def first(self) -> int:
        """The oldest offset still kept; head + 1 when empty."""
        oldest = self._one('SELECT min("offset") FROM record')
        return self.head() + 1 if oldest is None else oldest

    def oldest_time(self) -> int | None:
        """Receipt time (ms) of the oldest record kept."""
        return self._one('SELECT time FROM record ORDER BY "offset" LIMIT 1')

    def size(self) -> int:
        """Bytes on disk, write-ahead log included."""
        return sum(file_bytes(self._path).values())

    def files(self) -> int:
        """One file, whatever its size."""
        return 1

    def backup(self, target: str | Path) -> None:
        """A consistent copy while the log is in use, through a connection of its own: nobody waits for it."""
        with contextlib.closing(connect_readonly(self._path)) as connection:
            copy(connection, Path(target))

    def close(self) -> None:
        """Release files."""
        self._reading.close()

    def _one(self, sql: str) -> int | None:
        with self._reading as connection:
            row = connection.execute(sql).fetchone()
        return row[0] if row else None


class SqliteLog(SqliteLogReader):
    """The appending process's view; safe to share between threads. `max_bytes` bounds the file (a shop's own limit)."""

    def __init__(self, path: str | Path, *, max_bytes: int | None = None) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._writing = connect(self._path, page_bytes=PAGE_BYTES)
        try:
            self._writing.executescript(_SCHEMA)
            columns = self._writing.execute("SELECT name FROM pragma_table_info('record')")
            if ("signs",) not in columns.fetchall():  # a log of before there were any
                self._writing.execute("ALTER TABLE record ADD COLUMN signs TEXT NOT NULL DEFAULT ''")
        except sqlite3.Error as error:
            self._writing.close()
            raise explained(error, self._path) from error
        if max_bytes is not None:
            self._writing.execute(f"PRAGMA max_page_count = {max(max_bytes // PAGE_BYTES, 1)}")
        super().__init__(path)
        self._checkpointer = Checkpointer(self._path, self._lock, wal_bytes=WAL_BYTES)
        self._last = super().head()

    def append(self, records: Sequence[NewRecord]) -> int:
        """Store all, durably (fsync) when it returns; the last offset. All or nothing."""
        with self._lock:
            if not records:
                return self._last
            if len(records) <= ROWS:  # one statement is a transaction of its own
                with self._failing():
                    self._writing.execute(_INSERTS[len(records)], _parameters(records, self._last))
            else:
                with self._transaction() as connection:
                    for start in range(0, len(records), ROWS):
                        rows = records[start : start + ROWS]
                        connection.execute(_INSERTS[len(rows)], _parameters(rows, self._last + start))
            self._last += len(records)
            last = self._last
        self._checkpointer.wrote(sum(len(r.body) for r in records) + PAGE_BYTES)
        return last

    def head(self) -> int:
        """The last offset, 0 when nothing was ever appended."""
        return self._last

    def trim(self, before: int) -> int:
        """Forget records with offset < `before`; how many went. Their space is used again by later records."""
        gone = 0
        while bound := self._next_trim(before):
            with self._lock, self._transaction() as connection:
                connection.execute(f'UPDATE head SET "offset" = ({_HEAD})')  # noqa: S608 - a constant
                gone += connection.execute('DELETE FROM record WHERE "offset" <= ?', (bound,)).rowcount
            self._checkpointer.wrote(TRIM_BYTES)
        return gone

    def rewrite(self, bodies: Mapping[int, bytes]) -> int:
        """Replace the bodies of records, durably, all or nothing; how many were still there."""
        changed = 0
        with self._lock, self._transaction() as connection:
            for offset, body in bodies.items():
                changed += connection.execute('UPDATE record SET body = ? WHERE "offset" = ?', (body, offset)).rowcount
        self._checkpointer.wrote(sum(map(len, bodies.values())) + PAGE_BYTES * len(bodies))
        return changed

    def checkpoint(self) -> bool:
        """Empty the write-ahead log: what was trimmed or rewritten is in no file then. False if a reader is amid."""
        return self._checkpointer.run()

    def close(self) -> None:
        """Release files; nothing acknowledged is lost."""
        super().close()
        self._checkpointer.stop()
        with self._lock:
            self._writing.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._failing():
            self._writing.execute("BEGIN IMMEDIATE")
            yield self._writing
            self._writing.execute("COMMIT")

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Whatever fails is undone."""
        try:
            yield
        except BaseException as error:
            if self._writing.in_transaction:
                self._writing.rollback()
            self._checkpointer.poke()  # space may be back in the write-ahead log
            if isinstance(error, sqlite3.IntegrityError):
                raise Unavailable(
                    f"{self._path}: another process appended after offset {self._last}; let one process append to a log"
                ) from error
            if isinstance(error, sqlite3.Error):
                raise explained(error, self._path) from error
            raise

    def _next_trim(self, before: int) -> int | None:
        """The last offset of the next transaction of `trim`; None when nothing is left."""
        sql = 'SELECT "offset", length(body) FROM record WHERE "offset" < ? ORDER BY "offset" LIMIT 1000'
        bound, size = None, 0
        with self._reading as connection:
            for offset, length in connection.execute(sql, (before,)).fetchall():
                bound, size = offset, size + length
                if size >= TRIM_BYTES:
                    break
        return bound


def _parameters(records: Iterable[NewRecord], last: int) -> list[int | str | bytes]:
    values: list[int | str | bytes] = []
    for r in records:
        last += 1
        values += (last, r.kind, r.source, r.route, r.time, r.body, r.signs)
    return values


def replace_bodies(path: Path, bodies: Mapping[int, bytes]) -> int:
    """Replace the bodies of records beside the process that appends, all or nothing; how many were still there."""
    if not bodies:
        return 0
    with translated(path), contextlib.closing(connect(path, page_bytes=PAGE_BYTES)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        rows = [(body, offset) for offset, body in bodies.items()]
        changed = sum(connection.execute('UPDATE record SET body = ? WHERE "offset" = ?', row).rowcount for row in rows)
        connection.execute("COMMIT")
    return changed
