"""The orders on which their sources disagree, by pair of sources and field, with amounts and examples."""

from typing import cast

import msgspec

from regulars.core.state import ORDER, StateReader
from regulars.profile.disagreements import FIELDS, Difference, differences, sources_of
from regulars.profile.orders import load

#: Orders that are looked at, the newest first.
MOST = 20_000
EXAMPLES = 5


class Disagreement(msgspec.Struct):
    """What two sources tell otherwise. `money` is the sum of how far apart they are, minor units by currency."""

    first: str
    second: str
    field: str
    orders: int
    money: dict[str, int]
    examples: list[Difference]


class OrderReport(msgspec.Struct):
    """Of the newest orders since `since` (ms): how many were looked at, are told by several sources, and disagree."""

    since: int
    orders: int
    told_by_several: int
    disagree: int
    complete: bool  # false: there are more orders than were looked at
    rows: list[Disagreement]


def disagreements(state: StateReader, *, currency: str, since: int, most: int = MOST) -> OrderReport:
    """The report on orders of `since` (ms) and later; `currency` is the shop's, for orders that name none."""
    rows = state.select(ORDER, at_least={"time": since}, order=("-time",), limit=most + 1)
    complete = len(rows) <= most
    several = disagree = 0
    found: dict[tuple[str, str, str], Disagreement] = {}
    for row in rows[:most]:
        order = load(str(row[0]), cast(bytes, row[6]), currency=currency)
        if len(sources_of(order)) < 2:
            continue
        several += 1
        told = list(differences(order, currency=currency))
        disagree += bool(told)
        for one in told:
            place = one.first, one.second, one.field
            held = found.setdefault(place, Disagreement(*place, 0, {}, []))
            held.orders += 1
            if one.money:
                held.money[one.currency] = held.money.get(one.currency, 0) + one.money
            if len(held.examples) < EXAMPLES:
                held.examples.append(one)
    listed = sorted(found.values(), key=lambda one: (-one.orders, one.first, one.second, FIELDS.index(one.field)))
    return OrderReport(since, min(len(rows), most), several, disagree, complete, listed)
