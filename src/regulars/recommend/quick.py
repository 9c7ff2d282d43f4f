"""The blend for a shopper of few items, without arrays: for a handful of numbers Python itself is quicker than numpy.

It is the same sum as `Blend.score` over the same candidates, and the same reasons. What many candidates share is added
up once: all of a category that the shopper never bought from differ in what the models say of them alone, so those that
everybody may get stand ready in order, and only as many are looked at as are shown.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from math import exp, exp2, inf, log, log1p
from typing import NamedTuple

from regulars.recommend.bought_together import VIEWED_WEIGHT
from regulars.recommend.buy_again import PACE, TIMES, BuyAgain
from regulars.recommend.features import (
    CATEGORY_DAYS,
    FAST_DAYS,
    FEATURES,
    NO_HAZARD,
    SLOW_DAYS,
    TOP_CATEGORIES,
    FeatureBuilder,
    Models,
)
from regulars.recommend.interactions import Catalogue, Float64, Mask
from regulars.recommend.model import Reason, ReasonCode, Reasons, Shopper

#: A shopper of more items, of more lines, or with more at hand, is looked at with arrays.
MOST_OWN, MOST_LINES, MOST_AT_HAND = 20, 400, 30
#: Items of which neighbours and the crowd's reasons are remembered.
MOST_REMEMBERED = 5_000
REASONS_SHOWN = 2
_TIMES: list[int] = TIMES.tolist()
_PACE: list[float] = PACE.tolist()


class Bought(NamedTuple):
    """The shopper in positions: distinct days, ascending, by own item, by category and altogether; items at hand."""

    day: int
    own: dict[int, list[int]]  # by position
    kinds: list[int]  # the category of each own item
    categories: dict[int, list[int]]
    days: list[int]
    basket: list[int]
    viewed: list[int]


class _Seed(NamedTuple):
    """An item whose neighbours are candidates."""

    item: int
    weight: float
    source: str
    neighbours: Mapping[int, float]


class _Ready(NamedTuple):
    """A candidate as the models alone see it."""

    item: int
    worth: float  # what popular and trending add up to
    within: float  # share of its category
    category: int
    popular: float


class Pick(NamedTuple):
    """A chosen item with its chance to be in the next basket."""

    item: int
    chance: float
    reasons: Reasons


class QuickBlend:
    """One per blend. It does not change but for what it remembers."""

    def __init__(self, catalogue: Catalogue, models: Models, weights: Float64, features: FeatureBuilder) -> None:
        self._catalogue = catalogue
        self._models = models
        self._features = features
        self._weight: dict[str, float] = dict(zip(FEATURES, weights.tolist(), strict=False))
        self._intercept = float(weights[-1])
        self._hazard: list[list[float]] = models.buy_again.hazard.tolist()
        self._category_hazard: list[list[float]] = models.category_rhythm.hazard.tolist()
        self._items: dict[int, _Ready] = {}
        everyone = [self._ready(item) for item in features.everyone.tolist()]
        self._everyone = sorted(everyone, key=lambda one: (-one.worth, one.item))
        self._everyones_of: dict[int, list[_Ready]] = {}
        for one in everyone:
            self._everyones_of.setdefault(one.category, []).append(one)
        self._of_category: dict[int, list[_Ready]] = {}
        self._neighbours: dict[int, dict[int, float]] = {}
        self._crowd: dict[int, Reasons] = {}
        self._last: tuple[Bought, list[_Seed]] | None = None

    def bought(self, shopper: Shopper, day: int) -> Bought | None:
        """The shopper in positions; None for one who is better looked at with arrays."""
        if len(shopper.purchases) > MOST_LINES or len(shopper.basket) + len(shopper.viewed) > MOST_AT_HAND:
            return None
        position = self._catalogue.position.get
        told: dict[int, set[int]] = {}
        for product, on, quantity in shopper.purchases:
            item = position(product)
            if item is not None and quantity > 0 and 0 <= on <= day:
                told.setdefault(item, set()).add(on)
        if len(told) > MOST_OWN:
            return None
        own = {item: sorted(told[item]) for item in sorted(told)}
        kinds = [self._ready(item).category for item in own]
        categories: dict[int, set[int]] = {}
        for kind, days in zip(kinds, own.values(), strict=True):
            categories.setdefault(kind, set()).update(days)
        if len(categories) > TOP_CATEGORIES:
            return None
        basket = [item for product in shopper.basket if (item := position(product)) is not None]
        viewed = [item for product in shopper.viewed if (item := position(product)) is not None]
        ordered = {kind: sorted(categories[kind]) for kind in sorted(categories)}
        return Bought(day, own, kinds, ordered, sorted(set().union(*own.values())), basket, viewed)

    def best(self, bought: Bought, n: int, hidden: Collection[int], allowed: Mask | None) -> list[Pick]:
        """At most `n` items that are not hidden, best first."""
        ranked = self.ranked(bought, n, hidden, allowed)
        evidence = self.evidence(bought, [item for item, _ in ranked])
        return [Pick(item, chance, why) for (item, chance), why in zip(ranked, evidence, strict=True)]

    def ranked(self, bought: Bought, n: int, hidden: Collection[int], allowed: Mask | None) -> list[tuple[int, float]]:
        """The same without reasons: items with their chance."""
        scores = self._scores(bought, self._seeds_of(bought), n, hidden, allowed)
        ranked = sorted((-score, item) for item, score in scores.items() if item not in hidden)
        if allowed is not None:
            ranked = [one for one in ranked if allowed[one[1]]]
        return [(item, _chance(-score)) for score, item in ranked[:n]]

    def evidence(self, bought: Bought, items: Sequence[int]) -> list[Reasons]:
        """The reasons for items."""
        seeds = self._seeds_of(bought)
        return [self._reasons(bought, seeds, item) for item in items]

    # Scores -----------------------------------------------------------------------------------------------------

    def _scores(
        self, bought: Bought, seeds: Sequence[_Seed], n: int, hidden: Collection[int], allowed: Mask | None
    ) -> dict[int, float]:
        """Log odds of the candidates that can be among the `n` best."""
        weight = self._weight
        of_visit = self._of_visit(bought)
        hazards = {kind: self._log_hazard(kind, days, bought.day) for kind, days in bought.categories.items()}
        likings, of_categories = self._categories(bought, of_visit, hazards)
        together = self._together(seeds)
        nobodys = of_visit + weight["category"] * log(1e-4) + weight["category_item"] * log(1e-5)
        nobodys += weight["category_hazard"] * NO_HAZARD
        by_item = weight["category_item"]

        def score(one: _Ready) -> float:
            category = one.category
            if category not in likings:
                return one.worth + nobodys
            return one.worth + of_categories[category] + by_item * log(likings[category] * one.within + 1e-5)

        scores = dict.fromkeys(bought.own, 0.0)
        for item, strength in together.items():
            if item not in scores:
                scores[item] = score(self._ready(item)) + strength
        for category, liking in likings.items():
            # Purchases may lie so long ago that nothing of them is left.
            leaders = self._leaders(category) if liking > 0 else ()
            base = of_categories[category]
            for one in (*leaders, *self._everyones_of.get(category, ())):
                if one.item not in scores:
                    scores[one.item] = one.worth + base + by_item * log(liking * one.within + 1e-5)
        left = n
        for one in self._everyone:
            item = one.item
            if one.category in likings or item in scores or item in hidden or not (allowed is None or allowed[item]):
                continue
            if not left:
                break
            scores[item] = one.worth + nobodys
            left -= 1
        for item, worth in self._own(bought, hazards).items():
            scores[item] = worth + score(self._ready(item)) + together.get(item, 0.0)
        return scores

    def _of_visit(self, bought: Bought) -> float:
        """What all candidates have in common."""
        if not bought.own:
            return self._intercept
        weight, visits = self._weight, len(bought.days)
        lines = sum(len(days) for days in bought.own.values())
        return (
            self._intercept
            + weight["since_visit"] * log1p(bought.day - bought.days[-1])
            + weight["visits"] * log1p(visits)
            + weight["items_per_visit"] * log1p(lines / visits)
        )

    def _categories(
        self, bought: Bought, of_visit: float, hazards: Mapping[int, float]
    ) -> tuple[dict[int, float], dict[int, float]]:
        """By category bought from: the share of the shopper's purchases, and what all of its candidates have."""
        weight = self._weight
        decayed = dict.fromkeys(bought.categories, 0.0)
        total = 0.0
        for days, kind in zip(bought.own.values(), bought.kinds, strict=True):
            share = _decayed(days, bought.day, CATEGORY_DAYS)
            decayed[kind] += share
            total += share
        total = max(total, 1e-9)
        likings, sums = {}, {}
        for kind, days in bought.categories.items():
            liking = likings[kind] = decayed[kind] / total
            sums[kind] = (
                of_visit
                + weight["category"] * log(liking + 1e-4)
                + weight["category_hazard"] * hazards[kind]
                + weight["category_last_visit"] * (days[-1] == bought.days[-1])
            )
        return likings, sums

    def _own(self, bought: Bought, hazards: Mapping[int, float]) -> dict[int, float]:
        """What own items have beside what every candidate has; `hazards` are logs by category."""
        if not bought.own:
            return {}
        weight = self._weight
        fast_days = sum(_decayed_each(bought.days, bought.day, FAST_DAYS)) + 0.5
        slow_days = sum(_decayed_each(bought.days, bought.day, SLOW_DAYS)) + 0.5
        slows = [_decayed(days, bought.day, SLOW_DAYS) for days in bought.own.values()]
        in_category: dict[int, float] = {}
        for kind, slow in zip(bought.kinds, slows, strict=True):
            in_category[kind] = in_category.get(kind, 0.0) + slow
        found = {}
        for (item, days), kind, slow in zip(bought.own.items(), bought.kinds, slows, strict=True):
            gap, hazard = _rhythm(self._models.buy_again, self._hazard, item, days, bought.day)
            since = bought.day - days[-1]
            found[item] = (
                weight["own"]
                + weight["own_hazard"] * log(hazard)
                + weight["own_recent_share"] * log((_decayed(days, bought.day, FAST_DAYS) + 0.02) / fast_days)
                + weight["own_share"] * log((slow + 0.02) / slow_days)
                + weight["own_times"] * log(len(days))
                + weight["own_days_since"] * log1p(since)
                + weight["own_early"] * min(log(max(since, 0.5) / gap), 0.0)
                + weight["own_popular"] * self._ready(item).popular
                + weight["own_category_hazard"] * hazards[kind]
                + weight["own_in_category"] * log((slow + 1e-9) / (in_category[kind] + 1e-9))
            )
        return found

    def _log_hazard(self, category: int, days: Sequence[int], day: int) -> float:
        return log(_rhythm(self._models.category_rhythm, self._category_hazard, category, days, day)[1])

    def _together(self, seeds: Sequence[_Seed]) -> dict[int, float]:
        """By item: what goes with own items and with those at hand adds."""
        history: dict[int, float] = {}
        at_hand: dict[int, float] = {}
        for seed in seeds:
            reached, weight = history if seed.source == "history" else at_hand, seed.weight
            for item, lift in seed.neighbours.items():
                reached[item] = reached.get(item, 0.0) + lift * weight
        found = {item: self._weight["together_history"] * log1p(strength) for item, strength in history.items()}
        for item, strength in at_hand.items():
            found[item] = found.get(item, 0.0) + self._weight["together_at_hand"] * log1p(strength)
        return found

    def _seeds_of(self, bought: Bought) -> list[_Seed]:
        """The seeds of the shopper that was asked about last are at hand."""
        last = self._last
        if last is None or last[0] is not bought:
            last = self._last = bought, self._seeds(bought)
        return last[1]

    def _seeds(self, bought: Bought) -> list[_Seed]:
        """In the order of `BoughtTogether`: the basket, what was viewed, own items by position."""
        half_life = self._models.bought_together.settings.seed_half_life_days
        seeds = [_Seed(item, 1.0, "basket", self._near(item)) for item in bought.basket]
        seeds += [_Seed(item, VIEWED_WEIGHT, "viewed", self._near(item)) for item in bought.viewed]
        if bought.own:
            visits = max(sum(_decayed_each(bought.days, bought.day, half_life)), 1.0)
            for item, days in bought.own.items():
                if near := self._near(item):
                    seeds.append(_Seed(item, _decayed(days, bought.day, half_life) / visits, "history", near))
        return seeds

    # What the models say of an item alone -----------------------------------------------------------------------

    def _ready(self, item: int) -> _Ready:
        found = self._items.get(item)
        if found is None:
            if len(self._items) >= MOST_REMEMBERED:
                self._items.clear()
            popular, trending, within, category = self._features.static[item].tolist()
            worth = self._weight["popular"] * popular + self._weight["trending"] * trending
            found = self._items[item] = _Ready(item, worth, within, int(category), popular)
        return found

    def _leaders(self, category: int) -> list[_Ready]:
        found = self._of_category.get(category)
        if found is None:
            found = [self._ready(item) for item in self._models.popular.of_category(category).tolist()]
            self._of_category[category] = found
        return found

    def _near(self, item: int) -> dict[int, float]:
        found = self._neighbours.get(item)
        if found is None:
            if len(self._neighbours) >= MOST_REMEMBERED:
                self._neighbours.clear()
            near = self._models.bought_together.neighbours(item)
            found = self._neighbours[item] = dict(zip(near.items.tolist(), near.scores.tolist(), strict=True))
        return found

    # Reasons ----------------------------------------------------------------------------------------------------

    def _reasons(self, bought: Bought, seeds: Sequence[_Seed], item: int) -> Reasons:
        """The strongest evidence first: own rhythm, what it goes with, the category, then the crowd."""
        days = bought.own.get(item)
        found: Reasons = () if days is None else self._models.buy_again.reason(days, bought.day)
        if days is None or bought.basket or bought.viewed:
            found += self._goes_with(seeds, item)
        category = self._ready(item).category
        times = len(bought.categories.get(category, ()))
        name = self._catalogue.categories[category]
        if name and times > 1:
            found += (Reason(ReasonCode.CATEGORY, {"category": name, "times": times}),)
        if len(found) < REASONS_SHOWN:
            found += self._crowds(item)
        return found[:REASONS_SHOWN]

    def _goes_with(self, seeds: Sequence[_Seed], item: int) -> Reasons:
        strongest, best = -inf, None
        for seed in seeds:
            lift = seed.neighbours.get(item)
            if lift is not None and lift * seed.weight > strongest:
                strongest, best = lift * seed.weight, seed
        if best is None:
            return ()
        return (Reason(ReasonCode.BOUGHT_TOGETHER, {"item": self._catalogue.ids[best.item], "from": best.source}),)

    def _crowds(self, item: int) -> Reasons:
        found = self._crowd.get(item)
        if found is None:
            if len(self._crowd) >= MOST_REMEMBERED:
                self._crowd.clear()
            found = self._models.trending.reason(item) + self._models.popular.reason(item)
            self._crowd[item] = found
        return found


def _rhythm(
    model: BuyAgain, hazard: Sequence[Sequence[float]], item: int, days: Sequence[int], day: int
) -> tuple[float, float]:
    """Expected gap in days, and chance per day, as `BuyAgain.hazards` has them."""
    times = len(days)
    prior = model.settings.own_prior_gaps
    # In the precision of the arrays, so that both ways give one number.
    gap = (days[-1] - days[0] + (model.gap[item] * prior).item()) / (times - 1 + prior)
    pace = max(float(day - days[-1]), 0.5) / gap
    table = hazard[bisect_right(_TIMES, times) - 1][bisect_right(_PACE, pace) - 1]
    return gap, table / gap * model.repeat.item(item)


def _decayed_each(days: Sequence[int], day: int, half_life_days: float) -> list[float]:
    return [exp2((one - day) / half_life_days) for one in days]


def _decayed(days: Sequence[int], day: int, half_life_days: float) -> float:
    if len(days) == 1:
        return exp2((days[0] - day) / half_life_days)
    return sum(_decayed_each(days, day, half_life_days))


def _chance(log_odds: float) -> float:
    return 1 / (1 + exp(-log_odds)) if log_odds > -700 else 0.0
