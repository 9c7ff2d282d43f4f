"""Time enters as a record: the shop's clock moves, and what time alone changes is evaluated."""

from typing import cast

from regulars.core.state import Changes, StateReader
from regulars.flow.consents import revise
from regulars.flow.desk import Desk
from regulars.flow.engine import Engine
from regulars.flow.generation import Tables
from regulars.flow.history import History
from regulars.flow.inactivity import hear_again
from regulars.flow.refold import refold

CHUNK = 2_000  # profiles per transaction


def due_profiles(state: StateReader, day: int, tables: Tables, *, limit: int = CHUNK) -> list[int]:
    """Profiles on which some value changes on or before local day `day` without an event."""
    rows = state.select(tables.due, below={"day": day + 1}, order=("day", "profile"), limit=limit)
    return [cast(int, row[1]) for row in rows]


def pass_time(
    engine: Engine,
    state: StateReader,
    profiles: list[int],
    *,
    day: int,
    offset: int,
    tables: Tables,
    history: History,
) -> Changes:
    """Evaluate the live records of these profiles as of local day `day`; grants lapse."""
    changes = Changes()
    desk = Desk(engine, state, changes, tables)
    desk.prefetch(dict.fromkeys(profiles, engine.fold.timed_parts))
    again = []
    for number in profiles:
        working = desk.find(number)
        if working is None:
            continue
        hear_again(engine, desk, working, day=day)
        if 0 < working.hot.lapses <= day and revise(engine, desk, working, day):
            again.append(number)
        else:
            desk.passed(working, day)
    for number in again:
        refold(engine, desk, state, history.of(number, {}), day=day)
    desk.store(offset)
    return changes
