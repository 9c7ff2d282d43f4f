"""The blend on made-up visits with a habit: products come in pairs, and what was looked at is looked at again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.recommend.interactions import Int32
from regulars.recommend.model import NOTHING, Scored
from regulars.recommend.sessions import ranker
from regulars.recommend.sessions.blend import Mixing, SessionBlend
from regulars.recommend.sessions.cases import cases_of, hits, ranks
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.model import best, best_way
from regulars.recommend.sessions.neighbours import Neighbouring
from regulars.recommend.sessions.ranker import Ranking, Trees
from regulars.recommend.sessions.search import Search, search
from regulars.recommend.sessions.signals import SignalBuilder
from tests.unit.recommend.sessions.visits import prefix_of

SHOP = 60


def habits(count: int, seed: int) -> Sessions:
    """Visits along chains of products; after three events the first comes again."""
    chance = np.random.default_rng(seed)
    visits = []
    for _ in range(count):
        first = int(SHOP * chance.random() ** 2)
        visit = [first, (first + 1) % SHOP, (first + int(chance.integers(2, 4))) % SHOP]
        visits.append([*visit, first] if chance.random() < 0.7 else visit)
    return Sessions.of_lists(visits, owners=[1 + number % 9 for number in range(count)])


VISITS = habits(1500, 1)
HOW = Neighbouring(newest=50, neighbours=50)


@pytest.fixture(scope="module", params=[pytest.param(True, marks=pytest.mark.slow), False], ids=["trees", "logit"])
def blend(request: pytest.FixtureRequest) -> SessionBlend:
    how = Mixing(ranking=Ranking(use_trees=request.param, trees=30, least=5))
    return SessionBlend.fit(VISITS, SHOP, how, neighbours=HOW)


def test_the_order_that_is_learned_beats_the_neighbours_alone(blend: SessionBlend) -> None:
    cases = cases_of(habits(200, 2))
    found, alone = hits(ranks(blend, cases, k=5)), hits(ranks(blend.parts.neighbours, cases, k=5))
    assert found.reciprocal_rank > alone.reciprocal_rank + 0.02


def test_a_blend_is_its_columns(blend: SessionBlend) -> None:
    restored = SessionBlend.restore(blend.columns())
    for prefix in (prefix_of(3, 4), prefix_of(SHOP - 1), prefix_of(5, 5, 9)):
        one, other = blend.recommend(prefix, 10), restored.recommend(prefix, 10)
        assert one.items.tolist() == other.items.tolist()
        assert one.scores.tolist() == other.scores.tolist()


def test_filters_leave_a_full_row(blend: SessionBlend) -> None:
    allowed = np.zeros(SHOP, np.bool_)
    allowed[40:] = True
    for prefix in (prefix_of(3, 4), prefix_of(), prefix_of(SHOP + 7)):
        found = blend.recommend(prefix, 12, exclude=prefix_of(41), allowed=allowed, review=False).items.tolist()
        assert len(set(found)) == 12
        assert set(found) <= set(range(40, SHOP)) - {41, *prefix.tolist()}


@given(
    prefix=st.lists(st.integers(0, SHOP + 2), max_size=5),
    n=st.integers(0, SHOP + 5),
    hidden=st.sets(st.integers(0, SHOP - 1)),
    allowed=st.one_of(st.none(), st.sets(st.integers(0, SHOP - 1))),
    review=st.booleans(),
)
def test_a_row_is_the_best_of_all_that_has_a_score(
    blend: SessionBlend, prefix: list[int], n: int, hidden: set[int], allowed: set[int] | None, *, review: bool
) -> None:
    asked = np.asarray(prefix, np.int32)
    mask = None if allowed is None else np.isin(np.arange(SHOP), list(allowed))
    exclude = np.asarray(sorted(hidden), np.int32)
    found = blend.recommend(asked, n, exclude=exclude, allowed=mask, review=review)
    expected = best(blend.score(asked, review=review), n, exclude, mask)
    assert found.items.tolist() == expected.items.tolist()
    assert found.scores.tolist() == expected.scores.tolist()


def test_without_review_no_product_of_the_visit_is_shown(blend: SessionBlend) -> None:
    prefix = prefix_of(3, 4, 6)
    assert 3 in blend.recommend(prefix, 10).items.tolist()
    assert not set(blend.recommend(prefix, SHOP, review=False).items.tolist()) & set(prefix.tolist())


def test_a_visit_of_new_products_still_shows_them_again(blend: SessionBlend) -> None:
    """A product that came after the training is a candidate once the catalogue knows it."""
    late = blend.with_delta(Delta(added=Sessions.of_lists([[SHOP, 3], [SHOP, 3]])))
    assert SHOP in late.recommend(prefix_of(SHOP), 10).items.tolist()
    assert 3 in late.recommend(prefix_of(SHOP), 10).items.tolist()


def test_a_forgotten_owner_leaves_the_evidence(blend: SessionBlend) -> None:
    before, after = (model.explain(prefix_of(3), 4) for model in (blend, blend.with_delta(blend.forget(1))))
    assert before is not None
    assert after is not None
    assert after.visits < before.visits


def test_the_compiled_trees_give_the_same_scores(blend: SessionBlend) -> None:
    rows = np.random.default_rng(1).random((50, 25), np.float32).astype(np.float32) * 8
    assert ranker.fast_rank(blend.ranker)(rows).tolist() == ranker.rank(blend.ranker, rows).tolist()


LIMITS = [-1.0, 0.1, 0.30000001192092896, 0.7, 1e39]


@st.composite
def trees(draw: st.DrawFn) -> Trees:
    """Trees of at most 34 leaves over two features."""
    feature: list[int] = []
    limit: list[float] = []
    child: list[int] = []

    def grow(leaves: int) -> int:
        place = len(feature)
        feature.append(draw(st.integers(0, 1)))
        limit.append(draw(st.sampled_from(LIMITS)))
        child.extend((place, place))
        if leaves > 1:
            left = draw(st.integers(1, leaves - 1))
            child[2 * place], child[2 * place + 1] = grow(left), grow(leaves - left)
        return place

    roots = [grow(draw(st.integers(1, 34))) for _ in range(draw(st.integers(1, 3)))]
    value = np.arange(len(feature), dtype=np.float64) * 0.7
    return Trees(
        np.asarray(roots, np.int32), np.asarray(feature, np.int32), np.asarray(limit), np.asarray(child, np.int32),
        value, np.asarray([34], np.int32),
    )  # fmt: skip


numbers = st.sampled_from([-np.inf, -1.0, 0.1, 0.3, 0.7, 1.0, np.inf, np.nan]).map(np.float32)


@given(trees(), st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12))
def test_cuts_come_to_the_leaves_that_paths_come_to(found: Trees, rows: list[tuple[np.float32, np.float32]]) -> None:
    table = np.asarray(rows, np.float32)
    assert ranker.fast_rank(found)(table).tolist() == ranker.rank(found, table).tolist()


@pytest.mark.parametrize(
    "delta",
    [Delta(), Delta(added=Sessions.of_lists([[SHOP, 3, 7], [SHOP, 3, 4]]), forgotten=frozenset((2,)))],
    ids=["as fitted", "with a delta"],
)
@given(prefix=st.lists(st.integers(0, SHOP - 1), min_size=1, max_size=12), review=st.booleans())
def test_the_compiled_signals_are_the_same(
    blend: SessionBlend, delta: Delta, prefix: list[int], *, review: bool
) -> None:
    parts = blend.parts.with_delta(delta)
    prefix += [SHOP, 3] if len(delta.added) else []
    plain, quick = (SignalBuilder(parts, compiled=way) for way in (False, None))
    one, other = (builder.build(prefix_of(*prefix), review=review) for builder in (plain, quick))
    assert one.items.tolist() == other.items.tolist()
    assert one.rows.tolist() == other.rows.tolist()
    again = quick.build(prefix_of(*prefix), review=review)
    assert again.rows.tolist() == other.rows.tolist()


scored = st.lists(
    st.tuples(st.integers(0, SHOP - 1), st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, 0.5, 1.0])),
    unique_by=lambda one: one[0],
)


@given(scored, st.integers(0, SHOP), st.lists(st.integers(0, SHOP)), st.none() | st.sets(st.integers(0, SHOP - 1)))
def test_the_compiled_best_are_the_same(
    found: list[tuple[int, float]], n: int, exclude: list[int], allowed: set[int] | None
) -> None:
    mask = None if allowed is None else np.isin(np.arange(SHOP), sorted(allowed))
    candidates = Scored(prefix_of(*(one[0] for one in found)), np.asarray([one[1] for one in found], np.float64))
    one, other = (best_way(fast=way)(candidates, n, prefix_of(*exclude), mask) for way in (False, None))
    assert one.items.tolist() == other.items.tolist()
    assert one.scores.tolist() == other.scores.tolist()


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-300, 1e-3, 1.0, 1e300]))
def test_the_compiled_order_is_a_stable_sort_also_where_scores_lie_close(seed: int, spread: float) -> None:
    chance = np.random.default_rng(seed)
    scores = np.round(chance.random(3_000) * 50) * spread + (chance.random(3_000) < 0.9) * 1e-9
    candidates = Scored(np.arange(3_000, dtype=np.int32), scores)
    assert best_way()(candidates, 3_000, NOTHING, None).items.tolist() == np.argsort(-scores, kind="stable").tolist()


def test_the_search_gives_the_same_settings_again() -> None:
    how = Search(rounds=((10, 60), (4, 120)))
    chosen = search(VISITS, SHOP, how)
    assert chosen == search(VISITS, SHOP, how)
    assert search(Sessions.of_lists([]), SHOP) == Neighbouring()


def test_a_shop_without_visits_has_a_blend_that_answers() -> None:
    empty: Int32 = prefix_of()
    one = SessionBlend.fit(Sessions.of_lists([[0, 1], [2]]), SHOP, neighbours=HOW)
    assert set(one.recommend(empty, 5).items.tolist()) == {0, 1, 2}
