"""Laws of the models that learn from orders alone: buy again, bought together, popular and trending."""

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings

from regulars.recommend.bought_together import BoughtTogether, Together
from regulars.recommend.buy_again import BuyAgain
from regulars.recommend.model import ReasonCode, Shopper
from regulars.recommend.popular import Popular, Trending
from tests.unit.recommend.shops import CATALOGUE, PRODUCTS, Basket, grocer, lines_of

NAMES = tuple(name for name, _ in PRODUCTS)
SMALL = Together(least_baskets=1, least_together=1, least_ratio=0.0)
held = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)
baskets = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 90), held), min_size=3, max_size=40)
purchases = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(0, 150), st.integers(0, 2)), max_size=20
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(bought=purchases, shift=st.integers(1, 400))
def test_buy_again_names_what_was_bought_and_knows_days_only_by_their_distance(
    bought: list[tuple[str, int, int]], shift: int
) -> None:
    model = BuyAgain.fit(grocer(people=12, weeks=10), CATALOGUE)
    row = model.recommend(Shopper(purchases=bought), n=20, day=160)
    assert {one.item for one in row} == {name for name, _, quantity in bought if quantity > 0}
    assert all(one.reasons for one in row)
    later = [(name, day + shift, quantity) for name, day, quantity in bought]
    again = model.recommend(Shopper(purchases=later), n=20, day=160 + shift)
    assert [one.item for one in again] == [one.item for one in row]
    assert [one.score for one in again] == pytest.approx([one.score for one in row])


@settings(max_examples=50, deadline=None)
@given(told=baskets, seed=st.integers(0, 9))
def test_bought_together_goes_both_ways_names_what_shared_a_basket_and_minds_no_order(
    told: list[Basket], seed: int
) -> None:
    model = BoughtTogether.fit(lines_of(told), CATALOGUE, SMALL)
    shared = {(a, b) for _, _, names in told for a in names for b in names if a != b}
    lifts = {
        (one, CATALOGUE.ids[other]): lift
        for at, one in enumerate(CATALOGUE.ids)
        for near in [model.neighbours(at)]
        for other, lift in zip(near.items.tolist(), near.scores.tolist(), strict=True)
    }
    assert set(lifts) <= shared
    assert all(lift == pytest.approx(lifts[b, a]) and lift > 0 for (a, b), lift in lifts.items())
    lines = lines_of(told)
    order = np.random.default_rng(seed).permutation(len(lines))
    mixed = msgspec.structs.replace(lines, **{name: getattr(lines, name)[order] for name in lines.__struct_fields__})
    other = BoughtTogether.fit(mixed, CATALOGUE, SMALL)
    assert all(
        np.array_equal(one, two) for one, two in zip(model.columns().values(), other.columns().values(), strict=True)
    )
    for one in model.recommend(Shopper(basket=[NAMES[0]]), n=20, day=99):
        assert one.item != NAMES[0]
        assert one.reasons[0].code is ReasonCode.BOUGHT_TOGETHER
        assert (NAMES[0], one.item) in shared


@settings(max_examples=50, deadline=None)
@given(told=baskets, product=st.sampled_from(NAMES), more=st.integers(1, 20))
def test_what_is_bought_more_on_the_last_day_trends_and_sells_no_less_than_before(
    told: list[Basket], product: str, more: int
) -> None:
    told = [*told, (0, 90, ["milk"])]
    at = CATALOGUE.position[product]
    before, after = (lines_of(one) for one in (told, [*told, *[(7, 90, [product])] * more]))
    assert Trending.fit(after, CATALOGUE).surge[at] >= Trending.fit(before, CATALOGUE).surge[at] - 1e-6
    assert Popular.fit(after, CATALOGUE).rate[at] > Popular.fit(before, CATALOGUE).rate[at]


@settings(max_examples=30, deadline=None)
@given(told=baskets, shift=st.integers(1, 1000))
def test_what_is_popular_and_what_trends_does_not_depend_on_the_date(told: list[Basket], shift: int) -> None:
    later = [(person, day + shift, names) for person, day, names in told]
    for model in (Popular, Trending):
        then, now = (model.fit(lines_of(one), CATALOGUE) for one in (told, later))
        for name, column in then.columns().items():
            assert np.allclose(np.asarray(column), np.asarray(now.columns()[name]), atol=1e-5), (model, name)
