"""A backup taken while the shop is open is whole, and comes back as it was."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from regulars.runtime.folder import DataFolder
from regulars.runtime.sealed import Sealed
from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SERVER = (SERVER_KEY, "")


def regulars(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "regulars", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_backup_taken_while_events_come_in_holds_what_was_acknowledged_before(tmp_path: Path) -> None:
    stopping = threading.Event()
    environment = {"REGULARS_SEAL_SECONDS": "1"}
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data", environment=environment) as product:
        for number in range(100):
            product.http.post("/v1/track", json=viewed(f"before-{number}"), auth=SERVER)

        def keep_posting() -> None:
            count = 0
            while not stopping.is_set():
                count += 1
                product.http.post("/v1/track", json=viewed(f"during-{count}", "bob"), auth=SERVER)

        traffic = threading.Thread(target=keep_posting)
        traffic.start()
        try:
            done = regulars("backup", tmp_path / "shop", tmp_path / "backup", "--data", tmp_path / "data")
        finally:
            stopping.set()
            traffic.join()
        assert done.returncode == 0, done.stderr
        assert product.http.post("/v1/track", json=viewed("after"), auth=SERVER).status_code == 200
        product.wait_folded()
        assert views(product.http) == 101

    done = regulars("restore", tmp_path / "backup", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    with Product(tmp_path / "again", tmp_path / "again" / "data") as product:
        product.wait_folded()
        assert views(product.http) == 100
        # What was in the backup is known: a client that sends it again changes nothing.
        product.http.post("/v1/track", json=viewed("before-0"), auth=SERVER)
        product.wait_folded()
        assert views(product.http) == 100


def test_a_damaged_or_incomplete_backup_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data") as product:
        product.http.post("/v1/track", json=viewed("m1"), auth=SERVER)
    assert regulars("backup", tmp_path / "shop", tmp_path / "backup", "--data", tmp_path / "data").returncode == 0
    again = regulars("backup", tmp_path / "shop", tmp_path / "backup", "--data", tmp_path / "data")
    assert (again.returncode, "not an empty folder" in again.stderr) == (2, True)

    state = tmp_path / "backup" / "data" / "state.db"
    content = bytearray(state.read_bytes())
    content[5000] ^= 1
    state.write_bytes(content)
    done = regulars("restore", tmp_path / "backup", tmp_path / "again")
    assert (done.returncode, "state.db is not as it was written" in done.stderr) == (2, True)
    state.unlink()
    done = regulars("restore", tmp_path / "backup", tmp_path / "again")
    assert (done.returncode, "state.db is missing" in done.stderr) == (2, True)
    (tmp_path / "backup" / "BACKUP.json").unlink()
    done = regulars("restore", tmp_path / "backup", tmp_path / "again")
    assert (done.returncode, "no whole backup" in done.stderr) == (2, True)
    assert not (tmp_path / "again").exists()


def test_a_backup_amid_an_erasure_knows_whom_it_still_has_to_search_for(tmp_path: Path) -> None:
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data"):
        pass
    Sealed(DataFolder(tmp_path / "data")).keep("e1", ["user_id:ana"])  # as between the phases clear and verify
    done = regulars("backup", tmp_path / "shop", tmp_path / "backup", "--data", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    done = regulars("restore", tmp_path / "backup", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert Sealed(DataFolder(tmp_path / "again" / "data")).keys("e1") == ["user_id:ana"]
