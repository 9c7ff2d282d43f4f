"""A part with some row groups replaced holds what a part written as a whole would, and nothing of what was replaced."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.lake.splicing import NotSpliceable, spliced

ROWS = 20


def encoded(tables: list[pa.Table]) -> bytes:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, tables[0].schema, compression="none", use_dictionary=False) as writer:
        for table in tables:
            writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def table(words: list[str], first: int) -> pa.Table:
    offsets = pa.array(range(first, first + len(words)), pa.int64())
    return pa.table({"word": pa.array(words, pa.string()), "offset": offsets, "list": pa.array([[w] for w in words])})


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.data(), st.integers(2, 18))
def test_what_is_replaced_is_gone_and_all_else_stays(data: st.DataObject, count: int) -> None:
    groups = [[f"of group {number:02}, row {row:03} of it" for row in range(ROWS)] for number in range(count)]
    whole = encoded([table(group, number * ROWS) for number, group in enumerate(groups)])
    chosen = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=max(1, count // 3)))
    left = {n: data.draw(st.integers(0, ROWS + 8)) for n in chosen}  # more rows than before need another place
    # Found again at the end: rows that stay are named otherwise, so that those that went can be looked for.
    new = {n: table([f"new{n}-{at}".ljust(40, "x") for at in range(size)], 9_000) for n, size in left.items()}
    pieces = {n: encoded([one]) if one.num_rows else None for n, one in new.items()}
    try:
        found = spliced(whole, pieces, b"noted")
    except NotSpliceable:
        assert len(chosen) * 2 >= count - 1
        return
    expected = [new.get(n, table(group, n * ROWS)) for n, group in enumerate(groups)]
    kept = [one for one in expected if one.num_rows]
    with pq.ParquetFile(pa.BufferReader(found)) as file:
        assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [t.num_rows for t in kept]
        for number, one in enumerate(kept):
            assert file.read_row_group(number) == one
        assert file.metadata.num_rows == sum(one.num_rows for one in kept)
    for number in chosen:
        assert not any(word.encode() in found for word in groups[number])
    if len(kept) < 4:
        return
    # Once more: what was spliced before can be.
    again = spliced(found, {0: encoded([kept[0].slice(0, 1)])}, b"")
    assert pq.read_table(pa.BufferReader(again)).num_rows == file.metadata.num_rows - kept[0].num_rows + 1


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(20), b"x" * 40])
def test_what_is_no_part_is_not_spliced(data: bytes) -> None:
    with pytest.raises(NotSpliceable, match="no Parquet file"):
        spliced(data, {}, b"")


def test_a_file_with_indexes_of_its_pages_is_not_spliced() -> None:
    sink = pa.BufferOutputStream()
    rows = table(["a" * 24] * ROWS, 0)
    with pq.ParquetWriter(sink, rows.schema, write_page_index=True) as writer:
        writer.write_table(rows)
        writer.write_table(rows)
    with pytest.raises(NotSpliceable, match="indexes"):
        spliced(sink.getvalue().to_pybytes(), {0: None}, b"")
