"""Of whom nothing was heard for long is erased, by the first tick of the day on which that is so, hundreds at a time.

The profile goes whole, as if the customer had asked for it, and not as a record without a name: what somebody did over
years is seldom anonymous. What the law keeps of orders stays as facts of nobody, as with every erasure.
"""

from collections.abc import Sequence

from regulars.core.record import PERSON
from regulars.core.state import ERASURE, Changes, StateReader
from regulars.flow.commanding import Context
from regulars.flow.desk import Desk, Working
from regulars.flow.engine import Engine
from regulars.flow.generation import Tables
from regulars.flow.privacy_commands import erase_profiles

#: Profiles of one erasure, which is one transaction; and erasures of one tick. The others go on the next day.
STEP, MOST = 500, 20
#: Who asked for it, in the certificate.
CLOCK = "clock"


def inactive(engine: Engine, state: StateReader, profiles: Sequence[int], *, day: int, tables: Tables) -> list[int]:
    """Those of them of whom nothing was heard for longer than the shop keeps such profiles."""
    days = engine.definitions.retention.inactive_profile_days
    if days is None:
        return []
    before = engine.calendar.start(day - days)
    desk = Desk(engine, state, Changes(), tables)
    desk.prefetch(dict.fromkeys(profiles, ()))
    silent = [
        working
        for number in profiles
        if (working := desk.find(number)) is not None and not working.hot.restricted and working.hot.last_seen < before
    ]
    desk.prefetch({working.number: (PERSON,) for working in silent})
    return [working.number for working in silent if _last_said(desk, working) < before]


def let_go(context: Context, profiles: Sequence[int], changes: Changes) -> bool:
    """Erase them; False, and nothing is changed, when this tick has erased as many as it may."""
    place = context.state.count(ERASURE, {"offset": context.record.offset}).get(None, 0)
    if place >= MOST:
        return False
    days = context.engine.definitions.retention.inactive_profile_days
    reason = f"{len(profiles)} profiles of whom nothing was heard for {days} days"
    erase_profiles(context, profiles, changes, place=place, by=CLOCK, reason=reason)
    return True


def hear_again(engine: Engine, desk: Desk, working: Working, *, day: int) -> None:
    """What was said without an event (a consent, a wish that staff note) is a sign of life, too."""
    days = engine.definitions.retention.inactive_profile_days
    if days is not None and working.hot.last_seen < engine.calendar.start(day - days):
        working.hot.last_seen = max(working.hot.last_seen, _last_said(desk, working))


def _last_said(desk: Desk, working: Working) -> int:
    """When somebody last said something for the profile without an event (ms); 0: never."""
    person = desk.person(working)
    return max([0, *(one[2] for one in person.statements), *(int(fact[0]) for fact in person.facts.values())])
