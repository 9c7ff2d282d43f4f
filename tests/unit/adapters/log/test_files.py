"""The log in files of its own: beside other processes, on a full disk, torn, damaged, trimmed and rewritten."""

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.adapters.log import frames
from regulars.adapters.log.appending import FileLog, replace_bodies
from regulars.adapters.log.files import path_of
from regulars.adapters.log.reading import FileLogReader
from regulars.core.errors import Rejected, Unavailable
from regulars.core.log import EVENTS, NewRecord


def event(body: bytes = b"{}") -> NewRecord:
    return NewRecord(EVENTS, "web", "track", 0, body)


def python(code: str, *arguments: object) -> str:
    """What a program in a process of its own prints."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def offsets(log: FileLogReader) -> list[int]:
    return [record.offset for record in log.read(0, records=10**6, size=10**9)]


def newest(folder: Path) -> Path:
    return max(folder.glob(f"*{frames.SUFFIX}"))


READING = """
    import sys
    from regulars.adapters.log.reading import FileLogReader
    log = FileLogReader(sys.argv[1])
    print(log.head(), log.first(), len(log.read(0)), len(log.get([2, 3])), log.oldest_time())
    log.close()
"""


def test_another_process_reads_what_is_appended(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log")
    log.append([event(), event()])
    assert python(READING, tmp_path / "log") == "2 1 2 1 0"
    log.append([event()])
    assert python(READING, tmp_path / "log") == "3 1 3 2 0"
    log.close()
    assert python(READING, tmp_path / "log") == "3 1 3 2 0"


def test_a_reader_sees_whole_groups_while_the_writer_appends_and_somebody_trims_and_rewrites(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log", file_bytes=300_000)
    reader = FileLogReader(tmp_path / "log")
    done = threading.Event()

    def write() -> None:
        for n in range(300):
            log.append([event(str(n * 10 + i).encode().ljust(2000)) for i in range(1, 11)])
        done.set()

    def change() -> None:
        while not done.is_set():
            head = log.head()
            log.trim(head - 1500)
            replace_bodies(tmp_path / "log", {offset: str(offset).encode() for offset in range(head - 7, head, 2)})

    threads = [threading.Thread(target=write), threading.Thread(target=change)]
    for thread in threads:
        thread.start()
    seen = 0
    while not done.is_set() or seen < 3000:
        records = reader.read(seen, records=150)
        found = [r.offset for r in records]
        assert [int(r.body) for r in records] == found
        if found:
            assert found == list(range(found[0], found[0] + len(found)))
            assert found[0] == seen + 1 or found[0] <= reader.first()
            assert found[-1] % 10 == 0 or len(found) == 150
            seen = found[-1]
    for thread in threads:
        thread.join()
    reader.close()
    log.close()


def test_a_reader_without_a_log_is_told_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not exist yet; start `regulars serve`"):
        FileLogReader(tmp_path / "log")


def test_a_log_in_a_folder_that_is_missing_or_a_head_that_is_none_is_explained(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        FileLog(tmp_path / "nowhere" / "log")
    FileLog(tmp_path / "log").close()
    (tmp_path / "log" / "head").write_bytes(b"not a head" * 10)
    with pytest.raises(Unavailable, match="is damaged or of a newer program"):
        FileLog(tmp_path / "log")
    (tmp_path / "log" / "head").unlink()
    with pytest.raises(Unavailable, match="is missing beside the files"):  # never begun anew over files that are there
        FileLog(tmp_path / "log")


def test_a_disk_that_refuses_to_grow_loses_nothing_and_recovers(tmp_path: Path) -> None:
    code = """
        import resource, sys
        from regulars.adapters.log.appending import FileLog
        from regulars.core.errors import Unavailable
        from regulars.core.log import NewRecord
        log = FileLog(sys.argv[1])
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
    acknowledged, reason = python(code, tmp_path / "log").split(" ", 1)
    assert 100 < int(acknowledged) < 1000
    assert "nothing of this" in reason
    log = FileLog(tmp_path / "log")
    assert offsets(log) == list(range(1, int(acknowledged) + 2))
    log.close()


@given(data=st.data())
def test_a_torn_group_is_cut_and_what_was_acknowledged_stays(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("torn") / "log"
    log = FileLog(folder)
    for size in data.draw(st.lists(st.integers(0, 3000), max_size=4)):
        log.append([event(bytes(size)), event(b"kept")])
    head = log.head()
    log.close()
    with newest(folder).open("r+b") as file:
        mark, _ = frames.read_header(file.read(frames.HEADER.size)) or (b"", 0)
        whole = frames.encode(mark, head + 1, [event(bytes([7]) * 500), event(b"x" * 100)])
        keep = data.draw(st.integers(0, len(whole) - 1))
        # The end is missing, or the blocks of its end were never written.
        torn = whole[:keep] + bytes(data.draw(st.sampled_from([0, len(whole) - keep, 5000])))
        file.seek(0, os.SEEK_END)
        file.write(torn)
    log = FileLog(folder)
    assert offsets(log) == list(range(1, head + 1))
    assert log.append([event(b"next")]) == head + 1
    log.close()
    log = FileLog(folder)
    assert log.read(head)[0].body == b"next"
    log.close()


def test_a_whole_group_that_nobody_was_told_of_is_kept(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log")
    log.append([event()])
    log.close()
    path = newest(tmp_path / "log")
    mark, _ = frames.read_header(path.read_bytes()[: frames.HEADER.size]) or (b"", 0)
    with path.open("ab") as file:
        file.write(frames.encode(mark, 2, [event(b"whole")]))
    reader = FileLogReader(tmp_path / "log")
    assert offsets(reader) == [1]  # its fsync is not known of
    log = FileLog(tmp_path / "log")
    assert offsets(log) == offsets(reader) == [1, 2]
    reader.close()
    log.close()


@pytest.mark.parametrize("where", [60, 150, 900, -30])
def test_damage_among_acknowledged_records_is_told_and_nothing_is_cut(tmp_path: Path, where: int) -> None:
    log = FileLog(tmp_path / "log")
    for _ in range(5):
        log.append([event(b"a" * 200)])
    log.close()
    path = newest(tmp_path / "log")
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    with pytest.raises(Unavailable, match=r"is damaged at record \d.*regulars restore"):
        FileLog(tmp_path / "log")
    assert path.read_bytes() == data
    reader = FileLogReader(tmp_path / "log")
    with pytest.raises(Unavailable, match="is damaged"):
        reader.read(0)
    reader.close()


def test_a_body_that_looks_like_a_group_is_a_body(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log")
    log.append([event()])
    forged = newest(tmp_path / "log").read_bytes()[frames.HEADER.size :].replace(b"{}", b"[]")
    log.append([event(forged * 3)])
    log.close()
    path = newest(tmp_path / "log")
    os.truncate(path, path.stat().st_size - 10)  # torn, were it not acknowledged
    with pytest.raises(Unavailable, match="is damaged at record 2"):
        FileLog(tmp_path / "log")


def test_a_file_whose_making_was_interrupted_is_made_again(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log")
    log.append([event(), event()])
    log.close()
    path_of(tmp_path / "log", 3).write_bytes(b"RGL")
    log = FileLog(tmp_path / "log")
    assert (log.head(), log.append([event()])) == (2, 3)
    log.close()
    log = FileLog(tmp_path / "log")
    assert offsets(log) == [1, 2, 3]
    log.close()


def test_the_files_are_bounded_when_old_records_go(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log", file_bytes=1_000_000)
    sizes, last = [], 0
    for _ in range(12):
        for _ in range(40):
            last = log.append([event(bytes(10_000))] * 10)
        log.trim(last - 400)
        sizes.append(log.size())
    assert max(sizes) <= 6_000_000
    assert log.files() <= 6
    log.close()


@pytest.mark.parametrize("beside", [False, True])
def test_what_was_trimmed_or_rewritten_is_in_no_file(tmp_path: Path, *, beside: bool) -> None:
    log = FileLog(tmp_path / "log")
    log.append([event(b"ana@example.org " * size) for size in (1, 100, 10_000, 5, 5000)] + [event(b"ben@example.org")])
    log.trim(4)
    if beside:
        assert replace_bodies(tmp_path / "log", {3: b"trimmed", 4: b"", 5: b"[]", 7: b"never"}) == 2
    else:
        assert log.rewrite({3: b"trimmed", 4: b"", 5: b"[]", 7: b"never"}) == 2
    for file in (tmp_path / "log").iterdir():
        assert b"ana@" not in file.read_bytes(), file
    assert [(r.offset, r.body) for r in log.read(0)] == [(4, b""), (5, b"[]"), (6, b"ben@example.org")]
    assert log.append([event()]) == 7
    log.trim(7)
    assert all(b"ben@" not in file.read_bytes() for file in (tmp_path / "log").iterdir())
    log.close()
    log = FileLog(tmp_path / "log")
    assert offsets(log) == [7]
    log.close()


def test_trimming_that_was_interrupted_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = FileLog(tmp_path / "log", file_bytes=5_000)
    for _ in range(9):
        log.append([event(b"ana@example.org " * 50)] * 2)

    def killed(_: FileLog) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FileLog, "_wipe", killed)
        with pytest.raises(KeyboardInterrupt):
            log.trim(18)
    log.close()
    log = FileLog(tmp_path / "log")
    assert offsets(log) == [18]
    assert sum(file.read_bytes().count(b"ana@") for file in (tmp_path / "log").iterdir()) == 50
    log.close()


def test_bodies_are_replaced_when_nobody_appends(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log")
    log.append([event(b"ana@example.org"), event(b"ben@example.org")])
    log.close()
    assert replace_bodies(tmp_path / "log", {1: b"longer than it was before"}) == 1
    assert replace_bodies(tmp_path / "log", {}) == 0
    log = FileLog(tmp_path / "log")
    assert [r.body for r in log.read(0)] == [b"longer than it was before", b"ben@example.org"]
    assert log.append([event()]) == 3
    log.close()


def test_one_process_appends(tmp_path: Path) -> None:
    first = FileLog(tmp_path / "log")
    with pytest.raises(Unavailable, match="another process appends"):
        FileLog(tmp_path / "log")
    first.append([event()])
    first.close()
    second = FileLog(tmp_path / "log")
    assert second.append([event()]) == 2
    second.close()


def test_a_backup_is_made_while_the_log_is_in_use(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log", file_bytes=5_000)
    for n in range(20):
        log.append([event(str(n).encode().ljust(500)), event()])
    log.trim(12)
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            log.append([event(bytes(700))] * 3)

    writer = threading.Thread(target=write)
    writer.start()
    reader = FileLogReader(tmp_path / "log")
    reader.backup(tmp_path / "copy")
    done.set()
    writer.join()
    with pytest.raises(Rejected, match="exists already"):
        reader.backup(tmp_path / "copy")
    reader.close()
    copied = FileLog(tmp_path / "copy")
    head = copied.head()
    assert head >= 40
    assert (copied.read(11)[:29], offsets(copied)) == (log.read(11)[:29], list(range(12, head + 1)))
    assert copied.append([event()]) == head + 1
    copied.close()
    log.close()


def test_a_log_that_is_empty_is_copied_with_its_place(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log")
    log.append([event()])
    log.trim(2)
    log.backup(tmp_path / "copy")
    log.close()
    copied = FileLog(tmp_path / "copy")
    assert (copied.head(), copied.first(), copied.append([event()])) == (1, 2, 2)
    copied.close()
