"""The profile table counts what the records say, whatever was changed, folded or removed since it was written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from regulars.adapters.lake import duck, profile_table
from regulars.adapters.lake.files import Folder
from regulars.adapters.lake.profile_rows import ProfileColumn, profile_columns
from regulars.adapters.lake.profile_table import Leave, ProfileTable
from regulars.core.condition import Name, Schema, Type, compile_condition
from regulars.core.definitions import Definitions, Shop, Trait
from regulars.core.lake import PartFile
from regulars.core.record import Hot

COLUMNS = [
    ProfileColumn("orders", "number", 0),
    ProfileColumn("days_since_order", "days_since", 1),
    ProfileColumn("city", "text", 2),
    ProfileColumn("category", "shares", 3, interest=True),
    ProfileColumn("style", "shares", 4, interest=True),
    ProfileColumn("newsletter", "boolean", None),
]
SEGMENTS = ["few", "many", "o'neill"]
SCHEMA = Schema(
    names={
        "orders": Name(Type.NUMBER, 0), "days_since_order": Name(Type.NUMBER, 1), "city": Name(Type.TEXT, 2),
        "newsletter": Name(Type.BOOLEAN, 3),
    },
    segments=frozenset(SEGMENTS), interests=None, segment_slot=4, interest_slot=5,
)  # fmt: skip
CONDITIONS = [
    "orders >= 2",
    "orders is null",
    "days_since_order between 3 and 9",
    "city = 'Bern' or city is null",
    "city <> 'Bern'",
    "newsletter",
    "not newsletter",
    "in_segment('few') and not in_segment('o''neill')",
    "interest('Bikes') > 0.3",
    "interest('Bikes') = 0 and orders * 2 < days_since_order",
]
COMPILED = [compile_condition(text, SCHEMA) for text in CONDITIONS]

SHARES = st.dictionaries(st.sampled_from(["Bikes", "Ski", "Größe"]), st.floats(0, 1, width=16), max_size=3)
MAYBE = st.integers(0, 12) | st.none()
CITY = st.sampled_from(["Bern", "Zürich", "O'Hara"]) | st.none()
HOT = st.builds(
    lambda day, values, segments, facts: Hot("a", 1, 2, day, values, {"analytics": 5}, segments, facts, 0, "v"),
    st.integers(100, 105),
    st.tuples(MAYBE, MAYBE, CITY, SHARES, SHARES).map(list),
    st.lists(st.sampled_from(SEGMENTS), unique=True),
    st.fixed_dictionaries({}, optional={"newsletter": st.booleans() | st.just("yes")}),
)
PROFILES = st.dictionaries(st.integers(0, 2**59 - 1) | st.integers(0, 9), HOT | st.none(), max_size=8)


def row(hot: Hot, *, as_of: int) -> list[Any]:
    """The row that a condition sees, as of a day."""
    orders, since, city, category, style = hot.values
    interests = {key: max(category.get(key, 0), style.get(key, 0)) for key in {*category, *style}}
    newsletter = hot.facts.get("newsletter")
    return [
        orders, None if since is None else since + as_of - hot.day, city, newsletter if newsletter != "yes" else None,
        set(hot.segments), interests,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with duck.connect(duck.Limits(), tmp_path_factory.mktemp("spill")) as connection:
        yield connection


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    batches=st.lists(st.tuples(PROFILES, st.sampled_from(["replaced", "changed", "nothing"])), min_size=1, max_size=4),
    as_of=st.integers(105, 110),
    share=st.sampled_from([0.1, 100.0]),
)
def test_counts_equal_those_over_the_records(
    tmp_path_factory: pytest.TempPathFactory,
    connection: duckdb.DuckDBPyConnection,
    batches: list[tuple[dict[int, Hot | None], Leave]],
    as_of: int,
    share: float,
) -> None:
    folder = Folder(tmp_path_factory.mktemp("lake"))
    table = ProfileTable(folder, COLUMNS)
    listed: list[PartFile] = []
    known: dict[int, Hot | None] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(profile_table, "GROUP_ROWS", 3)
        patched.setattr(profile_table, "FOLD_SHARE", share)
        for offset, (batch, leave) in enumerate(batches):
            known |= batch
            listed = table.update(listed, iter([batch]), as_of=as_of, offset=offset, leave=leave)
            if leave != "replaced":
                assert set(table.profiles(listed)) == {number for number, hot in known.items() if hot is not None}
    alive = [hot for hot in known.values() if hot is not None]
    rows = [row(hot, as_of=as_of) for hot in alive]
    found = table.count(connection, listed, [c.sql() for c in COMPILED] + ["TRUE"], as_of=as_of)
    assert found == [sum(c.test(r) for r in rows) for c in COMPILED] + [len(alive)]
    overlap = table.overlap(connection, listed, SEGMENTS)
    assert overlap == {
        pair: sum(set(pair) <= set(hot.segments) for hot in alive)
        for pair in [(a, b) for at, a in enumerate(SEGMENTS) for b in SEGMENTS[at:]]
    }
    seen = {number for number, hot in known.items() if hot is not None}
    assert seen <= set(table.profiles(listed)) <= set(known)


def test_who_does_not_want_a_profile_is_neither_counted_nor_sampled(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    table = ProfileTable(Folder(tmp_path), COLUMNS)
    silent = hot(5)
    silent.restricted = True
    listed = table.build(iter([{1: hot(5), 2: silent, 3: hot(0)}]), as_of=100, offset=1)
    assert table.count(connection, listed, ['"orders" > 2e0', "TRUE"], as_of=100) == [1, 2]
    assert table.sample(connection, listed, '"orders" > 2e0 OR TRUE', as_of=100) == [1, 3]
    assert table.profiles(listed) == [1, 2, 3]


def hot(orders: int) -> Hot:
    return Hot("a", 1, 2, 100, [orders, None, None, {}, {}], {}, [], {}, 0, "v")


def test_a_delta_above_a_tenth_becomes_part_of_the_base(tmp_path: Path) -> None:
    table = ProfileTable(Folder(tmp_path), COLUMNS)
    base = table.build(iter([{n: hot(n) for n in range(100)}]), as_of=100, offset=1)
    small = table.update(base, iter([{n: hot(0) for n in range(10)}]), as_of=100, offset=2)
    assert [(part.bucket, part.rows) for part in small] == [(profile_table.BASE, 100), (profile_table.DELTA, 10)]
    large = table.update(small, iter([{10: hot(0), 11: None}]), as_of=100, offset=3)
    assert [(part.bucket, part.rows, part.last) for part in large] == [(profile_table.BASE, 99, 3)]


def test_who_is_gone_leaves_the_base_by_one_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_table, "GROUP_ROWS", 20)
    folder = Folder(tmp_path)
    table = ProfileTable(folder, COLUMNS)
    listed = table.build(iter([{n: hot(n) for n in range(100)}]), as_of=100, offset=1)
    before = folder.path(listed[0]).read_bytes()
    base, delta = table.update(listed, iter([{50: None, 7: hot(0)}]), as_of=101, offset=2, leave="changed")
    assert (base.rows, base.first, delta.rows) == (99, 1, 1)
    assert 50 not in table.profiles([base, delta])
    assert table.fits([base, delta])
    with pq.ParquetFile(folder.path(listed[0])) as file:
        at = file.metadata.row_group(1).column(0).file_offset  # the second row group lies where it lay
        end = file.metadata.row_group(2).column(0).dictionary_page_offset or at
    assert folder.path(base).read_bytes()[at:end] == before[at:end]


def test_other_columns_need_another_table(tmp_path: Path) -> None:
    table = ProfileTable(Folder(tmp_path), COLUMNS)
    assert not table.fits([])
    listed = table.build(iter([{1: hot(1)}]), as_of=100, offset=1)
    assert table.fits(listed)
    assert not ProfileTable(Folder(tmp_path), COLUMNS[:-1]).fits(listed)


def test_large_tables_are_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_table, "GROUP_ROWS", 7)
    table = ProfileTable(Folder(tmp_path), COLUMNS)
    chunks = [{n: hot(n) for n in range(start, start + 5)} for start in range(0, 25, 5)]
    listed = table.build(iter([*chunks, {99: None}]), as_of=100, offset=1)
    assert listed[0].rows == 25
    assert table.profiles(listed) == list(range(25))


def test_every_trait_kind_has_its_column() -> None:
    traits = (
        Trait(name="orders", kind="count", events=()),
        Trait(name="city", kind="last", events=(), type="text"),
        Trait(name="stage", kind="lifecycle", events=()),
        Trait(name="days", kind="days_since", events=()),
        Trait(name="brands", kind="affinity", events=()),
        Trait(name="categories", kind="affinity", events=(), interest=True),
    )
    columns = profile_columns(Definitions(shop=Shop(name="Corner"), traits=traits))
    assert [(c.kind, c.slot, c.interest) for c in columns if c.slot is not None] == [
        ("number", 0, False), ("text", 1, False), ("text", 2, False), ("days_since", 3, False), ("shares", 4, False),
        ("shares", 5, True),
    ]  # fmt: skip
