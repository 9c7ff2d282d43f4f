"""The analysis process is killed while it seals: what is listed stays whole, what is not is swept away."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from regulars.analyst import bookkeeping
from regulars.analyst.client import AnalystClient
from regulars.core.errors import Unavailable
from tests.unit.analyst.shops import DAY_MS, DECODER, DataFolder

EVENTS = 6000
KILLS = 6


def receive_many(folder: DataFolder, begin: int) -> None:
    for start in range(begin, begin + EVENTS, 500):
        rows = [(f"m{n:06}", "Page Viewed", n % 300 * DAY_MS, f"user_id:{n % 40}") for n in range(start, start + 500)]
        folder.receive(rows)
    folder.folds_all()


@pytest.mark.kill
def test_a_kill_amid_a_seal_leaves_the_listed_lake_intact(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    analyst = AnalystClient(folder.root, folder.definitions, decoder=DECODER)
    lake = folder.root / "lake"
    chance = random.Random(7)
    subjects = [f"user_id:{n}" for n in range(40)]
    try:
        receive_many(folder, 0)
        changes, meta = bookkeeping.sealed(analyst.seal(0, folder.log.head()))
        folder.state.commit(changes, meta=meta)
        sealed = folder.log.head()
        listed = {path for path in lake.rglob("*") if path.is_file()}
        receive_many(folder, EVENTS)
        left_over = 0
        for _ in range(KILLS):
            analyst.verify()  # starts the child
            pid = analyst.pid
            assert pid is not None
            death = threading.Thread(target=kill_amid_writing, args=(pid, lake, len(listed), chance.randrange(1, 8)))
            death.start()
            with pytest.raises(Unavailable, match="exit code -9"):
                analyst.seal(sealed, folder.log.head())
            death.join()
            left_over += len({path for path in lake.rglob("*") if path.is_file()} - listed)
            assert analyst.verify() == []
            assert len(analyst.history(subjects)) == EVENTS
            analyst.sweep()
            assert {path for path in lake.rglob("*") if path.is_file()} == listed
        assert left_over > 0  # the kills did hit while files were written
        changes, meta = bookkeeping.sealed(analyst.seal(sealed, folder.log.head()))
        folder.state.commit(changes, meta=meta)
        events = analyst.history(subjects)
        assert sorted(event.message_id for event in events) == [f"m{n:06}" for n in range(2 * EVENTS)]
    finally:
        analyst.close()
        folder.close()


def kill_amid_writing(pid: int, lake: Path, files: int, more: int) -> None:
    """Kill once the seal has begun that many files."""
    deadline = time.monotonic() + 30
    while sum(path.is_file() for path in lake.rglob("*")) < files + more and time.monotonic() < deadline:
        time.sleep(0.0005)
    os.kill(pid, signal.SIGKILL)
