"""Rows of files, in whatever format, with the line that each stands on."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from regulars.core.errors import Rejected
from regulars.importing.feed import read_feed
from regulars.importing.journal import Given
from regulars.importing.opening import Opened, encoding_of, opened
from regulars.importing.row import BrokenRow, Row
from regulars.importing.tables import read_csv, read_json
from regulars.importing.toml import read_toml
from regulars.importing.tracks import read_fit, read_gpx

#: Reads an unpacked stream; the path is for messages.
Reader = Callable[[IO[bytes], Path], Iterator[Row]]
#: Told how many bytes (Parquet: rows) of the file are read so far.
Progress = Callable[[int], None]

#: A format is a reader here and the endings of its files in SUFFIXES. Parquet reads its end first, and so is apart.
READERS: dict[str, Reader] = {
    "csv": read_csv,
    "ndjson": read_json,
    "xml": read_feed,
    "gpx": read_gpx,
    "fit": read_fit,
    "toml": read_toml,
}
FORMATS = (*READERS, "parquet")
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".xml": "xml",
    ".rss": "xml",
    ".atom": "xml",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".gpx": "gpx",
    ".fit": "fit",
    ".toml": "toml",
}
_PACKED = (".gz", ".zip")
_PARQUET_ROWS = 10_000  # read at a time
#: Rows by which a file is recognised.
_FIRST_ROWS = 20

__all__ = [
    "FORMATS",
    "READERS",
    "BrokenRow",
    "Progress",
    "Reader",
    "Row",
    "columns_of",
    "format_of",
    "read",
    "total_of",
]


def format_of(path: Path, name: str = "") -> str:
    """The format by the file's name, or else by its first bytes."""
    suffixes = [suffix.lower() for suffix in Path(name or path.name).suffixes if suffix.lower() not in _PACKED]
    found = SUFFIXES.get(suffixes[-1] if suffixes else "")
    if found is not None:
        return found
    with opened(path, name or str(path)) as file:
        head = file.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[:1] in (b"{", b"["):
        return "ndjson"
    if head.startswith((b"<?xml", b"<rss", b"<feed")):
        return "xml"
    if not suffixes and head[:1].isalnum() and b"\x00" not in head[:1000]:
        return "csv"
    raise Rejected(
        f"neither name nor content of {name or path} says what it holds; say it with --format",
        field="--format",
        expected=", ".join(FORMATS),
        got=name or path.name,
    )


def total_of(given: Given) -> int:
    """What `Progress` counts up to."""
    if given.format == "parquet":
        return int(_parquet(given.path).metadata.num_rows)
    return given.path.stat().st_size


def read(given: Given, progress: Progress = lambda _: None) -> Iterator[Row]:
    """The rows of a file. A file that is none of its format is Rejected; a row that is broken is told as such."""
    if given.format == "parquet":
        yield from _read_parquet(given.path, progress)
        return
    with opened(given.path, given.name) as file:
        for number, row in enumerate(_reader(given, file)(file.stream, given.path)):
            if number % 500 == 0:
                progress(file.at())
            yield row
    progress(given.path.stat().st_size)


def columns_of(given: Given) -> list[str]:
    """The names of the columns: those of the first rows."""
    found: dict[str, None] = {}
    for row in islice(read(given), _FIRST_ROWS):
        if not isinstance(row, BrokenRow) and isinstance(row[1], Mapping):
            found.update(dict.fromkeys(str(name) for name in row[1]))
    return list(found)


def _reader(given: Given, file: Opened) -> Reader:
    if given.format != "csv":
        return READERS[given.format]
    encoding = given.options.get("encoding") or encoding_of(file.head)
    try:
        "".encode(encoding)
    except LookupError:
        raise Rejected(
            f"there is no encoding {encoding!r}", field="--set encoding", expected="utf-8, cp1252, …", got=encoding
        ) from None
    return partial(read_csv, encoding=encoding, head=file.head)


def _read_parquet(path: Path, progress: Progress) -> Iterator[Row]:
    file = _parquet(path)
    line = 0
    for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
        for row in batch.to_pylist():
            line += 1
            yield line, row
        progress(line)


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise Rejected(f"{path} does not exist", field="FILE", expected="a file", got=str(path)) from None
    except pa.ArrowInvalid as error:
        raise Rejected(
            f"{path} is not a whole Parquet file: {error}", field="FILE", expected="Parquet", got=path.name
        ) from None
