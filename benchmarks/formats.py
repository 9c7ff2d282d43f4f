"""How many requests and events a second are stored durably in each vendor's format, one at a time and in batches.

Webhooks of shop systems come one at a time, as these send them, each with its signature over the raw body.

The shape is that of RudderStack's table (their page on provisioning infrastructure, data of 2019): 1,700 requests
a second on 2 cores to 3,000 on 8, with PostgreSQL on a machine of its own. Those are theirs, on their machines.
The load generator and the updater use the same cores; every event is unique. `bytes` is one whole request.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import psutil

from regulars.testing import Product

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks import deliveries
from benchmarks.report import emit
from benchmarks.serving import basic, generate, new_shop

BATCH = 20
CONNECTIONS = {1: 64, BATCH: 32}
#: Format of the events and where they go, by the name of the client.
DOORS = {
    "segment": ("segment", ("/v1/track", "/v1/batch")),
    "rudderstack": ("segment", ("/v1/track", "/v1/batch")),
    "jitsu": ("segment", ("/api/s/s2s/track", "/api/s/s2s/batch")),
    "snowplow": ("snowplow", ("/com.snowplowanalytics.snowplow/tp2",) * 2),
    "posthog": ("posthog", ("/batch/",) * 2),
    "unomi": ("unomi", ("/cxs/eventcollector",) * 2),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 s of each load instead of 10")
    seconds = 2 if parser.parse_args().quick else 10
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="regulars-formats-") as folder:
        shop = Path(folder, "shop")
        key = new_shop(shop)
        with (shop / "sources.toml").open("a", encoding="utf-8") as sources:
            sources.write(deliveries.SOURCES)
        with Product(shop, Path(folder, "data"), key=key, environment=deliveries.ENVIRONMENT) as product:
            for name, (form, paths) in DOORS.items():
                for events, path in zip((1, BATCH), paths, strict=True):
                    kind = f"{name}_{'single' if events == 1 else 'batch'}"
                    arguments = [form, path, basic(key), str(events), f"{name}{events}"]
                    figures |= measured(product, kind, "formats.lua", arguments, events=events, seconds=seconds)
            for system in deliveries.SYSTEMS:
                file = Path(folder, f"{system}.tsv")
                deliveries.write(file, system)
                arguments = [f"/v1/webhooks/{system}/{system}", str(file)]
                figures |= measured(product, f"{system}_webhook", "webhooks.lua", arguments, events=1, seconds=seconds)
    budgets = {"refused": "== 0", "errors": "== 0"}
    for name in ("refused", "errors"):
        figures[name] = sum(value for key, value in figures.items() if key.endswith(f"_{name}"))
    told = {key: value for key, value in figures.items() if not key.endswith(("_refused", "_errors"))}
    table(told)
    return 0 if emit("formats", told, budgets) else 1


def measured(
    product: Product, kind: str, script: str, arguments: list[str], *, events: int, seconds: int
) -> dict[str, float]:
    """One load."""
    gateway = psutil.Process(product.pids()["gateway"])
    before = sum(gateway.cpu_times()[:2])
    load = generate(product, script, arguments, connections=CONNECTIONS[events], seconds=seconds)
    return {
        f"{kind}_requests_per_second": load.per_second,
        f"{kind}_events_per_second": load.per_second * events,
        f"{kind}_p99_ms": load.p99_ms,
        f"{kind}_cpu_us": (sum(gateway.cpu_times()[:2]) - before) / max(load.answered, 1) * 1e6,
        f"{kind}_bytes": load.smallest_event_bytes,
        f"{kind}_refused": load.refused,
        f"{kind}_errors": load.errors,
    }


def table(figures: dict[str, float]) -> None:
    """The figures for people, on standard error."""
    columns = ("requests_per_second", "events_per_second", "p99_ms", "cpu_us", "bytes")
    print(f"{'':24}" + "".join(f"{name.replace('_', ' '):>22}" for name in columns), file=sys.stderr)
    kinds = [f"{name}_{kind}" for name in DOORS for kind in ("single", "batch")]
    for kind in (*kinds, *(f"{system}_webhook" for system in deliveries.SYSTEMS)):
        values = "".join(f"{figures[f'{kind}_{column}']:>22,.1f}" for column in columns)
        print(f"{kind.replace('_', ' '):24}{values}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
