"""The learned order asked like any other model: for one shopper's next basket, or for what comes next in a visit."""

from collections.abc import Collection

import numpy as np

from regulars.recommend.assortment import Assortment
from regulars.recommend.interactions import Catalogue, Int32, Mask
from regulars.recommend.model import NOTHING, Scored
from regulars.recommend.ranked.learned import Order
from regulars.recommend.ranked.signals import facts_of
from regulars.recommend.sessions.served import NAMES
from regulars.recommend.sources import background_of, model_of
from regulars.recommend.training import TrainedSet
from regulars.recommend.visit import Visit

#: Products of a running visit, the latest, that models of a product beside it go by; as the order was taught.
_LOOKED_AT = 3


class Looked:
    """The models of a set looked at for one shopper, and for the visit so far."""

    def __init__(self, trained: TrainedSet, visit: Visit, prefix: Int32 = NOTHING) -> None:
        self.catalogue: Catalogue = trained.catalogue
        self.visit = visit
        self.prefix = prefix
        self._trained = trained

    def best(self, name: str, n: int, hidden: Collection[int], allowed: Mask | None) -> list[tuple[int, float]]:
        """(position, score) of the best of a model."""
        excluded = np.fromiter(hidden, np.int32, len(hidden))
        if name in NAMES:
            sessions = self._trained.sessions
            if sessions is None or not len(self.prefix):
                return []
            best = sessions.model(name).recommend(self.prefix, n, exclude=excluded, allowed=allowed)
        else:
            model = model_of(self._trained, name)
            if model is None:
                return []
            best = model.best(self.visit, n=n, excluded=excluded, allowed=allowed)
        return list(zip(best.items.tolist(), best.scores.tolist(), strict=True))


class InOrder:
    """The learned order as something that is evaluated, on one day."""

    def __init__(self, order: Order, trained: TrainedSet, assortment: Assortment, day: int) -> None:
        self._order = order
        self._trained = trained
        self._day = day
        self._background = background_of(trained)
        self._facts = facts_of(assortment, day)

    def best(self, visit: Visit, *, n: int) -> Scored:
        """At most `n` items of what the shopper's past and basket say, best first."""
        return self._ranked(Looked(self._trained, visit), n, (), None)

    def recommend(
        self, prefix: Int32, n: int, *, exclude: Int32 = NOTHING, allowed: Mask | None = None, review: bool = True
    ) -> Scored:
        """At most `n` items after a visit so far, best first."""
        visit = Visit.of(NOTHING, NOTHING, day=self._day, viewed=prefix[-_LOOKED_AT:])
        left = exclude if review else np.concatenate((exclude, prefix))
        return self._ranked(Looked(self._trained, visit, prefix), n, set(left.tolist()), allowed)

    def _ranked(self, asks: Looked, n: int, hidden: Collection[int], allowed: Mask | None) -> Scored:
        found, scores = self._order.rank(asks, self._background, self._facts, hidden, allowed)
        best = np.lexsort((found.items, -scores))[:n]
        return Scored(found.items[best], scores[best])
