"""The blend: one chance per candidate from what all models say, with weights learned on weeks after the models' own.

Logistic regression with a small ridge penalty, fitted by Newton's method (iteratively reweighted least squares; Hastie,
Tibshirani, Friedman, "The Elements of Statistical Learning", section 4.4.1). Of the candidates that were not bought a
share is drawn and weighted up, so that the score remains the chance to be in the next basket.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar

import msgspec
import numpy as np

from regulars.core.errors import Rejected
from regulars.recommend.evaluation import Case
from regulars.recommend.features import FEATURES, FeatureBuilder, Models
from regulars.recommend.interactions import Catalogue, Float32, Float64, Int32, Mask
from regulars.recommend.model import (
    Column,
    Reason,
    ReasonCode,
    Reasons,
    Recommended,
    Scored,
    ScoringModel,
    Shopper,
    top,
    visit_of,
)
from regulars.recommend.quick import REASONS_SHOWN, QuickBlend
from regulars.recommend.visit import Visit

#: Own items by their rhythm first, then what goes with the basket, then what sells: an order, not a calibrated chance.
STARTING: Mapping[str, float] = {
    "own": 3.0,
    "own_hazard": 0.5,
    "own_recent_share": 0.5,
    "popular": 0.5,
    "own_popular": -0.5,
    "trending": 0.1,
    "together_history": 0.2,
    "together_at_hand": 0.5,
    "category_item": 0.1,
}
STARTING_INTERCEPT = -5.0


class Shortfall(StrEnum):
    """Why a row has fewer items than asked for."""

    FILTERED = "filtered"  # what is excluded or not allowed left too few
    NOTHING_SOLD = "nothing_sold"  # fewer products were ever sold than asked for


class Row(msgspec.Struct, frozen=True):
    """A recommendation row: the items, and why there are fewer than asked for, if so."""

    items: list[Recommended]
    asked: int
    shortfall: Shortfall | None = None


class Blending(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of learning the weights."""

    unbought_rows: int = 800_000  # of the candidates not bought, about as many are learned from
    least_baskets: int = 100  # with fewer to learn from, the starting weights serve
    ridge: float = 1.0
    rounds: int = 20
    seed: int = 1


class Blend(ScoringModel):
    """chance = 1 / (1 + exp(-(weights . features + intercept)))."""

    name: ClassVar[str] = "blend"

    def __init__(self, catalogue: Catalogue, models: Models, weights: Float64) -> None:
        if len(weights) != len(FEATURES) + 1:
            raise Rejected(f"the blend has {len(weights)} weights, {len(FEATURES) + 1} are needed; train again")
        self.catalogue = catalogue
        self.models = models
        self.weights = weights  # one per feature, then the intercept
        self.features = FeatureBuilder(catalogue, models)
        self.quick = QuickBlend(catalogue, models, weights, self.features)

    def score(self, visit: Visit) -> Scored:
        """Candidates of all models with their chance to be in the next basket."""
        items, rows = self.features.build(visit)
        return Scored(items, 1 / (1 + np.exp(-(self.weights[:-1] @ rows + self.weights[-1]))))

    def row(
        self, shopper: Shopper, *, n: int, day: int, exclude: Collection[str] = (), allowed: Mask | None = None
    ) -> Row:
        """`n` items, best first: the blend's, then whatever else sells. A short row says why it is short."""
        quick = self.quick_row(shopper, n=n, day=day, exclude=exclude, allowed=allowed)
        return self.full_row(shopper, n=n, day=day, exclude=exclude, allowed=allowed) if quick is None else quick

    def quick_row(
        self, shopper: Shopper, *, n: int, day: int, exclude: Collection[str] = (), allowed: Mask | None = None
    ) -> Row | None:
        """The row of a shopper of few items; None for others, and where the models' candidates do not fill it."""
        bought = self.quick.bought(shopper, day)
        if bought is None:
            return None
        position = self.catalogue.position
        hidden = {*bought.basket, *(position[one] for one in exclude if one in position)}
        picks = self.quick.best(bought, n, hidden, allowed)
        if len(picks) < n:
            return None
        ids = self.catalogue.ids
        return Row([Recommended(ids[item], chance, why, self.name) for item, chance, why in picks], n)

    def full_row(
        self, shopper: Shopper, *, n: int, day: int, exclude: Collection[str] = (), allowed: Mask | None = None
    ) -> Row:
        """The row of any shopper, with arrays."""
        visit = visit_of(self.catalogue, shopper, day)
        excluded = self.catalogue.encode(exclude)
        best = self.best(visit, n=n, excluded=excluded, allowed=allowed)
        items = self._recommended(visit, best, self.name, ())
        if len(items) == n:
            return Row(items, n)
        hidden = np.concatenate((excluded, visit.basket, best.items))
        sold = np.flatnonzero(self.models.popular.rate > 0).astype(np.int32)
        more = top(Scored(sold, self.models.popular.rate[sold].astype(np.float64)), n - len(items), hidden, allowed)
        filled = (Reason(ReasonCode.FILLED_UP, {"model": self.models.popular.name}),)
        items += self._recommended(visit, more, self.models.popular.name, filled)
        if len(items) == n:
            return Row(items, n)
        return Row(items, n, Shortfall.NOTHING_SOLD if len(sold) < n else Shortfall.FILTERED)

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """The strongest evidence first: own rhythm, what it goes with, the category, then the crowd."""
        places = visit.places(items)
        new = np.flatnonzero(places < 0) if not len(visit.basket) + len(visit.viewed) else np.arange(len(items))
        together: dict[int, Reasons] = {}
        if len(new):
            together = dict(zip(new.tolist(), self.models.bought_together.reasons(visit, items[new]), strict=True))
        groups = visit.in_groups(self.catalogue.category)
        liked = dict(zip(groups.own.tolist(), groups.times.tolist(), strict=True))
        categories = self.catalogue.category[items].tolist()
        result = [
            own + together.get(place, ()) + self._liked(categories[place], liked)
            for place, own in enumerate(self.models.buy_again.reasons(visit, items))
        ]
        few = [place for place, reasons in enumerate(result) if len(reasons) < REASONS_SHOWN]
        if few:
            crowd = (self.models.trending.reasons(visit, items[few]), self.models.popular.reasons(visit, items[few]))
            for place, trending, popular in zip(few, *crowd, strict=True):
                result[place] += trending + popular
        return [reasons[:REASONS_SHOWN] for reasons in result]

    def _liked(self, category: int, liked: Mapping[int, int]) -> Reasons:
        name, days = self.catalogue.categories[category], liked.get(category, 0)
        return (Reason(ReasonCode.CATEGORY, {"category": name, "times": days}),) if name and days > 1 else ()

    def _recommended(self, visit: Visit, best: Scored, model: str, more: Reasons) -> list[Recommended]:
        if not len(best.items):
            return []
        reasons = self.reasons(visit, best.items)
        return [
            Recommended(self.catalogue.ids[item], score, more + why, model)
            for item, score, why in zip(best.items.tolist(), best.scores.tolist(), reasons, strict=True)
        ]

    def columns(self) -> Mapping[str, Column]:
        """The weights; the models keep their own columns."""
        return {"weights": self.weights}


def learn_weights(
    catalogue: Catalogue, models: Models, cases: Sequence[Case], settings: Blending = Blending()
) -> tuple[Float64, int]:
    """The weights that foretell best which candidates were bought, and from how many baskets they were learned.

    With fewer than `least_baskets`, or where no model knew a candidate that was bought, they are the starting weights,
    learned from none: a shop whose first weeks these are.
    """
    if len(cases) < settings.least_baskets:
        return starting_weights(), 0
    builder = FeatureBuilder(catalogue, models)
    sample = cases[:: len(cases) // 50 + 1]
    usual = sum(len(builder.build(case.visit).items) for case in sample) / len(sample)
    if not usual:
        return starting_weights(), 0
    share = min(1.0, settings.unbought_rows / (usual * len(cases)))
    chance = np.random.default_rng(settings.seed)
    rows: list[Float32] = []
    bought: list[Mask] = []
    for case in cases:
        candidates = builder.build(case.visit)
        hit = np.isin(candidates.items, case.bought)
        kept = hit | (chance.random(len(hit)) < share)
        rows.append(candidates.rows[:, kept].T.astype(np.float32))
        bought.append(hit[kept])
    outcome = np.concatenate(bought)
    if not outcome.any():
        return starting_weights(), 0
    return _logistic(np.concatenate(rows), outcome, share, settings), len(cases)


def starting_weights() -> Float64:
    """What a shop begins with before it has weeks to learn from."""
    weights = np.zeros(len(FEATURES) + 1)
    for name, weight in STARTING.items():
        weights[FEATURES.index(name)] = weight
    weights[-1] = STARTING_INTERCEPT
    return weights


def _logistic(rows: Float32, bought: Mask, share: float, settings: Blending) -> Float64:
    """Weights by feature, then the intercept; `share` of the candidates not bought are among the rows."""
    importance = np.where(bought, 1.0, 1.0 / share)
    mean = np.average(rows, axis=0, weights=importance)
    spread = rows.std(axis=0, dtype=np.float64) + 1e-9
    spread[spread < 1e-6] = 1  # a feature that is the same everywhere
    table = np.ones((len(rows), rows.shape[1] + 1), np.float32)
    table[:, :-1] = (rows - mean) / spread
    weights = np.zeros(table.shape[1])
    ridge = np.full(len(weights), settings.ridge)
    ridge[-1] = 0
    for _ in range(settings.rounds):
        chance = 1 / (1 + np.exp(-(table @ weights.astype(np.float32)).astype(np.float64)))
        slope = (importance * (chance - bought)).astype(np.float32) @ table + ridge * weights
        curve = (importance * chance * (1 - chance)).astype(np.float32)
        bend = ((table * curve[:, None]).T @ table).astype(np.float64) + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        weights -= step
        if float(np.abs(step).max()) < 1e-4:
            break
    slopes = weights[:-1] / spread
    return np.append(slopes, weights[-1] - float(slopes @ mean))
