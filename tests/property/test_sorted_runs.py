"""De-duplication and the tail index agree with a dict and a list: across merges, restarts and lost commits."""

from collections.abc import Callable, Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regulars.adapters.state.sqlite import SqliteState
from regulars.collect.dedup import KIND, Keys, SeenIndex, keys_of, locate_stored
from regulars.collect.runs import Sizes, Step
from regulars.collect.tail import KIND as TAIL
from regulars.collect.tail import TailIndex, subject_hashes
from regulars.core.state import RUN, Changes, State, scan

#: A few hundred entries cross every border.
SMALL = Sizes(page_entries=4, fan=3, step_entries=6, deletes=3, cached_pages=2, capacity=40)


def fetch_from(state: State) -> Callable[[str, int, int], bytes]:
    def fetch(kind: str, level: int, seq: int) -> bytes:
        row = state.get(RUN, (kind, level, seq))
        assert row is not None, f"page {level} {seq} is gone"
        assert isinstance(row[3], bytes)
        return row[3]

    return fetch


def stored(state: State, kind: str) -> Iterator[tuple[int, int, bytes]]:
    levels = state.count(RUN, {"kind": kind}, by="level")
    for level in sorted(level for level in levels if isinstance(level, int)):
        for row in scan(state, RUN, {"kind": kind, "level": level}, by="seq", chunk=3):
            yield row[1], row[2], row[3]  # type: ignore[misc]  # the table's declared columns


def commit(state: State, step: Step) -> None:
    changes = Changes()
    step.write(changes)
    state.commit(changes)
    step.accept()


def spread(numbers: list[int]) -> Keys:
    """Keys of small numbers: halves that agree, halves that differ, and whole stretches of equal prefixes."""
    upper = [(n % 61) * 2**58 // 61 * 64 if n % 3 else n % 7 for n in numbers]
    return np.array([(u, n) for u, n in zip(upper, numbers, strict=True)], np.uint64).reshape(-1, 2)


BATCHES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 400), max_size=30),
        st.sampled_from(["commit"] * 6 + ["lost", "restart"]),
    ),
    min_size=1,
    max_size=40,
)


@given(BATCHES)
def test_an_event_is_new_exactly_once(batches: list[tuple[list[int], str]]) -> None:
    state = SqliteState(":memory:")
    index = SeenIndex(fetch_from(state), sizes=SMALL)
    model: dict[int, tuple[int, int]] = {}
    for offset, (numbers, fate) in enumerate(batches, start=1):
        if fate == "restart":
            index = SeenIndex(fetch_from(state), sizes=SMALL)
            index.load(stored(state, KIND))
        step = index.fold(spread(numbers), [offset] * len(numbers), range(len(numbers)), received_at=offset)
        before = set(model)
        expected = [n in before or n in numbers[:i] for i, n in enumerate(numbers)]
        assert step.duplicates.tolist() == expected
        if fate != "lost":
            commit(state, step)
            for i, n in enumerate(numbers):
                model.setdefault(n, (offset, i))
    ask = [*model, 1000]
    step = index.fold(spread(ask), [999] * len(ask), range(len(ask)), received_at=len(batches))
    assert step.duplicates.tolist() == [True] * len(model) + [False]
    state.close()


@given(st.lists(st.lists(st.integers(0, 300), max_size=30), max_size=30), st.sampled_from(["running", "restarted"]))
def test_a_message_is_found_again_where_it_was_counted_first(batches: list[list[int]], fate: str) -> None:
    state = SqliteState(":memory:")
    index = SeenIndex(fetch_from(state), sizes=SMALL)
    model: dict[int, tuple[int, int]] = {}
    for offset, numbers in enumerate(batches, start=1):
        keys = keys_of(("web", str(n)) for n in numbers)
        commit(state, index.fold(keys, [offset] * len(numbers), range(len(numbers)), received_at=offset))
        for i, n in enumerate(numbers):
            model.setdefault(n, (offset, i))
    if fate == "restarted":
        index = SeenIndex(fetch_from(state), sizes=SMALL)
        index.load(stored(state, KIND))

    def page_at(level: int, seq: int) -> tuple[int, bytes] | None:
        where: dict[str, str | int] = {"kind": KIND, "level": level}
        below = {"seq": seq + 1} if seq < 2**63 - 1 else {}
        rows = state.select(RUN, where, below=below, order=("-seq",), limit=1)
        return (rows[0][2], rows[0][3]) if rows else None  # type: ignore[return-value]  # the table's declared columns

    levels = [level for level in state.count(RUN, {"kind": KIND}, by="level") if isinstance(level, int)]
    for n in range(0, 301, 7):
        assert index.locate("web", str(n)) == model.get(n)
        assert locate_stored("web", str(n), levels, page_at) == model.get(n)
    state.close()


@given(st.lists(st.tuples(st.integers(0, 40), st.lists(st.integers(0, 60), max_size=12)), max_size=40))
def test_a_message_is_known_for_at_least_the_time_that_entries_are_kept(steps: list[tuple[int, list[int]]]) -> None:
    state = SqliteState(":memory:")
    keep = 50
    index = SeenIndex(fetch_from(state), keep_ms=keep, sizes=SMALL)
    now = 1000
    counted: dict[int, int] = {}
    for offset, (pause, numbers) in enumerate(steps, start=1):
        now += pause
        step = index.fold(spread(numbers), [offset] * len(numbers), range(len(numbers)), received_at=now)
        for n, duplicate in zip(numbers, step.duplicates.tolist(), strict=True):
            if n in counted and now - counted[n] <= keep:
                assert duplicate
            elif not duplicate:
                counted[n] = now
        commit(state, step)
    # A quiet month later everything is forgotten, a few rows with each batch.
    now += 30 * keep
    for _ in range(80):
        now += keep
        commit(state, index.fold(spread([now]), [now], [0], received_at=now))
    assert sum(state.count(RUN).values()) < 20
    state.close()


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 20), max_size=20),
            st.sampled_from(["commit"] * 5 + ["lost", "restart", "trim"]),
        ),
        max_size=40,
    )
)
def test_the_tail_knows_every_event_of_a_subject(batches: list[tuple[list[int], str]]) -> None:
    state = SqliteState(":memory:")
    index = TailIndex(fetch_from(state), sizes=SMALL)
    model: dict[str, list[tuple[int, int]]] = {}
    first = 0
    for offset, (numbers, fate) in enumerate(batches, start=1):
        subjects = [f"user_id:{n}" for n in numbers]
        if fate == "restart":
            index = TailIndex(fetch_from(state), sizes=SMALL)
            index.load(stored(state, TAIL))
            index.trim(first)
        if fate == "trim":
            first = offset - 3
            index.trim(first)
        step = index.fold(subject_hashes(subjects), [offset] * len(numbers), range(len(numbers)))
        if fate != "lost":
            commit(state, step)
            for i, subject in enumerate(subjects):
                model.setdefault(subject, []).append((offset, i))
        for asked in (["user_id:0", "user_id:3"], ["user_id:7"], []):
            expected = sorted(p for s in asked for p in model.get(s, []) if p[0] >= first)
            assert index.positions(asked) == expected
    index.trim(10**6)
    for _ in range(200):
        commit(state, index.fold(subject_hashes([]), [], []))
    assert state.count(RUN) == {None: 0}
    state.close()
