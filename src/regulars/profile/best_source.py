"""Which source's word counts for what of an order: field by field the best one's, and of one source the latest."""

from collections.abc import Sequence
from typing import Any, Protocol

#: Groups of an order's fields, in the order of the ranks that a version carries.
GROUPS = ("money", "products", "status", "other")
MONEY, PRODUCTS, STATUS, OTHER = range(4)
#: The smallest rank is the best: an ERP knows what was invoiced, a shop what was ordered, a till what was scanned.
ROLE_RANKS = {"erp": 10, "shop": 20, "": 20, "till": 30}
BROWSER_RANK = 40
USUAL_RANKS = (ROLE_RANKS[""],) * len(GROUPS)
#: Ways to write the same amount: the best source's way, not another source's in another way.
TOTALS = ("total", "revenue", "value")
_GROUP_OF = {
    **dict.fromkeys((*TOTALS, "subtotal", "tax", "shipping", "discount", "currency", "coupon"), MONEY),
    "products": PRODUCTS,
    **dict.fromkeys(("status", "order_status", "payment_status", "fulfilment_status"), STATUS),
}


class Ranked(Protocol):
    """What somebody said of an order."""

    @property
    def properties(self) -> dict[str, Any]:
        """The fields."""
        ...

    @property
    def ranks(self) -> tuple[int, ...]:
        """How good its source is, by group; empty: as usual."""
        ...


def rank(said: Ranked, group: int) -> int:
    """How good a source is for a group of fields; the smallest is the best."""
    return said.ranks[group] if said.ranks else USUAL_RANKS[group]


def group_of(field: str) -> int:
    """The group of a field.

    >>> GROUPS[group_of("revenue")], GROUPS[group_of("coupon_note")]
    ('money', 'other')
    """
    return _GROUP_OF.get(field, OTHER)


def said(versions: Sequence[Ranked]) -> dict[str, Any]:
    """The fields of an order that several versions tell, which come in (time, message id) order."""
    found: dict[str, Any] = {}
    if len({version.ranks for version in versions}) < 2:
        for version in versions:
            found.update({name: value for name, value in version.properties.items() if value is not None})
        return found
    for group in range(len(GROUPS)):
        before: int | None = None
        for version in sorted(versions, key=lambda one: -rank(one, group)):
            held = {n: v for n, v in version.properties.items() if v is not None and group_of(n) == group}
            here = rank(version, group)
            if here != before and any(name in held for name in TOTALS):
                for name in TOTALS:
                    found.pop(name, None)
            found.update(held)
            before = here
    return found
