"""How well session models foretell the next product, on any folder of sessions.

The folder holds `train.parquet` (columns session, position, item; session numbers in the order of time) and
`test.parquet` (columns prefix, a list of items, and target). One procedure for every folder, nothing set by hand: the
settings of the neighbours are searched, and the order of the blend is learned, on the newest 7 % of the training
sessions; the test file is read for the figures alone. `train_seconds` of a model hold all that, search included.

HR@20: share of test prefixes whose target is among the first 20. MRR@20: mean of 1 / rank, 0 beyond 20. `review` and
`discovery` are the same over prefixes whose target was seen in the visit, and over the others; `new_only` asks the
others without what the visit has seen. Latencies are of `recommend` for 20 products, one call after the other.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.report import emit
from benchmarks.shared_data import shared_data
from regulars.analyst.evaluating import read_folder
from regulars.recommend.sessions.blend import Mixing, SessionBlend
from regulars.recommend.sessions.cases import Case, hits, ranks
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.linear import Linear
from regulars.recommend.sessions.model import SessionModel
from regulars.recommend.sessions.neighbours import Neighbours, fast_way
from regulars.recommend.sessions.ranker import Ranking
from regulars.recommend.sessions.rules import Rules, Ruling
from regulars.recommend.sessions.search import Search, search

MODELS = ("association", "sequence", "linear", "neighbours", "blend")
#: Published figures that the two public sets are held to, where the folder is one of them.
BUDGETS = {
    "session-retailrocket": {
        "neighbours_hr20": ">= 0.555",
        "neighbours_mrr20": ">= 0.28",
        "blend_hr20": ">= 0.562",
        "blend_mrr20": ">= 0.3",
    },
    "session-diginetica": {
        "neighbours_hr20": ">= 0.507",
        "neighbours_mrr20": ">= 0.182",
        "blend_hr20": ">= 0.542",
        "blend_mrr20": ">= 0.191",
    },
}


def main() -> int:
    """Train, measure, print a table and one line of JSON; without `--path` the public set that is at hand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", type=Path, help="the folder; by default RetailRocket of the shared data")
    parser.add_argument("--models", default=",".join(MODELS), help="some of " + ", ".join(MODELS))
    parser.add_argument("--seconds", type=float, default=600, help="what training the blend may take (a budget)")
    parser.add_argument("--cases", type=int, help="test prefixes to draw; all by default")
    parser.add_argument("--threads", type=int, default=1, help="of LightGBM; at most the cores that are free")
    parser.add_argument("--quick", action="store_true", help="neighbours only, 2,000 test prefixes")
    asked = parser.parse_args()
    folder = asked.path or shared_data("session-retailrocket")
    if folder is None:
        figures = {"skipped": 1.0}
        print("no --path was given and the shared data is not at hand (set REGULARS_SHARED_DATA): nothing was measured")
        print(json.dumps({"name": "sessions", "figures": figures, "budgets": {}, "ok": True}))
        return 0
    wanted = ["neighbours"] if asked.quick else asked.models.split(",")
    if unknown := set(wanted) - set(MODELS):
        parser.error(f"no model {', '.join(sorted(unknown))}; known are {', '.join(MODELS)}")
    sessions, items, cases = read(folder)
    most = 2_000 if asked.quick else asked.cases
    if most and most < len(cases):
        drawn = np.random.default_rng(1).choice(len(cases), most, replace=False)
        cases = [cases[number] for number in sorted(drawn.tolist())]
    figures = {"sessions": float(len(sessions)), "events": float(len(sessions.item)), "items": float(items)}
    figures |= {"test_prefixes": float(len(cases)), "fast": float(fast_way() is not None)}
    for name, (model, seconds, cpu) in trained(wanted, sessions, items, asked.threads).items():
        figures |= {f"{name}_train_seconds": seconds, f"{name}_train_cpu_seconds": cpu}
        figures |= quality(name, model, cases)
        figures |= latency(name, model, cases[:2_000])
        if isinstance(model, Neighbours) and fast_way() is not None:
            plain = Neighbours(model.base, model.end, model.owner, model.settings, compiled=False)
            figures |= latency(f"{name}_plain", plain, cases[:2_000])
            same = [listed(model, case) == listed(plain, case) for case in cases[:2_000]]
            figures[f"{name}_plain_same_lists"] = float(np.mean(same))
    budgets = {key: what for key, what in BUDGETS.get(folder.name, {}).items() if key.split("_")[0] in wanted}
    if "blend" in wanted:
        budgets["blend_train_seconds"] = f"<= {asked.seconds:g}"
    return 0 if emit("sessions", figures, budgets) else 1


def read(folder: Path) -> tuple[Sessions, int, list[Case]]:
    """The training sessions, the number of items, and the test: as `regulars evaluate --path` reads them."""
    found = read_folder(folder)
    return found.sessions, found.items, [Case(one.prefix, one.target) for one in found.questions]


def trained(
    wanted: list[str], sessions: Sessions, items: int, threads: int
) -> dict[str, tuple[SessionModel, float, float]]:
    """Each model with seconds of the clock and of the processor; the search counts for the neighbours and the blend."""
    span = int(sessions.end[-1] - sessions.end[0])
    result: dict[str, tuple[SessionModel, float, float]] = {}
    if "association" in wanted:
        result["association"] = timed(lambda: Rules.fit(sessions, items, Ruling(kind="association")))
    if "sequence" in wanted:
        result["sequence"] = timed(lambda: Rules.fit(sessions, items, Ruling(age_half_life=span // 2)))
    if "linear" in wanted:
        from regulars.recommend.sessions.linear import Regression

        result["linear"] = timed(lambda: Linear.fit(sessions, items, Regression(age_half_life=span // 3)))
    if not {"neighbours", "blend"} & set(wanted):
        return result
    if fast_way() is not None:
        began = time.perf_counter()
        warm = Neighbours.fit(Sessions.of_lists([[0, 1]]), items)
        warm.recommend(np.asarray([0], np.int32), 1)
        print(f"compiled in {time.perf_counter() - began:.1f} s (once for an installation)", flush=True)
    began, cpu = time.perf_counter(), time.process_time()
    chosen = search(sessions, items, Search())
    searched, searched_cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"searched in {searched:.1f} s: {chosen}", flush=True)
    if "neighbours" in wanted:
        model, seconds, cpu = timed(lambda: Neighbours.fit(sessions, items, chosen))
        result["neighbours"] = (model, seconds + searched, cpu + searched_cpu)
    if "blend" in wanted:
        how = Mixing(ranking=Ranking(threads=threads))
        model, seconds, cpu = timed(lambda: SessionBlend.fit(sessions, items, how, neighbours=chosen))
        result["blend"] = (model, seconds + searched, cpu + searched_cpu)
    return result


def timed(fit: Any) -> tuple[SessionModel, float, float]:
    """A model, and what fitting it took."""
    began, cpu = time.perf_counter(), time.process_time()
    model: SessionModel = fit()
    return model, time.perf_counter() - began, time.process_time() - cpu


def quality(name: str, model: SessionModel, cases: list[Case]) -> dict[str, float]:
    """Hit rate and reciprocal rank: whole, of targets seen in the visit, and of the others."""
    found = ranks(model, cases)
    seen = np.asarray([target in prefix for prefix, target in cases])
    new = [case for case, was in zip(cases, seen.tolist(), strict=True) if not was]
    parts = {
        "": hits(found),
        "review_": hits(found[seen]),
        "discovery_": hits(found[~seen]),
        "new_only_": hits(ranks(model, new[:10_000], review=False)),
    }
    figures: dict[str, float] = {}
    for part, one in parts.items():
        figures |= {f"{name}_{part}hr20": one.hit_rate, f"{name}_{part}mrr20": one.reciprocal_rank}
    print(f"{name}: HR@20 {parts[''].hit_rate:.4f} MRR@20 {parts[''].reciprocal_rank:.4f}", flush=True)
    return figures


def latency(name: str, model: SessionModel, cases: list[Case]) -> dict[str, float]:
    """Microseconds of one call."""
    spent = np.empty(len(cases))
    for number, (prefix, _) in enumerate(cases):
        began = time.perf_counter()
        model.recommend(prefix, 20)
        spent[number] = time.perf_counter() - began
    p50, p99 = np.percentile(1e6 * spent, [50, 99])
    return {f"{name}_p50_us": float(p50), f"{name}_p99_us": float(p99)}


def listed(model: SessionModel, case: Case) -> list[int]:
    """The items of one answer."""
    found: list[int] = model.recommend(case.prefix, 20).items.tolist()
    return found


if __name__ == "__main__":
    sys.exit(main())
