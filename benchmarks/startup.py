"""How long the product takes from the command to ready, and what it takes of memory when nothing is going on."""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from regulars.testing import Product

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit
from benchmarks.serving import new_shop

BUDGETS = {"start_seconds": "<= 3", "idle_memory_mb": "<= 300"}
SETTLE_SECONDS = 3.0


def main() -> int:
    """Start a new shop once and the same shop several times again; medians count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three starts instead of nine")
    starts = 3 if parser.parse_args().quick else 9
    seconds, stops, memory = [], [], []
    with tempfile.TemporaryDirectory(prefix="regulars-startup-") as folder:
        new_shop(Path(folder, "shop"))
        first = 0.0
        for number in range(starts + 1):
            product = Product(Path(folder, "shop"), Path(folder, "data"))
            with product:
                time.sleep(SETTLE_SECONDS)
                resident = product.memory()
                began = time.monotonic()
                product.stop()
                stops.append(time.monotonic() - began)
            if number == 0:
                first = product.start_seconds
                continue
            seconds.append(product.start_seconds)
            memory.append(resident)
    figures = {
        "first_start_seconds": first,
        "start_seconds": statistics.median(seconds),
        "slowest_start_seconds": max(seconds),
        "stop_seconds": statistics.median(stops),
        "idle_memory_mb": statistics.median((one["gateway"] + one["updater"]) / 1e6 for one in memory),
        **{f"idle_{name}_mb": statistics.median(one[name] / 1e6 for one in memory) for name in memory[0]},
    }
    return 0 if emit("startup", figures, BUDGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
