"""Popular and trending: what many baskets hold, with old baskets counting less.

Both are exponentially weighted counts of baskets (not of units: one caterer's fifty bottles are one basket). Trending
compares a fast count with what a slow one expects, in Poisson standard deviations.
"""

import math
from collections.abc import Mapping
from typing import ClassVar, Self

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
)
from regulars.recommend.model import Column, Reason, ReasonCode, Reasons, Scored, ScoringModel
from regulars.recommend.visit import Visit


class Popularity(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of popular and trending."""

    half_life_days: float = 28.0
    fast_half_life_days: float = 7.0
    slow_half_life_days: float = 56.0
    kept: int = 500  # items kept for the whole shop
    kept_per_category: int = 10


class Popular(ScoringModel):
    """The items in most recent baskets, of the whole shop or of one category.

    `rate[i]` = baskets per day with item i, sum over baskets of 2^(-age/half-life), divided by the sum of the days'
    weights (exponentially weighted moving average).
    """

    name: ClassVar[str] = "popular"

    def __init__(
        self,
        catalogue: Catalogue,
        rate: Float32,
        leaders: Int32,
        start: Int64,
        by_category: Int32,
        per_day: float = 0.0,
    ) -> None:
        self.catalogue = catalogue
        self.per_day = per_day  # baskets a day, old ones counting less; 0: not known
        self.rate = rate
        self.leaders = leaders
        self._start = start
        self._by_category = by_category

    @classmethod
    def fit(cls, interactions: Interactions, catalogue: Catalogue, settings: Popularity = Popularity()) -> Self:
        """Count the baskets up to the last day of the lines."""
        check_items(interactions, catalogue)
        rate = basket_rate(interactions, len(catalogue), settings.half_life_days)
        start, by_category = _best_by_category(rate, catalogue, settings.kept_per_category)
        per_day = baskets_per_day(interactions, settings.half_life_days)
        return cls(catalogue, rate.astype(np.float32), _best(rate, settings.kept), start, by_category, per_day)

    def score(self, visit: Visit) -> Scored:
        """The shop's most popular items, whoever asks."""
        return Scored(self.leaders, self.rate[self.leaders].astype(np.float64))

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """Popular in the whole shop if it is among its best, else in its category."""
        floor = float(self.rate[self.leaders[-1]]) if len(self.leaders) else 0.0
        return [
            self._reason(item, rate, floor)
            for item, rate in zip(items.tolist(), self.rate[items].tolist(), strict=True)
        ]

    def reason(self, item: int) -> Reasons:
        """The reasons of one item, for whoever asks."""
        return self._reason(
            item, float(self.rate[item]), float(self.rate[self.leaders[-1]]) if len(self.leaders) else 0.0
        )

    def _reason(self, item: int, rate: float, floor: float) -> Reasons:
        if rate <= 0:
            return ()
        return (Reason(ReasonCode.POPULAR, {"category": "" if rate >= floor else self.catalogue.category_of(item)}),)

    def of_category(self, category: int) -> Int32:
        """The most popular items of a category, best first."""
        return self._by_category[self._start[category] : self._start[category + 1]]

    def of_categories(self, categories: Int32 | Int64) -> Int32:
        """The most popular items of several categories."""
        parts = [self.of_category(one) for one in categories.tolist()]
        return np.concatenate(parts) if parts else self.leaders[:0]

    def columns(self) -> Mapping[str, Column]:
        """The arrays of the model."""
        return {
            "rate": self.rate,
            "leaders": self.leaders,
            "start": self._start,
            "by_category": self._by_category,
            "per_day": np.asarray([self.per_day]),
        }

    @classmethod
    def restore(cls, catalogue: Catalogue, columns: Mapping[str, Column]) -> Self:
        """The model from its arrays."""
        return cls(
            catalogue,
            columns["rate"].astype(np.float32, copy=False),
            columns["leaders"].astype(np.int32, copy=False),
            columns["start"].astype(np.int64, copy=False),
            columns["by_category"].astype(np.int32, copy=False),
            float(columns["per_day"][0]) if "per_day" in columns else 0.0,  # sets trained before it was kept
        )


class Trending(ScoringModel):
    """Items bought much more often lately than before.

    With r_f and r_s the basket rates at the fast and the slow half-life and N_f = h_f / ln 2 the fast count's weight
    in days, z = (r_f - r_s) N_f / sqrt(r_s N_f / 2 + 1): under a constant Poisson rate the weighted count has mean
    r N_f and variance r sum w^2 = r N_f / 2 (integral of 2^(-2t/h)); the 1 keeps rare items from leading by accident.
    """

    name: ClassVar[str] = "trending"

    def __init__(self, catalogue: Catalogue, surge: Float32, growth: Float32, leaders: Int32) -> None:
        self.catalogue = catalogue
        self.surge = surge
        self.growth = growth
        self.leaders = leaders

    @classmethod
    def fit(cls, interactions: Interactions, catalogue: Catalogue, settings: Popularity = Popularity()) -> Self:
        """Compare the fast with the slow rate on the last day of the lines."""
        check_items(interactions, catalogue)
        fast = basket_rate(interactions, len(catalogue), settings.fast_half_life_days)
        slow = basket_rate(interactions, len(catalogue), settings.slow_half_life_days)
        weight = settings.fast_half_life_days / math.log(2)
        surge = (fast - slow) * weight / np.sqrt(slow * weight / 2 + 1)
        growth = np.divide(fast, slow, out=np.ones_like(fast), where=slow > 0)
        rising = _best(np.where(surge > 1, surge, 0), settings.kept)
        return cls(catalogue, surge.astype(np.float32), growth.astype(np.float32), rising)

    def score(self, visit: Visit) -> Scored:
        """The items that rise most, whoever asks."""
        return Scored(self.leaders, self.surge[self.leaders].astype(np.float64))

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """How much more often than usual, if it is more than chance."""
        return [
            self._reason(surge, growth)
            for surge, growth in zip(self.surge[items].tolist(), self.growth[items].tolist(), strict=True)
        ]

    def reason(self, item: int) -> Reasons:
        """The reason of one item, for whoever asks."""
        return self._reason(float(self.surge[item]), float(self.growth[item]))

    def _reason(self, surge: float, growth: float) -> Reasons:
        return (Reason(ReasonCode.TRENDING, {"growth": round(growth, 2)}),) if surge > 1 else ()

    def columns(self) -> Mapping[str, Column]:
        """The arrays of the model."""
        return {"surge": self.surge, "growth": self.growth, "leaders": self.leaders}

    @classmethod
    def restore(cls, catalogue: Catalogue, columns: Mapping[str, Column]) -> Self:
        """The model from its arrays."""
        return cls(
            catalogue,
            columns["surge"].astype(np.float32, copy=False),
            columns["growth"].astype(np.float32, copy=False),
            columns["leaders"].astype(np.int32, copy=False),
        )


def basket_rate(interactions: Interactions, items: int, half_life_days: float) -> Float64:
    """Baskets per day with each item on the last day, older baskets counting less."""
    if not len(interactions):
        return np.zeros(items)
    basket, item = distinct_pairs(interactions.basket, interactions.item)
    day_of = np.zeros(int(basket[-1]) + 1, np.int32)
    day_of[interactions.basket] = interactions.day
    last = interactions.last_day
    age = (last - day_of[basket]).astype(np.float64)
    counts = np.bincount(item, weights=np.exp2(-age / half_life_days), minlength=items)
    seen_days = last - int(interactions.day.min()) + 1
    return counts / float(np.exp2(-np.arange(seen_days) / half_life_days).sum())


def baskets_per_day(interactions: Interactions, half_life_days: float) -> float:
    """Baskets per day on the last day, older ones counting less: what the rates of items are shares of."""
    if not len(interactions):
        return 0.0
    day_of = np.full(int(interactions.basket.max()) + 1, -1, np.int64)
    day_of[interactions.basket] = interactions.day
    age = (interactions.last_day - day_of[day_of >= 0]).astype(np.float64)
    seen_days = interactions.last_day - int(interactions.day.min()) + 1
    return float(np.exp2(-age / half_life_days).sum() / np.exp2(-np.arange(seen_days) / half_life_days).sum())


def _best(rate: Float64, kept: int) -> Int32:
    """Positions of the highest positive rates, best first, ties by position."""
    order = np.argsort(-rate, kind="stable")[:kept]
    return order[rate[order] > 0].astype(np.int32)


def _best_by_category(rate: Float64, catalogue: Catalogue, kept: int) -> tuple[Int64, Int32]:
    """The best items of each category as compressed rows: where each category starts, and the items."""
    sold = np.flatnonzero(rate > 0)
    category = catalogue.category[sold]
    order = np.lexsort((sold, -rate[sold], category))
    sold, category = sold[order], category[order]
    counts = np.bincount(category, minlength=len(catalogue.categories))
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    rank = np.arange(len(sold)) - starts[category]
    keep = rank < kept
    kept_counts = np.minimum(counts, kept)
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(kept_counts))), sold[keep].astype(np.int32)
