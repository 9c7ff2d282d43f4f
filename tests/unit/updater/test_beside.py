"""The second process that folds: it is there when it is needed, and no part of what the state rests on."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.log import NewRecord
from regulars.flow import on_events, sharing
from regulars.flow.updater import Updater
from regulars.runtime.folder import DataFolder
from regulars.updater import beside as process
from regulars.updater.beside import Beside
from tests.property.test_replay import record
from tests.property.test_sharing import ENGINE, whole


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_events, "WORTH_SHARING", 1)
    monkeypatch.setattr(sharing, "SHARE_EVENTS", 4)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    state = SqliteState(DataFolder(tmp_path).state)
    yield state
    state.close()


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Beside]:
    beside = Beside(tmp_path)
    yield beside
    beside.close()


def sent(records: int) -> list[NewRecord]:
    return [
        record([
            {"type": "track", "event": "Consent Updated", "messageId": f"c{at}-{n}", "anonymousId": f"d{at * n % 50}",
             "timestamp": "2026-03-01T10:00:00Z", "properties": {"purposes": {"analytics": True}}}
            if at < 10 else
            {"type": "track", "event": "Product Viewed", "messageId": f"m{at}-{n}", "anonymousId": f"d{at * n % 50}",
             "timestamp": "2026-03-02T10:00:00Z", "properties": {"product_id": f"p{n % 7}", "category": "bikes"}}
            for n in range(10)
        ])
        for at in range(records)
    ]  # fmt: skip


def alone(records: list[NewRecord]) -> dict[str, object]:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append(records)
    Updater(ENGINE, log, state, records=8).run()
    return whole(state)


def started(beside: Beside) -> int:
    """The number of the process once it can be asked."""
    until = time.monotonic() + 60
    while not beside.ready():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert beside.pid is not None
    return beside.pid


def test_a_backlog_is_folded_by_two_as_by_one(
    state: SqliteState, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, records = MemoryLog(), sent(80)
    log.append(records)
    updater = Updater(ENGINE, log, state, records=8, beside=beside)
    started(beside)
    ask, asked = beside.ask, 0

    def counting(number: int, body: bytes) -> bool:
        nonlocal asked
        asked += 1
        return ask(number, body)

    monkeypatch.setattr(beside, "ask", counting)
    updater.run()
    assert asked > 20
    assert whole(state) == alone(records)


def test_killed_at_any_moment_it_is_missed_by_nobody(
    state: SqliteState, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "REST_SECONDS", 0.0)
    log, records = MemoryLog(), sent(80)
    log.append(records)
    updater = Updater(ENGINE, log, state, records=8, beside=beside)
    ask, asked, killed = beside.ask, 0, 0

    def killing(number: int, body: bytes) -> bool:
        nonlocal asked, killed
        asked += 1
        if asked % 9 == 0 and beside.pid is not None and killed < 3:
            os.kill(beside.pid, signal.SIGKILL)
            killed += 1
        return ask(number, body)

    monkeypatch.setattr(beside, "ask", killing)
    more = 1
    while more:
        started(beside)
        more = updater.step()
    assert killed == 3
    assert whole(state) == alone(records)


@pytest.mark.usefixtures("state")
def test_it_ends_when_there_was_no_backlog_for_a_while(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    beside.define(ENGINE)
    number = started(beside)
    beside.rest()
    assert beside.pid == number
    monkeypatch.setattr(process, "IDLE_SECONDS", 0.0)
    beside.rest()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_one_that_cannot_start_is_left_alone_for_a_while(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    beside.define(ENGINE)
    assert not beside.ready()
    monkeypatch.undo()
    assert not beside.ready()
    assert beside.pid is None
