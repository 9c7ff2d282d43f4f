"""Days of the shop: UTC milliseconds inside, the shop's time zone for days and windows."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_QUARTER_MS = 900_000  # every zone's offset changes on a quarter of an hour
_EPOCH = date(1970, 1, 1)


class Calendar:
    """Maps instants (UTC milliseconds) to day numbers of one time zone and back.

    A day number counts local days since 1970-01-01.

    >>> Calendar("Europe/Berlin").day(1_511_999_999_000)  # 2017-11-30 00:59:59 local
    17500
    """

    __slots__ = ("_offsets", "_zone", "zone")

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._offsets: dict[int, int] = {}

    def day(self, instant: int) -> int:
        """The local day number of `instant` (ms)."""
        quarter = instant // _QUARTER_MS
        offset = self._offsets.get(quarter)
        if offset is None:
            offset = self._offset(quarter)
        return (instant + offset) // DAY_MS

    def hour(self, instant: int) -> int:
        """The local hours since the beginning of day 0 at `instant` (ms); a day has 24 of them, whatever the clocks do.

        >>> divmod(Calendar("Europe/Berlin").hour(1_511_999_999_000), 24)
        (17500, 0)
        """
        quarter = instant // _QUARTER_MS
        offset = self._offsets.get(quarter)
        return (instant + (self._offset(quarter) if offset is None else offset)) // _HOUR_MS

    def hour_and_weekday(self, instant: int) -> tuple[int, int]:
        """The local hour (0 to 23) and weekday (1 is Monday) of `instant` (ms).

        >>> Calendar("Europe/Berlin").hour_and_weekday(1_511_999_999_000)  # Thursday, 2017-11-30 00:59:59 local
        (0, 4)
        """
        quarter = instant // _QUARTER_MS
        offset = self._offsets.get(quarter)
        local = instant + (self._offset(quarter) if offset is None else offset)
        return local % DAY_MS // _HOUR_MS, (local // DAY_MS + 3) % 7 + 1  # day 0 was a Thursday

    def start(self, day: int) -> int:
        """The instant (ms) at which local day `day` begins."""
        local = datetime.combine(_EPOCH + timedelta(days=day), datetime.min.time(), tzinfo=self._zone)
        return int(local.timestamp()) * 1000

    def start_of_hour(self, hour: int) -> int:
        """The instant (ms) at which a local hour, as `hour` counts them, begins."""
        local = datetime.combine(_EPOCH, datetime.min.time()) + timedelta(hours=hour)
        return int(local.replace(tzinfo=self._zone).timestamp()) * 1000

    def date(self, day: int) -> date:
        """The calendar date of a day number."""
        return _EPOCH + timedelta(days=day)

    def local(self, instant: int) -> datetime:
        """`instant` as an aware datetime of the shop."""
        return datetime.fromtimestamp(instant / 1000, UTC).astimezone(self._zone)

    def _offset(self, quarter: int) -> int:
        if len(self._offsets) > 100_000:
            self._offsets.clear()
        moment = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC).astimezone(self._zone)
        delta = moment.utcoffset()
        offset = int(delta.total_seconds() * 1000) if delta is not None else 0
        self._offsets[quarter] = offset
        return offset
