"""Buy again at the customer's own rhythm.

After Bhagat, Muralidharan, Lobzhanidze, Vishwanath: "Buy It Again: Modeling Repeat Purchase Recommendations"
(KDD 2018), whose parts are kept: a product has a repeat rate, a customer has a rhythm that is shrunk to the product's
(their Poisson-Gamma rate), and the chance depends on the time since the last purchase in units of that rhythm. The
shape over that time is not assumed but read from the data with a life table (the actuarial estimator of Cutler and
Ederer, 1958), in which gaps still open at the end of the data count as long as they were watched. Open gaps are what
tells a product that is never bought again from one whose time has not come.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import msgspec
import numpy as np

from regulars.recommend.interactions import (
    Catalogue,
    Float32,
    Float64,
    Int32,
    Int64,
    Interactions,
    changes,
    check_items,
)
from regulars.recommend.model import Column, Reason, ReasonCode, Reasons, Scored, ScoringModel
from regulars.recommend.visit import Visit

#: Lower bounds of the classes by how often the item was bought.
TIMES = np.asarray([1, 2, 3, 4, 6, 10, 20], np.int64)
#: Bounds of the classes by days since the last purchase over the expected gap.
PACE = np.asarray([0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 4.5, 7.0, 12.0, np.inf])


#: Item and day of each purchase day, where each customer's purchases of one item start, how many they are.
_Purchases = tuple[Int64, Int64, Int64, Int64]


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of buy again: by how many gaps each level is drawn to the next wider one."""

    own_prior_gaps: float = 2.0  # the shopper's gap to the item's
    item_prior_gaps: float = 5.0  # the item's gap to its category's
    category_prior_gaps: float = 20.0  # the category's gap to the shop's
    repeat_prior_customers: float = 10.0  # the item's repeat rate to its category's, and that to the shop's


class BuyAgain(ScoringModel):
    """The own items by their hazard today: chance per day to be bought again.

    expected gap g = (sum of own gaps + m g_item) / (own gaps + m); pace p = days since / g;
    score = h[times, p] / g * repeat_item / repeat_shop, with h the life table's purchases per expected gap.
    """

    name: ClassVar[str] = "buy_again"

    def __init__(self, catalogue: Catalogue, gap: Float32, repeat: Float32, hazard: Float64, settings: Rhythm) -> None:
        self.catalogue = catalogue
        self.gap = gap  # days, by item
        self.repeat = repeat  # share of customers who bought again, over the shop's, by item
        self.hazard = hazard  # purchases per expected gap, by class of times and of pace
        self.settings = settings

    @classmethod
    def fit(cls, interactions: Interactions, catalogue: Catalogue, settings: Rhythm = Rhythm()) -> Self:
        """Learn gaps, repeat rates and the life table from the lines, watched until their last day."""
        check_items(interactions, catalogue)
        items, days, starts, counts = _purchase_days(interactions)
        gaps = (days[1:] - days[:-1]).astype(np.float64)
        inside = np.ones(len(gaps), np.bool_)
        inside[starts[1:] - 1] = False
        gap = _shrunk_gaps(items[1:][inside], gaps[inside], catalogue, settings)
        repeat = _repeat_rates(items[starts], counts, catalogue, settings)
        hazard = _life_table((items, days, starts, counts), gap, interactions.last_day, settings)
        return cls(catalogue, gap.astype(np.float32), repeat.astype(np.float32), hazard, settings)

    def score(self, visit: Visit) -> Scored:
        """Own items with their hazard today."""
        return Scored(visit.own, self.hazards(visit))

    def hazards(self, visit: Visit, expected: Float64 | None = None) -> Float64:
        """Chance per day of each own item to be bought again today; `expected` gaps may be handed in."""
        gaps = self.expected_gaps(visit) if expected is None else expected
        pace = np.maximum(visit.days_since, 0.5) / gaps
        table = self.hazard[_class_of_times(visit.times), np.searchsorted(PACE, pace, side="right") - 1]
        result: Float64 = table / gaps * self.repeat[visit.own]
        return result

    def expected_gaps(self, visit: Visit) -> Float64:
        """Days between purchases of each own item: the shopper's, drawn to what is usual for the item."""
        prior = self.settings.own_prior_gaps
        result: Float64 = (visit.last - visit.first + prior * self.gap[visit.own]) / (visit.times - 1 + prior)
        return result

    def reasons(self, visit: Visit, items: Int32) -> list[Reasons]:
        """The own rhythm, if the item was bought on several days; else that it was bought."""
        return [self._reason(visit, place) if place >= 0 else () for place in visit.places(items).tolist()]

    def reason(self, days: Sequence[int], day: int) -> Reasons:
        """The same on `day` for an item that was bought on `days`, ascending."""
        return self._told(len(days), days[0], days[-1], day)

    def _reason(self, visit: Visit, place: int) -> Reasons:
        return self._told(int(visit.times[place]), int(visit.first[place]), int(visit.last[place]), visit.day)

    def _told(self, times: int, first: int, last: int, day: int) -> Reasons:
        if times == 1:
            return (Reason(ReasonCode.BOUGHT_OFTEN, {"times": times}),)
        arguments: dict[str, str | int | float] = {
            "gap_days": round((last - first) / (times - 1), 1),
            "days_since": day - last,
            "times": times,
        }
        return (Reason(ReasonCode.OWN_RHYTHM, arguments),)

    def columns(self) -> Mapping[str, Column]:
        """The arrays of the model."""
        priors = np.asarray(msgspec.structs.astuple(self.settings), np.float64)
        return {"gap": self.gap, "repeat": self.repeat, "hazard": self.hazard, "settings": priors}

    @classmethod
    def restore(cls, catalogue: Catalogue, columns: Mapping[str, Column]) -> Self:
        """The model from its arrays."""
        names = Rhythm.__struct_fields__
        settings = Rhythm(**dict(zip(names, columns["settings"].astype(np.float64).tolist(), strict=True)))
        return cls(
            catalogue,
            columns["gap"].astype(np.float32, copy=False),
            columns["repeat"].astype(np.float32, copy=False),
            columns["hazard"].astype(np.float64, copy=False),
            settings,
        )


def _purchase_days(interactions: Interactions) -> _Purchases:
    """Distinct (item, person, day), sorted, and where each customer's purchases of one item start."""
    order = np.lexsort((interactions.day, interactions.person, interactions.item))
    item, person, day = (column[order] for column in (interactions.item, interactions.person, interactions.day))
    customer = changes(item) | changes(person)
    kept = customer | changes(day)
    item, day, customer = item[kept], day[kept], customer[kept]
    starts = np.flatnonzero(customer)
    return item.astype(np.int64), day.astype(np.int64), starts, np.diff(np.append(starts, len(item)))


def _shrunk_gaps(items: Int64, gaps: Float64, catalogue: Catalogue, settings: Rhythm) -> Float64:
    """Mean gap of each item in days, drawn to its category's, and that to the shop's."""
    shop = float(gaps.mean()) if len(gaps) else 30.0
    size = len(catalogue)
    total = np.bincount(items, weights=gaps, minlength=size)
    count = np.bincount(items, minlength=size)
    groups = len(catalogue.categories)
    group_total = np.bincount(catalogue.category, weights=total, minlength=groups)
    group_count = np.bincount(catalogue.category, weights=count, minlength=groups)
    group = (group_total + settings.category_prior_gaps * shop) / (group_count + settings.category_prior_gaps)
    prior = settings.item_prior_gaps
    result: Float64 = (total + prior * group[catalogue.category]) / (count + prior)
    return result


def _repeat_rates(items: Int64, times: Int64, catalogue: Catalogue, settings: Rhythm) -> Float64:
    """Share of an item's customers who bought it on a second day, over the shop's share, shrunk like the gaps."""
    size = len(catalogue)
    customers = np.bincount(items, minlength=size)
    repeaters = np.bincount(items, weights=(times > 1).astype(np.float64), minlength=size)
    shop = (repeaters.sum() + 1) / (customers.sum() + 2)
    groups = len(catalogue.categories)
    prior = settings.repeat_prior_customers
    group_customers = np.bincount(catalogue.category, weights=customers, minlength=groups)
    group_repeaters = np.bincount(catalogue.category, weights=repeaters, minlength=groups)
    group = (group_repeaters + prior * shop) / (group_customers + prior)
    result: Float64 = (repeaters + prior * group[catalogue.category]) / (customers + prior) / shop
    return result


def _life_table(purchases: _Purchases, gap: Float64, last_day: int, settings: Rhythm) -> Float64:
    """Purchases per expected gap of waiting, by class of times bought and of pace.

    Every gap, closed or still open, is measured in expected gaps; what it expects leaves itself out, so that a long
    gap does not make itself look short. hazard = purchases in the class / waiting in the class.
    """
    items, days, starts, lengths = purchases
    if not len(items):
        return np.ones((len(TIMES), len(PACE) - 1))
    first_days = np.repeat(days[starts], lengths)
    rank = np.arange(len(items)) - np.repeat(starts, lengths) + 1  # times bought when the gap opens
    is_last = np.zeros(len(items), np.bool_)
    is_last[starts + lengths - 1] = True
    end = np.where(is_last, last_day + 1, np.append(days[1:], 0))
    prior = settings.own_prior_gaps
    expected = (days - first_days + prior * gap[items]) / (rank - 1 + prior)
    pace = (end - days) / expected
    classes = _class_of_times(rank)
    columns = len(PACE) - 1
    reached = np.searchsorted(PACE, pace, side="right") - 1
    cells = classes * columns + reached
    bought = np.bincount(cells[~is_last], minlength=len(TIMES) * columns).reshape(len(TIMES), columns)
    ended = np.bincount(cells, minlength=len(TIMES) * columns).reshape(len(TIMES), columns)
    partial = np.bincount(cells, weights=pace - PACE[reached], minlength=len(TIMES) * columns)
    passed = ended[:, ::-1].cumsum(axis=1)[:, ::-1] - ended  # gaps that outlast the class
    widths = np.diff(np.where(np.isinf(PACE), 0.0, PACE))
    waiting = np.where(passed > 0, passed * widths, 0.0) + partial.reshape(len(TIMES), columns)
    # The shop's hazard, with one purchase in one expected gap as prior, is in turn the prior of each class, worth one
    # purchase: what the data does not reach is average, not impossible.
    overall = (bought.sum() + 1.0) / (waiting.sum() + 1.0)
    result: Float64 = (bought + 1.0) / (waiting + 1.0 / overall)
    return result


def _class_of_times(times: Int64) -> Int64:
    """The class of each number of purchases."""
    return (np.searchsorted(TIMES, times, side="right") - 1).astype(np.int64)
