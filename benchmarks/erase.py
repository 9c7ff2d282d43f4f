"""How long it takes to erase a customer who came every day of a year that lies in the lake.

A server runs on a copy of the fixture (`fixture_year.py`): 20,000,000 events in the lake, the log of three days, and a
state of the 2,000 customers who come while it runs; with `--million` the state of a million profiles besides. The
customer tells an e-mail address and goes on, and so do others. Then `regulars erase`
is called; it ends when the certificate is final: every phase is through and the search has ended.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks import fixture as made
from benchmarks import fixture_year
from benchmarks.fixture_shop import KEY
from benchmarks.report import emit
from benchmarks.unmerge import cpu
from regulars.core.erasure import DONE, PHASES
from regulars.core.state import MANIFEST
from regulars.runtime import erasures as ledger
from regulars.runtime.build import read_state
from regulars.runtime.folder import open_folder
from regulars.testing import Product

BUDGETS = {"erase_seconds": "<= 10", "left": "== 0", "lake_events": ">= 20000000", "texts_of_others": "== 24"}
_WAIT_SECONDS = 900.0
_BEFORE = 2_000  # events that come in before, which the erasure finds unsealed


def main() -> int:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="once instead of three times; the lake is the same")
    parser.add_argument("--million", action="store_true", help="with the state of a million profiles: 2.7 GB more")
    options = parser.parse_args()
    times = 1 if options.quick else 3
    year = fixture_year.year(million=options.million)
    runs = [measure(year) for _ in range(times)]
    runs.sort(key=lambda one: one["erase_seconds"])
    figures = runs[len(runs) // 2]
    figures |= {"erase_slowest_seconds": runs[-1]["erase_seconds"], "runs": times}
    return 0 if emit("erase", figures, BUDGETS) else 1


def measure(year: fixture_year.Year) -> dict[str, float]:
    """Erase the person once, on a copy of its own."""
    with year.overlaid() as data, Product(year.shop, data, key=KEY) as product:
        send(product)
        before = _files(data)
        processes = [psutil.Process(pid) for pid in product.pids().values()]
        spent = cpu(processes)
        command = [
            sys.executable, "-m", "regulars", "erase", str(year.shop), fixture_year.identifiers()[0], "--yes",
            "--data", str(data),
        ]  # fmt: skip
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            phases, of_cpu = _watched(process, data, processes)
            printed = (process.stdout.read() if process.stdout else "").strip()
        seconds = time.monotonic() - began
        if not printed:
            raise RuntimeError(f"no certificate: {product.printed()[-2000:]}")
        erasure = msgspec.json.decode(printed)["erasure"]
        after = _files(data)
        new = after.keys() - before.keys()
        removed = erasure["removed"]
        return {
            "erase_seconds": seconds,
            **{f"{phase}_seconds": phases.get(phase, 0.0) for phase in PHASES if phase != DONE},
            **{f"{phase}_cpu_seconds": of_cpu.get(phase, 0.0) for phase in PHASES if phase != DONE},
            "cpu_seconds": cpu(processes) - spent,
            "left": len(erasure["left"]),
            "found_of_planted": sum(one["planted"] > 0 for one in erasure["checked"]) / len(erasure["checked"]),
            "lake_events": sum(rows for _, kind, rows in before.values() if kind == "event"),
            "lake_parts": len(before),
            "parts_read": erasure["lake_read"],
            "rows_removed": removed["lake_rows"],
            "texts_of_others": removed["lake_rows_of_others_changed"],
            "parts_rewritten": removed["lake_files"],
            "megabytes_rewritten": sum(after[name][0] for name in new) / 1e6,
            "lake_megabytes": sum(size for size, _, _ in before.values()) / 1e6,
        }


def send(product: Product) -> None:
    """What came just now: the person says an e-mail address, others are about."""
    user, device = (key.partition(":")[2] for key in fixture_year.identifiers())
    known = {"userId": user, "anonymousId": device}
    calls: list[dict[str, Any]] = [{"type": "identify", **known, "traits": {"email": fixture_year.EMAIL}}]
    calls += [_view({**known}, number) for number in range(5)]
    calls += [_view({"userId": made.user(made.VISITORS + number)}, number) for number in range(_BEFORE)]
    for start in range(0, len(calls), 250):
        batch = [{"messageId": f"new-{start + at}", **one} for at, one in enumerate(calls[start : start + 250])]
        product.http.post("/v1/batch", json={"batch": batch}).raise_for_status()
    product.wait_folded()


def _view(known: dict[str, Any], number: int) -> dict[str, Any]:
    return {"type": "track", "event": "Product Viewed", **known, "properties": made.product(number)}


def _watched(
    process: "subprocess.Popen[str]", data: Path, server: list[psutil.Process]
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds that each phase took, by the clock and of the server's processors, as the state says meanwhile."""
    state = read_state(open_folder(data))
    found: dict[str, float] = {}
    spent: dict[str, float] = {}
    phase, since, used = PHASES[0], time.monotonic(), cpu(server)
    deadline = since + _WAIT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        newest = ledger.newest(state, limit=1)
        if newest and newest[0].phase != phase:
            now, using = time.monotonic(), cpu(server)
            found[phase], spent[phase] = now - since, using - used
            phase, since, used = newest[0].phase, now, using
        time.sleep(0.02)
    state.close()
    if process.poll() is None:
        process.kill()
        raise TimeoutError(f"not erased after {_WAIT_SECONDS:.0f} s; it was in phase {phase}")
    return found, spent


def _files(data: Path) -> dict[str, tuple[int, str, int]]:
    """Bytes, kind and rows of every part that the manifest lists."""
    state = read_state(open_folder(data))
    rows = state.select(MANIFEST)
    state.close()
    return {str(row[0]): (int(str(row[5])), str(row[1]), int(str(row[4]))) for row in rows}


if __name__ == "__main__":
    sys.exit(main())
