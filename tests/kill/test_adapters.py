"""SIGKILL at a random moment: everything acknowledged is there, without gaps, and every commit is whole."""

import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from regulars.adapters.log.appending import FileLog, replace_bodies
from regulars.adapters.log.sqlite import SqliteLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.log import NewRecord
from regulars.core.state import COUNTER, FOLDED

pytestmark = pytest.mark.kill
ROUNDS = 10

APPENDING = """
    import sys
    from pathlib import Path
    from regulars.adapters.log.appending import FileLog
    from regulars.adapters.log.sqlite import SqliteLog
    from regulars.core.log import NewRecord
    path = Path(sys.argv[1])
    log = SqliteLog(path) if path.suffix else FileLog(path, file_bytes=2_000_000)
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

REPLACING = """
    import sys
    from pathlib import Path
    from regulars.adapters.log.appending import replace_bodies
    from regulars.adapters.log.reading import FileLogReader
    log = FileLogReader(sys.argv[1])
    n = max(int(record.body) for record in log.get(range(20, 201, 20)).values())
    while True:
        n += 1
        bodies = {offset: str(n).encode().ljust(9000 + n) for offset in range(20, 201, 20)}
        assert replace_bodies(Path(sys.argv[1]), bodies) == 10
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


@pytest.mark.parametrize("name", ["log.db", "log"])
def test_an_acknowledged_record_survives(name: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    path = tmp_path / name
    for _ in range(ROUNDS):
        acknowledged = killed(APPENDING, path, chance.uniform(0.02, 0.3))
        log = SqliteLog(path) if path.suffix else FileLog(path)
        assert log.head() >= acknowledged
        records = log.read(0, records=10**6, size=10**9)
        assert [r.offset for r in records] == list(range(log.first(), log.head() + 1))
        assert all(int(r.body) == r.offset == r.time for r in records)
        log.close()


def test_bodies_are_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    chance = random.Random(9)
    log = FileLog(tmp_path / "log", file_bytes=200_000)
    log.append([NewRecord("events", "web", "track", n, b"0".ljust(9000)) for n in range(100)])
    for n in range(100):
        log.append([NewRecord("events", "web", "track", n, b"0".ljust(9000))])
    log.close()
    for _ in range(ROUNDS):
        acknowledged = killed(REPLACING, tmp_path / "log", chance.uniform(0.02, 0.3))
        assert replace_bodies(tmp_path / "log", {1: b"-"}) == 1  # whoever comes next finishes what was decided
        log = FileLog(tmp_path / "log")
        records = log.read(0, records=10**6, size=10**9)
        assert [r.offset for r in records] == list(range(1, 201))
        (rounds,) = {int(r.body) for r in records if r.offset % 20 == 0}
        assert rounds >= acknowledged
        assert {int(r.body) for r in records if r.offset % 20 and r.offset > 1} == {0}
        assert {path.suffix for path in (tmp_path / "log").iterdir()} <= {".log", ""}
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
