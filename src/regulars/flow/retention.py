"""What has been kept long enough is forgotten: asked for by the first tick of each of the shop's days."""

from typing import cast

from regulars.core.event import ALWAYS_KEPT
from regulars.core.lake import DECISION_PART, EVENT_PART, Drop
from regulars.core.state import ACCESS, ANSWER, FAILED, LAKE_DROP, Changes, StateReader
from regulars.flow import arrivals, lake_drops, shop_facts, timing
from regulars.flow.engine import Engine

CHUNK = 20_000  # rows of a table in one transaction; the next day goes on


def forget(engine: Engine, state: StateReader, *, day: int, offset: int, oldest_record: int) -> Changes:
    """What goes on local day `day`: rows of the lake, failed events, accesses, and answers to forgotten commands.

    The same on every repetition: what is gone is not found again.
    """
    changes = Changes()
    drops = due(engine, day)
    if drops:
        lake_drops.ask(changes, offset, drops, taken=len(state.select(LAKE_DROP, {"offset": offset})))
    rules = engine.definitions.retention
    for table, column, days in ((FAILED, "received_at", rules.failed_days), (ACCESS, "time", rules.access_days)):
        if days is not None:
            for row in state.select(table, below={column: _before(engine, day, days)}, limit=CHUNK):
                changes.delete(table, cast("int | tuple[int, int]", row[0] if table.key == 1 else row[:2]))
    for row in state.select(ANSWER, below={"offset": oldest_record}, limit=CHUNK):
        changes.delete(ANSWER, cast(int, row[0]))
    arrivals.forget(state, changes, day=day, most=CHUNK)
    shop_facts.forget(state, changes, now=engine.calendar.start(day), most=CHUNK)
    timing.forget_clocks(state, changes, now=engine.calendar.start(day), oldest_record=oldest_record, limit=CHUNK)
    return changes


def due(engine: Engine, day: int) -> list[Drop]:
    """What leaves the lake on a day: types with their own term, then all the others, then decisions."""
    definitions = engine.definitions
    rules = definitions.retention
    own = {event.name: event.keep_days for event in definitions.events if event.keep_days is not None}
    drops = [
        Drop(names=(name,), before=_before(engine, day, days), kind=EVENT_PART) for name, days in sorted(own.items())
    ]
    if rules.events_days is not None:
        others = tuple(sorted({*own, *ALWAYS_KEPT}))
        drops.append(Drop(except_names=others, before=_before(engine, day, rules.events_days), kind=EVENT_PART))
    if rules.decisions_days is not None:
        drops.append(Drop(before=_before(engine, day, rules.decisions_days), kind=DECISION_PART))
    return drops


def _before(engine: Engine, day: int, days: int) -> int:
    """The instant (ms) before which things have been kept for `days` whole days."""
    return engine.calendar.start(day - days)
