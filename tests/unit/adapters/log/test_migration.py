"""The log of an older data folder becomes files of its own, record by record under its own offset."""

from pathlib import Path

import pytest

from regulars.adapters.log import migration
from regulars.adapters.log.appending import FileLog
from regulars.adapters.log.migration import carry_over
from regulars.adapters.log.sqlite import SqliteLog
from regulars.core.log import EVENTS, NewRecord, Record
from regulars.runtime.build import open_log, prepare
from regulars.runtime.folder import DataFolder, open_folder
from regulars.runtime.settings import Settings


def old_log(path: Path, count: int, *, trimmed: int = 0) -> list[Record]:
    log = SqliteLog(path)
    for n in range(1, count + 1):
        log.append([NewRecord(EVENTS, "web", "track", n, str(n).encode().ljust(n * 7))])
    log.trim(trimmed + 1)
    kept = log.read(0, records=10**6, size=10**9)
    log.close()
    return kept


@pytest.mark.parametrize(("count", "trimmed"), [(0, 0), (50, 0), (50, 20), (50, 50)])
def test_every_record_keeps_its_offset(tmp_path: Path, count: int, trimmed: int) -> None:
    kept = old_log(tmp_path / "log.db", count, trimmed=trimmed)
    assert carry_over(tmp_path / "log.db", tmp_path / "log") == count - trimmed
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    log = FileLog(tmp_path / "log")
    assert log.read(0, records=10**6, size=10**9) == kept
    assert (log.first(), log.head()) == (trimmed + 1, count)
    assert log.append([NewRecord(EVENTS, "web", "track", 0, b"{}")]) == count + 1
    log.close()
    assert carry_over(tmp_path / "log.db", tmp_path / "log") is None


def test_an_interrupted_carrying_over_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = old_log(tmp_path / "log.db", 30)
    monkeypatch.setattr(migration, "_RECORDS", 10)
    append, calls = FileLog.append, [0]

    def fails(self: FileLog, records: list[NewRecord]) -> int:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return append(self, records)

    with monkeypatch.context() as patched:
        patched.setattr(FileLog, "append", fails)
        with pytest.raises(KeyboardInterrupt):
            carry_over(tmp_path / "log.db", tmp_path / "log")
    assert not (tmp_path / "log").exists()
    assert carry_over(tmp_path / "log.db", tmp_path / "log") == 30
    log = FileLog(tmp_path / "log")
    assert log.read(0) == kept
    log.close()


def test_a_folder_of_version_1_is_prepared(tmp_path: Path) -> None:
    settings = Settings(shop=tmp_path, data=tmp_path / "data")
    folder: DataFolder = open_folder(settings.data)
    folder.version.write_text("1\n")
    kept = old_log(folder.log_of_version_1, 12, trimmed=3)
    assert prepare(settings).version.read_text() == "2\n"
    assert not folder.log_of_version_1.exists()
    log = open_log(folder, settings)
    assert log.read(0) == kept
    log.close()
