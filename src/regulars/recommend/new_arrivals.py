"""New arrivals matched to interests: what came into the range lately, by the shopper's categories, brands and words."""

from typing import ClassVar, NamedTuple

import numpy as np

from regulars.recommend.assortment import UNKNOWN, Assortment
from regulars.recommend.interactions import Float64, Int32
from regulars.recommend.material import AssortmentModel
from regulars.recommend.model import NOTHING, Reason, ReasonCode, Reasons, Scored
from regulars.recommend.seeds import Seeds, seeds_of
from regulars.recommend.similar import Similar
from regulars.recommend.visit import Visit

NEW_DAYS = 45
HALF_LIFE_DAYS = 90.0
#: What an interest counts: that of a category or brand is a share, that of words a cosine.
CATEGORY, BRAND, WORDS = 1.0, 0.7, 0.5
MOST_NEW = 1_000  # products whose words are compared
UNMATCHED = 0.01  # of a product that no interest speaks for


class _Matched(NamedTuple):
    """New items with how much each part of the shopper's interests speaks for them."""

    items: Int32
    parts: Float64  # category, brand, words; by item
    newness: Float64


class NewArrivals(AssortmentModel):
    """The products of the last weeks, the more the shopper is drawn to them and the newer they are."""

    name: ClassVar[str] = "new_arrivals"

    def __init__(self, assortment: Assortment) -> None:
        super().__init__(assortment)
        self._similar = Similar(assortment)
        self._named = np.asarray([bool(name) for name in assortment.catalogue.categories], np.bool_)
        self._today: tuple[int, Int32] = (-1, NOTHING)  # the day asked for last, and what is new on it
        self._dated = np.flatnonzero((assortment.since != UNKNOWN) & assortment.products).astype(np.int32)

    def score(self, visit: Visit) -> Scored:
        """New products that the shopper did not buy."""
        new = self._new(visit)
        if len(new) > MOST_NEW:
            # Categories and brands are looked up at once; words are compared where these leave a choice.
            rough = self._matched(visit, new, words=False)
            promise = (rough.parts @ np.asarray([CATEGORY, BRAND, WORDS]) + UNMATCHED) * rough.newness
            new = np.sort(new[np.lexsort((new, -promise))[:MOST_NEW]])
        matched = self._matched(visit, new)
        liking = matched.parts @ np.asarray([CATEGORY, BRAND, WORDS]) + UNMATCHED
        return Scored(matched.items, liking * matched.newness)

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """How long it has been there, and what of the shopper it matches."""
        age = visit.day - self.assortment.since[items]
        dated = (self.assortment.since[items] != UNKNOWN) & self.assortment.products[items]
        had = np.isin(items, np.concatenate((visit.own, visit.returned)))
        new = dated & (age >= 0) & (age <= NEW_DAYS) & ~had
        matched = self._matched(visit, items)
        result: list[Reasons] = []
        for at, item in enumerate(items.tolist()):
            if not new[at]:
                result.append(())
                continue
            told: dict[str, str | int | float] = {"days": visit.day - int(self.assortment.since[item])}
            parts = matched.parts[at] * (CATEGORY, BRAND, WORDS)
            best = int(np.argmax(parts))
            if parts[best] > 0:
                told["from"] = ("category", "brand", "words")[best]
                if best == 1:
                    told["brand"] = self.assortment.name("brands", int(self.assortment.brand[item]))
                elif name := self.catalogue.category_of(item):
                    told["category"] = name
            result.append((Reason(ReasonCode.NEW_ARRIVAL, told),))
        return result

    def _likeness(self, seeds: Seeds, items: Int32) -> Float64:
        """The weighted sum of cosines with the seeds, of these items alone: there are few new ones."""
        query = self._similar.query(seeds)
        of_term = np.zeros(len(self.assortment.index.telling))
        of_term[list(query)] = list(query.values())
        rows = self.assortment.terms
        start = rows.start[items]
        lengths = rows.start[items + 1] - start
        numbers = np.repeat(np.arange(len(items)), lengths)
        places = np.arange(len(numbers)) + (start - np.cumsum(lengths) + lengths)[numbers]
        weights = of_term[rows.value[places]] * self.assortment.weight[places]
        return np.bincount(numbers, weights=weights, minlength=len(items)).astype(np.float64)

    def _new(self, visit: Visit) -> Int32:
        if self._today[0] != visit.day:
            age = visit.day - self.assortment.since[self._dated]
            self._today = visit.day, self._dated[(age >= 0) & (age <= NEW_DAYS)]
        new = self._today[1]
        return new[~np.isin(new, np.concatenate((visit.own, visit.returned)))]

    def _matched(self, visit: Visit, items: Int32, *, words: bool = True) -> _Matched:
        seeds = seeds_of(visit, HALF_LIFE_DAYS)
        total = float(seeds.weights.sum()) or 1.0
        parts = np.zeros((len(items), 3))
        for column, groups in enumerate((self.catalogue.category, self.assortment.brand)):
            known = groups[seeds.items] >= 0
            if column == 0:  # a category without a name is no interest
                known &= self._named[groups[seeds.items]]
            liked = np.bincount(
                groups[seeds.items][known], weights=seeds.weights[known], minlength=int(groups.max(initial=0)) + 1
            )
            here = groups[items]
            parts[:, column] = np.where(here >= 0, liked[np.maximum(here, 0)], 0.0) / total
        if words and len(seeds):
            parts[:, 2] = self._likeness(seeds, items) / total
        since = self.assortment.since[items]
        age = np.clip(visit.day - since, 0, NEW_DAYS)
        return _Matched(items, parts, 1 - 0.5 * age / NEW_DAYS)
