from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.adapters.state.sqlite import SqliteState
from regulars.core.event import Event
from regulars.core.record import owner_key
from regulars.core.state import UNLEARNED, VISITED, Changes
from regulars.flow.visits import (
    GAP_MS,
    KEEP_MS,
    Step,
    Visits,
    forget_old,
    steps_of,
    unlearn,
    unlearned,
    visits_of,
    write,
)
from regulars.recommend.interactions import Catalogue
from regulars.recommend.sessions.data import Delta, Kind

CATALOGUE = Catalogue.of((one, "") for one in ("tent", "mat", "pen"))
ANA, BO = "user_id:ana", "user_id:bo"


def put(state: SqliteState, offset: int, *steps: tuple[str, int, str]) -> None:
    changes = Changes()
    rows: list[Step] = [(owner_key(subject), time, 0, product) for subject, time, product in steps]
    write(rows, changes, offset=offset)
    state.commit(changes)


def test_a_running_visit_ends_with_a_pause(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    put(state, 5, (ANA, 1_000, "pen"), (ANA, GAP_MS + 2_000, "tent"), (BO, 3_000, "mat"), (ANA, GAP_MS + 3_000, "mat"))
    visits = Visits(state)
    visits.follow()
    assert visits.of([ANA], GAP_MS + 4_000) == ["tent", "mat"]
    assert visits.of([ANA], 3 * GAP_MS) == []
    put(state, 6, (ANA, GAP_MS + 5_000, "pen"))
    visits.follow(few=True)
    assert visits.of([ANA, "anonymous_id:x"], GAP_MS + 6_000) == ["tent", "mat", "pen"]


def test_visits_before_the_running_one_are_told_apart_from_it(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    put(state, 5, (ANA, 1_000, "pen"), (ANA, 2_000, "ink"), (ANA, GAP_MS + 3_000, "tent"), (BO, 3_000, "mat"))
    visits = Visits(state)
    visits.follow()
    assert visits.both([ANA], GAP_MS + 4_000) == (["tent"], ["pen", "ink"])
    assert visits.both([ANA], 5 * GAP_MS) == ([], ["pen", "ink", "tent"])
    assert visits.both(["user_id:nobody"], 5_000) == ([], [])
    changes = Changes()
    unlearn(state, changes, [ANA], offset=6)
    state.commit(changes)
    visits.follow()
    assert visits.both([ANA], 5_000) == ([], []), "what may not be used any more is no memory either"


def test_a_delta_holds_what_came_after_the_training_of_products_that_models_know() -> None:
    steps: list[Step] = [
        (1, 10, 0, "tent"), (2, 11, 0, "pen"), (1, 12, 1, "mat"), (1, 13, 0, "new"), (1, 20 + GAP_MS, 0, "pen"),
    ]  # fmt: skip
    found = visits_of(steps, CATALOGUE)
    assert [found.items_of(0).tolist(), found.owner.tolist(), found.end.tolist()] == [[0, 1], [1], [12]]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4), st.integers(0, 6 * GAP_MS), st.integers(0, 2), st.sampled_from(["tent", "mat", "new"])
        ),
        max_size=30,
    )
)
def test_visits_are_what_their_owners_did_without_a_pause(steps: list[Step]) -> None:
    """Visit by visit, as they would be told apart by hand."""
    whole: dict[tuple[int, int], list[Step]] = {}
    for owner in range(1, 5):
        last, number = -GAP_MS, 0
        for step in sorted((one for one in steps if one[0] == owner and one[3] != "new"), key=lambda one: one[1]):
            number += step[1] - last > GAP_MS
            last = step[1]
            whole.setdefault((owner, number), []).append(step)
    long = [one for one in whole.values() if len(one) > 1]
    long.sort(key=lambda one: one[-1][1])
    found = visits_of(steps, CATALOGUE)
    assert [found.items_of(at).tolist() for at in range(len(found))] == [
        [CATALOGUE.position[step[3]] for step in one] for one in long
    ]
    assert found.end.tolist() == [one[-1][1] for one in long]
    assert found.owner.tolist() == [one[0][0] for one in long]
    assert found.kind.tolist() == [step[2] for one in long for step in one]


def test_a_delta_that_follows_row_by_row_is_that_of_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regulars.flow.visits.MOST_HELD", 6)  # rows leave at the front, too
    state = SqliteState(tmp_path / "state.db")
    followed, version = Visits(state), -1
    other = Catalogue.of((one, "") for one in ("pen", "mat"))
    for at in range(1, 9):
        put(state, at, (ANA, 10 * at, "tent"), (BO, 10 * at, "mat"), (BO, 10 * at + 1, "pen"))
        followed.follow()
        fresh = Visits(state)
        fresh.follow()
        for catalogue, until in ((CATALOGUE, 0), (CATALOGUE, at - 1), (other, 0), (other, at)):
            found, expected = (one.delta(catalogue, until, version) for one in (followed, fresh))
            assert found is not None
            assert expected is not None
            assert found[1].added.columns().keys() == expected[1].added.columns().keys()
            for name, column in found[1].added.columns().items():
                assert column.tolist() == expected[1].added.columns()[name].tolist()


def test_whoever_is_forgotten_leaves_rows_memory_and_delta_and_may_come_back(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    put(state, 5, (ANA, 1, "tent"), (ANA, 2, "mat"), (BO, 3, "mat"), (BO, 4, "pen"))
    visits = Visits(state)
    visits.follow()
    version, delta = visits.delta(CATALOGUE, 0, -1) or (0, None)
    assert delta is not None
    assert sorted(delta.added.owner.tolist()) == sorted((owner_key(ANA), owner_key(BO)))
    changes = Changes()
    unlearn(state, changes, [ANA], offset=6)
    state.commit(changes)
    visits.follow()
    version, delta = visits.delta(CATALOGUE, 0, version) or (0, None)
    assert delta is not None
    assert (delta.added.owner.tolist(), delta.forgotten) == ([owner_key(BO)], frozenset({owner_key(ANA)}))
    assert visits.of([ANA], 5) == []
    assert owner_key(ANA).to_bytes(8, "big") not in b"".join(bytes(row[2] or b"") for row in state.select(VISITED))  # type: ignore[arg-type]
    state.commit(unlearned(state, [(owner_key(ANA), 6)]))
    assert state.select(UNLEARNED) == []
    put(state, 7, (ANA, 8, "pen"), (ANA, 9, "tent"))
    visits.follow()
    _, delta = visits.delta(CATALOGUE, 0, version) or (0, None)
    assert delta is not None
    assert (owner_key(ANA) in delta.added.owner.tolist(), delta.forgotten) == (True, frozenset())


def test_a_mark_made_anew_meanwhile_stays(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    for offset in (6, 9):
        changes = Changes()
        unlearn(state, changes, [ANA], offset=offset)
        state.commit(changes)
    state.commit(unlearned(state, [(owner_key(ANA), 6)]))
    assert state.select(UNLEARNED) == [(owner_key(ANA), 9)]


def test_rows_are_kept_for_a_while(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    put(state, 5, (ANA, 1, "tent"))
    put(state, 6, (ANA, KEEP_MS, "mat"))
    changes = Changes()
    forget_old(state, changes, clock=KEEP_MS + 10, most=100)
    state.commit(changes)
    assert [row[0] for row in state.select(VISITED)] == [6]


def told(delta: Delta | None) -> list[list[int]]:
    assert delta is not None
    added = delta.added
    return [[*added.items_of(at).tolist(), int(added.owner[at]), int(added.end[at])] for at in range(len(added))]


def test_a_delta_from_rows_read_before_is_that_of_a_process_which_reads_them_all(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    visits = Visits(state)
    version = -1
    for offset, until in ((5, 0), (6, 0), (7, 5), (8, 5)):
        put(
            state, offset, (ANA, offset, "tent"), (BO, offset, "mat"), (ANA, offset + 1, "pen"), (BO, offset + 2, "pen")
        )
        visits.follow()
        version, delta = visits.delta(CATALOGUE, until, version) or (version, None)
        fresh = Visits(state)
        fresh.follow()
        assert told(delta) == told((fresh.delta(CATALOGUE, until, -1) or (0, None))[1])
    other = Catalogue.of((one, "") for one in ("pen", "tent"))
    first, second = told((visits.delta(other, 5, -1) or (0, None))[1])
    assert {first[-2], second[-2]} <= {owner_key(ANA), owner_key(BO)}
    assert first[:-2] == [1, 0] * 3, "places of another catalogue"
    assert second[:-2] == [0] * 3, "the mat is not in it"


def test_an_order_that_is_told_line_by_line_is_bought_line_by_line() -> None:
    said = {"order_id": "a", "one_by_one": True, "products": [{"product_id": "tea"}]}
    line = Event("m", "web", "Order Updated", 5, 5, "anonymous_id:b", ("anonymous_id:b",), (), said, {}, {})
    assert [step[1:] for step in steps_of(line)] == [(5, Kind.BUY, "tea")]
    said.pop("one_by_one")
    assert steps_of(line) == [], "what an update says of the whole was told before"
