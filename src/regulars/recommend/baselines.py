"""What a recommender has to beat: the same for all, and the shopper's own most bought."""

from typing import ClassVar

import numpy as np

from regulars.recommend.interactions import Catalogue, Float64, Int32, Interactions, distinct_pairs
from regulars.recommend.model import NOTHING, Reason, ReasonCode, Reasons, Scored, ScoringModel
from regulars.recommend.visit import Visit

#: Items of the popularity list that rows are made of.
KEPT = 200


class OverallPopularity(ScoringModel):
    """The items in most baskets, without decay, for everyone alike."""

    name: ClassVar[str] = "overall_popularity"

    def __init__(self, catalogue: Catalogue, interactions: Interactions) -> None:
        self.catalogue = catalogue
        _, item = distinct_pairs(interactions.basket, interactions.item)
        self.baskets: Float64 = np.bincount(item, minlength=len(catalogue)).astype(np.float64)
        order = np.argsort(-self.baskets, kind="stable")[:KEPT]
        self._all = Scored(order.astype(np.int32), self.baskets[order])

    def score(self, visit: Visit) -> Scored:
        """The items in most baskets."""
        return self._all

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """Popular in the whole shop."""
        return [(Reason(ReasonCode.POPULAR, {"category": ""}),)] * len(items)


class OwnMostBought(ScoringModel):
    """What the shopper bought on most days, the latest first among equals; filled up with overall popularity."""

    name: ClassVar[str] = "own_most_bought"

    def __init__(self, popularity: OverallPopularity) -> None:
        self.catalogue = popularity.catalogue
        self._popularity = popularity
        self._filling = popularity.score(Visit.of(NOTHING, NOTHING, day=0))

    def score(self, visit: Visit) -> Scored:
        """Own items above all others; days bought, then the last of them."""
        rest = visit.places(self._filling.items) < 0
        own = 1e6 * visit.times + visit.last.astype(np.float64) + 1e12
        return Scored(
            np.concatenate((visit.own, self._filling.items[rest])),
            np.concatenate((own, self._filling.scores[rest])),
        )

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """How often it was bought."""
        places = visit.places(items).tolist()
        return [
            (Reason(ReasonCode.BOUGHT_OFTEN, {"times": int(visit.times[place])}),) if place >= 0 else filled
            for place, filled in zip(places, self._popularity.reasons(visit, items), strict=True)
        ]
