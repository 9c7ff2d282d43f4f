"""Who is in a segment is what was said last of each profile, whenever moves are put in place."""

from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.state.sqlite import SqliteState
from regulars.core.state import Changes
from regulars.flow import members as under_test
from regulars.flow.generation import A, B, Tables
from regulars.flow.members import Moves, members

#: (segment, profile, since or None for leaving)
_moves = st.tuples(
    st.sampled_from(("regulars", "cyclists")), st.integers(0, 12), st.one_of(st.none(), st.integers(0, 2**41))
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(_moves, max_size=12), max_size=12),
    st.integers(1, 4),
    st.sampled_from((1, 17, 40, 90)),
    st.sampled_from((A, B)),
    st.integers(0, 13),
    st.integers(1, 4),
)
def test_the_last_move_of_each_profile_counts(
    batches: list[list[tuple[str, int, int | None]]],
    rows: int,
    row_bytes: int,
    tables: Tables,
    start: int,
    limit: int,
) -> None:
    state = SqliteState(":memory:")
    said: dict[str, dict[int, int]] = {"regulars": {}, "cyclists": {}}
    with mock.patch.multiple(under_test, ROWS=rows, ROW_BYTES=row_bytes):
        for batch in batches:
            changes = Changes()
            moves = Moves(state, changes, tables)
            for segment, profile, since in batch:
                if since is None:
                    moves.leave(segment, profile)
                    said[segment].pop(profile, None)
                else:
                    moves.enter(segment, profile, since)
                    said[segment][profile] = since
            moves.store()
            state.commit(changes)
            for segment, expected in said.items():
                assert members(state, tables, segment) == sorted(expected.items())
                later = sorted(item for item in expected.items() if item[0] >= start)
                assert members(state, tables, segment, start=start, limit=limit) == later[:limit]
            assert len(state.select(tables.moved, {"segment": "regulars"})) <= rows
    state.close()


def test_many_moves_share_pages() -> None:
    """Moves wait in few rows, and then all of them are put in place in one go."""
    state = SqliteState(":memory:")
    placed = 0
    for batch in range(200):
        changes = Changes()
        moves = Moves(state, changes, A)
        for profile in range(batch, 40_000, 200):
            moves.enter("regulars", profile, 5)
        moves.store()
        placed += bool(changes.puts.get(A.membership.name))
        state.commit(changes)
    assert len(members(state, A, "regulars")) == 40_000
    assert 1 <= placed <= 10
    state.close()
