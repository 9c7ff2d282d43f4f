"""Gates: may this offer be shown to this customer, here and now? Each is a pure question with a reason for its no.

The order is fixed: placement, schedule, restriction, consent, eligibility, preference, stock, limit. The first gate
that says no is the reason.
In the hot path a reason is one code per offer; words are made only when somebody asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import IntEnum

from regulars.core.condition import Condition
from regulars.core.decision import Suppression
from regulars.core.definitions import CONTRACT, Offer
from regulars.core.preferences import TooClose, Unwanted


class Gate(IntEnum):
    """The codes of a decision record, one per offer. They are stored, so they keep their numbers."""

    PASSED = 0
    PLACEMENT = 1
    SCHEDULE = 2
    CONSENT = 3
    ELIGIBILITY = 4
    STOCK = 5
    LIMIT = 6
    PER_PLACEMENT = 7  # eligibility reads the placement, so that it has a code for each placement
    NOT_WANTED = 9  # the customer said so: not again
    TOO_CLOSE = 10  # the customer said so: it, or what it rests on, came too close
    MACHINE = 11  # a machine asks: nothing but what everybody gets
    RESTRICTED = 8  # the customer does not want to be profiled: nothing but what everybody gets


def placement_gate(offer: Offer, placement: str) -> Suppression | None:
    """Suppress an offer that is not made for the placement."""
    if placement in offer.placements:
        return None
    return Suppression(offer.id, "placement", f"is shown at {', '.join(offer.placements)}")


def schedule_gate(offer: Offer, today: date) -> Suppression | None:
    """Suppress an offer before its first and after its last day, in days of the shop."""
    if offer.starts is not None and today < date.fromisoformat(offer.starts):
        return Suppression(offer.id, "schedule", f"starts on {offer.starts}")
    if offer.ends is not None and today > date.fromisoformat(offer.ends):
        return Suppression(offer.id, "schedule", f"ended on {offer.ends}")
    return None


def restriction_gate(offer: Offer, *, restricted: bool) -> Suppression | None:
    """Suppress whatever is not for everybody where the person does not want to be profiled."""
    return Suppression(offer.id, "restricted") if restricted and is_personal(offer) else None


def machine_gate(offer: Offer, *, machine: bool, of_people: bool) -> Suppression | None:
    """Suppress what is meant for somebody where a machine asks."""
    return Suppression(offer.id, "machine") if machine and of_people else None


def unwanted_gate(offer: Offer, unwanted: Unwanted, category: str = "", brand: str = "") -> Suppression | None:
    """Suppress an offer that is not wanted again, by itself or by its product, the product's category or brand."""
    if offer.id in unwanted.offers:
        return Suppression(offer.id, "not_wanted", offer.id)
    if offer.product is not None and unwanted.item(offer.product, category, brand):
        return Suppression(offer.id, "not_wanted", offer.product)
    return None


def closeness_gate(offer: Offer, close: TooClose, rests_on: frozenset[str]) -> Suppression | None:
    """Suppress an offer that came too close, or that rests on a trait (`trait:…`, `kind:…`) which did."""
    if offer.id in close.offers:
        return Suppression(offer.id, "too_close", offer.id)
    met = rests_on & {*(f"trait:{one}" for one in close.traits), *(f"kind:{one}" for one in close.kinds)}
    return Suppression(offer.id, "too_close", ", ".join(sorted(met))) if met else None


def is_personal(offer: Offer) -> bool:
    """Whether an offer rests on more than the contract, or asks something about the customer."""
    return offer.purpose != CONTRACT or bool(offer.when)


def consent_gate(offer: Offer, consent: Mapping[str, int], now: int) -> Suppression | None:
    """Suppress an offer whose purpose the person does not allow at `now`, ms."""
    if allows(consent, offer.purpose, now):
        return None
    return Suppression(offer.id, "consent", offer.purpose)


def eligibility_gate(offer: Offer, condition: Condition | None, row: Sequence[object]) -> Suppression | None:
    """Suppress an offer whose condition is false or unknown for the row."""
    if condition is None or condition.test(row):
        return None
    return Suppression(offer.id, "eligibility", offer.when)


def stock_gate(offer: Offer, *, in_stock: bool | None) -> Suppression | None:
    """Suppress an offer whose product is out of stock; what nobody told (None) passes, and the decision says so."""
    if offer.product is None or in_stock is not False:
        return None
    return Suppression(offer.id, "stock", offer.product)


def limit_gate(offer: Offer, used: int) -> Suppression | None:
    """Suppress an offer that was shown or reserved as often as its limit allows."""
    if offer.limit is None or used < offer.limit.times:
        return None
    return Suppression(offer.id, "limit", f"{used} of {offer.limit.times} in {offer.limit.days} days")


def allows(consent: Mapping[str, int], purpose: str, now: int) -> bool:
    """Whether a purpose is allowed at `now`, ms; the contract needs no consent."""
    since = consent.get(purpose)
    return purpose == CONTRACT or (since is not None and since <= now)


_HEX = bytes.maketrans(bytes(range(16)), b"0123456789abcdef")


def pack_codes(codes: bytes | bytearray) -> bytes:
    """Two codes to a byte.

    >>> list(unpack_codes(pack_codes(bytes([3, 0, 6])), 3))
    [3, 0, 6]
    """
    digits = bytes(codes).translate(_HEX)
    return bytes.fromhex((digits + b"0" if len(digits) & 1 else digits).decode())


def unpack_codes(packed: bytes, count: int) -> bytes:
    """The inverse of `pack_codes` for `count` codes."""
    return bytes(half for byte in packed for half in (byte >> 4, byte & 15))[:count]


def first_no(answers: Iterable[Suppression | None]) -> Suppression | None:
    """The first gate that says no; later ones are not asked."""
    return next((answer for answer in answers if answer is not None), None)
