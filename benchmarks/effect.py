"""How soon what customers do changes answers, over HTTP: from an event's 200, from a visit's end, from an erasure.

- `event_ms`: a new visitor looks at a product. From the 200 of that event until a call without it gets another row.
- `visit_s`: the same product and one that nobody saw with it. Until others who look at the first are told the second:
  the index took in a visit, without a rebuild.
- `erased_s`: that visitor is erased (`regulars erase`). From the start of the command until the index passes the visit
  over.

The shop is that of `benchmarks/decide.py`, its row asks the neighbours; times are found by asking again and again.
"""

import argparse
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.decide_models import models_of
from benchmarks.decide_shop import ready, served_with
from benchmarks.fixture import fixture, product
from benchmarks.fixture_shop import KEY, PRODUCTS
from benchmarks.report import emit
from regulars.testing import Product

BUDGETS = {"event_p99_ms": "<= 200", "visit_p50_s": "<= 3", "erased_p50_s": "<= 10"}
ROW = "home.recommended"
#: Products that few visits hold, each with one that is in none of them.
_RARE = [(PRODUCTS - 1 - 50 * at, PRODUCTS // 2 - 1 - 50 * at) for at in range(40)]


def main() -> int:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer of each")
    quick = bool(parser.parse_args().quick)
    made = fixture()
    models = models_of(made)
    shop = ready(made, "shop-effect", ("neighbours", "popular"), "")
    with made.copied() as data:
        served_with(data, models)
        with Product(shop, data, key=KEY) as served:
            figures = measured(served, events=30 if quick else 300, visits=3 if quick else 10)
    return 0 if emit("effect", figures, BUDGETS) else 1


def measured(served: Product, *, events: int, visits: int) -> dict[str, float]:
    """Each of the three, several times."""
    changed = [1000 * after_event(served, 50 * (at % 40)) for at in range(events)]
    taken: list[float] = []
    erased: list[float] = []
    for first, second in _RARE[:visits]:
        one, other = after_visit(served, first, second)
        taken.append(one)
        erased.append(other)
    return {
        "events": float(events),
        "event_p50_ms": float(np.quantile(changed, 0.5)),
        "event_p99_ms": float(np.quantile(changed, 0.99)),
        "event_max_ms": max(changed),
        "visits": float(visits),
        "visit_p50_s": float(np.median(taken)),
        "visit_max_s": max(taken),
        "erased_p50_s": float(np.median(erased)),
        "erased_max_s": max(erased),
    }


def after_event(served: Product, number: int) -> float:
    """Seconds from the 200 of an event to a row that the neighbours made of it."""
    who = str(uuid.uuid4())
    send(served, who, number)
    return until(lambda: any("similar_visits" in why for why in row(served, who).values()))


def after_visit(served: Product, first: int, second: int) -> tuple[float, float]:
    """Seconds until a visit counts for others, and until it does not any more, once its visitor is erased."""
    who = str(uuid.uuid4())
    named = str(product(second)["product_id"])
    send(served, who, first)
    send(served, who, second)
    taken = until(lambda: named in row(served, str(uuid.uuid4()), first))
    command = [sys.executable, "-m", "regulars", "erase", str(served.shop), f"anonymous_id:{who}", "--yes"]
    began = time.monotonic()
    with subprocess.Popen([*command, "--data", str(served.data)], stdout=subprocess.PIPE, text=True) as process:
        until(lambda: named not in row(served, str(uuid.uuid4()), first))
        seconds = time.monotonic() - began
        process.communicate(timeout=600)
    return taken, seconds


def until(holds: Callable[[], bool], *, seconds: float = 120) -> float:
    """Seconds until it holds, asked every few milliseconds."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(0.002)
    return time.monotonic() - began


def view(who: str, number: int) -> dict[str, Any]:
    """A product view with the consent that recommendations need."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": str(uuid.uuid4()),
        "anonymousId": who,
        "properties": product(number),
        "context": {"consent": {"categoryPreferences": {"analytics": True, "personalisation": True}}},
    }


def send(served: Product, who: str, number: int) -> None:
    """Acknowledged on return."""
    served.http.post("/v1/batch", json={"batch": [view(who, number)]}).raise_for_status()


def row(served: Product, who: str, riding: int | None = None) -> dict[str, list[str]]:
    """Item -> codes of its reasons."""
    call: dict[str, Any] = {"placements": [ROW], "anonymousId": who}
    if riding is not None:
        call["events"] = [view(who, riding)]
    answer = served.http.post("/v1/decide", json=call)
    answer.raise_for_status()
    items = answer.json()["placements"][ROW]["items"]
    return {str(one["id"]): [str(why["code"]) for why in one["reasons"]] for one in items}


if __name__ == "__main__":
    sys.exit(main())
