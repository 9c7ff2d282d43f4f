"""What every model answers: which items for this shopper, and why."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from itertools import repeat
from typing import Any, ClassVar, Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.core.errors import Rejected
from regulars.recommend.assortment import sku_key
from regulars.recommend.interactions import Catalogue, Int32, Int64, Interactions, Mask
from regulars.recommend.visit import Left, Visit

Column = NDArray[np.generic]
NOTHING: Int32 = np.empty(0, np.int32)


class ReasonCode(StrEnum):
    """Why an item is recommended; the console and templates turn codes into sentences."""

    BOUGHT_TOGETHER = "bought_together"  # item: the matched product; from: basket, viewed or history
    OWN_RHYTHM = "own_rhythm"  # gap_days, days_since, times
    BOUGHT_OFTEN = "bought_often"  # times
    CATEGORY = "category"  # category that the shopper buys from
    TRENDING = "trending"  # growth: recent rate over the usual rate
    POPULAR = "popular"  # category ("" = the whole shop)
    FILLED_UP = "filled_up"  # model: the fall-back that filled the row
    DISCOVER = "discover"  # drawn: it is new, or was rarely shown
    COMPLEMENT = "complement"  # item: the matched product; from: basket, viewed or history; share of its buyers
    ALTERNATIVE = "alternative"  # item, from; bought or viewed instead by so many
    BUNDLE = "bundle"  # item, items: the whole set; baskets, lift, price of the set
    VARIANT = "variant"  # item: what was kept; colour, season, size where they are known
    NEW_ARRIVAL = "new_arrival"  # days in the range; from: category, brand, words, or nothing
    SIMILAR = "similar"  # item, from; words that both share
    LEFT_BEHIND = "left_behind"  # from: viewed, basket, removed or wished
    GUIDE = "guide"  # content; item, from; or category
    SIMILAR_VISITS = "similar_visits"  # item: the product that both visits hold; visits: how many hold this one
    VIEWED_TOGETHER = "viewed_together"  # item: the product of this visit
    FOUND = "found"  # how: exact, all or some of the words that were searched for
    RANKED = "ranked"  # from: what the order was learned from, exposures or simulated
    RULE = "rule"  # rule: the merchandising rule that put it there


class Reason(msgspec.Struct, frozen=True):
    """One piece of evidence: a code and its arguments."""

    code: ReasonCode
    arguments: dict[str, str | int | float] = {}


Reasons = tuple[Reason, ...]


class Recommended(msgspec.Struct, frozen=True):
    """One item of a row. Scores compare items of one row only; the blend's score is a probability."""

    item: str
    score: float
    reasons: Reasons
    model: str


class Shopper(msgspec.Struct, frozen=True):
    """What is known of who is asking: purchases as [product id, day, quantity], and products at hand now.

    Days are shop-local day numbers since 1970-01-01. A quantity of 0 is a product that went back. `left` are products
    taken up and not bought as [product id, what was done, how much of it is left].
    """

    purchases: Sequence[Sequence[Any]] = ()
    basket: Sequence[str] = ()
    viewed: Sequence[str] = ()
    left: Sequence[tuple[str, str, float]] = ()
    session: Sequence[str] = ()  # products of the running visit, the oldest first; some of them again
    seen: Sequence[str] = ()  # products of earlier visits; they name nothing, and are no discovery
    kept: Sequence[str] = ()  # SKUs of variants that were bought and kept


class Scored(msgspec.Struct, frozen=True, eq=False):
    """Candidates by position, with scores; each item once."""

    items: Int32
    scores: NDArray[np.float64]


class Model(Protocol):
    """A trained model: an immutable base that processes share by memory map.

    `fit` builds the base from order lines. Models that take new sessions without a rebuild add `add(delta)` and
    `forget(person)` on top; the models of this package keep counts over many people and no person's rows.
    """

    name: ClassVar[str]

    def recommend(
        self, shopper: Shopper, *, n: int, day: int, exclude: Collection[str] = (), allowed: Mask | None = None
    ) -> list[Recommended]:
        """At most `n` items on `day`, best first; none of `exclude`, and only those that `allowed` lets through."""
        ...

    def explain(self, shopper: Shopper, item: str, *, day: int) -> Reasons:
        """The evidence for one item; empty if the model has none."""
        ...

    def columns(self) -> Mapping[str, Column]:
        """The arrays that make up the base, by name."""
        ...

    @classmethod
    def restore(cls, catalogue: Catalogue, columns: Mapping[str, Column]) -> Self:
        """The model whose `columns` these are."""
        ...


class ScoringModel(ABC):
    """A model that scores candidates; recommending and explaining follow from that."""

    name: ClassVar[str]
    catalogue: Catalogue

    @abstractmethod
    def score(self, visit: Visit) -> Scored:
        """Candidates for the visit, in any order."""

    @abstractmethod
    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """The evidence for each of the items; empty where the model has none."""

    def recommend(
        self, shopper: Shopper, *, n: int, day: int, exclude: Collection[str] = (), allowed: Mask | None = None
    ) -> list[Recommended]:
        """At most `n` items on `day`, best first."""
        visit = visit_of(self.catalogue, shopper, day)
        best = self.best(visit, n=n, excluded=self.catalogue.encode(exclude), allowed=allowed)
        return [
            Recommended(self.catalogue.ids[item], score, reasons, self.name)
            for item, score, reasons in zip(
                best.items.tolist(), best.scores.tolist(), self.reasons(visit, best.items), strict=True
            )
        ]

    def best(self, visit: Visit, *, n: int, excluded: Int32 = NOTHING, allowed: Mask | None = None) -> Scored:
        """At most `n` items in positions, best first; what lies in the basket already is not among them."""
        hidden = np.concatenate((excluded, visit.basket)) if len(excluded) else visit.basket
        return top(self.score(visit), n, hidden, allowed)

    def explain(self, shopper: Shopper, item: str, *, day: int) -> Reasons:
        """The evidence for one item."""
        position = self.catalogue.position.get(item)
        if position is None:
            raise Rejected(
                f"the trained models do not know product {item!r}; train again or check the id", field="item"
            )
        return self.reasons(visit_of(self.catalogue, shopper, day), np.asarray([position], np.int32))[0]


class Recipe(Protocol):
    """How a kind of model is fitted: its settings, and what it makes of order lines."""

    def fit(self, interactions: Interactions, catalogue: Catalogue) -> Model:
        """A model learned from the lines."""
        ...


def visit_of(catalogue: Catalogue, shopper: Shopper, day: int) -> Visit:
    """The shopper in positions; products that the catalogue does not hold are left out."""
    items, days = _bought(catalogue, shopper.purchases)
    visit = Visit.of(
        items, days, day=day, basket=catalogue.encode(shopper.basket), viewed=catalogue.encode(shopper.viewed)
    )
    if any(one[2] <= 0 for one in shopper.purchases):
        visit.returned = catalogue.encode(_returned(shopper.purchases, day))
    if shopper.kept:
        visit.kept = frozenset(map(sku_key, shopper.kept))
    if shopper.left:
        visit.left = _left(catalogue, shopper.left)
    return visit


def _returned(purchases: Sequence[Sequence[Any]], day: int) -> list[str]:
    """What went back and was not bought anew on a later day, as who exchanges a size does."""
    back: dict[str, int] = {}
    bought: dict[str, int] = {}
    for product, on, quantity in purchases:
        if on <= day:
            last = bought if quantity > 0 else back
            last[product] = max(on, last.get(product, on))
    return [product for product, on in back.items() if bought.get(product, on) <= on]


def _left(catalogue: Catalogue, left: Sequence[tuple[str, str, float]]) -> Left:
    """What was left behind by position, each item once by what says most."""
    best: dict[int, tuple[float, str]] = {}
    for product, how, strength in left:
        at = catalogue.position.get(product)
        if at is not None and strength > 0 and (at not in best or (strength, how) > best[at]):
            best[at] = strength, how
    found = sorted(best.items())
    return Left(
        np.asarray([at for at, _ in found], np.int32),
        np.asarray([strength for _, (strength, _) in found], np.float64),
        tuple(how for _, (_, how) in found),
    )


def _bought(catalogue: Catalogue, purchases: Sequence[Sequence[Any]]) -> tuple[Int64, Int64]:
    """Positions and days of what was bought and kept."""
    if not purchases:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    products, days, quantities = zip(*purchases, strict=True)
    items = np.asarray(list(map(catalogue.position.get, products, repeat(-1))), np.int64)
    kept = (items >= 0) & (np.asarray(quantities) > 0)
    return items[kept], np.asarray(days, np.int64)[kept]


def top(scored: Scored, n: int, excluded: Int32, allowed: Mask | None = None) -> Scored:
    """The `n` best candidates, best first, ties by position. Filters before it cuts, so that rows do not get short."""
    items, scores = scored.items, scored.scores
    if n <= 0:
        return Scored(items[:0], scores[:0])
    if allowed is not None:
        keep = allowed[items]
        items, scores = items[keep], scores[keep]
    if len(excluded):
        keep = ~np.isin(items, excluded)
        items, scores = items[keep], scores[keep]
    if len(items) > 4 * n:
        floor = np.partition(scores, len(scores) - n)[len(scores) - n]
        keep = scores >= floor
        items, scores = items[keep], scores[keep]
    order = np.lexsort((items, -scores))[:n]
    return Scored(items[order], scores[order])
