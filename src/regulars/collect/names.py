"""Canonical names of events: the Segment e-commerce spec v2, its historical names, and other spellings."""

import re
from collections.abc import Iterable

from regulars.core.event import BUILT_IN_EVENTS

#: Names of the first version of the e-commerce spec, which older shop systems still send.
HISTORICAL = {
    "Added Product": "Product Added",
    "Added Product to Wishlist": "Product Added to Wishlist",
    "Cancelled Order": "Order Cancelled",
    "Clicked Product": "Product Clicked",
    "Clicked Promotion": "Promotion Clicked",
    "Completed Checkout Step": "Checkout Step Completed",
    "Completed Order": "Order Completed",
    "Refunded Order": "Order Refunded",
    "Removed Product": "Product Removed",
    "Searched Products": "Products Searched",
    "Started Checkout": "Checkout Started",
    "Started Order": "Checkout Started",
    "Updated Order": "Order Updated",
    "Viewed Cart": "Cart Viewed",
    "Viewed Checkout Step": "Checkout Step Viewed",
    "Viewed Product": "Product Viewed",
    "Viewed Product Category": "Product List Viewed",
    "Viewed Product List": "Product List Viewed",
    "Viewed Promotion": "Promotion Viewed",
    "Order Canceled": "Order Cancelled",
}


class Names:
    """Finds the canonical name of what a client calls an event.

    >>> names = Names(["Order Completed"])
    >>> names.canonical("order_completed"), names.canonical("Completed Order"), names.canonical("My Own")
    ('Order Completed', 'Order Completed', 'My Own')
    """

    def __init__(self, planned: Iterable[str]) -> None:
        self.known = frozenset((*planned, *BUILT_IN_EVENTS))
        self._exact = {name: name for name in self.known}
        # A name that the shop itself plans is never translated away.
        self._exact.update({old: new for old, new in HISTORICAL.items() if old not in self.known})
        self._spelled: dict[str, str] = {}
        for name, canonical in sorted(self._exact.items()):
            self._spelled.setdefault(_letters(name), canonical)

    def canonical(self, name: str) -> str:
        """The canonical name; the name itself when it is none of the known ones."""
        found = self._exact.get(name)
        return found if found is not None else self._spelled.get(_letters(name), name)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())
