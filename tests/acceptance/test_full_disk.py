"""A disk that is really full, under everything that the server writes: nothing else than 503, and nothing is lost."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SERVER = (SERVER_KEY, "")
DISK_BYTES = 64_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here: this needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Take everything that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1_000_000, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


def large(name: str, user: str = "large") -> dict[str, Any]:
    return {**viewed(name, user), "properties": {"product_id": "p1", "note": "x" * 30_000}}


async def asked(product: Product) -> list[tuple[str, httpx.Response]]:
    """What anybody may ask for, all at once."""
    async with httpx.AsyncClient(base_url=product.address, auth=SERVER, timeout=60) as http:
        wishes: list[tuple[str, Any]] = []
        for at in range(20):
            wishes += [
                (f"e{at}", http.post("/v1/track", json=large(f"e{at}"))),
                ("", http.post("/v1/batch", json={"batch": [large(f"b{at}-{n}", "batch") for n in range(8)]})),
                ("", http.post("/v1/decide", json={"placements": ["nowhere"], "userId": "ana"})),
                ("", http.post("/v1/catalog/items", json=[{"id": "p1", "title": "x" * 20_000}])),
                ("", http.get("/v1/profiles/user_id:ana")),
                ("", http.get("/ready")),
                ("", http.get("/metrics")),
                ("", http.get("/login")),
            ]
        return list(zip([name for name, _ in wishes], await asyncio.gather(*(w for _, w in wishes)), strict=True))


def test_a_full_disk_is_503_for_everything_that_is_written_and_nothing_is_lost(tmp_path: Path, disk: Path) -> None:
    often = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_PROFILE_TABLE_SECONDS": "1", "REGULARS_TICK_SECONDS": "1"}
    with Product(make_shop(tmp_path / "shop"), disk / "data", environment=often) as product:
        kept = {f"k{at}" for at in range(50)}
        for name in kept:
            assert product.http.post("/v1/track", json=viewed(name), auth=SERVER).status_code == 200
        pids = product.pids()
        filler = fill(disk)
        answers = asyncio.run(asked(product))
        acknowledged = {name for name, answer in answers if name and answer.status_code == 200}
        for _, answer in answers:
            assert answer.status_code < 500 or answer.status_code == 503, answer.text
            if answer.status_code == 503 and answer.request.url.path != "/ready":
                assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
                assert int(answer.headers["retry-after"]) >= 1
                assert "defect" not in answer.text, answer.text
        assert any(answer.status_code == 503 for name, answer in answers if name)
        until = time.monotonic() + 30
        while not (reasons := product.ready()["reasons"]):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert "disk" in " ".join(reasons) or "space" in " ".join(reasons), reasons
        time.sleep(3)  # sealing and counting are tried meanwhile
        assert product.pids() == pids, product.printed()  # nobody died of it
        filler.unlink()
        until = time.monotonic() + 60
        while (answer := product.http.post("/v1/track", json=viewed("after"), auth=SERVER)).status_code != 200:
            assert answer.status_code == 503, answer.text
            assert time.monotonic() < until
            time.sleep(0.2)
        product.wait_folded()
        assert views(product.http) == len(kept) + 1
        assert views(product.http, "large") == len(acknowledged)
        while product.ready()["reasons"] or sealing(product):
            assert time.monotonic() < until, product.ready()
            time.sleep(0.2)
        assert "Traceback" not in product.printed()
        assert os.statvfs(disk).f_bavail > 0


def sealing(product: Product) -> bool:
    """Whether folded events wait to be sealed."""
    figures = product.http.get("/metrics").text
    return "regulars_seal_lag_records 0.0" not in figures
