"""The log in SQLite: beside other processes, on a full disk, under load that never pauses."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from regulars.adapters.log.sqlite import SqliteLog, SqliteLogReader
from regulars.core.errors import Rejected, Unavailable
from regulars.core.log import EVENTS, NewRecord


def event(body: bytes = b"{}") -> NewRecord:
    return NewRecord(EVENTS, "web", "track", 0, body)


def python(code: str, *arguments: object) -> str:
    """What a program in a process of its own prints."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_another_process_reads_what_is_appended(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    log.append([event(), event()])
    code = """
        import sys
        from regulars.adapters.log.sqlite import SqliteLogReader
        log = SqliteLogReader(sys.argv[1])
        print(log.head(), log.first(), len(log.read(0)), len(log.get([2, 3])), log.oldest_time())
        log.close()
    """
    assert python(code, tmp_path / "log.db") == "2 1 2 1 0"
    log.append([event()])
    assert python(code, tmp_path / "log.db") == "3 1 3 2 0"
    log.close()
    assert python(code, tmp_path / "log.db") == "3 1 3 2 0"


def test_a_reader_sees_whole_groups_while_the_writer_appends(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    reader = SqliteLogReader(tmp_path / "log.db")
    done = threading.Event()

    def write() -> None:
        for _ in range(300):
            log.append([event(bytes(2000))] * 10)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not done.is_set() or seen < 3000:
        records = reader.read(seen)
        assert [r.offset for r in records] == list(range(seen + 1, seen + len(records) + 1))
        assert (seen + len(records)) % 10 == 0
        seen += len(records)
    writer.join()
    reader.close()
    log.close()


def test_a_reader_without_a_log_is_told_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not exist yet; start `regulars serve`"):
        SqliteLogReader(tmp_path / "log.db")


def test_a_log_in_a_folder_that_is_missing_or_a_file_that_is_none_is_explained(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        SqliteLog(tmp_path / "nowhere" / "log.db")
    (tmp_path / "log.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(Unavailable, match="damaged or not a database"):
        SqliteLog(tmp_path / "log.db")


def test_a_disk_that_refuses_to_grow_loses_nothing_and_recovers(tmp_path: Path) -> None:
    code = """
        import resource, sys
        from regulars.adapters.log.sqlite import SqliteLog
        from regulars.core.errors import Unavailable
        from regulars.core.log import NewRecord
        log = SqliteLog(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
        acknowledged, reason = 0, ""
        try:
            while acknowledged < 10_000:
                acknowledged = log.append([NewRecord("events", "web", "batch", 0, bytes(12_000))] * 5)
        except Unavailable as error:
            reason = str(error)
        assert log.head() == acknowledged and acknowledged % 5 == 0, acknowledged
        assert [r.offset for r in log.read(0, size=10**9)] == list(range(1, acknowledged + 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert log.append([NewRecord("events", "web", "batch", 0, b"later")]) == acknowledged + 1
        log.close()
        print(acknowledged, reason)
    """
    acknowledged, reason = python(code, tmp_path / "log.db").split(" ", 1)
    assert 100 < int(acknowledged) < 1000
    assert "nothing of this" in reason
    log = SqliteLog(tmp_path / "log.db")
    assert log.head() == int(acknowledged) + 1
    log.close()


def test_the_file_is_bounded_when_old_records_go(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    sizes = []
    for _ in range(12):
        last = log.append([event(bytes(10_000))] * 400)
        log.trim(last - 400)
        log.checkpoint()
        sizes.append(log.size())
    assert max(sizes[6:]) <= max(sizes[:6]) * 1.1
    log.close()


def test_the_write_ahead_log_is_bounded_under_load(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    for _ in range(400):
        log.append([event(bytes(12_000))] * 50)
    assert (tmp_path / "log.db").stat().st_size > 100_000_000
    assert (tmp_path / "log.db-wal").stat().st_size < 150_000_000
    log.close()


def test_what_was_trimmed_or_rewritten_is_in_no_file(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    log.append([event(b"ana@example.org " * size) for size in (1, 100, 10_000, 5, 5000)] + [event(b"ben@example.org")])
    log.trim(4)
    log.rewrite({4: b"", 5: b"[]"})
    assert log.checkpoint()
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert b"ana@" not in content, file
    assert b"ben@" in (tmp_path / "log.db").read_bytes()
    log.close()


def test_a_second_appending_process_is_stopped_and_changes_nothing(tmp_path: Path) -> None:
    first, second = SqliteLog(tmp_path / "log.db"), SqliteLog(tmp_path / "log.db")
    first.append([event(b"first")] * 3)
    with pytest.raises(Unavailable, match="another process appended after offset 0"):
        second.append([event(b"second")] * 5)
    assert [r.body for r in first.read(0)] == [b"first"] * 3
    assert second.trim(10) == 3
    assert first.append([event()]) == 4
    second.close()
    first.close()


def test_a_backup_is_made_while_the_log_is_in_use(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    log.append([event(), event()])
    log.backup(tmp_path / "copy.db")
    log.append([event()])
    with pytest.raises(Rejected, match="exists already"):
        log.backup(tmp_path / "copy.db")
    log.close()
    copied = SqliteLog(tmp_path / "copy.db")
    assert copied.append([event()]) == 3
    copied.close()
