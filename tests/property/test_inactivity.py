"""Profiles of whom nothing was heard for long are erased by the clock: all of them, nobody else, after crashes too."""

import json
from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import patch

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.definitions import Retention
from regulars.core.erasure import Erasure
from regulars.core.log import COMMAND, NewRecord
from regulars.core.record import PERSON, Hot, Person, part_id
from regulars.core.state import CONSENT, DUE, ERASING, ERASURE, IDENTIFIER, ORDER, PART
from regulars.flow import inactivity
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from tests.property.test_consent_flow import record, tick
from tests.property.test_flow import DAY, DEFINITIONS, START, calls, picture

TERM = 4
ENGINE = Engine(msgspec.structs.replace(DEFINITIONS, retention=Retention(inactive_profile_days=TERM)))
FOREVER = Engine(DEFINITIONS)
LAX = settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


class Crash(Exception):
    """The power fails."""


class Frail(SqliteState):
    """A state that is cut off after so many commits."""

    left = 1 << 30

    def commit(self, *args: Any, **more: Any) -> None:
        if not self.left:
            raise Crash
        self.left -= 1
        super().commit(*args, **more)


def told(sent: list[dict[str, Any]], until: int) -> MemoryLog:
    """Days pass with the calls, as a log."""
    log = MemoryLog()
    for number in range(until):
        now = START + number * DAY
        log.append([tick(now)])
        for call in sent:
            if int(call["timestamp"][8:10]) - 14 == number:
                log.append([record(call, now + DAY - 1)])
    log.append([tick(START + until * DAY)])
    return log


def hots(state: SqliteState, engine: Engine = ENGINE) -> Iterator[tuple[int, Hot, Person]]:
    for key, data in state.select(PART):
        number = cast(int, key)
        if not number & 15:
            stored = state.parts([part_id(number >> 4, PERSON)], PART)
            person = msgspec.msgpack.decode(stored[part_id(number >> 4, PERSON)], type=Person) if stored else None
            yield number >> 4, engine.fold.decode_hot(cast(bytes, data)), person or Person([], {}, [])


def certificates(state: SqliteState) -> list[Erasure]:
    return [msgspec.msgpack.decode(cast(bytes, row[3]), type=Erasure) for row in state.select(ERASURE)]


def spoke(hot: Hot, person: Person) -> int:
    facts: list[int] = [one[0] for one in person.facts.values()]
    return max([hot.last_seen, *(one[2] for one in person.statements), *facts])


@LAX
@given(calls(), st.integers(1, 22), st.integers(1, 3))
def test_after_the_tick_nobody_is_left_who_was_silent_for_long(
    sent: list[dict[str, Any]], until: int, step: int
) -> None:
    state = SqliteState(":memory:")
    with patch("regulars.flow.updater.STEP", step):
        Updater(ENGINE, told(sent, until), state).run()
    today = ENGINE.calendar.day(START + until * DAY)
    before = ENGINE.calendar.start(today - TERM)
    left = list(hots(state))
    assert all(spoke(hot, person) >= before for _, hot, person in left)
    named = {cast(int, row[1]) for row in state.select(IDENTIFIER)}
    assert named <= {number for number, _, _ in left} | {0} or not left
    assert {row[0] for row in state.select(DUE) if cast(int, row[0]) <= today} == set()
    for one in certificates(state):
        assert (one.by, one.phase, one.known) == ("clock", "ledger", True)
        assert f"{TERM} days" in one.reason


@LAX
@given(calls(), st.integers(5, 22), st.integers(0, 60))
def test_a_crash_on_the_way_erases_the_same(sent: list[dict[str, Any]], until: int, commits: int) -> None:
    log, whole, frail = told(sent, until), SqliteState(":memory:"), Frail(":memory:")
    Updater(ENGINE, log, whole).run()
    frail.left = commits
    try:
        Updater(ENGINE, log, frail).run()
    except Crash:
        frail.left = 1 << 30
        Updater(ENGINE, log, frail).run()
    assert picture(frail) == picture(whole)
    assert frail.select(ERASING) == whole.select(ERASING)
    assert certificates(frail) == certificates(whole)


@LAX
@given(calls(), st.integers(1, TERM))
def test_who_was_heard_of_within_the_term_stays_as_without_it(sent: list[dict[str, Any]], until: int) -> None:
    kept, ruled = SqliteState(":memory:"), SqliteState(":memory:")
    sent = [call for call in sent if int(call["timestamp"][8:10]) - 14 < until]
    Updater(FOREVER, told(sent, until), kept).run()
    Updater(ENGINE, told(sent, until), ruled).run()
    assert {number: (hot.values, hot.segments) for number, hot, _ in hots(kept, FOREVER)} == {
        number: (hot.values, hot.segments) for number, hot, _ in hots(ruled)
    }
    assert certificates(ruled) == []


def _call(user: str, number: int, day: int, event: str = "Order Completed", **properties: Any) -> dict[str, Any]:
    at = f"2023-11-{14 + day:02}T23:00:00.000Z"
    return {"type": "track", "event": event, "messageId": f"x{user}{number}", "timestamp": at, "userId": user,
            "properties": properties}  # fmt: skip


def test_orders_that_the_law_keeps_stay_of_nobody_and_a_consent_is_a_sign_of_life() -> None:
    engine = Engine(
        msgspec.structs.replace(
            ENGINE.definitions, shop=msgspec.structs.replace(ENGINE.definitions.shop, keep_orders_years=10)
        )
    )
    log = told([_call("ana", 1, 0, order_id="A", total=3), _call("ben", 1, 0, order_id="B", total=4)], 3)
    said = {"identifier": "user_id:ben", "purpose": "analytics", "granted": True, "reason": "on the phone"}
    body = {"name": "set_consent", "args": said, "by": "carla"}
    log.append([NewRecord(COMMAND, "carla", "set_consent", START + 3 * DAY, json.dumps(body).encode())])
    for day in range(4, 8):
        log.append([tick(START + day * DAY)])
    state = SqliteState(":memory:")
    Updater(engine, log, state).run()
    left = {row[0] for row in state.select(IDENTIFIER)}
    assert len(state.select(CONSENT)) == 1
    assert left == {"user_id:ben"}
    assert sorted((row[0], bool(row[1])) for row in state.select(ORDER)) == [("A", False), ("B", True)]
    (only,) = certificates(state)
    assert only.orders_kept == 1


def test_a_tick_erases_so_many_and_the_next_day_the_others() -> None:
    log, state = told([_call(f"u{n}", n, 0, order_id=f"O{n}", total=1) for n in range(9)], 6), SqliteState(":memory:")
    log.append([tick(START + 7 * DAY)])
    left = []
    with patch("regulars.flow.updater.STEP", 2), patch.object(inactivity, "MOST", 2):
        updater = Updater(ENGINE, log, state)
        while updater.step():
            left.append(len(list(hots(state))))
    assert left[-3:] == [9, 5, 1]
    assert len({one.id for one in certificates(state)}) == 4
    assert {one.by for one in certificates(state)} == {inactivity.CLOCK}
