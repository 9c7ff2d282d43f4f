"""One shopper at one moment, in item positions: the own history by item, the basket, the products viewed."""

from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from regulars.recommend.interactions import Float64, Int32, Int64, distinct, distinct_pairs, runs

_NONE = np.empty(0, np.int32)


class Left(NamedTuple):
    """Products that the shopper took up and did not buy, each once: how much of it is left, and what was done."""

    items: Int32
    strengths: Float64
    how: tuple[str, ...]


NOTHING_LEFT = Left(_NONE, np.empty(0, np.float64), ())


class Visit:
    """What a model sees of a shopper on `day`. Several purchases of an item on one day count once.

    Arrays called own_… run over the distinct items bought, sorted by position: `own` the item, `times` the number
    of days it was bought on, `first` and `last` the first and last of them. `days` are all days with a purchase.
    """

    def __init__(self, items: Int32, days: Int32, *, day: int, basket: Int32 = _NONE, viewed: Int32 = _NONE) -> None:
        """Takes distinct (item, day) pairs sorted by item, then day; none after `day`. See `of` for any order."""
        self.day = day
        self.basket = basket
        self.viewed = viewed
        self.returned = _NONE  # items that went back
        self.left = NOTHING_LEFT
        self.kept: frozenset[int] = frozenset()  # keys of variants that were bought and kept
        self._line_days = days
        self._grouped: tuple[Int32, Visit] | None = None  # the last grouping asked for
        self._starts, self.times = runs(items)
        self.own: Int32 = items[self._starts]
        self.first: Int32 = days[self._starts]
        self.last: Int32 = days[self._starts + self.times - 1]

    @classmethod
    def of(
        cls, items: Int32 | Int64, days: Int32 | Int64, *, day: int, basket: Int32 = _NONE, viewed: Int32 = _NONE
    ) -> Self:
        """The visit of purchases in any order; those after `day` and before 1970 are left out."""
        if len(days) and (int(days.max()) > day or int(days.min()) < 0):
            past = (days <= day) & (days >= 0)
            items, days = items[past], days[past]
        return cls(*distinct_pairs(items, days), day=day, basket=basket, viewed=viewed)

    @cached_property
    def days(self) -> Int32:
        """Distinct days with a purchase, ascending."""
        return distinct(self._line_days)

    @cached_property
    def latest(self) -> int:
        """The latest day with a purchase; the day of the visit for a new shopper."""
        return int(self.last.max()) if len(self.last) else self.day

    @cached_property
    def days_since(self) -> Float64:
        """Days from the last purchase of each own item to now."""
        return (self.day - self.last).astype(np.float64)

    def places(self, items: Int32) -> Int64:
        """Where each item stands in `own`; -1 for one that was not bought."""
        if not len(self.own):
            return np.full(len(items), -1)
        places = np.minimum(np.searchsorted(self.own, items), len(self.own) - 1)
        return np.where(self.own[places] == items, places, -1)

    def in_groups(self, group: Int32) -> "Visit":
        """The same purchases with each item replaced by its group, such as its category."""
        if self._grouped is None or self._grouped[0] is not group:
            items = group[np.repeat(self.own, self.times)]
            self._grouped = group, Visit(*distinct_pairs(items, self._line_days), day=self.day)
        return self._grouped[1]

    def decayed(self, half_life_days: float) -> Float64:
        """Purchases of each own item, each worth half after `half_life_days`."""
        if not len(self.own):
            return np.empty(0, np.float64)
        weights = np.exp2((self._line_days - self.day) / half_life_days)
        return np.add.reduceat(weights, self._starts)

    def decayed_days(self, half_life_days: float) -> float:
        """Days with a purchase, each worth half after `half_life_days`."""
        return float(np.exp2((self.days - self.day) / half_life_days).sum())
