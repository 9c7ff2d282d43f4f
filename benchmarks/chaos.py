"""Whether vendors' own clients lose or double anything on a bad line, while the processes of the product are killed.

The clients of Segment and RudderStack for Python, and for Node where it is, send from several processes through a proxy
that answers 429 with Retry-After and 503, resets connections before and after the product answered, delays and cuts
answers short. Gateway and updater are killed with SIGKILL at random. In the end every event is looked at by its message
id. What the product answered with 200 to, and what a client did not give up, must be in the lake once. The profiles
must hold, for each person, the number of these events and the sum of their weights, which are made from the message
ids, so that no other events give the same sums.

`--break lose` takes one event out of a request on its way, `--break double` sends one request a second time as another
source, whose message ids are its own: both must be found, or the benchmark measures nothing.
"""

import argparse
import base64
import contextlib
import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pyarrow.parquet as pq

from regulars.adapters.state.sqlite import SqliteStateReader
from regulars.core.state import MANIFEST
from regulars.runtime.status import read_status
from regulars.testing import Product

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit
from benchmarks.serving import figures_of
from tests.acceptance.shop import FILES, SERVER_KEY, SERVICE_KEY, make_shop
from tests.clients.packages import NODE, installed, usable
from tests.clients.proxy import DELAY, LOST_ANSWER, RESET, TRUNCATED, Proxy

Break = Literal["lose", "double"]
ROOT = Path(__file__).resolve().parents[1]
VENDORS = ("segment", "rudderstack")
#: How often a client sends a batch again: what the vendors' Python clients do, and what lets some events be given up.
PATIENT, IMPATIENT = 10, 1
LARGEST_BATCH = 100
EVENTS_PER_PERSON = 250
#: How often a request meets what.
FAULTS: dict[int | str, float] = {429: 0.01, 503: 0.03, RESET: 0.03, LOST_ANSWER: 0.03, TRUNCATED: 0.02, DELAY: 0.03}
RETRY_AFTER = "1"
_GZIP = b"\x1f\x8b"
#: How long both processes have worked before the next kill; in a short run, too, some must come.
KILL_SECONDS, SHORT_KILL_SECONDS, SHORT = (1.5, 5.0), (0.5, 2.0), 10_000
BUDGETS = {
    "acknowledged_lost": "== 0",
    "neither_counted_nor_given_up": "== 0",
    "counted_twice": "== 0",
    "never_sent": "== 0",
    "people_miscounted": "== 0",
    "clients_unfinished": "== 0",
    "sent_minus_counted_minus_given_up": "== 0",
    "kills": ">= 2",
}


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What is known outside of the product when all clients have ended."""

    ids: set[str]
    given_up: set[str]
    acknowledged: set[str]
    unfinished: int


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, help="1,000,000 unless told")
    parser.add_argument("--quick", action="store_true", help="100,000 events")
    parser.add_argument(
        "--break", dest="broken", choices=["lose", "double"], help="break the account; it must be found"
    )
    parser.add_argument("--seed", type=int, default=1, help="of faults and kills")
    asked = parser.parse_args()
    events = asked.events or (100_000 if asked.quick else 1_000_000)
    with tempfile.TemporaryDirectory(prefix="regulars-chaos-") as folder:
        figures = chaos(Path(folder), events, broken=asked.broken, seed=asked.seed)
    return 0 if emit("chaos", figures, BUDGETS) else 1


def chaos(folder: Path, events: int, *, broken: Break | None = None, seed: int = 1) -> dict[str, float]:
    """The figures of one run in an empty folder; `events` is rounded up to whole shares of the clients."""
    events_toml = FILES["events.toml"].replace('note = "text" }', 'note = "text", weight = "number" }')
    traits = FILES["traits.toml"] + '\n[traits.weights]\nkind = "sum"\nevents = ["Product Viewed"]\nof = "weight"\n'
    shop = make_shop(folder / "shop", events=events_toml, traits=traits)
    environment = {"REGULARS_SEAL_SECONDS": "3", "REGULARS_COMPACT_SECONDS": "11"}
    people = max(20, events // EVENTS_PER_PERSON)
    chance = random.Random(seed)
    began = time.monotonic()
    with (
        Product(shop, folder / "data", environment=environment, key=SERVER_KEY) as product,
        BadLine(product.address, broken, chance.getrandbits(32)) as line,
    ):
        every = SHORT_KILL_SECONDS if events <= SHORT else KILL_SECONDS
        killer = Killer(product, every, chance.getrandbits(32))
        killer.start()
        try:
            sent = send(folder, line, killer, events, people)
        finally:
            killer.stopping.set()
            killer.join()
        seconds = time.monotonic() - began
        # What an impatient client gave up may still be on its way, and would come between two looks of the audit.
        while line.on_their_way:
            time.sleep(0.1)
        product.wait_folded(seconds=300)
        figures = audit(product, sent, people)
    faults = {f"fault_{str(name).replace(' ', '_')}": float(count) for name, count in line.faults.items()}
    told = {"kills": float(killer.killed), "seconds": seconds, "events_per_second": len(sent.ids) / seconds}
    return figures | told | faults


def event_id(client: str, number: int) -> str:
    """The message id of a client's event."""
    return f"{client}-{number}"


def person(name: str, people: int) -> str:
    """Whose event it is; the events of a person come from all clients."""
    return f"person{int(name.rpartition('-')[2]) % people}"


def weight(name: str) -> int:
    """A number below 2 ** 29 that is an event's own; sums leave out numbers from 10 ** 9 on.

    >>> weight("segment0-1") == weight("segment0-2")
    False
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) >> 3


class BadLine(Proxy):
    """A proxy that fails by chance and keeps the message ids that the product acknowledged."""

    def __init__(self, target: str, broken: Break | None, seed: int) -> None:
        super().__init__(target, [])
        self.retry_after = RETRY_AFTER
        self.faults: Counter[int | str] = Counter(dict.fromkeys(FAULTS, 0))
        self.acknowledged: set[str] = set()
        self.on_their_way = 0  # requests that the product has not answered yet
        self._chance = random.Random(seed)
        self._broken = broken

    def fault(self) -> int | str | None:
        """What happens to the next request."""
        with self._lock:
            drawn = self._chance.random()
            for fault, share in FAULTS.items():
                if drawn < share:
                    self.faults[fault] += 1
                    return fault
                drawn -= share
            return None

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """The product's answer; with a switch, one request is spoilt on its way."""
        with self._lock:
            self.on_their_way += 1
        try:
            return self._forward(method, path, headers, body)
        finally:
            with self._lock:
                self.on_their_way -= 1

    def _forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        with self._lock:
            broken = self._broken if method == "POST" and len(self.acknowledged) > 500 else None
            self._broken = None if broken else self._broken
        if broken == "lose":
            whole = unpacked(body)
            spoilt = json.dumps(whole | {"batch": whole["batch"][1:]}).encode()
            answer = super().forward(method, path, headers, gzip.compress(spoilt) if body[:2] == _GZIP else spoilt)
        else:
            answer = super().forward(method, path, headers, body)
        if broken == "double" and answer[0] == 200:
            as_other = "Basic " + base64.b64encode(f"{SERVICE_KEY}:".encode()).decode()
            kept = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            super().forward(method, path, kept | {"authorization": as_other}, body)
        if broken and answer[0] != 200:
            with self._lock:
                self._broken = broken
        return answer

    def answered(self, body: bytes, status: int) -> None:
        """Note what was acknowledged."""
        if status == 200 and body:
            names = [event["messageId"] for event in unpacked(body)["batch"]]
            with self._lock:
                self.acknowledged.update(names)


def unpacked(body: bytes) -> dict[str, Any]:
    """The JSON object of a request."""
    found: dict[str, Any] = json.loads(gzip.decompress(body) if body[:2] == _GZIP else body)
    return found


class Killer(threading.Thread):
    """Kills gateway or updater, whichever chance picks, when both have worked again for a few seconds.

    By the clock alone a busy machine would see the next kill before it is up from the last one: nothing would get
    through, however often it is sent, and clients that wait longer after each try would seem to have lost their way.
    """

    def __init__(self, product: Product, every: tuple[float, float], seed: int) -> None:
        super().__init__(name="killer")
        self.stopping = threading.Event()
        self.killed = 0
        self._data = product.data
        self._every = every
        self._http = httpx.Client(base_url=product.address, timeout=5)
        self._chance = random.Random(seed)

    def run(self) -> None:
        """Kill until told to stop."""
        with self._http:
            while not self.stopping.is_set():
                if self._works() and not self.stopping.wait(self._chance.uniform(*self._every)):
                    self._kill()
                self.stopping.wait(0.1)

    def _works(self) -> bool:
        try:
            return self._http.get("/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def _kill(self) -> None:
        """One of them."""
        while not self.stopping.is_set():
            children = read_status(self._data / "status" / "supervisor").get("children", {})
            child = children.get(self._chance.choice(["gateway", "updater"]), {})
            if child.get("running") and child.get("pid"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child["pid"], signal.SIGKILL)
                    self.killed += 1
                    return
            self.stopping.wait(0.1)


def send(folder: Path, line: BadLine, killer: Killer, events: int, people: int) -> Sent:
    """Run all clients to their end."""
    clients = commands()
    each = -(-events // len(clients))
    batch = max(10, min(LARGEST_BATCH, events // 300))  # so many that enough of them meet a fault
    running: dict[str, subprocess.Popen[bytes]] = {}
    for name, (command, retries, environment) in clients.items():
        asked = [line.address, SERVER_KEY, name, str(each), str(people), str(retries), str(batch), str(folder / name)]
        with (folder / f"{name}.log").open("wb") as log:
            running[name] = subprocess.Popen([*command, *asked], stdout=log, stderr=log, cwd=ROOT, env=environment)
    began = time.monotonic()
    enough = 120 + events / 200  # seconds; 200 events a second are slower than any machine
    all_of_them = each * len(clients)
    try:
        while any(one.poll() is None for one in running.values()) and time.monotonic() - began < enough:
            time.sleep(0.5)
            done = len(line.acknowledged)
            told = f"{done:,} of {all_of_them:,} acknowledged, {line.faults.total()} faults, {killer.killed} kills"
            print(f"\r{time.monotonic() - began:6.0f} s  {told} ", end="", file=sys.stderr, flush=True)
    finally:
        print(file=sys.stderr)
        for one in running.values():
            if one.poll() is None:
                one.kill()
            one.wait()
    given_up: set[str] = set()
    for name in running:
        if (folder / name).exists():
            given_up.update(json.loads((folder / name).read_text(encoding="utf-8")))
        else:
            print((folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-2000:], file=sys.stderr)
    return Sent(
        ids={event_id(name, number) for name in running for number in range(each)},
        given_up=given_up,
        acknowledged=line.acknowledged,
        unfinished=sum(not (folder / name).exists() for name in running),
    )


def commands() -> dict[str, tuple[list[str], int, dict[str, str]]]:
    """By the client's name: how it is started, its retries, its environment."""
    python = [sys.executable, str(ROOT / "benchmarks" / "chaos_client.py")]
    found: dict[str, tuple[list[str], int, dict[str, str]]] = {}
    for vendor in VENDORS:
        for number, retries in enumerate((PATIENT, PATIENT, IMPATIENT)):
            found[f"{vendor}-python{number}"] = ([*python, vendor], retries, {**os.environ})
        if usable():
            node = [str(NODE), str(ROOT / "benchmarks" / "chaos_client.js"), vendor]
            found[f"{vendor}-node"] = (node, PATIENT, {**os.environ, "NODE_PATH": str(installed() / "node_modules")})
    return found


def audit(product: Product, sent: Sent, people: int) -> dict[str, float]:
    """Look at every event in the lake, and at every person's profile."""
    lake = sealed(product)
    counted = set(lake)
    views, weights = Counter[str](), Counter[str]()
    for name in counted & sent.ids:
        views[person(name, people)] += 1
        weights[person(name, people)] += weight(name)
    wrong, twice = 0, lake.total() - len(lake)
    for number in range(people):
        who = f"person{number}"
        answer = product.http.get(f"/v1/profiles/user_id:{who}")
        traits = answer.json()["traits"] if answer.status_code == 200 else {}
        held = (traits.get("views") or 0, traits.get("weights") or 0)
        if held != (views[who], weights[who]):
            wrong += 1
            if wrong <= 3:
                told = f"{who} holds {held}, the lake {(views[who], weights[who])} (events, weights)"
                print(told, file=sys.stderr)
        twice = max(twice, held[0] - views[who])
    only_given_up = sent.given_up - counted
    return {
        "events": float(len(sent.ids)),
        "acknowledged": float(len(sent.acknowledged)),
        "counted": float(len(counted)),
        "given_up": float(len(sent.given_up)),
        "given_up_yet_counted": float(len(sent.given_up & counted)),
        "acknowledged_lost": float(len(sent.acknowledged - counted)),
        "neither_counted_nor_given_up": float(len(sent.ids - counted - sent.given_up)),
        "counted_twice": float(twice),
        "never_sent": float(len(counted - sent.ids)),
        "people": float(people),
        "people_miscounted": float(wrong),
        "clients_unfinished": float(sent.unfinished),
        "sent_minus_counted_minus_given_up": float(len(sent.ids) - len(counted) - len(only_given_up)),
    }


def sealed(product: Product, *, seconds: float = 300) -> Counter[str]:
    """How often the lake holds each message id, once everything is sealed."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.HTTPError, KeyError):
            if figures_of(product)["regulars_seal_lag_records"] == 0:
                with contextlib.suppress(FileNotFoundError):  # put together with others meanwhile
                    return message_ids(product.data)
        if time.monotonic() > until:
            raise TimeoutError(f"not sealed after {seconds:.0f} s:\n{product.printed()[-2000:]}")
        time.sleep(0.5)


def message_ids(data: Path) -> Counter[str]:
    """Message ids of every file that the manifest lists."""
    reader = SqliteStateReader(data / "state.db")
    found: Counter[str] = Counter()
    try:
        for row in reader.select(MANIFEST, {"kind": "event"}):
            table = pq.read_table(data / "lake" / str(row[0]), columns=["message_id"])
            found.update(map(str, table["message_id"].to_pylist()))
    finally:
        reader.close()
    return found


if __name__ == "__main__":
    sys.exit(main())
