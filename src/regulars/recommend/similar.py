"""Similar products by what is said of them: text and attributes, also of products that nobody has seen yet.

The cosine of TF-IDF weights: the weightiest terms of the seeds are looked up in an inverted index, so that no product
is touched that shares no word. Terms that nearly every product has weigh next to nothing and are left out of the index.
"""

from typing import ClassVar

import numpy as np

from regulars.recommend.assortment import Assortment
from regulars.recommend.interactions import Float64, Int32
from regulars.recommend.material import AssortmentModel
from regulars.recommend.model import Reason, ReasonCode, Reasons, Scored
from regulars.recommend.seeds import NO_SCORES, Seeds, seeds_of
from regulars.recommend.visit import Visit

HALF_LIFE_DAYS = 30.0
MOST_SEEDS = 8
MOST_TERMS = 24  # of all seeds together, those that weigh most
LEAST = 0.05  # cosine below which two products have nothing in common


class Similar(AssortmentModel):
    """Products that are described alike to those at hand and those bought lately."""

    name: ClassVar[str] = "similar"

    def __init__(self, assortment: Assortment) -> None:
        super().__init__(assortment)
        self._index = assortment.index

    def score(self, visit: Visit) -> Scored:
        """The mean likeness to the seeds, each as it weighs; no seed, and nothing bought or sent back."""
        seeds = self._seeds(visit)
        if not len(seeds):
            return NO_SCORES
        likeness = self.likeness(seeds)
        likeness[np.concatenate((seeds.items, visit.own, visit.returned))] = 0
        likeness[~self.assortment.products] = 0
        items = np.flatnonzero(likeness >= LEAST * float(seeds.weights.max())).astype(np.int32)
        return Scored(items, likeness[items])

    def likeness(self, seeds: Seeds) -> Float64:
        """For every item the sum of its cosines with the seeds, weighted, by the weightiest terms of all seeds."""
        found = np.zeros(len(self.catalogue))
        index = self._index
        query = self.query(seeds)
        for term in sorted(query, key=lambda one: (-query[one], one))[:MOST_TERMS]:
            part = slice(index.start[term], index.start[term + 1])
            found[index.items[part]] += query[term] * index.weights[part]
        newer = self.assortment.indexed
        if newer < len(found):
            found[newer:] = self._of_newer(newer, query)
        return found

    def _of_newer(self, first: int, query: dict[int, float]) -> Float64:
        """The likeness of items that are not in the index: all their terms are looked at, for they are few."""
        rows = self.assortment.terms
        of_term = np.zeros(len(self._index.telling))
        of_term[list(query)] = list(query.values())
        begin = int(rows.start[first])
        numbers = np.repeat(np.arange(len(self.assortment) - first), np.diff(rows.start[first:]))
        weights = of_term[rows.value[begin:]] * self.assortment.weight[begin:]
        return np.bincount(numbers, weights=weights, minlength=len(self.assortment) - first).astype(np.float64)

    def query(self, seeds: Seeds) -> dict[int, float]:
        """The telling terms of the seeds with their weights, summed."""
        found: dict[int, float] = {}
        for seed, weight in zip(seeds.items.tolist(), seeds.weights.tolist(), strict=True):
            for term, here in self._terms(seed).items():
                found[term] = found.get(term, 0.0) + weight * here
        return found

    def _terms(self, item: int) -> dict[int, float]:
        rows = self.assortment.terms
        weights = self.assortment.weight[rows.start[item] : rows.start[item + 1]]
        telling = self._index.telling
        return {term: here for term, here in zip(rows[item].tolist(), weights.tolist(), strict=True) if telling[term]}

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """The seed that each item is most like."""
        seeds = self._seeds(visit)
        own = {*visit.own.tolist(), *visit.returned.tolist(), *seeds.items.tolist()}
        result: list[Reasons] = []
        told_of = [
            (self._terms(seed), weight)
            for seed, weight in zip(seeds.items.tolist(), seeds.weights.tolist(), strict=True)
        ]
        for item in items.tolist():
            here = self._terms(item)
            alike = [
                weight * sum(terms[term] * one for term, one in here.items() if term in terms)
                for terms, weight in told_of
            ]
            best = int(np.argmax(alike)) if alike else -1
            if best < 0 or alike[best] <= 0 or item in own or not self.assortment.products[item]:
                result.append(())
                continue
            told: dict[str, str | int | float] = {
                "item": self.catalogue.ids[int(seeds.items[best])],
                "from": seeds.sources[best],
                "likeness": round(alike[best] / float(seeds.weights[best]), 3),
            }
            result.append((Reason(ReasonCode.SIMILAR, told),))
        return result

    def _seeds(self, visit: Visit) -> Seeds:
        found = seeds_of(visit, HALF_LIFE_DAYS)
        if len(found) <= MOST_SEEDS:
            return found
        best = np.argsort(-found.weights, kind="stable")[:MOST_SEEDS]
        return Seeds(found.items[best], found.weights[best], tuple(found.sources[at] for at in best.tolist()))
