"""Rows of files with the line that each stands on."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars.core.errors import Rejected
from regulars.importing.files import BrokenRow, Row, format_of, read, total_of


def rows(path: Path, content: bytes, kind: str = "csv") -> list[Row]:
    path.write_bytes(content)
    return list(read(path, kind))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "csv"), ("a.CSV.gz", "csv"), ("a.tsv", "csv"), ("a.jsonl", "ndjson"), ("a.b.parquet", "parquet")],
)
def test_the_name_tells_the_format(name: str, kind: str) -> None:
    assert format_of(Path(name)) == kind


def test_a_name_that_tells_nothing_needs_the_option() -> None:
    with pytest.raises(Rejected, match="--format"):
        format_of(Path("orders.xlsx"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_columns_may_be_divided_as_spreadsheets_do(tmp_path: Path, delimiter: str) -> None:
    content = delimiter.join(["id", "name"]) + "\r\n" + delimiter.join(["1", "Käse"]) + "\r\n"
    assert rows(tmp_path / "f", b"\xef\xbb\xbf" + content.encode()) == [(2, {"id": "1", "name": "Käse"})]


def test_a_cell_may_hold_lines_and_the_next_row_knows_its_line(tmp_path: Path) -> None:
    found = rows(tmp_path / "f", b'id,text\n1,"two\nlines"\n2,x\n3\n')
    assert found[:2] == [(2, {"id": "1", "text": "two\nlines"}), (4, {"id": "2", "text": "x"})]
    assert found[2] == BrokenRow(5, "2 cells as in the first line", "1 cells")


def test_a_half_written_last_line_of_ndjson_is_named_and_the_rest_stays(tmp_path: Path) -> None:
    found = rows(tmp_path / "f", b'{"a": 1}\n\n[1]\n{"a": 2}\n{"a"', "ndjson")
    assert [row for row in found if not isinstance(row, BrokenRow)] == [(1, {"a": 1}), (4, {"a": 2})]
    broken = [row for row in found if isinstance(row, BrokenRow)]
    assert [row.line for row in broken] == [3, 5]
    assert "not complete" in broken[1].got


def test_packed_files_are_unpacked_on_the_way(tmp_path: Path) -> None:
    assert rows(tmp_path / "f.gz", gzip.compress(b"id\n1\n")) == [(2, {"id": "1"})]
    with pytest.raises(Rejected, match="cut off"):
        rows(tmp_path / "g.gz", gzip.compress(b"id\n" + b"1\n" * 1000)[:-8])


def test_progress_reaches_the_total(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"id": list(range(25))}), path)
    told: list[int] = []
    assert len(list(read(path, "parquet", told.append))) == 25
    assert told[-1] == total_of(path, "parquet") == 25
    csv = tmp_path / "f.csv"
    csv.write_bytes(b"id\n" + b"1\n" * 5000)
    assert len(list(read(csv, "csv", told.append))) == 5000
    assert told[-1] == total_of(csv, "csv") == csv.stat().st_size
