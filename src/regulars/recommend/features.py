"""The candidates of the blend, and what each model says about them: one column per candidate, one row per feature.

Training and serving build them with this same code, so that what was learned is what is served.
"""

from typing import NamedTuple

import numpy as np

from regulars.recommend.bought_together import BoughtTogether
from regulars.recommend.buy_again import BuyAgain
from regulars.recommend.interactions import Catalogue, Float32, Float64, Int32, Mask, distinct
from regulars.recommend.model import Scored
from regulars.recommend.popular import Popular, Trending
from regulars.recommend.visit import Visit

FAST_DAYS, SLOW_DAYS, CATEGORY_DAYS = 21.0, 120.0, 90.0  # half-lives of own items and own categories
TOP_POPULAR, TOP_TRENDING, TOP_CATEGORIES = 60, 20, 10

#: Rows, in order. The first block says something of own items only and is 0 for the others.
FEATURES = (
    "own",
    "own_hazard",  # log of buy again's chance per day
    "own_recent_share",  # log of the share of purchase days with the item, fast decay
    "own_share",  # the same, slow decay
    "own_times",  # log of days bought
    "own_days_since",  # log of 1 + days since
    "own_early",  # log of days since over the expected gap where it is below 0, else 0
    "own_popular",  # popular, for own items
    "own_category_hazard",  # category_hazard, for own items
    "own_in_category",  # log of the item's share of the shopper's purchases in its category
    "popular",  # log of baskets per day
    "trending",  # surge in standard deviations, within -3 and 6
    "together_history",  # log of 1 + bought together's score from own items
    "together_at_hand",  # the same from the basket and the products viewed
    "category",  # log of the shopper's share of purchases in the category
    "category_item",  # the same times the item's share of its category: what a new item can expect
    "category_hazard",  # log of buy again's chance per day for the category
    "category_last_visit",  # the category was bought on the latest purchase day
    "since_visit",  # log of 1 + days since the latest purchase; the same for all candidates, as are the next
    "visits",  # log of purchase days
    "items_per_visit",
)
OWN = FEATURES.index("popular")
NO_HAZARD = -8.0  # log of the chance per day of a category that was never bought


class Models(NamedTuple):
    """What the blend blends, fitted on the same lines. `category_rhythm` is buy again with categories as its items."""

    popular: Popular
    trending: Trending
    buy_again: BuyAgain
    category_rhythm: BuyAgain
    bought_together: BoughtTogether


class Candidates(NamedTuple):
    """Items (own ones first, by position) and their features, features by candidates."""

    items: Int32
    rows: Float64


class FeatureBuilder:
    """Builds candidates with their features for a visit."""

    def __init__(self, catalogue: Catalogue, models: Models) -> None:
        self._category = catalogue.category
        self._categories = len(catalogue.categories)
        self._models = models
        rate = models.popular.rate.astype(np.float64)
        in_category = np.bincount(catalogue.category, weights=rate, minlength=self._categories)
        # Side by side, so that a candidate costs one access to memory. Category numbers are exact up to 2^24.
        self.static: Float32 = np.column_stack(
            (
                np.log(rate + 0.01),
                np.clip(models.trending.surge, -3, 6),
                rate / np.maximum(in_category, 1e-9)[catalogue.category],
                catalogue.category,
            )
        ).astype(np.float32)
        everyone = (models.popular.leaders[:TOP_POPULAR], models.trending.leaders[:TOP_TRENDING])
        self.everyone: Int32 = distinct(np.concatenate(everyone))

    def build(self, visit: Visit) -> Candidates:
        """Own items, neighbours, the popular and trending, the popular of the shopper's categories."""
        models = self._models
        history, at_hand = models.bought_together.score_history(visit), models.bought_together.score_at_hand(visit)
        liking = self._liking(visit)
        liked = np.argpartition(-liking, TOP_CATEGORIES)[:TOP_CATEGORIES] if len(liking) > TOP_CATEGORIES else None
        liked = np.flatnonzero(liking) if liked is None else liked[liking[liked] > 0]
        parts = (history.items, at_hand.items, self.everyone, models.popular.of_categories(liked))
        others = distinct(np.concatenate(parts))
        others = others[visit.places(others) < 0]
        items = np.concatenate((visit.own, others))
        rows = np.zeros((len(FEATURES), len(items)))
        if len(visit.own):
            self._fill_own(visit, rows[:, : len(visit.own)])
        self._fill_all(visit, items, rows[OWN:], (history, at_hand), liking)
        for name in ("popular", "category_hazard"):
            rows[FEATURES.index(f"own_{name}"), : len(visit.own)] = rows[FEATURES.index(name), : len(visit.own)]
        return Candidates(items, rows)

    def _fill_own(self, visit: Visit, rows: Float64) -> None:
        gap = self._models.buy_again.expected_gaps(visit)
        since = visit.days_since
        rows[0] = 1
        rows[1] = np.log(self._models.buy_again.hazards(visit, gap))
        rows[2] = np.log((visit.decayed(FAST_DAYS) + 0.02) / (visit.decayed_days(FAST_DAYS) + 0.5))
        slow = visit.decayed(SLOW_DAYS)
        rows[3] = np.log((slow + 0.02) / (visit.decayed_days(SLOW_DAYS) + 0.5))
        rows[4] = np.log(visit.times)
        rows[5] = np.log1p(since)
        rows[6] = np.minimum(np.log(np.maximum(since, 0.5) / gap), 0)
        category = self._category[visit.own]
        in_category = np.bincount(category, weights=slow, minlength=self._categories)[category]
        rows[9] = np.log((slow + 1e-9) / (in_category + 1e-9))

    def _fill_all(
        self, visit: Visit, items: Int32, rows: Float64, together: tuple[Scored, Scored], liking: Float64
    ) -> None:
        """Fill the second block."""
        popular, trending, within, number = self.static.take(items, axis=0).T
        category = number.astype(np.int32)
        liked = liking[category]
        rows[0] = popular
        rows[1] = trending
        for row, scored in zip((2, 3), together, strict=True):
            rows[row] = np.log1p(_looked_up(scored, items))
        rows[4] = np.log(liked + 1e-4)
        rows[5] = np.log(liked * within + 1e-5)
        rows[6] = NO_HAZARD
        if not len(visit.own):
            return
        groups = visit.in_groups(self._category)
        hazard = np.full(self._categories, NO_HAZARD)
        hazard[groups.own] = np.log(self._models.category_rhythm.hazards(groups))
        rows[6] = hazard[category]
        lately: Mask = np.zeros(self._categories, np.bool_)
        lately[groups.own] = groups.last == visit.latest
        rows[7] = lately[category]
        rows[8] = np.log1p(visit.day - visit.latest)
        rows[9] = np.log1p(len(visit.days))
        rows[10] = np.log1p(visit.times.sum() / len(visit.days))

    def _liking(self, visit: Visit) -> Float64:
        """Share of the shopper's decayed purchases by category, all zero for a new shopper."""
        weights = visit.decayed(CATEGORY_DAYS)
        shares = np.bincount(self._category[visit.own], weights=weights, minlength=self._categories)
        result: Float64 = shares / max(float(weights.sum()), 1e-9)
        return result


def _looked_up(scored: Scored, items: Int32) -> Float64:
    """The score of each item, 0 where it has none; `scored` is sorted by position."""
    if not len(scored.items):
        return np.zeros(len(items))
    place = np.minimum(np.searchsorted(scored.items, items), len(scored.items) - 1)
    return np.where(scored.items[place] == items, scored.scores[place], 0.0)
