"""Whatever the catalogue, the customer and the rules: no row breaks a filter, a cap or a pin."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
from hypothesis import Phase, given, settings

from regulars.adapters.state.sqlite import SqliteState
from regulars.catalog.rows import to_row
from regulars.core.catalog import CatalogItem, Variant
from regulars.core.condition import compile_condition
from regulars.core.definitions import Definitions, Placement, Segment, Shop, Trait
from regulars.core.item_rows import SEPARATOR, ItemRows, margin
from regulars.core.item_rows import stock as stock_of
from regulars.core.merchandising import ModelShare, Rule
from regulars.core.schema import Rows
from regulars.core.state import FOLDED, PRODUCT, Changes
from regulars.flow import rows as flow_rows
from regulars.flow.filling import Moment
from regulars.flow.merchandise import Compilation, Merchandise
from regulars.flow.models import Serving
from regulars.flow.pools import unpack_pool
from regulars.flow.rows import ItemRow
from regulars.flow.shelf import Shelf
from regulars.recommend.model import Shopper
from tests.property.test_quick_blend import CATALOGUE, LAST_DAY, TRAINED, shoppers

DAY = LAST_DAY
#: An example is a whole shop: making a failing one smaller takes longer than reading it.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
COLOURS, BRANDS, SIZES, STORES = ("red", "blue"), ("Acme", "Best", ""), ("S", "M"), ("north", "south")
CONDITIONS = (
    "",
    "item.price < 500",
    "item.brand = 'Acme'",
    "item.colour is null or item.colour = 'red'",
    "item.margin_share >= 0.2 and in_segment('regulars')",
    "item.price > visits * 100",
    "visits >= 2",
    "context.channel = 'email' and item.age_days < 40",
    "in_segment('regulars') or item.stock > 3",
    "context.store = 'north' and not (item.brand = 'Best')",
)


def catalogue_item(identifier: str) -> st.SearchStrategy[CatalogItem]:
    variants = st.lists(
        st.builds(
            lambda size, store, stock: ({"size": size, "store": store}, stock),
            st.sampled_from(SIZES),
            st.sampled_from(STORES),
            st.none() | st.integers(0, 2),
        ),
        max_size=2,
    )
    return st.builds(
        lambda price, cost, stock, brand, group, colour, some, active, since: CatalogItem(
            id=identifier,
            category=("all", f"c{group}"),
            brand=brand,
            price=price,
            cost=cost,
            stock=stock,
            attributes={} if colour is None else {"colour": colour},
            variants=tuple(Variant(sku=str(at), attributes=one, stock=left) for at, (one, left) in enumerate(some)),
            active=active,
            since=since,
        ),
        st.none() | st.integers(0, 1000),
        st.none() | st.integers(0, 1000),
        st.none() | st.integers(0, 5),
        st.sampled_from(BRANDS),
        st.integers(0, 3),
        st.none() | st.sampled_from(COLOURS),
        variants,
        st.sampled_from([True] * 6 + [False]),
        st.sampled_from(["", "1970-05-01", "1970-06-25"]),
    )


#: Products of the models' catalogue and a few that are newer than the models; the rest of the catalogue is unknown.
IDS = (*CATALOGUE.ids[::2], "new-1", "new-2", "new-3")
catalogues = st.lists(st.sampled_from(IDS), unique=True, min_size=5, max_size=60).flatmap(
    lambda ids: st.tuples(*(catalogue_item(one) for one in ids))
)


def rules(placements: Sequence[str]) -> st.SearchStrategy[Rule]:
    when = st.sampled_from(CONDITIONS)
    where = st.sampled_from([(), *((one,) for one in placements)])
    asked = st.sampled_from(CONDITIONS[1:])
    kinds: list[st.SearchStrategy[dict[str, Any]]] = [
        st.fixed_dictionaries(
            {"kind": st.just("in_stock"), "when": when, "unknown": st.sampled_from(["pass", "remove"]),
             "match": st.sampled_from([{}, {"size": "preference.sizes"}, {"store": "context.store"}])}
        ),
        st.fixed_dictionaries(
            {"kind": st.just("margin_floor"), "when": when, "share": st.sampled_from([0.0, 0.3]),
             "unknown": st.sampled_from(["pass", "remove"])}
        ),
        st.fixed_dictionaries({"kind": st.just("exclude"), "when": asked}),
        st.fixed_dictionaries({"kind": st.just("boost"), "when": asked, "factor": st.sampled_from([1.5, 50.0])}),
        st.fixed_dictionaries({"kind": st.just("bury"), "when": asked}),
        st.fixed_dictionaries(
            {"kind": st.just("pin"), "when": when, "position": st.integers(1, 6),
             "items": st.lists(st.sampled_from([*IDS, "nobody-knows"]), min_size=1, max_size=2).map(tuple)}
        ),
        st.fixed_dictionaries(
            {"kind": st.just("diversity"), "when": when, "most": st.integers(1, 3),
             "per": st.sampled_from(["category", "brand", "colour"])}
        ),
        st.fixed_dictionaries(
            {"kind": st.just("no_repeat"), "when": when, "days": st.integers(1, 9),
             "seen_on": st.sampled_from([(), ("email",)]), "per": st.sampled_from(["item", "brand"])}
        ),
        st.fixed_dictionaries(
            {"kind": st.just("cool_down"), "when": when, "days": st.integers(1, 60),
             "per": st.sampled_from(["item", "category"])}
        ),
        st.fixed_dictionaries({"kind": st.just("no_returned"), "when": when, "days": st.none() | st.just(30)}),
    ]  # fmt: skip
    return st.builds(lambda said, placements: Rule(id="r", placements=placements, **said), st.one_of(kinds), where)


class Told(NamedTuple):
    """A shop, a customer and a moment."""

    definitions: Definitions
    items: Mapping[str, CatalogItem]
    values: list[Any]
    segments: frozenset[str]
    facts: dict[str, Any]
    store: str | None
    shown: list[tuple[str, str, int]]


RECOMMENDS: tuple[Any, ...] = (
    "blend",
    "bought_together",
    ("buy_again", "bought_together", "popular"),
    (ModelShare(model="blend", weight=2.0), ModelShare(model="trending"), "popular"),
)
placements = st.builds(
    lambda name, recommend, items, own, review, objective, explore: Placement(
        id=name[0], channel=name[1], recommend=recommend, items=items, filter=own, review=review,
        objective=objective, explore=explore,
    ),
    st.sampled_from([("home", "web"), ("letter", "email")]),
    st.sampled_from(RECOMMENDS),
    st.integers(1, 9),
    st.sampled_from(["", "item.price is null or item.price < 900", "visits < 5 or item.brand = 'Acme'"]),
    st.booleans(),
    st.sampled_from(["click", "margin", "session_margin"]),
    st.sampled_from([0.0, 0.3]),
)  # fmt: skip
shops = st.builds(
    lambda items, some, place, visits, member, sizes, store, shown: Told(
        Definitions(
            shop=Shop(name="Corner"),
            traits=(Trait(name="visits", kind="count", events=("Product Viewed",)),),
            segments=(Segment(id="regulars", when="visits >= 3"),),
            placements=(place,),
            rules=tuple(Rule(**{**_fields(rule), "id": f"r{at}"}) for at, rule in enumerate(some)),
            attributes={"colour": "text"},
        ),
        {one.id: one for one in items},
        [visits],
        frozenset(["regulars"] if member else []),
        {"pref.sizes": sizes} if sizes else {},
        store,
        shown,
    ),
    catalogues,
    st.lists(rules(["home", "letter"]), max_size=6),
    placements,
    st.none() | st.integers(0, 6),
    st.booleans(),
    st.lists(st.sampled_from(SIZES), max_size=1),
    st.none() | st.sampled_from(STORES),
    st.lists(st.tuples(st.sampled_from(["web", "email"]), st.sampled_from(IDS), st.integers(0, 12)), max_size=6),
)


def _fields(rule: Rule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in rule.__struct_fields__}


def row_of(told: Told, shopper: Shopper, shown: Sequence[str], *, seed: int = 0, allowed: bool = True) -> ItemRow:
    """The row, made as a process makes it: catalogue from the state, models from memory."""
    state = SqliteState(":memory:")
    half = list(told.items.values())[1::2][:20]
    before = [CatalogItem(id=one.id, brand="Best", price=1, cost=0, stock=9) for one in half]
    models, shelf, merchandise = _serving(state, told, [*told.items.values(), *before])
    _store(state, half, at=2)
    _look(shelf, merchandise)
    place = told.definitions.placements[0]
    moment = Moment(DAY, lambda one: profile_row(told, one), told.facts, told.store, told.shown, seed)
    found = flow_rows.ItemRows(models, shelf, merchandise).of(
        place, shopper, allowed=allowed, day=DAY, shown=shown, moment=moment
    )
    state.close()
    return found


def _serving(state: SqliteState, told: Told, items: Sequence[CatalogItem]) -> tuple[Serving, Shelf, Merchandise]:
    """What a process holds that has looked at these products."""
    _store(state, items, at=1)
    models = Serving(Path("nowhere"))
    models.trained, models.version = TRAINED, "v1"
    merchandise = Merchandise(state)
    merchandise.use(Compilation(told.definitions, Rows(told.definitions)), DAY)
    shelf = Shelf(state, merchandise)
    _look(shelf, merchandise)
    return models, shelf, merchandise


def _store(state: SqliteState, items: Sequence[CatalogItem], *, at: int) -> None:
    changes = Changes()
    for one in items:
        changes.put(PRODUCT, to_row(one, at))
    state.commit(changes, meta={FOLDED: at})


def _look(shelf: Shelf, merchandise: Merchandise) -> None:
    while shelf.refresh():
        pass
    merchandise.refresh(TRAINED, "v1")


def profile_row(told: Told, place: Placement) -> list[Any]:
    return Rows(told.definitions).row(
        told.values, told.segments, told.facts, channel=place.channel, placement=place.id, hour=9, weekday=1
    )


class Oracle:
    """What rules say of single items, read without masks and without splitting conditions."""

    def __init__(self, told: Told, shopper: Shopper) -> None:
        self.told = told
        self.place = told.definitions.placements[0]
        self.rows = ItemRows(Rows(told.definitions), told.definitions.attributes)
        self.profile = profile_row(told, self.place)
        self.rules = [one for one in told.definitions.rules if not one.placements or self.place.id in one.placements]
        kept = {product: DAY - day for product, day, quantity in reversed(shopper.purchases) if quantity > 0}
        self.bought: dict[str, int] = {}
        self.returned: dict[str, int] = {}
        for product, day, quantity in shopper.purchases:
            if day <= DAY:
                into = self.bought if quantity > 0 else self.returned
                into[product] = min(DAY - day, into.get(product, DAY - day))
        assert set(self.bought) <= set(kept)

    def cells(self, item: str) -> tuple[Any, ...]:
        known = self.told.items.get(item)
        return self.rows.cells(known if known is not None else CatalogItem(id=item, kind="product"), DAY)

    def holds(self, when: str, item: str) -> bool:
        if not when:
            return True
        cells = list(self.cells(item))
        if item not in self.told.items:
            cells[1:] = [None] * (len(cells) - 1)
        condition = compile_condition(when, self.rows.schema)
        return condition.evaluate([*self.profile, self.told.store, *cells]) is True

    def key(self, rule: Rule, item: str) -> Any:
        known = self.told.items.get(item)
        if rule.alike == "item":
            return item
        if known is None:
            return None
        values = {
            "category": SEPARATOR.join(known.category),
            "brand": known.brand or None,
            "colour": known.attributes.get("colour"),
        }
        return values[rule.alike]

    def breaks(self, rule: Rule, item: str) -> bool:
        """Whether a filter takes the item out."""
        if not self.holds(rule.when, item):
            return False
        known = self.told.items.get(item)
        match rule.kind:
            case "exclude":
                return True
            case "margin_floor":
                profit = None if known is None else margin(known)
                share = None if profit is None or known is None or not known.price else profit / known.price
                return rule.unknown == "remove" if share is None else share < (rule.share or 0)
            case "in_stock":
                return not self._in_stock(rule, known)
            case "cool_down":
                return self._met(rule, item, self.bought)
            case "no_returned":
                gone = {
                    one: days
                    for one, days in self.returned.items()
                    if one not in self.bought or self.bought[one] >= days
                }
                return self._met(rule, item, gone)
            case "no_repeat":
                seen = {
                    item: days
                    for channel, item, days in sorted(self.told.shown, key=lambda one: -one[2])
                    if not rule.seen_on or channel in rule.seen_on
                }
                return self._met(rule, item, seen)
        return False

    def _met(self, rule: Rule, item: str, known: Mapping[str, int]) -> bool:
        mine = self.key(rule, item)
        return mine is not None and any(
            self.key(rule, other) == mine and (rule.days is None or days < rule.days) for other, days in known.items()
        )

    def _in_stock(self, rule: Rule, known: CatalogItem | None) -> bool:
        said = {"size": self.told.facts.get("pref.sizes"), "store": [self.told.store] if self.told.store else None}
        wanted = {name: said[name] for name in rule.match if said[name]}
        if known is None or not known.variants or not wanted:
            stock = None if known is None else stock_of(known)
            return rule.unknown == "pass" if stock is None else stock > 0
        suiting = [
            one.stock
            for one in known.variants
            if all(one.attributes[name] in (values or ()) for name, values in wanted.items())
        ]
        told = [one for one in suiting if one is not None]
        return any(one > 0 for one in told) if told else bool(suiting) and rule.unknown == "pass"


@settings(max_examples=150, deadline=None, phases=PHASES)
@given(told=shops, shopper=shoppers, shown=st.lists(st.sampled_from(IDS), max_size=5), seed=st.integers(0, 99))
def test_no_row_breaks_a_filter_a_cap_or_a_pin(told: Told, shopper: Shopper, shown: list[str], seed: int) -> None:
    row = row_of(told, shopper, shown, seed=seed)
    oracle, place = Oracle(told, shopper), told.definitions.placements[0]
    items = [one.item for one in row.items]

    assert len(set(items)) == len(items) <= place.items
    assert not set(items) & {*shown, *shopper.basket}
    for item in items:
        known = told.items.get(item)
        assert known is None or (known.active and known.in_stock() is not False)
        assert oracle.holds(place.filter, item), "the placement's filter"
        broken = [rule for rule in oracle.rules if rule.kind in FILTERING and oracle.breaks(rule, item)]
        assert not broken, (item, broken)
        if not place.review:
            assert item not in oracle.bought
            assert item not in shopper.viewed
    for rule in oracle.rules:
        if rule.kind == "diversity":
            alike = Counter(
                key for one in items if oracle.holds(rule.when, one) and (key := oracle.key(rule, one)) is not None
            )
            assert all(count <= rule.most for count in alike.values()), (rule, alike)
    _pins_hold(oracle, row, {*shown, *shopper.basket})
    codes = {code for code, _ in row.notes}
    assert (len(items) < place.items) == any(code.startswith("short.") for code in codes)


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(
    most=st.integers(1, 3),
    per=st.sampled_from(["category", "brand", "colour"]),
    items=st.integers(4, 9),
    explore=st.sampled_from([0.0, 0.4]),
    spread=st.integers(1, 7),
    pins=st.lists(st.tuples(st.sampled_from(CATALOGUE.ids[:30]), st.integers(1, 9)), max_size=3),
    shopper=shoppers,
)
def test_caps_hold_in_a_catalogue_of_few_kinds(
    most: int, per: str, items: int, explore: float, spread: int, pins: list[tuple[str, int]], shopper: Shopper
) -> None:
    known = {
        one: CatalogItem(
            id=one, brand=BRANDS[at * spread % 3 % 2], category=("all", f"c{at * spread % 4}"),
            attributes={"colour": COLOURS[at * spread % 2]},
        )
        for at, one in enumerate(CATALOGUE.ids)
    }  # fmt: skip
    cap = Rule(id="cap", kind="diversity", per=per, most=most)
    pinned = [Rule(id=f"pin{at}", kind="pin", items=(one,), position=to) for at, (one, to) in enumerate(pins)]
    place = Placement(id="home", recommend=("blend", "popular"), items=items, explore=explore)
    told = Told(
        Definitions(
            shop=Shop(name="Corner"), placements=(place,), rules=(cap, *pinned), attributes={"colour": "text"},
            traits=(Trait(name="visits", kind="count", events=("Product Viewed",)),),
        ),
        known, [1], frozenset(), {}, None, [],
    )  # fmt: skip
    row = row_of(told, shopper, [])
    oracle = Oracle(told, shopper)
    alike = Counter(oracle.key(cap, one.item) for one in row.items)
    kinds = len({oracle.key(cap, one) for one in known})
    assert max(alike.values()) <= most
    assert len(row.items) == min(items, kinds * most), "and rows are as long as the cap lets them be"
    _pins_hold(oracle, row, set())


FILTERING = ("in_stock", "margin_floor", "exclude", "no_repeat", "cool_down", "no_returned")


def _pins_hold(oracle: Oracle, row: ItemRow, hidden: set[str]) -> None:
    """A pin stands at its place, or further up in a row that is short; one that does not has a note."""
    items = [one.item for one in row.items]
    noted = {arguments["rule"] for code, arguments in row.notes if code.startswith("pin.")}
    for rule in oracle.rules:
        if rule.kind != "pin" or rule.id in noted:
            continue
        asking = [one for one in rule.items if oracle.holds(rule.when, one)]
        if not asking:
            continue
        there = [items.index(one) + 1 for one in rule.items if one in items]
        full = len(items) == oracle.place.items
        assert any(at == rule.position if full else at <= rule.position for at in there), (rule, items, hidden)


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(told=shops, shopper=shoppers)
def test_the_record_of_a_row_says_which_rule_took_what_out(told: Told, shopper: Shopper) -> None:
    row = row_of(told, shopper, [])
    oracle = Oracle(told, shopper)
    rules_by_place = dict(enumerate(told.definitions.rules))
    for place, items in row.removed.items():
        for item in items:
            if place >= 0:
                assert oracle.breaks(rules_by_place[place], item)
            else:
                assert not oracle.holds(oracle.place.filter, item)
    shown = {one.item for one in row.items}
    for named in unpack_pool(row.pool):
        item = [*CATALOGUE.ids, *(one for one in told.items if one not in CATALOGUE.position)][named.at]
        assert not (named.out and item in shown)


def test_an_explored_slot_is_filled_as_often_as_its_logged_probability_says() -> None:
    place = Placement(id="home", recommend="blend", items=6, explore=0.2)
    items = {one: CatalogItem(id=one, brand="Acme" if at % 3 else "Best") for at, one in enumerate(CATALOGUE.ids[:40])}
    cap = Rule(id="cap", kind="diversity", per="brand", most=8)
    pin = Rule(id="pin", kind="pin", items=(CATALOGUE.ids[3],), position=2)
    definitions = Definitions(shop=Shop(name="Corner"), placements=(place,), rules=(cap, pin), attributes={})
    told = Told(definitions, items, [], frozenset(), {}, None, [])
    counted: Counter[tuple[int, str]] = Counter()
    expected: Counter[tuple[int, str]] = Counter()
    tries = 4_000
    rows = made_rows(told, tries)
    explored = 0
    for row in rows:
        for slot, (one, propensity) in enumerate(zip(row.items, row.propensities, strict=True)):
            counted[slot, one.item] += 1
            expected[slot, one.item] = propensity  # type: ignore[assignment]  # a probability, the same in every row
            explored += one.model == "explore"
        assert row.items[1].item == CATALOGUE.ids[3]
        assert row.propensities[1] == 1.0
    assert len(rows[0].items) == 6
    for key, propensity in expected.items():
        spread = (tries * propensity * (1 - propensity)) ** 0.5
        assert abs(counted[key] - tries * propensity) <= 4.5 * spread + 1e-9, (key, counted[key], propensity)
    share = explored / (6 * tries)
    assert abs(share - 0.2) < 0.01  # five of six slots are open, and together they give the stated share of the row
    assert all(
        sum(expected[slot, one] for one in CATALOGUE.ids if (slot, one) in expected) <= 1 + 1e-9 for slot in range(6)
    )


def made_rows(told: Told, tries: int) -> list[ItemRow]:
    """Rows of one customer under other seeds."""
    state = SqliteState(":memory:")
    models, shelf, merchandise = _serving(state, told, list(told.items.values()))
    rows = flow_rows.ItemRows(models, shelf, merchandise)
    place = told.definitions.placements[0]
    shopper = Shopper(purchases=[(CATALOGUE.ids[1], DAY - 9, 1)])
    found = [
        rows.of(place, shopper, allowed=True, day=DAY, shown=(), moment=Moment(DAY, seed=seed)) for seed in range(tries)
    ]
    state.close()
    return found
