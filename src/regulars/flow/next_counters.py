"""What a back-fill prepares beside its rows: counters under other names, put in place by the switch."""

from typing import cast

from regulars.core.definitions import Definitions
from regulars.core.state import COUNTER, ORDER, REBUILD, Changes, Key, Row, StateReader
from regulars.flow.engine import Engine
from regulars.flow.generation import Tables
from regulars.profile import orders

PREFIX = "next:"
#: Counters that follow from the records.
PREPARED = ("segment", "lifecycle", "consent", "profiles", "new_profiles")
_ROWS = 2_000  # orders read at a time


def only_next(changes: Changes, tables: Tables) -> None:
    """Leave what belongs to the next generation alone in `changes`: its rows and its counters."""
    own = {tables.part.name, tables.membership.name, tables.due.name, tables.moved.name, REBUILD.name}
    for kind in (changes.puts, changes.deletes):
        for name in kind.keys() - own:
            del kind[name]
    changes.adds = {place: value for place, value in changes.adds.items() if place[0].startswith(PREFIX)}


def discard(reader: StateReader, changes: Changes) -> None:
    """Forget what was prepared."""
    for row in _prepared(reader):
        changes.delete(COUNTER, cast(Key, row[:3]))


def install(reader: StateReader, current: Engine, target: Engine, changes: Changes) -> None:
    """Put what was prepared in the place of the counters of the records so far."""
    for name in PREPARED:
        for row in reader.select(COUNTER, {"name": name}):
            changes.delete(COUNTER, cast(Key, row[:3]))
    discard(reader, changes)
    for row in _prepared(reader):
        if row[3]:
            changes.put(COUNTER, (cast(str, row[0]).removeprefix(PREFIX), *row[1:]))
    if _days_and_money(target.definitions) != _days_and_money(current.definitions):
        _count_orders(reader, target, changes)


def _prepared(reader: StateReader) -> list[Row]:
    return [row for name in PREPARED for row in reader.select(COUNTER, {"name": PREFIX + name})]


def _days_and_money(definitions: Definitions) -> tuple[str, str]:
    return definitions.shop.time_zone, definitions.shop.currency


def _count_orders(reader: StateReader, target: Engine, changes: Changes) -> None:
    """Revenue and orders by day, counted anew: the days or the currency are others."""
    for name in ("revenue", "orders"):
        for row in reader.select(COUNTER, {"name": name}):
            changes.delete(COUNTER, cast(Key, row[:3]))
    sums: dict[tuple[str, int, str], int] = {}
    after = ""
    while rows := [
        row
        for row in reader.select(ORDER, at_least={"order_id": after}, order=("order_id",), limit=_ROWS)
        if row[0] != after
    ]:
        after = cast(str, rows[-1][0])
        for row in rows:
            order = orders.load(cast(str, row[0]), cast(bytes, row[6]), currency=target.definitions.shop.currency)
            if order.time is None or order.cancelled:
                continue
            day = target.calendar.day(order.time)
            for place, value in ((("revenue", day, order.currency), order.total), (("orders", day, ""), 1)):
                sums[place] = sums.get(place, 0) + value
    for place, value in sums.items():
        changes.put(COUNTER, (*place, value))
