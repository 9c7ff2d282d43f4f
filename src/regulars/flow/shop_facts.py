"""Facts of the shop: kept as they were told last, and noted with the calls and orders that they concern.

They pass no profile and no consent, for they are about nobody. Advertising, search queries and footfall are kept for
reports; the programme says what was on air when somebody called or ordered. A schedule may come late: what is read
again is noted again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from regulars.collect.clock import milliseconds
from regulars.core.definitions import Definitions
from regulars.core.event import ADVERTISING, FOOTFALL, NOBODY, PROGRAMME, SEARCHES, Event
from regulars.core.state import SHOP_FACT, Changes, Row, StateReader
from regulars.flow.progress import progress_of
from regulars.flow.timing import note

#: Kinds by the event that tells them, and the properties that say what a fact is about.
KINDS = {ADVERTISING: "advertising", SEARCHES: "searches", PROGRAMME: "programme", FOOTFALL: "footfall"}
_ABOUT = {
    ADVERTISING: ("date", "channel", "account", "campaign", "ad_group", "product_id"),
    SEARCHES: ("date", "query", "page", "country", "device"),
    PROGRAMME: ("station", "starts"),
    FOOTFALL: ("store_id", "entrance", "starts"),
}
#: What an order and a call are noted with, and under which name.
STAMPED = frozenset(("Order Completed", "Call Received"))
ON_AIR = "on_air"
#: How long a call may come after a spot ended and still be an answer to it, where the schedule does not say it; ms.
RESPONSE_MS = 15 * 60_000
#: The longest programme, ms: what is older than that cannot be on air.
LONGEST_MS = 24 * 3_600_000
#: How long facts are kept for reports beside the lake, which keeps them as it keeps events; days.
KEPT_DAYS = 800
_MOST_ON_AIR = 5
#: For how long a schedule that came late is told of, unless a back-fill took it in.
LATE_DAYS = 7
#: So many entries of a schedule are looked through for late ones.
_MOST_LATE = 10_000
_HOUR_MS = 3_600_000
#: The longest name of a station that a call may give.
LONGEST_STATION = 100
_TOLD = (
    "station", "medium", "kind", "title", "spot_id", "campaign", "product_ids", "starts", "ends", "phone",
)  # fmt: skip
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


class ShopFacts:
    """Facts of the shop, as the fold sees them."""

    def __init__(self, state: StateReader, day_of: Callable[[int], int]) -> None:
        self._state = state
        self._day_of = day_of
        self._scheduled = bool(state.select(SHOP_FACT, {"kind": KINDS[PROGRAMME]}, limit=1))

    def take(self, events: Sequence[Event], changes: Changes) -> list[Event]:
        """Keep the facts; the events of persons, with what was on air at calls and orders."""
        rest = [event for event in events if event.subject != NOBODY]
        if len(rest) < len(events):
            for event in events:
                if event.subject == NOBODY:
                    self._keep(event, changes)
        if self._scheduled and any(event.name in STAMPED for event in rest):
            return [self._stamped(event, changes) if event.name in STAMPED else event for event in rest]
        return rest

    def _keep(self, event: Event, changes: Changes) -> None:
        changes.add("events", self._day_of(event.time), event.name, 1)
        kind, said = KINDS.get(event.name), event.properties
        if kind is None:
            return  # a review of an unknown author: the lake has it
        key = "|".join(str(said.get(name) or "").replace("|", " ")[:200] for name in _ABOUT[event.name])
        begins = milliseconds(said.get("starts")) if "starts" in said else event.time
        ends = milliseconds(said.get("ends")) if "ends" in said else None
        if event.name == PROGRAMME:
            if begins is None or ends is None or ends < begins:
                return  # the lake has it; it was never on air
            self._scheduled = True
            ends = _heard_until(said, min(ends, begins + LONGEST_MS))
        begins = event.time if begins is None else begins
        row = (kind, key, begins, begins if ends is None else ends, event.received_at, _encode(said))
        changes.put(SHOP_FACT, row)

    def _stamped(self, event: Event, changes: Changes) -> Event:
        found = on_air(self._state, event.time, changes, station=_text(event, "station"),
                       dialled=_text(event, "dialled_number"))  # fmt: skip
        return note(event, {ON_AIR: found}, changes) if found else event


def on_air(
    state: StateReader, time: int, changes: Changes | None = None, *, station: str = "", dialled: str = ""
) -> list[dict[str, Any]]:
    """What is on air at an instant (ms) or is still being answered, the newest first; at most a few.

    Where the caller dialled a number that some entry shows, only such entries count; where a station is named, its own.
    """
    found = {row[1]: row for row in programme(state, time)}
    if changes is not None:
        for row in changes.puts.get(SHOP_FACT.name, {}).values():
            if row[0] == KINDS[PROGRAMME]:
                found[row[1]] = row
    return airing(found.values(), time, station=station, dialled=dialled)


def programme(state: StateReader, until: int) -> Sequence[Row]:
    """The entries of the programme that may be on air at an instant (ms) or shortly before."""
    return state.select(
        SHOP_FACT,
        {"kind": KINDS[PROGRAMME]},
        at_least={"time": until - LONGEST_MS - RESPONSE_MS * 96},
        below={"time": until + 1},
        order=("-time",),
        limit=5_000,
    )


def late_entries(state: StateReader, *, since: int) -> int:
    """How many entries of the programme, told from `since` on (ms), came after they began and after the last replay.

    Traits that were folded before know nothing of them; a replay takes them in.
    """
    return len(_late(state, since))


def newest_late(state: StateReader, *, since: int) -> int | None:
    """When the last of them was told, ms; None where there is none."""
    return max((cast(int, row[4]) for row in _late(state, since)), default=None)


def reads_on_air(definitions: Definitions) -> bool:
    """Whether a trait looks at what was on air at calls and orders."""
    return any(
        str(path).partition(".")[2].startswith(ON_AIR)
        for trait in definitions.traits
        for path in (trait.of, trait.weight, *trait.where)
        if str(path).startswith("context.")
    )


def _late(state: StateReader, since: int) -> list[Row]:
    told_after = max(since, progress_of(state).began + 1)
    rows = state.select(SHOP_FACT, {"kind": KINDS[PROGRAMME]}, at_least={"told": told_after}, limit=_MOST_LATE)
    return [row for row in rows if cast(int, row[4]) > cast(int, row[2])]


def airing(rows: Iterable[Row], time: int, *, station: str = "", dialled: str = "") -> list[dict[str, Any]]:
    """Of these entries of the programme, what is on air at an instant, as `on_air`."""
    said = [_decode(cast(bytes, row[5])) for row in sorted(rows, key=_newest) if _covers(row, time)]
    if station:
        said = [one for one in said if str(one.get("station", "")).casefold() == station.casefold()]
    if dialled:
        shown = [one for one in said if _digits(str(one.get("phone") or "")) == _digits(dialled)]
        said = shown or [one for one in said if not one.get("phone")]
    return [{name: one[name] for name in _TOLD if one.get(name) is not None} for one in said[:_MOST_ON_AIR]]


def restamped(state: StateReader, events: Sequence[Event]) -> Sequence[Event]:
    """Events that are read again, their calls and orders with what was on air as the schedule is known now.

    A schedule that came after the calls, or was put right since, so counts for whoever looks at them, however often.
    What was noted stays where the schedule says nothing of that time (any more).
    """
    if not any(event.name in STAMPED for event in events):
        return events
    if not state.select(SHOP_FACT, {"kind": KINDS[PROGRAMME]}, limit=1):
        return events
    entries: dict[int, Sequence[Row]] = {}
    result = list(events)
    for place, event in enumerate(events):
        if event.name not in STAMPED:
            continue
        hour = event.time // _HOUR_MS
        if hour not in entries:
            entries[hour] = programme(state, (hour + 1) * _HOUR_MS - 1)
        found = airing(entries[hour], event.time, station=_text(event, "station"),
                       dialled=_text(event, "dialled_number"))  # fmt: skip
        if found and found != event.context.get(ON_AIR):
            result[place] = msgspec.structs.replace(event, context={**event.context, ON_AIR: found})
    return result


def facts(
    state: StateReader, kind: str, *, since: int, until: int, most: int = 10_000
) -> tuple[list[dict[str, Any]], bool]:
    """The facts of a kind from `since` to before `until` (ms), the newest first; whether that is all."""
    rows = state.select(
        SHOP_FACT, {"kind": kind}, at_least={"time": since}, below={"time": until}, order=("-time",), limit=most + 1
    )
    return [_decode(cast(bytes, row[5])) for row in rows[:most]], len(rows) <= most


#: What reports add up, by which properties.
_SUMS = {
    "advertising": (("channel", "campaign", "currency"), ("cost", "clicks", "impressions", "conversions")),
    "searches": (("query", "page"), ("clicks", "impressions")),
    "footfall": (("store_id",), ("count_in", "count_out")),
}


def summary(kind: str, found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Facts as lines: sums by what they are about, the largest first; the programme entry by entry.

    >>> list(summary("footfall", [{"store_id": "Bonn", "count_in": 3}, {"store_id": "Bonn", "count_in": 4}]))
    ['Bonn: count_in 7']
    """
    if kind not in _SUMS:
        for one in found:
            title = " / ".join(str(one[name]) for name in ("title", "spot_id") if one.get(name))
            yield f"{one.get('starts')} {one.get('station')}: {title}"
        return
    about, summed = _SUMS[kind]
    sums: dict[tuple[str, ...], dict[str, int | float]] = {}
    for one in found:
        row = sums.setdefault(tuple(str(one[name]) for name in about if one.get(name)), {})
        for name in summed:
            value = one.get(name)
            if isinstance(value, int | float):
                row[name] = round(row.get(name, 0) + value, 4)
    first = summed[0]
    for names, row in sorted(sums.items(), key=lambda pair: (-pair[1].get(first, 0), pair[0])):
        yield f"{' / '.join(names)}: " + ", ".join(f"{name} {value:g}" for name, value in row.items())


def forget(state: StateReader, changes: Changes, *, now: int, most: int) -> None:
    """Facts that no report shows any more (now, ms); the lake has them."""
    for kind in sorted(KINDS.values()):
        rows = state.select(SHOP_FACT, {"kind": kind}, below={"time": now - KEPT_DAYS * 86_400_000}, limit=most)
        for row in rows:
            changes.delete(SHOP_FACT, (kind, cast(str, row[1])))


def _covers(row: Row, time: int) -> bool:
    return cast(int, row[2]) <= time < cast(int, row[3])


def _newest(row: Row) -> tuple[int, str]:
    return -cast(int, row[2]), cast(str, row[1])


def _heard_until(said: Mapping[str, Any], ends: int) -> int:
    """When the last answer to it may come."""
    stated = said.get("response_minutes")
    if isinstance(stated, int | float) and not isinstance(stated, bool) and 0 <= stated <= 24 * 60:
        return ends + int(stated * 60_000)
    return ends + (RESPONSE_MS if said.get("kind") == "spot" else 0)


def _text(event: Event, name: str) -> str:
    value = event.properties.get(name)
    return value if isinstance(value, str) else ""


def _digits(number: str) -> str:
    """The digits that tell two numbers apart, however the country is written."""
    return "".join(one for one in number if one.isdecimal()).removeprefix("00").lstrip("0")[-8:]
