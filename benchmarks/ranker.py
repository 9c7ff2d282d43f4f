"""Whether the learned order is better than the blend on weeks that nothing was learned from, and what it costs.

Data, cut and cases: those of `next_basket.py` (Complete Journey, the last four weeks, the first basket of each
household, at most 10 products). As in the product, the trees learn from the four weeks before the cut with models of
the days before those, and serve with the models of all days before the cut. There are no exposures in this data: what
is learned from is simulated.

`ranker` learns as the product does until there are exposures: every candidate was looked at. `rows_of_ten` learns from
the same baskets as rows of ten would have shown them: in the order of the blend with three slots in ten drawn from all
candidates, looked at with the probability slot^-0.5, wanted items clicked by nine in ten who look, others by two in a
hundred; weighed by inverse probabilities, slots corrected for. It says what a shop may expect of as many real rows.

Intervals: 95 %, bootstrap over households; `lead` is that of the ranker, in pairs. Milliseconds are of the processor,
from the household's purchases in positions to ten products.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.next_basket import HOLDOUT_DAYS, complete_journey
from regulars.recommend.assortment import Assortment
from regulars.recommend.evaluation import Evaluation, Ranks, evaluate, next_baskets
from regulars.recommend.interactions import Catalogue, Interactions
from regulars.recommend.material import Material
from regulars.recommend.model import Shopper
from regulars.recommend.ranked.asked import InOrder
from regulars.recommend.ranked.examples import CLICKED, Example, simulated
from regulars.recommend.ranked.learned import Order, Ranked, learn
from regulars.recommend.ranked.signals import Asks, Signaller, Signals, facts_of
from regulars.recommend.ranked.teaching import baskets_since
from regulars.recommend.registry import fit_all
from regulars.recommend.sources import Sources, background_of
from regulars.recommend.training import Settings, TrainedSet, train

METRICS = ("hit_rate", "ndcg", "precision")
#: Of simulated rows of ten.
ITEMS, EXPLORED, FADING, CLICKS, ERRS, ROWS = 10, 0.3, 0.5, 0.9, 0.02, 4


def main() -> int:
    """Learn before the cut, ask after it, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one household in three")
    everything, catalogue = complete_journey()
    lines = everything.where(everything.quantity > 0)
    if parser.parse_args().quick:
        lines = lines.where(lines.person % 3 == 0)
    cut = lines.last_day + 1 - HOLDOUT_DAYS
    before = lines.before(cut)
    trained = train(before, catalogue, Settings())
    began = time.process_time()
    examples = lessons(trained, before, catalogue)
    rankers = {
        "ranker": learn(examples, learned_from="simulated"),
        "rows_of_ten": learn(list(rows_of_ten(examples)), learned_from="exposures"),
    }
    figures = {"train_cpu_seconds": time.process_time() - began, "rows": float(len(examples))}
    asked: dict[str, Ranks] = {trained.blend.name: trained.blend}
    for name, ranked in rankers.items():
        if ranked.trees is None:
            raise SystemExit(f"{name}: nothing was learned ({ranked.told.why}); pip install 'regulars[ml,demo]'")
        asked[name] = InOrder(Order(ranked), trained, Assortment.of(catalogue, {}), cut)
    cases = list(next_baskets(lines, since=cut))
    found = evaluate(asked, cases, leader="ranker", k=10, clock=time.thread_time)
    Console(width=132).print(table(found, rankers))
    figures |= flat(found, rankers)
    ok = figures["lead_blend_ndcg_low"] > 0 or not rankers["ranker"].told.serves
    print(json.dumps({
        "name": "ranker",
        "figures": {name: round(value, 5) for name, value in figures.items()},
        "budgets": {"lead_blend_ndcg_low": "> 0, or it rests"},
        "ok": ok,
    }))  # fmt: skip
    return 0 if ok else 1


def lessons(trained: TrainedSet, before: Interactions, catalogue: Catalogue) -> list[Example]:
    """Baskets of the weeks before the cut, with the candidates of models that have not seen them."""
    earlier = trained.earlier
    if earlier is None:
        raise RuntimeError("the set was trained without days that are held out")
    since = earlier.last_day + 1
    assortment = Assortment.of(catalogue, {})
    models = msgspec.structs.replace(earlier, more=fit_all(Material(before.before(since), assortment, None)))
    signaller = Signaller(background_of(models), facts_of(assortment, since))

    def ask(shopper: Shopper, day: int) -> Asks:
        return Sources(models, shopper, day)

    return list(simulated(baskets_since(before, catalogue, since), signaller, ask))


def rows_of_ten(examples: Sequence[Example]) -> Iterator[Example]:
    """The same baskets as rows of ten would have shown them to readers who tire and err."""
    chance = np.random.default_rng(1)
    looked = np.arange(1, ITEMS + 1) ** -FADING
    for one in examples:
        if len(one.gain) <= ITEMS:
            continue
        order = np.argsort(-one.signals.rows[:, -1], kind="stable")
        for _ in range(ROWS):
            row, rest = order[:ITEMS].copy(), order[ITEMS:].tolist()
            propensity = np.full(ITEMS, 1 - EXPLORED)
            for slot in np.flatnonzero(chance.random(ITEMS) < EXPLORED).tolist():
                if rest:
                    propensity[slot] = EXPLORED / len(order[ITEMS:])
                    row[slot] = rest.pop(int(chance.integers(len(rest))))
            clicks = chance.random(ITEMS) < looked * np.where(one.gain[row] > 0, CLICKS, ERRS)
            gain = np.where(clicks, np.maximum(one.gain[row], CLICKED), 0).astype(np.int32)
            if gain.any():
                slots = np.argsort(row, kind="stable")
                at = row[slots]
                shown = Signals(one.signals.items[at], one.signals.rows[at], one.signals.part[at])
                yield Example(one.owner, shown, slots.astype(np.int32), gain[slots], propensity[slots])


def flat(found: Evaluation, rankers: dict[str, Ranked]) -> dict[str, float]:
    """Figures with flat names."""
    figures = {"cases": float(found.cases)}
    for kind, told in (("", found.figures), ("lead_", found.lead)):
        for name, metrics in told.items():
            for metric in METRICS:
                one, key = metrics[metric], f"{kind}{name}_{metric}"
                figures |= {key: one.mean, f"{key}_low": one.low, f"{key}_high": one.high}
    for name, latency in found.latency.items():
        figures |= {f"{name}_cpu_ms_p50": latency.p50, f"{name}_cpu_ms_p99": latency.p99}
    for name, ranked in rankers.items():
        figures |= {f"{name}_serves": float(ranked.told.serves), f"{name}_parts": float(len(ranked.told.parts))}
    return figures


def table(found: Evaluation, rankers: dict[str, Ranked]) -> Table:
    """The orders by metric, with intervals, and the ranker's lead."""
    result = Table(title=f"next basket: {found.cases:,} households, k = {found.k}")
    for head in ("order", *METRICS, "lead in ndcg", "ms p50 / p99", "state"):
        result.add_column(head, justify="left" if head in ("order", "state") else "right")
    for name, metrics in found.figures.items():
        cells = [f"{one.mean:.4f} [{one.low:.3f}, {one.high:.3f}]" for one in (metrics[metric] for metric in METRICS)]
        lead = found.lead.get(name, {}).get("ndcg")
        cells.append(f"{lead.mean:+.4f} [{lead.low:+.4f}, {lead.high:+.4f}]" if lead else "")
        cells.append(f"{found.latency[name].p50:.2f} / {found.latency[name].p99:.2f}")
        ranked = rankers.get(name)
        state = "" if ranked is None else "serves" if ranked.told.serves else f"rests ({ranked.told.why})"
        result.add_row(name, *cells, state)
    return result


if __name__ == "__main__":
    sys.exit(main())
