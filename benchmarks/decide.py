"""How long a whole decision takes at 1,000 a second: alone, and while 10,000 events a second come in.

The real product with 1,000,000 profiles (benchmarks/fixture.py). Each call asks for 3 placements with 300 conditioned
offers and a row of 10 recommended items, for a customer drawn at random; each decision is recorded. The load is open:
calls begin at their intended times whether or not earlier ones were answered, and latency counts from the intended
time, so that a server that stops for a moment cannot hide it. The load generator runs on the same two cores.
"""

import argparse
import asyncio
import base64
import gc
import random
import shutil
import sys
import time
from collections import deque
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import psutil
import uvloop

from regulars.adapters.log.reading import FileLogReader
from regulars.core.log import DECISION
from regulars.flow.models import point, recommend_folder
from regulars.recommend.interactions import Catalogue, Interactions
from regulars.recommend.store import save
from regulars.recommend.training import Settings, train
from regulars.testing import Product

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.fixture import NOW, PROFILES, VISITORS, device, fixture, product, user
from benchmarks.fixture_shop import CATEGORIES, KEY, PRODUCTS
from benchmarks.report import emit
from benchmarks.serving import figures_of

BUDGETS = {
    "alone_p99_ms": "<= 5",
    "with_events_p99_ms": "<= 10",
    "alone_per_second": ">= 990",
    "with_events_per_second": ">= 990",
    "with_events_events_per_second": ">= 9900",
    "record_bytes_max": "<= 2048",
    "errors": "== 0",
}
PER_SECOND = 1000
EVENTS_PER_SECOND, BATCH = 10_000, 20
CONNECTIONS = 64
MODELS = 1  # grows when the models of the benchmark change


class Pacer:
    """Sends requests at their intended times over kept-alive connections; a request waits when none is idle."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._count = connections
        self.latencies: list[float] = []
        self.errors = 0
        self._idle: list[_Connection] = []
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._all: list[_Connection] = []

    async def connect(self) -> None:
        """Open the connections."""
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
            self._all.append(connection)
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._all:
            connection.close()

    def send(self, intended: float, request: bytes) -> None:
        """Send now, or as soon as a connection is idle."""
        if self._idle:
            self._idle.pop().ask(intended, request)
        else:
            self._waiting.append((intended, request))

    def answered(self, connection: "_Connection", intended: float, *, good: bool) -> None:
        """Note an answer and use its connection again."""
        self.latencies.append(time.perf_counter() - intended)
        self.errors += not good
        if self._waiting:
            connection.ask(*self._waiting.popleft())
        else:
            self._idle.append(connection)

    def unanswered(self) -> int:
        """Requests without an answer yet."""
        return len(self._waiting) + self._count - len(self._idle)


class _Connection(asyncio.Protocol):
    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._transport: asyncio.Transport | None = None
        self._intended = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, of the same methods

    def ask(self, intended: float, request: bytes) -> None:
        self._intended = intended
        self._answer = b""
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer = self._answer + data if self._answer else data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.index(b"content-length:") + 15
        length = int(lower[at:].split(b"\r\n", 1)[0])
        if len(body) >= length:
            self._pacer.answered(self, self._intended, good=head.startswith(b"HTTP/1.1 200"))

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self._pacer.errors += 1

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter loads, under 50 s once the fixture is built")
    quick = bool(parser.parse_args().quick)
    seconds = 8.0 if quick else 30.0
    made = fixture()
    models = made.root / f"models-{MODELS}"
    if not models.exists():
        make_models(models)
    with made.copied() as data:
        shutil.rmtree(data / "models", ignore_errors=True)
        (data / "models").symlink_to(models)
        with Product(made.shop, data, key=KEY) as served:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figures = runner.run(measure(served, seconds))
            figures |= record_sizes(data / "log")
            memory = served.memory()
            figures["gateway_memory_mb"] = memory["gateway"] / 1e6
            figures["updater_memory_mb"] = memory["updater"] / 1e6
    return 0 if emit("decide", figures, BUDGETS) or quick else 1


async def measure(served: Product, seconds: float) -> dict[str, float]:
    """Both loads in turn, after a warm-up."""
    await paced(served, 3.0, 0)
    figures: dict[str, float] = {}
    errors = 0.0
    for name, events in (("alone", 0), ("with_events", EVENTS_PER_SECOND)):
        gateway = psutil.Process(served.pids()["gateway"])
        before = sum(gateway.cpu_times()[:2])
        found = await paced(served, seconds, events)
        errors += found.pop("errors")
        figures |= {f"{name}_{key}": value for key, value in found.items()}
        figures[f"{name}_gateway_cpu_share"] = (sum(gateway.cpu_times()[:2]) - before) / seconds
        figures[f"{name}_updater_lag_records"] = figures_of(served)["regulars_updater_lag_records"]
    figures["errors"] = errors
    return figures


async def paced(served: Product, seconds: float, events_per_second: int) -> dict[str, float]:
    """Decisions (and batches of events) at their intended times, evenly spaced; latency percentiles in ms."""
    # The generator's own search for cycles stopped it for up to 70 ms; calls that were due then were late by its fault.
    gc.collect()
    gc.disable()
    try:
        return await _paced(served, seconds, events_per_second)
    finally:
        gc.enable()


async def _paced(served: Product, seconds: float, events_per_second: int) -> dict[str, float]:
    chance = random.Random(time.monotonic_ns())
    decisions, batches = Pacer(served.port, CONNECTIONS), Pacer(served.port, 32)
    await decisions.connect()
    await batches.connect()
    count = int(PER_SECOND * seconds)
    calls = [_decide(chance.randrange(PROFILES)) for _ in range(count)]
    batch_every = BATCH / events_per_second if events_per_second else 0.0
    start = time.perf_counter() + 0.05
    sent = batches_sent = 0
    while sent < count:
        now = time.perf_counter()
        while sent < count and start + sent / PER_SECOND <= now:
            decisions.send(start + sent / PER_SECOND, calls[sent])
            sent += 1
        if batch_every and start + batches_sent * batch_every <= now:
            batches.send(start + batches_sent * batch_every, _batch(chance, batches_sent))
            batches_sent += 1
        following = start + sent / PER_SECOND
        if batch_every:
            following = min(following, start + batches_sent * batch_every)
        await asyncio.sleep(max(following - time.perf_counter(), 0))
    end = time.perf_counter() + 20
    while (decisions.unanswered() or batches.unanswered()) and time.perf_counter() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    took = time.perf_counter() - start
    latencies = np.asarray(decisions.latencies) * 1000
    figures = {
        "per_second": len(latencies) / max(seconds, took),
        "p50_ms": float(np.quantile(latencies, 0.5)),
        "p95_ms": float(np.quantile(latencies, 0.95)),
        "p99_ms": float(np.quantile(latencies, 0.99)),
        "max_ms": float(latencies.max()),
        "errors": float(decisions.errors + batches.errors + decisions.unanswered()),
    }
    if events_per_second:
        figures["events_per_second"] = len(batches.latencies) * BATCH / max(seconds, took)
    decisions.close()
    batches.close()
    return figures


_HEAD = (
    "POST {path} HTTP/1.1\r\nhost: benchmark\r\ncontent-type: application/json\r\nauthorization: Basic {token}\r\n"
    "content-length: {length}\r\n\r\n"
)
_TOKEN = base64.b64encode(f"{KEY}:".encode()).decode()
_PLACEMENTS = ["home.hero", "basket.top", "email.weekly", "home.recommended"]


def _request(path: str, body: bytes) -> bytes:
    return _HEAD.format(path=path, token=_TOKEN, length=len(body)).encode() + body


def _decide(number: int) -> bytes:
    who = {"userId": user(number)} if number >= VISITORS else {"anonymousId": device(number)}
    return _request("/v1/decide", msgspec.json.encode({"placements": _PLACEMENTS, **who}))


def _batch(chance: random.Random, serial: int) -> bytes:
    """Four sessions: 20 product views of about 600 bytes."""
    run = time.monotonic_ns()
    events = []
    visitor = ""
    for at in range(BATCH):
        if at % 5 == 0:
            visitor = device(chance.randrange(PROFILES))
        events.append(
            {
                "type": "track",
                "event": "Product Viewed",
                "messageId": f"{run}-{serial}-{at}",
                "anonymousId": visitor,
                "context": {
                    "locale": "de-DE",
                    "page": {"path": "/p/1", "title": "x" * 150},
                    "userAgent": "Mozilla/5.0",
                },
                "properties": product(chance.randrange(PRODUCTS)),
            }
        )
    return _request("/v1/batch", msgspec.json.encode({"batch": events}))


def record_sizes(log: Path) -> dict[str, float]:
    """Bytes of the decisions that the log holds."""
    reader = FileLogReader(log)
    sizes: list[int] = []
    offset = 0
    while records := reader.read(offset):
        sizes += [len(record.body) for record in records if record.kind == DECISION]
        offset = records[-1].offset
    reader.close()
    found = np.asarray(sizes)
    return {
        "decisions_recorded": float(len(found)),
        "record_bytes_mean": float(found.mean()),
        "record_bytes_p99": float(np.quantile(found, 0.99)),
        "record_bytes_max": float(found.max()),
    }


def make_models(models: Path, *, baskets: int = 60_000, people: int = 6_000) -> None:
    """Train on baskets over 100,000 products that hold what sells together, and let the set serve."""
    chance = np.random.default_rng(1)
    basket = np.repeat(np.arange(baskets), chance.integers(1, 12, baskets))
    weights = np.cumsum(1 / (np.arange(PRODUCTS) + 20))  # few products sell most
    item = np.searchsorted(weights, chance.random(len(basket)) * weights[-1])
    # Every third line goes with the one before it, so that there is something to learn.
    follows = np.flatnonzero((chance.random(len(item)) < 1 / 3) & (np.arange(len(item)) > 0))
    item[follows] = (item[follows - 1] + len(CATEGORIES)) % PRODUCTS
    lines = Interactions(
        person=(basket % people).astype(np.int32),
        item=item.astype(np.int32),
        basket=basket.astype(np.int32),
        day=(NOW // 86_400_000 - 360 + basket * 360 // baskets).astype(np.int32),
        quantity=np.ones(len(item), np.int32),
        unit_price=np.full(len(item), 999, np.int64),
    )
    told = [product(number) for number in range(PRODUCTS)]
    catalogue = Catalogue.of([(str(one["product_id"]), str(one["category"])) for one in told])
    folder = models.with_name(f"{models.name}.partial")
    shutil.rmtree(folder, ignore_errors=True)
    recommend_folder(folder).mkdir(parents=True)
    save(train(lines, catalogue, Settings(holdout_days=0)), recommend_folder(folder) / "v1", trained_at=NOW)
    point(folder, "v1")
    folder.rename(models)


if __name__ == "__main__":
    sys.exit(main())
