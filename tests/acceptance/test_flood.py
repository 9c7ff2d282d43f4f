"""A flood: the gateway's memory stays within a bound, what is refused is told so, and what was acknowledged is kept."""

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

#: What the gateway may grow by: bodies that arrive, bodies that wait for the disk (64 MB each), and what parsing takes.
MOST_BYTES = 300_000_000
IMPORT = 3_900_000


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data") as started:
        yield started


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: shop\r\nX-Write-Key: {SERVER_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def sent(product: Product, data: bytes, *, whole: bool) -> int:
    """Status of the answer to one connection's request; 0 when the connection ended without one, or none was due."""
    reader, writer = await asyncio.open_connection("127.0.0.1", product.port)
    try:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(data if whole else data[:-100])
            answering = asyncio.ensure_future(reader.readuntil(b"\r\n"))
            if not whole:
                await asyncio.wait([answering], timeout=8)
                if not answering.done():
                    answering.cancel()
                    return 0
            return int((await answering).split()[1])
        return 0
    finally:
        writer.close()


class Peak:
    """The gateway's largest resident size while it is looked at."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self.before = self.most = product.memory()["gateway"]

    async def watch(self) -> None:
        gateway = psutil.Process(self._product.pids()["gateway"])
        while True:
            self.most = max(self.most, gateway.memory_info().rss)
            await asyncio.sleep(0.05)


async def flooded(product: Product, data: list[bytes], *, whole: bool) -> tuple[list[int], int]:
    """The status of each answer, and by how much the gateway grew."""
    peak = Peak(product)
    watching = asyncio.create_task(peak.watch())
    statuses = await asyncio.gather(*(sent(product, one, whole=whole) for one in data))
    watching.cancel()
    return statuses, peak.most - peak.before


def test_bodies_that_never_end_take_a_bounded_part_of_memory(product: Product) -> None:
    """400 connections hold 3.9 MB each, 1.5 GB together."""
    endless = request("/v1/import", b'{"batch":[' + b" " * IMPORT + b"]}")
    statuses, grown = asyncio.run(flooded(product, [endless] * 400, whole=False))
    assert grown < MOST_BYTES, f"{grown / 1e6:.0f} MB, {Counter(statuses)}"
    assert set(statuses) <= {0, 503}
    assert statuses.count(503) >= 300
    assert product.http.post("/v1/track", json=viewed("after"), auth=(SERVER_KEY, "")).status_code == 200
    product.wait_folded()
    assert views(product.http) == 1


@pytest.mark.parametrize(
    ("path", "size", "kind"),
    [
        ("/login", 990_000, "application/x-www-form-urlencoded"),
        ("/v1/catalog/items", IMPORT, "application/json"),
    ],
)
def test_bodies_of_pages_and_of_the_api_are_bounded_with_them(
    product: Product, path: str, size: int, kind: str
) -> None:
    """What hundreds of connections hold of a form that anybody may send, and of products, is no more than of events."""
    endless = request(path, b"[" + b" " * size + b"]").replace(b"Host:", f"Content-Type: {kind}\r\nHost:".encode(), 1)
    statuses, grown = asyncio.run(flooded(product, [endless] * 800, whole=False))
    assert grown < MOST_BYTES, f"{grown / 1e6:.0f} MB, {Counter(statuses)}"
    assert set(statuses) <= {0, 503}
    assert statuses.count(503) >= 300
    assert product.http.get("/login").status_code == 200
    assert product.http.post("/v1/track", json=viewed("after"), auth=(SERVER_KEY, "")).status_code == 200
    assert "Traceback" not in product.printed()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_disk_that_hangs_is_answered_with_503_before_memory_grows(product: Product) -> None:
    """Each fsync of the log takes 1.5 s, while 400 batches of 480 kB come in at once, twice over."""
    batches = []
    for number in range(400):
        events = [
            {**viewed(f"{number}-{at}"), "properties": {"product_id": "p1", "note": "x" * 120_000}} for at in range(4)
        ]
        batches.append(request("/v1/batch", json.dumps({"batch": events}).encode()))
    with slow_disk(product):
        acknowledged: set[int] = set()
        for _ in range(2):
            statuses, grown = asyncio.run(flooded(product, batches, whole=True))
            assert set(statuses) == {200, 503}, Counter(statuses)
            assert grown < MOST_BYTES, f"{grown / 1e6:.0f} MB, {Counter(statuses)}"
            acknowledged |= {number for number, status in enumerate(statuses) if status == 200}
        assert product.http.get("/health").status_code == 200
    until = time.monotonic() + 20
    while (answer := product.http.post("/v1/track", json=viewed("after"), auth=(SERVER_KEY, ""))).status_code != 200:
        assert answer.status_code == 503
        assert time.monotonic() < until
    product.wait_folded(seconds=120)
    assert views(product.http) == 4 * len(acknowledged) + 1  # once, however often it was sent and acknowledged


@contextlib.contextmanager
def slow_disk(product: Product) -> Iterator[None]:
    """Every fsync of the gateway takes a second and a half."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "signal=none"]
    delay = ["-e", "inject=fdatasync:delay_enter=1500000"]
    tracer = subprocess.Popen([*command, *delay, "-p", str(product.pids()["gateway"])])
    time.sleep(1)
    assert tracer.poll() is None
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
