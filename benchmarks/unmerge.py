"""How long it takes to part a profile with 1,000 events, from the request to the answer.

A server runs on a data folder of its own. Each of the profiles is a login and a card that one message joined, with 500
events each, half of them in the lake and half still in the log. Each is parted once by `POST /v1/privacy/unlink`, which
answers when both profiles are folded anew from lake and log; the first one also waits for the child process that reads
the lake to start.
"""

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit
from benchmarks.serving import new_shop
from regulars.core.state import MANIFEST
from regulars.runtime.build import read_state
from regulars.runtime.folder import open_folder
from regulars.testing import Product

BUDGETS = {"unmerge_median_seconds": "<= 1", "unmerge_first_seconds": "<= 1", "parted": "== 1"}
EVENTS = 1_000
_START = 1_760_000_000  # Unix seconds of the first event
_WAIT_SECONDS = 60.0


def main() -> int:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer profiles")
    profiles = 5 if parser.parse_args().quick else 15
    with tempfile.TemporaryDirectory(prefix="regulars-unmerge-") as folder:
        key = new_shop(Path(folder, "shop"))
        environment = {"REGULARS_SEAL_SECONDS": "1"}
        with Product(Path(folder, "shop"), Path(folder, "data"), key=key, environment=environment) as product:
            figures = measure(product, profiles)
    return 0 if emit("unmerge", figures, BUDGETS) else 1


def measure(product: Product, profiles: int) -> dict[str, float]:
    """Part every profile once."""
    for half in (0, 1):
        for number in range(profiles):
            calls = [call(number, at) for at in range(half * EVENTS // 2, (half + 1) * EVENTS // 2)]
            for start in range(0, len(calls), 250):
                product.http.post("/v1/batch?strict=1", json={"batch": calls[start : start + 250]}).raise_for_status()
        product.wait_folded(seconds=_WAIT_SECONDS)
        if half == 0:
            wait_sealed(product, profiles * EVENTS // 2)
    seconds: list[float] = []
    parted = 0
    processes = [psutil.Process(pid) for pid in product.pids().values()]
    before = cpu(processes)
    for number in range(profiles):
        began = time.perf_counter()
        body = {"a": f"user_id:u{number}", "b": f"loyalty_card:c{number}", "reason": "two people"}
        answer = product.http.post("/v1/privacy/unlink", json=body)
        seconds.append(time.perf_counter() - began)
        answer.raise_for_status()
        ones = [product.http.get(f"/v1/profiles/{one}").json() for one in (body["a"], body["b"])]
        parted += ones[0]["profile"] != ones[1]["profile"]
    ordered = sorted(seconds)
    return {
        "profiles": profiles,
        "events_per_profile": EVENTS,
        "parted": parted / profiles,
        "unmerge_first_seconds": seconds[0],
        "unmerge_median_seconds": ordered[len(ordered) // 2],
        "unmerge_largest_seconds": ordered[-1],
        "cpu_seconds_each": (cpu(processes) - before) / profiles,
    }


def call(number: int, at: int) -> dict[str, Any]:
    """The event at a place of a profile: by turns of the login and of the card, once of both."""
    time_ = datetime.fromtimestamp(_START + at * 600, UTC).isoformat().replace("+00:00", "Z")
    known: dict[str, Any] = {"userId": f"u{number}"} if at % 2 == 0 else {}
    cards = [] if at % 2 == 0 and at else [{"type": "loyalty_card", "id": f"c{number}"}]
    article = {"product_id": f"p{at % 50}", "category": "Garden", "price": 10 + at % 7}
    lines = [{**article, "quantity": 1}]
    order = {"order_id": f"o{number}-{at}", "total": article["price"], "currency": "EUR", "products": lines}
    name, properties = ("Order Completed", order) if at % 10 < 2 else ("Product Viewed", article)
    return {
        "type": "track", "event": name, "messageId": f"m{number}-{at}", "timestamp": time_, **known,
        "context": {"externalIds": cards}, "properties": properties,
    }  # fmt: skip


def wait_sealed(product: Product, rows: int) -> None:
    """Until the lake has that many rows; raises TimeoutError."""
    until, found = time.monotonic() + _WAIT_SECONDS, 0
    while time.monotonic() < until:
        state = read_state(open_folder(product.data))
        found = sum(int(str(row[4])) for row in state.select(MANIFEST, {"kind": "event"}))
        state.close()
        if found >= rows:
            return
        time.sleep(0.2)
    raise TimeoutError(f"{found} of {rows} events were sealed after {_WAIT_SECONDS:.0f} s")


def cpu(processes: list[psutil.Process]) -> float:
    """User and system time of the server's processes and their children so far, ended ones too, each process once."""
    found = {one.pid: one for process in processes for one in (process, *process.children(recursive=True))}
    times = (one.cpu_times() for one in found.values())
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


if __name__ == "__main__":
    sys.exit(main())
