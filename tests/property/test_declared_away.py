"""No decision ever shows what was declared away: neither by itself, nor by brand, category, trait or placement."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from regulars.adapters.state.sqlite import SqliteState
from regulars.catalog.rows import to_row
from regulars.core.catalog import CatalogItem
from regulars.core.definitions import Placement
from regulars.core.preferences import too_close, unwanted
from regulars.core.state import PRODUCT, Changes
from regulars.decide.decide import Facts, decide
from regulars.decide.identity import decision_id
from regulars.decide.reach import Tally
from regulars.decide.records import Circumstances, to_record
from regulars.decide.replay import replay, suppressions
from regulars.decide.scoring import Responses, scores
from regulars.flow.models import Serving
from regulars.flow.rows import ItemRows, Wishes, too_close_reasons
from regulars.flow.shelf import Shelf
from regulars.recommend.model import Shopper
from tests.property.test_quick_blend import CATALOGUE, TRAINED
from tests.unit.decide.shop import NOW, customer, offer, table_of

# Offers ---------------------------------------------------------------------------------------------------------------

GOODS = {"tea": ("Drinks > Tea", "Acme"), "cocoa": ("Drinks > Cocoa", "Best"), "helmet": ("Sport", "Acme")}
TABLE = table_of(
    *(offer(f"with-{one}", product=one, placements=("hero", "foot")) for one in GOODS),
    offer("counted", when="orders >= 0"),
    offer("through", when="in_segment('regulars') or 1 = 1", placements=("hero", "foot")),
    offer("private", purpose="personalisation"),
    offer("everybodys", placements=("hero", "foot")),
)
READING = {"counted", "through"}  # they rest on the trait `orders`, a count
PERSONAL = {"counted", "through", "private"}
NOT_AGAIN = st.lists(
    st.sampled_from(
        [*GOODS, "offer:everybodys", "offer:counted", "brand:acme", "brand:Best", "category:drinks", "category:Sport",
         "category:Drinks > Tea", "product:tea"]
    ),
    max_size=4,
)  # fmt: skip
TOO_CLOSE = st.lists(
    st.sampled_from(
        ["private", "offer:through", "placement:hero", "placement:foot", "trait:orders", "kind:count", "kind:affinity"]
    ),
    max_size=3,
)


@given(NOT_AGAIN, TOO_CLOSE, st.integers(0, 4), st.integers(0, 255))
def test_no_offer_is_shown_that_was_declared_away(again: list[str], close: list[str], orders: int, salt: int) -> None:
    hot = customer(orders=orders, consent=["personalisation"], segments=["regulars"] if orders >= 3 else [])
    hot.facts = {"pref.not_again": again, "pref.too_close": close}
    plan = TABLE.plan(["hero", "foot"], TABLE.calendar.day(NOW))
    facts = Facts(hot, NOW, Tally([], (), now=NOW), dict.fromkeys(GOODS, True), GOODS)
    identifier = decision_id(NOW, bytes([salt] * 10))
    ranked = scores(TABLE.offers, Responses())

    found = decide(TABLE, ranked, plan, facts, identifier)

    for place, slot in enumerate(found.slots):
        told = {one.offer: one.gate for one in suppressions(TABLE, found, place)}
        for at, one in enumerate(TABLE.offers):
            refused = one.id in _refused(again)
            crept = one.id in _crept(close, slot.placement)
            if slot.placement in one.placements:
                assert (at in slot.candidates) <= (not refused and not crept)
                if refused or crept:
                    assert told[one.id] in ("not_wanted", "too_close")
                else:
                    assert told.get(one.id, "placement") == "placement"
    about = Circumstances(identifier, NOW, 1, TABLE.version, "", 0)
    record = to_record(found, about, hot, msgspec.msgpack.encode(hot), [[], []])
    assert [one.offer for one in replay(record, TABLE, ranked)] == [
        TABLE.offers[slot.chosen.offer].id if slot.chosen.offer >= 0 else None for slot in found.slots
    ]


def _refused(again: list[str]) -> set[str]:
    found = {one.removeprefix("offer:") for one in again}
    for product, (category, brand) in GOODS.items():
        names = {product, f"product:{product}", f"brand:{brand}".lower()}
        path = category.lower().split(" > ")
        names |= {"category:" + " > ".join(path[: depth + 1]) for depth in range(len(path))}
        if names & {one.lower() for one in again}:
            found.add(f"with-{product}")
    return found


def _crept(close: list[str], placement: str) -> set[str]:
    found = {one.removeprefix("offer:") for one in close}
    if {"trait:orders", "kind:count"} & set(close):
        found |= READING
    return found | PERSONAL if f"placement:{placement}" in close else found


# Rows of items --------------------------------------------------------------------------------------------------------

BRANDS = ("Acme", "Best", "")


def _rows() -> ItemRows:
    state, changes = SqliteState(":memory:"), Changes()
    for at, product in enumerate(CATALOGUE.ids):
        category = CATALOGUE.category_of(at)
        item = CatalogItem(id=product, category=(category,) if category else (), brand=BRANDS[at % 3])
        changes.put(PRODUCT, to_row(item, 1))
    state.commit(changes)
    models = Serving(Path("nowhere"))
    models.trained, models.version = TRAINED, "v"
    return ItemRows(models, Shelf(state))


ROWS = _rows()
ITEMS = {product: (CATALOGUE.category_of(at), BRANDS[at % 3]) for at, product in enumerate(CATALOGUE.ids)}
ROW = Placement(id="hero", recommend="blend", items=6)
CROWD = {"popular", "trending", "filled_up"}
SHOPPERS = st.builds(
    Shopper,
    purchases=st.lists(st.tuples(st.sampled_from(CATALOGUE.ids), st.integers(0, 170), st.just(1)), max_size=12),
    basket=st.lists(st.sampled_from(CATALOGUE.ids), max_size=2),
)
ROW_AGAIN = st.lists(
    st.sampled_from([*CATALOGUE.ids[:20], "brand:ACME", "brand:Best", *(f"category:c{at}" for at in range(12))]),
    max_size=9,
)
ROW_CLOSE = st.lists(
    st.sampled_from(
        ["placement:hero", "placement:foot", "reason:own_rhythm", "reason:category", "kind:affinity", "kind:count",
         "kind:lifecycle", "reason:bought_together", "trait:aisles"]
    ),
    max_size=4,
)  # fmt: skip
SAYS = {"affinity": {"category"}, "count": {"bought_often"}, "lifecycle": {"own_rhythm"}}


@settings(max_examples=150, deadline=None)
@given(SHOPPERS, ROW_AGAIN, ROW_CLOSE, st.booleans(), st.integers(150, 190))
def test_no_row_holds_what_was_declared_away_or_says_why_it_came_too_close(
    shopper: Shopper,
    again: list[str],
    close: list[str],
    allowed: bool,  # noqa: FBT001 - hypothesis gives it
    day: int,
) -> None:
    said: dict[str, Any] = {"pref.not_again": again, "pref.too_close": close}
    near = too_close(said)
    wishes = Wishes(unwanted(said), near, too_close_reasons(near, {"aisles": "affinity"}))

    row = ROWS.of(ROW, shopper, allowed=allowed, day=day, shown=(), wishes=wishes)

    codes = {str(reason.code) for one in row.items for reason in one.reasons}
    for one in row.items:
        category, brand = ITEMS[one.item]
        assert not {one.item, f"category:{category}", f"brand:{brand}", f"brand:{brand.upper()}"} & set(again)
    for entry in close:
        kind, _, name = entry.partition(":")
        gone = {"reason": {name}, "kind": SAYS.get(name, set()), "trait": {"category"}}.get(kind, set())
        assert not codes & gone
    if "placement:hero" in close:
        assert codes <= CROWD
    assert len({one.item for one in row.items}) == len(row.items)
    assert all(a.score >= b.score for a, b in pairwise(row.items) if a.model == b.model)
