"""Rows of files with the line that each stands on."""

import csv
import gzip
import io
import zipfile
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.core.errors import Rejected
from regulars.importing import Given
from regulars.importing.files import BrokenRow, Row, format_of, read, total_of

#: No NUL: no spreadsheet writes one.
text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


def of(path: Path, kind: str, **options: str) -> Given:
    return Given(path=path, kind="events", format=kind, options=options)


def rows(path: Path, content: bytes, kind: str = "csv") -> list[Row]:
    path.write_bytes(content)
    return list(read(of(path, kind)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "csv"), ("a.CSV.gz", "csv"), ("a.tsv", "csv"), ("a.jsonl", "ndjson"), ("a.b.parquet", "parquet")],
)
def test_the_name_tells_the_format(name: str, kind: str) -> None:
    assert format_of(Path(name)) == kind


def test_a_name_that_tells_nothing_leaves_it_to_the_content(tmp_path: Path) -> None:
    for content, kind in ((b'{"a": 1}', "ndjson"), (b"<?xml version='1.0'?><rss/>", "xml"), (b"id;name\n1;x\n", "csv")):
        (tmp_path / "export").write_bytes(content)
        assert format_of(tmp_path / "export") == kind
    (tmp_path / "orders.xlsx").write_bytes(b"\x00\x01\x02")
    with pytest.raises(Rejected, match="--format"):
        format_of(tmp_path / "orders.xlsx")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_columns_may_be_divided_as_spreadsheets_do(tmp_path: Path, delimiter: str) -> None:
    content = delimiter.join(["id", "name"]) + "\r\n" + delimiter.join(["1", "Käse"]) + "\r\n"
    assert rows(tmp_path / "f", b"\xef\xbb\xbf" + content.encode()) == [(2, {"id": "1", "name": "Käse"})]


def test_titles_above_the_columns_are_passed_over_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    """As Google Ads writes a report."""
    table = b"Campaign,Day,Cost\nSpring,2026-05-01,1.50\nSummer,2026-05-02\n"
    found = rows(tmp_path / "f", b'Campaign report\n"May 1, 2026 - May 4, 2026"\n' + table)
    assert found[0] == (4, {"Campaign": "Spring", "Day": "2026-05-01", "Cost": "1.50"})
    assert found[1] == BrokenRow(5, "3 cells as in the first line", "2 cells")


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
    assert len(list(read(of(path, "parquet"), told.append))) == 25
    assert told[-1] == total_of(of(path, "parquet")) == 25
    csv = tmp_path / "f.csv"
    csv.write_bytes(b"id\n" + b"1\n" * 5000)
    assert len(list(read(of(csv, "csv"), told.append))) == 5000
    assert told[-1] == total_of(of(csv, "csv")) == csv.stat().st_size


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_umlauts_survive_whatever_a_spreadsheet_writes(tmp_path: Path, encoding: str) -> None:
    content = "id;Größe;Preis\r\n1;Öl, süß;4,90\r\n".encode(encoding)
    assert rows(tmp_path / "f", content) == [(2, {"id": "1", "Größe": "Öl, süß", "Preis": "4,90"})]


def test_another_encoding_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes("id;Straße\n1;Łódź\n".encode("cp1250"))
    assert list(read(of(path, "csv", encoding="cp1250"))) == [(2, {"id": "1", "Straße": "Łódź"})]
    with pytest.raises(Rejected, match="no encoding 'martian'"):
        list(read(of(path, "csv", encoding="martian")))


def test_a_comma_within_cells_divides_no_columns(tmp_path: Path) -> None:
    content = b"id;text;price\n1;a, b, c, d, e;1,50\n2;f, g;2,50\n"
    assert rows(tmp_path / "f", content)[0] == (2, {"id": "1", "text": "a, b, c, d, e", "price": "1,50"})


def test_one_file_of_a_zip_is_read_and_two_are_refused(tmp_path: Path) -> None:
    for names in (["feed.csv"], ["a.csv", "b.csv"]):
        with zipfile.ZipFile(tmp_path / "f.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, "id\n1\n")
        if len(names) == 1:
            assert list(read(of(tmp_path / "f.zip", "csv"))) == [(2, {"id": "1"})]
            continue
        with pytest.raises(Rejected, match="holds 2 files"):
            list(read(of(tmp_path / "f.zip", "csv")))


def test_a_list_of_json_objects_is_read_piece_by_piece(tmp_path: Path) -> None:
    many = [{"id": n, "text": "x" * (n % 300)} for n in range(2_000)]
    found = rows(tmp_path / "f", msgspec.json.encode(many), "ndjson")
    assert [row[1] for row in found if not isinstance(row, BrokenRow)] == many
    cut = rows(tmp_path / "f", b'[{"id": 1}, {"id"', "ndjson")
    assert cut[0] == (1, {"id": 1})
    assert isinstance(cut[1], BrokenRow)


def test_a_row_of_endless_length_is_named_and_held_in_no_memory(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"a": "' + b"x" * 9_000_000 + b'"}\n{"a": 1}\n')
    found = rows(tmp_path / "f", packed, "ndjson")
    assert isinstance(found[0], BrokenRow)
    assert found[1] == (2, {"a": 1})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.fixed_dictionaries({"id": text, "Straße": text, "b": text}), min_size=1, max_size=12),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_what_is_written_is_what_is_read(tmp_path: Path, table: list[dict[str, str]], delimiter: str) -> None:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, ["id", "Straße", "b"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(table)
    found = rows(tmp_path / "f", stream.getvalue().encode())
    assert [row[1] for row in found if not isinstance(row, BrokenRow)] == [row for row in table if any(row.values())]
