"""Visits ask what comes next; baselines answer without any model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.core.errors import Rejected
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.neighbours import Neighbours
from regulars.recommend.sessions.questions import baselines, evaluate_next, next_items, share_of_sessions

#: Whoever looked at a tent went on to a mat; the stove is everybody's.
VISITS = [[0, 1], [0, 1, 2], [3, 2], [0, 1, 0], [4, 2], [5, 2]] * 5


def test_every_step_of_a_visit_is_a_question() -> None:
    asked = next_items(Sessions.of_lists([[4, 7, 4], [9]]))
    assert [(one.owner, one.prefix.tolist(), one.target) for one in asked] == [(0, [4], 7), (0, [4, 7], 4)]


@given(st.lists(st.lists(st.integers(0, 5), min_size=2, max_size=6), min_size=1, max_size=12), st.integers(1, 20))
def test_of_many_visits_some_are_drawn_whole(visits: list[list[int]], most: int) -> None:
    sessions = Sessions.of_lists(visits)
    asked = next_items(sessions, most=most)
    whole = {number: len(visits[number]) - 1 for number in {one.owner for one in asked}}
    assert asked
    assert len(asked) == sum(whole.values())
    assert len(asked) <= max(most, *(len(one) - 1 for one in visits))
    assert [(one.owner, one.target) for one in next_items(sessions, most=most)] == [(o.owner, o.target) for o in asked]


def test_the_neighbours_know_what_the_most_viewed_do_not() -> None:
    sessions = Sessions.of_lists(VISITS)
    share = share_of_sessions(sessions, 6)
    models = {"neighbours": Neighbours.fit(sessions, 6), **baselines(share)}
    asked = next_items(Sessions.of_lists([[0, 1]] * 4))
    found = evaluate_next(models, asked, share=share, leader="neighbours", mode="discovery", k=1)
    assert found.figures["neighbours"]["hit_rate"].mean == 1
    assert found.figures["most_viewed"]["hit_rate"].mean == 0  # the stove, for everybody
    assert found.lead["most_viewed"]["hit_rate"].low == 1
    assert found.coverage["most_viewed"] == round(1 / 6, 5)


def test_visits_of_a_segment_are_told_apart_where_there_are_enough() -> None:
    sessions = Sessions.of_lists(VISITS)
    share = share_of_sessions(sessions, 6)
    asked = next_items(Sessions.of_lists([[0, 1]] * 40))
    groups = {"regulars": range(30), "few": range(30, 40)}
    found = evaluate_next(baselines(share), asked, share=share, leader="seen_last", members=groups, k=2)
    assert found.segment_cases == {"regulars": 30}
    assert set(found.by_segment) == {"regulars"}


def test_a_visit_that_only_comes_back_is_no_question_of_discovery() -> None:
    sessions = Sessions.of_lists(VISITS)
    share = share_of_sessions(sessions, 6)
    back = next_items(Sessions.of_lists([[0, 0]]))
    found = evaluate_next(baselines(share), back, share=share, leader="seen_last", k=2)
    assert found.figures["seen_last"]["review_hit_rate"].mean == 1
    with pytest.raises(Rejected, match="no visit to evaluate on"):
        evaluate_next(baselines(share), back, share=share, leader="seen_last", mode="discovery")


def test_the_share_of_sessions_counts_a_session_once() -> None:
    assert share_of_sessions(Sessions.of_lists([[1, 1, 0], [1]]), 3).tolist() == [0.5, 1.0, 0.0]
    assert np.isclose(share_of_sessions(Sessions.of_lists([]), 2), 0).all()
