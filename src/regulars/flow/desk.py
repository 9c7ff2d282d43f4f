"""The desk: the profiles that a batch works on, fetched once, changed in memory, stored with the batch."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from regulars.core.record import HOT, PERSON, PURCHASES, REACH, Hot, Person, pack_profiles, part_id
from regulars.core.state import CHANGED, Changes, Row, StateReader
from regulars.flow import withdrawals
from regulars.flow.engine import Engine
from regulars.flow.generation import Tables
from regulars.flow.members import Moves
from regulars.profile.fold import Folded, Parts

_person_decoder = msgspec.msgpack.Decoder(Person)
_encode = msgspec.msgpack.Encoder().encode


class Working:
    """One profile on the desk."""

    __slots__ = (
        "admitted", "blank", "consent_before", "due_before", "first_before", "hot", "loaded", "new", "number", "parts",
        "person", "segments_before", "stage_before", "was", "written",
    )  # fmt: skip

    def __init__(self, number: int, hot: Hot, *, stage: str = "", due: int = 0, new: bool) -> None:
        self.number = number
        self.hot = hot
        self.parts: Parts = {}
        self.loaded: set[int] = set()
        self.person: Person | None = None
        self.written: set[int] = set()
        self.new = new  # nothing is stored under this number
        self.was: set[int] = set() if new else {number}  # the stored profiles whose content this is
        self.blank = new  # nothing was ever folded: there is no past to read again
        self.segments_before: tuple[str, ...] = () if new else tuple(hot.segments)
        self.due_before = due
        self.consent_before: frozenset[str] = frozenset() if new else frozenset(hot.consent)
        self.stage_before = stage
        #: purpose -> since (ms): events that this allowed were admitted when they were folded.
        self.admitted: dict[str, int] = {} if new else dict(hot.consent)
        self.first_before: int | None = None if new else hot.first_seen


class Desk:
    """Fetches profiles, and turns what became of them into changes."""

    def __init__(self, engine: Engine, state: StateReader, changes: Changes, tables: Tables | None = None) -> None:
        self.engine = engine
        self.changes = changes
        self.tables = tables or Tables()
        self._state = state
        self._bytes: dict[int, bytes] = {}
        self._asked: set[int] = set()
        self._open: dict[int, Working] = {}
        self._dropped: set[int] = set()
        self._elsewhere: set[int] = set()  # put by another desk
        self._moves = Moves(state, changes, self.tables)
        self._revised: dict[int, list[Mapping[str, int]]] = {}

    def prefetch(self, wanted: Mapping[int, Iterable[int]]) -> None:
        """Fetch the hot records and some parts of many profiles in one go."""
        listed: list[int] = []
        for number, parts in wanted.items():
            first = part_id(number, HOT)
            listed.append(first)
            listed += [first | part for part in parts]
        ids = set(listed) - self._asked
        self._asked |= ids
        self._bytes.update(self._state.parts(list(ids), self.tables.part))

    def find(self, number: int) -> Working | None:
        """The profile if it exists."""
        working = self._open.get(number)
        if working is not None:
            return working
        data = self._fetch(number, HOT)
        if data is None:
            return None
        hot = self.engine.fold.decode_hot(data)
        due = self.engine.due_day(hot)
        working = self._open[number] = Working(number, hot, stage=self._stage(hot), due=due, new=False)
        return working

    def open(self, number: int, anchor: str, *, time: int, day: int) -> Working:
        """The profile, made when it does not exist."""
        working = self.find(number)
        if working is None:
            working = self._open[number] = Working(number, self.engine.fold.new(anchor, time, day), new=True)
        return working

    def revised(self, number: int, before: Mapping[str, int]) -> None:
        """Note a consent (purpose -> since) that events of the profile were admitted by, and that may not hold now."""
        self._revised.setdefault(number, []).append(before)

    def load(self, working: Working, parts: Iterable[int]) -> Parts:
        """The profile's parts, with at least these decoded where they exist."""
        fold = self.engine.fold
        for part in parts:
            if part in working.loaded:
                continue
            working.loaded.add(part)
            data = None if working.new else self._fetch(working.number, part)
            if data is not None:
                working.parts[part] = fold.decode_part(data)
        return working.parts

    def load_all(self, working: Working) -> Parts:
        """All parts that the fold knows."""
        return self.load(working, (*self.engine.fold.parts, PURCHASES))

    def person(self, working: Working) -> Person:
        """Who the profile is."""
        if working.person is None:
            data = None if working.new else self._fetch(working.number, PERSON)
            working.person = Person([], {}, []) if data is None else _person_decoder.decode(data)
        return working.person

    def reach(self, working: Working) -> list[Any]:
        """What counts toward limits."""
        return self.load(working, (REACH,)).setdefault(REACH, [])

    def folded(self, working: Working, result: Folded, *, day: int, everything: bool = False) -> None:
        """Bring values of passed days, segments and due up to date after a fold; `everything`: all segments."""
        hot = working.hot
        working.written |= result.parts
        changed: set[int] | None = result.slots
        if hot.due and hot.due <= day:
            fold = self.engine.fold
            changed = result.slots | fold.pass_time(hot, self.load(working, fold.timed_parts), day, working.written)
        if working.new or everything:
            changed = None
        moved = self.engine.segments.update(
            hot.values, hot.segments, changed=changed, allowed=hot.segmenting, facts=hot.facts
        )
        if moved is not None:
            hot.segments = moved.now

    def evaluated(self, working: Working, day: int) -> None:
        """Recompute everything from all parts: time passed, parts were replaced."""
        hot = working.hot
        self.engine.fold.evaluate(hot, self.load_all(working), day, working.written)
        moved = self.engine.segments.update(
            hot.values, hot.segments, changed=None, allowed=hot.segmenting, facts=hot.facts
        )
        if moved is not None:
            hot.segments = moved.now

    def regrouped(self, working: Working) -> None:
        """Ask every segment again: what consent allows has changed, the values have not."""
        hot = working.hot
        moved = self.engine.segments.update(
            hot.values, hot.segments, changed=None, allowed=hot.segmenting, facts=hot.facts
        )
        if moved is not None:
            hot.segments = moved.now

    def passed(self, working: Working, day: int) -> None:
        """Bring values up to date to which nothing happened but that time passed."""
        hot = working.hot
        fold = self.engine.fold
        changed = fold.pass_time(hot, self.load(working, fold.timed_parts), day, working.written)
        moved = self.engine.segments.update(
            hot.values, hot.segments, changed=changed, allowed=hot.segmenting, facts=hot.facts
        )
        if moved is not None:
            hot.segments = moved.now

    def drop(self, number: int) -> None:
        """The profile is no more: it went into another one, or its content was rebuilt elsewhere."""
        working = self.find(number)
        if working is None:
            return
        for part in range(16):
            self.changes.delete(self.tables.part, part_id(number, part))
        for segment in working.segments_before:
            self._moves.leave(segment, number)
            self._count("segment", segment, -1)
        for purpose in working.consent_before:
            self._count("consent", purpose, -1)
        if working.due_before:
            self.changes.delete(self.tables.due, (working.due_before, number))
        if not working.new:
            self._count("profiles", "", -1)
            self._count("lifecycle", working.stage_before, -1)
        self._count_first(working.first_before, None)
        self._dropped.add(number)
        del self._open[number]
        self._bytes = {key: data for key, data in self._bytes.items() if key >> 4 != number}

    def drop_content(self, working: Working) -> None:
        """The record is no more, but what was decided for its identifiers still counts toward limits."""
        reach = self.reach(working)
        self.drop(working.number)
        if reach:
            self.changes.put(self.tables.part, (part_id(working.number, REACH), _encode(reach)))

    def rename(self, old: int, new: int) -> Working | None:
        """The profile `old` under the number `new`, its content unchanged."""
        working = self.find(old)
        if working is None:
            return None
        self.load_all(working)
        self.load(working, (REACH,))
        self.person(working)
        self.drop(old)
        moved = Working(new, working.hot, new=True)
        moved.parts, moved.person, moved.loaded = working.parts, working.person, set(range(16))
        moved.written = {*working.parts, PERSON}
        moved.blank = working.blank
        moved.was = working.was
        moved.admitted = working.admitted
        self._open[new] = moved
        return moved

    def store(self, offset: int) -> None:
        """Put every profile on the desk into the changes, and what follows from all of them."""
        self.put_profiles()
        self.conclude(offset)

    def put_profiles(self) -> None:
        """Put every profile on the desk into the changes: records, due days and counters."""
        changes, tables = self.changes, self.tables
        encode = self.engine.fold.encode
        rows: list[Row] = []
        for number, working in self._open.items():
            hot = working.hot
            due = self.engine.due_day(hot)
            if due != working.due_before:
                if working.due_before:
                    changes.delete(tables.due, (working.due_before, number))
                if due:
                    changes.put(tables.due, (due, number))
            self._store_segments(working)
            for purpose in working.consent_before ^ hot.consent.keys():
                self._count("consent", purpose, 1 if purpose in hot.consent else -1)
            self._count_stage(working)
            first = number << 4
            rows.append((first, encode(hot)))
            rows += [(first | part, encode(working.parts[part])) for part in working.written if part != PERSON]
            if PERSON in working.written and working.person is not None:
                rows.append((first | PERSON, _encode(working.person)))
        changes.put_all(tables.part, rows)

    def take(self, profiles: Iterable[int], moves: Mapping[str, Mapping[int, int]]) -> None:
        """Profiles that another desk put, and the moves into and out of segments that it left to this one."""
        self._elsewhere.update(profiles)
        self._moves.take(moves)

    def given(self) -> tuple[list[int], dict[str, dict[int, int]]]:
        """What `take` of another desk wants of this one, once its profiles are put."""
        return list(self._open), self._moves.waiting

    def holds(self, number: int) -> bool:
        """Whether the profile lies on the desk, or was taken off it."""
        return number in self._open or number in self._dropped

    def conclude(self, offset: int) -> None:
        """What follows from all profiles together: withdrawals, moves between segments, the list of what changed."""
        changes = self.changes
        if self._revised:
            now = {n: (self._revised[n], self._open[n].hot.consent) for n in self._revised if n in self._open}
            withdrawals.follow(now, self.engine, self._state, changes, offset=offset)
        self._moves.store()
        changed = self._dropped.union(self._open, self._elsewhere)
        if changed:
            changes.put(CHANGED, (offset, min(changed), pack_profiles(changed)))

    def _store_segments(self, working: Working) -> None:
        number, before, now = working.number, working.segments_before, working.hot.segments
        if len(before) == len(now) and list(before) == now:
            return
        for segment in now:
            if segment not in before:
                self._moves.enter(segment, number, working.hot.last_seen)
                self._count("segment", segment, 1)
        for segment in before:
            if segment not in now:
                self._moves.leave(segment, number)
                self._count("segment", segment, -1)

    def _count_stage(self, working: Working) -> None:
        if working.new:
            self._count("profiles", "", 1)
        if working.first_before != working.hot.first_seen:
            self._count_first(working.first_before, working.hot.first_seen)
        before, now = working.stage_before, self._stage(working.hot)
        if before != now:
            self._count("lifecycle", before, -1)
            self._count("lifecycle", now, 1)

    def _stage(self, hot: Hot) -> str:
        slot = self.engine.lifecycle_slot
        return (hot.values[slot] or "") if slot is not None and slot < len(hot.values) else ""

    def _count_first(self, before: int | None, now: int | None) -> None:
        for time, sign in ((before, -1), (now, 1)):
            if time is not None:
                self.changes.add(self.tables.counters + "new_profiles", self.engine.calendar.day(time), "", sign)

    def _count(self, name: str, key: str, value: int) -> None:
        if name != "lifecycle" or key:
            self.changes.add(self.tables.counters + name, 0, key, value)

    def _fetch(self, number: int, part: int) -> bytes | None:
        key = part_id(number, part)
        if key not in self._asked:
            self._asked.add(key)
            self._bytes.update(self._state.parts([key], self.tables.part))
        return self._bytes.get(key)
