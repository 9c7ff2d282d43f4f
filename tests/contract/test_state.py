"""What every state keeps: a commit is whole and durable, reads see what was committed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.adapters.state.sqlite import SqliteState
from regulars.core.errors import Unavailable
from regulars.core.state import (
    ACCESS,
    CLOCK,
    CONSENT,
    COUNTER,
    DUE,
    FOLDED,
    IDENTIFIER,
    MEMBERSHIP,
    META,
    ORDER,
    PART,
    PRODUCT,
    RUN,
    TABLES,
    Cell,
    Changes,
    Key,
    Row,
    State,
    Table,
    scan,
)

#: Another state joins the suite with one line: how to open it in a folder, with room for about so many bytes.
STATES: dict[str, Callable[[Path, int | None], State]] = {
    "sqlite": lambda folder, room: SqliteState(folder / "state.db", max_bytes=room),
    "sqlite in memory": lambda _, room: SqliteState(":memory:", max_bytes=room),
}
DURABLE = ("sqlite",)


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    opened = STATES[request.param](tmp_path, None)
    yield opened
    opened.close()


def puts(table: Table, *rows: Row) -> Changes:
    changes = Changes()
    for row in rows:
        changes.put(table, row)
    return changes


def order(number: int, *, profile: int, time: int, status: str = "") -> Row:
    return (f"o{number}", profile, time, 1999, "EUR", status, b"")


def test_a_row_is_read_back_as_it_was_put(state: State) -> None:
    row = ("user_id:ana", 2**58, -1, b"\x00\xff")
    state.commit(puts(IDENTIFIER, row))
    assert state.get(IDENTIFIER, "user_id:ana") == row
    assert state.get(IDENTIFIER, "user_id:ben") is None


def test_the_last_put_of_a_key_wins_and_a_delete_removes(state: State) -> None:
    state.commit(puts(DUE, (20_000, 7), (20_000, 8)))
    changes = puts(PART, (1, b"a"), (1, b"b"), (2, b"c"))
    changes.delete(DUE, (20_000, 7))
    changes.delete(DUE, (1, 1))
    state.commit(changes)
    state.commit(puts(PART, (2, b"d")))
    assert state.parts([2, 1, 3]) == {1: b"b", 2: b"d"}
    assert state.select(DUE) == [(20_000, 8)]


def test_many_finds_those_that_exist_by_every_kind_of_key(state: State) -> None:
    state.commit(puts(PRODUCT, *((f"sku{n}", n, "shoes", b"") for n in range(2000))))
    wanted = [f"sku{n}" for n in range(1000, 3000)]
    assert set(state.many(PRODUCT, wanted)) == set(wanted[:1000])
    statement = ("user_id:ana", "email", 5, "m1", 1, b"")
    state.commit(puts(CONSENT, statement))
    key = statement[:4]
    assert state.many(CONSENT, [key, ("user_id:ana", "email", 6, "m1")]) == {key: statement}
    assert state.many(PRODUCT, []) == {}


def test_parts_of_a_thousand_profiles_come_in_one_call(state: State) -> None:
    rows = {profile << 4 | part: bytes([part]) * 10 for profile in range(1000) for part in (0, 1, 15)}
    state.commit(puts(PART, *rows.items()))
    assert state.parts(list(rows)) == rows
    assert state.parts([]) == {}
    assert state.parts([0, 0, 1]) == {0: rows[0], 1: rows[1]}


def test_counters_add_up(state: State) -> None:
    for amount in (5, -7, 40):
        changes = Changes()
        changes.add("revenue", 20_000, "EUR", amount)
        changes.add("revenue", 20_000, "EUR", 1)
        changes.add("size", 0, "regulars", 1)
        state.commit(changes)
    assert state.select(COUNTER, {"name": "revenue"}) == [("revenue", 20_000, "EUR", 41)]
    assert state.get(COUNTER, ("size", 0, "regulars")) == ("size", 0, "regulars", 3)


def test_meta_is_committed_with_the_changes(state: State) -> None:
    assert state.meta(FOLDED) is None
    state.commit(puts(PART, (1, b"")), meta={FOLDED: 42, CLOCK: 2**45})
    state.commit(Changes(), meta={FOLDED: 43})
    assert (state.meta(FOLDED), state.meta(CLOCK)) == (43, 2**45)
    state.commit(Changes(), meta={"plan": {"a": [1, "b", None]}})
    assert state.meta("plan") == {"a": [1, "b", None]}


def test_a_row_is_found_by_its_new_values_whatever_of_it_changed(state: State) -> None:
    first = ("user_id:ana", 7, 5, b"")
    state.commit(puts(IDENTIFIER, first))
    for row in (("user_id:ana", 7, 4, b"a"), ("user_id:ana", 9, 4, b"a"), ("user_id:ana", None, 3, b"b"), first):
        state.commit(puts(IDENTIFIER, row))
        assert state.get(IDENTIFIER, "user_id:ana") == row
        assert state.select(IDENTIFIER, {"profile": row[1]}) == [row]
        assert len(state.select(IDENTIFIER)) == 1
        assert state.count(IDENTIFIER, {"profile": 7}) == ({None: 1} if row[1] == 7 else {None: 0})


def test_rows_are_selected_by_value_range_and_order(state: State) -> None:
    state.commit(puts(ORDER, *(order(n, profile=n % 2, time=n // 3) for n in range(10))))
    found = state.select(ORDER, {"profile": 1}, at_least={"time": 1}, below={"time": 3}, order=("-time",))
    assert [(row[0], row[2]) for row in found] == [("o7", 2), ("o3", 1), ("o5", 1)]
    assert [row[0] for row in state.select(ORDER, order=("-order_id",), limit=2, offset=1)] == ["o8", "o7"]
    assert [row[0] for row in state.select(ORDER, offset=8)] == ["o8", "o9"]
    with pytest.raises(KeyError, match="no column colour"):
        state.select(ORDER, {"colour": 1})


def test_nothing_is_found_by_none_and_equals_nothing_else(state: State) -> None:
    state.commit(puts(ACCESS, (1, 5, "ana", None, "p"), (2, 5, "ana", "view", "p")))
    assert [row[0] for row in state.select(ACCESS, {"action": None})] == [1]
    assert state.count(ACCESS, {"action": None}) == {None: 1}


def test_rows_are_counted_whole_and_by_a_column(state: State) -> None:
    state.commit(puts(MEMBERSHIP, *(("regulars", n, 0) for n in range(3)), ("new", 9, 0)))
    assert state.count(MEMBERSHIP) == {None: 4}
    assert state.count(MEMBERSHIP, by="segment") == {"regulars": 3, "new": 1}
    assert state.count(MEMBERSHIP, {"profile": 9}, by="segment") == {"new": 1}


def test_groups_are_counted_by_size_and_the_largest_named(state: State) -> None:
    assert state.groups(MEMBERSHIP, "segment", largest=3) == ({}, [])
    rows = [(segment, n, 0) for segment, many in (("a", 3), ("b", 1), ("c", 3), ("d", 2)) for n in range(many)]
    state.commit(puts(MEMBERSHIP, *rows))
    assert state.groups(MEMBERSHIP, "segment", largest=3) == ({3: 2, 1: 1, 2: 1}, [("a", 3), ("c", 3), ("d", 2)])
    with pytest.raises(KeyError, match="membership has no column x"):
        state.groups(MEMBERSHIP, "x", largest=1)


def test_a_scan_gives_every_row_once_in_order(state: State) -> None:
    rows: list[Row] = [("seen", 3, n * n, b"x") for n in range(50)]
    state.commit(puts(RUN, *rows, ("seen", 4, 1, b""), ("tail", 3, 1, b"")))
    assert list(scan(state, RUN, {"kind": "seen", "level": 3}, by="seq", chunk=7)) == rows


@pytest.mark.parametrize("name", STATES)
def test_a_commit_that_fails_leaves_the_state_as_it_was(name: str, tmp_path: Path) -> None:
    state = STATES[name](tmp_path, 1_000_000)
    state.commit(puts(PART, (1, b"before")), meta={FOLDED: 1})
    too_much = puts(PART, (1, b"after"), *((n, bytes(4000)) for n in range(2, 1000)))
    too_much.add("orders", 0, "", 1)
    with pytest.raises(Unavailable, match="no space left"):
        state.commit(too_much, meta={FOLDED: 2})
    broken = puts(PART, (1, b"after"), (2**70, b"no such number"))
    with pytest.raises(OverflowError):
        state.commit(broken, meta={FOLDED: 2})
    assert state.parts([1, 2]) == {1: b"before"}
    assert (state.meta(FOLDED), state.select(COUNTER)) == (1, [])
    state.commit(puts(PART, (1, b"after")), meta={FOLDED: 2})
    assert (state.parts([1]), state.meta(FOLDED)) == ({1: b"after"}, 2)
    state.close()


@pytest.mark.parametrize("name", DURABLE)
def test_what_was_committed_is_there_after_opening_again(name: str, tmp_path: Path) -> None:
    state = STATES[name](tmp_path, None)
    state.commit(puts(PART, (1, b"a")), meta={FOLDED: 9})
    state.close()
    state = STATES[name](tmp_path, None)
    assert (state.parts([1]), state.meta(FOLDED)) == ({1: b"a"}, 9)
    state.close()


def test_a_backup_is_the_state_at_one_moment(state: State, tmp_path: Path) -> None:
    state.commit(puts(PART, (1, b"a")), meta={FOLDED: 9})
    state.backup(str(tmp_path / "copy.db"))
    state.commit(puts(PART, (1, b"b")), meta={FOLDED: 10})
    copied = SqliteState(tmp_path / "copy.db")
    assert (copied.parts([1]), copied.meta(FOLDED)) == ({1: b"a"}, 9)
    copied.close()


def test_sizes_and_checkpoints_are_reported(state: State) -> None:
    state.commit(puts(PART, *((n, bytes(1000)) for n in range(1000))))
    state.checkpoint()
    size = state.size()
    assert size["database"] > 1_000_000
    assert size["wal"] == 0


KEYS = st.integers(0, 8)
#: Tables with every form of key: one number, one text, several columns.
MODELLED = (PART, PRODUCT, DUE, META, RUN)
CHANGES = st.lists(
    st.lists(st.tuples(st.sampled_from(["put", "delete", "add"]), st.sampled_from(MODELLED), KEYS, KEYS), max_size=12),
    max_size=8,
)


def row_of(table: Table, key: int, value: int) -> Row:
    """A row whose key says `key` and whose other columns say `value`."""
    cells: dict[str, tuple[Cell, Cell]] = {
        "int": (key, value),
        "text": (f"t{key}", f"t{value}"),
        "blob": (b"", bytes([value])),
        "real": (0.0, 0.5),
    }
    return tuple(cells[kind][i >= table.key] for i, (_, kind) in enumerate(table.columns))


@pytest.mark.parametrize("name", STATES)
@given(commits=CHANGES)
def test_any_changes_give_what_a_dict_gives(
    name: str, tmp_path_factory: pytest.TempPathFactory, commits: list[list[tuple[str, Table, int, int]]]
) -> None:
    state = STATES[name](tmp_path_factory.mktemp("state"), None)
    model: dict[str, dict[Key, Row]] = {table.name: {} for table in MODELLED}
    counters: dict[str, int] = {}
    model["meta"] = {row[0]: row for row in state.select(META)}  # type: ignore[misc]  # the key is a text
    for commit in commits:
        changes = Changes()
        for action, table, key, value in commit:
            row = row_of(table, key, value)
            place: Key = row[0] if table.key == 1 else row[: table.key]  # type: ignore[assignment]  # int or text
            if action == "put":
                changes.put(table, row)
                model[table.name][place] = row
            elif action == "delete":
                changes.delete(table, place)
                model[table.name].pop(place, None)
            else:
                changes.add("n", 0, str(key), value)
                counters[str(key)] = counters.get(str(key), 0) + value
        state.commit(changes)
    for table in MODELLED:
        assert state.select(table) == [model[table.name][key] for key in sorted(model[table.name])]
        assert state.many(table, list(model[table.name])) == model[table.name]
    assert {row[2]: row[3] for row in state.select(COUNTER)} == counters
    state.close()


def test_every_declared_table_can_be_written_and_read(state: State) -> None:
    for table in TABLES:
        row = row_of(table, 1, 1)
        state.commit(puts(table, row))
        assert row in state.select(table, order=(table.names()[-1],))


def test_while_the_disk_is_waited_for_other_work_goes_on(state: State) -> None:
    steps = iter(range(10**9))
    state.commit(puts(MEMBERSHIP, ("regulars", 1, 0)), meta={FOLDED: 1}, meanwhile=steps)
    assert next(steps) > 0
    state.commit(puts(MEMBERSHIP, ("regulars", 2, 0)), meta={FOLDED: 2}, meanwhile=iter(()))
    assert state.count(MEMBERSHIP) == {None: 2}
    assert state.meta(FOLDED) == 2


def test_a_commit_takes_what_comes_before_it_piece_by_piece_and_whole_or_not_at_all(state: State) -> None:
    changes = puts(MEMBERSHIP, ("regulars", 1, 0))

    def pieces(*, fails: bool) -> Iterator[Changes]:
        yield puts(MEMBERSHIP, ("regulars", 2, 0))
        assert state.count(MEMBERSHIP)[None] >= 1  # it may be read meanwhile
        many = state.many(MEMBERSHIP, [("regulars", number) for number in range(600)])
        assert ("regulars", 1) not in many
        if fails:
            raise Unavailable("no more")
        yield puts(MEMBERSHIP, ("regulars", 3, 0))
        changes.put(MEMBERSHIP, ("regulars", 4, 0))

    with pytest.raises(Unavailable, match="no more"):
        state.commit(changes, meta={FOLDED: 1}, before=pieces(fails=True))
    assert state.count(MEMBERSHIP) == {None: 0}
    assert state.meta(FOLDED) is None
    state.commit(changes, meta={FOLDED: 1}, before=pieces(fails=False))
    assert [row[1] for row in state.select(MEMBERSHIP)] == [1, 2, 3, 4]
    assert state.meta(FOLDED) == 1
