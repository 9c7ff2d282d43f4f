"""A small shop with every kind of trait, tight caps and windows, and a profile of it folded from events."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from regulars.core.calendar import DAY_MS, Calendar
from regulars.core.definitions import Definitions, Shop, Trait
from regulars.core.event import Event
from regulars.core.record import PURCHASES, Hot
from regulars.profile import orders
from regulars.profile.fold import Fold, Parts
from regulars.understand.lifecycle import Lifecycle

VIEWED, ADDED = "Product Viewed", "Product Added"
COMPLETED, UPDATED, REFUNDED, CANCELLED = orders.COMPLETED, orders.UPDATED, orders.REFUNDED, orders.CANCELLED
FIRST_DAY = 17_500
CALENDAR = Calendar("UTC")

VIEW, ORDER = (VIEWED,), (COMPLETED,)
TRAITS = (
    Trait(name="views", kind="count", events=VIEW),
    Trait(name="views_3d", kind="count", events=VIEW, window_days=3),
    Trait(name="products", kind="distinct", events=(VIEWED, ADDED), of="product_id", cap=3),
    Trait(name="products_4d", kind="distinct", events=VIEW, of="product_id", cap=3, window_days=4),
    Trait(name="days_since_view", kind="days_since", events=VIEW),
    Trait(name="last_product", kind="last", events=VIEW, of="product_id", type="text"),
    Trait(name="first_price", kind="first", events=VIEW, of="price"),
    Trait(name="interest", kind="affinity", events=VIEW, of="category", cap=3, half_life_days=14, interest=True),
    Trait(name="recent", kind="affinity", events=VIEW, of="category", window_days=14, purpose="analytics"),
    Trait(name="added_value", kind="sum", events=(ADDED,), of="price"),
    Trait(name="added_weight_5d", kind="sum", events=(ADDED,), of="kilograms", window_days=5),
    Trait(name="best_price", kind="max", events=(VIEWED, ADDED), of="price", purpose="analytics"),
    Trait(name="orders", kind="count", events=ORDER),
    Trait(name="orders_9d", kind="count", events=ORDER, window_days=9),
    Trait(name="revenue", kind="sum", events=ORDER, of="total"),
    Trait(name="revenue_9d", kind="sum", events=ORDER, of="total", window_days=9, purpose="analytics"),
    Trait(name="a_spend", kind="sum", events=ORDER, of="products.quantity", where={"products.category": "a"}),
    Trait(
        name="bought", kind="affinity", events=ORDER, of="products.category", weight="products.quantity", cap=4,
        half_life_days=28,
    ),
    Trait(name="largest_order", kind="max", events=ORDER, of="total"),
    Trait(name="days_since_order", kind="days_since", events=ORDER),
    Trait(name="refunds", kind="count", events=(REFUNDED,)),
    Trait(name="stage", kind="lifecycle", events=ORDER, cap=4),
)  # fmt: skip
DEFINITIONS = Definitions(shop=Shop(name="Corner", time_zone="UTC"), traits=TRAITS, record_version="v1")
ALL_CONSENT = {"analytics": 0}


def fold_of(traits: Sequence[Trait] = TRAITS, thresholds: Mapping[str, tuple[float, ...] | None] | None = None) -> Fold:
    """The fold of a shop with these traits."""
    shop = Definitions(shop=DEFINITIONS.shop, traits=tuple(traits), record_version="v1")
    return Fold(shop, CALENDAR, {"lifecycle": Lifecycle(7)}, thresholds=thresholds)


def event(name: str, day: float, properties: Mapping[str, Any], message_id: str = "m1") -> Event:
    """An event on a day of the shop, counted from its first one."""
    time = int((FIRST_DAY + day) * DAY_MS)
    key = "anonymous_id:a"
    return Event(message_id, "web", name, time, time, key, (key,), (), dict(properties), {}, {})


class Profile:
    """One customer: the order facts, the parts and the hot record, folded batch by batch."""

    def __init__(self, fold: Fold, *, since: Mapping[str, int] = ALL_CONSENT) -> None:
        self.fold = fold
        self.since = since
        self.parts: Parts = {}
        self.orders: dict[str, orders.Order] = {}
        self.hot: Hot | None = None

    def add(self, batch: Iterable[Event], day: int | None = None) -> set[int]:
        """Fold a batch, its bytes encoded and decoded on the way, as of `day` (default: its latest event's)."""
        events = list(batch)
        if not events:
            return set()
        day = max(CALENDAR.day(one.time) for one in events) if day is None else FIRST_DAY + day
        if self.hot is None:
            self.hot = self.fold.new("anonymous_id:a", events[0].time, day)
        changes = []
        told: dict[str, list[Event]] = {}
        for one in events:
            identifier = orders.order_id(one)
            if identifier is not None:
                told.setdefault(identifier, []).append(one)
        for identifier, some in told.items():
            change = orders.apply(identifier, self.orders.get(identifier), some, currency="EUR")
            self.orders[identifier] = orders.load(identifier, change.new.data(), currency="EUR")
            changes.append(change)
        touched = {part for one in events for part in self.fold.touched(one.name)}
        loaded = {p: self.fold.decode_part(self.fold.encode(self.parts[p])) for p in touched if p in self.parts}
        hot = self.fold.decode_hot(self.fold.encode(self.hot))
        folded = self.fold.fold(hot, loaded, events, changes, since=self.since, day=day)
        assert folded.parts <= touched
        self.hot = hot
        self.parts.update({part: loaded[part] for part in folded.parts})
        return folded.slots

    def values(self, day: int) -> dict[str, Any]:
        """The trait values on a day of the shop."""
        assert self.hot is not None
        self.fold.evaluate(self.hot, self.parts, FIRST_DAY + day)
        return dict(zip(self.fold.names, self.hot.values, strict=True))

    def whole(self) -> Parts:
        """Every part, those without events included."""
        return {part: self.parts.get(part) or self.fold.zero(part) for part in (*self.fold.parts, PURCHASES)}


def profile(*events: Event, fold: Fold | None = None, since: Mapping[str, int] = ALL_CONSENT) -> Profile:
    """A profile that has seen these events in one batch."""
    one = Profile(fold or fold_of(), since=since)
    one.add(events)
    return one
