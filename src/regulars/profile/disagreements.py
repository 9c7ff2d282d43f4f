"""Where the sources that tell of an order disagree: what each would say alone, pair by pair."""

from collections.abc import Iterator
from itertools import combinations

import msgspec

from regulars.profile.best_source import BROWSER_RANK, GROUPS, MONEY, PRODUCTS, STATUS, rank
from regulars.profile.orders import CANCELLED, COMPLETED, UPDATED, Order, Version

_GROUP = {"total": MONEY, "currency": MONEY, "products": PRODUCTS, "refunded": STATUS, "cancelled": STATUS}
FIELDS = tuple(_GROUP)


class Difference(msgspec.Struct, frozen=True):
    """Two sources that tell an order otherwise. `money` is how far apart they are, in minor units."""

    order_id: str
    first: str  # the better source
    second: str
    field: str
    said: tuple[str, str]
    money: int
    currency: str
    counts: str  # whose word counts: a source, "latest" of two that are as good, "each" return or cancellation once


class _View(msgspec.Struct, frozen=True):
    """An order as one source alone tells it."""

    source: str
    ranks: tuple[int, ...]
    order: Order
    placed: bool  # it says what was ordered, and how much that is
    lines: bool  # it names products
    public: bool


def sources_of(order: Order) -> frozenset[str]:
    """Those that tell of it, also those whose word does not count."""
    return frozenset(version.source for version in order.told)


def differences(order: Order, *, currency: str) -> Iterator[Difference]:
    """What each pair of sources tells otherwise. What only one of them tells is no disagreement."""
    if len(sources_of(order)) < 2:
        return
    told: dict[str, list[Version]] = {}
    for version in order.told:
        told.setdefault(version.source, []).append(version)
    views = [_view(order.id, name, held, currency) for name, held in sorted(told.items())]
    for one, other in combinations(views, 2):
        yield from _between(one, other)


def _view(order_id: str, source: str, told: list[Version], currency: str) -> _View:
    alone = Order(order_id, tuple(told), currency=currency)
    public = any(version.by for version in told)
    return _View(
        source,
        tuple(BROWSER_RANK if public else rank(told[-1], group) for group in range(len(GROUPS))),
        alone,
        any(version.name in (COMPLETED, UPDATED) for version in told) and alone.total + alone.refunded > 0,
        bool(alone.properties.get("products")),
        public,
    )


def _between(one: _View, other: _View) -> Iterator[Difference]:
    a, b = one.order, other.order

    def differs(field: str, said: tuple[str, str], money: int = 0) -> Difference:
        group = _GROUP[field]
        better = one.ranks[group] - other.ranks[group]
        first, second = (one, other) if better <= 0 else (other, one)
        counts = "each" if group == STATUS else first.source if better else "latest"
        said = said if better <= 0 else (said[1], said[0])
        return Difference(a.id, first.source, second.source, field, said, money, first.order.currency, counts)

    alive = not (a.cancelled or b.cancelled)
    if alive and one.placed and other.placed:
        if a.currency != b.currency:
            yield differs("currency", (a.currency, b.currency))
        elif (gross := (a.total + a.refunded, b.total + b.refunded))[0] != gross[1]:
            yield differs("total", (str(gross[0]), str(gross[1])), abs(gross[0] - gross[1]))
    if alive and one.lines and other.lines and not (a.refunded or b.refunded) and a.lines != b.lines:
        yield differs("products", (_lines(a), _lines(b)))
    if one.public or other.public:
        return  # a browser never hears of what happens to an order later
    if alive and one.placed and other.placed and a.refunded != b.refunded:
        yield differs("refunded", (str(a.refunded), str(b.refunded)), abs(a.refunded - b.refunded))
    if a.cancelled != b.cancelled and (one.placed or a.cancelled) and (other.placed or b.cancelled):
        worth = a.total + b.total
        yield differs("cancelled", (_yes(a), _yes(b)), worth)


def _lines(order: Order) -> str:
    shown = [f"{quantity} x {item}" for item, quantity in sorted(order.lines.items())]
    return ", ".join(shown[:5]) + (", …" if len(shown) > 5 else "")


def _yes(order: Order) -> str:
    return "yes" if any(version.name == CANCELLED for version in order.told) else "no"
