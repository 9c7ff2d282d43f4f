"""Bought together: neighbours of an item by baskets, with a statistic that does not just rank the popular.

Which pairs belong together is decided by the log-likelihood ratio of Dunning, "Accurate Methods for the Statistics of
Surprise and Coincidence" (1993); how much the one raises the chance of the other is the lift, shrunk to 1 by a prior.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple, Self

import msgspec
import numpy as np

from regulars.recommend.interactions import (
    Catalogue,
    Float32,
    Float64,
    Int32,
    Int64,
    Interactions,
    check_items,
    distinct_pairs,
    frequent,
    runs,
)
from regulars.recommend.model import NOTHING, Column, Reason, ReasonCode, Reasons, Scored, ScoringModel
from regulars.recommend.visit import Visit

VIEWED_WEIGHT = 0.5  # of a product viewed, against one in the basket
_PAIRS_AT_ONCE = 6_000_000  # 8-byte keys counted at a time: bounds the memory of fitting


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of bought together."""

    neighbours: int = 30  # kept per item
    least_baskets: int = 5  # an item in fewer baskets has no neighbours
    least_together: int = 3  # baskets that hold both
    least_ratio: float = 10.83  # log-likelihood ratio: chi-square with one degree of freedom at 0.001
    prior_baskets: float = 5.0  # baskets of the item in which the other came as often as anywhere
    largest_basket: int = 120  # of a larger one (a wholesale order), this many items are used
    seeds: int = 20  # own items whose neighbours are looked at
    seed_half_life_days: float = 45.0


class _Reached(NamedTuple):
    """Neighbours of seeds, one entry for each seed that reaches one."""

    items: Int32
    strengths: Float64
    seeds: Int64  # position among the seeds


class BoughtTogether(ScoringModel):
    """What is bought together with the basket, the products viewed and the own items.

    With n_ij baskets holding both, n_i, n_j one and N all: lift = (n_ij + k) / (n_i n_j / N + k); an item's score is
    the sum of log lift * seed weight over the seeds. A product in the basket weighs 1, one viewed half, an own item
    its decayed share of the shopper's purchase days.
    """

    name: ClassVar[str] = "bought_together"

    def __init__(self, catalogue: Catalogue, start: Int64, item: Int32, lift: Float32, settings: Together) -> None:
        self.catalogue = catalogue
        self._start = start
        self._item = item
        self._lift = lift  # natural logarithm
        self.settings = settings

    @classmethod
    def fit(cls, interactions: Interactions, catalogue: Catalogue, settings: Together = Together()) -> Self:
        """Count pairs in baskets, keep the surprising ones, the most surprising first."""
        check_items(interactions, catalogue)
        basket, item = distinct_pairs(interactions.basket, interactions.item)
        baskets = int((basket[1:] != basket[:-1]).sum()) + 1 if len(basket) else 0
        counts = np.bincount(item, minlength=len(catalogue))
        often = counts[item] >= settings.least_baskets
        low, high, both = count_pairs(basket[often], item[often], settings)
        ratio = log_likelihood_ratio(both, counts[low], counts[high], baskets)
        expected = counts[low] * (counts[high] / max(baskets, 1))
        keep = (ratio >= settings.least_ratio) & (both > expected)
        low, high, both, ratio, expected = low[keep], high[keep], both[keep], ratio[keep], expected[keep]
        prior = settings.prior_baskets
        lift = np.log((both + prior) / (expected + prior))
        return cls(catalogue, *_strongest(low, high, ratio, lift, len(catalogue), settings.neighbours), settings)

    def neighbours(self, item: int) -> Scored:
        """Items bought together with `item`, the most surprising first, scored by log lift."""
        part = slice(int(self._start[item]), int(self._start[item + 1]))
        return Scored(self._item[part], self._lift[part].astype(np.float64))

    def follow_up(self, share: Float64, worth: Float64) -> Float64:
        """For each item what its neighbours in the same basket are worth on average.

        `share` is how many of all baskets hold an item: of those with item i, about share_j * lift_ij hold j.
        """
        seeds = np.repeat(np.arange(len(self._start) - 1), np.diff(self._start))
        chance = np.minimum(np.exp(self._lift.astype(np.float64)) * share[self._item], 1.0)
        weights = chance * worth[self._item]
        return np.bincount(seeds, weights=weights, minlength=len(self._start) - 1).astype(np.float64)

    def score(self, visit: Visit) -> Scored:
        """Neighbours of the products at hand and of the own items; seeds may be among them."""
        return _summed(self._reach(*self._join(visit)))

    def score_at_hand(self, visit: Visit) -> Scored:
        """Neighbours of the basket and of the products viewed, sorted by position."""
        if not len(visit.basket) and not len(visit.viewed):
            return Scored(NOTHING, np.empty(0, np.float64))
        return _summed(self._reach(*self.at_hand(visit)))

    def score_history(self, visit: Visit) -> Scored:
        """Neighbours of the own items, sorted by position."""
        return _summed(self._reach(*self.history(visit)))

    def at_hand(self, visit: Visit) -> tuple[Int32, Float64]:
        """The products at hand as seeds with weights."""
        weights = np.concatenate((np.ones(len(visit.basket)), np.full(len(visit.viewed), VIEWED_WEIGHT)))
        return np.concatenate((visit.basket, visit.viewed)), weights

    def history(self, visit: Visit) -> tuple[Int32, Float64]:
        """The own items most bought lately as seeds with weights."""
        own, weights = visit.own, visit.decayed(self.settings.seed_half_life_days)
        seeds = int(self.settings.seeds)
        if len(own) > seeds:
            chosen = np.argpartition(-weights, seeds)[:seeds]
            own, weights = own[chosen], weights[chosen]
        return own, weights / max(visit.decayed_days(self.settings.seed_half_life_days), 1.0)

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """For each item the product at hand or owned that speaks most for it."""
        seeds, weights = self._join(visit)
        reached = self._reach(seeds, weights)
        result: list[Reasons] = []
        for item in items.tolist():
            found = np.flatnonzero(reached.items == item)
            if not len(found):
                result.append(())
                continue
            place = int(reached.seeds[found[np.argmax(reached.strengths[found])]])
            if place < len(visit.basket):
                source = "basket"
            else:
                source = "viewed" if place < len(visit.basket) + len(visit.viewed) else "history"
            matched = self.catalogue.ids[int(seeds[place])]
            result.append((Reason(ReasonCode.BOUGHT_TOGETHER, {"item": matched, "from": source}),))
        return result

    def _join(self, visit: Visit) -> tuple[Int32, Float64]:
        hand, hand_weights = self.at_hand(visit)
        own, own_weights = self.history(visit)
        return np.concatenate((hand, own)), np.concatenate((hand_weights, own_weights))

    def _reach(self, seeds: Int32, weights: Float64) -> _Reached:
        starts = self._start[seeds]
        lengths = self._start[seeds + 1] - starts
        ends = np.cumsum(lengths)
        numbers = np.repeat(np.arange(len(seeds)), lengths)
        places = np.arange(len(numbers)) + (starts - ends + lengths)[numbers]
        return _Reached(self._item[places], self._lift[places] * weights[numbers], numbers)

    def columns(self) -> Mapping[str, Column]:
        """The arrays of the model."""
        numbers = np.asarray(msgspec.structs.astuple(self.settings), np.float64)
        return {"start": self._start, "item": self._item, "lift": self._lift, "settings": numbers}

    @classmethod
    def restore(cls, catalogue: Catalogue, columns: Mapping[str, Column]) -> Self:
        """The model from its arrays."""
        settings = msgspec.convert(
            dict(zip(Together.__struct_fields__, columns["settings"].astype(np.float64).tolist(), strict=True)),
            Together,
            strict=False,
        )
        return cls(
            catalogue,
            columns["start"].astype(np.int64, copy=False),
            columns["item"].astype(np.int32, copy=False),
            columns["lift"].astype(np.float32, copy=False),
            settings,
        )


def _summed(reached: _Reached) -> Scored:
    """Each neighbour once with the sum of its strengths, sorted by position."""
    if not len(reached.items):
        return Scored(reached.items, reached.strengths)
    order = np.argsort(reached.items)
    items, strengths = reached.items[order], reached.strengths[order]
    starts, _ = runs(items)
    return Scored(items[starts], np.add.reduceat(strengths, starts))


def log_likelihood_ratio(both: Int64, first: Int64, second: Int64, total: int) -> Float64:
    """Dunning's G2 of the table both, first only, second only, neither: 2 sum of observed log(observed / expected)."""
    neither = total - first - second + both
    rows, columns = (first, total - first), (second, total - second)
    observed = ((both, first - both), (second - both, neither))
    result = np.zeros(len(both))
    for row, cells in zip(rows, observed, strict=True):
        for column, cell in zip(columns, cells, strict=True):
            here = cell > 0
            result[here] += cell[here] * np.log(
                cell[here] * float(total) / (row[here] * column[here].astype(np.float64))
            )
    return 2 * np.maximum(result, 0)


def count_pairs(basket: Int32, item: Int32, settings: Together) -> tuple[Int64, Int64, Int64]:
    """Pairs (lower, higher item) and the number of baskets with both, of at least `least_together`."""
    basket, item = _cap_baskets(basket, item, settings.largest_basket)
    parts = [frequent(keys, settings.least_together) for keys in _pair_keys(basket, item)]
    keys = np.concatenate([np.empty(0, np.int64), *(found for found, _ in parts)])
    counts = np.concatenate([np.empty(0, np.int64), *(times for _, times in parts)])
    return keys >> 32, keys & 0xFFFFFFFF, counts


def _cap_baskets(basket: Int32, item: Int32, largest: int) -> tuple[Int32, Int32]:
    """Of a larger basket, `largest` items spread evenly over its items, which are sorted by position."""
    starts, lengths = runs(basket)
    if not len(basket) or int(lengths.max()) <= largest:
        return basket, item
    within = np.arange(len(basket)) - np.repeat(starts, lengths)
    size = np.repeat(lengths, lengths)
    keep = (size <= largest) | (within * largest // size != (within - 1) * largest // size)
    return basket[keep], item[keep]


def _pair_keys(basket: Int32, item: Int32) -> Iterator[Int64]:
    """Pair keys, a range of lower items at a time: all occurrences of a pair come in the same part."""
    if not len(basket):
        return
    starts, lengths = runs(basket)
    after = (np.repeat(starts + lengths, lengths) - np.arange(len(basket)) - 1).astype(np.int32)
    by_item = np.argsort(item, kind="stable")
    heads, _ = runs(item[by_item])
    load = np.cumsum(after[by_item], dtype=np.int64)
    wanted = np.arange(_PAIRS_AT_ONCE, int(load[-1]) + _PAIRS_AT_ONCE, _PAIRS_AT_ONCE)
    cuts = heads[np.minimum(np.searchsorted(load[heads], wanted), len(heads) - 1)]
    bounds = np.unique(np.concatenate((np.zeros(1, np.int64), cuts, np.asarray([len(item)]))))
    wide = item.astype(np.int64)
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        here = by_item[low:high]
        left = after[here]
        parts: list[Int64] = []
        shift = 1
        while len(here := here[left >= shift]):
            left = left[left >= shift]
            parts.append((wide[here] << 32) | wide[here + shift])
            shift += 1
        if parts:
            yield np.concatenate(parts)


def _strongest(
    low: Int64, high: Int64, ratio: Float64, lift: Float64, items: int, kept: int
) -> tuple[Int64, Int32, Float32]:
    """Both directions of each pair, for each item its `kept` most surprising neighbours, as compressed rows."""
    source, target = np.concatenate((low, high)), np.concatenate((high, low))
    ratio, lift = np.concatenate((ratio, ratio)), np.concatenate((lift, lift))
    order = np.lexsort((target, -ratio, source))
    source, target, lift = source[order], target[order], lift[order]
    counts = np.bincount(source, minlength=items)
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    keep = np.arange(len(source)) - starts[source] < kept
    rows = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.minimum(counts, kept))))
    return rows, target[keep].astype(np.int32), lift[keep].astype(np.float32)
