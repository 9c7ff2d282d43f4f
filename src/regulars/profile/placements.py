"""What the change of an order does to the tallies, whatever its versions and in whatever order they came."""

from collections.abc import Callable, Collection

from regulars.profile import orders
from regulars.profile.monoid import Tally
from regulars.profile.orders import Change


class Placements:
    """Amounts at places, the old ones negative.

    An order of several events also touches, with 0, every place that any of its versions could have filled on the way:
    so the places of a state depend on the set of events alone, and caps cut the same whatever came first.
    """

    def __init__(self, change: Change, day_of: Callable[[int], int]) -> None:
        old, new = change
        told = ((old, -1), (new, 1))
        self._sides = [(one, day_of(one.time), sign) for one, sign in told if one is not None and one.time is not None]
        self._placed = new.placed if len(new.versions) > 1 else ()
        self._days = [(version.time, day_of(version.time)) for version in self._placed]

    def of(self, tally: Tally, start: int | None) -> list[tuple[tuple[int, str], int]]:
        """The amounts by place for one trait whose purpose is allowed from `start` (ms) on; None: never."""
        if start is None:
            return []
        found: dict[tuple[int, str], int] = {}
        for order, day, sign in self._sides:
            if order.time is not None and order.time >= start:
                for key, amount in tally.amounts(order.properties):
                    found[day, key] = found.get((day, key), 0) + (0 if order.cancelled else sign * amount)
        if self._placed:
            self._touch(found, {key for version in self._placed for key in tally.keys(version.properties)}, start)
        return sorted(found.items())

    def of_lines(self, start: int | None) -> dict[int, dict[str, int]]:
        """Quantities by day and item."""
        found: dict[int, dict[str, int]] = {}
        if start is None:
            return found
        for order, day, sign in self._sides:
            if order.time is not None and order.time >= start:
                here = found.setdefault(day, {})
                for item, quantity in order.lines.items():
                    here[item] = here.get(item, 0) + sign * quantity
        if self._placed:
            items = {item for version in self._placed for item in orders.items(version.properties)}
            for day in {day for time, day in self._days if time >= start}:
                here = found.setdefault(day, {})
                for item in items:
                    here.setdefault(item, 0)
        return {day: quantities for day, quantities in found.items() if quantities}

    def _touch(self, found: dict[tuple[int, str], int], keys: Collection[str], start: int) -> None:
        for day in {day for time, day in self._days if time >= start}:
            for key in keys:
                found.setdefault((day, key), 0)
