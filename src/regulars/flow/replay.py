"""Back-fill: records by changed definitions, built beside those that serve while live folding goes on.

The phases, each in pieces that commit:

    clear    the other generation's tables are emptied
    build    every profile is folded anew from its history, in the order of the identifiers, as the lake is sorted
    carry    what belongs to no record (limits of visitors who were only decided for) is copied
    rebuild  what changed since it was built is built again, until nothing is left
    sweep    after the switch, the rows of the old generation are removed

The switch is one commit. Before it nobody reads the new rows, after it nobody needs the old ones. Everything that is
needed to go on after a crash is committed with the rows: a piece is done or it is not.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, cast

import msgspec

from regulars.core.record import HOT, PERSON, PURCHASES, REACH, Hot, Person, pack_profiles, part_id, profile_number
from regulars.core.state import (
    CHANGED,
    COUNTER,
    DEFINITIONS,
    EPOCH,
    FOLDED,
    GENERATION,
    IDENTIFIER,
    LATE,
    ORDER,
    REBUILD,
    SEALED,
    VERDICT,
    Changes,
    Key,
    Row,
    State,
    Table,
)
from regulars.core.verdict import unpack
from regulars.flow.desk import Desk
from regulars.flow.engine import Engine
from regulars.flow.facts import now_known, without_unwanted
from regulars.flow.generation import Tables
from regulars.flow.history import History, Past
from regulars.flow.next_counters import PREFIX, discard, install, only_next
from regulars.flow.on_tick import due_profiles, pass_time
from regulars.flow.progress import REPLAY, Progress
from regulars.flow.refold import admitted_of, fold_anew
from regulars.profile import orders

#: How long the old generation's rows stay after a switch, for readers that have not looked yet; seconds.
KEEP_SECONDS = 5.0
#: Profiles whose history is asked for at once; it adapts to how long that takes. Portions to fold begin at one.
FEWEST, MOST = 16, 512
#: So few profiles are finished in one go, whatever the time.
LAST = 64
#: Live folding waits at most this long in one go when more changes than can be rebuilt beside; seconds.
LONGEST = 2.0
_ROWS = 2_000  # rows read or deleted in one piece
_person = msgspec.msgpack.Decoder(Person).decode
_part = msgspec.msgpack.Decoder(list[Any]).decode


class _Pending(msgspec.Struct):
    """A profile whose history is at hand."""

    past: Past
    parts: dict[int, bytes]


class Replay:
    """A back-fill. `work` does a piece of it; whoever commits anything else passes it through `note` first.

    Without a `target` only the tables of a back-fill that is not wanted any more are emptied. `resting`: a switch was
    made not long ago, and readers may still look at the rows of before.
    """

    def __init__(
        self,
        state: State,
        history: History,
        current: Engine,
        target: Engine | None,
        serving: Tables,
        other: Tables,
        progress: Progress,
        *,
        resting: bool = False,
    ) -> None:
        self.progress = progress
        self.target = target
        self._state = state
        self._history = history
        self._current = current
        self._serving = serving
        self._next = msgspec.structs.replace(other, counters=PREFIX)
        self._not_before = time.monotonic() + (KEEP_SECONDS if resting else 0.0)
        self._pending: dict[int, _Pending] = {}
        self._cursor = progress.cursor  # where the build stands once what is pending is built
        self._fetch_size = FEWEST
        self._portion = 1
        self._patience = 1.0
        self._left = 0  # profiles to rebuild when the last round began
        self._repurposed = target is not None and _repurposed(current, target)

    @property
    def busy(self) -> bool:
        """Whether there is something to do now."""
        return self.progress.phase != "done" and not self._resting()

    def note(self, changes: Changes) -> None:
        """Remember which profiles `changes` touch, so that they are built again."""
        if self.progress.phase not in ("build", "carry", "rebuild"):
            return
        name = self._serving.part.name
        keys: set[Key] = {*changes.puts.get(name, ()), *changes.deletes.get(name, ())}
        for number in {cast(int, key) >> 4 for key in keys}:
            changes.put(REBUILD, (number,))
            self._pending.pop(number, None)

    def work(self, seconds: float, *, clock: int, offset: int) -> bool:
        """Go on for about so long; True when the switch was made. `clock` is the shop's, ms, 0 when unknown."""
        end = time.monotonic() + max(seconds, min(seconds * self._patience, LONGEST))
        while self.busy:
            if self._piece(clock, offset, seconds):
                return True
            if time.monotonic() >= end and not self._nearly_done():
                break
        return False

    def _resting(self) -> bool:
        return self.progress.phase in ("clear", "sweep") and time.monotonic() < self._not_before

    def _piece(self, clock: int, offset: int, seconds: float) -> bool:
        match self.progress.phase:
            case "clear":
                if self._empty(self._next):
                    self._begin(clock)
            case "build" | "rebuild" if self._pending:
                self._build(clock, offset, seconds)
            case "build":
                self._look(seconds)
            case "carry":
                self._carry()
            case "rebuild":
                return self._rebuild(clock, offset, seconds)
            case "sweep":
                if self._empty(self._next):
                    self._go_to("done")
        return False

    # Clearing and sweeping --------------------------------------------------------------------------------------

    def _empty(self, tables: Tables) -> bool:
        """Remove some rows of a generation that nobody reads; True when there was nothing left."""
        for table in (tables.part, tables.membership, tables.moved, tables.due, REBUILD, LATE):
            if table is LATE and self.progress.phase == "sweep":
                continue  # they wait for the next verdicts
            rows = self._state.select(table, order=table.names()[: table.key], limit=_ROWS)
            if rows:
                changes = Changes()
                for row in rows:
                    changes.delete(table, _key(table, row))
                self._state.commit(changes)
                return False
        return True

    def _begin(self, clock: int) -> None:
        changes = Changes()
        discard(self._state, changes)
        if self.target is None:
            self._go_to("done", changes)
            return
        profiles = self._state.select(COUNTER, {"name": "profiles"})
        self.progress.done, self.progress.total = 0, sum(cast(int, row[3]) for row in profiles)
        by_records = self._current.definitions.shop.clock == "records"
        self.progress.began = clock if by_records else time.time_ns() // 1_000_000
        self._go_to("build", changes)

    def _go_to(self, phase: str, changes: Changes | None = None, meta: Mapping[str, object] | None = None) -> None:
        self.progress.phase, self.progress.cursor, self._cursor = phase, "", ""
        self._state.commit(changes or Changes(), meta={REPLAY: self.progress, **(meta or {})})

    # Building ---------------------------------------------------------------------------------------------------

    def _look(self, seconds: float) -> None:
        """Fetch the histories of the next profiles in the order of their anchors."""
        if self._cursor != self.progress.cursor:
            self.progress.cursor = self._cursor
            self._state.commit(Changes(), meta={REPLAY: self.progress})
        rows = self._state.select(
            IDENTIFIER, at_least={"key": self._cursor}, order=("key",), limit=self._fetch_size + 1
        )
        rows = [row for row in rows if row[0] != self._cursor]
        if not rows:
            self._go_to("carry")
            return
        self._cursor = cast(str, rows[-1][0])
        anchored = [cast(int, row[1]) for row in rows if profile_number(cast(str, row[0])) == row[1]]
        built = self._state.parts([part_id(number, HOT) for number in anchored], self._next.part)
        self._fetch([number for number in anchored if part_id(number, HOT) not in built], seconds)

    def _fetch(self, numbers: Collection[int], seconds: float) -> set[int]:
        """Bring the histories of those that have a record; the others."""
        began = time.monotonic()
        ids = [part_id(number, part) for number in numbers for part in (HOT, PERSON, REACH)]
        stored = self._state.parts(ids, self._serving.part)
        alive = [number for number in numbers if part_id(number, HOT) in stored]
        if alive:
            pasts = self._history.of_many(alive, self._needed())
            for number in alive:
                own = {part: stored[key] for part in (HOT, PERSON, REACH) if (key := part_id(number, part)) in stored}
                self._pending[number] = _Pending(pasts[number], own)
        self._fetch_size = max(FEWEST, _adapted(self._fetch_size, time.monotonic() - began, seconds))
        return set(numbers).difference(alive)

    def _needed(self) -> Callable[[tuple[int, int]], bool]:
        """Which places of the log's tail to read: all when a purpose changed, else what was admitted since the seal."""
        if self._repurposed:
            return lambda _: True
        sealed = cast(int, self._state.meta(SEALED) or 0)
        late: set[tuple[int, int]] = set()
        if sealed:
            for row in self._state.select(VERDICT, at_least={"first": sealed + 1}):
                for verdict in unpack(cast(bytes, row[2])):
                    late.update((offset, index) for offset, index in verdict.late or ())
        return lambda place: place[0] > sealed or place in late

    def _build(self, clock: int, offset: int, seconds: float) -> None:
        """Fold some of the profiles whose history is at hand."""
        assert self.target is not None  # noqa: S101 - nothing is pending without one
        began = time.monotonic()
        changes = Changes()
        desk = Desk(self.target, self._state, changes, self._next)
        numbers = list(self._pending)[: self._portion]
        rebuilt = self.progress.phase == "rebuild"
        desk.prefetch(dict.fromkeys(numbers, (*self.target.fold.parts, PURCHASES, *_CARRIED) if rebuilt else ()))
        late: list[tuple[int, int]] = []
        for number in numbers:
            late += self._anew(desk, self._pending[number], clock)
        desk.store(offset)
        only_next(changes, self._next)
        for place in late:
            changes.put(LATE, place)
        for number in numbers:
            changes.delete(REBUILD, number)
        self._count(len(numbers))
        self._state.commit(changes, meta={REPLAY: self.progress})
        for number in numbers:
            del self._pending[number]
        self._portion = _adapted(self._portion, time.monotonic() - began, seconds)

    def _count(self, profiles: int) -> None:
        if self.progress.phase == "build":
            self.progress.done += profiles
            self.progress.total = max(self.progress.total, self.progress.done)

    def _anew(self, desk: Desk, pending: _Pending, clock: int) -> list[tuple[int, int]]:
        """The record by the new definitions: who the person is carries over, what they did is folded."""
        target = desk.engine
        past, stored = pending.past, pending.parts
        old: Hot = target.fold.decode_hot(stored[HOT])
        day = max(target.calendar.day(clock) if clock else old.day, old.day)
        working = desk.open(past.number, old.anchor, time=old.first_seen, day=day)
        if PERSON in stored:
            working.person = _person(stored[PERSON])
        hot = target.fold.new(old.anchor, old.first_seen, day)
        hot.last_seen, hot.facts, hot.paces = old.last_seen, old.facts, old.paces
        if working.person is not None:
            working.person.facts = without_unwanted(working.person.facts, target.unwanted)
            hot.facts = now_known(working.person.facts)
            target.agree(hot, working.person.statements, day)
        admitted = admitted_of(target, hot.consent, past.events)
        reach = _part(stored[REACH]) if REACH in stored else []
        currency = target.definitions.shop.currency
        facts = [
            orders.load(cast(str, row[0]), cast(bytes, row[6]), currency=currency)
            for row in self._state.select(ORDER, {"profile": past.number})
        ]
        fold_anew(target, desk, working, hot, admitted, facts, reach, day=day)
        if not self._repurposed:
            return []
        return [
            (event.offset, event.index)
            for event in admitted
            if (event.offset, event.index) in past.unsealed and not self._current.admits_event(event, old.consent)
        ]

    # What belongs to no record ----------------------------------------------------------------------------------

    def _carry(self) -> None:
        """Copy the reach of numbers without a record; a record that the identifiers did not lead to is noted."""
        after = int(self.progress.cursor or 0)
        rows = self._state.select(self._serving.part, at_least={"id": after}, order=("id",), limit=_ROWS)
        if not rows:
            self._go_to("rebuild")
            return
        ids = [cast(int, row[0]) for row in rows]
        hot = [key & ~15 for key in ids if key & 15 in (HOT, REACH)]
        known = self._state.parts(hot, self._serving.part)
        built = self._state.parts(hot, self._next.part)
        changes = Changes()
        for key, row in zip(ids, rows, strict=True):
            if key & 15 == REACH and key & ~15 not in known:
                changes.put(self._next.part, row)
            elif key & 15 == HOT and key not in built:
                changes.put(REBUILD, (key >> 4,))
        self.progress.cursor = str(ids[-1] + 1)
        self._state.commit(changes, meta={REPLAY: self.progress})

    # Finishing --------------------------------------------------------------------------------------------------

    def _rebuild(self, clock: int, offset: int, seconds: float) -> bool:
        """Build again what changed; when nothing is left, switch."""
        assert self.target is not None  # noqa: S101 - there is something to rebuild only with one
        numbers = [cast(int, row[0]) for row in self._state.select(REBUILD, order=("profile",), limit=self._fetch_size)]
        if numbers:
            self._hurry()
            gone = self._fetch(numbers, seconds)
            if gone:
                self._forget(gone, offset)
            return False
        if clock:
            day = self.target.calendar.day(clock)
            due = due_profiles(self._state, day, self._next, limit=self._portion)
            if due:
                changes = pass_time(
                    self.target, self._state, due, day=day, offset=offset, tables=self._next, history=self._history
                )
                only_next(changes, self._next)
                self._state.commit(changes)
                self._left = len(due)
                return False
        self._switch()
        return True

    def _hurry(self) -> None:
        """Take more of the time when more changes than is rebuilt beside."""
        left = self._state.count(REBUILD).get(None, 0)
        if self._left and left > self._left // 2:
            self._patience *= 2
        self._left = left

    def _nearly_done(self) -> bool:
        return self.progress.phase == "rebuild" and self._left <= LAST

    def _forget(self, numbers: Iterable[int], offset: int) -> None:
        """Numbers that have no record any more; reach that is left of them carries over."""
        assert self.target is not None  # noqa: S101 - as above
        changes = Changes()
        desk = Desk(self.target, self._state, changes, self._next)
        kept = self._state.parts([part_id(number, REACH) for number in numbers], self._serving.part)
        for number in numbers:
            desk.drop(number)
            key = part_id(number, REACH)
            if key in kept:
                changes.put(self._next.part, (key, kept[key]))
            else:
                changes.delete(self._next.part, key)
            changes.delete(REBUILD, number)
        desk.store(offset)
        only_next(changes, self._next)
        self._state.commit(changes)

    def _switch(self) -> None:
        """From here on the new records serve: one commit."""
        assert self.target is not None  # noqa: S101 - as above
        definitions = self.target.definitions
        changes = Changes()
        install(self._state, self._current, self.target, changes)
        serving = "a" if self._state.meta(GENERATION) == "b" else "b"
        epoch = cast(int, self._state.meta(EPOCH) or 0) + 1
        self._not_before = time.monotonic() + KEEP_SECONDS
        # One row of CHANGED so that the profile table is looked at; it is built anew as its definitions are others.
        first = self._state.select(self._next.part, order=("id",), limit=1)
        if first:
            folded = cast(int, self._state.meta(FOLDED) or 0)
            number = cast(int, first[0][0]) >> 4
            changes.put(CHANGED, (folded, number, pack_profiles([number])))
        self._next = self._serving
        self._go_to("sweep", changes, {GENERATION: serving, DEFINITIONS: definitions, EPOCH: epoch})


_CARRIED = (PERSON, REACH)


def _repurposed(current: Engine, target: Engine) -> bool:
    """Whether an event that was refused might be admitted now."""
    if current.terms != target.terms or current.policy.limits != target.policy.limits:
        return True
    names = {event.name for engine in (current, target) for event in engine.definitions.events}
    return any(current.admitting_purpose(name) != target.admitting_purpose(name) for name in names)


def _key(table: Table, row: Row) -> Key:
    return cast(Key, row[0] if table.key == 1 else row[: table.key])


def _adapted(size: int, took: float, seconds: float) -> int:
    """The next size, so that a piece takes about as long as it may."""
    wanted = size * min(max(seconds / max(took, 1e-6), 0.5), 2.0)
    return max(1, min(MOST, int(wanted)))
