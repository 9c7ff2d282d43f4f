"""A shop whose clock follows its records, over HTTP."""

import os
import signal
from pathlib import Path

import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, make_shop, viewed, views

pytestmark = pytest.mark.acceptance

SERVER = (SERVER_KEY, "")
NOON = 1_483_272_000_000  # 2017-01-01T12:00Z, ms


def test_an_import_moves_the_clock_on_without_waiting_for_the_fold(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", shop=FILES["shop.toml"] + 'clock = "records"\n')
    with Product(shop, tmp_path / "data") as product:
        waited = product.http.post("/v1/clock", json={"time": NOON}, auth=SERVER)
        assert waited.json()["result"] == {"clock": NOON}
        assert product.ready()["lag"]["records"] == 0
        updater = product.pids()["updater"]
        os.kill(updater, signal.SIGSTOP)
        try:
            event = {**viewed("after-the-tick"), "timestamp": "2017-01-01T12:30:00Z"}
            moved = product.http.post("/v1/clock", json={"time": NOON + 3_600_000, "wait": False}, auth=SERVER)
            assert moved.status_code == 200, moved.text
            product.http.post("/v1/import", json={"batch": [event]}, auth=SERVER).raise_for_status()
            assert product.ready()["lag"]["records"] == 2
        finally:
            os.kill(updater, signal.SIGCONT)
        product.wait_folded(seconds=30)
        assert views(product.http) == 1
