"""What a person did before: the sealed events of the lake and those still in the log, each once."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from regulars.collect.tail import TailIndex
from regulars.core.event import Event
from regulars.core.identifier import is_device, is_person
from regulars.core.log import Log
from regulars.core.state import IDENTIFIER, LINK, StateReader
from regulars.flow.engine import Engine
from regulars.profile.assignment import IdRow, holders_of, profile_of

#: Sealed events of subjects, from the lake.
Sealed = Callable[[Sequence[str]], Iterable[Event]]


class History:
    """Reads histories; `sealed` is the lake's part of it."""

    def __init__(self, engine: Engine, state: StateReader, log: Log, tail: TailIndex, sealed: Sealed) -> None:
        self._engine = engine
        self._state = state
        self._log = log
        self._tail = tail
        self._sealed = sealed

    def of(self, number: int, pending: Mapping[str, IdRow]) -> list[Event]:
        """The events of a profile in (time, message id) order; `pending` are rows that are not stored yet."""
        rows = self._rows(number, pending)
        keys = {key for key, row in rows.items() if row[1] == number}
        keys |= self._devices(keys, rows, pending)
        events: dict[tuple[str, str], Event] = {}
        for event in self._sealed(sorted(keys)):
            events[event.source, event.message_id] = event
        for event in self._unsealed(sorted(keys)):
            events.setdefault((event.source, event.message_id), event)
        mine = [event for event in events.values() if profile_of(event.subject, event.time, rows) == number]
        mine.sort(key=lambda event: (event.time, event.message_id))
        return mine

    def unsealed(self, subjects: Sequence[str]) -> list[Event]:
        """The events of subjects that are still in the log, whether consent admitted them or not."""
        return self._unsealed(subjects)

    def _rows(self, number: int, pending: Mapping[str, IdRow]) -> dict[str, IdRow]:
        rows: dict[str, IdRow] = {
            str(row[0]): row
            for row in self._state.select(IDENTIFIER, {"profile": number})  # type: ignore[misc]  # columns of the table
        }
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
        missing = devices - rows.keys()
        stored = self._state.many(IDENTIFIER, missing)
        rows.update({key: pending.get(key) or stored[key] for key in missing if key in pending or key in stored})  # type: ignore[misc]
        held = holders_of(rows)
        stored = self._state.many(IDENTIFIER, held)
        rows.update({key: pending.get(key) or stored[key] for key in held if key in pending or key in stored})  # type: ignore[misc]
        return devices

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
