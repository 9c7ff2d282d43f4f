"""Reach: which decisions and exposures of limited offers count for one profile.

Two grow-only sets, so that order and batches never matter and merging two profiles is merging the sets:

- *decided* (decision id, offer): reservations. Kept while they are at most `LAPSE_MS` older than the newest one, and
  the newest `MOST_DECIDED` of them.
- *shown* (decision id, offer) -> first time it was seen, ms. The newest `MOST_SHOWN` are kept.

A decision id holds its own time and never changes, so both truncations are by an order that does not look at values.
Beyond `MOST_SHOWN` exposures of limited offers the oldest are forgotten.
"""

from collections.abc import Iterable
from typing import Any

from regulars.decide.identity import decided_at

#: A reservation that was never shown counts for so long, ms.
LAPSE_MS = 30 * 60_000
MOST_DECIDED = 200
MOST_SHOWN = 300
#: How much later than its decision an exposure may be told, ms: what is older is not believed.
_BELIEVED_MS = 366 * 86_400_000
_AHEAD_MS = 3_600_000

#: As stored: [[[decision id, offer], ...], [[decision id, offer, shown at], ...]], newest id first; [] is nothing.
Reach = list[Any]


def fold(
    state: Reach,
    *,
    decided: Iterable[tuple[str, str]] = (),
    shown: Iterable[tuple[str, str, int]] = (),
) -> Reach:
    """The state with decisions (decision id, offer) and exposures (decision id, offer, time in ms) added."""
    return merge(state, [[list(pair) for pair in decided], [list(seen) for seen in shown]])


def merge(left: Reach, right: Reach) -> Reach:
    """The union of two states: commutative, associative, and the same when something is told twice."""
    reserved: set[tuple[str, str]] = set()
    seen: dict[tuple[str, str], int] = {}
    for state in (left, right):
        if not state:
            continue
        reserved.update((pair[0], pair[1]) for pair in state[0])
        for identifier, offer, time in state[1]:
            key = (identifier, offer)
            before = seen.get(key)
            if before is None or time < before:
                seen[key] = time
    if not reserved and not seen:
        return []
    newest = sorted(reserved, reverse=True)[:MOST_DECIDED]
    if newest:
        oldest = _time(newest[0][0]) - LAPSE_MS
        newest = [pair for pair in newest if _time(pair[0]) >= oldest]
    exposures = sorted(seen.items(), reverse=True)[:MOST_SHOWN]
    return [[list(pair) for pair in newest], [[*key, time] for key, time in exposures]]


def believable(identifier: str, time: int) -> bool:
    """Whether an exposure of `time` (ms) may belong to the decision: ids come from browsers."""
    made = decided_at(identifier)
    return made is not None and made - _AHEAD_MS <= time <= made + _BELIEVED_MS


def _time(identifier: str) -> int:
    return decided_at(identifier) or 0


class Tally:
    """What counts toward limits for one profile at one instant: exposures, and reservations that did not lapse."""

    __slots__ = ("_by_offer", "_now")

    def __init__(self, state: Reach, own: Iterable[tuple[str, str]], *, now: int) -> None:
        """`own` are recent decisions of this process (decision id, offer); one that is in the state counts once."""
        self._now = now
        by_offer: dict[str, dict[str, int]] = {}  # offer -> decision id -> when it counts, ms
        since = now - LAPSE_MS
        for pairs in (own, state[0] if state else ()):
            for identifier, offer in pairs:
                made = _time(identifier)
                if made >= since:
                    by_offer.setdefault(offer, {})[identifier] = made
        if state:
            for identifier, offer, time in state[1]:
                by_offer.setdefault(offer, {})[identifier] = time
        self._by_offer = by_offer

    def used(self, offer: str, first: int) -> int:
        """How often the offer counts since `first` (ms), the start of the first of the limit's days."""
        times = self._by_offer.get(offer)
        return 0 if not times else sum(time >= first for time in times.values())

    def __bool__(self) -> bool:
        return bool(self._by_offer)
