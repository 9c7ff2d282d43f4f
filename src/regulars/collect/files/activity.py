"""Activities that bands, watches and apps measured -> one event each, with whether it can be true.

Distance, duration and steps are kept, never where somebody was and never a pulse: the pulse is looked at for the
verdict alone. Whether it is plausible is stored with the event as `plausible` and `doubts`, so that a programme that
rewards activity can ask for it.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from regulars.collect.files import cells
from regulars.collect.files.kind import Said
from regulars.collect.files.sightings import POSITIONS
from regulars.collect.files.touch import WHEN, WHOM, Touch, number, text, track
from regulars.core.errors import Rejected

ACTIVITY = "Activity Recorded"
#: Faster than these nobody is on average, metres a second (about the world records over an hour; cycling with wind).
FASTEST = {
    "walking": 3.5, "hiking": 3.0, "running": 6.2, "cycling": 16.0, "swimming": 1.9, "rowing": 6.5, "skating": 12.5,
    "skiing": 20.0, "wheelchair": 9.0,
}  # fmt: skip
FASTEST_OF_ALL = 16.0
LONGEST_S = 24 * 3_600
FARTHEST_M = 400_000
#: Steps a second at most, and metres a step at most.
STEPS_A_SECOND, METRES_A_STEP = 5.0, 3.0
#: A pulse outside of this is a fault of the sensor, beats a minute.
PULSE = (30, 225)
#: Times of two devices that measured the same: the starts may be this far apart, s; the distances by this share.
SAME_START_S, SAME_SHARE = 180, 0.15
AHEAD_MS = 60_000
_SPORTS = {
    "walk": "walking", "gehen": "walking", "spazieren": "walking", "run": "running", "laufen": "running",
    "trail_running": "running", "jogging": "running", "bike": "cycling", "biking": "cycling", "radfahren": "cycling",
    "ride": "cycling", "e_biking": "cycling", "hike": "hiking", "wandern": "hiking", "swim": "swimming",
    "schwimmen": "swimming", "row": "rowing", "rudern": "rowing", "inline_skating": "skating",
}  # fmt: skip
COLUMNS: dict[str, tuple[str, ...]] = {
    **WHOM,
    **WHEN,
    "timestamp": (*WHEN["timestamp"], "start", "started_at", "start_time", "begin", "beginn"),
    "ended_at": ("end", "end_time", "ende"),
    "activity_id": ("id", "workout_id"),
    "device": ("device_name", "tracker", "gerät"),
    "sport": ("activity", "activity_type", "type", "sportart", "aktivität"),
    "duration_seconds": ("duration", "moving_time", "elapsed_time", "dauer"),
    "distance_m": ("distance_meters", "distance_metres", "strecke_m", "distanz_m"),
    "distance": ("strecke", "distanz"),
    "distance_km": ("kilometres", "kilometers", "strecke_km", "distanz_km"),
    "steps": ("step_count", "schritte"),
    "pulse_mean": ("avg_heart_rate", "average_heart_rate", "heart_rate", "puls"),
    "pulse_most": ("max_heart_rate", "maximum_heart_rate"),
}
_OVERLAP = "(doubts)"


def activity(said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """One activity."""
    if "timestamp" not in said:
        raise cells.wrong("timestamp", "when it began", None)
    start, lasts = _span(said, zone)
    metres = _metres(said)
    steps = number(said, "steps", most=1e7)
    if metres is None and steps is None and lasts is None:
        raise cells.wrong("distance_m", "a distance, a duration or steps", None)
    sport = _sport(said)
    doubts = doubts_of(sport, lasts, metres, steps, _pulses(said)) + [str(one) for one in said.get(_OVERLAP, ())]
    properties = {
        "activity_id": text(said, "activity_id", most=128),
        "device": text(said, "device", most=100),
        "sport": sport,
        "started_at": start.isoformat(),
        "duration_seconds": lasts,
        "distance_m": None if metres is None else round(metres),
        "steps": None if steps is None else int(steps),
        "plausible": not doubts,
        "doubts": sorted(doubts),
    }
    call = track(said, ACTIVITY, properties, zone)
    if properties["activity_id"] is not None and "messageId" not in call:
        # A device tells the same activity again after it was edited; the first word counts.
        call["messageId"] = f"activity-{properties['device'] or ''}-{properties['activity_id']}"
    return call


def doubts_of(
    sport: str | None, lasts: float | None, metres: float | None, steps: float | None, pulses: list[float]
) -> list[str]:
    """What speaks against an activity.

    >>> doubts_of("running", 3600, 12_000, 11_000, [150, 180]), doubts_of("running", 600, 9_000, None, [])
    ([], ['too_fast'])
    """
    found = []
    if lasts is not None and not 0 < lasts <= LONGEST_S:
        found.append("duration")
    if metres is not None and metres > FARTHEST_M:
        found.append("distance")
    if metres and lasts and metres / lasts > FASTEST.get(sport or "", FASTEST_OF_ALL):
        found.append("too_fast")
    if steps and lasts and steps / lasts > STEPS_A_SECOND:
        found.append("steps")
    if steps and metres and sport in (None, "walking", "running", "hiking") and metres / steps > METRES_A_STEP:
        found.append("steps")
    if any(not PULSE[0] <= pulse <= PULSE[1] for pulse in pulses) or (len(pulses) == 2 and pulses[0] > pulses[1]):
        found.append("pulse")
    return sorted(set(found))


def compared(rows: list[Said], zone: ZoneInfo) -> list[Said]:
    """The rows, with doubts where two activities of one person cannot both be."""
    spans: list[tuple[tuple[str, ...], datetime, datetime, int]] = []
    for place, said in enumerate(rows):
        try:
            start, lasts = _span(said, zone)
            end = start + timedelta(seconds=min(lasts or 0, LONGEST_S))
            who = tuple(f"{kind}:{said[kind]}" for kind in WHOM if kind in said)
            spans.append((who, start, end, place))
        except (Rejected, OverflowError):
            continue
    found = [dict(said) for said in rows]
    spans.sort(key=lambda one: (one[0], one[1], one[2], _order(rows[one[3]])))
    latest: tuple[tuple[str, ...], datetime, datetime, int] | None = None  # that ends last of this person's so far
    for span in spans:
        if latest is not None and latest[0] == span[0] and (span[1] < latest[2] or _same_start(latest, span)):
            doubt = "duplicate" if _is_same(rows[latest[3]], rows[span[3]], latest, span) else "overlap"
            found[span[3]][_OVERLAP] = [doubt]
        if latest is None or latest[0] != span[0] or span[2] > latest[2]:
            latest = span
    return found


def judged(call: dict[str, Any], now: int) -> dict[str, Any]:
    """The call with a doubt where the activity has not happened yet at `now` (ms)."""
    properties = call["properties"]
    begins = datetime.fromisoformat(properties["started_at"]).timestamp() * 1000
    if not now or begins <= now + AHEAD_MS:
        return call
    doubts = sorted({*properties["doubts"], "future"})
    return {**call, "properties": {**properties, "plausible": False, "doubts": doubts}}


def _same_start(one: tuple[Any, datetime, datetime, int], other: tuple[Any, datetime, datetime, int]) -> bool:
    return abs((one[1] - other[1]).total_seconds()) <= SAME_START_S and one[1] != one[2]


def _is_same(
    one: Said, other: Said, first: tuple[Any, datetime, datetime, int], second: tuple[Any, datetime, datetime, int]
) -> bool:
    """Whether two devices measured the same activity."""
    if abs((first[1] - second[1]).total_seconds()) > SAME_START_S:
        return False
    try:
        lengths = [_metres(one), _metres(other)]
    except Rejected:
        return False
    spans = [(first[2] - first[1]).total_seconds(), (second[2] - second[1]).total_seconds()]
    return all(not (a and b) or abs(a - b) <= SAME_SHARE * max(a, b) for a, b in (lengths, spans))


def _order(said: Said) -> str:
    return repr(sorted((str(name), str(value)) for name, value in said.items() if name != "(line)"))


def _span(said: Said, zone: ZoneInfo) -> tuple[datetime, float | None]:
    start = datetime.fromisoformat(cells.moment("timestamp", said.get("timestamp"), zone))
    lasts = _seconds(said)
    if lasts is None and "ended_at" in said:
        end = datetime.fromisoformat(cells.moment("ended_at", said["ended_at"], zone))
        lasts = max((end - start).total_seconds(), 0)
    return start, lasts


def _seconds(said: Said) -> float | None:
    """A duration in seconds, also as 1:02:03."""
    value = said.get("duration_seconds")
    if isinstance(value, str) and ":" in value:
        parts = value.strip().split(":")
        if len(parts) in (2, 3) and all(part.isascii() and part.isdecimal() and len(part) < 5 for part in parts):
            seconds = 0
            for part in parts:
                seconds = seconds * 60 + int(part)
            return float(seconds)
        raise cells.wrong("duration_seconds", "seconds, or 1:02:03", value)
    return number(said, "duration_seconds", most=1e7)


def _metres(said: Said) -> float | None:
    metres = number(said, "distance_m", most=1e8)
    if metres is not None:
        return float(metres)
    kilometres = number(said, "distance_km", most=1e5)
    if kilometres is None and not cells.is_empty(said.get("distance")):
        # Watches write kilometres or miles there, apps metres: ten of which, nobody can tell.
        expected = 'distance_m or distance_km, which tell the unit, as in --map "Distance=distance_km"'
        raise cells.wrong("distance", expected, said["distance"])
    return None if kilometres is None else float(kilometres) * 1_000


def _sport(said: Said) -> str | None:
    word = text(said, "sport", most=50)
    if word is None:
        return None
    plain = word.lower().replace(" ", "_").replace("-", "_")
    return _SPORTS.get(plain, plain)


def _pulses(said: Said) -> list[float]:
    pulses = (number(said, name, most=1_000) for name in ("pulse_mean", "pulse_most"))
    return [float(pulse) for pulse in pulses if pulse is not None]


ACTIVITIES = Touch(
    name="activities", title="activities that bands, watches and apps measured", example="run.fit", event=ACTIVITY,
    columns=COLUMNS, formats=("gpx", "fit"), call=activity, gather=compared, judge=judged, never=POSITIONS,
    needs=("timestamp", "distance_m|distance_km|distance|steps", "sport|duration_seconds"),
    options={"user_id": "whose activities the file holds", "loyalty_card": "the same by the customer card"},
)  # fmt: skip
