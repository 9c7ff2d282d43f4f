"""What a person did before: the sealed events of the lake and those still in the log, each once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, cast

import msgspec

from regulars.collect.runs import Step
from regulars.collect.tail import TailIndex
from regulars.core.erasure import Stretch
from regulars.core.event import Event
from regulars.core.log import Log
from regulars.core.state import CLOCK, ERASING, LATE, SEALED, VERDICT, Row, StateReader
from regulars.core.verdict import unpack
from regulars.flow.belongings import belongings
from regulars.flow.engine import Engine
from regulars.flow.machines import with_hindsight
from regulars.flow.shop_facts import restamped
from regulars.flow.timing import Times
from regulars.profile.assignment import IdRow, profile_of

#: Sealed events of subjects, from the lake.
Sealed = Callable[[Sequence[str]], Iterable[Event]]


_STRETCHES = msgspec.msgpack.Decoder(list[Stretch])


class Past(NamedTuple):
    """Who a profile is, and what it did."""

    number: int
    keys: list[str]  # its identifiers
    subjects: list[str]  # and the devices that it held for a while
    events: list[Event]  # in (time, message id) order, whether consent admits them or not
    rows: Mapping[str, IdRow]
    unsealed: AbstractSet[tuple[int, int]]  # places (offset, index) of those of the events that the lake does not have

    def owns(self, identifier: str, time: int) -> bool:
        """Whether what the identifier did at `time` (ms) is this profile's."""
        return profile_of(identifier, time, self.rows) == self.number


class History:
    """Reads histories; `sealed` is the lake's part of it."""

    def __init__(self, engine: Engine, state: StateReader, log: Log, tail: TailIndex, sealed: Sealed) -> None:
        self._engine = engine
        self._state = state
        self._log = log
        self._tail = tail
        self._sealed = sealed

    def of(self, number: int, pending: Mapping[str, IdRow]) -> "Past":
        """The past of a profile; `pending` are identifier rows that are not stored yet."""
        return self._read([number], pending, lambda _: True)[number]

    def of_many(self, numbers: Sequence[int], needed: Callable[[tuple[int, int]], bool]) -> dict[int, "Past"]:
        """The pasts of many profiles, the lake asked once; `needed` says which unsealed places (offset, index) to read.

        A place that the lake has is never read again.
        """
        return self._read(numbers, {}, needed)

    def _read(
        self, numbers: Sequence[int], pending: Mapping[str, IdRow], needed: Callable[[tuple[int, int]], bool]
    ) -> dict[int, "Past"]:
        rows: dict[str, IdRow] = {}
        mine: dict[int, tuple[set[str], list[str]]] = {}
        for number in numbers:
            own = belongings(number, self._engine.definitions.identity, self._state, pending)
            mine[number] = own.keys, own.subjects
            rows.update(own.rows)
        forgotten = self._forgotten()
        subjects = sorted({subject for _, some in mine.values() for subject in some})
        events: dict[tuple[str, str], Event] = {}
        places: set[tuple[int, int]] = set()
        unsealed: set[tuple[int, int]] = set()
        erasing = cast(dict[str, Row], self._state.many(ERASING, subjects))
        for event in self._sealed(subjects):
            if self._leaving(event, erasing):
                continue
            events[event.source, event.message_id] = event
            places.add((event.offset, event.index))
        for event in self._unsealed(subjects, lambda place: place not in places and needed(place)):
            if forgotten(event) or self._leaving(event, erasing):
                continue
            if events.setdefault((event.source, event.message_id), event) is event:
                unsealed.add((event.offset, event.index))
        found: dict[int, list[Event]] = {number: [] for number in numbers}
        for event in restamped(self._state, list(events.values())):
            owner = profile_of(event.subject, event.time, rows)
            if owner in found:
                found[owner].append(event)
        for some in found.values():
            some.sort(key=lambda event: (event.time, event.message_id))
            with_hindsight(some)
        return {
            number: Past(number, sorted(keys), some, found[number], rows, unsealed)
            for number, (keys, some) in mine.items()
        }

    def _forgotten(self) -> Callable[[Event], bool]:
        """Which of the log's events were refused so long ago that no consent that comes late admits them any more.

        What was admitted is in the lake once it is sealed, or is named by verdicts that wait for the next sealing.
        """
        clock = cast(int, self._state.meta(CLOCK) or 0)
        before = clock - self._engine.definitions.retention.late_hours * 3_600_000
        sealed = cast(int, self._state.meta(SEALED) or 0)
        admitted: set[tuple[int, int]] | None = None

        def forgotten(event: Event) -> bool:
            nonlocal admitted
            if event.offset > sealed or event.received_at >= before:
                return False
            if admitted is None:
                admitted = {(cast(int, row[0]), cast(int, row[1])) for row in self._state.select(LATE)}
                for row in self._state.select(VERDICT, at_least={"first": sealed + 1}):
                    for verdict in unpack(cast(bytes, row[2])):
                        admitted.update(verdict.late or ())
            return (event.offset, event.index) not in admitted

        return forgotten

    def places(self, subjects: Sequence[str]) -> list[tuple[int, int]]:
        """Where the log holds events of these subjects: (offset, index)."""
        return self._tail.positions(subjects)

    def forget(self, subjects: Sequence[str]) -> Step:
        """Plan the index of the log without these subjects."""
        return self._tail.forget(subjects)

    @staticmethod
    def _leaving(event: Event, erasing: Mapping[str, Row]) -> bool:
        """Whether the event is of a person whose erasure has not reached the lake yet."""
        row = erasing.get(event.subject)
        if row is None or event.offset > cast(int, row[2]):
            return False
        stretches = _STRETCHES.decode(cast(bytes, row[3]))
        return not stretches or any(one.holds(event.time, event.offset) for one in stretches)

    def unsealed(self, subjects: Sequence[str]) -> list[Event]:
        """The events of subjects that are still in the log, whether consent admitted them or not."""
        return self._unsealed(subjects, lambda _: True)

    def _unsealed(self, subjects: Sequence[str], needed: Callable[[tuple[int, int]], bool]) -> list[Event]:
        wanted: dict[int, set[int]] = {}
        for place in self._tail.positions(subjects):
            if needed(place):
                wanted.setdefault(place[0], set()).add(place[1])
        records = self._log.get(sorted(wanted))
        times = Times(self._state, wanted)
        among = set(subjects)
        found: list[Event] = []
        for offset, indexes in wanted.items():
            record = records.get(offset)
            if record is None:
                continue
            found += [
                times.of(event)
                for event in self._engine.plain_decoder.decode(record)
                if isinstance(event, Event) and event.index in indexes and event.subject in among
            ]
        return found
