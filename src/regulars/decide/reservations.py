"""Reservations: decisions of this process that are not folded yet, so that caps hold under parallel calls.

Rows of items stand here, too, where a rule asks what was shown before.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from regulars.decide.reach import LAPSE_MS, Row


class Reservation:
    """Limited offers and rows of one decision."""

    __slots__ = ("identifier", "offers", "offset", "profile", "rows", "time")

    def __init__(
        self, profile: int, identifier: str, offers: Sequence[str], time: int, rows: Sequence[Row] = ()
    ) -> None:
        self.rows = rows
        self.profile = profile
        self.identifier = identifier
        self.offers = offers
        self.time = time
        self.offset = 0  # of its log record; 0 while that is not durable


class Reservations:
    """Recent decisions by profile. A decision leaves when it is folded, or when it would lapse anyway."""

    def __init__(self) -> None:
        self._by_profile: dict[int, list[Reservation]] = {}
        self._order: deque[Reservation] = deque()

    def __len__(self) -> int:
        return len(self._order)

    def reserve(
        self, profile: int, identifier: str, offers: Sequence[str], *, time: int, rows: Sequence[Row] = ()
    ) -> Reservation:
        """Note a decision made at `time` (ms); set `offset` of what is returned once its record is durable."""
        entry = Reservation(profile, identifier, offers, time, rows)
        self._by_profile.setdefault(profile, []).append(entry)
        self._order.append(entry)
        return entry

    def of(self, profile: int) -> Iterable[tuple[str, str]]:
        """(decision id, offer) of a profile."""
        entries = self._by_profile.get(profile)
        return () if not entries else [(entry.identifier, offer) for entry in entries for offer in entry.offers]

    def rows_of(self, profile: int) -> list[Row]:
        """Rows of a profile."""
        return [row for entry in self._by_profile.get(profile, ()) for row in entry.rows]

    def forget(self, *, folded: int, now: int) -> None:
        """Drop what is folded up to an offset, and what has lapsed at `now` (ms). Call it before reading the state."""
        order = self._order
        while order:
            entry = order[0]
            if not (0 < entry.offset <= folded or entry.time < now - LAPSE_MS):
                return
            order.popleft()
            entries = self._by_profile[entry.profile]
            entries.remove(entry)
            if not entries:
                del self._by_profile[entry.profile]

    def withdraw(self, entry: Reservation) -> None:
        """Take a reservation back whose decision could not be recorded."""
        entries = self._by_profile.get(entry.profile)
        if entries and entry in entries:
            entries.remove(entry)
            self._order.remove(entry)
            if not entries:
                del self._by_profile[entry.profile]
