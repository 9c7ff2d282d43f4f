"""A data folder belongs to one server, and to a version."""

import os
from pathlib import Path

import pytest

from regulars.core.errors import Rejected
from regulars.runtime.folder import VERSION, DataFolder, holder, lock, open_folder


def test_a_new_folder_gets_its_own_secret_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    assert folder.version.read_text() == f"{VERSION}\n"
    assert len(folder.secret()) == 32
    assert folder.secret_key.stat().st_mode & 0o777 == 0o600
    assert open_folder(tmp_path / "data").secret() == folder.secret()
    assert open_folder(tmp_path / "other").secret() != folder.secret()


def test_a_folder_whose_making_was_interrupted_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "something.txt").write_text("mine")
    with pytest.raises(Rejected, match="holds other files"):
        open_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["something.txt"]


@pytest.mark.parametrize(("version", "said"), [("3", "newer Regulars"), ("99\n", "newer Regulars"), ("x", "a number")])
def test_another_version_is_refused(tmp_path: Path, version: str, said: str) -> None:
    open_folder(tmp_path / "data").version.write_text(version)
    with pytest.raises(Rejected, match=said):
        open_folder(tmp_path / "data")


def test_the_second_who_wants_the_folder_learns_who_holds_it(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    assert holder(folder) is None
    held = lock(folder, "the server at http://127.0.0.1:8765 (process 7)")
    assert holder(folder) == "the server at http://127.0.0.1:8765 (process 7)"
    with pytest.raises(Rejected, match=r"in use by the server at http://127\.0\.0\.1:8765"):
        lock(folder, "another")
    os.close(held)
    assert holder(folder) is None
    os.close(lock(folder, "another"))


def test_nobody_holds_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert holder(DataFolder(tmp_path / "nowhere")) is None
