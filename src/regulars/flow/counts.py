"""Counts that need no consent: how many events came from each source on each day, and how many were refused and why.

They hold the ids of sources, names of the tracking plan and numbers, and nothing that a sender can choose.
"""

from collections.abc import Iterable

from regulars.core.event import Event
from regulars.core.state import COUNTER, Changes, Row, StateReader
from regulars.core.verdict import ADMITTED, NO_OWN_CONSENT, NOT_OF_SOURCE, REFUSED
from regulars.flow.engine import Engine

CAME, SOURCE_REFUSED = "came", "refused_of"  # by source; by "source:reason"
#: Stands for a source or a name of an event that the shop's files do not list.
UNLISTED = "(unlisted)"
REASONS = {REFUSED: "no_consent", NOT_OF_SOURCE: "not_of_source", NO_OWN_CONSENT: "no_own_consent"}


def note_came(came: Iterable[tuple[int, str, int]], engine: Engine, changes: Changes) -> None:
    """Count events that came for the first time, whatever their customers allow; `came`: hour, source, how many."""
    counted: dict[tuple[str, int], int] = {}
    for hour, source, count in came:
        place = source, hour // 24
        counted[place] = counted.get(place, 0) + count
    for (source, day), count in counted.items():
        changes.add(CAME, day, source if source in engine.source_ids else UNLISTED, count)


def note_refused(event: Event, engine: Engine, changes: Changes) -> int:
    """Count an event that is refused; the verdict on it, which says why."""
    code = engine.refusal(event)
    code = REFUSED if code == ADMITTED else code
    day = engine.calendar.day(event.time)
    source = event.source if event.source in engine.source_ids else UNLISTED
    changes.add("refused", day, event.name if engine.plans(event.name) else UNLISTED, 1)
    changes.add(SOURCE_REFUSED, day, f"{source}:{REASONS[code]}", 1)
    return code


def by_source(state: StateReader, *, since: int, until: int) -> list[tuple[int, str, int, dict[str, int]]]:
    """(day, source, events that came, refused of them by reason) of the days from `since` to `until`, by day."""
    found: dict[tuple[int, str], tuple[int, dict[str, int]]] = {}

    def rows(name: str) -> list[Row]:
        return state.select(COUNTER, {"name": name}, at_least={"day": since}, below={"day": until + 1})

    for row in rows(CAME):
        found[int(row[1] or 0), str(row[2])] = int(row[3] or 0), {}
    for row in rows(SOURCE_REFUSED):
        source, _, reason = str(row[2]).rpartition(":")
        _, refused = found.setdefault((int(row[1] or 0), source), (0, {}))
        refused[reason] = int(row[3] or 0)
    return [(day, source, came, refused) for (day, source), (came, refused) in sorted(found.items())]
