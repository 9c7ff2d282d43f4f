"""The lifecycle stage of a customer, from the customer's own purchase rhythm.

A *gap* is the number of days between two successive days with an order. The customer's own typical gap is a mean of
the latest gaps, shrunk towards the shop's typical gap m0 as if the customer had shown it k times:

    gap = (k * m0 + sum of n gaps) / (k + n)

This is the posterior mean of 1/rate when gaps are exponential and the rate is gamma distributed over customers with
shape k + 1 and scale so that the mean gap is m0 (conjugate pair: Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6;
the heterogeneity is that of Schmittlein, Morrison and Colombo, "Counting your customers", Management Science 33,
1987). A pause is not rhythm: before the mean, each gap is cut at what would count as inactive for the median gap.

Buying is more regular than chance. With Erlang-2 gaps (Chatfield and Goodhardt, "A consumer purchasing model with
Erlang inter-purchase times", JASA 68, 1973) the chance that a customer who goes on buying is silent for t days is

    S(t) = (1 + 2 t / gap) * exp(-2 t / gap)

*waning* begins when S falls to 10 % (1.94 gaps), *inactive* when it falls to 1 % (3.32 gaps). *new* is who has bought
on one day only and is not yet waning by the shop's gap; *active* is everybody else. Between two orders the stage only
moves forward, and only an order brings it back, so it never flaps.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

NEW, ACTIVE, WANING, INACTIVE = "new", "active", "waning", "inactive"
DEFAULT_GAP_DAYS = 30.0  # until the shop's own typical gap is known
_PRIOR_GAPS = 2  # k: how many gaps of its own a customer needs to weigh as much as the shop
_LATEST_GAPS = 12


class Rhythm(NamedTuple):
    """How often a customer buys, and from which local day on the silence means something."""

    gap_days: float
    gaps: int  # of the customer's own that speak in it
    last: int  # local day of the last order
    waning: int  # local day on which waning begins without an order
    inactive: int  # local day on which inactive begins without an order


class Lifecycle:
    """Stages by the rhythm of each customer; `shop_gap_days` is the shop's typical gap."""

    __slots__ = ("shop_gap_days",)

    def __init__(self, shop_gap_days: float = DEFAULT_GAP_DAYS) -> None:
        if not (math.isfinite(shop_gap_days) and shop_gap_days > 0):
            raise ValueError(f"the shop's typical gap must be a positive number of days, got {shop_gap_days}")
        self.shop_gap_days = shop_gap_days

    def __call__(self, days: Sequence[int], day: int) -> tuple[str | None, int]:
        """The stage on local day `day`, and the first later day on which it changes without an order (0: never).

        `days` are the local days of orders, newest first. Without an order there is no stage.

        >>> weekly = [17_521, 17_514, 17_507, 17_500]
        >>> [Lifecycle(7)(weekly, 17_521 + silent) for silent in (0, 13, 14, 24)]
        [('active', 17535), ('active', 17535), ('waning', 17545), ('inactive', 0)]
        """
        if not days:
            return None, 0
        rhythm = self.rhythm(days)
        if day >= rhythm.inactive:
            return INACTIVE, 0
        if day >= rhythm.waning:
            return WANING, rhythm.inactive
        return (NEW if rhythm.gaps == 0 else ACTIVE), rhythm.waning

    def rhythm(self, days: Sequence[int]) -> Rhythm:
        """The rhythm behind the stage; `days` newest first, at least one."""
        latest = days[: _LATEST_GAPS + 1]
        gaps = [later - earlier for later, earlier in pairwise(latest)]
        gap = self.shop_gap_days
        if gaps:
            usual = median([*gaps, *[self.shop_gap_days] * _PRIOR_GAPS])
            longest = _INACTIVE_GAPS * usual
            known = sum(min(own, longest) for own in gaps)
            gap = (_PRIOR_GAPS * self.shop_gap_days + known) / (_PRIOR_GAPS + len(gaps))
        waning = max(1, math.ceil(_WANING_GAPS * gap))
        inactive = max(waning + 1, math.ceil(_INACTIVE_GAPS * gap))
        return Rhythm(gap, len(gaps), days[0], days[0] + waning, days[0] + inactive)


def shop_gap_days(customers: Iterable[Sequence[int]]) -> float:
    """The shop's typical gap: the median over customers with a repeat order of the median of their own gaps.

    Each customer is given by local days of orders, newest first.
    """
    own = [median(later - earlier for later, earlier in pairwise(days)) for days in customers if len(days) > 1]
    return float(median(own)) if own else DEFAULT_GAP_DAYS


def _silence(chance: float) -> float:
    """The silence in gaps that a customer who goes on buying exceeds with this chance; S above, solved by bisection."""
    low, high = 0.0, 50.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if (1 + 2 * middle) * math.exp(-2 * middle) > chance:
            low = middle
        else:
            high = middle
    return round(high, 6)


_WANING_GAPS = _silence(0.10)
_INACTIVE_GAPS = _silence(0.01)
