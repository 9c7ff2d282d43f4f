"""What a batch of events concerns: profiles, orders, consent, and the identifiers that it knows."""

from regulars.core.event import Event
from regulars.core.identity_types import Identity
from regulars.flow.people import Placed
from regulars.profile.assignment import IdRow
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
        self._rows: dict[int, list[IdRow]] | None = None

    def of(self, number: int) -> tuple[list[str], list[Said]]:
        """The identifiers of a profile that the batch knows, and what is said for those that tell nothing."""
        if self._rows is None:
            self._rows = {}
            for row in self._placed.rows.values():
                self._rows.setdefault(row[1], []).append(row)
        rows = self._rows.get(number, [])
        return [row[0] for row in rows], nobodys(rows, self._identity)
