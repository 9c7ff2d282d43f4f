"""How long a condition that was never asked before takes to be counted over 1,000,000 profiles.

Each condition of two or three clauses (traits, interests, lifecycle) has a constant of its own, made from the clock, so
that no answer can be remembered. It is parsed, checked, turned into SQL and counted by the analysis process over the
profile table: one thread, low priority, as in the product. The process is started and asked once before.
"""

import argparse
import sys
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks import fixture as made
from benchmarks.fixture_shop import conditions
from benchmarks.report import emit
from regulars.analyst.client import AnalystClient
from regulars.core.calendar import Calendar
from regulars.core.condition import compile_condition
from regulars.core.schema import Rows

BUDGETS = {"p99_ms": "<= 300", "counted_profiles": f"== {made.PROFILES}"}


def main() -> int:
    """Count conditions one after the other; in full mode also write the profile table anew, on a copy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 conditions instead of 200; the table as it was built")
    quick = parser.parse_args().quick
    shop = made.fixture()
    day = Calendar(shop.definitions.shop.time_zone).day(made.NOW)
    table_seconds = shop.sizes["profile_table_seconds"]
    if not quick:
        with shop.copied() as data:
            table_seconds = made.build_profile_table(data, shop.definitions, day)
    schema = Rows(shop.definitions).schema
    analyst = AnalystClient(shop.data, shop.definitions)
    try:
        began = time.perf_counter()
        (everybody,) = analyst.count(["TRUE"], as_of=day)
        first = time.perf_counter() - began
        spent: list[float] = []
        counted: list[int] = []
        for text in islice(conditions(time.time_ns() // 1_000_000 % 900_000_000), 40 if quick else 200):
            began = time.perf_counter()
            condition = compile_condition(text, schema)
            counted += analyst.count([condition.sql()], as_of=day)
            spent.append(1000 * (time.perf_counter() - began))
    finally:
        analyst.close()
    spent.sort()
    figures = {
        "p50_ms": spent[len(spent) // 2],
        "p99_ms": spent[int(len(spent) * 0.99)],
        "max_ms": spent[-1],
        "first_ms": 1000 * first,
        "conditions": len(spent),
        "conditions_with_members": sum(number > 0 for number in counted),
        "counted_profiles": everybody,
        "profile_table_seconds": table_seconds,
        "profile_table_mb": shop.sizes["lake_mb"],
    }
    return 0 if emit("count", figures, BUDGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
