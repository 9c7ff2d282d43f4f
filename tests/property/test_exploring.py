"""Exploration: whatever the placement, the stated share is explored, and what is logged is how often it happens."""

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from regulars.core.catalog import CatalogItem
from regulars.core.definitions import Definitions, Placement, Shop
from regulars.core.merchandising import Rule
from tests.property.test_quick_blend import CATALOGUE
from tests.property.test_rules import PHASES, Told, made_rows

TRIES = 400
#: Standard deviations that a count may be away: with a few thousand counts, one in a million runs is that far out.
FAR = 5.5


@settings(max_examples=6, deadline=None, phases=PHASES)
@given(
    items=st.integers(2, 7),
    share=st.sampled_from([0.05, 0.2, 0.5]),
    pins=st.integers(0, 1),
    out=st.integers(0, 3),
    known=st.integers(24, 40),
)
def test_the_stated_share_is_explored_as_often_as_logged_and_nothing_forbidden_is_drawn(
    items: int, share: float, pins: int, out: int, known: int
) -> None:
    goods = {
        one: CatalogItem(id=one, brand="Gone" if at % 4 < out else "Kept", stock=0 if at % 7 == 0 else 5)
        for at, one in enumerate(CATALOGUE.ids[:known])
    }
    rules = [
        Rule(id="gone", kind="exclude", when="item.brand = 'Gone'"),
        Rule(id="stock", kind="in_stock", unknown="remove"),
    ]
    fixed = next(one for one, told in goods.items() if told.brand == "Kept" and told.stock)
    if pins:
        rules.append(Rule(id="pin", kind="pin", items=(fixed,), position=1))
    place = Placement(id="home", recommend="blend", items=items, explore=share)
    definitions = Definitions(shop=Shop(name="Corner"), placements=(place,), rules=tuple(rules), attributes={})
    rows = made_rows(Told(definitions, goods, [], frozenset(), {}, None, []), TRIES)
    counted: Counter[tuple[int, str]] = Counter()
    logged: dict[tuple[int, str], float] = {}
    explored = slots = 0
    for row in rows:
        assert len({one.item for one in row.items}) == len(row.items), "nothing stands twice"
        for slot, (one, propensity) in enumerate(
            zip(row.items, row.propensities or (1.0,) * len(row.items), strict=True)
        ):
            counted[slot, one.item] += 1
            assert logged.setdefault((slot, one.item), propensity) == propensity
            explored += one.model == "explore"
            slots += 1
            assert propensity == 1.0 or slot >= pins, "a pin is certain"
            assert goods[one.item].brand == "Kept"
            assert goods[one.item].stock
        if pins:
            assert row.items[0].item == fixed
    for key, chance in logged.items():
        spread = (TRIES * chance * (1 - chance)) ** 0.5
        assert abs(counted[key] - TRIES * chance) <= FAR * spread + 2, (key, counted[key], chance)
    open_share = (len(rows[0].items) - pins) / len(rows[0].items)
    stated = min(share, open_share)
    assert explored / slots <= stated + FAR * (stated * (1 - stated) / slots) ** 0.5
    if any(one.model == "explore" for row in rows for one in row.items):
        assert explored / slots >= stated - FAR * (stated * (1 - stated) / slots) ** 0.5 - 1e-9


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_none_explores_nothing_and_one_of_all_everything(share: float) -> None:
    goods = {one: CatalogItem(id=one, stock=5) for one in CATALOGUE.ids[:40]}
    place = Placement(id="home", recommend="blend", items=4, explore=share)
    definitions = Definitions(shop=Shop(name="Corner"), placements=(place,), attributes={})
    rows = made_rows(Told(definitions, goods, [], frozenset(), {}, None, []), 60)
    models = Counter(one.model for row in rows for one in row.items)
    assert (models["explore"] == 0) == (share == 0)
    assert (models["explore"] == 240) == (share == 1)
