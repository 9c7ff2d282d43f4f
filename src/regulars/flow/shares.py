"""What a second process does of a large batch: it reads records ahead, and folds a share of the profiles.

Who is who, which orders changed, what consent was given and what must be read again is settled for the whole batch by
one process. What is left is most of the work: reading the bodies of records, and folding events into profiles, each by
itself. What becomes of a share depends on nothing but the definitions and the committed state, so that it makes no
difference who folds it, nor when.
"""

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
from regulars.flow.visits import Step


class Decoded(NamedTuple):
    """What a record says: its events, why tokens verified nothing, by place, and what it says of clocks."""

    results: list[Event | FailedEvent]
    refused: dict[int, str]
    said: Said


def decode(record: Record, engine: Engine) -> Decoded:
    """Read a record of events."""
    refused: dict[int, str] = {}
    said = Said()
    return Decoded(engine.decoder.decode(record, refused, said=said), refused, said)


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


class Entry(msgspec.Struct, array_like=True, gc=False):
    """A profile and its events of the batch; the identifiers are those that it has should it be new.

    Where an event is None, whoever read it has it: `places` are offset and index of these, one after the other.
    """

    number: int
    identifiers: list[str]
    events: list[Event | None]
    places: list[int]


class Share(msgspec.Struct, array_like=True, tag="fold", gc=False):
    """Profiles to fold as of a day of the shop, into records of a generation ("a" or "b")."""

    generation: str
    day: int
    everything: bool  # ask every segment again
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
        self._state = state
        self._read: dict[int, list[Event | FailedEvent]] = {}  # by offset

    def answer(self, body: bytes) -> bytes:
        """What becomes of a `Reading` (a list of `Read`) or a `Share` (`Done`)."""
        asked = _request(body)
        if isinstance(asked, Share):
            return encode(fold_share(asked, self._rules, self._state, self._read))
        for offset in [one for one in self._read if one < asked.since]:
            del self._read[offset]
        return encode([self._one(record) for record in asked.records])

    def _one(self, record: Record) -> Read:
        results, refused, said = decode(record, self._rules.engine)
        self._read[record.offset] = results
        return Read(
            [one for one in results if isinstance(one, Event)],
            {at: one for at, one in enumerate(results) if isinstance(one, FailedEvent)},
            refused,
            said.sent,
            said.stated,
        )


def decoded(read: Read) -> Decoded:
    """As whoever reads a record has it."""
    results: list[Event | FailedEvent] = list(read.events)
    for at, one in read.failed.items():  # ascending
        results.insert(at, one)
    said = Said()
    said.sent, said.stated = read.sent, read.stated
    return Decoded(results, read.refused, said)


def fold_share(
    share: Share, rules: Rules, state: StateReader, read: dict[int, list[Event | FailedEvent]] | None = None
) -> Done:
    """Fold a share; `read` are records by offset, for the events that it names by their places alone."""
    tables = generation.B if share.generation == "b" else generation.A
    desk = Desk(rules.engine, state, Changes(), tables)
    keys = {entry.number: entry.identifiers for entry in share.entries}
    folder = Folder(rules, desk, lambda number: (keys[number], ()), day=share.day, everything=share.everything)
    touched = rules.engine.fold.touched
    told = [(entry.number, _events(entry, read or {})) for entry in share.entries]
    desk.prefetch({number: {part for event in events for part in touched(event.name)} for number, events in told})
    for number, events in told:
        folder.fold(number, events)
    desk.put_profiles()
    profiles, moves = desk.given()
    changes = desk.changes
    return Done(
        puts={name: list(rows.values()) for name, rows in changes.puts.items()},
        deletes={name: list(keys) for name, keys in changes.deletes.items()},
        adds=[(*place, value) for place, value in changes.adds.items()],
        profiles=profiles,
        moves=moves,
        refused=[(*place, code) for place, code in folder.refused.items()],
        judged=[event for found in folder.judged.values() for event in found.values()],
        steps=folder.steps,
    )


def _events(entry: Entry, read: dict[int, list[Event | FailedEvent]]) -> list[Event]:
    places = iter(entry.places)
    found: list[Event] = []
    for event in entry.events:
        known = event if event is not None else read[next(places)][next(places)]
        assert isinstance(known, Event)  # noqa: S101 - only events fall into profiles
        found.append(known)
    return found
