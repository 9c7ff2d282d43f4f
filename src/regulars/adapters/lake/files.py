"""Part files on a disk: written whole or not at all, checked, swept."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from regulars.adapters.lake import splicing, words
from regulars.core.errors import Unavailable
from regulars.core.lake import ALL_BUCKETS, PartFile

_EPOCH = date(1970, 1, 1)
_UNFINISHED = ".unfinished"
_SUFFIX = ".parquet"
_SYNCED_AT_ONCE = 8


class Stale(Unavailable):
    """Files could not be read as the manifest listed them; with the manifest of now they may be."""


class MissingPart(Stale):
    """A file that the manifest listed when it was read is gone: a compaction has replaced it, or it is lost."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the lake's file {path} is gone; read the manifest again, or restore the file from a backup")
        self.path = path


class Encoding(NamedTuple):
    """How rows become bytes."""

    rows_per_group: int
    dictionary: Sequence[str] = ()  # columns whose values repeat; empty: let the writer find out
    compression: Literal["zstd", "lz4", "snappy"] = "zstd"


class _Written(NamedTuple):
    name: str
    rows: int
    bytes: int
    checksum: str


class Folder:
    """The lake's folder. Files are immutable once they have their name."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, part: PartFile) -> Path:
        """Where a part lies."""
        return self.root / part.file

    def write(self, table: pa.Table, *, kind: str, day: int, until: int, bucket: int, encoding: Encoding) -> PartFile:
        """Write rows with a column `offset` as a part. Call `settle` after the last."""
        offsets = table.column("offset").to_numpy()
        size = encoding.rows_per_group
        noted = words.written([words.of(table.slice(at, size), kind) for at in range(0, table.num_rows, size)])
        written = self._write([table], table.schema, _name(kind, day, until, bucket), encoding, noted)
        low, high = int(offsets.min()), int(offsets.max())
        return PartFile(
            written.name, kind, day, bucket, written.rows, written.bytes, written.checksum, low, high, until
        )

    def replace_groups(
        self, part: PartFile, data: bytes, filters: Sequence[words.Filter] | None, kept: Mapping[int, pa.Table],
        encoding: Encoding,
    ) -> PartFile:  # fmt: skip
        """A part, given as its bytes, with what is left of some of its row groups; the others stay. Call `settle`.

        `filters`: of all its row groups; None where the part has none, nor offsets of its own.
        """
        noted = None if filters is None else list(filters)
        pieces: dict[int, bytes | None] = {}
        for number, table in kept.items():
            pieces[number] = _encoded(table, encoding) if table.num_rows else None
            if noted is not None and table.num_rows:
                noted[number] = words.of(table, part.kind)
        left = [one for number, one in enumerate(noted or ()) if number not in kept or kept[number].num_rows]
        new = splicing.spliced(data, pieces, b"" if noted is None else words.written(left))
        found = pq.read_metadata(pa.BufferReader(new))
        low, high = (part.first, part.last) if noted is None else _offsets(found)
        written = self._write_bytes(new, found.num_rows, _name(part.kind, part.day, part.until, part.bucket))
        return PartFile(
            written.name, part.kind, part.day, part.bucket, written.rows, written.bytes, written.checksum, low, high,
            part.until,
        )  # fmt: skip

    def write_stream(
        self, tables: Iterable[pa.Table], schema: pa.Schema, *, kind: str, day: int, bucket: int, offset: int,
        encoding: Encoding,
    ) -> PartFile:  # fmt: skip
        """Write tables one after the other as one part of one day that holds the state at a log offset."""
        written = self._write(tables, schema, _name(kind, day, day, bucket), encoding)
        return PartFile(
            written.name, kind, day, bucket, written.rows, written.bytes, written.checksum, offset, offset, day
        )

    def _write(
        self, tables: Iterable[pa.Table], schema: pa.Schema, name: str, encoding: Encoding, noted: bytes = b""
    ) -> _Written:
        """Write under a temporary name, make it durable, then give it its name; `noted` stands before the footer."""
        target = self.root / name
        unfinished = target.with_name(target.name + _UNFINISHED)
        rows = 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with pa.OSFile(str(unfinished), "wb") as sink, _writer(sink, schema, encoding) as writer:
                for table in tables:
                    writer.write_table(table.cast(schema), row_group_size=encoding.rows_per_group)
                    rows += table.num_rows
                sink.write(noted)  # after the rows, before the footer, as Parquet keeps its own filters
            size, checksum = _settle_file(unfinished)
            unfinished.rename(target)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise _full(target, error) from error
        return _Written(name, rows, size, checksum)

    def _write_bytes(self, data: bytes, rows: int, name: str) -> _Written:
        """The same of a file that is in memory, but for waiting for the disk: `settle` does that for all at once."""
        target = self.root / name
        unfinished = target.with_name(target.name + _UNFINISHED)
        try:
            unfinished.write_bytes(data)
            unfinished.rename(target)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise _full(target, error) from error
        return _Written(name, rows, len(data), hashlib.blake2b(data, digest_size=16).hexdigest())

    def settle(self, parts: Sequence[PartFile]) -> None:
        """Make new parts and their names durable; what waited for the disk before is quickly through."""
        # Side by side, since the file system then writes its journal once for many of them.
        with ThreadPoolExecutor(_SYNCED_AT_ONCE) as threads:
            list(threads.map(_sync, [self.path(part) for part in parts]))
        for folder in {self.path(part).parent for part in parts}:
            _sync(folder)
            _sync(folder.parent)

    def sweep(self, listed: Sequence[PartFile]) -> list[str]:
        """Remove every file that is not listed; their names relative to the folder."""
        keep = {part.file for part in listed}
        removed = []
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_file() and name not in keep:
                path.unlink(missing_ok=True)
                removed.append(name)
        return removed

    def verify(self, listed: Sequence[PartFile]) -> list[str]:
        """One sentence for each listed file that is gone or differs from what was written."""
        return [found for part in listed if (found := self._fault(part))]

    def _fault(self, part: PartFile) -> str | None:
        path = self.path(part)
        if not path.is_file():
            return f"{part.file} is listed in the manifest and missing from {self.root}; restore it from a backup"
        size, checksum = path.stat().st_size, checksum_of(path)
        if (size, checksum) != (part.bytes, part.checksum):
            return (
                f"{part.file} is damaged: {part.bytes} bytes with checksum {part.checksum} expected, "
                f"{size} bytes with {checksum} found; restore it from a backup"
            )
        return None


def _writer(sink: Any, schema: pa.Schema, encoding: Encoding) -> pq.ParquetWriter:
    # The signature that type checkers see says bool; the function takes the columns to encode, too.
    options: dict[str, Any] = {"use_dictionary": list(encoding.dictionary) or True}
    return pq.ParquetWriter(sink, schema, compression=encoding.compression, **options)


def _encoded(table: pa.Table, encoding: Encoding) -> bytes:
    """A file of one row group."""
    sink = pa.BufferOutputStream()
    with _writer(sink, table.schema, encoding) as writer:
        writer.write_table(table, row_group_size=encoding.rows_per_group)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _offsets(found: pq.FileMetaData) -> tuple[int, int]:
    """The smallest and the largest log offset of a file's rows, as its statistics have them."""
    at = found.schema.names.index("offset")
    statistics: list[Any] = [found.row_group(number).column(at).statistics for number in range(found.num_row_groups)]
    return min(one.min for one in statistics), max(one.max for one in statistics)


def _full(target: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"the lake cannot write {target}: {error.strerror or error}; make room on the disk; nothing is lost"
    )


def checksum_of(path: Path) -> str:
    """The checksum of a file as the manifest holds it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _name(kind: str, day: int, until: int, bucket: int) -> str:
    """A name that people can read; its random end keeps a rewritten part apart from what it replaces."""
    first, last = _EPOCH + timedelta(days=day), _EPOCH + timedelta(days=until)
    span = f"{first}" if day == until else f"{first}_{last}"
    place = "" if bucket == ALL_BUCKETS else f".b{bucket:02d}"
    return f"{kind}/{span}{place}.{secrets.token_hex(6)}{_SUFFIX}"


def _settle_file(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path.stat().st_size, checksum_of(path)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
