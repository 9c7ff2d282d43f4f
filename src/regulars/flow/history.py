"""What a person did before: the sealed events of the lake and those still in the log, each once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, cast

from regulars.collect.tail import TailIndex
from regulars.core.event import Event
from regulars.core.identifier import is_device, is_person
from regulars.core.log import Log
from regulars.core.state import IDENTIFIER, LINK, StateReader
from regulars.flow.engine import Engine
from regulars.profile.assignment import IdRow, holders_of, profile_of

#: Sealed events of subjects, from the lake.
Sealed = Callable[[Sequence[str]], Iterable[Event]]


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
            own = self._rows(number, pending)
            keys = {key for key, row in own.items() if row[1] == number}
            mine[number] = keys, sorted(keys | self._devices(keys, own, pending))
            rows.update(own)
        subjects = sorted({subject for _, some in mine.values() for subject in some})
        events: dict[tuple[str, str], Event] = {}
        places: set[tuple[int, int]] = set()
        unsealed: set[tuple[int, int]] = set()
        for event in self._sealed(subjects):
            events[event.source, event.message_id] = event
            places.add((event.offset, event.index))
        for event in self._unsealed(subjects, lambda place: place not in places and needed(place)):
            if events.setdefault((event.source, event.message_id), event) is event:
                unsealed.add((event.offset, event.index))
        found: dict[int, list[Event]] = {number: [] for number in numbers}
        for event in events.values():
            owner = profile_of(event.subject, event.time, rows)
            if owner in found:
                found[owner].append(event)
        for some in found.values():
            some.sort(key=lambda event: (event.time, event.message_id))
        return {
            number: Past(number, sorted(keys), some, found[number], rows, unsealed)
            for number, (keys, some) in mine.items()
        }

    def unsealed(self, subjects: Sequence[str]) -> list[Event]:
        """The events of subjects that are still in the log, whether consent admitted them or not."""
        return self._unsealed(subjects, lambda _: True)

    def _rows(self, number: int, pending: Mapping[str, IdRow]) -> dict[str, IdRow]:
        stored = cast(list[IdRow], self._state.select(IDENTIFIER, {"profile": number}))
        rows = {row[0]: row for row in stored}
        rows.update({key: row for key, row in pending.items() if row[1] == number or key in rows})
        return rows

    def _devices(self, keys: set[str], rows: dict[str, IdRow], pending: Mapping[str, IdRow]) -> set[str]:
        """Devices that the person held, also those that somebody else held first; their rows are added."""
        identity = self._engine.definitions.identity
        devices: set[str] = set()
        for key in keys:
            if is_person(key, identity):
                found = (str(row[1]) for row in self._state.select(LINK, {"a": key}))
                devices |= {other for other in found if is_device(other, identity)}
        devices |= {key for key in pending if is_device(key, identity)}
        self._fetch(devices - rows.keys(), rows, pending)
        self._fetch(holders_of(rows), rows, pending)
        return devices

    def _fetch(self, keys: set[str], rows: dict[str, IdRow], pending: Mapping[str, IdRow]) -> None:
        rows.update(cast(dict[str, IdRow], self._state.many(IDENTIFIER, keys)))
        rows.update({key: pending[key] for key in keys if key in pending})

    def _unsealed(self, subjects: Sequence[str], needed: Callable[[tuple[int, int]], bool]) -> list[Event]:
        wanted: dict[int, set[int]] = {}
        for place in self._tail.positions(subjects):
            if needed(place):
                wanted.setdefault(place[0], set()).add(place[1])
        records = self._log.get(sorted(wanted))
        among = set(subjects)
        found: list[Event] = []
        for offset, indexes in wanted.items():
            record = records.get(offset)
            if record is None:
                continue
            found += [
                event
                for event in self._engine.plain_decoder.decode(record)
                if isinstance(event, Event) and event.index in indexes and event.subject in among
            ]
        return found
