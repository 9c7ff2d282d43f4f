"""Visits: how often, or for how long, somebody was in the zones of a store, whatever pieces that is told in.

Sightings of one visit come in several bodies, twice, late, and from two devices of one person. So the state is no
number but the set of times that were told, by zone: a union, which knows nothing of order, batches and repetition.
Pieces no further than `VISIT_GAP_S` apart are one visit.

A place is (local day of the event, zone and hour in which the stay begins); at most `cap` of them are kept, newest day
first. What begins in one hour is at most thirty stays, so the state is bounded by the definitions, whatever is sent.
"""

from collections.abc import Callable
from typing import Any

from regulars.core.definitions import Trait
from regulars.core.event import LONGEST_VISIT_S, VISIT_GAP_S, ZONE_LEFT, Event
from regulars.profile import cells, reading
from regulars.profile.monoid import Monoid, State
from regulars.profile.reading import Measure

#: What a trait of visits may be `of`: the seconds spent; without it, their number.
SECONDS = "dwell_seconds"
_UNBOUNDED = 1 << 40  # days: no window
_HOUR_S = 3600


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
        zone, stay = reading.text(properties.get("zone")), told(event)
        if zone is None or stay is None or (self._unwanted is not None and self._unwanted(zone)):
            return state
        key = f"{stay[0] // _HOUR_S}\n{zone}\n{reading.text(properties.get('store_id')) or ''}"
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
        whole = [cells.joined(some, VISIT_GAP_S) for some in stays.values()]
        if self._seconds:
            return sum(sum(some[1::2]) - sum(some[::2]) for some in whole)
        return sum(len(some) // 2 for some in whole)

    def due(self, state: State, day: int) -> int:
        if self._window is None:
            return 0
        oldest = min((at for at in state[::2] if at > day - self._window), default=None)
        return 0 if oldest is None else oldest + self._window

    def now(self, state: State, day: int) -> tuple[Any, int]:
        return self.value(state, day), self.due(state, day)


def told(event: Event) -> tuple[int, int] | None:
    """The time that an event says somebody was there: (begin, end) in UTC seconds; None where it tells of none.

    A leaving with its dwell reaches back, an entry reaches on for as long as it was seen. Who left, and nobody says
    since when, was told of when they entered.
    """
    at = event.time // 1000
    dwell = _seconds(event.properties.get(SECONDS))
    if dwell is not None:
        return at - dwell, at
    if event.name == ZONE_LEFT:
        return None
    return at, at + (_seconds(event.properties.get("seen_seconds")) or 0)


def _seconds(value: Any) -> int | None:
    number = reading.to_number(value)
    return None if number is None or not 0 <= number <= LONGEST_VISIT_S else int(number)
