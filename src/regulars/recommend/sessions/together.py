"""Viewed together, bought together, and bought after being viewed with it: typed pairs that fade with age.

Which pairs belong together is decided by the log-likelihood ratio of Dunning, "Accurate Methods for the Statistics of
Surprise and Coincidence" (1993), over decayed counts; how much the one raises the chance of the other is the logarithm
of the lift, drawn to 0 by imagined sessions in which the two met by chance. So what is in every visit goes with
nothing.
"""

from typing import ClassVar, Self

import msgspec
import numpy as np

from regulars.recommend.interactions import Float64, Int32, Int64
from regulars.recommend.sessions.data import Kind, Sessions
from regulars.recommend.sessions.rows import Pairs, add_up, joined, rows
from regulars.recommend.sessions.summing import RowSums, Summing
from regulars.recommend.sessions.walk import run_on

_PAIRS_AT_ONCE = 8_000_000


class Typed(Summing, frozen=True, kw_only=True):
    """Settings of what goes together: events of the first product, and of the second."""

    given: tuple[Kind, ...] = (Kind.VIEW, Kind.BASKET, Kind.BUY)
    then: tuple[Kind, ...] = (Kind.VIEW, Kind.BASKET, Kind.BUY)
    age_half_life: int = 0  # in units of a session's end; 0: no decay
    longest: int = 50  # distinct products of a session that count, the last ones
    least_together: float = 2.0  # decayed sessions that hold both
    least_ratio: float = 10.83  # log-likelihood ratio: chi-square with one degree of freedom at 0.001
    imagined: float = 5.0  # sessions in which the two met by chance
    kept: int = 50
    last: int = 5  # events of the running visit that count
    back_half_life: float = 2.0


#: The usual three.
VIEWED_TOGETHER = Typed(given=(Kind.VIEW,), then=(Kind.VIEW,))
BOUGHT_TOGETHER = Typed(given=(Kind.BUY,), then=(Kind.BUY,))
VIEWED_THEN_BOUGHT = Typed(given=(Kind.VIEW,), then=(Kind.BUY,))


class Counts(msgspec.Struct, frozen=True, eq=False):
    """Decayed sessions with a pair, with each product as the first and as the second, and all that could."""

    pairs: Pairs
    first: Float64
    second: Float64
    sessions: float


class GoesWith(RowSums):
    """Rows of what goes with a product, added up over the last events of the visit."""

    name: ClassVar[str] = "goes_with"
    settings_type: ClassVar[type[Typed]] = Typed

    @classmethod
    def fit(cls, sessions: Sessions, items: int, settings: Typed = VIEWED_TOGETHER) -> Self:
        """Pairs of products that meet more often than chance would have it."""
        counts = count(sessions, items, settings)
        pairs = counts.pairs
        first, second = counts.first[pairs.first], counts.second[pairs.second]
        expected = first * second / max(counts.sessions, 1e-9)
        ratio = surprise(pairs.weight, first, second, counts.sessions)
        lift = np.log((pairs.weight + settings.imagined) / (expected + settings.imagined))
        kept = (pairs.weight >= settings.least_together) & (ratio >= settings.least_ratio) & (pairs.weight > expected)
        strong = Pairs(pairs.first[kept], pairs.second[kept], lift[kept])
        return cls(rows(strong, items, settings.kept), settings)


def surprise(both: Float64, first: Float64, second: Float64, sessions: float) -> Float64:
    """Dunning's log-likelihood ratio of meeting `both` times.

    >>> surprise(np.asarray([10.0, 2.0]), np.asarray([20.0, 20.0]), np.asarray([20.0, 20.0]), 200.0).round(2).tolist()
    [25.07, 0.0]
    """
    neither = np.maximum(sessions - first - second + both, 0)
    cells = (both, np.maximum(first - both, 0), np.maximum(second - both, 0), neither)
    rows_and_columns = (first, sessions - first, second, sessions - second)
    whole = _entropy(np.full(len(both), sessions))
    ratio: Float64 = 2 * (sum(map(_entropy, cells)) - sum(map(_entropy, rows_and_columns)) + whole)
    return np.maximum(ratio, 0)


def _entropy(count: Float64) -> Float64:
    return np.where(count > 0, count * np.log(np.maximum(count, 1e-300)), 0.0)


def count(sessions: Sessions, items: int, settings: Typed) -> Counts:
    """Meetings of distinct products within sessions, the first by a `given` event, the second by a `then` event."""
    worth = np.ones(len(sessions))
    if settings.age_half_life and len(sessions):
        worth = np.exp2((sessions.end - sessions.end[-1]) / settings.age_half_life)
    one = distinct(sessions, settings.given, settings.longest)
    other = distinct(sessions, settings.then, settings.longest)
    begin = np.searchsorted(other[0], np.arange(len(sessions) + 1))
    length = np.diff(begin)[one[0]]
    lots = np.searchsorted(np.cumsum(length), np.arange(0, int(length.sum()) + _PAIRS_AT_ONCE, _PAIRS_AT_ONCE))
    parts: list[Pairs] = []
    for low, high in zip(lots[:-1].tolist(), lots[1:].tolist(), strict=True):
        chunk = slice(low, high)
        second = other[1][run_on(begin[one[0][chunk]], length[chunk])]
        first = np.repeat(one[1][chunk], length[chunk])
        weight = np.repeat(worth[one[0][chunk]], length[chunk])
        apart = first != second
        parts = [joined([*parts, add_up(first[apart], second[apart], weight[apart])])]
    return Counts(
        joined(parts),
        np.bincount(one[1], worth[one[0]], minlength=items).astype(np.float64),
        np.bincount(other[1], worth[other[0]], minlength=items).astype(np.float64),
        float(worth.sum()),
    )


def distinct(sessions: Sessions, kinds: tuple[Kind, ...], longest: int) -> tuple[Int64, Int32]:
    """Session and item of the last `longest` distinct products that a session holds by events of these kinds."""
    events = np.flatnonzero(np.isin(sessions.kind, np.asarray(kinds, np.uint8)))[::-1]
    key = (sessions.of_event[events] << 32) | sessions.item[events]
    found, first = np.unique(key, return_index=True)
    session = found >> 32
    order = np.lexsort((first, session))  # the latest of a session first
    starts = np.flatnonzero(np.diff(session[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    kept = np.sort(order[rank < longest])
    return session[kept], (found[kept] & 0xFFFFFFFF).astype(np.int32)
