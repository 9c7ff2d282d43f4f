"""Evidence of sums compiled by numba (the extra `[fast]`): the same numbers as `summing.explained` finds."""

import numpy as np
from numba import njit

from regulars.recommend.interactions import Float64, Int32, Mask
from regulars.recommend.sessions.fast import repeated
from regulars.recommend.sessions.rows import Rows


@njit(cache=True)
def told(
    prefix: Int32, items: Int32, base: Rows, loudness: Float64, total: Float64, slot: Int32
) -> tuple[Float64, Mask, Float64, Float64]:
    """All scores in the order in which they are met; of each item whether it has one, which, and by which products.

    The last is a row by item, and in it what each event of the prefix says, of repeated products the last one.
    `total` is zero by item, and `slot` -1, before and after.
    """
    met = added_up(prefix, base, loudness, total, slot)
    there, score = np.zeros(len(items), np.bool_), np.zeros(len(items))
    for at in range(len(items)):
        item = items[at]
        if 0 <= item < len(slot) and slot[item] >= 0:
            there[at], score[at] = True, total[item]
            slot[item] = at  # of an item that is asked for twice, the last place
    strength = spoken(prefix, items, base, slot)
    for at in range(len(items)):
        if there[at] and slot[items[at]] != at:
            strength[at] = strength[slot[items[at]]]
    scores = total[met]
    total[met] = 0.0
    slot[met] = -1
    return scores, there, score, strength


@njit(cache=True)
def added_up(prefix: Int32, base: Rows, loudness: Float64, total: Float64, slot: Int32) -> Int32:
    """Add up what the products of the prefix say of others: these, in the order in which they are met."""
    known, end = len(base.start) - 1, len(prefix)
    size = 0
    for one in prefix:
        if 0 <= one < known:
            size += base.start[one + 1] - base.start[one]
    met = np.empty(size, np.int32)
    count = 0
    for behind in range(end):
        one = prefix[end - 1 - behind]
        if one < 0 or one >= known or repeated(prefix, end - 1 - behind):
            continue
        for entry in range(base.start[one], base.start[one + 1]):
            item = base.item[entry]
            if slot[item] == -1:
                slot[item] = 0
                met[count] = item
                count += 1
            total[item] += np.float64(base.weight[entry]) * loudness[behind]
    return met[:count]


@njit(cache=True)
def spoken(prefix: Int32, items: Int32, base: Rows, slot: Int32) -> Float64:
    """By place of an item, what each event of the prefix says of it; `slot` has the places, 0 for other items."""
    known = len(base.start) - 1
    strength = np.zeros((len(items), len(prefix)))
    for place in range(len(prefix)):
        one = prefix[place]
        if one < 0 or one >= known or repeated(prefix, place):
            continue
        for entry in range(base.start[one], base.start[one + 1]):
            at = slot[base.item[entry]]
            if at < len(items) and items[at] == base.item[entry]:
                strength[at, place] = base.weight[entry]
    return strength
