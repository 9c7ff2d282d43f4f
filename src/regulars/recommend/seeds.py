"""The products that speak for others: those at hand now, then those bought lately."""

from typing import NamedTuple

import numpy as np

from regulars.recommend.assortment import Rows
from regulars.recommend.interactions import Float32, Float64, Int32, Int64, runs
from regulars.recommend.model import NOTHING, Scored
from regulars.recommend.visit import Visit

VIEWED_WEIGHT = 0.7  # of a product viewed, against one in the basket
OWN_WEIGHT = 0.5  # of a product bought today
MOST_OWN = 20
NO_SCORES = Scored(NOTHING, np.empty(0, np.float64))


class Seeds(NamedTuple):
    """Products with weights, and where each of them comes from."""

    items: Int32
    weights: Float64
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)


def seeds_of(visit: Visit, half_life_days: float, *, own: bool = True) -> Seeds:
    """The basket, what was viewed (the latest counts most), and what was bought and kept, fading by half-life."""
    viewed = visit.viewed[::-1]
    weights = [np.ones(len(visit.basket)), VIEWED_WEIGHT * 0.8 ** np.arange(len(viewed))]
    items = [visit.basket, viewed]
    names = ["basket"] * len(visit.basket) + ["viewed"] * len(viewed)
    if own and len(visit.own):
        kept = ~np.isin(visit.own, visit.returned)
        bought = visit.own[kept]
        fading = OWN_WEIGHT * np.exp2(-visit.days_since[kept] / half_life_days)
        best = np.lexsort((bought, -fading))[:MOST_OWN]
        items.append(bought[best])
        weights.append(fading[best])
        names += ["history"] * len(best)
    return Seeds(np.concatenate(items).astype(np.int32), np.concatenate(weights), tuple(names))


class Strength(NamedTuple):
    """Neighbours of items in compressed rows, with how strongly each belongs."""

    rows: Rows
    weight: Float32

    def reach(self, seeds: Seeds) -> tuple[Int32, Float64, Int64]:
        """Neighbours of the seeds, their strengths, and the places of the seeds that they belong to."""
        start = self.rows.start[seeds.items]
        lengths = self.rows.start[seeds.items + 1] - start
        numbers = np.repeat(np.arange(len(seeds)), lengths)
        places = np.arange(len(numbers)) + (start - np.cumsum(lengths) + lengths)[numbers]
        return self.rows.value[places], self.weight[places] * seeds.weights[numbers], numbers


def summed(items: Int32, strengths: Float64) -> Scored:
    """Each item once with the sum of its strengths, by position."""
    if not len(items):
        return NO_SCORES
    order = np.argsort(items, kind="stable")
    items, strengths = items[order], strengths[order]
    starts, _ = runs(items)
    return Scored(items[starts], np.add.reduceat(strengths, starts))


def without(scored: Scored, items: Int32) -> Scored:
    """The candidates that are none of the items."""
    if not len(items) or not len(scored.items):
        return scored
    keep = ~np.isin(scored.items, items)
    return Scored(scored.items[keep], scored.scores[keep])


def strongest(items: Int32, found: tuple[Int32, Float64, Int64]) -> list[tuple[int, float]]:
    """For each item the place of the seed that speaks most for it and how strongly; (-1, 0) where none does."""
    reached, strengths, places = found
    result = []
    for item in items.tolist():
        here = np.flatnonzero(reached == item)
        if not len(here):
            result.append((-1, 0.0))
            continue
        best = int(here[np.argmax(strengths[here])])
        result.append((int(places[best]), float(strengths[best])))
    return result
