"""Visits: how often, or for how long, somebody was in the zones of a store, whatever pieces that is told in.

Sightings of one visit come in several bodies, twice, late, and from two devices of one person. So the state is no
number but the set of times that were told, by zone: a union, which knows nothing of order, batches and repetition.
Pieces no further than `VISIT_GAP_S` apart are one visit; an entry and a leaving that do not know of each other are put
together when the value is read (`profile.zone_times`).

A place is (local day of the event, zone and hour in which the time begins); at most `cap` of them are kept, newest day
first. What begins in one hour is at most thirty times of each kind, so the state is bounded by the definitions,
whatever is sent.
"""

from collections.abc import Callable
from typing import Any

from regulars.core.definitions import Trait
from regulars.core.event import LONGEST_VISIT_S, VISIT_GAP_S, ZONE_LEFT, Event
from regulars.profile import cells, reading
from regulars.profile.monoid import Monoid, State
from regulars.profile.reading import Measure
from regulars.profile.zone_times import CAME, THERE, WENT, whole_visits

#: What a trait of visits may be `of`: the seconds spent; without it, their number.
SECONDS = "dwell_seconds"
_UNBOUNDED = 1 << 40  # days: no window
_HOUR_S = 3600
#: Times of each kind lie side by side in one list, so far apart that they never meet; stretches as they are.
_FAR = 1 << 40
_SHIFT = {THERE: 0, CAME: _FAR, WENT: 2 * _FAR}
_KINDS = {shift // _FAR: kind for kind, shift in _SHIFT.items()}


def compile_visits(trait: Trait, *, currency: str, unwanted: Callable[[str], bool] | None) -> Monoid:
    """The monoid of a trait of kind visits."""
    return _Visits(trait, currency, unwanted)


class _Visits(Measure):
    """`visits`. State: [day, {"hour zone store": [begin, end, ...]}, ...], days descending, times in UTC seconds."""

    def __init__(self, trait: Trait, currency: str, unwanted: Callable[[str], bool] | None) -> None:
        super().__init__(trait, currency)
        self.passes = reading.compile_filters(trait.where)
        self._seconds = trait.of == SECONDS
        self._window = trait.window_days
        self._width = _UNBOUNDED if trait.window_days is None else trait.window_days
        self._cap = trait.cap
        self._unwanted = unwanted

    def zero(self) -> State:
        return []

    def add(self, state: State, event: Event, day: int) -> State:
        properties = self.content(event)
        if self.passes is not None and not self.passes(properties):
            return state
        zone, time = reading.text(properties.get("zone")), told(event)
        if zone is None or time is None or (self._unwanted is not None and self._unwanted(zone)):
            return state
        kind, begin, end = time
        key = f"{begin // _HOUR_S}\n{zone}\n{reading.text(properties.get('store_id')) or ''}"
        stay = max(begin, 0) + _SHIFT[kind], end + _SHIFT[kind]
        return cells.add_stay(state, day, key, stay, gap=VISIT_GAP_S, width=self._width, cap=self._cap)

    def merge(self, left: State, right: State) -> State:
        return cells.merge_stays(left, right, gap=VISIT_GAP_S, width=self._width, cap=self._cap)

    def value(self, state: State, day: int) -> Any:
        stays: dict[str, list[int]] = {}
        for at in range(0, len(state), 2):
            if state[at] <= day - self._width:
                break
            for key, held in state[at + 1].items():
                stays.setdefault(key.partition("\n")[2], []).extend(held)
        whole = [_whole(cells.joined(some, VISIT_GAP_S)) for some in stays.values()]
        if self._seconds:
            return sum(end - begin for some in whole for begin, end in some)
        return sum(map(len, whole))

    def due(self, state: State, day: int) -> int:
        if self._window is None:
            return 0
        oldest = min((at for at in state[::2] if at > day - self._window), default=None)
        return 0 if oldest is None else oldest + self._window

    def now(self, state: State, day: int) -> tuple[Any, int]:
        return self.value(state, day), self.due(state, day)


def told(event: Event) -> tuple[int, int, int] | None:
    """The kind of time that an event tells, and from when to when in UTC seconds; None where it tells of none.

    A leaving with its dwell reaches back, an entry with `seen_seconds` reaches on. An entry without says that somebody
    came in and stays, a leaving without that they went out, whenever they came.
    """
    at = event.time // 1000
    dwell = _seconds(event.properties.get(SECONDS))
    if dwell is not None:
        return THERE, at - dwell, at
    if event.name == ZONE_LEFT:
        return WENT, at, at
    seen = _seconds(event.properties.get("seen_seconds"))
    return (CAME, at, at) if seen is None else (THERE, at, at + seen)


def _whole(times: list[int]) -> list[tuple[int, int]]:
    """Visits of the times of one zone, as they are kept."""
    if times and times[-1] < _FAR:
        return list(zip(times[::2], times[1::2], strict=True))
    told = [
        (begin % _FAR, _KINDS[begin // _FAR], end % _FAR) for begin, end in zip(times[::2], times[1::2], strict=True)
    ]
    return whole_visits(told, gap=VISIT_GAP_S, longest=LONGEST_VISIT_S)


def _seconds(value: Any) -> int | None:
    number = reading.to_number(value)
    return None if number is None or not 0 <= number <= LONGEST_VISIT_S else int(number)
