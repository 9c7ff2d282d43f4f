"""The first steps of a batch: decode records, keep what failed, and count every event once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from regulars.collect.clock import Said
from regulars.collect.dedup import SeenIndex, SeenStep, as_keys, key_of
from regulars.collect.runs import Step
from regulars.collect.tail import TailIndex, as_hashes
from regulars.core import log as kinds
from regulars.core import state as tables
from regulars.core.event import Event, FailedEvent
from regulars.core.log import ROWS, STOCK, Record
from regulars.core.mend import MENDED, cause_of
from regulars.core.state import ACCESS, Changes, StateReader
from regulars.core.verdict import ADMITTED, DUPLICATE, FAILED, Verdict
from regulars.flow.counts import note_came, note_refused
from regulars.flow.engine import Engine
from regulars.flow.mended import waiting_mended
from regulars.flow.on_products import upsert
from regulars.flow.reading import Decoded, Reader, Told


class Codes:
    """The verdicts of one record while its batch is folded."""

    __slots__ = ("codes", "late", "offset")

    def __init__(self, offset: int, events: int) -> None:
        self.offset = offset
        self.codes = bytearray(events)
        self.late: list[tuple[int, int]] = []

    def frozen(self) -> Verdict:
        """As it is stored."""
        return Verdict(self.offset, bytes(self.codes), None, self.late or None)


class _Read(NamedTuple):
    """The events of one record that may count, and what is told of them."""

    offset: int
    events: list[Event]
    told: Told


class Intake:
    """Reads records by one version of the definitions."""

    def __init__(self, engine: Engine, state: StateReader, seen: SeenIndex, tail: TailIndex) -> None:
        self.engine = engine
        self._state = state
        self._seen = seen
        self._tail = tail
        self.reader = Reader(engine)
        self._read: list[_Read] = []  # by record, of the batch that was read last
        self._decoded: dict[int, Decoded] = {}  # ahead of time, by offset
        #: What the records that were read last say about the clocks of devices, by offset.
        self.said: dict[int, Said] = {}

    def look_ahead(self, record: Record) -> None:
        """Decode a record that will be read soon."""
        if record.kind == kinds.EVENTS and record.offset not in self._decoded:
            self._decoded[record.offset] = self.reader.read(record)

    def take_read(self, decoded: Mapping[int, Decoded]) -> None:
        """Records, by offset, that somebody else has read."""
        self._decoded.update(decoded)

    def read(self, records: Iterable[Record], changes: Changes, *, day: int) -> dict[int, Codes]:
        """Read a batch: the verdicts of each record; what else the records say goes into `changes`."""
        self._read = []
        verdicts: dict[int, Codes] = {}
        day_of = self.engine.calendar.day
        add, ahead = changes.add, self._decoded
        products: list[Record] = []
        self.said = {}
        for record in records:
            if record.kind == kinds.EVENTS:
                known = ahead.pop(record.offset, None)
                results, refused, said, told = self.reader.read(record) if known is None else known
                if said.sent:
                    self.said[record.offset] = said
                for reason in refused.values():
                    add("token_refused", day_of(record.time), reason, 1)
                codes = verdicts[record.offset] = Codes(record.offset, len(results))
                if record.route == MENDED:
                    waits = waiting_mended(record, results, codes.codes, self._state, changes, day_of(record.time))
                    self._read.append(_Read(record.offset, waits, self.reader.told(waits)))
                    continue
                events: list[Event] = []
                for result in results:
                    if isinstance(result, Event):
                        events.append(result)
                    else:
                        codes.codes[result.index] = FAILED
                        self._note_failed(result, changes, day)
                if events:
                    self._read.append(_Read(record.offset, events, told))
            elif record.kind == kinds.PRODUCTS:
                products.append(record)
            elif record.kind == kinds.ACCESS:
                said = msgspec.json.decode(record.body)
                row = (record.offset, record.time, str(said["user"]), str(said["action"]), str(said["subject"]))
                changes.put(ACCESS, row)
        self._take_products(products, changes)
        return verdicts

    def _take_products(self, records: list[Record], changes: Changes) -> None:
        if not records:
            return
        shop = self.engine.definitions
        stores = {one.id: one.webhook.stores for one in shop.sources if one.webhook is not None}
        for failure in upsert(records, self._state, changes, currency=shop.shop.currency, stores=stores):
            if failure.route != STOCK or not self._waits(failure, changes):
                _keep_failed(failure, changes)
                changes.add("failed", self.engine.calendar.day(failure.received_at), failure.reason, 1)

    def _note_failed(self, failed: FailedEvent, changes: Changes, day: int) -> None:
        if failed.route == ROWS and self._waits(failed, changes):
            return
        _keep_failed(failed, changes)
        changes.add("failed", self.engine.calendar.day(failed.received_at), failed.reason, 1)
        self.reader.watcher.note_failed(failed, day=day, changes=changes)

    def _waits(self, failed: FailedEvent, changes: Changes) -> bool:
        """Whether this row of a file waits to be mended already: a file that is imported again changes nothing."""
        wanted = failed.source, failed.message_id
        where = {"message_id": failed.message_id, "source": failed.source}
        if any((row[2], row[4]) == wanted for row in changes.puts.get(tables.FAILED.name, {}).values()):
            return True
        return bool(self._state.select(tables.FAILED, where, limit=1))

    def count_once(
        self, verdicts: Mapping[int, Codes], records: Sequence[Record], changes: Changes, *, day: int
    ) -> tuple[list[Event], tuple[Step, ...]]:
        """The events of the batch that count, and what the indexes have to write.

        `verdicts` say which came before or are refused at the door. `day` is the shop's.
        """
        read, self._read = [one for one in self._read if one.events], []
        if not read:
            return [], ()
        keys = as_keys(b"".join([one.told.digests for one in read]))
        step: SeenStep = self._seen.fold(keys, *_places(read), received_at=records[-1].time)
        newest = self.engine.calendar.day(read[-1].events[-1].received_at)
        again: dict[tuple[int, str], int] = {}
        if step.duplicates.any():
            read = self._without(step.duplicates.tolist(), read, verdicts, again, changes)
        arrived = [one.told.arrived for one in read]
        note_came((some for one in arrived for some in one.came()), self.engine, changes)
        self.reader.watcher.note(arrived, again, day=day, newest=newest, changes=changes)
        if self.engine.policy.limits:
            read = [self._let_in(one, verdicts, changes) for one in read]
        fresh = [event for one in read for event in one.events]
        if not fresh:
            return [], (step,)
        subjects = as_hashes(b"".join([one.told.subjects for one in read]))
        return fresh, (step, self._tail.fold(subjects, *_places(read)))

    def _without(
        self,
        duplicates: Sequence[bool],
        read: Iterable[_Read],
        verdicts: Mapping[int, Codes],
        again: dict[tuple[int, str], int],
        changes: Changes,
    ) -> list[_Read]:
        """What is left without the events that came before; those are counted in `again` by hour and source."""
        left: list[_Read] = []
        told: set[int] = set()
        at = 0
        for one in read:
            marks, at = duplicates[at : at + len(one.events)], at + len(one.events)
            if True not in marks:
                left.append(one)
                continue
            fresh: list[Event] = []
            for event, duplicate in zip(one.events, marks, strict=True):
                if not duplicate:
                    fresh.append(event)
                    continue
                key = key_of(event.source, event.message_id)
                if key not in told:  # of a client that repeats itself without end, once a batch is enough
                    told.add(key)
                    changes.put(tables.AGAIN, (key, event.offset, event.index))
                verdicts[event.offset].codes[event.index] = DUPLICATE
                place = self.engine.calendar.hour(event.time), event.source
                again[place] = again.get(place, 0) + 1
            left.append(_Read(one.offset, fresh, self.reader.told(fresh)))
        return left

    def _let_in(self, read: _Read, verdicts: Mapping[int, Codes], changes: Changes) -> _Read:
        """Without those that are refused at the door."""
        kept = [event for event in read.events if not self._refused(event, verdicts, changes)]
        return read if len(kept) == len(read.events) else _Read(read.offset, kept, self.reader.told(kept))

    def _refused(self, event: Event, verdicts: Mapping[int, Codes], changes: Changes) -> bool:
        """Refuse an event that the policy of its source never admits and that says nothing of consent.

        Nobody gets to know it: no identifier, no link, no profile; it is counted.
        """
        if self.engine.refusal(event) == ADMITTED or self.engine.hear(event).statements:
            return False
        verdicts[event.offset].codes[event.index] = note_refused(event, self.engine, changes)
        return True


def _places(read: Sequence[_Read]) -> tuple[list[int], list[int]]:
    """Offsets and indexes of events."""
    offsets: list[int] = []
    indexes: list[int] = []
    for one in read:
        offsets += [one.offset] * len(one.events)
        indexes += [event.index for event in one.events]
    return offsets, indexes


def _keep_failed(failed: FailedEvent, changes: Changes) -> None:
    changes.put(
        tables.FAILED,
        (
            failed.offset, failed.index, failed.source, failed.received_at, failed.message_id, failed.name,
            failed.reason, failed.field, failed.expected, failed.got, failed.body,
            cause_of(failed.source, failed.name, failed.field, failed.reason, failed.expected), failed.route,
            failed.call, failed.signs,
        ),
    )  # fmt: skip
