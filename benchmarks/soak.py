"""Whether memory and write-ahead logs stay bounded while the product takes in events for a long time.

Batches of 20 at a steady pace beside single events; every few seconds the resident memory of each process and the sizes
of log, state and their write-ahead logs are read. Memory may not grow by more than a tenth between the second quarter
of the run and its last one; a write-ahead log may not exceed what a checkpoint leaves by far.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from regulars.testing import Product

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit
from benchmarks.serving import figures_of, new_shop, wrk

BATCHES, PAUSE_MS = 4, 40  # connections and mean pause: about 100 batches, 2,000 events a second
WAL_MB = 200.0
GROWTH = {"gateway_growth": "<= 1.1", "updater_growth": "<= 1.25"}  # of a long run; a short one still fills its caches
BUDGETS = {
    "log_wal_mb": f"<= {WAL_MB:.0f}",
    "state_wal_mb": f"<= {WAL_MB:.0f}",
    "refused": "== 0",
    "errors": "== 0",
}
EVERY_SECONDS = 2.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one minute instead of ten")
    quick = bool(parser.parse_args().quick)
    seconds = 45.0 if quick else 600.0
    environment = {
        "REGULARS_SEAL_SECONDS": "10" if quick else "60",
        "REGULARS_PROFILE_TABLE_SECONDS": "10" if quick else "60",
        "REGULARS_COMPACT_SECONDS": "15" if quick else "120",
        "REGULARS_LOG_HOURS": "0.005" if quick else "0.05",
    }
    with tempfile.TemporaryDirectory(prefix="regulars-soak-") as folder:
        key = new_shop(Path(folder, "shop"))
        with Product(Path(folder, "shop"), Path(folder, "data"), key=key, environment=environment) as product:
            figures = measure(product, key, seconds)
    return 0 if emit("soak", figures, BUDGETS if quick else BUDGETS | GROWTH) or quick else 1


def measure(product: Product, key: str, seconds: float) -> dict[str, float]:
    """Load and watch."""
    samples: list[dict[str, float]] = []
    stopping = threading.Event()
    watcher = threading.Thread(target=watch, args=(product, samples, stopping))
    watcher.start()
    try:
        load = wrk(
            product, key, "/v1/batch", events=20, connections=BATCHES, seconds=seconds, run="soak", pause_ms=PAUSE_MS
        )
    finally:
        stopping.set()
        watcher.join()
    quarter = len(samples) // 4
    figures = {
        "seconds": load.seconds,
        "events": load.answered * 20.0,
        "events_per_second": load.per_second * 20,
        "refused": float(load.refused),
        "errors": float(load.errors),
    }
    for name in ("gateway", "updater"):
        early = statistics.median(one[f"{name}_mb"] for one in samples[quarter : 2 * quarter])
        late = statistics.median(one[f"{name}_mb"] for one in samples[-quarter:])
        figures[f"{name}_mb"] = late
        figures[f"{name}_growth"] = late / early
    for name in ("log_wal_mb", "state_wal_mb", "log_mb", "state_mb", "lag_records", "seal_lag_records"):
        figures[name] = max(one[name] for one in samples)
    return figures


def watch(product: Product, samples: list[dict[str, float]], stopping: threading.Event) -> None:
    """Read sizes every few seconds."""
    pids = product.pids()
    while not stopping.wait(EVERY_SECONDS):
        with contextlib.suppress(psutil.NoSuchProcess):
            sample = {f"{name}_mb": psutil.Process(pid).memory_info().rss / 1e6 for name, pid in pids.items()}
            figures = figures_of(product)
            samples.append(
                sample
                | {
                    "at": time.time(),
                    "log_wal_mb": figures.get("regulars_log_wal_bytes", 0.0) / 1e6,  # log files have none
                    "state_wal_mb": figures["regulars_state_wal_bytes"] / 1e6,
                    "log_mb": figures["regulars_log_bytes"] / 1e6,
                    "state_mb": figures["regulars_state_bytes"] / 1e6,
                    "lag_records": figures["regulars_updater_lag_records"],
                    "seal_lag_records": figures["regulars_seal_lag_records"],
                }
            )


if __name__ == "__main__":
    sys.exit(main())
