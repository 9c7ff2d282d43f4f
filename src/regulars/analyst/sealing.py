"""From the log to the lake: the events that folding admitted, read again from their verbatim records."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from regulars.core.calendar import Calendar
from regulars.core.decision import DecisionRecord
from regulars.core.errors import Unavailable
from regulars.core.event import Event, FailedEvent
from regulars.core.lake import LoggedDecision
from regulars.core.log import DECISION, EVENTS, Record
from regulars.core.state import VERDICT, StateReader
from regulars.core.verdict import ADMITTED, Verdict, unpack
from regulars.flow.timing import Times

_DECISION = msgspec.msgpack.Decoder(DecisionRecord)
_RECORDS, _BYTES = 500, 8_000_000  # read of the log at a time


class Decoder(Protocol):
    """Reads the events of a record; the same at every reading."""

    def decode(self, record: Record) -> list[Event | FailedEvent]:
        """The events of a record, in their order."""
        ...


class LogReader(Protocol):
    """What sealing needs of the log."""

    def read(self, after: int, *, records: int = ..., size: int = ...) -> list[Record]:
        """Records with offset > `after` in order."""
        ...

    def get(self, offsets: list[int]) -> dict[int, Record]:
        """Those of the given records that are still there."""
        ...


class Harvest:
    """What a range of the log holds for the lake."""

    def __init__(self, calendar: Calendar, decoder: Decoder) -> None:
        self._calendar = calendar
        self._decoder = decoder
        self._taken: set[tuple[int, int]] = set()
        self.events: list[Event] = []
        self.days: list[int] = []
        self.decisions: list[LoggedDecision] = []
        self.missing: list[tuple[int, int]] = []
        self.verdicts: list[int] = []
        self.offset = 0

    def gather(self, log: LogReader, state: StateReader, *, after: int, until: int, limit: int) -> None:
        """Take the records after `after` up to `until`, or until about `limit` events are there.

        It stops between two rows of verdicts only, so that a row is either used up or untouched.
        """
        rows = _Verdicts(state, after, until)
        times = Times.between(state, after + 1, until)
        late: list[tuple[int, int]] = []
        self.offset = after
        for record in _records(log, after, until):
            if record.offset > rows.end and len(self.events) + len(late) >= limit:
                break
            verdict = rows.of(record)
            if record.kind == DECISION:
                self.decisions.append(LoggedDecision(record.offset, _DECISION.decode(record.body)))
            if verdict is not None:
                self._admit(record, verdict, times)
                late += verdict.late or ()
            self.offset = record.offset
        self.verdicts = rows.used
        self._admit_late(log, late, Times(state, {offset for offset, _ in late}))

    def decision_days(self) -> list[int]:
        """The shop-local day of each decision."""
        return [self._calendar.day(decision.record.time) for decision in self.decisions]

    def _admit(self, record: Record, verdict: Verdict, times: Times) -> None:
        if ADMITTED not in verdict.codes:
            return
        for index, event in _events(self._decoder, record):
            if index < len(verdict.codes) and verdict.codes[index] == ADMITTED:
                self._take(times.of(event), record.offset, index)

    def _admit_late(self, log: LogReader, late: Iterable[tuple[int, int]], times: Times) -> None:
        wanted: dict[int, list[int]] = {}
        for offset, index in late:
            wanted.setdefault(offset, []).append(index)
        records = log.get(list(wanted))
        for offset, indexes in wanted.items():
            record = records.get(offset)
            events = dict(_events(self._decoder, record)) if record is not None else {}
            for index in indexes:
                event = events.get(index)
                if event is None:
                    self.missing.append((offset, index))
                else:
                    self._take(times.of(event), offset, index)

    def _take(self, event: Event, offset: int, index: int) -> None:
        if (offset, index) not in self._taken:
            self._taken.add((offset, index))
            self.events.append(event)
            self.days.append(self._calendar.day(event.time))


class _Verdicts:
    """The verdicts of a range, loaded row by row as the records come."""

    def __init__(self, state: StateReader, after: int, until: int) -> None:
        rows = state.select(VERDICT, at_least={"first": after + 1}, below={"first": until + 1}, order=("first",))
        self._rows = iter(rows)
        self._next = next(self._rows, None)
        self._known: Mapping[int, Verdict] = {}
        self.end = 0  # last offset of the row at hand
        self.used: list[int] = []

    def of(self, record: Record) -> Verdict | None:
        while self._next is not None and int(self._next[0] or 0) <= record.offset:
            first, last, data = self._next
            self._known = {verdict.offset: verdict for verdict in unpack(bytes(data))}  # type: ignore[arg-type]  # a blob
            self.end = int(last or 0)
            self.used.append(int(first or 0))
            self._next = next(self._rows, None)
        verdict = self._known.get(record.offset)
        if verdict is None and record.kind == EVENTS:
            raise RuntimeError(f"log record {record.offset} is folded and has no verdict")
        return verdict


def _records(log: LogReader, after: int, until: int) -> Iterator[Record]:
    """Every record of the range; one that is gone before it was sealed is an error."""
    while after < until:
        found = log.read(after, records=min(_RECORDS, until - after), size=_BYTES)
        if not found or found[0].offset != after + 1:
            first = found[0].offset if found else "the end"
            raise Unavailable(
                f"the log begins at record {first}, and record {after + 1} is not sealed yet; restore log and state "
                "from the same backup"
            )
        for record in found:
            if record.offset > until:
                return
            yield record
        after = found[-1].offset


def _events(decoder: Decoder, record: Record) -> Iterator[tuple[int, Event]]:
    for event in decoder.decode(record):
        if isinstance(event, Event):
            yield event.index, event
