"""Candidates for one shopper from any of the models of a set, and the evidence for those that were chosen."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from regulars.core.merchandising import SEARCH, Step
from regulars.recommend.arrange import Candidate
from regulars.recommend.assortment import Assortment
from regulars.recommend.blend import Blend
from regulars.recommend.conversion import by_orders
from regulars.recommend.goods import Goods
from regulars.recommend.interactions import Catalogue, Int32, Mask
from regulars.recommend.model import NOTHING, Reason, ReasonCode, Reasons, ScoringModel, Shopper, visit_of
from regulars.recommend.quick import Bought
from regulars.recommend.ranked.learned import RANKER
from regulars.recommend.ranked.signals import PARTS, Background, ItemFacts, facts_of
from regulars.recommend.search import EXACT, SELLS_FROM, TOLD_FROM, Match, Search, matches, reranked
from regulars.recommend.sessions import served
from regulars.recommend.sessions.model import Evidence, SessionModel
from regulars.recommend.training import TrainedSet
from regulars.recommend.visit import Visit

#: What fills a row when the models of its chain have no more: everything that sells, by how often.
SOLD = "sold"
#: Models that say how much a shopper likes what was searched for: purchases and interests, the running visit, what was
#: taken up and not bought, and what fits in colour, season and size what was kept.
_WHO_LIKES = (Blend.name, served.SESSION_BLEND, "left_behind", "variants")
#: Reasons that are of nobody in particular.
_OF_ALL = frozenset({ReasonCode.POPULAR, ReasonCode.TRENDING, ReasonCode.FILLED_UP})


class Sources:
    """The models of a set looked at for one shopper on one day; what several placements share is computed once."""

    def __init__(
        self,
        trained: TrainedSet,
        shopper: Shopper,
        day: int,
        search: Search | None = None,
        place: Callable[[str], int | None] | None = None,
        *,
        goods: Goods | None = None,
    ) -> None:
        """`search` is what was found, `place` where its products stand: for those that are newer than the models.

        `goods` are what the merchant knows of items now, where the learned order is to look at it.
        """
        self._trained = trained
        self._search = search
        self._place = place or trained.catalogue.position.get
        self._matches: list[Match] | None = None
        self._likings: dict[int, tuple[float, str]] | None = None
        self._goods = goods
        self._parts: dict[int, int] = {}  # by item that the ranker placed, the model that names it
        self._shopper = shopper
        self._day = day
        self._visit: Visit | None = None
        self._longer: Visit | None = None
        self._prefix: Int32 | None = None
        self._bought: Bought | None = None
        self._asked = False

    @property
    def catalogue(self) -> Catalogue:
        """The models' catalogue."""
        return self._trained.catalogue

    def known(self, name: str) -> bool:
        """Whether the set holds a model of the name."""
        if name in (SEARCH, EXACT):
            return self._search is not None
        if name == RANKER:
            return self._trained.order is not None
        return name == SOLD or self._of_visit(name) is not None or model_of(self._trained, name) is not None

    def without_resting(self, steps: Sequence[Step]) -> tuple[Sequence[Step], str]:
        """The chain with the blend in the place of a learned order that does not serve, and a note on why."""
        if self.known(RANKER) or not any(name == RANKER for step in steps for name, _ in step.models):
            return steps, ""
        told = self._trained.ranked
        why = "" if told is None else told.told.why
        instead = [
            Step(tuple((Blend.name if name == RANKER else name, weight) for name, weight in step.models))
            for step in steps
        ]
        return instead, f"ranker_rests.{why}" if why else "ranker_rests"

    def step(
        self,
        step: Step,
        first: int,
        n: int,
        hidden: Collection[int],
        allowed: Mask | None,
        *,
        for_orders: bool = False,
    ) -> list[Candidate]:
        """The best of a link of a chain, best first; its models are numbered from `first`.

        `for_orders`: by the chance of an order also where a model foretells looks.
        One model's scores stay as they are. Those of several are divided by the best of each, weighted and added.
        """
        rates = self._trained.orders_per_look if for_orders else None
        found = [
            (number, weight, by_orders(self.best(name, n, hidden, allowed), name, rates))
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
        """(position, score) of the `n` best of a model, best first; what lies in the basket is not among them.

        What was searched for is found wherever it lies, and every product that was found is among the candidates.
        """
        if name in (SEARCH, EXACT):
            chosen = [one for one in self.found if one.exact == (name == EXACT)]
            return reranked(chosen, {at: share for at, (share, _) in self.likings.items()})
        if name == SOLD:
            rate = self._trained.models.popular.rate
            sold = np.flatnonzero(rate > 0 if allowed is None else (rate > 0) & allowed[: len(rate)])
            order = sold[np.lexsort((sold, -rate[sold]))]
            rates = zip(order.tolist(), rate[order].tolist(), strict=True)
            return [one for one in rates if one[0] not in hidden][:n]
        if name == RANKER:
            return self._ordered(n, hidden, allowed)
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
        excluded = np.fromiter(hidden, np.int32, len(hidden)) if hidden else NOTHING
        best = model.best(self._visit_of(model), n=n, excluded=excluded, allowed=allowed)
        return list(zip(best.items.tolist(), best.scores.tolist(), strict=True))

    def reasons(self, name: str, items: Sequence[int]) -> list[Reasons]:
        """The evidence for items that a model named."""
        if name in (SEARCH, EXACT):
            return self._why_found(items)
        positions: Int32 = np.asarray(items, np.int32)
        if name == SOLD:
            filled = (Reason(ReasonCode.FILLED_UP, {"model": self._trained.models.popular.name}),)
            return [filled + why for why in self.reasons(Blend.name, items)]
        if name == RANKER:
            return self._placed(items)
        if name == Blend.name:
            bought = self._quick()
            if bought is not None:
                return self._trained.blend.quick.evidence(bought, items)
        running = self._of_visit(name)
        if running is not None:
            return [self._seen(one) for one in running.evidence(self.prefix, items)]
        model = model_of(self._trained, name)
        return [()] * len(items) if model is None else model.reasons(self._visit_of(model), positions)

    @property
    def visit(self) -> Visit:
        """The shopper in positions, with arrays."""
        if self._visit is None:
            self._visit = visit_of(self.catalogue, self._shopper, self._day)
        return self._visit

    @property
    def found(self) -> list[Match]:
        """What the search found, by position."""
        if self._matches is None:
            search = self._search or Search(())
            places = [self._place(hit.id) for hit in search.hits]
            rate = self._trained.models.popular.rate
            sold = {at: float(rate[at]) for at in places if at is not None and at < len(rate)}
            self._matches = matches(search, places, sold)
        return self._matches

    @property
    def likings(self) -> dict[int, tuple[float, str]]:
        """What the shopper's models say of the products found: the share of the strongest, and whose it is."""
        if self._likings is None:
            self._likings = {}
            models = _WHO_LIKES if _is_known(self._shopper) else ()
            known = [one.at for one in self.found if one.at < len(self._trained.known)]
            for model in models if known else ():
                mask = np.zeros(len(self._trained.known), np.bool_)
                mask[known] = True
                best = self.best(model, len(known), (), mask)
                leader = max((score for _, score in best), default=0.0)
                for at, score in best:
                    share = score / leader if leader > 0 else 0.0
                    if share > self._likings.get(at, (0.0, ""))[0]:
                        self._likings[at] = share, model
        return self._likings

    def _why_found(self, items: Sequence[int]) -> list[Reasons]:
        """How each product fits the words, then what speaks for it: the shopper's own evidence, or that it sells."""
        found = {one.at: one for one in self.found}
        partly = self._search is not None and self._search.partly
        liked: dict[str, list[int]] = {}
        for at in items:
            share, model = self.likings.get(at, (0.0, ""))
            if share >= TOLD_FROM:
                liked.setdefault(model, []).append(at)
        own: dict[int, Reasons] = {}
        for model, of_model in liked.items():
            for at, why in zip(of_model, self.reasons(model, of_model), strict=True):
                own[at] = tuple(one for one in why if one.code not in _OF_ALL)[:1]
        told: list[Reasons] = []
        for at in items:
            how = "exact" if found[at].exact else "some" if partly else "all"
            more = own.get(at, ())
            if not more and found[at].sells >= SELLS_FROM:
                more = (Reason(ReasonCode.POPULAR, {"category": ""}),)
            told.append((Reason(ReasonCode.FOUND, {"how": how}), *more))
        return told

    def _visit_of(self, model: ScoringModel) -> Visit:
        """The shopper in the positions of a model: some know products that came since the training."""
        if model.catalogue is self.catalogue or len(model.catalogue) == len(self.catalogue):
            return self.visit
        if self._longer is None:
            self._longer = visit_of(model.catalogue, self._shopper, self._day)
        return self._longer

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

    def _ordered(self, n: int, hidden: Collection[int], allowed: Mask | None) -> list[tuple[int, float]]:
        """The candidates of all models in the learned order."""
        order = self._trained.order
        if order is None:
            return []
        leaving = {*hidden, *self.catalogue.encode(self._shopper.basket).tolist()}
        found, scores = order.rank(self, background_of(self._trained), self._facts(), leaving, allowed)
        if not len(found.items):
            return []
        scores = np.exp(scores - scores.max())  # above zero, as weights of a blend, factors and worths want them
        best = np.lexsort((found.items, -scores))[:n]
        self._parts.update(zip(found.items[best].tolist(), found.part[best].tolist(), strict=True))
        return list(zip(found.items[best].tolist(), scores[best].tolist(), strict=True))

    def _placed(self, items: Sequence[int]) -> list[Reasons]:
        """Why a model named each item, and what its place was learned from."""
        order = self._trained.order
        if order is None:
            return [()] * len(items)
        said = Reason(ReasonCode.RANKED, {"from": order.told.learned_from})
        found: dict[int, Reasons] = {}
        for part in {self._parts.get(item, -1) for item in items}:
            own = [item for item in items if self._parts.get(item, -1) == part]
            found |= zip(own, self.reasons(PARTS[part], own) if part >= 0 else [()] * len(own), strict=True)
        return [(*found[item], said) for item in items]

    def _facts(self) -> ItemFacts:
        goods = self._goods
        if goods is not None:
            return ItemFacts(goods.prices, goods.margin_shares, goods.stocks, goods.ages)
        newer = self._trained.newer
        model = next(iter((self._trained.more if newer is None else newer.models).values()), None)
        assortment = Assortment.of(self.catalogue, {}) if model is None else model.assortment
        return facts_of(assortment, self._day)

    def _seen(self, found: Evidence | None) -> Reasons:
        """What led to an item: the visits that hold it too, or the product that goes with it."""
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


def _is_known(shopper: Shopper) -> bool:
    return bool(shopper.purchases or shopper.basket or shopper.viewed or shopper.session or shopper.left)


def background_of(trained: TrainedSet) -> Background:
    """What the ranker knows of items for every shopper."""
    models, newer = trained.models, trained.newer
    rate, surge = models.popular.rate, models.trending.surge
    if newer is None:
        return Background(trained.catalogue.category, rate, surge, trained.blend)
    return Background(newer.catalogue.category, newer.padded(rate), newer.padded(surge), trained.blend)


def model_of(trained: TrainedSet, name: str) -> ScoringModel | None:
    """A model of the set; None for one that was not trained."""
    if name == Blend.name:
        return trained.blend
    if trained.newer is not None and name in trained.newer.models:
        return trained.newer.models[name]
    found: ScoringModel | None = getattr(trained.models, name, None) or trained.more.get(name)
    return found
