"""The updater: the one writer. It folds the log's records in order, one transaction per batch, the offset included."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from regulars.collect.dedup import SeenIndex
from regulars.collect.tail import TailIndex
from regulars.core import log as kinds
from regulars.core.definitions import Definitions
from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.core.log import Log, Record
from regulars.core.state import CLOCK, DEFINITIONS, EPOCH, FOLDED, LATE, RUN, Changes, State, StateReader, scan
from regulars.flow import generation, visits
from regulars.flow.engine import Engine, with_record_definitions
from regulars.flow.history import History, Sealed
from regulars.flow.identity_apply import SETTLED
from regulars.flow.inactivity import STEP, inactive, let_go
from regulars.flow.on_command import Context, on_command
from regulars.flow.on_events import OnEvents
from regulars.flow.on_tick import due_profiles, pass_time
from regulars.flow.progress import REPLAY, Progress, progress_of
from regulars.flow.replay import Replay
from regulars.flow.retention import forget
from regulars.flow.sharing import Beside

#: How long a back-fill goes on after a batch of live records, and while there are none; seconds.
BESIDE_SECONDS, IDLE_SECONDS = 0.05, 0.2
#: So many events that a back-fill admitted late are told to the sealer with one batch.
LATE_EVENTS = 10_000
#: Rows of running visits that a tick forgets at most.
FORGOTTEN_ROWS = 20_000
#: Bytes of one batch at most: what waits behind an import is folded in large pieces, a profile's events in one go.
BATCH_BYTES = 32_000_000
_BATCHED = (kinds.EVENTS, kinds.PRODUCTS, kinds.ACCESS, kinds.DECISION)


def nothing_sealed(_subjects: Sequence[str]) -> Iterable[Event]:
    """The history of a shop without a lake."""
    return ()


class Updater:
    """Folds the log into the state, and builds records anew beside it when definitions changed."""

    def __init__(
        self,
        definitions: Definitions | Engine,
        log: Log,
        state: State,
        *,
        sealed: Sealed = nothing_sealed,
        records: int = 400,
        beside: Beside | None = None,
    ) -> None:
        """`beside` folds shares of large batches while more wait."""
        self._log = log
        self._state = state
        self._sealed = sealed
        self._records = records
        self._beside = beside
        self.seen = SeenIndex(self._page)
        self.seen.load(stored_runs(state, "seen"))
        self.tail = TailIndex(self._page)
        self.tail.load(stored_runs(state, "tail"))
        self.offset = cast(int, state.meta(FOLDED) or 0)
        self.clock = cast(int, state.meta(CLOCK) or 0)
        self.epoch = cast(int, state.meta(EPOCH) or 0)  # grows when other definitions or records serve
        self.events = 0  # folded by this process
        self._waiting: list[Record] = []
        self._following: list[Record] = []  # read while the disk was waited for
        self._replay: Replay | None = None
        if isinstance(definitions, Engine):
            self._define(definitions.definitions, definitions)
        else:
            self._define(definitions, None)

    @property
    def busy(self) -> bool:
        """Whether a back-fill has something to do now, also when the log has nothing more."""
        return self._replay is not None and self._replay.busy

    @property
    def replaying(self) -> bool:
        """Whether records are being built by other definitions."""
        return self._replay is not None and self._replay.progress.building

    def step(self, *, replay_seconds: float | None = None) -> int:
        """Fold the next records and commit, then go on with a back-fill; how many records, 0 when there are none.

        The back-fill gets `replay_seconds`; by default little beside live records and more when there are none.
        """
        folded = self._step()
        if self._replay is not None:
            usual = BESIDE_SECONDS if folded else IDLE_SECONDS
            self._go_on(usual if replay_seconds is None else replay_seconds)
        return folded

    def run(self) -> int:
        """Fold until the log has nothing more and no back-fill has anything to do; how many records."""
        folded = 0
        while (count := self.step()) or self.busy:
            folded += count
        return folded

    def day(self, record: Record) -> int:
        """The shop's day when `record` is folded: by its clock, before the first tick by the record's time."""
        return self.engine.calendar.day(self.clock or record.time)

    # Records ----------------------------------------------------------------------------------------------------

    def _step(self) -> int:
        if not self._waiting:
            self._waiting = self._following or self._read(self.offset)
            self._following = []
            if not self._waiting:
                return 0
            self.tail.trim(self._log.first())
        records = self._waiting
        first = records[0]
        if first.kind in _BATCHED:
            end = next((at for at, record in enumerate(records) if record.kind not in _BATCHED), len(records))
            self._fold(records[:end], more=end == len(records) and self._is_full(records))
        else:
            end = 1
            if first.kind == kinds.TICK:
                self._tick(first)
            else:
                self._command(first)
        self._waiting = records[end:]
        return end

    def _is_full(self, records: Sequence[Record]) -> bool:
        """Whether a read ended at a bound, so that there is probably more."""
        return len(records) >= self._records or sum(len(record.body) for record in records) > BATCH_BYTES // 2

    def _read(self, offset: int) -> list[Record]:
        return self._log.read(offset, records=self._records, size=BATCH_BYTES)

    def _fold(self, records: list[Record], *, more: bool) -> None:
        """Fold a batch; `more`: others probably wait behind it."""
        late = [] if self.replaying else self._state.select(LATE, limit=LATE_EVENTS)
        last = records[-1].offset
        sharing = more and self._beside is not None and self._replay is None
        if sharing:
            self._on_events.begin(records, self._next(last))
        folding = self._on_events.fold(
            records, day=self.day(records[0]), late=cast(list[tuple[int, int]], late), sharing=sharing
        )
        ahead = self._look_ahead(last) if more else ()
        self._commit(folding.changes, last, before=folding.shares or (), meanwhile=ahead)
        folding.accept()
        self.events += folding.events

    def _next(self, offset: int) -> Sequence[Record]:
        """What follows, as far as it may be read ahead: up to a record that may change the definitions."""
        if not self._following:
            try:
                self._following = self._read(offset)
            except Unavailable:
                return ()
        return list(itertools.takewhile(lambda record: record.kind in _BATCHED, self._following))

    def _look_ahead(self, offset: int) -> Iterator[object]:
        """Read what follows and decode it, a record a step; a step fails later where it would fail now."""
        self._on_events.let_go(offset + 1)
        yield None
        following = self._next(offset)
        yield None
        for record in following:
            self._on_events.look_ahead(record)
            yield None

    def _tick(self, record: Record) -> None:
        clock = max(self.clock, record.time)
        day = self.engine.calendar.day(clock)
        while profiles := due_profiles(self._state, day, self._tables):
            if self._let_go(record, profiles, day):
                continue
            changes = pass_time(
                self.engine, self._state, profiles,
                day=day, offset=record.offset, tables=self._tables, history=self.history,
            )  # fmt: skip
            self._note(changes)
            self._state.commit(changes)
        changes = Changes()
        if not self.clock or day != self.engine.calendar.day(self.clock):
            changes = forget(self.engine, self._state, day=day, offset=record.offset, oldest_record=self._log.first())
        visits.forget_old(self._state, changes, clock=clock, most=FORGOTTEN_ROWS)
        self.clock = clock
        self._commit(changes, record.offset)

    def _let_go(self, record: Record, profiles: list[int], day: int) -> bool:
        """Erase some of the profiles if nothing was heard of them for long."""
        gone = inactive(self.engine, self._state, profiles, day=day, tables=self._tables)[:STEP]
        context, changes = self._context(record, day), Changes()
        if not gone or not let_go(context, gone, changes):
            return False
        self._note(changes)
        self._state.commit(changes)
        for effect in context.after:
            effect()
        return True

    def _context(self, record: Record, day: int) -> Context:
        return Context(self.engine, self._state, self.history, record, day, self._tables)

    def _command(self, record: Record) -> None:
        context = self._context(record, self.day(record))
        changes = on_command(context)
        if context.wanted is not None:  # before the answer, so that whoever reads it finds the back-fill begun
            self._define(context.wanted, None, again=context.again)
        self._commit(changes, record.offset)
        for effect in context.after:
            effect()

    def _commit(
        self, changes: Changes, offset: int, *, before: Iterable[Changes] = (), meanwhile: Iterable[object] = ()
    ) -> None:
        self._note(changes)
        meta = {FOLDED: offset, CLOCK: self.clock}
        self._state.commit(changes, meta=meta, before=before, meanwhile=meanwhile)
        self.offset = offset

    def _note(self, changes: Changes) -> None:
        if self._replay is not None:
            self._replay.note(changes)

    # Definitions ------------------------------------------------------------------------------------------------

    def _define(self, wanted: Definitions, engine: Engine | None, *, again: bool = False) -> None:
        """Serve by `wanted`, or by what records are built with now until a back-fill to `wanted` is through."""
        stored = generation.definitions(self._state)
        same = stored is None or stored.record_version == wanted.record_version
        serving = wanted if stored is None or same else with_record_definitions(wanted, stored)
        if serving != stored:
            self.epoch += 1
            meta: dict[str, object] = {DEFINITIONS: serving, EPOCH: self.epoch}
            if stored is not None and stored.identity != serving.identity and self._state.meta(SETTLED) is None:
                meta[SETTLED] = stored.identity  # what came before stays as those rules settled it
            self._state.commit(Changes(), meta=meta)
        self._use(engine if engine is not None and serving is wanted else Engine(serving))
        progress = progress_of(self._state)
        unfinished = progress.building and progress.definitions == wanted.record_version
        resting = progress.phase == "sweep"
        if not same or again or (unfinished and progress.again):
            if not unfinished or again:
                progress = Progress("clear", definitions=wanted.record_version, again=again)
                self._state.commit(Changes(), meta={REPLAY: progress})
            self._replay = self._replay_of(engine if engine is not None else Engine(wanted), progress, resting=resting)
        elif progress.building:  # nobody wants it any more
            self._replay = self._replay_of(None, Progress("clear"), resting=resting)
        elif progress.phase == "sweep":
            self._replay = self._replay_of(None, progress, resting=resting)
        else:
            self._replay = None

    def _replay_of(self, target: Engine | None, progress: Progress, *, resting: bool) -> Replay:
        other = generation.A if generation.name_of(self._state) == "b" else generation.B
        return Replay(
            self._state,
            self.history,
            self.engine,
            target,
            self._tables,
            other,
            progress,
            resting=resting,
        )

    def _use(self, engine: Engine) -> None:
        """Fold with this engine into the generation that serves."""
        self.engine = engine
        self._tables = generation.tables(self._state)
        self.history = History(engine, self._state, self._log, self.tail, self._sealed)
        self._on_events = OnEvents(engine, self._state, self.seen, self.tail, self.history, self._tables, self._beside)

    def _go_on(self, seconds: float) -> None:
        replay = self._replay
        if replay is None:
            return
        switched = replay.work(seconds, clock=self.clock, offset=self.offset)
        if switched and replay.target is not None:
            self.epoch = cast(int, self._state.meta(EPOCH))
            self._use(replay.target)
        if replay.progress.phase == "done":
            self._replay = None

    def _page(self, kind: str, level: int, seq: int) -> bytes:
        row = self._state.get(RUN, (kind, level, seq))
        if row is None:
            raise LookupError(f"run {kind}/{level}/{seq} is missing in the state")
        return cast(bytes, row[3])


def stored_runs(state: StateReader, kind: str) -> Iterator[tuple[int, int, bytes]]:
    """The pages of an index (level, seq, data) in the order of level and seq, a few in memory at a time."""
    level = 0
    while found := state.select(RUN, {"kind": kind}, at_least={"level": level}, order=("level",), limit=1):
        level = cast(int, found[0][1])
        for row in scan(state, RUN, {"kind": kind, "level": level}, by="seq"):
            yield level, cast(int, row[2]), cast(bytes, row[3])
        level += 1
