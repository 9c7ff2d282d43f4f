"""SIGKILL at a random moment: everything acknowledged is there, without gaps, and every commit is whole."""

import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from regulars.adapters.log.sqlite import SqliteLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.state import COUNTER, FOLDED

pytestmark = pytest.mark.kill
ROUNDS = 10

APPENDING = """
    import sys
    from regulars.adapters.log.sqlite import SqliteLog
    from regulars.core.log import NewRecord
    log = SqliteLog(sys.argv[1])
    n = log.head()
    while True:
        numbers = range(n + 1, n + n % 5 + 2)
        group = [NewRecord("events", "web", "track", i, str(i).encode().ljust(9000)) for i in numbers]
        n += len(group)
        assert log.append(group) == n
        if n % 7 == 0:
            log.trim(n - 3000)
        print(n, flush=True)
"""

COMMITTING = """
    import sys
    from regulars.adapters.state.sqlite import SqliteState
    from regulars.core.state import FOLDED, PART, Changes
    state = SqliteState(sys.argv[1])
    n = state.meta(FOLDED) or 0
    while True:
        n += 1
        changes = Changes()
        for part in range(50):
            changes.put(PART, (part * 1000, str(n).encode().ljust(3000)))
        changes.add("commits", 0, "", 1)
        state.commit(changes, meta={FOLDED: n})
        print(n, flush=True)
"""


def killed(code: str, path: Path, seconds: float) -> int:
    """The last number that the program printed before it was killed; it had printed one at least."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.send_signal(signal.SIGKILL)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL, errors
    # The last line may be cut; a cut number is not larger than the acknowledged one before it was printed whole.
    lines = (first + output).splitlines(keepends=True)
    return max(int(line) for line in lines if line.endswith("\n"))


def test_an_acknowledged_record_survives(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(ROUNDS):
        acknowledged = killed(APPENDING, tmp_path / "log.db", chance.uniform(0.02, 0.3))
        log = SqliteLog(tmp_path / "log.db")
        assert log.head() >= acknowledged
        records = log.read(0, records=10**6, size=10**9)
        assert [r.offset for r in records] == list(range(log.first(), log.head() + 1))
        assert all(int(r.body) == r.offset == r.time for r in records)
        log.close()


def test_a_commit_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    chance = random.Random(8)
    for _ in range(ROUNDS):
        acknowledged = killed(COMMITTING, tmp_path / "state.db", chance.uniform(0.02, 0.3))
        state = SqliteState(tmp_path / "state.db")
        folded = state.meta(FOLDED)
        assert isinstance(folded, int)
        assert folded >= acknowledged
        assert {int(data) for data in state.parts([n * 1000 for n in range(50)]).values()} == {folded}
        assert state.select(COUNTER) == [("commits", 0, "", folded)]
        state.close()
