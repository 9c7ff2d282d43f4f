"""Search every file raw and decoded for identifiers; and prove first that nothing would be missed."""

import base64
import contextlib
import gzip
import hashlib
import itertools
import mmap
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from regulars.adapters.finding import WHOLE, Finder, Share, stretch
from regulars.adapters.log.appending import FileLog
from regulars.adapters.log.files import whole_bodies
from regulars.adapters.log.frames import MAGIC, SUFFIX
from regulars.adapters.wiping import longest_row, pages_of
from regulars.core.log import EVENTS, NewRecord
from regulars.core.record import part_id, profile_number
from regulars.core.traces import patterns

#: Columns that hold bodies as they came, packed or with escapes; their tables are read whole.
_BODIES = frozenset({"body"})
#: Hits that are reported of one file; more say nothing new.
_MOST = 20
_MOST_PLACES = 10_000  # looked at in one stretch of data
#: Files that are searched side by side.
THREADS = 2
#: Types of Parquet in whose values nothing that is looked for has room, or stands as the number that it is.
_TOO_SMALL = frozenset({"BOOLEAN", "INT32", "FLOAT", "DOUBLE"})
#: Digits of the first number that no row of a database can have.
_LONGEST_NUMBER = 20
#: Begin of a folder with planted identifiers; the process that made it follows.
_PLANTED = "planted-"


_STATE = "state.db"
#: Files of a lake, by their names in it, with the row groups to be read; None: all of them.
Groups = Mapping[str, Sequence[int] | None]


class Hit(NamedTuple):
    """Something found: in which store, which file, as what form, where in the file."""

    store: str
    file: str
    form: str
    place: str


def search(
    folders: Sequence[Path],
    keys: Sequence[str],
    *,
    lake: Groups | None = None,
    share: Share = WHOLE,
    pages: Sequence[int] | None = None,
) -> list[Hit]:
    """Every place below the folders that holds an identifier in any form; of a lake only the row groups named.

    `share`: of the files only those of this one of so many shares, numbered from 0; of the state, by far the largest,
    a stretch of its bytes and some of its rows. `pages`: of the state as it lies only these, since somebody looked at
    the whole file (`adapters.wiping.pages_with`).
    """
    forms = patterns(keys)
    finder = Finder(forms)

    def searched(task: _Task) -> list[Hit]:
        found: list[Hit] = []
        with contextlib.suppress(FileNotFoundError):  # replaced meanwhile
            found.extend(_search_file(task, forms, finder))
        return found

    with ThreadPoolExecutor(THREADS) as threads:  # they read and compare without the interpreter's lock
        return [hit for hits in threads.map(searched, _tasks(folders, lake, share, pages)) for hit in hits]


class _Task(NamedTuple):
    """A file to be searched; `groups`: only these row groups of it are decoded, `pages`: only these lie raw."""

    path: Path
    share: Share = WHOLE  # of the file
    groups: Sequence[int] | None = None
    pages: Sequence[int] | None = None


def _tasks(folders: Sequence[Path], lake: Groups | None, share: Share, pages: Sequence[int] | None) -> Iterator[_Task]:
    """What there is to search in a share."""
    for folder in folders:
        for path in sorted(_below(folder, share)):
            if not path.is_file() or path.name.endswith("-shm"):
                continue
            if path.name == _STATE:
                mine = pages if pages is None or not share[0] else ()  # a few need not be shared out
                yield _Task(path, share, pages=mine)
            elif lake is None or store_of(path) != "lake":
                yield _Task(path)
            elif (name := path.relative_to(folder / "lake").as_posix()) in lake:
                yield _Task(path, groups=lake[name])


def _below(folder: Path, share: Share) -> Iterator[Path]:
    """The files of a share in a folder and all folders in it, or the file itself; the state is in every share."""
    number, shares = share
    found = os.walk(folder) if folder.is_dir() else [(str(folder.parent), [], [folder.name])]
    for place, _, names in found:
        for name in names:
            if name == _STATE or zlib.crc32(os.fsencode(name)) % shares == number:
                yield Path(place, name)


def sweep_planted(data: Path) -> None:
    """Remove what a proof that was killed has planted and left behind."""
    for folder in data.glob(f"{_PLANTED}*"):
        owner = folder.name.removeprefix(_PLANTED).partition("-")[0]
        if not (owner.isdecimal() and psutil.pid_exists(int(owner))):
            shutil.rmtree(folder, ignore_errors=True)


def prove(keys: Sequence[str], data: Path) -> dict[str, int]:
    """Plant the identifiers in a file of every store, in the forms of these stores, and count what the search finds.

    A store in which something planted is not found is counted 0.
    """
    sweep_planted(data)
    with tempfile.TemporaryDirectory(prefix=f"{_PLANTED}{os.getpid()}-", dir=data) as name:
        folder = Path(name)
        for plant in PLANTS.values():
            plant(folder, list(keys))
        hits = search([folder], keys)
        counted = dict.fromkeys(PLANTS, 0)
        for hit in hits:
            if hit.store in counted:
                counted[hit.store] += 1
        return counted


def _search_file(task: _Task, forms: dict[bytes, str], finder: Finder) -> Iterator[Hit]:
    path = task.path
    store = store_of(path)
    hits = 0
    for place, data in _contents(task, forms):
        for pattern in sorted({one.pattern for one in islice(finder.find(data), _MOST_PLACES)}):
            yield Hit(store, str(path), forms[pattern], place)
            hits += 1
        if hits >= _MOST:
            return


def store_of(path: Path) -> str:
    """Which store a file belongs to."""
    if path.suffix == SUFFIX:
        return "log"
    if path.name.startswith(("state.db", "log.db")):
        base = path.name[: path.name.index(".db")]
        return f"{base} (write-ahead log)" if path.name.endswith("-wal") else base
    if path.suffix == ".parquet":
        return "profile table" if path.parent.name == "profile" else "lake"
    if path.suffix == ".npy":
        return "models"
    return "packed files" if path.suffix == ".gz" else "other files"


def _contents(task: _Task, forms: Mapping[bytes, str]) -> Iterator[tuple[str, Any]]:
    """What is to be searched of a file: its bytes, and what they mean."""
    path = task.path
    size = path.stat().st_size
    if not size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        head = raw[:16]
        if task.pages is None:
            first, last = stretch(size, task.share, longest=max(map(len, forms)))
            with memoryview(raw) as whole, whole[first:last] as seen:
                yield "raw", seen
        else:
            yield "raw", b"\0".join(pages_of(raw, task.pages))
    if head.startswith(b"SQLite format 3\0"):
        yield from _database(path, task.share, forms)
    elif head.startswith(MAGIC):
        yield from _log_file(path)
    elif head.startswith(b"PAR1"):
        yield from _parquet(path, task.groups)
    elif head.startswith(b"\x1f\x8b"):
        with gzip.open(path) as packed, contextlib.suppress(OSError, EOFError, zlib.error):
            yield "unpacked", packed.read()


def _parquet(path: Path, groups: Sequence[int] | None) -> Iterator[tuple[str, bytes]]:
    """The values of every column that can hold an identifier, unpacked, a row group at a time: of some, or of all."""
    with pq.ParquetFile(path) as file:
        kinds = [file.schema.column(at) for at in range(len(file.schema.names))]
        columns = [one.path for one in kinds if one.physical_type not in _TOO_SMALL]
        for number in range(file.num_row_groups) if groups is None else groups:
            table = file.read_row_group(number, columns, use_threads=False)
            buffers = (b for column in table.columns for chunk in column.chunks for b in chunk.buffers())
            yield f"row group {number}", b"\0".join(b.to_pybytes() for b in buffers if b is not None and b.size >= 5)


def _log_file(path: Path) -> Iterator[tuple[str, bytes]]:
    """Bodies that are packed or escaped, together by the thousand; the raw search sees all others as they are."""
    hidden = (body for body in whole_bodies(path) if body[:2] == b"\x1f\x8b" or b"\\u" in body)
    while some := [_cell(body) for body in itertools.islice(hidden, 1000)]:
        yield "bodies", b"\n".join(some)


def _database(path: Path, share: Share, forms: Mapping[bytes, str]) -> Iterator[tuple[str, bytes]]:
    """Texts and blobs of rows that may lie in several pages, be packed or escaped: together by the thousand."""
    number, shares = share
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        listed = "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        for name, without_numbers in [(row[0].decode(), row[1]) for row in connection.execute(listed)]:
            if not without_numbers:
                among = _numbered(connection, name, share)
            elif zlib.crc32(name.encode()) % shares == number:
                among = "TRUE"
            else:
                continue
            worth = _worth_reading(connection, name, forms, numbered=not without_numbers)
            rows = connection.execute(f'SELECT * FROM "{name}" WHERE {among} AND ({worth})')  # noqa: S608 - names of tables
            while some := rows.fetchmany(1000):
                yield f"table {name}", b"\n".join(_cell(cell) for row in some for cell in row)


def _numbered(connection: sqlite3.Connection, name: str, share: Share) -> str:
    """Which rows of a table by number are in a share."""
    # Each by itself: SQLite looks both up, but asked for both at once it reads the table.
    ends = (f'SELECT {end}(rowid) FROM "{name}"' for end in ("min", "max"))  # noqa: S608 - names of tables
    least, most = (connection.execute(end).fetchone()[0] for end in ends)
    if least is None or share == WHOLE:
        return "TRUE"
    first, last = stretch(most - least + 1, share)
    return f"rowid BETWEEN {least + first} AND {least + last - 1}"


def _worth_reading(connection: sqlite3.Connection, name: str, forms: Mapping[bytes, str], *, numbered: bool) -> str:
    """Which rows of a table the raw search may not see whole."""
    columns = [(row[1].decode(), row[2].decode().upper()) for row in connection.execute(f'PRAGMA table_info("{name}")')]
    texts = [f'coalesce(length("{column}"), 0)' for column, kind in columns if kind != "INTEGER"]
    packed = [f"\"{column}\" >= x'1f8b' AND \"{column}\" < x'1f8c'" for column, kind in columns if kind == "BLOB"]
    if not _BODIES.isdisjoint(column for column, _ in columns):
        return "TRUE"
    if not texts:
        # Small numbers stand in fewer bytes than the raw search looks for.
        wanted = ", ".join(str(int(form)) for form in forms if form.isdigit() and len(form) < _LONGEST_NUMBER)
        return " OR ".join(f'"{column}" IN ({wanted})' for column, _ in columns)
    return " OR ".join([f"{' + '.join(texts)} > {longest_row(connection, numbered=numbered)}", *packed])


def _cell(found: Any) -> bytes:
    if isinstance(found, int):
        return b"%d" % found
    cell = found if isinstance(found, bytes) else b""
    if cell[:2] == b"\x1f\x8b":
        with contextlib.suppress(zlib.error, OSError, EOFError):
            cell = gzip.decompress(cell)
    if b"\\u" in cell:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            return cell + b"\n" + msgspec.json.encode(msgspec.json.decode(cell))
    return cell


# What is planted to prove that the search finds -----------------------------------------------------------------------


def _plant_state(folder: Path, keys: list[str]) -> None:
    """Rows as they are, and rows that were deleted without being overwritten."""
    for suffix, delete in (("", False), ("-deleted", True)):
        with contextlib.closing(sqlite3.connect(folder / f"state.db{suffix}.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = OFF")
            connection.execute("CREATE TABLE part (id INTEGER PRIMARY KEY, data BLOB)")
            for key in keys:
                row = (part_id(profile_number(key), 0), msgspec.msgpack.encode([key, 1]))
                connection.execute("INSERT OR REPLACE INTO part VALUES (?, ?)", row)
            if delete:
                connection.execute("DELETE FROM part")


def _plant_wal(folder: Path, keys: list[str]) -> None:
    """Frames of a write-ahead log that was not moved into its file."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        path = Path(name) / "state.db"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE identifier (key TEXT)")
            connection.executemany("INSERT INTO identifier VALUES (?)", [(key,) for key in keys])
            (folder / "state.db-wal").write_bytes(path.with_name("state.db-wal").read_bytes())


def _plant_log(folder: Path, keys: list[str]) -> None:
    """A packed body, as browsers send it."""
    bodies = (gzip.compress(b'{"batch":[{"traits":{"x":"' + key.encode() + b'"}}]}') for key in keys)
    with contextlib.closing(FileLog(folder / "log")) as log:
        log.append([NewRecord(EVENTS, "", "batch", 0, body) for body in bodies])


def _plant_lake(folder: Path, keys: list[str]) -> None:
    """A compressed column, so that the raw bytes do not show it."""
    (folder / "event").mkdir()
    table = pa.table({"traits": [f'{{"note":"{key}"}}' for key in keys for _ in range(50)]})
    pq.write_table(table, folder / "event" / "planted.parquet", compression="zstd")


def _plant_profiles(folder: Path, keys: list[str]) -> None:
    (folder / "profile").mkdir()
    numbers = pa.array([profile_number(key) for key in keys], pa.int64())
    pq.write_table(pa.table({"_profile": numbers}), folder / "profile" / "planted.parquet", compression="zstd")


def _plant_models(folder: Path, keys: list[str]) -> None:
    np.save(folder / "planted.npy", np.array([profile_number(key) for key in keys], np.int64))


def _plant_packed(folder: Path, keys: list[str]) -> None:
    with gzip.open(folder / "export.json.gz", "wb") as file:
        file.write("\n".join(keys).encode())


def _plant_other(folder: Path, keys: list[str]) -> None:
    """Hashes and base64, as exports carry them."""
    lines = [hashlib.sha256(key.partition(":")[2].encode()).hexdigest() for key in keys]
    lines += [hashlib.sha256(key.encode()).hexdigest() for key in keys]
    lines += [base64.b64encode(f"id={key}".encode()).decode() for key in keys]
    (folder / "export.csv").write_text("\n".join(lines), encoding="utf-8")


#: By store.
PLANTS: dict[str, Callable[[Path, list[str]], None]] = {
    "state": _plant_state,
    "state (write-ahead log)": _plant_wal,
    "log": _plant_log,
    "lake": _plant_lake,
    "profile table": _plant_profiles,
    "models": _plant_models,
    "packed files": _plant_packed,
    "other files": _plant_other,
}
