"""The candidates of the blend, and what each model says about them: one row per candidate, one column per feature.

Training and serving build rows with this same code, so that what was learned is what is served.
"""

from typing import NamedTuple

import numpy as np

from regulars.recommend.bought_together import BoughtTogether
from regulars.recommend.buy_again import BuyAgain
from regulars.recommend.interactions import Catalogue, Float64, Int32
from regulars.recommend.model import Scored
from regulars.recommend.popular import Popular, Trending
from regulars.recommend.visit import Visit

FAST_DAYS, SLOW_DAYS = 21.0, 120.0  # half-lives of the own history
CATEGORY_DAYS = 90.0  # half-life of the category shares
TOP_POPULAR, TOP_TRENDING, TOP_CATEGORIES = 60, 20, 12

#: Columns, in order. The first block says something of own items only and is 0 for the others.
FEATURES = (
    "own",
    "own_hazard",  # log of buy again's chance per day
    "own_recent_share",  # log of the share of purchase days with the item, fast decay
    "own_share",  # the same, slow decay
    "own_times",  # log of days bought
    "own_days_since",  # log of 1 + days since
    "own_last_visit",  # bought on the latest purchase day
    "own_early",  # log pace where it is below 1, else 0
    "own_late",  # log pace where it is above 1, else 0
    "own_popular",  # popular, for own items
    "own_repeat",  # log of the item's repeat rate over the shop's
    "popular",  # log of baskets per day
    "trending",  # surge in standard deviations, within -3 and 6
    "together",  # log of 1 + bought together's score
    "category",  # log of the shopper's share of purchases in the category
    "category_item",  # the same times the item's share of its category: what a new item can expect
    "visits",  # log of purchase days; the same for all candidates of a shopper, as is the next
    "items_per_visit",
)
OWN = FEATURES.index("popular")


class Models(NamedTuple):
    """What the blend blends, fitted on the same lines."""

    popular: Popular
    trending: Trending
    buy_again: BuyAgain
    bought_together: BoughtTogether


class Candidates(NamedTuple):
    """Items (own ones first, by position) and their features, candidates by features."""

    items: Int32
    rows: Float64


class FeatureBuilder:
    """Builds candidates with their features for a visit."""

    def __init__(self, catalogue: Catalogue, models: Models) -> None:
        self._catalogue = catalogue
        self._models = models
        rate = models.popular.rate.astype(np.float64)
        in_category = np.bincount(catalogue.category, weights=rate, minlength=len(catalogue.categories))
        self._popular = np.log(rate + 0.01).astype(np.float32)
        self._within = (rate / np.maximum(in_category, 1e-9)[catalogue.category]).astype(np.float32)
        self._trending = np.clip(models.trending.surge, -3, 6).astype(np.float32)
        self._repeat = np.log(models.buy_again.repeat + 0.01).astype(np.float32)
        self._everyone = np.unique(
            np.concatenate((models.popular.leaders[:TOP_POPULAR], models.trending.leaders[:TOP_TRENDING]))
        )

    def build(self, visit: Visit) -> Candidates:
        """Own items, neighbours, the popular and trending, the popular of the shopper's categories."""
        together = self._models.bought_together.score(visit)
        share = self._category_shares(visit)
        liked = np.argsort(-share)[:TOP_CATEGORIES]
        liked = liked[share[liked] > 0]
        others = np.unique(
            np.concatenate((together.items, self._everyone, self._models.popular.of_categories(liked)))
        )
        own = visit.own
        if len(own):
            others = others[own[np.minimum(np.searchsorted(own, others), len(own) - 1)] != others]
        items = np.concatenate((own, others))
        rows = np.zeros((len(FEATURES), len(items)))
        if len(own):
            self._fill_own(visit, rows[:, : len(own)])
        self._fill_all(visit, items, rows, together, share)
        return Candidates(items, rows.T)

    def _fill_own(self, visit: Visit, rows: Float64) -> None:
        gap = self._models.buy_again.expected_gaps(visit)
        pace = np.log(np.maximum(visit.days_since, 0.5) / gap)
        rows[0] = 1
        rows[1] = np.log(self._models.buy_again.hazards(visit))
        rows[2] = np.log((visit.decayed(FAST_DAYS) + 0.02) / (visit.decayed_days(FAST_DAYS) + 0.5))
        rows[3] = np.log((visit.decayed(SLOW_DAYS) + 0.02) / (visit.decayed_days(SLOW_DAYS) + 0.5))
        rows[4] = np.log(visit.times)
        rows[5] = np.log1p(visit.days_since)
        rows[6] = visit.last == visit.days[-1]
        rows[7] = np.minimum(pace, 0)
        rows[8] = np.maximum(pace, 0)
        rows[9] = self._popular[visit.own]
        rows[10] = self._repeat[visit.own]

    def _fill_all(self, visit: Visit, items: Int32, rows: Float64, together: Scored, share: Float64) -> None:
        rows[OWN] = self._popular[items]
        rows[OWN + 1] = self._trending[items]
        if len(together.items):
            place = np.minimum(np.searchsorted(together.items, items), len(together.items) - 1)
            rows[OWN + 2] = np.log1p(np.where(together.items[place] == items, together.scores[place], 0))
        liking = share[self._catalogue.category[items]]
        rows[OWN + 3] = np.log(liking + 1e-4)
        rows[OWN + 4] = np.log(liking * self._within[items] + 1e-5)
        visits = len(visit.days)
        rows[OWN + 5] = np.log1p(visits)
        rows[OWN + 6] = np.log1p(visit.times.sum() / max(visits, 1))

    def _category_shares(self, visit: Visit) -> Float64:
        """Share of the shopper's decayed purchases by category, all zero for a new shopper."""
        weights = visit.decayed(CATEGORY_DAYS)
        size = len(self._catalogue.categories)
        return np.bincount(self._catalogue.category[visit.own], weights=weights, minlength=size) / max(weights.sum(), 1e-9)
