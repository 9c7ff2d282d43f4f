"""What a person did before: the sealed events of the lake and those still in the log, each once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
        rows = self._rows(number, pending)
        keys = {key for key, row in rows.items() if row[1] == number}
        subjects = sorted(keys | self._devices(keys, rows, pending))
        events: dict[tuple[str, str], Event] = {}
        for event in self._sealed(subjects):
            events[event.source, event.message_id] = event
        for event in self._unsealed(subjects):
            events.setdefault((event.source, event.message_id), event)
        mine = [event for event in events.values() if profile_of(event.subject, event.time, rows) == number]
        mine.sort(key=lambda event: (event.time, event.message_id))
        return Past(number, sorted(keys), subjects, mine, rows)

    def unsealed(self, subjects: Sequence[str]) -> list[Event]:
        """The events of subjects that are still in the log, whether consent admitted them or not."""
        return self._unsealed(subjects)

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

    def _unsealed(self, subjects: Sequence[str]) -> list[Event]:
        positions = self._tail.positions(subjects)
        records = self._log.get(sorted({offset for offset, _ in positions}))
        wanted: dict[int, set[int]] = {}
        for offset, index in positions:
            wanted.setdefault(offset, set()).add(index)
        among = set(subjects)
        found = []
        for offset, indexes in wanted.items():
            record = records.get(offset)
            if record is None:
                continue
            for event in self._engine.decoder.decode(record):
                if isinstance(event, Event) and event.index in indexes and event.subject in among:
                    found.append(event)
        return found
