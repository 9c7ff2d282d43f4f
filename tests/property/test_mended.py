"""A mended event counts once: however often it is mended, whatever its sender sends again, wherever folding stops."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.collect.mended import encoded
from regulars.collect.suggesting import entry_of
from regulars.core import state as tables
from regulars.core.definitions import Definitions, EventType, Shop, Source, Trait
from regulars.core.event import FailedEvent
from regulars.core.log import EVENTS, NewRecord
from regulars.core.machine import verdict_of
from regulars.core.mend import MENDED, Mend
from regulars.core.state import ANSWER, FAILED
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from regulars.runtime.mending import failed_of

START = 1_700_000_000_000
SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "number"}}}
ENGINE = Engine(
    Definitions(
        shop=Shop(name="Corner"),
        sources=(Source(id="till", kind="server"),),
        events=(EventType(name="Counted", purpose="contract", schema=SCHEMA),),
        traits=(Trait(name="sum", kind="sum", events=("Counted",), of="n"),),
    )
)
BROWSER = Engine(msgspec.structs.replace(ENGINE.definitions, sources=(Source(id="web", kind="browser"),)))
CAST = Mend(source="till", event="Counted", action="cast", field="properties.n", to="number")


def call(number: int, value: Any, *, named: bool = True) -> dict[str, Any]:
    told = {"messageId": f"m{number}"} if named else {}
    return {"type": "track", "event": "Counted", "userId": "ana", "properties": {"n": value}, **told}


def sent(*calls: dict[str, Any], time: int = START) -> NewRecord:
    return NewRecord(EVENTS, "till", "batch", time, json.dumps({"batch": calls}).encode())


def mending(state: SqliteState, numbers: list[int], *, time: int) -> NewRecord:
    """A record that mends those of the failed events that are there."""
    failed = [failed_of(row) for row in state.select(FAILED)]
    entries = [entry_of(failed[n % len(failed)], CAST) for n in numbers] if failed else []
    return NewRecord(EVENTS, "till", MENDED, time, encoded([e for e in entries if e is not None], CAST, "ana"))


def total(state: SqliteState) -> float:
    """What was counted of Ana."""
    found = state.select(tables.PART, order=("id",))
    from regulars.profile.fold import Fold

    return next((Fold.decode_hot(data).values[0] or 0 for key, data in found if int(key or 0) & 15 == 0), 0)  # type: ignore[arg-type]


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), min_size=1, max_size=8),
    st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=6), min_size=1, max_size=4),
    st.lists(st.integers(0, 5), max_size=4),
    st.sampled_from([0, 1]),
)
def test_each_message_counts_once(
    first: list[tuple[int, bool, bool]], mends: list[list[int]], again: list[int], restarts: int
) -> None:
    log, state = MemoryLog(), SqliteState(":memory:")
    updater = Updater(ENGINE, log, state, records=3)
    log.append([sent(*(call(n, str(10**n) if broken else 10**n) for n, broken, _ in first))])
    updater.run()
    records = [mending(state, numbers, time=START + 60_000) for numbers in mends]  # written before any is folded
    for number, record in enumerate(records):
        late = [sent(call(n, 10**n), time=START + 90_000) for n in again[number : number + 1]]
        log.append([record, record, *late])
    while updater.step():
        if restarts:
            updater = Updater(ENGINE, log, state, records=2)
    whole = {n for n, broken, _ in first if not broken} | set(again[: len(records)])
    broken = [n for n, b, _ in first if b]
    named = {broken[i % len(broken)] for numbers in mends for i in numbers} if broken else set()
    assert total(state) == sum(10**n for n in whole | named)
    left = {failed_of(row).message_id for row in state.select(FAILED)}
    assert left <= {f"m{n}" for n in broken}
    assert len(state.select(FAILED)) == len(broken) - len(
        {i % len(broken) for ns in mends for i in ns} if broken else ()
    )


def test_an_event_without_a_message_id_is_mended_once_too() -> None:
    log, state = MemoryLog(), SqliteState(":memory:")
    updater = Updater(ENGINE, log, state)
    log.append([sent(call(1, "7", named=False), call(1, "7", named=False))])
    updater.run()
    record = mending(state, [0, 1], time=START + 60_000)
    log.append([record])
    updater.run()
    log.append([record, mending(state, [0, 1], time=START)])
    updater.run()
    assert total(state) == 14
    told = [json.loads(row[2]) for row in state.select(ANSWER, order=("offset",))]  # type: ignore[arg-type]  # a blob
    assert [(one["admitted"], one["already_counted"]) for one in told] == [(2, 0), (0, 2), (0, 0)]


def test_what_still_fails_stays_a_failed_event() -> None:
    log, state = MemoryLog(), SqliteState(":memory:")
    updater = Updater(ENGINE, log, state)
    log.append([sent(call(1, "many"))])
    updater.run()
    before = state.select(FAILED)
    log.append([mending(state, [0], time=START + 60_000)])
    updater.run()
    assert state.select(FAILED) == before
    assert json.loads(state.select(ANSWER)[0][2])["still_failing"] == 1  # type: ignore[arg-type]  # a blob


def test_a_mended_event_keeps_the_time_at_which_it_was_received() -> None:
    log, state = MemoryLog(), SqliteState(":memory:")
    updater = Updater(ENGINE, log, state)
    log.append([sent(call(1, "7"))])
    updater.run()
    log.append([mending(state, [0], time=START + 40 * 86_400_000)])
    updater.run()
    (event,) = updater.history.unsealed(["user_id:ana"])
    assert (event.time, event.received_at, event.message_id) == (START, START, "m1")


@given(
    st.lists(st.sampled_from(["", "data_centre", "data_centre,bare", "bare"]), min_size=1, max_size=5),
    st.integers(0, 1),
)
def test_a_mended_event_is_judged_by_the_door_that_it_came_through(doors: list[str], again: int) -> None:
    """The verdict is the one that it had got without its mistake; mending two calls in one record mixes no doors."""

    def whole(at: int, value: Any) -> dict[str, Any]:
        return {"type": "track", "event": "Counted", "anonymousId": f"d{at}", "messageId": f"m{at}",
                "properties": {"n": value}}  # fmt: skip

    def verdicts(values: Any) -> list[Any]:
        log, state = MemoryLog(), SqliteState(":memory:")
        updater = Updater(BROWSER, log, state)
        for at, signs in enumerate(doors):
            body = json.dumps({"batch": [whole(at, values)]}).encode()
            log.append([NewRecord(EVENTS, "web", "batch", START, body, signs)])
        updater.run()
        failed = [failed_of(row) for row in state.select(FAILED)]
        if again and failed:  # a mend that does not help leaves the event as it was, with its door
            useless = msgspec.structs.replace(CAST, source="web", to="boolean")
            log.append([_mended_by(useless, failed)])
            updater.run()
            failed = [failed_of(row) for row in state.select(FAILED)]
        if failed:
            log.append([_mended_by(msgspec.structs.replace(CAST, source="web"), failed)])
            updater.run()
        assert state.select(FAILED) == []
        return [verdict_of(e) for at in range(len(doors)) for e in updater.history.unsealed([f"anonymous_id:d{at}"])]

    assert verdicts("7") == verdicts(7)


def _mended_by(mend: Mend, failed: list[FailedEvent]) -> NewRecord:
    entries = [entry_of(one, mend) for one in failed]
    return NewRecord(EVENTS, "web", MENDED, START + 60_000, encoded([e for e in entries if e is not None], mend, "ana"))
