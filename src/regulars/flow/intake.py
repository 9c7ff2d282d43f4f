"""The first steps of a batch: decode records, keep what failed, and count every event once."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from regulars.collect.clock import Said
from regulars.collect.dedup import SeenIndex, SeenStep, key_of, keys_of
from regulars.collect.runs import Step
from regulars.collect.tail import TailIndex, subject_hashes
from regulars.core import log as kinds
from regulars.core import state as tables
from regulars.core.event import Event, FailedEvent
from regulars.core.log import ROWS, STOCK, Record
from regulars.core.mend import MENDED, cause_of
from regulars.core.state import ACCESS, Changes, StateReader
from regulars.core.verdict import ADMITTED, DUPLICATE, FAILED, Verdict
from regulars.flow.arrivals import Watcher
from regulars.flow.counts import note_came, note_refused
from regulars.flow.engine import Engine
from regulars.flow.mended import waiting_mended
from regulars.flow.on_products import upsert
from regulars.flow.shares import Decoded, decode


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


class Intake:
    """Reads records by one version of the definitions."""

    def __init__(self, engine: Engine, state: StateReader, seen: SeenIndex, tail: TailIndex) -> None:
        self.engine = engine
        self._state = state
        self._seen = seen
        self._tail = tail
        self.watcher = Watcher(engine)
        self._decoded: dict[int, Decoded] = {}  # ahead of time, by offset
        #: What the records that were read last say about the clocks of devices, by offset.
        self.said: dict[int, Said] = {}

    def look_ahead(self, record: Record) -> None:
        """Decode a record that will be read soon."""
        if record.kind == kinds.EVENTS and record.offset not in self._decoded:
            self._decoded[record.offset] = decode(record, self.engine)

    def take_read(self, decoded: Mapping[int, Decoded]) -> None:
        """Records, by offset, that somebody else has read."""
        self._decoded.update(decoded)

    def read(self, records: Iterable[Record], changes: Changes, *, day: int) -> tuple[list[Event], dict[int, Codes]]:
        """The events, and the verdicts of each record; what else the records say goes into `changes`."""
        events: list[Event] = []
        verdicts: dict[int, Codes] = {}
        day_of = self.engine.calendar.day
        add, ahead = changes.add, self._decoded
        products: list[Record] = []
        self.said = {}
        for record in records:
            if record.kind == kinds.EVENTS:
                known = ahead.pop(record.offset, None)
                results, refused, said = decode(record, self.engine) if known is None else known
                if said.sent:
                    self.said[record.offset] = said
                for reason in refused.values():
                    add("token_refused", day_of(record.time), reason, 1)
                codes = verdicts[record.offset] = Codes(record.offset, len(results))
                if record.route == MENDED:
                    events += waiting_mended(record, results, codes.codes, self._state, changes, day_of(record.time))
                    continue
                for result in results:
                    if isinstance(result, Event):
                        events.append(result)
                    else:
                        codes.codes[result.index] = FAILED
                        self._note_failed(result, changes, day)
            elif record.kind == kinds.PRODUCTS:
                products.append(record)
            elif record.kind == kinds.ACCESS:
                said = msgspec.json.decode(record.body)
                row = (record.offset, record.time, str(said["user"]), str(said["action"]), str(said["subject"]))
                changes.put(ACCESS, row)
        self._take_products(products, changes)
        return events, verdicts

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
        self.watcher.note_failed(failed, day=day, changes=changes)

    def _waits(self, failed: FailedEvent, changes: Changes) -> bool:
        """Whether this row of a file waits to be mended already: a file that is imported again changes nothing."""
        wanted = failed.source, failed.message_id
        where = {"message_id": failed.message_id, "source": failed.source}
        if any((row[2], row[4]) == wanted for row in changes.puts.get(tables.FAILED.name, {}).values()):
            return True
        return bool(self._state.select(tables.FAILED, where, limit=1))

    def count_once(
        self,
        events: Sequence[Event],
        verdicts: Mapping[int, Codes],
        records: Sequence[Record],
        changes: Changes,
        *,
        day: int,
    ) -> tuple[Step, ...]:
        """Mark in `verdicts` which events came before or are refused at the door; what the indexes have to write.

        `day` is the shop's.
        """
        if not events:
            return ()
        offsets = [event.offset for event in events]
        indexes = [event.index for event in events]
        keys = keys_of((event.source, event.message_id) for event in events)
        step: SeenStep = self._seen.fold(keys, offsets, indexes, received_at=records[-1].time)
        fresh: list[Event] = []
        again: set[int] = set()
        for event, duplicate in zip(events, step.duplicates.tolist(), strict=True):
            if duplicate:
                key = key_of(event.source, event.message_id)
                if key not in again:  # of a client that repeats itself without end, once a batch is enough
                    again.add(key)
                    changes.put(tables.AGAIN, (key, event.offset, event.index))
                verdicts[event.offset].codes[event.index] = DUPLICATE
            else:
                fresh.append(event)
        note_came(fresh, self.engine, changes)
        self.watcher.note(events, verdicts, day=day, changes=changes)
        if self.engine.policy.limits:
            fresh = [event for event in fresh if not self._refused(event, verdicts, changes)]
        if not fresh:
            return (step,)
        hashes = subject_hashes(event.subject for event in fresh)
        tail = self._tail.fold(hashes, [e.offset for e in fresh], [e.index for e in fresh])
        return (step, tail)

    def _refused(self, event: Event, verdicts: Mapping[int, Codes], changes: Changes) -> bool:
        """Refuse an event that the policy of its source never admits and that says nothing of consent.

        Nobody gets to know it: no identifier, no link, no profile; it is counted.
        """
        if self.engine.refusal(event) == ADMITTED or self.engine.hear(event).statements:
            return False
        verdicts[event.offset].codes[event.index] = note_refused(event, self.engine, changes)
        return True


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
