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


def milliseconds(stated: object) -> int | None:
    """What a client wrote as an instant, UTC ms, however wrong its clock is; None where it is none.

    >>> milliseconds("2017-11-30T09:00:00.250Z"), milliseconds(1512032400.25), milliseconds({})
    (1512032400250, 1512032400250, None)
    """
    if isinstance(stated, bool) or not isinstance(stated, str | int | float):
        return None
    return _milliseconds(stated)


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


class Said:
    """What the calls of a record say beside their events: when they were sent, and times that were not believed."""

    __slots__ = ("_read", "sent", "stated")

    def __init__(self) -> None:
        self.sent: dict[int, int] = {}  # index of the event -> ms by the device's clock
        self.stated: dict[int, int] = {}  # index of an event that got the time of its receipt -> what it stated, ms
        self._read: tuple[object, int | None] = (None, None)

    def note(self, index: int, sent: object, stated: str | int | float | None, time: int, received: int) -> None:
        """What one event says; `time` is the one that it got."""
        if sent is not self._read[0] and sent != self._read[0]:
            self._read = sent, milliseconds(sent)
        instant = self._read[1]
        if instant is None:
            return
        self.sent[index] = instant
        if time == received:
            claimed = None if stated is None else _milliseconds(stated)
            # Where no time is stated, it is that of sending: what comes nearest of what the device knows.
            self.stated[index] = instant if claimed is None else claimed
