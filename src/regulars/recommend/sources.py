"""Candidates for one shopper from any of the models of a set, and the evidence for those that were chosen."""

from collections.abc import Collection, Sequence

import numpy as np

from regulars.core.merchandising import Step
from regulars.recommend.arrange import Candidate
from regulars.recommend.blend import Blend
from regulars.recommend.interactions import Catalogue, Int32, Mask
from regulars.recommend.model import Reason, ReasonCode, Reasons, ScoringModel, Shopper, visit_of
from regulars.recommend.quick import Bought
from regulars.recommend.sessions import served
from regulars.recommend.sessions.model import SessionModel
from regulars.recommend.training import TrainedSet
from regulars.recommend.visit import Visit

#: What fills a row when the models of its chain have no more: everything that sells, by how often.
SOLD = "sold"


class Sources:
    """The models of a set looked at for one shopper on one day; what several placements share is computed once."""

    def __init__(self, trained: TrainedSet, shopper: Shopper, day: int) -> None:
        self._trained = trained
        self._shopper = shopper
        self._day = day
        self._visit: Visit | None = None
        self._prefix: Int32 | None = None
        self._bought: Bought | None = None
        self._asked = False

    @property
    def catalogue(self) -> Catalogue:
        """The models' catalogue."""
        return self._trained.catalogue

    def known(self, name: str) -> bool:
        """Whether the set holds a model of the name."""
        return name == SOLD or self._of_visit(name) is not None or model_of(self._trained, name) is not None

    def step(self, step: Step, first: int, n: int, hidden: Collection[int], allowed: Mask | None) -> list[Candidate]:
        """The best of a link of a chain, best first; its models are numbered from `first`.

        One model's scores stay as they are. Those of several are divided by the best of each, weighted and added.
        """
        found = [
            (number, weight, self.best(name, n, hidden, allowed))
            for number, (name, weight) in enumerate(step.models, first)
            if self.known(name)
        ]
        if len(found) == 1:
            number, _, best = found[0]
            return [Candidate(at, score, number) for at, score in best]
        scores: dict[int, float] = {}
        strongest: dict[int, tuple[float, int]] = {}
        for number, weight, best in found:
            leader = max((abs(score) for _, score in best), default=1.0) or 1.0
            for at, score in best:
                part = weight * score / leader
                scores[at] = scores.get(at, 0.0) + part
                if at not in strongest or part > strongest[at][0]:
                    strongest[at] = part, number
        ranked = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
        return [Candidate(at, score, strongest[at][1]) for at, score in ranked]

    def best(self, name: str, n: int, hidden: Collection[int], allowed: Mask | None) -> list[tuple[int, float]]:
        """(position, score) of the `n` best of a model, best first; what lies in the basket is not among them."""
        if name == SOLD:
            rate = self._trained.models.popular.rate
            sold = np.flatnonzero(rate > 0 if allowed is None else (rate > 0) & allowed[: len(rate)])
            order = sold[np.lexsort((sold, -rate[sold]))]
            rates = zip(order.tolist(), rate[order].tolist(), strict=True)
            return [one for one in rates if one[0] not in hidden][:n]
        if name == Blend.name:
            bought = self._quick()
            if bought is not None:
                return self._trained.blend.quick.ranked(bought, n, {*hidden, *bought.basket}, allowed)
        running = self._of_visit(name)
        if running is not None:
            return self._next(running, n, hidden, allowed)
        model = model_of(self._trained, name)
        if model is None:
            return []
        excluded = np.fromiter(hidden, np.int32, len(hidden)) if hidden else None
        best = model.best(self.visit, n=n, allowed=allowed, **({} if excluded is None else {"excluded": excluded}))
        return list(zip(best.items.tolist(), best.scores.tolist(), strict=True))

    def reasons(self, name: str, items: Sequence[int]) -> list[Reasons]:
        """The evidence for items that a model named."""
        positions: Int32 = np.asarray(items, np.int32)
        if name == SOLD:
            filled = (Reason(ReasonCode.FILLED_UP, {"model": self._trained.models.popular.name}),)
            return [filled + why for why in self.reasons(Blend.name, items)]
        if name == Blend.name:
            bought = self._quick()
            if bought is not None:
                return self._trained.blend.quick.evidence(bought, items)
        running = self._of_visit(name)
        if running is not None:
            return [self._seen(running, item) for item in items]
        model = model_of(self._trained, name)
        return [()] * len(items) if model is None else model.reasons(self.visit, positions)

    @property
    def visit(self) -> Visit:
        """The shopper in positions, with arrays."""
        if self._visit is None:
            self._visit = visit_of(self.catalogue, self._shopper, self._day)
        return self._visit

    def _of_visit(self, name: str) -> SessionModel | None:
        sessions = self._trained.sessions
        return sessions.model(name) if sessions is not None and name in served.NAMES else None

    def _next(
        self, model: SessionModel, n: int, hidden: Collection[int], allowed: Mask | None
    ) -> list[tuple[int, float]]:
        """What comes next in the running visit; nothing of a visit that has not begun, and what is new to it first."""
        prefix = self.prefix
        if not len(prefix):
            return []
        leaving = {*hidden, *self.catalogue.encode(self._shopper.basket).tolist()}
        mask = None if allowed is None else allowed[: len(self.catalogue)]
        found = model.recommend(
            prefix, n, exclude=np.fromiter(leaving, np.int32, len(leaving)), allowed=mask, review=True
        )
        return list(zip(found.items.tolist(), found.scores.tolist(), strict=True))

    def _seen(self, model: SessionModel, item: int) -> Reasons:
        """What led to an item: the visits that hold it too, or the product that goes with it."""
        found = model.explain(self.prefix, item)
        if found is None or not found.matched:
            return (Reason(ReasonCode.POPULAR, {"category": ""}),)
        product = self.catalogue.ids[found.matched[0]]
        if found.visits:
            told: dict[str, str | int | float] = {
                "item": product,
                "visits": found.visits,
                "share": round(found.share, 3),
            }
            return (Reason(ReasonCode.SIMILAR_VISITS, told),)
        return (Reason(ReasonCode.VIEWED_TOGETHER, {"item": product}),)

    @property
    def prefix(self) -> Int32:
        """The running visit in positions."""
        if self._prefix is None:
            self._prefix = self.catalogue.encode(self._shopper.session)
        return self._prefix

    def _quick(self) -> Bought | None:
        if not self._asked:
            self._asked = True
            self._bought = self._trained.blend.quick.bought(self._shopper, self._day)
        return self._bought


def model_of(trained: TrainedSet, name: str) -> ScoringModel | None:
    """A model of the set; None for one that was not trained."""
    if name == Blend.name:
        return trained.blend
    found: ScoringModel | None = getattr(trained.models, name, None) or trained.more.get(name)
    return found
