"""What a profile bought: [[item, day, quantity], ...], newest day first, then by item; the first 1,000 are kept.

A quantity of 0 is a product that went back, or that an update took out of its order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

CAP = 1000


def add(bought: list[Any], lines: Mapping[tuple[int, str], int]) -> list[Any]:
    """Add quantities by (day, item); the list, changed in place or new."""
    first = bought[0][1] if bought else None
    if first is None or min(day for day, _ in lines) > first:
        fresh = [[item, day, quantity] for (day, item), quantity in lines.items()]
        return _cut(sorted(fresh, key=_place) + bought)
    return _summed({**_places(bought)}, lines)


def merge(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The purchases of two profiles that are one."""
    return _summed(_places(left), _places(right))


def _places(bought: Sequence[Any]) -> dict[tuple[int, str], int]:
    return {(day, item): quantity for item, day, quantity in bought}


def _summed(total: dict[tuple[int, str], int], more: Mapping[tuple[int, str], int]) -> list[Any]:
    for place, quantity in more.items():
        total[place] = total.get(place, 0) + quantity
    return _cut(sorted(([item, day, quantity] for (day, item), quantity in total.items()), key=_place))


def _place(line: list[Any]) -> tuple[int, str]:
    return (-line[1], line[0])


def _cut(bought: list[Any]) -> list[Any]:
    del bought[CAP:]
    return bought
