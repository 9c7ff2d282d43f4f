"""What is known around the events of a batch, and what they and given links say about who is who."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from regulars.core.event import Event
from regulars.core.identifier import is_device, is_person
from regulars.core.identity_types import Identity
from regulars.profile.assignment import Assignment, IdRow
from regulars.profile.identity import Pair
from regulars.profile.links import (
    SHARED,
    SPELLING,
    Holding,
    Link,
    hold,
    holding_in,
    is_burned,
    links_of,
    ties_in,
)

#: A profile of more identifiers than this takes no further devices.
MAX_MEMBERS = 5_000


class Want(msgspec.Struct, frozen=True):
    """What must still be fetched: rows by key, and all rows of profiles."""

    keys: frozenset[str]
    profiles: frozenset[int]


class Facts:
    """What is known around the unresolved events. A key that has no row is known to have none."""

    def __init__(self, rows: Mapping[str, IdRow], assignment: Assignment, events: Sequence[Event]) -> None:
        self.assignment = assignment
        self._evidence: Evidence | None = None
        self.rows: dict[str, IdRow | None] = {key: None for event in events for key in event.identifiers}
        self.rows.update(rows)
        # A login that repeats the holder is as good as stored; new visitors of this batch touch nothing here.
        self.rows.update((key, row) for key, row in assignment.puts.items() if key in rows)
        self.members: dict[int, list[str]] = {}
        #: To be settled although nothing new is said of them, and those of them that identify nobody any more.
        self.touched: frozenset[str] = frozenset()
        self.nobody: frozenset[str] = frozenset()
        self._tied: dict[str, tuple[str, ...]] = {}
        self.most: int | None = None  # so many persons' keys around one are looked at; None: as usual

    def evidence(self, events: Sequence[Event], given: Iterable[Link], identity: Identity) -> "Evidence":
        """What the batch says: read once, however many rounds it takes to fetch what it concerns."""
        if self._evidence is None:
            self._evidence = Evidence(self.assignment, events, given, identity, self.touched)
        return self._evidence

    def add(self, want: Want, rows: Mapping[str, IdRow], members: Mapping[int, Iterable[IdRow]]) -> None:
        """Take in the answers to `want`."""
        for key in want.keys:
            self.rows.setdefault(key, rows.get(key))
        for number in want.profiles:
            self.members[number] = []
            for row in members.get(number, ()):
                self.members[number].append(row[0])
                self.rows.setdefault(row[0], row)

    def owners(self, key: str) -> bytes:
        """The `owners` of a key, empty when it has no row."""
        row = self.rows.get(key)
        return row[3] if row else b""

    def tied(self, key: str) -> tuple[str, ...]:
        """The keys that a person's key has ties with: read once, for each round of a search comes by again."""
        found = self._tied.get(key)
        if found is None:
            found = tuple(tie.other for tie in ties_in(self.owners(key)))
            if key in self.rows:
                self._tied[key] = found
        return found


class Evidence:
    """What the unresolved events and the given say."""

    def __init__(
        self,
        assignment: Assignment,
        events: Sequence[Event],
        given: Iterable[Link],
        identity: Identity,
        touched: Iterable[str] = (),
    ) -> None:
        self.identity = identity
        self.seen: dict[str, int] = {}
        self.ties: dict[Pair, list[Link]] = {}
        self.logins: dict[str, list[Link]] = {}
        self.given = list(given)
        links = self.given[:]
        for place in assignment.unresolved:
            event = events[place]
            for key in event.identifiers:
                if is_person(key, identity) or is_device(key, identity):
                    self.seen[key] = min(self.seen.get(key, event.time), event.time)
            links += links_of(event, identity)
        for link in self.given:
            if link.rule == SPELLING:  # how changed rules spell a value: seen since it was stored
                for key in (link.a, link.b):
                    self.seen[key] = min(self.seen.get(key, link.time), link.time)
        for link in links:
            if is_person(link.b, identity):
                self.ties.setdefault((link.a, link.b), []).append(link)
            else:
                self.logins.setdefault(link.b, []).append(link)
        self.keys = {*self.seen, *touched}
        self.keys.update(key for link in self.given for key in (link.a, link.b))
        self.persons = {key for key in self.keys if is_person(key, identity)}
        self.devices = {key for key in self.keys if is_device(key, identity)}
        self.holdings: dict[str, Holding | None] = {}  # None: burned
        self.turned_away: list[Link] = []

    def weigh(self, facts: Facts) -> None:
        """The holdings of the devices with what is new."""
        self.turned_away = []
        listed = self.identity.shares[1]
        for device in self.devices:
            owners = facts.owners(device)
            self.holdings[device] = None
            if not is_burned(owners):
                if (
                    device in listed
                    or device in facts.nobody
                    or any(link.status == SHARED for link in self.logins.get(device, ()))
                ):
                    continue
                stored = holding_in(owners)
                holding = hold(stored, [x for x in self.logins.get(device, ()) if self._may_hold(x, stored, facts)])
                self.holdings[device] = None if holding.shared(self.identity.limits) else holding

    def _may_hold(self, link: Link, stored: Holding, facts: Facts) -> bool:
        """A person of thousands of devices is a robot or a test: it gets no more, and settling stays bounded."""
        row = facts.rows.get(link.a)
        if row is None or link.a in stored.keys or len(facts.members.get(row[1], ())) <= MAX_MEMBERS:
            return True
        self.turned_away.append(link)
        return False
