"""However often processes die, what was acknowledged is counted exactly once."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from regulars.runtime.status import read_status
from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance, pytest.mark.kill, pytest.mark.slow]

KILLS = 50
ENOUGH = 500  # events acknowledged between the kills
CONNECTIONS = 4
PEOPLE = 40


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    environment = {"REGULARS_SEAL_SECONDS": "2", "REGULARS_COMPACT_SECONDS": "9"}
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data", environment=environment) as product:
        yield product


class Visitors(threading.Thread):
    """One connection that posts numbered events, each again until it is acknowledged."""

    def __init__(self, address: str, number: int, stopping: threading.Event) -> None:
        super().__init__(name=f"visitors {number}")
        self._address = address
        self._number = number
        self._stopping = stopping
        self.acknowledged: Counter[str] = Counter()
        self.sent_again = 0

    def run(self) -> None:
        with httpx.Client(base_url=self._address, auth=(SERVER_KEY, ""), timeout=10) as http:
            count = 0
            while not self._stopping.is_set():
                count += 1
                user = f"person{random.randrange(PEOPLE)}"
                event = viewed(f"{self._number}-{count}", user)
                while not self._post(http, event):
                    self.sent_again += 1
                    time.sleep(0.02)
                self.acknowledged[user] += 1

    def _post(self, http: httpx.Client, event: dict[str, object]) -> bool:
        try:
            return http.post("/v1/track", json=event).status_code == 200
        except httpx.TransportError:
            return False


def kill_one(data: Path) -> bool:
    """Kill gateway or updater, whichever chance picks, if it lives."""
    children = read_status(data / "status" / "supervisor").get("children", {})
    child = children.get(random.choice(["gateway", "updater"]), {})
    if not child.get("running") or not child.get("pid"):
        return False
    try:
        os.kill(child["pid"], signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def sealed_message_ids(data: Path) -> Counter[str]:
    """Message ids of every file that the manifest lists."""
    from regulars.adapters.state.sqlite import SqliteStateReader
    from regulars.core.state import MANIFEST

    reader = SqliteStateReader(data / "state.db")
    found: Counter[str] = Counter()
    try:
        for row in reader.select(MANIFEST, {"kind": "event"}):
            table = pq.read_table(data / "lake" / str(row[0]), columns=["message_id"])
            found.update(map(str, table.column("message_id").to_pylist()))
    finally:
        reader.close()
    return found


def taken(visitors: list[Visitors]) -> int:
    """Events acknowledged so far."""
    return sum(one.acknowledged.total() for one in visitors)


@pytest.mark.timeout(540)
def test_every_acknowledged_event_is_counted_once_though_processes_are_killed(product: Product) -> None:
    stopping = threading.Event()
    visitors = [Visitors(product.address, number, stopping) for number in range(CONNECTIONS)]
    for one in visitors:
        one.start()
    killed = 0
    deadline = time.monotonic() + 300
    while (killed < KILLS or taken(visitors) <= ENOUGH) and time.monotonic() < deadline:
        time.sleep(random.uniform(0.1, 1.5))
        killed += kill_one(product.data)
    stopping.set()
    for one in visitors:
        one.join(60)
    assert killed >= KILLS, f"only {killed} kills: {product.printed()[-3000:]}"

    product.wait_folded(seconds=90)
    acknowledged: Counter[str] = sum((one.acknowledged for one in visitors), Counter())
    assert sum(acknowledged.values()) > ENOUGH
    assert {user: views(product.http, user) for user in acknowledged} == dict(acknowledged)
    assert sum(product.ready()["supervisor"]["children"][name]["restarts"] for name in ("gateway", "updater")) > 0

    # The lake: wait until the last record is sealed, then count what its listed files hold.
    until = time.monotonic() + 60
    while (found := sealed_message_ids(product.data)).total() < sum(acknowledged.values()):
        assert time.monotonic() < until, product.printed()[-3000:]
        time.sleep(0.5)
    assert found.total() == len(found) == sum(acknowledged.values())
