"""Mended events on their way into the fold: each goes in once, for the failed event that it was."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from regulars.collect.mended import places_of
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, Record
from regulars.core.mend import MENDED
from regulars.core.state import ANSWER, FAILED, Changes, StateReader
from regulars.core.verdict import ADMITTED, DUPLICATE
from regulars.core.verdict import FAILED as STILL_FAILING

Place = tuple[int, int]


class Marks(Protocol):
    """The verdicts of a record while its batch is folded."""

    codes: bytearray


def waiting_mended(
    record: Record,
    results: Sequence[Event | FailedEvent],
    codes: bytearray,
    state: StateReader,
    changes: Changes,
    day: int,
) -> list[Event]:
    """The events whose failed one still waits. It goes in the transaction that counts them; a second copy finds none.

    What still fails leaves the failed event as it was.
    """
    places: list[Place | None] = [*places_of(record.body), *[None] * len(results)]
    waiting = _waiting([place for place in places if place is not None], state, changes)
    found: list[Event] = []
    for result in results:
        place = places[result.index]
        if isinstance(result, FailedEvent):
            codes[result.index] = STILL_FAILING
        elif place is None or place not in waiting:
            codes[result.index] = DUPLICATE
        else:
            waiting.discard(place)
            changes.delete(FAILED, place)
            changes.add("mended", day, record.source, 1)
            found.append(result)
    return found


def _waiting(places: Sequence[Place], state: StateReader, changes: Changes) -> set[Place]:
    """Those that are failed events now: stored and not taken away by this batch, or put by it."""
    gone, put = changes.deletes.get(FAILED.name, set()), changes.puts.get(FAILED.name, {})
    stored = state.many(FAILED, places)
    return {place for place in places if place in put or (place in stored and place not in gone)}


def tell_mended(records: Sequence[Record], verdicts: Mapping[int, Marks], changes: Changes) -> None:
    """Answer whoever carried a mend out: how many events came in, and what became of the others."""
    for record in records:
        if record.kind == EVENTS and record.route == MENDED:
            codes = verdicts[record.offset].codes
            counts = {code: codes.count(code) for code in set(codes)}
            told = {
                "admitted": counts.pop(ADMITTED, 0),
                "already_counted": counts.pop(DUPLICATE, 0),
                "still_failing": counts.pop(STILL_FAILING, 0),
                "refused": sum(counts.values()),
            }
            changes.put(ANSWER, (record.offset, 1, msgspec.json.encode(told)))
