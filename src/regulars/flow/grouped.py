"""What a batch of events concerns: profiles, orders, consent, and the identifiers that it knows."""

from collections.abc import Sequence

from regulars.core.event import Event
from regulars.core.identity_types import Identity
from regulars.flow.people import Placed
from regulars.profile.assignment import IdRow
from regulars.profile.links import is_burned
from regulars.profile.nobodys import nobodys
from regulars.profile.statements import Said, Statement


class Grouped:
    """The events of a batch by what they concern."""

    def __init__(self) -> None:
        self.events: dict[int, list[Event]] = {}  # by profile
        self.wanted: dict[int, tuple[int, ...]] = {}  # parts of profiles that may be stored
        self.concerned: set[int] = set()  # profiles of whom more is told than what they did
        self.orders: dict[str, list[Event]] = {}
        self.owner: dict[int, int] = {}  # profile by the identity of an order's event
        self.statements: dict[int, list[Statement]] = {}


class Named:
    """What the batch knows of the identifiers of profiles."""

    def __init__(self, placed: Placed, identity: Identity) -> None:
        self._placed = placed
        self._identity = identity
        self._keys: dict[int, list[str]] | None = None
        self._nobodys: dict[int, list[Said]] = {}

    def of(self, number: int) -> tuple[list[str], Sequence[Said]]:
        """The identifiers of a profile that the batch knows, and what is said for those that tell nothing."""
        if self._keys is None:
            self._keys = self._read()
        return self._keys.get(number, []), self._nobodys.get(number, ())

    def _read(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        burned: dict[int, list[IdRow]] = {}
        for row in self._placed.rows.values():
            key, number, owners = row[0], row[1], row[3]
            mine = found.get(number)
            if mine is None:
                found[number] = [key]
            else:
                mine.append(key)
            if is_burned(owners):
                burned.setdefault(number, []).append(row)
        self._nobodys = {number: nobodys(rows, self._identity) for number, rows in burned.items()}
        return found
