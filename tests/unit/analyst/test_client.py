"""The child process: started by the first question, replaced when it dies, gone when nobody asks."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from regulars.analyst import bookkeeping
from regulars.analyst.client import AnalystClient
from regulars.core.errors import Misconfigured, Rejected, Unavailable
from regulars.core.lake import Drop
from regulars.core.record import Hot
from regulars.core.state import CHANGED, SEALED
from tests.unit.analyst.shops import DAY_MS, DECODER, DataFolder

SLEEP = "tests.unit.analyst.shops:sleep"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path / "data")
    yield folder
    folder.close()


@pytest.fixture
def analyst(folder: DataFolder) -> Iterator[AnalystClient]:
    client = AnalystClient(folder.root, folder.definitions, decoder=DECODER)
    yield client
    client.close()


def test_the_client_loads_nothing_that_only_analysis_needs() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, regulars.analyst.client, regulars.analyst.bookkeeping; print(*sys.modules, sep='\\n')",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "regulars.analyst.client" in loaded
    heavy = {"duckdb", "ibis", "pyarrow", "pandas", "numpy"}
    assert not heavy & {name.partition(".")[0] for name in loaded}


def test_a_seal_is_listed_by_the_updater_and_then_read(folder: DataFolder, analyst: AnalystClient) -> None:
    folder.receive([("a", "Page Viewed", 5, "user_id:ana"), ("b", "Page Viewed", 3, "user_id:ana")])
    folder.receive([("c", "Order Completed", DAY_MS, "user_id:bo")])
    head = folder.folds_all()
    done = analyst.seal(0, head)
    assert (done.offset, done.events) == (head, 3)
    assert analyst.history(["user_id:ana"]) == []  # nothing is listed yet
    changes, meta = bookkeeping.sealed(done)
    folder.state.commit(changes, meta=meta)
    assert folder.state.meta(SEALED) == head
    events = analyst.history(["user_id:ana"])
    assert [(event.message_id, event.identifiers, event.properties) for event in events] == [
        ("b", ("user_id:ana",), {"of": "b"}),
        ("a", ("user_id:ana",), {"of": "a"}),
    ]
    assert [event.message_id for event in analyst.timeline(["user_id:ana", "user_id:bo"], limit=2)] == ["c", "a"]
    assert analyst.query("events_per_day") == [[0, "Page Viewed", 2, 1], [1, "Order Completed", 1, 1]]
    assert analyst.verify() == []
    assert analyst.train("tests.unit.analyst.shops:count_lines", {"currency": "EUR"}) == {"lines": 0, "head": head}
    # An erasure: swapped through the manifest, then swept.
    swap = analyst.drop([Drop(subjects=("user_id:ana",))])
    folder.state.commit(bookkeeping.dropped(swap))
    assert analyst.sweep() == swap.replaced
    assert analyst.history(["user_id:ana"]) == []
    assert [event.message_id for event in analyst.history(["user_id:bo"])] == ["c"]


def hot(number: int, *, orders: int, segments: list[str], day: int = 10) -> Hot:
    values = [orders, 4, "Bern", {"Bikes": 0.75}]
    return Hot(f"user_id:{number}", 1, number, day, values, {"analytics": 1}, segments, {}, 0, "v")


def test_profiles_are_counted_as_they_were_at_the_last_update(folder: DataFolder, analyst: AnalystClient) -> None:
    folder.keep([(n, hot(n, orders=n, segments=["all", "few"][: 1 + n % 2])) for n in range(20)], offset=1)
    assert analyst.count(["TRUE"], as_of=10) == [0]
    done = analyst.update_profiles(as_of=10)
    folder.state.commit(bookkeeping.profiles(done, folder.state))
    assert folder.state.select(CHANGED) == []
    conditions = [
        "TRUE",
        '"orders" >= 5',
        '"days_since_order" = 4',
        "\"interests\"['Bikes'] > 0.5",
        "\"city\" = 'Bern'",
    ]
    assert analyst.count(conditions, as_of=10) == [20, 15, 20, 20, 20]
    assert analyst.count(conditions[2:3], as_of=12) == [0]
    assert analyst.overlap(["few", "all"]) == {("few", "few"): 10, ("few", "all"): 10, ("all", "all"): 20}
    # One profile changes, one goes: a delta hides what the base says of them.
    folder.keep([(3, hot(3, orders=100, segments=[], day=12)), (4, None)], offset=2)
    done = analyst.update_profiles(as_of=12)
    folder.state.commit(bookkeeping.profiles(done, folder.state))
    assert (done.offset, done.profiles) == (2, 2)
    assert analyst.count(["TRUE", '"orders" >= 5', '"days_since_order" = 4'], as_of=12) == [19, 16, 1]
    assert analyst.sample('"orders" >= 18', as_of=12) == [19, 18, 3]
    with pytest.raises(Rejected, match="does not understand the question"):
        analyst.count(['"ordres" > 1'], as_of=12)
    # Folded: nothing of the profile that went is left in a file.
    done = analyst.update_profiles(as_of=12, leave="nothing")
    folder.state.commit(bookkeeping.profiles(done, folder.state))
    analyst.sweep()
    assert analyst.count(["TRUE", '"orders" >= 5'], as_of=12) == [19, 16]
    assert len(list((folder.root / "lake" / "profile").iterdir())) == 1


def test_errors_come_back_as_what_they_are(analyst: AnalystClient) -> None:
    with pytest.raises(Rejected, match="no query 'revenue'") as rejected:
        analyst.query("revenue")
    assert rejected.value.field == "name"
    with pytest.raises(Misconfigured, match=r"'regulars\.nowhere:model' cannot be loaded"):
        analyst.train("regulars.nowhere:model", {})
    running = analyst.pid
    assert running is not None
    with pytest.raises(RuntimeError, match="a defect of ours: ValueError: too few rows in data"):
        analyst.train("tests.unit.analyst.shops:fail_training", {"reason": "too few rows"})
    assert analyst.query("events_per_day") == []
    assert analyst.pid not in (None, running)


def test_a_child_that_dies_amid_a_question_is_reported_and_replaced(analyst: AnalystClient) -> None:
    async def ask() -> None:
        pid = await analyst.later(analyst.train, SLEEP, {"seconds": 0.0})
        question = asyncio.create_task(analyst.later(analyst.train, SLEEP, {"seconds": 60.0}))
        await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match=r"ended during 'train' \(exit code -9\)"):
            await question
        assert await analyst.later(analyst.query, "events_per_day") == []

    asyncio.run(ask())


def test_a_question_that_takes_too_long_is_given_up(analyst: AnalystClient) -> None:
    pid = analyst.train(SLEEP, {"seconds": 0.0})
    with pytest.raises(Unavailable, match="'train' did not answer in time"):
        analyst.train(SLEEP, {"seconds": 60.0}, seconds=0.3)
    assert not psutil.pid_exists(pid)
    assert analyst.train(SLEEP, {"seconds": 0.0}) != pid


def test_a_child_that_nobody_asks_ends_and_the_next_question_starts_another(folder: DataFolder) -> None:
    analyst = AnalystClient(folder.root, folder.definitions, decoder=DECODER, idle_seconds=1)
    try:
        first = analyst.train(SLEEP, {"seconds": 0.0})
        assert os.getpriority(os.PRIO_PROCESS, first) >= 10
        deadline = time.monotonic() + 20
        while analyst.pid is not None:
            assert time.monotonic() < deadline, "the child still runs"
            time.sleep(0.02)
        assert analyst.train(SLEEP, {"seconds": 0.0}) != first
    finally:
        analyst.close()


def test_the_child_ends_at_once_with_its_parent(folder: DataFolder) -> None:
    script = (
        "import sys, threading, time; from pathlib import Path\n"
        "from regulars.analyst.client import AnalystClient\n"
        "from regulars.core.definitions import Definitions, Shop\n"
        f"c = AnalystClient(Path({str(folder.root)!r}), Definitions(shop=Shop(name='x')), decoder={DECODER!r})\n"
        f"print(c.train({SLEEP!r}, {{'seconds': 0.0}}), flush=True)\n"
        f"c.train({SLEEP!r}, {{'seconds': 60.0}})\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for_end(child)


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child still runs"
        time.sleep(0.02)
