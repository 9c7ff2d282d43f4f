"""Complements and alternatives told apart: what is bought with or after a product, and what is bought instead of it.

Both count pairs of purchases by one person. A pair of first purchases across two categories within some weeks,
the later one second, speaks for a complement (the bag after the camera, never the camera after the bag); a pair within
one category on different days, or two products of a category looked at in one visit of which not both were bought,
speaks for an alternative. Which pairs are more than chance is decided as for bought together: by Dunning's
log-likelihood ratio over all such pairs, and the lift shrunk to 1 by a prior. After McAuley, Pandey, Leskovec:
"Inferring Networks of Substitutable and Complementary Products" (KDD 2015), whose evidence (bought together against
viewed together) is kept and whose text model is left to `similar`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Self

import msgspec
import numpy as np

from regulars.recommend.assortment import Assortment, Rows
from regulars.recommend.bought_together import log_likelihood_ratio
from regulars.recommend.interactions import (
    Int32,
    Int64,
    Interactions,
    Mask,
    changes,
    check_items,
    distinct_pairs,
    frequent,
)
from regulars.recommend.material import AssortmentModel, Looks, Material
from regulars.recommend.model import Column, Reason, ReasonCode, Reasons, Scored
from regulars.recommend.seeds import Seeds, Strength, seeds_of, strongest, summed, without
from regulars.recommend.visit import Visit


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of complements and alternatives."""

    window_days: int = 60  # between the two purchases
    most_after: int = 12  # first purchases of a person that are paired with one before them
    least_pairs: int = 3
    least_ratio: float = 6.63  # log-likelihood ratio: chi-square with one degree of freedom at 0.01
    prior: float = 3.0
    kept: int = 30  # neighbours of an item
    half_life_days: float = 30.0  # of an own purchase as a reason for a complement


SETTINGS = Pairing()


class _Paired(AssortmentModel):
    """Neighbours of the products at hand and of those bought lately."""

    learns: ClassVar[bool] = True
    code: ClassVar[ReasonCode]
    own: ClassVar[bool]  # whether own purchases speak for others

    def __init__(self, assortment: Assortment, strength: Strength) -> None:
        super().__init__(assortment)
        self.strength = strength

    def neighbours(self, item: int) -> Scored:
        """The neighbours of an item, the surest first, by log lift."""
        part = slice(int(self.strength.rows.start[item]), int(self.strength.rows.start[item + 1]))
        return Scored(self.strength.rows.value[part], self.strength.weight[part].astype(np.float64))

    def score(self, visit: Visit) -> Scored:
        """Neighbours of the seeds; no seed at hand, nothing bought and nothing that went back."""
        items, strengths, _ = self.strength.reach(self._seeds(visit))
        return without(summed(items, strengths), np.concatenate((visit.viewed, visit.own, visit.returned)))

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """The product at hand or owned that speaks most for each item."""
        seeds = self._seeds(visit)
        result: list[Reasons] = []
        for place, _ in strongest(items, self.strength.reach(seeds)):
            if place < 0:
                result.append(())
                continue
            told: dict[str, str | int | float] = {
                "item": self.catalogue.ids[int(seeds.items[place])],
                "from": seeds.sources[place],
            }
            result.append((Reason(self.code, told),))
        return result

    def columns(self) -> Mapping[str, Column]:
        """The arrays of the model."""
        rows, weight = self.strength
        return {"start": rows.start, "item": rows.value, "weight": weight}

    @classmethod
    def restore(cls, assortment: Assortment, columns: Mapping[str, Column]) -> Self:
        """The model from its arrays."""
        rows = Rows(
            columns["start"].astype(np.int64, copy=False),
            columns["item"].astype(np.int32, copy=False),
        )
        return cls(assortment, Strength(rows, columns["weight"].astype(np.float32, copy=False)))

    def _seeds(self, visit: Visit) -> Seeds:
        return seeds_of(visit, SETTINGS.half_life_days, own=self.own)


class Complements(_Paired):
    """What is bought with a product or soon after it, of other kinds."""

    name: ClassVar[str] = "complements"
    code: ClassVar[ReasonCode] = ReasonCode.COMPLEMENT
    own: ClassVar[bool] = True

    @classmethod
    def fit(cls, material: Material, settings: Pairing = SETTINGS) -> Self:
        """Pairs across categories, the later purchase second."""
        check_items(material.lines, material.catalogue)
        category = material.catalogue.category
        bought = _first_purchases(material.lines)
        events = np.bincount(bought[2], minlength=len(category))
        often = events[bought[2]] >= settings.least_pairs  # no other can be in enough pairs
        person, day, item = (column[often] for column in bought)
        keys = _keys(_followers((person, day, item), settings), lambda a, b: category[a] != category[b])
        return cls(material.assortment, _strength(keys, events, settings))


class Alternatives(_Paired):
    """What is bought or looked at instead of a product: others of its kind."""

    name: ClassVar[str] = "alternatives"
    code: ClassVar[ReasonCode] = ReasonCode.ALTERNATIVE
    own: ClassVar[bool] = False  # whoever bought one needs no other

    @classmethod
    def fit(cls, material: Material, settings: Pairing = SETTINGS) -> Self:
        """Pairs within a category that are not one basket, in both directions, without what goes together."""
        check_items(material.lines, material.catalogue)
        category, count = material.catalogue.category, len(material.catalogue)
        keys = _keys(_switches(material.lines, category))
        events = 2 * np.bincount(material.lines.item, minlength=count)  # each has one before it and one after
        if material.looks is not None:
            keys = np.concatenate((keys, _keys(_looked(material.looks, category, settings))))
            events += np.bincount(distinct_pairs(material.looks.visit, material.looks.item)[1], minlength=count)
        joint_keys, joint_times = _in_one_basket(material.lines, category, settings)
        pairs, times = frequent(keys, settings.least_pairs)
        joint = np.zeros(len(pairs), np.int64)
        if len(joint_keys):
            places = np.minimum(np.searchsorted(joint_keys, pairs), len(joint_keys) - 1)
            joint = np.where(joint_keys[places] == pairs, joint_times[places], 0)
        instead = pairs[times > joint]  # of two that are bought together more often than instead, neither is
        return cls(material.assortment, _strength(keys[np.isin(keys, instead)], events, settings))


Pairs = tuple[Int32, Int32]


def _first_purchases(lines: Interactions) -> tuple[Int32, Int32, Int32]:
    """Person, day and item of each person's first purchase of each item, by person, day and item."""
    order = np.lexsort((lines.day, lines.item, lines.person))
    person, item, day = lines.person[order], lines.item[order], lines.day[order]
    first = changes(person) | changes(item)
    person, item, day = person[first], item[first], day[first]
    order = np.lexsort((item, day, person))
    return person[order], day[order], item[order]


def _followers(bought: tuple[Int32, Int32, Int32], settings: Pairing) -> Iterator[Pairs]:
    """(item, item bought on the same day or after it within the window); on the same day in both directions."""
    person, day, item = bought
    for ahead in range(1, settings.most_after + 1):
        gap = day[ahead:] - day[:-ahead]
        near = (person[ahead:] == person[:-ahead]) & (gap <= settings.window_days)
        if not near.any():
            return
        yield item[:-ahead][near], item[ahead:][near]
        same = near & (gap == 0)
        yield item[ahead:][same], item[:-ahead][same]


def _switches(lines: Interactions, category: Int32) -> Iterator[Pairs]:
    """A person's one item of a category and the next one, bought on another day; in both directions."""
    order = np.lexsort((lines.item, lines.day, category[lines.item], lines.person))
    person, item, day = lines.person[order], lines.item[order], lines.day[order]
    here = category[item]
    other = (person[1:] == person[:-1]) & (here[1:] == here[:-1]) & (day[1:] > day[:-1]) & (item[1:] != item[:-1])
    before, after = item[:-1][other], item[1:][other]
    yield before, after
    yield after, before


def _looked(looks: Looks, category: Int32, settings: Pairing) -> Iterator[Pairs]:
    """Products of one category looked at in one visit."""
    visit, item = distinct_pairs(looks.visit, looks.item)
    order = np.lexsort((item, category[item], visit))
    visit, item = visit[order], item[order]
    here = category[item]
    for ahead in range(1, settings.most_after + 1):
        alike = (visit[ahead:] == visit[:-ahead]) & (here[ahead:] == here[:-ahead])
        if not alike.any():
            return
        before, after = item[:-ahead][alike], item[ahead:][alike]
        yield before, after
        yield after, before


def _in_one_basket(lines: Interactions, category: Int32, settings: Pairing) -> tuple[Int64, Int64]:
    """Pairs of one category in one basket, in both directions: keys ascending, and how many baskets."""
    looks = Looks(lines.basket, lines.item)
    return frequent(_keys(_looked(looks, category, settings)), 1)


def _keys(parts: Iterator[Pairs], wanted: Callable[[Int32, Int32], Mask] | None = None) -> Int64:
    """Pairs as one number each, only those that are wanted."""
    found = [np.empty(0, np.int64)]
    for first, second in parts:
        keep = slice(None) if wanted is None else wanted(first, second)
        found.append((first[keep].astype(np.int64) << 32) | second[keep])
    return np.concatenate(found)


def _strength(keys: Int64, led: Int64, settings: Pairing) -> Strength:
    """Of pairs those that are more than chance, for each first item its surest neighbours.

    `led` are all events of each item, those without a second one, too: of an event is asked whose it is, and what
    follows it.
    """
    items, total = len(led), int(led.sum())
    followed = np.bincount((keys & 0xFFFFFFFF).astype(np.int32), minlength=items)
    keys, both = frequent(keys, settings.least_pairs)
    low, high = keys >> 32, keys & 0xFFFFFFFF
    expected = led[low] * (followed[high] / max(total, 1))
    ratio = log_likelihood_ratio(both, led[low], followed[high], total)
    keep = (ratio >= settings.least_ratio) & (both > expected)
    low, high, both, ratio, expected = low[keep], high[keep], both[keep], ratio[keep], expected[keep]
    lift = np.log((both + settings.prior) / (expected + settings.prior))
    order = np.lexsort((high, -ratio, low))
    low, high, lift = low[order], high[order], lift[order]
    counts = np.bincount(low, minlength=items)
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    keep = np.arange(len(low)) - starts[low] < settings.kept
    rows = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.minimum(counts, settings.kept))))
    return Strength(Rows(rows, high[keep].astype(np.int32)), lift[keep].astype(np.float32))
