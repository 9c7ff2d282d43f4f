"""A back-fill: live traffic goes on, nobody sees half, and then it is as if the new definitions had always been."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.definitions import Definitions, Segment, Shop, Trait
from regulars.core.log import COMMAND, EVENTS, TICK, NewRecord
from regulars.core.record import PERSON, Person
from regulars.core.state import Changes
from regulars.flow import generation, replay
from regulars.flow import members as noted
from regulars.flow.arrivals import COUNTED
from regulars.flow.counts import CAME, SOURCE_REFUSED
from regulars.flow.engine import Engine
from regulars.flow.identity_health import ARRIVALS
from regulars.flow.updater import Updater
from regulars.flow.visits import REVISED
from tests.property.test_flow import DAY, DEFINITIONS, ORDERED, START, calls

LAST_DAY = START + 20 * DAY
replaced = msgspec.structs.replace
OLD = replaced(DEFINITIONS, record_version="old", version="old")
#: Another window, other segments, traits that go and come: what marketers change.
TRAITS = replaced(
    OLD,
    record_version="traits",
    version="traits",
    traits=(
        Trait(name="orders_8d", kind="count", events=ORDERED, window_days=8),
        *(trait for trait in OLD.traits if trait.name not in {"views_3d", "seen"}),
        Trait(name="views_2d", kind="count", events=("Product Viewed",), window_days=2, purpose="analytics"),
        Trait(name="refunds", kind="count", events=("Order Refunded",)),
    ),
    segments=(
        Segment(id="buyers", when="orders >= 1"),
        Segment(id="returners", when="refunds >= 1 or orders_8d >= 2"),
        Segment(id="lookers", when="views_2d >= 1 and in_segment('returners')", purpose="analytics"),
    ),
)
#: Views now belong to the contract: what was refused counts, as far as the log still has it.
PURPOSES = replaced(
    TRAITS,
    record_version="purposes",
    version="purposes",
    events=tuple(replaced(e, purpose="contract") if e.name == "Product Viewed" else e for e in OLD.events),
    traits=tuple(replaced(t, purpose="contract") if t.name == "views" else t for t in TRAITS.traits),
)
#: Another time zone: other days, so other windows and other counters by day.
ZONE = replaced(OLD, record_version="zone", version="zone", shop=Shop(name="Corner", time_zone="Pacific/Auckland"))
ENGINES = {one.record_version: Engine(one) for one in (OLD, TRAITS, PURPOSES, ZONE)}


@pytest.fixture(autouse=True, scope="module")
def _moves_are_often_put_in_place() -> Iterator[None]:
    with patch.multiple(noted, ROWS=2, ROW_BYTES=40):
        yield


class Watched(SqliteState):
    """A state that after every commit is whole by the definitions that it says it has."""

    def commit(
        self,
        changes: Changes,
        *,
        meta: Mapping[str, object] | None = None,
        before: Iterable[Changes] = (),
        meanwhile: Iterable[object] = (),
    ) -> None:
        """Commit, and look at what everybody can see now."""
        super().commit(changes, meta=meta, before=before, meanwhile=meanwhile)
        assert_whole(self)


def assert_whole(state: SqliteState) -> None:
    """Records, memberships, due days and counters of the serving generation tell the same story."""
    stored = generation.definitions(state)
    if stored is None:
        return
    own = generation.tables(state)
    engine = ENGINES[stored.record_version]
    records = {
        int(row[0]) >> 4: engine.fold.decode_hot(row[1])  # type: ignore[arg-type]  # columns of the table
        for row in state.select(own.part)
        if not int(row[0]) & 15  # type: ignore[arg-type]
    }
    assert {hot.version for hot in records.values()} <= {stored.record_version}
    assert all(len(hot.values) == len(stored.traits) for hot in records.values())
    members = {(segment, number) for number, hot in records.items() for segment in hot.segments}
    told = {(s.id, number) for s in stored.segments for number, _ in noted.members(state, own, s.id)}
    assert told == members
    assert {str(row[0]) for row in state.select(own.moved)} <= {s.id for s in stored.segments}
    due = {(hot.due, number) for number, hot in records.items() if hot.due}
    assert set(state.select(own.due)) == due
    counted = {(str(r[0]), r[1], str(r[2])): r[3] for r in state.select(tables.COUNTER) if r[3]}
    sizes = Counter(segment for segment, _ in members)
    assert {key[2]: n for key, n in counted.items() if key[0] == "segment"} == sizes
    slot = engine.lifecycle_slot
    stages = Counter(hot.values[slot] for hot in records.values() if slot is not None and hot.values[slot])
    assert {key[2]: n for key, n in counted.items() if key[0] == "lifecycle"} == stages
    assert counted.get(("profiles", 0, ""), 0) == len(records)
    began = Counter(engine.calendar.day(hot.first_seen) for hot in records.values())
    assert {key[1]: n for key, n in counted.items() if key[0] == "new_profiles"} == began


def portrait(state: SqliteState) -> dict[str, Any]:
    """Everything that serves, its values as of one day."""
    stored = generation.definitions(state)
    assert stored is not None
    own = generation.tables(state)
    fold = ENGINES[stored.record_version].fold
    day = ENGINES[stored.record_version].calendar.day(LAST_DAY)
    profiles: dict[int, dict[int, Any]] = {}
    for key, data in state.select(own.part):
        profiles.setdefault(int(key) >> 4, {})[int(key) & 15] = data  # type: ignore[arg-type]
    people: dict[int, Any] = {}
    for number, parts in profiles.items():
        hot = fold.decode_hot(parts.pop(0))
        decoded = {part: fold.decode_part(data) for part, data in parts.items() if part != PERSON}
        fold.evaluate(hot, decoded, day)
        person = msgspec.msgpack.decode(parts[PERSON], type=Person)
        people[number] = (
            (hot.anchor, hot.first_seen, hot.last_seen, hot.values, hot.consent, hot.segments, hot.facts, hot.due),
            (person.identifiers, sorted(person.facts.items()), person.statements),
            {part: value for part, value in decoded.items() if any(value)},
        )
    # They count what was taken in then, and how often visits were looked at anew.
    left = {"events", "refused", CAME, SOURCE_REFUSED, REVISED, *ARRIVALS, *COUNTED}
    return {
        "people": people,
        "orders": sorted((r[0], r[1], r[3], r[5]) for r in state.select(tables.ORDER)),
        "counters": {r[:3]: r[3] for r in state.select(tables.COUNTER) if r[3] and r[0] not in left},
    }


def record(batch: list[dict[str, Any]]) -> NewRecord:
    return NewRecord(EVENTS, "till", "batch", START + 15 * DAY, json.dumps({"batch": batch}).encode())


def command(name: str, **args: Any) -> NewRecord:
    body = json.dumps({"name": name, "args": args, "by": "eva"}).encode()
    return NewRecord(COMMAND, "eva", name, START + 16 * DAY, body)


commands = st.sampled_from(
    [
        command("set_consent", identifier="user_id:ana", purpose="analytics", granted=True, reason="at the till"),
        command("set_consent", identifier="user_id:ana", purpose="personalisation", granted=False, reason="by phone"),
        command("set_consent", identifier="anonymous_id:d1", purpose="analytics", granted=False, reason="by mail"),
        command("unlink", a="user_id:ana", b="anonymous_id:d1", reason="it is the shop's tablet"),
        command("unlink", a="user_id:ben", b="anonymous_id:d2", reason="sold", until=START + 5 * DAY),
        NewRecord(TICK, "clock", "", START + 17 * DAY, b""),
        NewRecord(TICK, "clock", "", LAST_DAY, b""),
    ]
)


@st.composite
def stories(draw: st.DrawFn) -> list[NewRecord]:
    """Batches of events with commands and ticks between them."""
    sent = draw(calls())
    size = draw(st.integers(1, 5))
    found = [NewRecord(TICK, "clock", "", START + 15 * DAY, b"")]
    for at in range(0, len(sent), size):
        found.append(record(sent[at : at + size]))
        found += draw(st.lists(commands, max_size=1))
    return found


def filled(
    records: list[NewRecord], target: Definitions, begin: int, chance: Random, path: Path | str = ":memory:"
) -> SqliteState:
    """The state when definitions change once `begin` records are folded, and the rest come in during the back-fill."""
    log, state = MemoryLog(), Watched(path)
    log.append(records[:begin])
    updater = Updater(OLD, log, state, records=1)
    updater.run()
    updater = Updater(target, log, state, records=1)
    waiting = records[begin:]
    while waiting or updater.busy:
        if waiting and chance.random() < 0.4:
            log.append([waiting.pop(0)])
        updater.step(replay_seconds=0)
        if chance.random() < 0.1:
            updater = Updater(target, log, state, records=1)
    updater.run()
    return state


def from_the_beginning(records: list[NewRecord], definitions: Definitions) -> SqliteState:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append(records)
    Updater(definitions, log, state).run()
    return state


quick = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
small_pieces = patch.multiple(replay, FEWEST=1, MOST=2, LAST=0, KEEP_SECONDS=0.0)


@quick
@given(stories(), st.sampled_from([TRAITS, PURPOSES, ZONE]), st.integers(0, 999).map(Random))
def test_a_back_fill_gives_what_folding_from_the_beginning_gives(
    records: list[NewRecord], target: Definitions, chance: Random
) -> None:
    records = [*records, NewRecord(TICK, "clock", "", LAST_DAY, b"")]
    with small_pieces:
        state = filled(records, target, chance.randint(1, len(records)), chance)
    assert portrait(state) == portrait(from_the_beginning(records, target))
    assert generation.name_of(state) == "b"
    assert not state.select(tables.REBUILD)
    other = generation.A if generation.name_of(state) == "b" else generation.B
    assert (
        not state.select(other.part)
        + state.select(other.membership)
        + state.select(other.moved)
        + state.select(other.due)
    )


@quick
@given(stories(), st.sampled_from([TRAITS, ZONE]), st.integers(0, 999).map(Random))
def test_an_edit_that_is_taken_back_leaves_nothing(
    records: list[NewRecord], target: Definitions, chance: Random
) -> None:
    log, state = MemoryLog(), Watched(":memory:")
    log.append(records)
    with small_pieces:
        Updater(OLD, log, state).run()
        updater = Updater(target, log, state)
        for _ in range(chance.randint(0, 6)):
            updater.step(replay_seconds=0)
        switched = not updater.replaying
        Updater(OLD, log, state).run()
    assert portrait(state) == portrait(from_the_beginning(records, OLD))
    assert generation.name_of(state) == "a"
    assert switched or not state.select(tables.PART_B)


@quick
@given(stories(), st.integers(0, 999).map(Random))
def test_records_built_again_by_the_same_definitions_are_the_same(records: list[NewRecord], chance: Random) -> None:
    records = [*records, NewRecord(TICK, "clock", "", LAST_DAY, b"")]
    log, state = MemoryLog(), Watched(":memory:")
    begin = chance.randint(1, len(records))
    log.append([*records[:begin], command("replay", again=True), *records[begin:]])
    with small_pieces:
        updater = Updater(OLD, log, state, records=1)
        while updater.step(replay_seconds=0) or updater.busy:
            if chance.random() < 0.1:
                updater = Updater(OLD, log, state, records=1)
    offsets = [NewRecord(TICK, "clock", "", 0, b"")]  # in the place of the command, so that offsets are the same
    assert portrait(state) == portrait(from_the_beginning(records[:begin] + offsets + records[begin:], OLD))
    assert generation.name_of(state) == "b"
