"""Work on a large lake is shared out to two processes: they do what one does, and neither outlives a failure."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from regulars.analyst import bookkeeping
from regulars.analyst.client import AnalystClient
from regulars.core.errors import Unavailable
from regulars.core.lake import Drop
from regulars.core.state import MANIFEST
from regulars.updater import sharing
from tests.unit.analyst.shops import DAY_MS, DECODER, DataFolder

DAYS, PEOPLE = 30, 4
SLEEP = "tests.unit.analyst.shops:sleep"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataFolder]:
    """A lake with a part for each of thirty days; work on it is shared out."""
    monkeypatch.setattr(sharing, "WORTH_ANOTHER", DAYS)
    monkeypatch.setattr(sharing, "PROCESSES", 2)
    folder = DataFolder(tmp_path / "data")
    yield folder
    folder.close()


@pytest.fixture
def analyst(folder: DataFolder) -> Iterator[AnalystClient]:
    client = AnalystClient(folder.root, folder.definitions, decoder=DECODER)
    for day in range(DAYS):
        rows = [(f"m{day}-{n}", "Page Viewed", day * DAY_MS + n, f"user_id:{n}") for n in range(PEOPLE)]
        folder.receive(rows)
        folder.folds_all()
        changes, meta = bookkeeping.sealed(client.seal(day, folder.log.head()))
        folder.state.commit(changes, meta=meta)
    yield client
    client.close()


def test_shares_together_take_out_what_one_process_does(folder: DataFolder, analyst: AnalystClient) -> None:
    drop = Drop(subjects=("user_id:1",))
    whole = analyst.drop([drop])
    analyst.sweep()
    with contextlib.closing(sharing.Pair(folder.state, analyst)) as pair:
        done = pair.drop([drop])
    assert len(whole.replaced) == len(folder.state.select(MANIFEST)) == DAYS
    assert sorted(done.replaced) == sorted(whole.replaced)
    assert (done.removed, done.changed) == (whole.removed, whole.changed) == (DAYS, 0)
    assert (done.searched, done.passed) == (whole.searched, whole.passed)
    assert done.written.keys() == {part.file for part in done.parts}
    folder.state.commit(bookkeeping.dropped(done))
    assert sorted(analyst.sweep()) == sorted(done.replaced)
    assert analyst.verify() == []
    assert analyst.history(["user_id:1"]) == []
    assert len(analyst.history(["user_id:0", "user_id:2"])) == 2 * DAYS


def test_two_processes_work_and_only_one_stays(folder: DataFolder, analyst: AnalystClient) -> None:
    seen: list[tuple[int, int]] = []  # which process had which share

    def asked(one: AnalystClient, share: tuple[int, int]) -> int:
        pid = int(one.train(SLEEP, {"seconds": 0.3}))
        seen.append((pid, share[0]))
        return pid

    with contextlib.closing(sharing.Pair(folder.state, analyst)) as pair:
        pids = pair.shared(asked) + pair.shared(asked)
    assert sorted(share for _, share in seen) == sorted([*range(sharing.SHARES)] * 2)
    assert len(set(pids)) == 2  # the second work found both processes there
    assert [psutil.pid_exists(pid) for pid in sorted(set(pids), key=lambda pid: pid == analyst.pid)] == [False, True]


def test_a_small_lake_is_not_worth_another_process(
    folder: DataFolder, analyst: AnalystClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "WORTH_ANOTHER", DAYS + 1)
    pair = sharing.Pair(folder.state, analyst)
    assert pair.shared(lambda one, share: (one is analyst, share)) == [(True, (0, 1))]


@pytest.mark.parametrize("whose", ["own", "twin"])
def test_a_process_that_dies_ends_the_work_and_leaves_none_behind(
    folder: DataFolder, analyst: AnalystClient, whose: str
) -> None:
    analyst.verify()  # so that the child runs
    pids: list[int] = []

    def asked(one: AnalystClient, share: tuple[int, int]) -> int:
        pids.append(int(one.train(SLEEP, {"seconds": 0.0})))
        if (one is analyst) == (whose == "own"):
            threading.Thread(target=kill_soon, args=(pids[-1],)).start()
            return int(one.train(SLEEP, {"seconds": 60.0}))
        time.sleep(0.1)
        return share[0]

    pair = sharing.Pair(folder.state, analyst)
    with contextlib.closing(pair), pytest.raises(Unavailable, match=r"ended during 'train' \(exit code -9\)"):
        pair.shared(asked)
    analyst.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with contextlib.closing(pair):
        assert pair.drop([Drop(subjects=("user_id:1",))]).removed == DAYS  # tried again


def kill_soon(pid: int) -> None:
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
