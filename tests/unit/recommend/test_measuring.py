"""Figures of ranked lists are those counted by hand, and hold what any list must hold."""

import math
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.core.errors import Rejected
from regulars.recommend.interactions import Int32
from regulars.recommend.measuring import EMPTY, Question, coverage, intervals, per_question
from regulars.recommend.model import Scored
from regulars.recommend.sessions.cases import Case, hits, ranks
from regulars.recommend.sessions.model import SessionModel

ITEMS = 12
SHARE = np.linspace(0.05, 0.6, ITEMS)


def items(*numbers: int) -> Int32:
    return np.asarray(numbers, np.int32)


@st.composite
def asked(draw: st.DrawFn) -> tuple[Int32, list[Question]]:
    count, k = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    lists = np.full((count, k), EMPTY, np.int32)
    questions = []
    some = st.lists(st.integers(0, ITEMS - 1), unique=True, max_size=6)
    for at in range(count):
        row = draw(some)[:k]
        lists[at, : len(row)] = row
        wanted = draw(some.filter(bool))
        questions.append(Question(draw(st.integers(0, 3)), items(*wanted), items(*draw(some))))
    return lists, questions


def test_two_wanted_products_at_the_second_and_third_place() -> None:
    question = Question(owner=1, wanted=items(4, 5), known=items(5))
    found = per_question(items(9, 4, 5)[None, :], [question], SHARE)
    ideal = 1 + 1 / math.log2(3)
    assert found["hit_rate"].tolist() == [1]
    assert found["mrr"].tolist() == [0.5]
    assert found["ndcg"][0] == pytest.approx((1 / math.log2(3) + 1 / math.log2(4)) / ideal)
    assert found["precision"][0] == pytest.approx(2 / 3)
    assert found["review_hit_rate"].tolist() == [1]
    assert found["discovery_hit_rate"].tolist() == [1]
    assert found["novelty"][0] == pytest.approx(np.mean([-math.log2(SHARE[one]) for one in (9, 4, 5)]))


def test_a_figure_that_says_nothing_is_left_out() -> None:
    found = per_question(items(1, 2)[None, :], [Question(1, items(3), items(7))])
    assert np.isnan(found["review_hit_rate"]).all()
    assert set(intervals(found, np.asarray([1]))) == {"hit_rate", "mrr", "ndcg", "precision", "discovery_hit_rate"}


@given(asked())
def test_figures_stay_in_their_bounds_and_agree_with_each_other(given: tuple[Int32, list[Question]]) -> None:
    lists, questions = given
    found = per_question(lists, questions, SHARE)
    for name in ("hit_rate", "mrr", "ndcg", "precision"):
        assert ((found[name] >= 0) & (found[name] <= 1 + 1e-12)).all()
    assert (found["mrr"] <= found["hit_rate"]).all()
    assert ((found["ndcg"] > 0) == (found["hit_rate"] > 0)).all()
    split = np.fmax(found["review_hit_rate"], found["discovery_hit_rate"])
    assert (split == found["hit_rate"]).all()  # each hit is a re-view or a discovery
    told = intervals(found, np.asarray([one.owner for one in questions]), draws=50)
    for one in told.values():
        assert one.low <= one.high
        assert 0 <= coverage(lists, ITEMS) <= 1


@given(st.integers(2, 5))
def test_questions_of_one_owner_do_not_make_an_interval_narrower(times: int) -> None:
    column = np.asarray([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    owners = np.arange(6)
    once = intervals({"hit_rate": column}, owners)["hit_rate"]
    often = intervals({"hit_rate": np.repeat(column, times)}, np.repeat(owners, times))["hit_rate"]
    assert often == once


def test_lists_and_questions_must_pair() -> None:
    with pytest.raises(Rejected, match="2 lists for 1 questions"):
        per_question(np.zeros((2, 1), np.int32), [Question(1, items(1), items())])


@given(asked())
def test_a_benchmark_counts_places_as_a_report_does(drawn: tuple[Int32, list[Question]]) -> None:
    lists, questions = drawn
    single = [Question(one.owner, one.wanted[:1], one.known) for one in questions]
    cases = [Case(items(at), int(one.wanted[0])) for at, one in enumerate(single)]

    class Answers:
        """Gives the drawn lists, by the one item of the prefix."""

        name = "answers"

        def recommend(self, prefix: Int32, n: int, **_: Any) -> Scored:
            row = lists[int(prefix[0])]
            row = row[row != EMPTY]
            return Scored(row, np.zeros(len(row)))

    told = hits(ranks(cast(SessionModel, Answers()), cases, k=lists.shape[1]))
    found = per_question(lists, single)
    assert told.hit_rate == pytest.approx(found["hit_rate"].mean())
    assert told.reciprocal_rank == pytest.approx(found["mrr"].mean())
