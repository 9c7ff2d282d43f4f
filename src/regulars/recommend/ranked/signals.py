"""Candidates of all models for one shopper, and what speaks for each: what the ranker learns from, and what it serves.

Training and serving build the rows with this same code. A row holds, for each model, how strong the candidate is among
that model's and at which place; then what the merchant knows of the item, what ties the shopper to it, and what the
blend's own models say of it one by one.
"""

from collections.abc import Collection
from typing import NamedTuple, Protocol

import numpy as np

from regulars.recommend.assortment import Assortment
from regulars.recommend.blend import Blend
from regulars.recommend.features import FEATURES
from regulars.recommend.interactions import Catalogue, Float32, Float64, Int32, Mask
from regulars.recommend.model import Scored, top
from regulars.recommend.visit import Visit

#: Models whose candidates are ranked; those that a set does not hold name nothing.
PARTS = (
    "blend",
    "bought_together",
    "neighbours",
    "viewed_together",
    "complements",
    "similar",
    "new_arrivals",
    "left_behind",
)
#: Candidates of each model.
EACH = 30
_OF_PARTS = tuple(f"{part}.{what}" for part in PARTS for what in ("score", "rank"))
#: What a row holds, in order.
SIGNALS = (
    *_OF_PARTS,
    "popular",  # log of baskets per day
    "trending",  # surge in standard deviations
    "price",  # log of minor units; -1: not known, as below
    "margin_share",  # of the price
    "stock",  # log of 1 + pieces
    "age",  # log of 1 + days in the range
    "bought",  # log of 1 + days on which the shopper bought it
    "bought_since",  # log of 1 + days since; -1: never
    "viewed_back",  # events of this visit since it was looked at, from 0; -1: not in this visit
    "category_share",  # of the shopper's purchases and looks, those of its category
    "price_to_usual",  # log of its price over the mean price of what the shopper bought or looked at
    "visit_length",  # the same for all candidates, as is the next: what other signals mean depends on it
    "history_length",
    *(f"blend.{name}" for name in FEATURES),  # 0: the blend does not look at the item
    "blend.chance",  # log odds of being in the next basket
)
#: Log odds of what the blend does not look at.
NO_CHANCE = -12.0
_AT = {name: place for place, name in enumerate(SIGNALS)}


class ItemFacts(NamedTuple):
    """What the merchant knows of each item, by position; NaN where nobody told."""

    price: Float64  # minor units
    margin_share: Float64  # of the price
    stock: Float64  # pieces
    age_days: Float64


class Asks(Protocol):
    """Where candidates come from, for one shopper on one day; `regulars.recommend.sources.Sources` is one."""

    @property
    def catalogue(self) -> Catalogue:
        """The items."""
        ...

    @property
    def visit(self) -> Visit:
        """The shopper in positions."""
        ...

    @property
    def prefix(self) -> Int32:
        """The running visit in positions, the oldest first."""
        ...

    def best(self, name: str, n: int, hidden: Collection[int], allowed: Mask | None) -> list[tuple[int, float]]:
        """(position, score) of the best of a model."""
        ...


class Signals(NamedTuple):
    """Candidates by position, ascending, a row of signals each, and which part names each at the best place."""

    items: Int32
    rows: Float32
    part: Int32


class Background(NamedTuple):
    """What is the same for every shopper, by position."""

    category: Int32
    rate: Float32  # of baskets per day
    surge: Float32
    blend: Blend


class _Blended(NamedTuple):
    """What the blend says: (position, chance) of its best, and features with log odds of all that it looks at."""

    best: list[tuple[int, float]]
    items: Int32  # ascending
    columns: Float64  # features, then log odds, by item


class Signaller:
    """Builds rows of signals on the facts of one moment. It costs nothing to make: facts change every second."""

    def __init__(self, background: Background, facts: ItemFacts, parts: Collection[str] = PARTS) -> None:
        """`parts` are those that are asked; the others name nothing."""
        self._background = background
        self._category = background.category
        self._facts = facts
        self._parts = parts

    def build(
        self, asks: Asks, *, hidden: Collection[int] = (), allowed: Mask | None = None, also: Collection[int] = ()
    ) -> Signals:
        """The candidates of all parts and `also`, which are there whatever the parts name."""
        blended = self._blended(asks, hidden, allowed)
        named = [
            blended.best if part == Blend.name
            # What a part does not know it does not name: nobody is asked who was of no use.
            else asks.best(part, EACH, hidden, allowed) if part in self._parts else []
            for part in PARTS
        ]  # fmt: skip
        chosen = sorted({at for part in named for at, _ in part}.union(also))
        items = np.asarray(chosen, np.int32)
        rows = np.zeros((len(items), len(SIGNALS)), np.float32)
        best = np.zeros(len(items))
        part_of = np.full(len(items), -1, np.int32)
        for number, found in enumerate(named):
            if not found:
                continue
            at, scores = (np.asarray(column) for column in zip(*found, strict=True))
            places = np.searchsorted(items, at)
            rank = 1.0 / np.arange(1, len(at) + 1)
            rows[places, 2 * number] = scores / (np.abs(scores).max() or 1.0)
            rows[places, 2 * number + 1] = rank
            better = places[rank > best[places]]
            part_of[better] = number
            best[places] = np.maximum(best[places], rank)
        if len(items):
            self._fill(asks, items, rows)
            _fill_blended(blended, items, rows)
        return Signals(items, rows, part_of)

    def _blended(self, asks: Asks, hidden: Collection[int], allowed: Mask | None) -> _Blended:
        """The blend with arrays, whoever it is: what is learned from its features is what is served."""
        visit, blend = asks.visit, self._background.blend
        items, columns = blend.features.build(visit)
        odds = blend.weights[:-1] @ columns + blend.weights[-1]
        excluded = np.fromiter(hidden, np.int32, len(hidden))
        best = top(Scored(items, odds), EACH, np.concatenate((excluded, visit.basket)), allowed)
        chances = 1 / (1 + np.exp(-best.scores))
        order = np.argsort(items)
        return _Blended(
            list(zip(best.items.tolist(), chances.tolist(), strict=True)),
            items[order],
            np.vstack((columns, odds))[:, order],
        )

    def _fill(self, asks: Asks, items: Int32, rows: Float32) -> None:
        self._fill_facts(items, rows)
        visit, prefix = asks.visit, asks.prefix
        own = visit.places(items)
        bought = own >= 0
        rows[:, _AT["bought_since"]] = -1
        if bought.any():
            rows[bought, _AT["bought"]] = np.log1p(visit.times[own[bought]])
            rows[bought, _AT["bought_since"]] = np.log1p(visit.days_since[own[bought]])
        rows[:, _AT["viewed_back"]] = -1
        seen = prefix if len(prefix) else visit.viewed
        for back, item in enumerate(reversed(seen[-20:].tolist())):
            place = int(np.searchsorted(items, item))
            if place < len(items) and items[place] == item and rows[place, _AT["viewed_back"]] < 0:
                rows[place, _AT["viewed_back"]] = back
        liked = np.concatenate((visit.own, seen, visit.basket))
        if len(liked):
            held = self._category[liked]
            shares = (self._category[items][:, None] == held[None, -50:]).mean(axis=1)
            rows[:, _AT["category_share"]] = shares
            usual = self._facts.price[liked]
            usual = usual[~np.isnan(usual)]
            if len(usual) and usual.mean() > 0:
                ratio = np.log(np.maximum(self._facts.price[items], 1.0) / usual.mean())
                rows[:, _AT["price_to_usual"]] = np.nan_to_num(ratio)
        rows[:, _AT["visit_length"]] = len(seen)
        rows[:, _AT["history_length"]] = len(visit.own)

    def _fill_facts(self, items: Int32, rows: Float32) -> None:
        background, facts = self._background, self._facts
        columns = (
            np.log(background.rate[items] + 0.01),
            np.clip(background.surge[items], -3, 6),
            _known(np.log(np.maximum(facts.price[items], 1.0))),
            _known(facts.margin_share[items]),
            _known(np.log1p(np.maximum(facts.stock[items], 0.0))),
            _known(np.log1p(np.maximum(facts.age_days[items], 0.0))),
        )
        for place, column in enumerate(columns, len(_OF_PARTS)):
            rows[:, place] = column


def _fill_blended(blended: _Blended, items: Int32, rows: Float32) -> None:
    rows[:, -1] = NO_CHANCE
    if len(blended.items):
        places = np.minimum(np.searchsorted(blended.items, items), len(blended.items) - 1)
        looked_at = blended.items[places] == items
        rows[looked_at, -len(blended.columns) :] = blended.columns[:, places[looked_at]].T


def facts_of(assortment: Assortment, day: int, stock: Float64 | None = None) -> ItemFacts:
    """What the catalogue told at training; `stock` is by position."""
    price = np.where(assortment.price >= 0, assortment.price, np.nan).astype(np.float64)
    cost = np.where(assortment.cost >= 0, assortment.cost, np.nan).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(price > 0, (price - cost) / price, np.nan)
    age = np.where(assortment.since >= 0, day - assortment.since, np.nan).astype(np.float64)
    return ItemFacts(price, share, np.full(len(price), np.nan) if stock is None else stock, age)


def _known(values: Float64) -> Float64:
    """-1 where nothing is known."""
    return np.where(np.isnan(values), -1.0, values)
