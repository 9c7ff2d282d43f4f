"""Sightings of beacons and geofences: rows that say who was seen in which zone -> visits with their dwell.

A device at the edge of a zone is lost and found again every few seconds. Sightings of one device in one zone that are
no further than `VISIT_GAP_S` apart are one visit; a visit ends with the last of them. One that goes on is told with how
long it was seen, and who entered last with nothing more, for they stay until a leaving is told. So a visit told in
several bodies is brought together by who counts it (`profile.visits`). Where
somebody is, is a matter of the purpose `location` (`core.event.LOCATION_EVENTS`); positions are never taken in, only
the name of a zone.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from regulars.collect.files import cells
from regulars.collect.files.kind import Said
from regulars.collect.files.touch import WHEN, WHOM, Touch, needed_text, number, text, track
from regulars.core.errors import Rejected
from regulars.core.event import LONGEST_VISIT_S, VISIT_GAP_S, ZONE_ENTERED, ZONE_LEFT

ENTERED, LEFT, SEEN = "entered", "left", "seen"
_WORDS = {
    "entered": ENTERED, "enter": ENTERED, "entry": ENTERED, "in": ENTERED, "betreten": ENTERED,
    "left": LEFT, "leave": LEFT, "exit": LEFT, "exited": LEFT, "out": LEFT, "verlassen": LEFT,
    "seen": SEEN, "sighting": SEEN, "ping": SEEN, "dwell": SEEN, "gesehen": SEEN,
}  # fmt: skip
COLUMNS: dict[str, tuple[str, ...]] = {
    **WHOM,
    **WHEN,
    "zone": ("zone_id", "area", "geofence", "region", "bereich", "abteilung"),
    "store_id": ("store", "branch", "filiale"),
    "what": ("event", "type", "transition", "action", "ereignis"),
    "entered_at": ("since", "entry_time", "betreten_um"),
    "seen_seconds": (),
    "dwell_seconds": ("dwell", "dwell_time", "verweildauer"),
    "by": ("kind", "technology", "art"),
}
#: Whoever knows one of these has brought its sightings together already.
_GATHERED = frozenset(("dwell_seconds", "entered_at", "seen_seconds", "message_id"))
#: What tells a position closer than a zone does.
POSITIONS = frozenset((
    "lat", "lon", "lng", "latitude", "longitude", "coordinates", "coords", "position", "geo", "geometry", "altitude",
    "track", "points", "trackpoints", "polyline", "route",
))  # fmt: skip


def sighting(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """One row: somebody entered a zone or left it."""
    what = _what(said)
    if "timestamp" not in said:
        raise cells.wrong("timestamp", "when it was", None)
    at = _instant("timestamp", said["timestamp"], zone)
    properties: dict[str, Any] = {
        "zone": needed_text(said, "zone", "the zone's name"),
        "store_id": text(said, "store_id", most=100),
        "by": text(said, "by", most=50),
    }
    if what == LEFT:
        dwell = _dwell(said, at, zone)
        properties["dwell_seconds"] = dwell
        return track(said, ZONE_LEFT, properties, zone)
    seen = number(said, "seen_seconds", most=LONGEST_VISIT_S)
    properties["seen_seconds"] = None if seen is None else int(seen)
    return track(said, ZONE_ENTERED, properties, zone)


def visits(rows: list[Said], zone: ZoneInfo) -> list[Said]:
    """Rows of sightings as rows of visits: an entry, and where the visit is over, a leaving with its dwell.

    The same whatever order the rows come in. What cannot be read stays, and fails by itself.
    """
    unread: list[Said] = []
    seen: dict[bytes, list[tuple[datetime, str, Said]]] = {}
    for said in rows:
        try:
            place = _place(said)
            if not _GATHERED.isdisjoint(said):
                unread.append(said)
            else:
                one = _instant("timestamp", said.get("timestamp"), zone), _what(said), said
                seen.setdefault(place, []).append(one)
        except Rejected:
            unread.append(said)
    found: list[Said] = list(unread)
    for place in sorted(seen):
        found += _visits(sorted(seen[place], key=lambda one: (one[0], one[1])))
    return found


def _visits(seen: list[tuple[datetime, str, Said]]) -> Iterator[Said]:
    begin: tuple[datetime, Said] | None = None
    last, before = seen[0][0], ENTERED
    for at, what, said in seen:
        # Who entered is there until a leaving is told; who is only seen now and then is not, after a while.
        longest = LONGEST_VISIT_S if what == LEFT and before == ENTERED else VISIT_GAP_S
        if begin is not None and at - last > timedelta(seconds=longest):
            yield from _visit(begin[0], begin[1], last, over=before != ENTERED, stays=before == ENTERED)
            begin = None
        if begin is not None:
            last, before = at, what
        elif what == LEFT:
            yield said  # when it was entered, another body told
        else:
            begin, last, before = (at, said), at, what
    if begin is not None:
        yield from _visit(begin[0], begin[1], last, over=before == LEFT, stays=before == ENTERED)


def _visit(begin: datetime, said: Said, last: datetime, *, over: bool, stays: bool) -> Iterator[Said]:
    spent = min(int((last - begin).total_seconds()), LONGEST_VISIT_S)
    entered = {**said, "what": ENTERED}
    if over:
        # Who was seen once did not come in to stay.
        yield entered if spent else {**entered, "seen_seconds": 0}
        yield {**said, "what": LEFT, "timestamp": last.isoformat(), "dwell_seconds": spent}
        return
    if spent or not stays:
        yield {**entered, "seen_seconds": spent}
    if stays:
        yield {**entered, "timestamp": last.isoformat()} if spent else entered


def _what(said: Said) -> str:
    word = said.get("what", SEEN)
    found = _WORDS.get(str(word).strip().lower())
    if found is None:
        raise cells.wrong("what", "entered, left or seen", word)
    return found


def _place(said: Said) -> bytes:
    """Who, and where."""
    named = {kind: str(said[kind]).strip() for kind in WHOM if kind in said}
    place = [named, needed_text(said, "zone", "the zone's name"), text(said, "store_id")]
    return msgspec.json.encode(place, order="deterministic")


def _dwell(said: Said, at: datetime, zone: ZoneInfo) -> int | None:
    stated = number(said, "dwell_seconds", most=LONGEST_VISIT_S)
    if stated is not None:
        return int(stated)
    if "entered_at" not in said:
        return None
    spent = (at - _instant("entered_at", said["entered_at"], zone)).total_seconds()
    if not 0 <= spent <= LONGEST_VISIT_S:
        raise cells.wrong("entered_at", "at most a day before it was left", said["entered_at"])
    return int(spent)


def _instant(field: str, value: object, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(cells.moment(field, value, zone))


SIGHTINGS = Touch(
    name="sightings", title="sightings of beacons and geofences by zone", example="sightings.csv", event=ZONE_ENTERED,
    columns=COLUMNS, needs=("zone", "timestamp", "beacon_device|device_token|anonymous_id|user_id|loyalty_card"),
    call=sighting, gather=visits, never=POSITIONS,
)  # fmt: skip
