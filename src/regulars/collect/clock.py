"""When an event happened, as far as its own clock can be trusted."""

import functools
from datetime import UTC, datetime

_BROWSER_LENGTH = 24
AHEAD_MS = 3_600_000  # a clock that is further ahead than this is wrong
_EARLIEST = 631_152_000_000  # 1990-01-01: earlier times are unset clocks


def event_time(stated: str | int | float | None, received_at: int) -> int:
    """Milliseconds UTC: what the client says, or the receipt when it says nothing usable or something in the future.

    >>> event_time("2017-11-30T10:00:00.250+01:00", 1_600_000_000_000)
    1512032400250
    >>> event_time("2099-01-01", 1_600_000_000_000), event_time("soon", 1_600_000_000_000)
    (1600000000000, 1600000000000)
    """
    if stated is None:
        return received_at
    time = _milliseconds(stated)
    if time is None or not _EARLIEST <= time <= received_at + AHEAD_MS:
        return received_at
    return time


def _milliseconds(stated: str | int | float) -> int | None:
    if type(stated) is str and len(stated) == _BROWSER_LENGTH and stated[23] == "Z" and stated[16] == ":":
        # "2017-11-30T09:00:00.250Z", as browsers write it: the minute was read before, most of the time.
        start = _minute(stated[:16])
        digits = stated[17:19] + stated[20:23]
        if start is not None and stated[19] == "." and digits.isascii() and digits.isdecimal() and digits < "60000":
            return start + int(digits)
    return _any_milliseconds(stated)


@functools.lru_cache(maxsize=10_000)
def _minute(stated: str) -> int | None:
    return _any_milliseconds(f"{stated}:00Z")


def _any_milliseconds(stated: str | int | float) -> int | None:
    if not isinstance(stated, str):
        # Seconds up to the year 5138, milliseconds from 1973 on.
        return int(stated if stated >= 1e11 else stated * 1000) if 0 <= stated < 1e16 else None
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return round(moment.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None
