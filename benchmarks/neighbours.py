"""Model time of the neighbours at 100,000 products and 10,000,000 clicks, compiled and not, for the same settings.

The clicks are made up and shaped like sessions: products by Zipf's law (power 1), in groups of 50 that are looked at
together; a session has 2 to 20 events, five in the mean; three of four events stay in the group of the session, one of
six is a product of the session again. Prefixes are of sessions that the index does not hold. `hr20` says how often the
next product of those is among the 20 (made-up clicks: it compares settings, not shops). `same_lists` is the share of
prefixes for which both ways give the same products in the same order.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit
from regulars.recommend.interactions import Int32, Int64
from regulars.recommend.sessions.cases import Case, cases_of
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours, fast_way

PRODUCTS = 100_000
CLICKS = 10_000_000
GROUP = 50
SETTINGS = Neighbouring(newest=500, neighbours=200, last=5)
BUDGETS = {
    "fast_p50_us": "<= 100",
    "fast_p99_us": "<= 1000",
    "plain_p50_us": "<= 500",
    "plain_p99_us": "<= 2000",
    "same_lists": "== 1",
    "build_seconds_per_million_sessions": "<= 60",
    "index_mb": "<= 1000",
    "memory_mb": "<= 1000",
}


def main() -> int:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the clicks")
    quick = bool(parser.parse_args().quick)
    made = visits(CLICKS // 10 if quick else CLICKS, seed=1)
    cases = cases_of(visits(40_000, seed=2), 5_000)
    began, cpu = time.perf_counter(), time.process_time()
    index = Neighbours.fit(made, PRODUCTS, SETTINGS, compiled=False)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    figures = {
        "products": float(PRODUCTS),
        "clicks": float(len(made.item)),
        "sessions": float(len(made)),
        "build_seconds": seconds,
        "build_cpu_seconds": cpu,
        "build_seconds_per_million_sessions": seconds / len(made) * 1e6,
        "index_mb": sum(column.nbytes for column in index.columns().values()) / 1e6,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # the peak, building included
    }
    lists: dict[str, list[list[int]]] = {}
    ways = {"plain": False, "fast": True} if fast_way() is not None else {"plain": False}
    for name, compiled in ways.items():
        model = Neighbours(index.base, index.end, index.owner, SETTINGS, compiled=compiled)
        lists[name], found = measured(name, model, cases)
        figures |= found
    if "fast" in lists:
        same = [one == other for one, other in zip(lists["fast"], lists["plain"], strict=True)]
        figures["same_lists"] = float(np.mean(same))
    figures["delta_ms"] = delta_ms(index)
    budgets = {key: what for key, what in BUDGETS.items() if key in figures}
    return 0 if emit("neighbours", figures, budgets) else 1


def measured(name: str, model: Neighbours, cases: list[Case]) -> tuple[list[list[int]], dict[str, float]]:
    """The lists of 20, and what they took."""
    for prefix, _ in cases[:200]:
        model.recommend(prefix, 20)
    spent = np.empty(len(cases))
    lists: list[list[int]] = []
    cpu = np.empty(len(cases))
    for number, (prefix, _) in enumerate(cases):
        began, busy = time.perf_counter(), time.thread_time()
        found = model.recommend(prefix, 20)
        cpu[number] = time.thread_time() - busy
        spent[number] = time.perf_counter() - began
        lists.append(found.items.tolist())
    hit = [case.target in listed for case, listed in zip(cases, lists, strict=True)]
    p50, p99 = np.percentile(1e6 * spent, [50, 99])
    return lists, {
        f"{name}_p50_us": float(p50),
        f"{name}_p99_us": float(p99),
        f"{name}_cpu_p50_us": float(np.percentile(1e6 * cpu, 50)),
        f"{name}_cpu_p99_us": float(np.percentile(1e6 * cpu, 99)),
        f"{name}_hr20": float(np.mean(hit)),
    }


def delta_ms(index: Neighbours) -> float:
    """How long a process that serves takes to apply a delta of 1,000 sessions and ten forgotten owners."""
    delta = Delta(added=visits(5_000, seed=3), forgotten=frozenset(range(1, 11)))
    began = time.perf_counter()
    index.with_delta(delta)
    return 1000 * (time.perf_counter() - began)


def visits(clicks: int, *, seed: int) -> Sessions:
    """Sessions of about so many clicks."""
    chance = np.random.default_rng(seed)
    count = clicks // 5
    length = np.clip(1 + chance.geometric(1 / 4.15, count), 2, 20)
    start = np.zeros(count + 1, np.int64)
    np.cumsum(length, out=start[1:])
    total = int(start[-1])
    session = np.repeat(np.arange(count, dtype=np.int32), length)
    group = popular(chance, PRODUCTS // GROUP, count)
    within = popular(chance, GROUP, total)
    item: Int32 = group[session] * GROUP + within
    away = np.flatnonzero(chance.random(total) >= 0.75)
    item[away] = popular(chance, PRODUCTS, len(away))
    again = np.flatnonzero((chance.random(total) < 1 / 6) & (np.arange(total) > start[:-1][session]))
    item[again] = item[start[:-1][session[again]]]
    owner: Int64 = 1 + np.arange(count, dtype=np.int64) // 3
    end = np.arange(count, dtype=np.int64) * 1000
    return Sessions(start=start, item=item, end=end, kind=np.zeros(total, np.uint8), owner=owner)


def popular(chance: np.random.Generator, kinds: int, count: int) -> Int32:
    """Numbers below `kinds`, each with a chance of one over its rank."""
    bound = np.cumsum(1 / np.arange(1, kinds + 1))
    found: Int32 = np.searchsorted(bound, chance.random(count, np.float32) * np.float32(bound[-1])).astype(np.int32)
    return np.minimum(found, np.int32(kinds - 1))


if __name__ == "__main__":
    sys.exit(main())
