"""A second process changes nothing but the time it takes, whatever it answers, when, and whether it does."""

import gc
from random import Random
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.log import NewRecord
from regulars.core.state import TABLES, VISITED, StateReader
from regulars.flow import on_events, sharing
from regulars.flow.engine import Engine
from regulars.flow.shares import Sharer
from regulars.flow.updater import Updater
from tests.property.test_flow import DEFINITIONS, calls
from tests.property.test_replay import record, stories

ENGINE = Engine(DEFINITIONS)


class Beside:
    """`sharing.Beside` without a process: it may be slow, refuse, answer nothing, or end and begin anew."""

    def __init__(self, state: StateReader, chance: Random, *, frail: bool) -> None:
        self._state, self._chance, self._frail = state, chance, frail
        self._sharer: Sharer | None = None
        self._engine = ENGINE
        self._answers: list[tuple[int, bytes]] = []
        self.life = 0
        self.answered = 0

    def define(self, engine: Engine) -> None:
        self._engine = engine
        self._end()

    def ready(self) -> bool:
        if self._sharer is None:
            self._sharer = Sharer(self._engine, self._state)
        return not self._fails()

    def ask(self, number: int, body: bytes) -> bool:
        if self._fails():
            self._end()
        if self._sharer is None or self._fails():
            return False
        self._answers.append((number, b"" if self._fails() else self._sharer.answer(body)))
        return True

    def answer(self, *, wait: bool) -> tuple[int, bytes] | None:
        if self._fails():
            self._end()
        if not self._answers or (not wait and self._chance.random() < 0.3):
            return None
        self.answered += 1
        return self._answers.pop(0)

    def forget(self) -> None:
        self._end()

    def _fails(self) -> bool:
        return self._frail and self._chance.random() < 0.1

    def _end(self) -> None:
        self._sharer = None
        self._answers.clear()
        self.life += 1


def folded(records: list[NewRecord], *, at_once: int, beside: Beside | None, state: SqliteState) -> dict[str, Any]:
    """Every row of the state once all is folded."""
    log = MemoryLog()
    log.append(records)
    Updater(ENGINE, log, state, records=at_once, beside=beside).run()
    return whole(state)


def whole(state: SqliteState) -> dict[str, Any]:
    found: dict[str, Any] = {table.name: sorted(state.select(table), key=repr) for table in TABLES}
    # What several visitors did stands side by side, in no order.
    steps = (sorted(msgspec.msgpack.decode(bytes(row[2]))) for row in state.select(VISITED))  # type: ignore[arg-type]  # a blob
    found[VISITED.name] = list(steps)
    return {name: rows for name, rows in found.items() if rows}


quick = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
small = patch.multiple(sharing, WORTH_SHARING=1, SHARE_EVENTS=2, PIECES=3, LAST_PIECES=1)
small_batches = patch.object(on_events, "WORTH_SHARING", 1)


@quick
@given(
    st.one_of(stories(), calls().map(lambda sent: [record([one]) for one in sent])),
    st.integers(1, 6),
    st.booleans(),
    st.integers(0, 999),
)
def test_the_state_is_the_same_whoever_folds(story: list[NewRecord], at_once: int, frail: bool, seed: int) -> None:  # noqa: FBT001
    alone = folded(story, at_once=at_once, beside=None, state=SqliteState(":memory:"))
    state = SqliteState(":memory:")
    beside = Beside(state, Random(seed), frail=frail)
    with small, small_batches:
        assert folded(story, at_once=at_once, beside=beside, state=state) == alone


def test_most_of_a_backlog_is_shared() -> None:
    sent = [
        {"type": "track", "event": "Product Viewed", "messageId": f"m{n}", "anonymousId": f"d{n % 40}",
         "timestamp": "2026-03-02T10:00:00Z", "properties": {"product_id": f"p{n % 7}", "category": "bikes"}}
        for n in range(400)
    ]  # fmt: skip
    records = [record(sent[at : at + 10]) for at in range(0, 400, 10)]
    state = SqliteState(":memory:")
    beside = Beside(state, Random(1), frail=False)
    with small, small_batches:
        shared = folded(records, at_once=8, beside=beside, state=state)
    assert beside.answered > 40
    assert shared == folded(records, at_once=8, beside=None, state=SqliteState(":memory:"))


@pytest.mark.parametrize("shares", [True, False])
def test_a_batch_leaves_no_cycles_of_objects(shares: bool) -> None:  # noqa: FBT001
    """The updater searches them only now and then: what a batch held must go with it."""
    records = [
        record([
            {"type": "track", "event": "Order Completed" if n == 3 else "Product Viewed", "messageId": f"m{at}-{n}",
             "userId": f"u{n}", "anonymousId": f"d{n}-{at % 9}", "timestamp": "2026-03-02T10:00:00Z",
             "properties": {"product_id": "p", "category": "bikes", "order_id": f"o{at}", "total": 3}}
            for n in range(5)
        ])
        for at in range(200)
    ]  # fmt: skip
    state, log = SqliteState(":memory:"), MemoryLog()
    updater = Updater(ENGINE, log, state, records=10, beside=Beside(state, Random(1), frail=False) if shares else None)
    with small, small_batches:
        log.append(records[:20])
        updater.run()
        gc.collect()
        gc.disable()
        try:
            log.append(records[20:])
            updater.run()
            assert gc.collect() < 50
        finally:
            gc.enable()
