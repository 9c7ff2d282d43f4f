"""What a decision knows of the moment beside the customer: whether tracking is sound, and what is on air.

Both are read in a thread beside and only where some condition asks for them; a decision takes what was read last, and
its record keeps what its conditions could see.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from regulars.core.condition.nodes import TRACKING
from regulars.core.schema import ON_AIR, STATION
from regulars.core.state import Row, StateReader
from regulars.flow.shop_facts import LONGEST_STATION, airing, programme

#: Whether the tracking of each goal is sound; None where that is not known.
Sound = Callable[[], Mapping[str, bool | None]]
#: How often soundness and the programme are looked at; ms.
LOOK_MS = 10_000
#: How far ahead of the last known time the programme is read: the next looks come before it is over.
AHEAD_MS = 10 * 60_000


def nothing_known() -> Mapping[str, bool | None]:
    """Of no goal is it known whether its tracking is sound."""
    return {}


class Moments:
    """One per process. `sound` may take its time: it is asked in the thread that refreshes."""

    def __init__(self, state: StateReader, sound: Sound = nothing_known) -> None:
        self._state = state
        self._sound = sound
        self._asked: frozenset[str] = frozenset()
        self._tracking: Mapping[str, bool | None] = {}
        self._schedule: Sequence[Row] = ()
        self._looked = -LOOK_MS

    def use(self, names: Iterable[str]) -> None:
        """Go by conditions that read these names from the next `refresh` on."""
        asked = frozenset(one for one in names if one in (ON_AIR, STATION) or one.startswith(TRACKING))
        if asked != self._asked:
            self._asked = asked
            self._looked = -LOOK_MS

    def refresh(self, *, monotonic: int, now: int) -> None:
        """Look at what conditions ask for, if it is time; `now` is the shop's clock, ms."""
        if not self._asked or 0 <= monotonic - self._looked < LOOK_MS:
            return
        self._looked = monotonic
        if any(one.startswith(TRACKING) for one in self._asked):
            self._tracking = {f"{TRACKING}{goal}": sound for goal, sound in self._sound().items()}
        if ON_AIR in self._asked or STATION in self._asked:
            self._schedule = programme(self._state, now + AHEAD_MS)

    def at(self, now: int, station: object = None) -> dict[str, Any] | None:
        """What conditions read at an instant (ms) on behalf of a caller at a station; nothing where none asks.

        Without a station it is the newest entry of any: `context.station` then says whose.
        """
        asked = self._asked
        if not asked:
            return None
        found: dict[str, Any] = {one: self._tracking.get(one) for one in asked if one.startswith(TRACKING)}
        if ON_AIR in asked or STATION in asked:
            named = station if isinstance(station, str) and 0 < len(station) <= LONGEST_STATION else ""
            on_air = next(iter(airing(self._schedule, now, station=named)), {})
            title = on_air.get("title") or on_air.get("spot_id")
            found[ON_AIR] = str(title) if title else None
            found[STATION] = named or _text(on_air.get("station"))
        return found


def _text(said: object) -> str | None:
    return said[:LONGEST_STATION] if isinstance(said, str) and said else None
