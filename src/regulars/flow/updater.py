"""The updater: the one writer. It folds the log's records in order, one transaction per batch, the offset included."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from regulars.collect.dedup import SeenIndex
from regulars.collect.tail import TailIndex
from regulars.core import log as kinds
from regulars.core.definitions import Definitions
from regulars.core.event import Event
from regulars.core.log import Log, Record
from regulars.core.state import CLOCK, FOLDED, RUN, Changes, State
from regulars.flow.engine import Engine
from regulars.flow.generation import Tables
from regulars.flow.history import History, Sealed
from regulars.flow.on_command import Context, on_command
from regulars.flow.on_events import OnEvents
from regulars.flow.on_tick import due_profiles, pass_time

_BATCHED = (kinds.EVENTS, kinds.PRODUCTS, kinds.ACCESS, kinds.DECISION)


def nothing_sealed(_subjects: Sequence[str]) -> Iterable[Event]:
    """The history of a shop without a lake."""
    return ()


class Updater:
    """Folds the log into the state."""

    def __init__(
        self,
        definitions: Definitions | Engine,
        log: Log,
        state: State,
        *,
        sealed: Sealed = nothing_sealed,
        records: int = 400,
    ) -> None:
        self.engine = definitions if isinstance(definitions, Engine) else Engine(definitions)
        self._log = log
        self._state = state
        self._records = records
        self._tables = Tables()
        self.seen = SeenIndex(self._page)
        self.seen.load(self._runs("seen"))
        self.tail = TailIndex(self._page)
        self.tail.load(self._runs("tail"))
        self.history = History(self.engine, state, log, self.tail, sealed)
        self._on_events = OnEvents(self.engine, state, self.seen, self.tail, self.history, self._tables)
        self.offset = cast(int, state.meta(FOLDED) or 0)
        self.clock = cast(int, state.meta(CLOCK) or 0)
        self.events = 0  # folded by this process
        self._waiting: list[Record] = []

    def step(self) -> int:
        """Fold the next records and commit; how many records, 0 when there is nothing to do."""
        if not self._waiting:
            self._waiting = self._log.read(self.offset, records=self._records)
            if not self._waiting:
                return 0
            self.tail.trim(self._log.first())
        records = self._waiting
        first = records[0]
        if first.kind in _BATCHED:
            end = next((at for at, record in enumerate(records) if record.kind not in _BATCHED), len(records))
            self._fold(records[:end])
        else:
            end = 1
            if first.kind == kinds.TICK:
                self._tick(first)
            else:
                changes = on_command(Context(self.engine, self._state, self.history, first, self.day(first)))
                self._commit(changes, first.offset)
        self._waiting = records[end:]
        return end

    def run(self) -> int:
        """Fold until the log has nothing more; how many records."""
        folded = 0
        while count := self.step():
            folded += count
        return folded

    def day(self, record: Record) -> int:
        """The shop's day when `record` is folded: by its clock, before the first tick by the record's time."""
        return self.engine.calendar.day(self.clock or record.time)

    def _fold(self, records: list[Record]) -> None:
        folding = self._on_events.fold(records, day=self.day(records[0]))
        self._commit(folding.changes, records[-1].offset)
        folding.accept()
        self.events += folding.events

    def _tick(self, record: Record) -> None:
        clock = max(self.clock, record.time)
        day = self.engine.calendar.day(clock)
        while profiles := due_profiles(self._state, day, self._tables):
            changes = pass_time(self.engine, self._state, profiles, day=day, offset=record.offset, tables=self._tables)
            self._state.commit(changes)
        self.clock = clock
        self._commit(Changes(), record.offset)

    def _commit(self, changes: Changes, offset: int) -> None:
        self._state.commit(changes, meta={FOLDED: offset, CLOCK: self.clock})
        self.offset = offset

    def _page(self, kind: str, level: int, seq: int) -> bytes:
        row = self._state.get(RUN, (kind, level, seq))
        if row is None:
            raise LookupError(f"run {kind}/{level}/{seq} is missing in the state")
        return cast(bytes, row[3])

    def _runs(self, kind: str) -> Iterable[tuple[int, int, bytes]]:
        rows: Any = self._state.select(RUN, {"kind": kind}, order=("level", "seq"))
        return ((row[1], row[2], row[3]) for row in rows)
