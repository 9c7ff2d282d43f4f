"""What folding finds of an event, once: when it happened, by its device's clock, and whether a machine did it.

What was found is kept by the event's place in the log (table `timed`), for whoever reads the log again; sealed events
have it in themselves. The clocks of devices that were wrong once are kept in the table `device_clock`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from regulars.collect.clock import AHEAD_MS, Said
from regulars.collect.device_clock import DOUBT, FORGOTTEN_MS, MARKS, RECEIPT, DeviceClock, usual
from regulars.core.event import Event
from regulars.core.machine import VERDICT
from regulars.core.state import AGAIN, DEVICE_CLOCK, IDENTIFIER, TIMED, Changes, Row, StateReader

_encode = msgspec.msgpack.Encoder().encode
_clock = msgspec.msgpack.Decoder(DeviceClock).decode


class Found(msgspec.Struct, array_like=True, frozen=True):
    """What was found out about one event when it was folded: its time, and what it cannot say itself."""

    time: int
    stated: int
    mark: int  # 0: the time is as stated
    noted: dict[str, Any] | None = None  # goes into the event's context


_found = msgspec.msgpack.Decoder(dict[int, Found]).decode


class Clocks:
    """The clocks of devices, as the fold sees them."""

    def __init__(self, state: StateReader, devices: Iterable[str]) -> None:
        self._state = state
        self._types = tuple(f"{kind}:" for kind in devices)
        # Names only: who is erased or forgotten meanwhile is not found in the state, and that is all.
        self._wrong = {cast(str, row[0]) for row in state.select(DEVICE_CLOCK)}

    def correct(self, events: Sequence[Event], said: Mapping[int, Said], changes: Changes) -> Sequence[Event]:
        """The events with their times, in their order; `said` by log offset."""
        if not said:
            return events
        wrong = self._wrong
        concerned: list[tuple[int, str, int]] = []  # number of the event, device, when it was sent
        fresh: set[str] = set()  # devices that were never wrong and are now
        for number, event in enumerate(events):
            told = said.get(event.offset)
            sent = told.sent.get(event.index) if told is not None else None
            if sent is None:
                continue
            # The usual case: a subject of a browser is the device, the clock is right and was never wrong.
            if usual(event.received_at - sent) and event.subject not in wrong and not self._odd(event, fresh):
                continue
            device = self._device_of(event)
            if device is not None and (device in wrong or device in fresh or not usual(event.received_at - sent)):
                concerned.append((number, device, sent))
                if device not in wrong:
                    fresh.add(device)
        return self._corrected(events, said, concerned, changes) if concerned else events

    def _odd(self, event: Event, fresh: set[str]) -> bool:
        """Whether the event may be of a device that is or was wrong, although its own delivery looks right."""
        if event.subject in fresh:
            return True
        if event.subject.startswith(self._types):
            return False
        device = self._device_of(event)  # somebody whose token held
        return device in self._wrong or device in fresh

    def _corrected(
        self,
        events: Sequence[Event],
        said: Mapping[int, Said],
        concerned: Sequence[tuple[int, str, int]],
        changes: Changes,
    ) -> Sequence[Event]:
        devices = {device for _, device, _ in concerned}
        rows = self._state.many(DEVICE_CLOCK, devices)
        clocks = {cast(str, key): _clock(cast(bytes, row[2])) for key, row in rows.items()}
        known = _Known(self._state, events, devices - clocks.keys(), self._types)
        result = list(events)
        found: dict[int, dict[int, Found]] = {}
        for number, device, sent in concerned:
            event = events[number]
            told = said[event.offset]
            clock = clocks.get(device)
            if clock is None or event.received_at - clock.seen > FORGOTTEN_MS:
                if usual(event.received_at - sent):
                    continue  # it was erased or forgotten, and is right now
                # A device that was here before was right then: one delivery that took long says nothing against it.
                begins = event.received_at - sent < 0 or not known.before(device, number)
                begun = DeviceClock.begun(sent=sent, received=event.received_at)
                clock = clocks[device] = begun if begins else DeviceClock.right()
            clock.deliver(sent=sent, received=event.received_at, place=event.offset)
            stated = told.stated.get(event.index, event.time)
            time, mark = clock.read(stated)
            if not 0 < time <= event.received_at + AHEAD_MS:
                time, mark = event.received_at, RECEIPT
            if mark and (time != event.time or mark == DOUBT):
                entry = Found(time, stated, mark)
                found.setdefault(event.offset, {})[event.index] = entry
                result[number] = _with(event, entry)
        for device, clock in clocks.items():
            changes.put(DEVICE_CLOCK, (device, clock.seen, _encode(clock)))
        self._wrong -= devices - clocks.keys()
        self._wrong |= clocks.keys()
        for offset, entries in found.items():
            changes.put(TIMED, (offset, _encode(entries)))
        return result

    def _device_of(self, event: Event) -> str | None:
        if event.subject.startswith(self._types):
            return event.subject
        return next((key for key in event.identifiers if key.startswith(self._types)), None)


class _Known:
    """Which devices were here before an event, whatever the batches are."""

    def __init__(self, state: StateReader, events: Sequence[Event], devices: set[str], types: tuple[str, ...]) -> None:
        self._stored = set(state.many(IDENTIFIER, devices)) if devices else set()
        self._first: dict[str, int] = {}
        if devices:
            for number, event in enumerate(events):
                for key in event.identifiers:
                    if key in devices:
                        self._first.setdefault(key, number)

    def before(self, device: str, number: int) -> bool:
        return device in self._stored or self._first.get(device, number) < number


class Times:
    """The times that events of these log records were folded with; for whoever reads the records again."""

    def __init__(self, state: StateReader, offsets: Iterable[int]) -> None:
        self._take(state.many(TIMED, offsets).values())

    @classmethod
    def between(cls, state: StateReader, first: int, last: int) -> "Times":
        """Of a range of offsets, both included."""
        times = cls(state, ())
        times._take(state.select(TIMED, at_least={"offset": first}, below={"offset": last + 1}))
        return times

    def _take(self, rows: Iterable[Row]) -> None:
        self._found = {cast(int, row[0]): _found(cast(bytes, row[1])) for row in rows}

    def of(self, event: Event) -> Event:
        """The event as it was folded."""
        if not self._found:
            return event
        entry = self._found.get(event.offset, {}).get(event.index)
        return event if entry is None else _with(event, entry)


def forget_clocks(state: StateReader, changes: Changes, *, now: int, oldest_record: int, limit: int) -> None:
    """Clocks that nothing was heard of for long (now, ms), and times of records that the log has forgotten."""
    for row in state.select(DEVICE_CLOCK, below={"seen": now - FORGOTTEN_MS}, limit=limit):
        changes.delete(DEVICE_CLOCK, cast(str, row[0]))
    for row in state.select(AGAIN, below={"offset": oldest_record}, limit=limit):
        changes.delete(AGAIN, (cast(int, row[0]), cast(int, row[1]), cast(int, row[2])))
    for row in state.select(TIMED, below={"offset": oldest_record}, limit=limit):
        changes.delete(TIMED, cast(int, row[0]))


def note(event: Event, noted: dict[str, Any], changes: Changes) -> Event:
    """The event with something in its context that whoever reads the log again finds there, too."""
    row = changes.puts.get(TIMED.name, {}).get(event.offset)
    entries = {} if row is None else _found(cast(bytes, row[1]))
    known = entries.get(event.index)
    entry = Found(event.time, event.time, 0) if known is None else known
    entry = msgspec.structs.replace(entry, noted={**(entry.noted or {}), **noted})
    changes.put(TIMED, (event.offset, _encode({**entries, event.index: entry})))
    return msgspec.structs.replace(event, context={**event.context, **noted})


def _with(event: Event, found: Found) -> Event:
    context = dict(event.context) | (found.noted or {})
    if found.mark:
        context["clock"] = {"by": MARKS[found.mark], "stated": found.stated}
    return msgspec.structs.replace(event, time=found.time, context=context)


def note_machines(judged: Mapping[int, Mapping[int, Event]], changes: Changes) -> None:
    """Keep the verdicts on events of machines, by log offset and index, beside the times that their batch found."""
    pending = changes.puts.get(TIMED.name, {})
    for offset, events in judged.items():
        row = pending.get(offset)
        entries = {} if row is None else _found(cast(bytes, row[1]))
        for index, event in events.items():
            known = entries.get(index) or Found(event.time, event.time, 0)
            noted = {**(known.noted or {}), VERDICT: event.context[VERDICT]}
            entries[index] = msgspec.structs.replace(known, noted=noted)
        changes.put(TIMED, (offset, _encode(entries)))
