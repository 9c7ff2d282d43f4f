"""How many events a second are stored durably before their answer, the updater folding beside.

The real product with the shop that `regulars init` makes; `wrk` on the same cores; every event unique in id, person
and time and at least 600 bytes long. Batches of 20 and single events, each at full load and at half of the
budget. There each connection pauses at random between two requests; latency counts from the moment of sending. The
backlog is what the updater has not folded when the load ends; catching up is waited for, for a minute at most (with
--quick some seconds), and then reckoned from the rate so far (`catch_up_measured` 0).
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psutil

from regulars.testing import Product

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit
from benchmarks.serving import Load, figures_of, new_shop, wrk

BATCH = 20
BUDGETS = {
    "batch_events_per_second": ">= 100000",
    "single_requests_per_second": ">= 10000",
    "half_batch_p99_ms": "<= 15",
    "half_single_p99_ms": "<= 15",
    "refused": "== 0",
    "errors": "== 0",
    "smallest_event_bytes": ">= 600",
}
#: Connections and mean pause (ms) that make half of the budget: 2,500 batches and 5,000 single events a second.
HALF = {"batch": (50, 20), "single": (100, 20)}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter loads, under 50 s")
    quick = bool(parser.parse_args().quick)
    full, half, patience = (6.0, 4.0, 6.0) if quick else (30.0, 20.0, 60.0)
    with tempfile.TemporaryDirectory(prefix="regulars-intake-") as folder:
        key = new_shop(Path(folder, "shop"))
        with Product(Path(folder, "shop"), Path(folder, "data"), key=key) as product:
            figures = measure(product, key, full=full, half=half, patience=patience)
    return 0 if emit("intake", figures, BUDGETS) or quick else 1


def measure(product: Product, key: str, *, full: float, half: float, patience: float) -> dict[str, float]:
    """Every load in turn."""
    wrk(product, key, "/v1/batch", events=BATCH, connections=8, seconds=1, run="warm")
    figures: dict[str, float] = {}
    loads: list[Load] = []
    gateway = psutil.Process(product.pids()["gateway"])
    for name, path, events, connections in (("single", "/v1/track", 1, 64), ("batch", "/v1/batch", BATCH, 32)):
        many, pause = HALF[name]
        load = wrk(product, key, path, events=events, connections=many, seconds=half, run=f"h{name}", pause_ms=pause)
        figures[f"half_{name}_requests_per_second"] = load.per_second
        figures[f"half_{name}_p50_ms"] = load.p50_ms
        figures[f"half_{name}_p99_ms"] = load.p99_ms
        loads.append(load)
        before = sum(gateway.cpu_times()[:2])
        load = wrk(product, key, path, events=events, connections=connections, seconds=full, run=f"f{name}")
        figures[f"{name}_gateway_cpu_us"] = (sum(gateway.cpu_times()[:2]) - before) / load.answered * 1e6
        figures[f"{name}_requests_per_second"] = load.per_second
        figures[f"{name}_events_per_second"] = load.per_second * events
        figures[f"{name}_p50_ms"] = load.p50_ms
        figures[f"{name}_p99_ms"] = load.p99_ms
        loads.append(load)
    figures["refused"] = sum(load.refused for load in loads)
    figures["errors"] = sum(load.errors for load in loads)
    figures["smallest_event_bytes"] = min(load.smallest_event_bytes for load in loads)
    return figures | catch_up(product, patience)


def catch_up(product: Product, patience: float) -> dict[str, float]:
    """The backlog when the load ends, and how long folding it takes."""
    began = time.monotonic()
    backlog = left = figures_of(product)["regulars_updater_lag_records"]
    while left and time.monotonic() - began < patience:
        time.sleep(0.2)
        left = figures_of(product)["regulars_updater_lag_records"]
    took = time.monotonic() - began
    rate = (backlog - left) / took
    seconds = took + (left / rate if rate else 0.0)
    return {
        "backlog_records": backlog,
        "catch_up_seconds": seconds if backlog else 0.0,
        "catch_up_records_per_second": rate,
        "catch_up_measured": float(left == 0),
        "gateway_memory_mb": product.memory()["gateway"] / 1e6,
        "updater_memory_mb": product.memory()["updater"] / 1e6,
    }


if __name__ == "__main__":
    sys.exit(main())
