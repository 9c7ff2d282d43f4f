"""The blend of a shopper of few items is the same with arrays and without: items, chances, reasons."""

from collections.abc import Set as AbstractSet

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.recommend.interactions import Catalogue, Interactions
from regulars.recommend.model import Shopper
from regulars.recommend.quick import MOST_LINES, MOST_OWN
from regulars.recommend.training import Settings, TrainedSet, train

ITEMS, CATEGORIES, LAST_DAY = 160, 12, 180
CATALOGUE = Catalogue.of((f"p{at}", "" if at % CATEGORIES == 5 else f"c{at % CATEGORIES}") for at in range(ITEMS))


def trained() -> TrainedSet:
    """Baskets over many products, with pairs that go together and customers who come back for their own."""
    chance = np.random.default_rng(5)
    rows = []
    for basket in range(2_500):
        person, day = basket % 90, basket * LAST_DAY // 2_500
        usual = (person * 7 + np.arange(4)) % ITEMS
        others = (chance.pareto(1.2, 3) * 6).astype(int) % ITEMS
        items = {*usual[chance.random(4) < 0.5].tolist(), *others.tolist(), *((others[:1] + 12) % ITEMS).tolist()}
        rows += [(person, item, basket, day) for item in sorted(items)]
    columns = np.asarray(rows, np.int32)
    lines = Interactions(
        person=columns[:, 0],
        item=columns[:, 1],
        basket=columns[:, 2],
        day=columns[:, 3],
        quantity=np.ones(len(rows), np.int32),
        unit_price=np.full(len(rows), 100, np.int64),
    )
    return train(lines, CATALOGUE, Settings(holdout_days=0))


TRAINED = trained()
few_products = st.sampled_from([*CATALOGUE.ids[::9], *CATALOGUE.ids[:24:3], "unknown"])
products = st.sampled_from([*CATALOGUE.ids, "unknown"])
lines = st.tuples(few_products, st.integers(-3, LAST_DAY + 40), st.integers(0, 3))
shoppers = st.builds(
    Shopper,
    purchases=st.lists(lines, max_size=14),
    basket=st.lists(products, max_size=4),
    viewed=st.lists(products, max_size=4),
)


@settings(max_examples=400, deadline=None)
@given(
    shopper=shoppers,
    n=st.integers(1, 30),
    day=st.integers(0, LAST_DAY + 20) | st.just(20_000),
    exclude=st.sets(products, max_size=30),
    refused=st.none() | st.sets(products, max_size=120),
)
def test_a_quick_row_is_the_full_row(
    shopper: Shopper, n: int, day: int, exclude: AbstractSet[str], refused: AbstractSet[str] | None
) -> None:
    allowed = None if refused is None else ~CATALOGUE.mask(refused)
    quick = TRAINED.blend.quick_row(shopper, n=n, day=day, exclude=exclude, allowed=allowed)
    if quick is None:
        return
    full = TRAINED.blend.full_row(shopper, n=n, day=day, exclude=exclude, allowed=allowed)
    assert [one.score for one in quick.items] == pytest.approx([one.score for one in full.items], rel=1e-9, abs=1e-15)
    assert (quick.asked, quick.shortfall) == (full.asked, full.shortfall)
    # Chances that are equal but for the last digits may change places.
    told = {one.item: one for one in full.items}
    apart = [one for one in quick.items if abs(one.score - quick.items[-1].score) > 1e-9 * one.score]
    assert {one.item for one in apart} <= told.keys()
    for one in apart:
        assert (one.reasons, one.model) == (told[one.item].reasons, told[one.item].model)
    distinct = all(a.score - b.score > 1e-9 * a.score for a, b in zip(quick.items, quick.items[1:], strict=False))
    if distinct and len(apart) == len(quick.items) - 1:
        assert [one.item for one in quick.items[:-1]] == [one.item for one in full.items[:-1]]


def test_who_needs_arrays_is_left_to_them() -> None:
    blend = TRAINED.blend
    usual = Shopper(purchases=[("p1", 170, 1), ("p13", 175, 1)])
    assert blend.quick_row(usual, n=5, day=180) is not None
    many = [(product, 170, 1) for at, product in enumerate(CATALOGUE.ids) if at % CATEGORIES < 2]
    assert len(many) > MOST_OWN
    assert blend.quick_row(Shopper(purchases=many), n=5, day=180) is None
    assert blend.quick_row(Shopper(purchases=many[:MOST_OWN]), n=5, day=180) is not None
    assert blend.quick_row(Shopper(purchases=[("p1", 170, 1)] * (MOST_LINES + 1)), n=5, day=180) is None
    assert blend.quick_row(Shopper(purchases=[(one, 170, 1) for one in CATALOGUE.ids[:11]]), n=5, day=180) is None
    assert blend.quick_row(usual, n=ITEMS, day=180) is None  # filled up with what else sells
    assert len(blend.row(usual, n=60, day=180).items) == 60
