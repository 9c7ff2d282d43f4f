"""Laws of the recommendation room, whatever the shop and the shopper."""

from itertools import combinations
from math import exp

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.recommend.blend import Shortfall
from regulars.recommend.bought_together import BoughtTogether, Together, log_likelihood_ratio
from regulars.recommend.interactions import distinct_pairs
from regulars.recommend.model import Scored, Shopper, top, visit_of
from regulars.recommend.training import Settings, TrainedSet, train
from tests.unit.recommend.shops import CATALOGUE, grocer, lines_of

FEW = settings(max_examples=60, deadline=None)
products = st.sampled_from([*CATALOGUE.ids, "unknown"])
purchases = st.lists(st.tuples(products, st.integers(0, 160), st.integers(0, 3)), max_size=40)
shoppers = st.builds(
    Shopper, purchases=purchases, basket=st.lists(products, max_size=4), viewed=st.lists(products, max_size=4)
)
TRAINED: TrainedSet = train(grocer(), CATALOGUE, Settings(holdout_days=0))


@FEW
@given(
    shopper=shoppers,
    n=st.integers(0, 12),
    day=st.integers(0, 200),
    exclude=st.sets(products),
    allowed=st.none() | st.sets(products),
)
def test_no_row_breaks_a_filter_repeats_itself_or_is_short_without_a_word(
    shopper: Shopper, n: int, day: int, exclude: set[str], allowed: set[str] | None
) -> None:
    mask = None if allowed is None else CATALOGUE.mask(allowed)
    row = TRAINED.blend.row(shopper, n=n, day=day, exclude=exclude, allowed=mask)
    shown = [item.item for item in row.items]
    assert len(set(shown)) == len(shown) <= n
    assert not set(shown) & (exclude | set(shopper.basket))
    assert allowed is None or set(shown) <= allowed
    assert (row.shortfall is not None) == (len(shown) < n)
    sold = {CATALOGUE.ids[item] for item in np.flatnonzero(TRAINED.models.popular.rate > 0)}
    possible = (sold - exclude - set(shopper.basket)) & (sold if allowed is None else allowed)
    assert len(shown) >= min(n, len(possible))  # short only when nothing else is left
    assert row.shortfall is not Shortfall.NOTHING_SOLD or n > len(sold)


@FEW
@given(shopper=shoppers, day=st.integers(0, 200), shuffled=st.randoms(use_true_random=False))
def test_the_order_in_which_purchases_are_told_does_not_matter(shopper: Shopper, day: int, shuffled: object) -> None:
    told = list(shopper.purchases)
    shuffled.shuffle(told)  # type: ignore[attr-defined]
    again = Shopper(purchases=told, basket=shopper.basket, viewed=shopper.viewed)
    assert TRAINED.blend.row(again, n=5, day=day) == TRAINED.blend.row(shopper, n=5, day=day)


@FEW
@given(shopper=shoppers, day=st.integers(0, 200))
def test_every_recommended_item_has_a_reason_and_every_score_is_a_chance(shopper: Shopper, day: int) -> None:
    for item in TRAINED.blend.recommend(shopper, n=10, day=day):
        assert item.reasons or item.item in {line[0] for line in shopper.purchases}
        assert 0 <= item.score <= 1
        assert item.reasons == TRAINED.blend.explain(shopper, item.item, day=day)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))))
def test_distinct_pairs_are_the_sorted_set(pairs: list[tuple[int, int]]) -> None:
    columns = np.asarray(pairs, np.int32).reshape(-1, 2)
    first, second = distinct_pairs(columns[:, 0], columns[:, 1])
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == sorted(set(pairs))


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from([0.0, 0.1, 0.5, 0.9])), unique_by=lambda pair: pair[0]),
    st.integers(0, 8),
    st.sets(st.integers(0, 50)),
)
def test_the_top_is_the_head_of_the_sorted_rest(pairs: list[tuple[int, float]], n: int, excluded: set[int]) -> None:
    scored = Scored(np.asarray([item for item, _ in pairs], np.int32), np.asarray([score for _, score in pairs]))
    best = top(scored, n, np.asarray(sorted(excluded), np.int32))
    rest = sorted((-score, item) for item, score in pairs if item not in excluded)
    assert best.items.tolist() == [item for _, item in rest[:n]]


baskets = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 9), st.lists(st.sampled_from(CATALOGUE.ids), min_size=1, max_size=6)),
    max_size=25,
)


@FEW
@given(baskets)
def test_lifts_are_those_counted_basket_by_basket(orders: list[tuple[int, int, list[str]]]) -> None:
    every = Together(least_baskets=1, least_together=1, least_ratio=0, neighbours=100, prior_baskets=1)
    model = BoughtTogether.fit(lines_of(orders), CATALOGUE, every)
    held = [set(names) for _, _, names in orders]
    for one, other in combinations(CATALOGUE.ids, 2):
        both = sum({one, other} <= basket for basket in held)
        chance = sum(one in basket for basket in held) * sum(other in basket for basket in held) / max(len(held), 1)
        near = model.neighbours(CATALOGUE.position[one])
        found = near.scores[near.items == CATALOGUE.position[other]]
        if both > chance + 1e-9:
            assert abs(exp(found[0]) - (both + 1) / (chance + 1)) < 1e-4
        else:
            assert not len(found)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_likelihood_ratio_is_symmetric_and_zero_for_independence(a: int, b: int, c: int, d: int) -> None:
    def ratio(both: int, first: int, second: int, total: int) -> float:
        return float(log_likelihood_ratio(np.asarray([both]), np.asarray([first]), np.asarray([second]), total)[0])

    total = a + b + c + d
    assert abs(ratio(a, a + b, a + c, total) - ratio(a, a + c, a + b, total)) < 1e-6
    assert ratio(a, a + b, a + c, total) >= 0
    assert abs(ratio(a * c, a * (c + d), (a + b) * c, (a + b) * (c + d))) < 1e-6


@given(purchases, st.integers(0, 160))
def test_a_visit_counts_days_not_lines_and_nothing_of_the_future(lines: list[tuple[str, int, int]], day: int) -> None:
    visit = visit_of(CATALOGUE, Shopper(purchases=lines), day)
    known = {(name, when) for name, when, quantity in lines if name != "unknown" and quantity > 0 and when <= day}
    assert visit.times.sum() == len(known)
    assert {CATALOGUE.ids[item] for item in visit.own} == {name for name, _ in known}
    assert visit.days.tolist() == sorted({when for _, when in known})
    for item, first, last in zip(visit.own, visit.first, visit.last, strict=True):
        days = [when for name, when in known if name == CATALOGUE.ids[item]]
        assert (first, last) == (min(days), max(days))
