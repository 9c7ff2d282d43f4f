"""What one product says about others: a row of weights per product, and sums of rows over a visit."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from regulars.recommend.interactions import Float32, Float64, Int32, Int64
from regulars.recommend.model import Column, Scored
from regulars.recommend.sessions.data import Sessions

_PAIRS_AT_ONCE = 8_000_000  # bounds the memory of counting


class Rows(NamedTuple):
    """By product, others with a weight, the heaviest first."""

    start: Int64
    item: Int32
    weight: Float64 | Float32

    def of(self, item: int) -> tuple[Int32, Float64 | Float32]:
        """The row of one product; empty for one that came later."""
        if not 0 <= item < len(self.start) - 1:
            return self.item[:0], self.weight[:0]
        here = slice(int(self.start[item]), int(self.start[item + 1]))
        return self.item[here], self.weight[here]

    @classmethod
    def restore(cls, columns: Mapping[str, Column], prefix: str = "") -> "Rows":
        """The rows of these columns."""
        found: dict[str, Column] = {name: columns[prefix + name] for name in cls._fields}
        return cls(**found)  # type: ignore[arg-type]


class Pairs(NamedTuple):
    """Ordered pairs of products with the sum of their weights, sorted by the first, then the second."""

    first: Int32
    second: Int32
    weight: Float64


def add_up(first: Int32, second: Int32, weight: Float64) -> Pairs:
    """One pair for equal pairs, weights added in the order given."""
    key = (first.astype(np.int64) << 32) | second
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    total = np.add.reduceat(weight[order], starts) if len(starts) else np.empty(0)
    key = key[starts]
    return Pairs((key >> 32).astype(np.int32), (key & 0xFFFFFFFF).astype(np.int32), total)


def steps(sessions: Sessions, most: int, weigh: Callable[[int], float], worth: Float64 | None = None) -> Pairs:
    """Pairs (earlier, later) at most `most` events apart, weighed by how many, and by the `worth` of a session."""
    of_event = sessions.of_event
    place = np.arange(len(of_event)) - sessions.start[:-1][of_event]
    done: list[Pairs] = []
    waiting: list[Pairs] = []
    size = 0
    longest = int(place.max()) if len(place) else 0
    for apart in range(1, min(most, longest) + 1):
        later = np.flatnonzero(place >= apart)
        weight = np.full(len(later), weigh(apart))
        if worth is not None:
            weight *= worth[of_event[later]]
        waiting.append(Pairs(sessions.item[later - apart], sessions.item[later], weight))
        size += len(later)
        if size > _PAIRS_AT_ONCE:
            done, waiting, size = [joined(done + waiting)], [], 0
    return joined(done + waiting)


def joined(parts: list[Pairs]) -> Pairs:
    """The sum of several lots of pairs."""
    if not parts:
        return Pairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
    return add_up(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def rows(pairs: Pairs, items: int, kept: int | None = None) -> Rows:
    """The pairs as rows of `items` products, the heaviest first, ties by position; at most `kept` of each."""
    order = np.lexsort((pairs.second, -pairs.weight, pairs.first))
    first = pairs.first[order]
    if kept is not None and len(first):
        starts = np.flatnonzero(np.diff(first, prepend=-1))
        rank = np.arange(len(first)) - np.repeat(starts, np.diff(starts, append=len(first)))
        order = order[rank < kept]
        first = pairs.first[order]
    start = np.zeros(items + 1, np.int64)
    np.cumsum(np.bincount(first, minlength=items), out=start[1:])
    return Rows(start, pairs.second[order], pairs.weight[order])


def summed(parts: list[tuple[Int32, Float64]]) -> Scored:
    """One candidate per item, weights added in the order given; candidates in the order in which they come first."""
    if not parts:
        return Scored(np.empty(0, np.int32), np.empty(0))
    items = np.concatenate([items for items, _ in parts])
    weights = np.concatenate([weights for _, weights in parts])
    found, first, number = np.unique(items, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    total: Float64 = np.bincount(number, weights, minlength=len(found)).astype(np.float64)
    return Scored(found[order].astype(np.int32), total[order])
