"""The state in one SQLite file, or in memory for tests: one writer, readers in any process and thread."""

import contextlib
import sqlite3
import threading
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import chain, islice
from pathlib import Path
from typing import cast

import msgspec

from regulars.adapters.sqlite import Checkpointer, connect, connect_readonly, copy, explained, file_bytes
from regulars.adapters.state import sql
from regulars.adapters.state.migrations import VERSION, migrate
from regulars.core.errors import Misconfigured, Unavailable
from regulars.core.state import META, PART, SCHEMA, TABLES, Cell, Changes, Key, Row, Table

#: Keys of one IN list. Lists are filled up to a power of two, so that few statements are prepared.
KEYS = 512
#: Up to here the file is read where the system's page cache holds it, without copying pages. They count as memory of
#: the process, but are shared by all that read the file and go when the system needs room.
MMAP_BYTES = 2**31 - 65_536
#: Pages that the writer keeps itself; bytes.
CACHE_BYTES = 64_000_000
_BY_NAME = {table.name: table for table in TABLES}
PAGE_BYTES = 4096


class _Reads:
    """What reader and writer have in common; each says which connection a thread may use."""

    _path: Path | str

    @abstractmethod
    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection for the length of a call."""

    def get(self, table: Table, key: Key) -> Row | None:
        """One row by primary key."""
        with self._reading() as connection:
            row: Row | None = connection.execute(sql.get(table), key if isinstance(key, tuple) else (key,)).fetchone()
        return row

    def many(self, table: Table, keys: Iterable[Key]) -> dict[Key, Row]:
        """Those of the rows that exist, by primary key."""
        if table.key == 1:
            rows = self._by_key(table, set(keys))
            return {cast(Key, row[0]): row for row in rows}
        with self._reading() as connection, _snapshot(connection):
            text = sql.get(table)
            found = ((key, connection.execute(text, cast(tuple[Cell, ...], key)).fetchone()) for key in keys)
            return {key: row for key, row in found if row is not None}

    def parts(self, ids: Sequence[int], table: Table = PART) -> dict[int, bytes]:
        """Profile parts by id (profile << 4 | part) of a generation."""
        return dict(cast(list[tuple[int, bytes]], self._by_key(table, ids)))

    def select(
        self,
        table: Table,
        where: Mapping[str, Cell] | None = None,
        *,
        at_least: Mapping[str, Cell] | None = None,
        below: Mapping[str, Cell] | None = None,
        order: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Row]:
        """Rows with equal columns, within half-open ranges, ordered ("-time" descends; ties by key)."""
        text, values = sql.select(
            table, where or {}, at_least=at_least or {}, below=below or {}, order=order, limit=limit, offset=offset
        )
        with self._reading() as connection:
            return connection.execute(text, values).fetchall()

    def count(self, table: Table, where: Mapping[str, Cell] | None = None, *, by: str | None = None) -> dict[Cell, int]:
        """Rows counted, by a column's values or under the key None."""
        text, values = sql.count(table, where or {}, by)
        with self._reading() as connection:
            return dict(connection.execute(text, values).fetchall())

    def groups(self, table: Table, by: str, *, largest: int) -> tuple[dict[int, int], list[tuple[Cell, int]]]:
        """How many values of a column stand in how many rows, and the most frequent ones."""
        with self._reading() as connection, _snapshot(connection):
            sizes = dict(connection.execute(sql.group_sizes(table, by)).fetchall())
            return sizes, connection.execute(sql.largest_groups(table, by), (largest,)).fetchall()

    def meta(self, key: str) -> object:
        """A META value, decoded; None when unset."""
        row = self.get(META, key)
        return None if row is None else msgspec.msgpack.decode(cast(bytes, row[1]))

    def _by_key(self, table: Table, keys: Collection[Key]) -> list[Row]:
        """Rows by keys of one column, in lists in the order of the key: neighbours share a page."""
        ordered = sorted(keys)
        with self._reading() as connection:
            if len(ordered) <= KEYS:  # one statement sees one committed state anyway
                return _in_list(connection, table, ordered)
            with _snapshot(connection):
                lists = (ordered[start : start + KEYS] for start in range(0, len(ordered), KEYS))
                return [row for some in lists for row in _in_list(connection, table, some)]

    def size(self) -> dict[str, int]:
        """Bytes: {"database", "wal"}."""
        if isinstance(self._path, Path):
            return file_bytes(self._path)
        with self._reading() as connection:
            (pages,), (page,) = (connection.execute(f"PRAGMA {p}").fetchone() for p in ("page_count", "page_size"))
        return {"database": pages * page, "wal": 0}

    def backup(self, target: str) -> None:
        """A consistent copy while running; of a file through a connection of its own, so that nobody waits for it."""
        if isinstance(self._path, Path):
            with contextlib.closing(connect_readonly(self._path)) as connection:
                copy(connection, Path(target))
        else:
            with self._reading() as connection:
                copy(connection, Path(target))


class SqliteStateReader(_Reads):
    """Reads of a state that another process (or this one) writes. Each thread gets a connection of its own."""

    def __init__(self, path: str | Path, *, cache_bytes: int = 4_000_000, mmap_bytes: int = MMAP_BYTES) -> None:
        self._path = Path(path)
        self._cache_bytes = cache_bytes
        self._mmap_bytes = mmap_bytes
        self._threads = threading.local()
        self._opened: list[sqlite3.Connection] = []
        with self._reading() as connection:
            _check_version(connection, self._path)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = connect_readonly(
                cast(Path, self._path), cache_bytes=self._cache_bytes, mmap_bytes=self._mmap_bytes
            )
            self._threads.connection = connection
            self._opened.append(connection)
        try:
            yield connection
        except sqlite3.Error as error:
            raise explained(error, self._path) from error

    def close(self) -> None:
        """Release files; call it when no thread reads any more."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()


class SqliteState(_Reads):
    """The single writer. `path` is a file or ":memory:"; reads through it see its own commits, from any thread."""

    def __init__(
        self,
        path: str | Path,
        *,
        cache_bytes: int = CACHE_BYTES,
        mmap_bytes: int = MMAP_BYTES,
        max_bytes: int | None = None,
    ) -> None:
        in_memory = str(path) == ":memory:"
        self._path: Path | str = ":memory:" if in_memory else Path(path)
        self._lock = threading.RLock()  # what is committed piece by piece may read in between
        self._writing = threading.Lock()  # against the end of a checkpoint, which reads need not wait for
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._connection = (
            sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=512)
            if isinstance(self._path, str)
            else connect(self._path, cache_bytes=cache_bytes, mmap_bytes=mmap_bytes)
        )
        try:
            self._prepare()
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.Error):
                raise explained(error, self._path) from error
            raise
        page = int(self._connection.execute("PRAGMA page_size").fetchone()[0])
        if max_bytes is not None:
            self._connection.execute(f"PRAGMA max_page_count = {max(max_bytes // page, 1)}")
        self._checkpointer = Checkpointer(self._path, self._writing) if isinstance(self._path, Path) else None

    def commit(
        self,
        changes: Changes,
        *,
        meta: Mapping[str, object] | None = None,
        before: Iterable[Changes] = (),
        meanwhile: Iterable[object] = (),
    ) -> None:
        """Apply everything and the META values in one transaction, durable on return (fsync)."""
        size = 0
        pieces = iter(before)
        begun = list(islice(pieces, 1))  # takes a while, in which the end of a checkpoint needs not be waited for
        with self._writing, self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for some in chain(begun, pieces):
                    _apply(self._connection, some, {})
                    size += _wal_bytes(some)
                _apply(self._connection, changes, meta or {})
                size += _wal_bytes(changes)
                self._finish(meanwhile)
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.rollback()
                if self._checkpointer:
                    self._checkpointer.poke()  # space may be back in the write-ahead log
                if isinstance(error, sqlite3.Error):
                    raise explained(error, self._path) from error
                raise
        if self._checkpointer:
            self._checkpointer.wrote(size)

    def _finish(self, meanwhile: Iterable[object]) -> None:
        """COMMIT, which waits for the disk: beside it, steps of `meanwhile` until it is done."""
        if meanwhile == ():
            self._connection.execute("COMMIT")
            return
        done = self._beside.submit(self._connection.execute, "COMMIT")
        try:
            for _ in meanwhile:
                if done.done():
                    break
        finally:
            done.result()

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database and cut it back; a reader amid a query puts the cut off."""
        if self._checkpointer:
            self._checkpointer.run()

    def close(self) -> None:
        """Release files."""
        self._beside.shutdown()
        if self._checkpointer:
            self._checkpointer.stop()
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise explained(error, self._path) from error

    def _prepare(self) -> None:
        """Migrate an older state and create what is missing, in one transaction."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = _version(connection)
            if found is not None:
                migrate(connection, found, place=str(self._path))
            for table in TABLES:
                for statement in sql.create(table):
                    connection.execute(statement)
                _check_columns(connection, table, self._path)
            connection.execute(sql.upsert(META), (SCHEMA, msgspec.msgpack.encode(VERSION)))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _apply(connection: sqlite3.Connection, changes: Changes, meta: Mapping[str, object]) -> None:
    for name, rows in changes.puts.items():
        # In the order of the key: neighbours share a page.
        ordered = [rows[key] for key in sorted(rows)]
        for statement in sql.upserts(_BY_NAME[name]):
            connection.executemany(statement, ordered)
    for name, keys in changes.deletes.items():
        connection.executemany(sql.delete(_BY_NAME[name]), [k if isinstance(k, tuple) else (k,) for k in keys])
    connection.executemany(sql.add(), [(*place, value) for place, value in sorted(changes.adds.items())])
    connection.executemany(sql.upsert(META), [(key, msgspec.msgpack.encode(value)) for key, value in meta.items()])


@contextlib.contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Several statements that see one committed state; amid a commit, what it has written so far, too."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def _in_list(connection: sqlite3.Connection, table: Table, keys: list[Key]) -> list[Row]:
    if not keys:
        return []
    size = 1 << (len(keys) - 1).bit_length()
    return connection.execute(sql.get_some(table, size), keys + keys[-1:] * (size - len(keys))).fetchall()


def _wal_bytes(changes: Changes) -> int:
    """At most this much goes into the write-ahead log: a page for each row, and what does not fit on one."""
    size = (len(changes.adds) + 8) * PAGE_BYTES
    for rows in changes.puts.values():
        longest = next(iter(rows.values()))[-1] if rows else None
        size += len(rows) * (PAGE_BYTES + (len(longest) if isinstance(longest, bytes) else 0))
    return size + sum(map(len, changes.deletes.values())) * PAGE_BYTES


def _version(connection: sqlite3.Connection) -> int | None:
    """The stored schema version; 0 for tables without one, None where there is nothing yet."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchone():
        return None
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return 0
    row = connection.execute(sql.get(META), (SCHEMA,)).fetchone()
    return msgspec.msgpack.decode(row[1], type=int) if row else 0


def _check_version(connection: sqlite3.Connection, path: Path | str) -> None:
    """A reader changes nothing, so it needs exactly this program's version."""
    found = _version(connection)
    if found is not None and found > VERSION:
        migrate(connection, found, place=str(path))  # raises
    if found != VERSION:
        raise Unavailable(
            f"{path} has schema version {found}, this program reads version {VERSION}; "
            "start `regulars serve`, which migrates it, and try again"
        )


def _check_columns(connection: sqlite3.Connection, table: Table, path: Path | str) -> None:
    columns = tuple(row[1] for row in connection.execute(f'PRAGMA table_info("{table.name}")'))
    if columns != table.names():
        raise Misconfigured(
            f"{path}: table {table.name} has the columns {', '.join(columns)}; this program expects "
            f"{', '.join(table.names())}. Open it with the program that wrote it, or begin with an empty data folder"
        )
