"""Bundles: sets of two to four products that are bought as one, with their lift and what they earn together.

Sets grow level by level (Agrawal and Srikant, "Fast Algorithms for Mining Association Rules", 1994): a set is looked at
only where all of its pairs are surprising by themselves, and kept where it holds together more than its parts do.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple, Self

import msgspec
import numpy as np

from regulars.recommend.assortment import Assortment, Rows
from regulars.recommend.bought_together import Together, count_pairs, log_likelihood_ratio
from regulars.recommend.interactions import Float64, Int32, Int64, check_items, distinct_pairs
from regulars.recommend.material import AssortmentModel, Material
from regulars.recommend.model import Column, Reason, ReasonCode, Reasons, Scored
from regulars.recommend.seeds import Seeds, seeds_of, summed
from regulars.recommend.visit import Visit


class Bundling(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of bundles."""

    largest: int = 4  # products of a set
    least_baskets: int = 4  # that hold all of it
    least_ratio: float = 10.83  # log-likelihood ratio of each pair: chi-square with one degree of freedom at 0.001
    most_pairs: int = 4_000
    most_looked_at: int = 40_000  # larger sets, whose baskets are counted
    prior: float = 3.0
    half_life_days: float = 14.0  # of an own purchase as a part of a set


SETTINGS = Bundling()


class Bundle(NamedTuple):
    """A set of products, in how many baskets it is, and what it costs and earns, minor units, where that is known."""

    items: tuple[str, ...]
    baskets: int
    lift: float  # how much more often than if its products had nothing to do with each other
    price: int | None
    margin: int | None


class Bundles(AssortmentModel):
    """What completes a set of which a part is at hand.

    With n baskets of N holding the set S: expected e = N prod(n_i / N), strength = log((n + k) / (e + k)). A set that
    loses money as a whole, where that is known, is none.
    """

    name: ClassVar[str] = "bundles"
    learns: ClassVar[bool] = True

    def __init__(self, assortment: Assortment, sets: Rows, baskets: Int32, lift: Float64, strength: Float64) -> None:
        super().__init__(assortment)
        self._sets = sets
        self._baskets = baskets
        self._lift = lift
        self._strength = strength
        self._of_item = sets.turned(len(assortment))

    def __len__(self) -> int:
        return len(self._baskets)

    @classmethod
    def fit(cls, material: Material, settings: Bundling = SETTINGS) -> Self:
        """The sets in the baskets of the lines."""
        check_items(material.lines, material.catalogue)
        found = _grown(*distinct_pairs(material.lines.basket, material.lines.item), settings)
        kept = [
            one for one in found if (margin := material.assortment.margin(np.asarray(one[0]))) is None or margin > 0
        ]
        kept.sort(key=lambda one: (-one[3], one[0]))
        return cls(
            material.assortment,
            Rows.of([one[0] for one in kept]),
            np.asarray([one[1] for one in kept], np.int32),
            np.asarray([one[2] for one in kept], np.float64),
            np.asarray([one[3] for one in kept], np.float64),
        )

    def of(self, item: str) -> list[Bundle]:
        """The sets that hold a product, the surest first."""
        at = self.catalogue.position.get(item)
        return [] if at is None else [self._told(number) for number in self._of_item[at].tolist()]

    def score(self, visit: Visit) -> Scored:
        """The missing products of sets of which a part is at hand or was bought lately."""
        return summed(*self._missing(visit)[:2])

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """The surest set that each item completes."""
        seeds = self._seeds(visit)
        reached, strengths, numbers = self._missing(visit, seeds)
        at_hand = dict(zip(seeds.items[::-1].tolist(), seeds.sources[::-1], strict=True))
        result: list[Reasons] = []
        for item in items.tolist():
            here = np.flatnonzero(reached == item)
            if not len(here):
                result.append(())
                continue
            bundle = int(numbers[here[np.argmax(strengths[here])]])
            members = self._sets[bundle].tolist()
            matched = next(one for one in seeds.items.tolist() if one in members and one != item)
            told = self._told(bundle)
            arguments: dict[str, str | int | float] = {
                "item": self.catalogue.ids[matched],
                "from": at_hand[matched],
                "items": ", ".join(told.items),
                "baskets": told.baskets,
                "lift": round(told.lift, 2),
            }
            if told.price is not None:
                arguments["price"] = told.price
            result.append((Reason(ReasonCode.BUNDLE, arguments),))
        return result

    def _seeds(self, visit: Visit) -> Seeds:
        return seeds_of(visit, SETTINGS.half_life_days)

    def _missing(self, visit: Visit, seeds: Seeds | None = None) -> tuple[Int32, Float64, Int64]:
        """Products that complete sets, how strongly, and which sets."""
        weights: dict[int, float] = {}
        found = self._seeds(visit) if seeds is None else seeds
        for item, weight in zip(found.items.tolist(), found.weights.tolist(), strict=True):
            weights[item] = max(weight, weights.get(item, 0.0))
        had = [one for one, source in zip(found.items.tolist(), found.sources, strict=True) if source == "history"]
        hidden = {*visit.basket.tolist(), *visit.returned.tolist(), *had}
        items: list[int] = []
        strengths: list[float] = []
        numbers: list[int] = []
        for number in dict.fromkeys(one for item in weights for one in self._of_item[item].tolist()):
            members = self._sets[number].tolist()
            held = sum(weights.get(one, 0.0) for one in members) / (len(members) - 1)
            for one in members:
                # The set speaks for a product by its other products: one alone is no part of a set.
                others = held - weights.get(one, 0.0) / (len(members) - 1)
                if others > 0 and one not in hidden:
                    items.append(one)
                    strengths.append(others * float(self._strength[number]))
                    numbers.append(number)
        return np.asarray(items, np.int32), np.asarray(strengths, np.float64), np.asarray(numbers, np.int64)

    def _told(self, number: int) -> Bundle:
        members = self._sets[number]
        return Bundle(
            tuple(self.catalogue.ids[one] for one in members.tolist()),
            int(self._baskets[number]),
            float(self._lift[number]),
            self.assortment.price_of(members),
            self.assortment.margin(members),
        )

    def columns(self) -> Mapping[str, Column]:
        """The arrays of the model."""
        return {
            "start": self._sets.start,
            "item": self._sets.value,
            "baskets": self._baskets,
            "lift": self._lift,
            "strength": self._strength,
        }

    @classmethod
    def restore(cls, assortment: Assortment, columns: Mapping[str, Column]) -> Self:
        """The model from its arrays."""
        sets = Rows(columns["start"].astype(np.int64, copy=False), columns["item"].astype(np.int32, copy=False))
        return cls(
            assortment,
            sets,
            columns["baskets"].astype(np.int32, copy=False),
            columns["lift"].astype(np.float64, copy=False),
            columns["strength"].astype(np.float64, copy=False),
        )


_Set = tuple[tuple[int, ...], int, float, float]  # items ascending, baskets, lift, strength


def _grown(basket: Int32, item: Int32, settings: Bundling) -> list[_Set]:
    """All sets: the surest pairs, and what grows out of them."""
    if not len(basket):
        return []
    baskets = int((basket[1:] != basket[:-1]).sum()) + 1
    counts = np.bincount(item)
    frequent = counts[item] >= settings.least_baskets
    low, high, both = count_pairs(basket[frequent], item[frequent], Together(least_together=settings.least_baskets))
    ratio = log_likelihood_ratio(both, counts[low], counts[high], baskets)
    expected = counts[low] * (counts[high] / baskets)
    sure = np.flatnonzero((ratio >= settings.least_ratio) & (both > expected))
    sure = sure[np.lexsort((high[sure], low[sure], -ratio[sure]))][: settings.most_pairs]
    level: dict[tuple[int, ...], int] = {(int(low[at]), int(high[at])): int(both[at]) for at in sure.tolist()}
    partners: dict[int, set[int]] = {}
    for first, second in zip(low[sure].tolist(), high[sure].tolist(), strict=True):
        partners.setdefault(first, set()).add(second)
    of_item = _baskets_of(basket, item, sorted({one for pair in level for one in pair}))
    holding: dict[tuple[int, ...], Int32] = {
        pair: np.intersect1d(of_item[pair[0]], of_item[pair[1]], assume_unique=True) for pair in level
    }
    found: list[_Set] = []
    logs = {item: float(np.log(counts[item] / baskets)) for item in of_item}
    looked_at = 0
    for size in range(2, settings.largest + 1):
        found += [_judged(members, times, baskets, logs, settings) for members, times in level.items()]
        if size == settings.largest:
            break
        grown: dict[tuple[int, ...], int] = {}
        held: dict[tuple[int, ...], Int32] = {}
        for members in level:
            for more in _fitting(members, partners):
                if looked_at >= settings.most_looked_at:
                    break
                looked_at += 1
                common = np.intersect1d(holding[members], of_item[more], assume_unique=True)
                # Beyond chance: the newcomer is in these baskets more often than in any.
                if len(common) >= settings.least_baskets and len(common) > 2 * len(holding[members]) * np.exp(
                    logs[more]
                ):
                    grown[*members, more], held[*members, more] = len(common), common
        level, holding = grown, held
    return found


def _baskets_of(basket: Int32, item: Int32, wanted: list[int]) -> dict[int, Int32]:
    order = np.argsort(item, kind="stable")
    places = np.searchsorted(item[order], [wanted, [one + 1 for one in wanted]])
    return {one: basket[order[begin:end]] for one, begin, end in zip(wanted, *places.tolist(), strict=True)}


def _fitting(members: tuple[int, ...], partners: Mapping[int, set[int]]) -> Iterator[int]:
    """Items above the last one that are surprising with each of the members."""
    common = set.intersection(*(partners.get(one, set()) for one in members))
    return iter(sorted(one for one in common if one > members[-1]))


def _judged(members: tuple[int, ...], times: int, baskets: int, logs: Mapping[int, float], settings: Bundling) -> _Set:
    expected = float(np.exp(np.log(baskets) + sum(logs[one] for one in members)))
    strength = float(np.log((times + settings.prior) / (expected + settings.prior)))
    return members, times, times / expected, strength
