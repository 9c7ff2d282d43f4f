"""How long a whole decision takes at 1,000 a second: alone, and while 10,000 events a second come in.

The real product with 1,000,000 profiles (benchmarks/fixture.py). Each call asks for 3 placements with 300 conditioned
offers and a row of 10 recommended items, for a customer drawn at random; each decision is recorded. The load is open:
calls begin at their intended times whether or not earlier ones were answered, and latency counts from the intended
time, so that a server that stops for a moment cannot hide it. The load generator runs on the same two cores.

Then the same alone with other rows: `neighbours` and `session_blend` ask the models of the running visit, three product
views riding along with each call, `rules` puts seven merchandising rules over the first row; and `training` is the
first row while models are trained in a process of the lowest priority, as the product trains them.
"""

import argparse
import asyncio
import base64
import gc
import random
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import psutil
import uvloop

from regulars.adapters.log.reading import FileLogReader
from regulars.core.log import DECISION
from regulars.testing import Product

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks import fixture as made_of
from benchmarks.decide_models import models_of
from benchmarks.decide_shop import PLACEMENTS, SEVEN_RULES, ready, served_with, views
from benchmarks.fixture import VISITORS, device, fixture, product, user
from benchmarks.fixture_shop import KEY, PRODUCTS
from benchmarks.report import emit
from benchmarks.serving import figures_of

BUDGETS = {
    "alone_p99_ms": "<= 5",
    "with_events_p99_ms": "<= 10",
    "alone_per_second": ">= 990",
    "with_events_per_second": ">= 990",
    "with_events_events_per_second": ">= 9900",
    "neighbours_p99_ms": "<= 5",
    "session_blend_p99_ms": "<= 5",
    "rules_p99_ms": "<= 5",
    "training_p99_ms": "<= 5",
    "record_bytes_max": "<= 2048",
    "errors": "== 0",
}
PER_SECOND = 1000
EVENTS_PER_SECOND, BATCH = 10_000, 20
CONNECTIONS = 64
#: Other rows: the models that they ask, rules, product views that ride along.
ROWS: dict[str, tuple[tuple[str, ...], str, int]] = {
    "neighbours": (("neighbours", "popular"), "", 3),
    "session_blend": (("session_blend", "popular"), "", 3),
    "rules": (("blend",), SEVEN_RULES, 0),
}


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
    parser.add_argument("--only", help="some of alone (which brings with_events along), training, " + ", ".join(ROWS))
    asked = parser.parse_args()
    seconds = 8.0 if asked.quick else 30.0
    only = asked.only.split(",") if asked.only else ["alone", *ROWS, "training"]
    made = fixture()
    models = models_of(made)
    figures: dict[str, float] = {}
    with made.copied() as data:
        served_with(data, models)
        if "alone" in only:
            with Product(made.shop, data, key=KEY) as served:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    figures |= runner.run(measure(served, seconds))
                figures |= record_sizes(data / "log")
                memory = served.memory()
                figures["gateway_memory_mb"] = memory["gateway"] / 1e6
                figures["updater_memory_mb"] = memory["updater"] / 1e6
        for name, (recommend, rules, riding) in ROWS.items():
            if name in only:
                with Product(ready(made, f"shop-{name}", recommend, rules), data, key=KEY) as served:
                    figures |= alone(name, served, seconds, riding)
        if "training" in only:
            with Product(made.shop, data, key=KEY) as served, training():
                figures |= alone("training", served, seconds, 0)
    budgets = {key: what for key, what in BUDGETS.items() if key in figures}
    return 0 if emit("decide", figures, budgets) or asked.quick else 1


def alone(name: str, served: Product, seconds: float, riding: int) -> dict[str, float]:
    """Decisions and nothing else, after a warm-up."""

    async def both() -> dict[str, float]:
        await paced(served, 3.0, 0, riding)
        gateway = psutil.Process(served.pids()["gateway"])
        before = sum(gateway.cpu_times()[:2])
        found = await paced(served, seconds, 0, riding)
        return found | {"gateway_cpu_share": (sum(gateway.cpu_times()[:2]) - before) / seconds}

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return {f"{name}_{key}": value for key, value in runner.run(both()).items()}


@contextmanager
def training() -> Iterator[None]:
    """While models are trained again and again, of visits and baskets, behind everything else."""
    script = "from benchmarks.decide_models import of_baskets, of_visits\nwhile True: of_visits(), of_baskets()"
    command = ["nice", "-n", "19", sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=Path(__file__).resolve().parents[1]) as process:
        try:
            time.sleep(2)
            yield
        finally:
            process.kill()


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


async def paced(served: Product, seconds: float, events_per_second: int, riding: int = 0) -> dict[str, float]:
    """Decisions (and batches of events) at their intended times, evenly spaced; latency percentiles in ms."""
    # The generator's own search for cycles stopped it for up to 70 ms; calls that were due then were late by its fault.
    gc.collect()
    gc.disable()
    try:
        return await _paced(served, seconds, events_per_second, riding)
    finally:
        gc.enable()


async def _paced(served: Product, seconds: float, events_per_second: int, riding: int) -> dict[str, float]:
    chance = random.Random(time.monotonic_ns())
    decisions, batches = Pacer(served.port, CONNECTIONS), Pacer(served.port, 32)
    await decisions.connect()
    await batches.connect()
    count = int(PER_SECOND * seconds)
    calls = [_decide(chance, riding) for _ in range(count)]
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


def _request(path: str, body: bytes) -> bytes:
    return _HEAD.format(path=path, token=_TOKEN, length=len(body)).encode() + body


def _decide(chance: random.Random, riding: int) -> bytes:
    number = chance.randrange(made_of.PROFILES)
    call: dict[str, Any] = {"placements": PLACEMENTS}
    call |= {"userId": user(number)} if number >= VISITORS else {"anonymousId": device(number)}
    if riding:
        call["events"] = views(chance, riding, f"{chance.getrandbits(60)}")
    return _request("/v1/decide", msgspec.json.encode(call))


def _batch(chance: random.Random, serial: int) -> bytes:
    """Four sessions: 20 product views of about 600 bytes."""
    run = time.monotonic_ns()
    events = []
    visitor = ""
    for at in range(BATCH):
        if at % 5 == 0:
            visitor = device(chance.randrange(made_of.PROFILES))
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


if __name__ == "__main__":
    sys.exit(main())
