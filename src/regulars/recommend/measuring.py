"""How good ranked lists are at k, apart for what was known and what was new, with intervals.

A *question* is one list asked for: what was wanted, and what its owner had in hand or in history. Figures are means
over questions; their intervals resample owners, not questions, since the questions of one person resemble each other
(the cluster bootstrap; Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8).
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.core.errors import Rejected
from regulars.recommend.interactions import Float64, Int32, Int64, Mask

#: Figures of one list, in the order in which people read them. Each is between 0 and 1 but `novelty`, in bits.
METRICS = ("hit_rate", "mrr", "ndcg", "precision", "review_hit_rate", "discovery_hit_rate", "novelty")
EMPTY = -1  # a place of a list that nothing fills
_DRAWS_AT_ONCE = 100


class Interval(msgspec.Struct, frozen=True):
    """A mean with its 95 % percentile interval."""

    mean: float
    low: float
    high: float


class Question(msgspec.Struct, frozen=True, eq=False):
    """One list asked for."""

    owner: int  # the person or session that intervals resample
    wanted: Int32  # distinct items that came after
    known: Int32  # items that the owner had seen or bought before: a hit among them is a re-view, else a discovery


class Latency(msgspec.Struct, frozen=True):
    """How long one list took, ms."""

    p50: float
    p99: float


def per_question(lists: Int32, questions: Sequence[Question], share: Float64 | None = None) -> dict[str, Float64]:
    """Each metric of each question; NaN where it says nothing, such as a discovery where nothing new was wanted.

    `lists` holds one row of k items a question, best first, `EMPTY` behind the last; `share` is by item the share of
    owners who had it in training, which novelty reads as surprise: the mean of -log2(share) over the items shown
    (Castells, Hurley and Vargas, "Novelty and Diversity in Recommender Systems", 2015). NDCG has gain 1 for each wanted
    item and discount 1 / log2(place + 1) (Järvelin and Kekäläinen, 2002).

    >>> one = Question(owner=0, wanted=np.asarray([7], np.int32), known=np.asarray([7], np.int32))
    >>> found = per_question(np.asarray([[3, 7]], np.int32), [one], np.full(8, 0.25))
    >>> [round(float(found[name][0]), 3) for name in ("hit_rate", "mrr", "ndcg", "precision", "novelty")]
    [1.0, 0.5, 0.631, 0.5, 2.0]
    """
    if len(lists) != len(questions):
        raise Rejected(f"{len(lists)} lists for {len(questions)} questions; give one list to each")
    k = lists.shape[1]
    hits = np.zeros(lists.shape, np.bool_)
    again = np.zeros(lists.shape, np.bool_)
    wanted = np.zeros(len(questions))
    old = np.zeros(len(questions))
    for at, question in enumerate(questions):
        row = lists[at]
        hits[at] = np.isin(row, question.wanted)
        known = np.isin(question.wanted, question.known)
        wanted[at], old[at] = len(question.wanted), known.sum()
        again[at] = np.isin(row, question.wanted[known])
    discount = 1 / np.log2(np.arange(k) + 2)
    best = np.concatenate(([0.0], np.cumsum(discount)))[np.minimum(wanted, k).astype(np.int64)]
    shown, first = lists != EMPTY, first_places(hits)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "hit_rate": (first > 0).astype(np.float64),
            "mrr": reciprocal(first),
            "ndcg": (hits @ discount) / best,
            "precision": hits.sum(axis=1) / k,
            "review_hit_rate": np.where(old > 0, again.any(axis=1), np.nan),
            "discovery_hit_rate": np.where(wanted > old, (hits & ~again).any(axis=1), np.nan),
        }
        if share is not None:
            surprise = np.where(shown, -np.log2(np.maximum(share, 1e-9))[lists], 0.0)
            found["novelty"] = surprise.sum(axis=1) / shown.sum(axis=1)
    return found


def first_places(hits: Mask) -> Int64:
    """The place of the first hit in each row, from 1; 0 where a row has none.

    >>> first_places(np.asarray([[False, True, True], [False, False, False]])).tolist()
    [2, 0]
    """
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0).astype(np.int64)


def reciprocal(places: Int64) -> Float64:
    """1 / place, and 0 for none: the mean is the mean reciprocal rank."""
    return np.where(places > 0, 1 / np.maximum(places, 1), 0.0)


def coverage(lists: Int32, items: int) -> float:
    """The share of `items` products that stand in at least one list."""
    return len(np.unique(lists[lists != EMPTY])) / items if items else 0.0


def intervals(found: Mapping[str, Float64], owners: Int64, *, draws: int = 1000, seed: int = 1) -> dict[str, Interval]:
    """The mean of each column over its questions, resampled by owner; a column without any is left out.

    >>> column = np.asarray([1.0, 0.0, np.nan, 1.0])
    >>> intervals({"hit_rate": column}, np.asarray([1, 1, 2, 3]))["hit_rate"].mean
    0.66667
    """
    names = [name for name, column in found.items() if len(column) and not np.isnan(column).all()]
    if not names:
        return {}
    _, place = np.unique(owners, return_inverse=True)
    count = int(place.max()) + 1
    sums = np.empty((count, 2 * len(names)), np.float32)
    for at, name in enumerate(names):
        column = found[name]
        told = ~np.isnan(column)
        sums[:, at] = np.bincount(place, weights=np.where(told, column, 0.0), minlength=count)
        sums[:, len(names) + at] = np.bincount(place, weights=told, minlength=count)
    total = np.asarray([np.nanmean(found[name]) for name in names])
    drawn = _drawn(sums, draws, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = drawn[:, : len(names)] / drawn[:, len(names) :]
    low, high = np.nanquantile(means, [0.025, 0.975], axis=0)
    return {
        name: Interval(*(round(float(column[at]), 5) for column in (total, low, high))) for at, name in enumerate(names)
    }


def _drawn(sums: NDArray[np.float32], draws: int, seed: int) -> NDArray[np.float32]:
    """The columns summed over as many owners as there are, drawn with replacement, `draws` times."""
    random = np.random.default_rng(seed)
    even = np.full(len(sums), 1 / len(sums))
    rows = []
    for begin in range(0, draws, _DRAWS_AT_ONCE):
        size = min(_DRAWS_AT_ONCE, draws - begin)
        rows.append(random.multinomial(len(sums), even, size=size).astype(np.float32) @ sums)
    return np.concatenate(rows)
