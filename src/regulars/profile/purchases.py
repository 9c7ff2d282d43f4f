"""What a profile bought, as keyed cells: `[day, {item: quantity}, day, {item: quantity}, ...]`, newest day first.

The first 1,000 places in the order (day descending, item ascending) are kept. A quantity of 0 is a product that went
back, or that an update took out of its order.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from regulars.profile import cells

CAP = 1000
_UNBOUNDED = 1 << 40  # days: no window


def add(bought: list[Any], day: int, quantities: Mapping[str, int]) -> list[Any]:
    """Add quantities by item on a day, in place; they are not empty."""
    return cells.add_keys(bought, day, quantities, width=_UNBOUNDED, cap=CAP)


def merge(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The purchases of two profiles that are one, as a new list."""
    return cells.merge_keys(list(left), list(right), width=_UNBOUNDED, cap=CAP)


def triples(bought: Sequence[Any]) -> Iterator[tuple[str, int, int]]:
    """(item, day, quantity) of everything bought, newest day first.

    >>> list(triples([17_002, {"tea": 2, "milk": 1}, 17_001, {"tea": 0}]))
    [('tea', 17002, 2), ('milk', 17002, 1), ('tea', 17001, 0)]
    """
    for at in range(0, len(bought), 2):
        day = bought[at]
        for item, quantity in bought[at + 1].items():
            yield item, day, quantity
