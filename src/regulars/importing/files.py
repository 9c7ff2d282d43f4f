"""Rows of CSV, NDJSON and Parquet files with the line that each stands on."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from regulars.core.errors import Rejected, Unavailable

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PARQUET_ROWS = 10_000  # read at a time


class BrokenRow(msgspec.Struct, frozen=True):
    """A row that cannot even be read; the rows after it are not affected."""

    line: int
    expected: str
    got: str


Row = tuple[int, Mapping[str, Any]] | BrokenRow
#: Reads an unpacked stream; the path is for messages.
Reader = Callable[[IO[bytes], Path], Iterator[Row]]
#: Told how many bytes (Parquet: rows) of the file are read so far.
Progress = Callable[[int], None]


def format_of(path: Path) -> str:
    """The format by the file's name; raises Rejected when the name does not tell."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    found = SUFFIXES.get(suffixes[-1] if suffixes else "")
    if found is None:
        raise Rejected(
            f"the name of {path} does not say what it holds; say it with --format",
            field="--format",
            expected=", ".join(FORMATS),
            got=path.name,
        )
    return found


def total_of(path: Path, kind: str) -> int:
    """What `Progress` counts up to."""
    if kind == "parquet":
        return int(_parquet(path).metadata.num_rows)
    return path.stat().st_size


def read(path: Path, kind: str, progress: Progress = lambda _: None) -> Iterator[Row]:
    """The rows of a file. A file that is none of its format is Rejected; a row that is broken is told as such."""
    try:
        if kind == "parquet":
            yield from _read_parquet(path, progress)
            return
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]  # an IO all the same
            reader = READERS[kind]
            for number, row in enumerate(reader(stream, path)):
                if number % 1000 == 0:
                    progress(raw.tell())
                yield row
        progress(path.stat().st_size)
    except FileNotFoundError:
        raise Rejected(f"{path} does not exist", field="FILE", expected="a file", got=str(path)) from None
    except EOFError:
        raise Rejected(f"{path} is cut off; copy it again", field="FILE", expected="a whole gzip file") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror or error}") from error


def _read_csv(stream: IO[bytes], path: Path) -> Iterator[Row]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        head = text.readline()
        if not head.strip():
            raise Rejected(
                f"{path}:1: the file has no line with the names of its columns", field="FILE", expected="column names"
            )
        delimiter = max(",;\t|", key=head.count)
        names = next(csv.reader([head], delimiter=delimiter))
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 2
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BrokenRow(line, "a row of CSV", str(error))
                continue
            if not cells:
                continue
            if len(cells) != len(names):
                yield BrokenRow(line, f"{len(names)} cells as in the first line", f"{len(cells)} cells")
                continue
            yield line, dict(zip(names, cells, strict=True))
    except UnicodeDecodeError as error:
        raise Rejected(
            f"{path} is not UTF-8 text (byte {error.object[error.start]:#x}); save it as UTF-8",
            field="FILE",
            expected="UTF-8",
            got="another encoding",
        ) from None
    finally:
        text.detach()  # the file belongs to the caller, who closes it


def _read_ndjson(stream: IO[bytes], _: Path) -> Iterator[Row]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            yield line, decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            cut = "" if text.endswith(b"\n") else " (the last line is not complete)"
            yield BrokenRow(line, "one JSON object on a line", f"{error}{cut}")


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
    except pa.ArrowInvalid as error:
        raise Rejected(
            f"{path} is not a whole Parquet file: {error}", field="FILE", expected="Parquet", got=path.name
        ) from None


#: A format is a reader here and the endings of its files in SUFFIXES. Parquet reads its end first, and so is apart.
READERS: dict[str, Reader] = {"csv": _read_csv, "ndjson": _read_ndjson}
FORMATS = (*READERS, "parquet")
