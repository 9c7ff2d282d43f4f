"""Where the product that a household buys next stands among what its words find: by relevance, for all, and for it.

Complete Journey, as in `next_basket.py`: models see lines before the last four weeks. The case of a household is its
first basket after the cut, one product of it drawn by a seed; asked is for its category's words ("FLUID MILK WHITE
ONLY"), which its title and many others have. Products beyond the 200 best by relevance count as not found. Weights were
chosen on the four weeks before the cut.
"""

import random
import time
from collections.abc import Mapping

import numpy as np

from benchmarks.next_basket import HOLDOUT_DAYS, complete_journey
from regulars.catalog.search import MOST_HITS, ProductIndex
from regulars.core.catalog import CatalogItem
from regulars.core.merchandising import SEARCH, steps_of
from regulars.recommend.evaluation import Asking, next_baskets
from regulars.recommend.interactions import Catalogue, Interactions
from regulars.recommend.model import Shopper
from regulars.recommend.search import FoundItem, Search, spelled_out
from regulars.recommend.sources import Sources
from regulars.recommend.training import Settings, train

SEED = 1
ROW = 20  # items of a row, whose reasons are told
CHAIN = spelled_out(steps_of(SEARCH))


def rerank_figures(index: ProductIndex, items: Mapping[str, CatalogItem], cases: int) -> dict[str, float]:
    """Mean reciprocal rank and the share among the first five, in three orders; and what the last one costs, ms."""
    lines, catalogue = complete_journey()
    cut = lines.last_day + 1 - HOLDOUT_DAYS
    trained = train(lines.before(cut), catalogue, Settings(holdout_days=0, learn_baskets=1))
    chance = random.Random(SEED)
    by_person = lines.where(lines.quantity > 0)
    order = np.lexsort((by_person.day, by_person.person))
    by_person = Interactions(**{name: getattr(by_person, name)[order] for name in by_person.__struct_fields__})
    ranks: dict[str, list[float]] = {"relevance": [], "everybody": [], "personal": []}
    spent: list[float] = []
    cpu = 0.0
    for case in next_baskets(lines, since=cut):
        titled = [one for at in case.bought.tolist() if (one := catalogue.ids[at]) in items and items[one].title]
        if not titled:
            continue
        wanted = items[chance.choice(titled)]
        purchases = _bought(by_person, case.person, case.visit.day, catalogue)
        hits = index.search(wanted.category[-1], n=MOST_HITS).hits
        search = Search([FoundItem(*hit) for hit in hits])
        orders = {"relevance": [hit.id for hit in hits]}
        for name, shopper in (("everybody", Shopper()), ("personal", Shopper(purchases=purchases))):
            began, began_cpu = time.perf_counter(), time.process_time()
            sources = Sources(trained, shopper, case.visit.day, search)
            found = [one.at for step in CHAIN for one in sources.step(step, 0, MOST_HITS, (), None)]
            sources.reasons(SEARCH, found[:ROW])
            if name == "personal":
                spent.append(1000 * (time.perf_counter() - began))
                cpu += time.process_time() - began_cpu
            orders[name] = [catalogue.ids[at] for at in found]
        for name, listed in orders.items():
            ranks[name].append(1 / (1 + listed.index(wanted.id)) if wanted.id in listed else 0.0)
        if len(spent) >= cases:
            break
    spent.sort()
    figures: dict[str, float] = {"rerank_cases": len(spent)}
    for name, found_at in ranks.items():
        figures[f"rerank_{name}_mrr"] = float(np.mean(found_at))
        figures[f"rerank_{name}_first_five"] = float(np.mean([one >= 0.2 for one in found_at]))
    figures["rerank_p50_ms"], figures["rerank_p99_ms"] = spent[len(spent) // 2], spent[int(len(spent) * 0.99)]
    figures["rerank_cpu_ms"] = 1000 * cpu / len(spent)
    return figures


def _bought(lines: Interactions, person: int, day: int, catalogue: Catalogue) -> list[tuple[str, int, int]]:
    """What a person bought before a day, as many lines as a profile keeps; `lines` are sorted by person and day."""
    begin, end = np.searchsorted(lines.person, (person, person + 1)).tolist()
    end = begin + int(np.searchsorted(lines.day[begin:end], day))
    begin = max(begin, end - Asking().history_lines)
    found = zip(lines.item[begin:end].tolist(), lines.day[begin:end].tolist(), strict=True)
    return [(catalogue.ids[item], on, 1) for item, on in found]
