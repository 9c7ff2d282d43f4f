"""What a second process does of a large batch: it reads records ahead, and folds a share of the profiles.

Who is who, which orders changed, what consent was given and what must be read again is settled for the whole batch by
one process. What is left is most of the work: reading the bodies of records, and folding events into profiles, each by
itself. What becomes of a share depends on nothing but the definitions and the committed state, so that it makes no
difference who folds it, nor when.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from regulars.collect.clock import Said
from regulars.core.event import Event, FailedEvent
from regulars.core.log import Record
from regulars.core.state import Changes, StateReader
from regulars.flow import generation
from regulars.flow.desk import Desk
from regulars.flow.engine import Engine
from regulars.flow.folding import Folder, Rules
from regulars.flow.reading import Decoded, Reader, Told
from regulars.flow.visits import Step
from regulars.profile import orders
from regulars.profile.orders import Change


class Reading(msgspec.Struct, array_like=True, tag="read", gc=False):
    """Records of events to be read; of those before the offset `since` nothing will be asked any more."""

    since: int
    records: list[Record]


class Read(msgspec.Struct, array_like=True, gc=False):
    """A record that was read: its results by kind, with the places of those that failed."""

    events: list[Event]
    failed: dict[int, FailedEvent]
    refused: dict[int, str]
    sent: dict[int, int]
    stated: dict[int, int]
    told: Told


class Whole(NamedTuple):
    """What a batch has of a profile: the identifiers it has should it be new, its events, changes of its orders."""

    identifiers: Sequence[str]
    events: Sequence[Event]
    changes: Sequence[Change]


class Entry(msgspec.Struct, array_like=True, gc=False):
    """The same, to be handed over.

    Where an event is None, whoever read it has it: `places` are offset and index of these, one after the other. Of
    orders it has the id, and their events before and after as they are stored.
    """

    number: int
    identifiers: Sequence[str]
    events: list[Event | None]
    places: list[int]
    orders: list[tuple[str, bytes | None, bytes]]

    @classmethod
    def of(cls, number: int, whole: Whole, has: Callable[[Event], bool]) -> "Entry":
        """`has` says which events the other side has as they are."""
        events: list[Event | None] = []
        places: list[int] = []
        for event in whole.events:
            if has(event):
                places += (event.offset, event.index)
                events.append(None)
            else:
                events.append(event)
        told = [(new.id, None if old is None else old.data(), new.data()) for old, new in whole.changes]
        return cls(number, whole.identifiers, events, places, told)

    def whole(self, read: Mapping[int, Sequence[Event | FailedEvent]], *, currency: str) -> Whole:
        """With the events that were read, by offset."""
        places = iter(self.places)
        events: list[Event] = []
        for event in self.events:
            known = event if event is not None else read[next(places)][next(places)]
            assert isinstance(known, Event)  # noqa: S101 - only events fall into profiles
            events.append(known)
        changes = [
            Change(
                None if old is None else orders.load(order, old, currency=currency),
                orders.load(order, new, currency=currency),
            )
            for order, old, new in self.orders
        ]
        return Whole(self.identifiers, events, changes)


class Terms(NamedTuple):
    """As of which day of the shop profiles are folded, and into records of which generation ("a" or "b")."""

    generation: str
    day: int
    everything: bool  # ask every segment again


class Share(msgspec.Struct, array_like=True, tag="fold", gc=False):
    """Profiles to fold."""

    terms: Terms
    entries: list[Entry]


class Done(msgspec.Struct, array_like=True, gc=False):
    """What became of a share: rows to write, and what the batch has to know of it."""

    puts: dict[str, list[tuple[Any, ...]]]  # rows by table
    deletes: dict[str, list[Any]]  # keys by table
    adds: list[tuple[str, int, str, int]]
    profiles: list[int]
    moves: dict[str, dict[int, int]]  # segment -> {profile: since}
    refused: list[tuple[int, int, int]]  # offset, index, code of the verdict
    judged: list[Event]  # of machines
    steps: list[Step]


encode = msgspec.msgpack.Encoder().encode
_request = msgspec.msgpack.Decoder(Reading | Share).decode


class Sharer:
    """The second process: it reads and folds by one version of the definitions, and writes nothing."""

    def __init__(self, engine: Engine, state: StateReader) -> None:
        self._rules = Rules(engine)
        self._reader = Reader(engine)
        self._state = state
        self._read: dict[int, list[Event | FailedEvent]] = {}  # by offset

    def answer(self, body: bytes) -> bytes:
        """What becomes of a `Reading` (a list of `Read`) or a `Share` (`Done`)."""
        asked = _request(body)
        if isinstance(asked, Share):
            currency = self._rules.engine.definitions.shop.currency
            profiles = {entry.number: entry.whole(self._read, currency=currency) for entry in asked.entries}
            return encode(fold_share(profiles, asked.terms, self._rules, self._state))
        for offset in [one for one in self._read if one < asked.since]:
            del self._read[offset]
        return encode([self._one(record) for record in asked.records])

    def _one(self, record: Record) -> Read:
        results, refused, said, told = self._reader.read(record)
        self._read[record.offset] = results
        return Read(
            [one for one in results if isinstance(one, Event)],
            {at: one for at, one in enumerate(results) if isinstance(one, FailedEvent)},
            refused,
            said.sent,
            said.stated,
            told,
        )


def decoded(read: Read) -> Decoded:
    """As whoever reads a record has it."""
    results: list[Event | FailedEvent] = list(read.events)
    for at, one in read.failed.items():  # ascending
        results.insert(at, one)
    said = Said()
    said.sent, said.stated = read.sent, read.stated
    return Decoded(results, read.refused, said, read.told)


def fold_share(profiles: Mapping[int, Whole], terms: Terms, rules: Rules, state: StateReader) -> Done:
    """Fold a share."""
    tables = generation.B if terms.generation == "b" else generation.A
    desk = Desk(rules.engine, state, Changes(), tables)
    folder = Folder(
        rules, desk, lambda number: (profiles[number].identifiers, ()), day=terms.day, everything=terms.everything
    )
    touched = rules.engine.fold.touched
    desk.prefetch({number: {part for e in one.events for part in touched(e.name)} for number, one in profiles.items()})
    for number, one in profiles.items():
        folder.fold(number, one.events, one.changes)
    desk.put_profiles()
    numbers, moves = desk.given()
    changes = desk.changes
    return Done(
        puts={name: list(rows.values()) for name, rows in changes.puts.items()},
        deletes={name: list(keys) for name, keys in changes.deletes.items()},
        adds=[(*place, value) for place, value in changes.adds.items()],
        profiles=numbers,
        moves=moves,
        refused=[(*place, code) for place, code in folder.refused.items()],
        judged=[event for found in folder.judged.values() for event in found.values()],
        steps=folder.steps,
    )
