"""Orders as facts: one order id is one order, whatever the number, source and sequence of the events that tell of it.

The fact keeps the set of its events; what it says is a pure function of that set, in (time, message id) order:

- "Order Completed" and "Order Updated" say what was ordered. Of each property the word of the best source counts
  (`profile.best_source`), and of one source the latest, so that an update may send only what changed. The order's
  time is that of its first "Order Completed" (or "Order Updated" if there is none). Lines may come one by one
  (`profile.listed_lines`).
- "Order Refunded" takes back. With `products`, their quantities leave the order, and the money named (`total`,
  `revenue`, `value`, `refund` or `amount`), else price times quantity. With money only, that money. With neither,
  everything. Two refunds with the same `refund_id` are one, and so are refunds of as much money of two sources, one
  for one. A refunded order stays an order: it still counts.
- "Order Cancelled" makes it nothing, for good.

Anybody can send any order id with a browser's public key. What such a device tells counts only where no server says
what was ordered, and only that of the device that spoke of the order first. The order belongs to the customer of the
first event that says what was ordered and counts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from regulars.core.event import ORDER_EVENTS, Event
from regulars.core.money import LARGEST, exponent
from regulars.core.state import Row
from regulars.profile import best_source as best
from regulars.profile import reading
from regulars.profile.listed_lines import MOST_LINES, gathered, is_line

COMPLETED, UPDATED, REFUNDED, CANCELLED = ORDER_EVENTS
MOST_VERSIONS = 50  # of each of the four events, the latest: a bound for a sender that repeats itself without end
_PLAIN_QUANTITY = 1_000_000  # below it a whole number is taken as it is
_MOST_PIECES = 10**9  # of a line; an event that says more fails
_TOTALS = ("total", "revenue", "value")
_REFUND_AMOUNTS = ("total", "revenue", "value", "refund", "amount")


class Version(msgspec.Struct, frozen=True, array_like=True):
    """What one event said of the order."""

    time: int
    message_id: str
    name: str
    properties: dict[str, Any]
    by: str = ""  # the device that told it with a public key; empty: a server did
    source: str = ""
    own: tuple[str, ...] | None = None  # what the event agreed to, where its source asks for that (profile.policy)
    ranks: tuple[int, ...] = ()  # how good its source is for each group of fields; empty: as a server of the shop


class Order:
    """An order as all its events together tell it; immutable."""

    __slots__ = ("cancelled", "currency", "id", "lines", "properties", "refunded", "time", "told", "total", "versions")

    def __init__(self, order_id: str, told: tuple[Version, ...], *, currency: str) -> None:
        self.id = order_id
        self.told = told  # in (time, message id) order, also what does not count
        self.versions = versions = _counted(told)
        base = [version for version in versions if version.name in (COMPLETED, UPDATED)]
        completed = [version for version in base if version.name == COMPLETED]
        self.time: int | None = min((version.time for version in completed or base), default=None)
        said = best.said(gathered(base))
        self.currency = str(said.get("currency") or currency)
        self.cancelled = any(version.name == CANCELLED for version in versions)
        refunds = _refunds(versions, said, self.currency)
        self.refunded = _refund(said, refunds, self.currency) if refunds and base else 0
        self.properties = said
        self.total = 0 if self.cancelled else _total(said, self.currency)
        #: Quantities by item, after refunds.
        self.lines: dict[str, int] = {} if self.cancelled else _lines(said)

    @property
    def known(self) -> bool:
        """Whether anything was ordered as far as is known; a refund may arrive before its order."""
        return self.time is not None

    @property
    def status(self) -> str:
        """One of completed, refunded (wholly or in part), cancelled, or unknown before the order itself arrives."""
        if self.cancelled:
            return "cancelled"
        if self.time is None:
            return "unknown"
        return "refunded" if self.refunded else "completed"

    @property
    def began(self) -> Version:
        """The event whose customer the order belongs to."""
        candidates = self.placed or self.versions
        return next((version for version in candidates if not version.by), candidates[0])

    @property
    def placed(self) -> Sequence[Version]:
        """The versions that say what was ordered."""
        return [version for version in self.versions if version.name in (COMPLETED, UPDATED)]

    def data(self) -> bytes:
        """The events of the order, for the `data` column."""
        return _ENCODER.encode(self.told)


class Change(NamedTuple):
    """An order before (None: not known) and after a batch of events."""

    old: Order | None
    new: Order


#: Whether an event comes from a server, not with a public key.
Trusts = Callable[[Event], bool]
#: What an event itself brings a consent for; None where its source does not ask for that.
Own = Callable[[Event], tuple[str, ...] | None]


def _everybody(_event: Event) -> bool:
    return True


def _not_asked(_event: Event) -> tuple[str, ...] | None:
    return None


#: How good an event's source is for each group of fields.
Ranks = Callable[[Event], tuple[int, ...]]


def _all_alike(_event: Event) -> tuple[int, ...]:
    return ()


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[Version, ...])


class Told(NamedTuple):
    """Who told an order: the source of what counts, and whether servers, a browser or both spoke of it."""

    source: str
    how: str  # "both", "server" or "browser"


def told_by(order: Order) -> Told:
    """Who told what was ordered."""
    placed = [version for version in order.told if version.name in (COMPLETED, UPDATED)]
    servers = sum(not version.by for version in placed)
    how = "browser" if not servers else "server" if servers == len(placed) else "both"
    return Told(order.began.source, how)


def order_id(event: Event) -> str | None:
    """The order that an event tells of; None when it is no order event or names no order."""
    if event.name not in ORDER_EVENTS:
        return None
    return reading.text(event.properties.get("order_id"))


def load(identifier: str, data: bytes, *, currency: str) -> Order:
    """An order from its stored events; `currency` is the shop's, for orders that name none."""
    return Order(identifier, _DECODER.decode(data), currency=currency)


def apply(
    identifier: str,
    old: Order | None,
    events: Iterable[Event],
    *,
    currency: str,
    trusts: Trusts = _everybody,
    own: Own = _not_asked,
    ranks: Ranks = _all_alike,
) -> Change:
    """The order with more events; one that is already in it changes nothing. `trusts` says which come from a server."""
    known = {(version.message_id, version.by): version for version in old.told} if old else {}
    for event in events:
        version = _version(event, trusts, own, ranks)
        known.setdefault((version.message_id, version.by), version)
    told = sorted(known.values(), key=lambda version: (version.time, version.message_id, version.by))
    if len(told) > MOST_VERSIONS:
        kinds: dict[tuple[str, bool, bool], list[Version]] = {}
        for version in told:
            kinds.setdefault(_kind(version), []).append(version)
        kept = {id(v) for (*_, line), held in kinds.items() for v in held[-(MOST_LINES if line else MOST_VERSIONS) :]}
        told = [version for version in told if id(version) in kept]
    return Change(old, Order(identifier, tuple(told), currency=currency))


def _kind(version: Version) -> tuple[str, bool, bool]:
    """Of which only the latest are kept: each event's, servers' and browsers', and single lines apart."""
    return version.name, not version.by, is_line(version.properties)


def begins_with(order: Order, events: Iterable[Event], *, trusts: Trusts = _everybody) -> bool:
    """Whether the event that says whose order it is is one of these."""
    began = order.began
    return any(event.message_id == began.message_id and _same(_version(event, trusts), began) for event in events)


def displaces(change: Change) -> bool:
    """Whether something that counted for the order counts no longer: then its old state cannot be built upon."""
    old, new = change
    return old is not None and any(version not in new.versions for version in old.versions)


def _version(event: Event, trusts: Trusts, own: Own = _not_asked, ranks: Ranks = _all_alike) -> Version:
    by = "" if trusts(event) else event.subject
    return Version(
        event.time, event.message_id, event.name, event.properties, by, event.source, own(event), ranks(event)
    )


def _same(one: Version, other: Version) -> bool:
    """Whether both tell the same; the policy of the source does not matter."""
    return msgspec.structs.astuple(one)[:5] == msgspec.structs.astuple(other)[:5]


def _counted(told: tuple[Version, ...]) -> tuple[Version, ...]:
    """Those that count: what servers say; beside it, if they do not say what was ordered, the first device."""
    if not any(version.by for version in told):
        return told
    if any(not version.by and version.name in (COMPLETED, UPDATED) for version in told):
        return tuple(version for version in told if not version.by)
    first = next(version.by for version in told if version.by)
    return tuple(version for version in told if version.by in ("", first))


def row(order: Order, profile: int) -> Row:
    """The ORDER row: order id, profile, time, total, currency, status, data."""
    first = order.time if order.time is not None else order.versions[0].time
    return (order.id, profile, first, order.total, order.currency, order.status, order.data())


def _refunds(versions: Sequence[Version], said: dict[str, Any], currency: str) -> list[dict[str, Any]]:
    """Each return once: by its id, and where several sources tell of it without a common id, by its money."""
    named: dict[str, Version] = {}
    for version in sorted(versions, key=lambda one: best.rank(one, best.STATUS)):
        if version.name == REFUNDED:
            refund_id = reading.text(version.properties.get("refund_id"))
            named.setdefault(f"r{refund_id}" if refund_id else f"m{version.message_id}", version)
    told: dict[str, list[Version]] = {}
    for version in named.values():
        told.setdefault(version.source, []).append(version)
    if len(told) < 2:
        return [version.properties for version in named.values()]
    kept: list[tuple[int, Version]] = []
    for _, refunds in sorted(told.items(), key=lambda item: (best.rank(item[1][0], best.STATUS), item[0])):
        known = Counter(worth for worth, _ in kept)
        for version in refunds:
            worth = _worth(version.properties, said, currency)
            if known[worth] > 0:
                known[worth] -= 1
            else:
                kept.append((worth, version))
    return [version.properties for _, version in kept]


def _worth(refund: dict[str, Any], said: dict[str, Any], currency: str) -> int:
    """What a refund says that goes back, in minor units, whatever others took back before."""
    amounts = (reading.amount(refund.get(name), money=True, currency=currency) for name in _REFUND_AMOUNTS)
    money = next((abs(amount) for amount in amounts if amount is not None), None)
    if money is not None:
        return money
    returned = refund.get("products")
    if not isinstance(returned, list) or not returned:
        return _total(said, currency)
    bought = [dict(product) for product in _products(said)]
    return sum(_take(bought, product, currency) for product in returned if isinstance(product, dict))


def _refund(said: dict[str, Any], refunds: Sequence[dict[str, Any]], currency: str) -> int:
    """Take the refunds from what was said, in place; how much money went back, in minor units."""
    bought = [dict(product) for product in _products(said)]
    before = _total(said, currency)
    back = 0
    for refund in refunds:
        returned = refund.get("products")
        amounts = (reading.amount(refund.get(name), money=True, currency=currency) for name in _REFUND_AMOUNTS)
        money = next((abs(amount) for amount in amounts if amount is not None), None)
        if isinstance(returned, list) and returned:
            worth = sum(_take(bought, product, currency) for product in returned if isinstance(product, dict))
            back += worth if money is None else money
        elif money is not None:
            back += money
        else:
            back += before
            bought = []
    back = min(back, before)
    scale = 10 ** exponent(currency)
    for name in _TOTALS:
        amount = reading.amount(said.get(name), money=True, currency=currency)
        if amount is not None:
            said[name] = max(0, amount - back) / scale
    if not any(name in said for name in _TOTALS):
        said["total"] = (before - back) / scale
    if "products" in said:
        said["products"] = [product for product in bought if _quantity(product) > 0]
    return back


def _take(bought: list[dict[str, Any]], returned: dict[str, Any], currency: str) -> int:
    """Take a returned product from the bought ones, of the same variant first; what it was worth, in minor units."""
    item, left, worth = item_id(returned), _quantity(returned), 0
    for product in sorted(bought, key=lambda one: _is_another(one, returned)):
        if left <= 0:
            break
        if item_id(product) == item:
            taken = min(left, _quantity(product))
            product["quantity"] = _quantity(product) - taken
            left -= taken
            price = returned.get("price", product.get("price"))
            worth += (reading.amount(price, money=True, currency=currency) or 0) * taken
    return worth


def _is_another(product: dict[str, Any], returned: dict[str, Any]) -> bool:
    """Whether both name a variant, and not the same one."""
    pairs = ((reading.text(product.get(name)), reading.text(returned.get(name))) for name in ("sku", "variant"))
    return any(one is not None and other is not None and one != other for one, other in pairs)


def _total(said: dict[str, Any], currency: str) -> int:
    for name in _TOTALS:
        amount = reading.amount(said.get(name), money=True, currency=currency)
        if amount is not None:
            return amount
    total = 0
    for product in _products(said):
        total += (reading.amount(product.get("price"), money=True, currency=currency) or 0) * _quantity(product)
    return min(total, LARGEST)  # an event that says more fails; what several say together still fits a column


def _products(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of an order; whatever else an event without a plan may hold there is none."""
    held = said.get("products")
    return [product for product in held if isinstance(product, dict)] if isinstance(held, list) else []


def item_id(product: dict[str, Any]) -> str | None:
    """The catalogue id of a product in an order."""
    for name in ("product_id", "sku", "id"):
        item = reading.text(product.get(name))
        if item is not None:
            return item
    return None


def _quantity(product: dict[str, Any]) -> int:
    """Whole units; 1 when nobody told, and for goods sold by weight at least 1."""
    quantity = product.get("quantity")
    if type(quantity) is int and 0 < quantity < _PLAIN_QUANTITY:
        return quantity
    quantity = reading.to_number(quantity)
    if quantity is None:
        return 1
    return 0 if quantity <= 0 else min(max(1, round(quantity)), _MOST_PIECES)


def _lines(said: dict[str, Any]) -> dict[str, int]:
    quantities: dict[str, int] = {}
    for product in _products(said):
        item = item_id(product)
        if item is not None:
            quantities[item] = quantities.get(item, 0) + _quantity(product)
    return quantities


def items(properties: dict[str, Any]) -> Iterable[str]:
    """The ids of the products that properties name."""
    return _lines(properties)
