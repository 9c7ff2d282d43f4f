"""The best of a list, compiled by numba (the extra `[fast]`): the same items in the same order as `model.best`."""

import numpy as np
from numba import njit

from regulars.recommend.interactions import Float64, Int32, Int64, Mask

_BUCKETS = 1024
_MAGNITUDE = 0x7FFFFFFFFFFFFFFF


@njit(cache=True)
def best(
    items: Int32,
    scores: Float64,
    n: int,
    exclude: Int32,
    allowed: Mask,
    every: bool,  # noqa: FBT001 - compiled code takes no names
) -> tuple[Int32, Float64]:
    """The `n` best, best first, as `model.best` has them."""
    kept = np.empty(len(items), np.int64)
    values = np.empty(len(items))
    count = 0
    for at in range(len(items)):
        if every or allowed[items[at]]:
            kept[count] = at
            values[count] = scores[at]
            count += 1
    chosen = np.empty(max(min(n, count), 0), np.int32)
    worth = np.empty(len(chosen))
    found = 0
    without = np.sort(exclude)
    for place in ordered(values[:count]):
        if found == len(chosen):
            break
        item = items[kept[place]]
        at = np.searchsorted(without, item)
        if at == len(without) or without[at] != item:
            chosen[found], worth[found] = item, values[place]
            found += 1
    return chosen[:found], worth[:found]


@njit(cache=True)
def ordered(scores: Float64) -> Int64:
    """Places by score, the highest first, equals in the order given.

    Scores are put into buckets by the logarithm that their bits are, and then moved past each other within a bucket.
    """
    count = len(scores)
    order = np.arange(count)
    if count < 2:
        return order
    if count > 32:
        keys = (scores + 0.0).view(np.int64)  # no negative zero
        low = high = rising(keys[0])
        for at in range(count):
            key = rising(keys[at])
            low, high = min(low, key), max(high, key)
        if low == high:
            return order
        scale = (_BUCKETS - 1) / (float(high) - float(low))
        begin = np.zeros(_BUCKETS + 1, np.int64)
        number = np.empty(count, np.int64)
        for at in range(count):
            number[at] = int((float(high) - float(rising(keys[at]))) * scale)
            begin[number[at] + 1] += 1
        for bucket in range(_BUCKETS):
            begin[bucket + 1] += begin[bucket]
        for at in range(count):
            order[begin[number[at]]] = at
            begin[number[at]] += 1
    left = 32 * count
    for at in range(1, count):
        one = order[at]
        score = scores[one]
        place = at
        while place > 0 and scores[order[place - 1]] < score:
            order[place] = order[place - 1]
            place -= 1
        order[place] = one
        left -= at - place
        if left < 0:  # all of them close together
            return np.argsort(-scores, kind="mergesort")
    return order


@njit(cache=True)
def rising(bits: int) -> int:
    """A number that grows with the floating-point number whose bits these are."""
    return bits ^ ((bits >> 63) & _MAGNITUDE)
