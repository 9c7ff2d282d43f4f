"""Reach: which decisions and exposures of limited offers, and of rows of items, count for one profile.

Grow-only sets, so that order and batches never matter and merging two profiles is merging the sets:

- *decided* (decision id, offer): reservations. Kept while they are at most `LAPSE_MS` older than the newest one, and
  the newest `MOST_DECIDED` of them.
- *shown* (decision id, offer) -> first time it was seen, ms. The newest `MOST_SHOWN` are kept.
- *rows* (decision id, placement) -> its channel, whether it counts undelivered, its items. The newest `MOST_ROWS`.
- *seen* (decision id, placement) -> first time it was seen, ms. The newest `MOST_SEEN`.

What was shown of items is what *rows* and *seen* say together, whichever came first.

A decision id holds its own time and never changes, so both truncations are by an order that does not look at values.
Beyond `MOST_SHOWN` exposures of limited offers the oldest are forgotten.
"""

from collections.abc import Callable, Iterable
from typing import Any

from regulars.decide.identity import decided_at

#: A reservation that was never shown counts for so long, ms.
LAPSE_MS = 30 * 60_000
MOST_DECIDED = 200
MOST_SHOWN = 300
MOST_ROWS, MOST_SEEN = 40, 100
#: How much later than its decision an exposure may be told, ms: what is older is not believed.
_BELIEVED_MS = 366 * 86_400_000
_AHEAD_MS = 3_600_000

#: As stored: [[[decision id, offer], ...], [[decision id, offer, shown at], ...]], newest id first; [] is nothing.
#: Where rows are kept, then [[decision id, placement, channel, counts at once, items], ...] and
#: [[decision id, placement, seen at], ...].
Reach = list[Any]
Shown = tuple[str, str, int]  # channel, item, ms
Row = tuple[str, str, str, bool, list[str]]  # decision id, placement, channel, whether deciding it counts, items


def fold(
    state: Reach,
    *,
    decided: Iterable[tuple[str, str]] = (),
    shown: Iterable[tuple[str, str, int]] = (),
    rows: Iterable[Row] = (),
    seen: Iterable[tuple[str, str, int]] = (),
) -> Reach:
    """The state with decisions (decision id, offer) and exposures (decision id, offer, time in ms) added.

    `rows` are rows of items that were decided, `seen` (decision id, placement, time) which of them were seen.
    """
    lists = [[list(one) for one in some] for some in (decided, shown, rows, seen)]
    return merge(state, lists)


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
    decided_rows, seen_rows = _merged_rows(left, right)
    if not reserved and not seen and not decided_rows and not seen_rows:
        return []
    newest = sorted(reserved, reverse=True)[:MOST_DECIDED]
    if newest:
        oldest = _time(newest[0][0]) - LAPSE_MS
        newest = [pair for pair in newest if _time(pair[0]) >= oldest]
    exposures = sorted(seen.items(), reverse=True)[:MOST_SHOWN]
    found: Reach = [[list(pair) for pair in newest], [[*key, time] for key, time in exposures]]
    return [*found, decided_rows, seen_rows] if decided_rows or seen_rows else found


def _merged_rows(left: Reach, right: Reach) -> tuple[list[Any], list[Any]]:
    """What the two know of rows: what was decided never changes, and the first time that it was seen counts."""
    rows: dict[tuple[str, str], list[Any]] = {}
    seen: dict[tuple[str, str], int] = {}
    for state in (left, right):
        if len(state) < 4:
            continue
        rows.update(((one[0], one[1]), list(one)) for one in state[2])
        for identifier, placement, time in state[3]:
            key = (identifier, placement)
            seen[key] = min(time, seen.get(key, time))
    newest = sorted(rows.items(), reverse=True)[:MOST_ROWS]
    return [one for _, one in newest], [[*key, at] for key, at in sorted(seen.items(), reverse=True)[:MOST_SEEN]]


def shown_items(
    state: Reach,
    own: Iterable[Row] = (),
    seen: Iterable[tuple[str, str, int]] = (),
    *,
    counts: Callable[[str, int], bool] | None = None,
) -> list[Shown]:
    """(channel, item, time in ms) of every item that was shown; `own` and `seen` are not folded yet.

    `counts` says of a placement and a time whether what was shown then may still be used.

    >>> shown_items([[], [], [["d1", "hero", "web", False, ["tea"]]], [["d1", "hero", 5]]])
    [('web', 'tea', 5)]
    """
    rows = {(one[0], one[1]): one for one in own}
    times: dict[tuple[str, str], int] = {}
    if len(state) >= 4:
        rows.update(((one[0], one[1]), one) for one in state[2])
        times.update(((one[0], one[1]), one[2]) for one in state[3])
    for identifier, placement, time in seen:
        times.setdefault((identifier, placement), time)
    found: list[Shown] = []
    for key, (identifier, _, channel, at_once, items) in rows.items():
        time_seen = times.get(key, _time(identifier) if at_once else None)
        if time_seen is not None and (counts is None or counts(key[1], time_seen)):
            found += [(channel, item, time_seen) for item in items]
    return found


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
