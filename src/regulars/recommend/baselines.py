"""What a recommender has to beat: the same for all, and the shopper's own most bought."""

from typing import ClassVar

import numpy as np

from regulars.recommend.interactions import Catalogue, Float64, Interactions, distinct_pairs
from regulars.recommend.model import Reason, ReasonCode, Scored, ScoringModel
from regulars.recommend.visit import Visit


class OverallPopularity(ScoringModel):
    """The items in most baskets, without decay, for everyone alike."""

    name: ClassVar[str] = "overall_popularity"

    def __init__(self, catalogue: Catalogue, interactions: Interactions) -> None:
        self.catalogue = catalogue
        _, item = distinct_pairs(interactions.basket, interactions.item)
        self.baskets: Float64 = np.bincount(item, minlength=len(catalogue)).astype(np.float64)
        order = np.argsort(-self.baskets, kind="stable")[:1000]
        self._all = Scored(order.astype(np.int32), self.baskets[order])

    def score(self, visit: Visit) -> Scored:
        """The thousand items in most baskets."""
        return self._all

    def reasons(self, visit: Visit, item: int) -> tuple[Reason, ...]:
        """Popular in the whole shop."""
        return (Reason(ReasonCode.POPULAR, {"category": ""}),)


class OwnMostBought(ScoringModel):
    """What the shopper bought on most days, the latest first among equals; filled up with overall popularity."""

    name: ClassVar[str] = "own_most_bought"

    def __init__(self, popularity: OverallPopularity) -> None:
        self.catalogue = popularity.catalogue
        self._popularity = popularity
        self._filling = popularity.score(Visit.of(NO_LINES, NO_LINES, day=0))

    def score(self, visit: Visit) -> Scored:
        """Own items above all others; days bought, then the last of them."""
        rest = ~np.isin(self._filling.items[:200], visit.own)
        own = 1e6 * visit.times + visit.last.astype(np.float64) + 1e12
        return Scored(
            np.concatenate((visit.own, self._filling.items[:200][rest])),
            np.concatenate((own, self._filling.scores[:200][rest])),
        )

    def reasons(self, visit: Visit, item: int) -> tuple[Reason, ...]:
        """How often it was bought."""
        place = int(np.searchsorted(visit.own, item))
        if place < len(visit.own) and int(visit.own[place]) == item:
            return (Reason(ReasonCode.BOUGHT_OFTEN, {"times": int(visit.times[place])}),)
        return self._popularity.reasons(visit, item)


NO_LINES = np.empty(0, np.int32)
