"""Trees compiled by numba (the extra `[fast]`): the same sums in the same order as `ranker.rank`.

After Lucchese et al., "QuickScorer" (SIGIR 2015): no path is followed; every node strikes the leaves out that a
candidate cannot come to, and of a tree's leaves the first that is left is the one. All candidates meet a node at once,
so that the processor compares several of them in one step.
"""

import numpy as np
from numba import njit

from regulars.recommend.interactions import Float32, Float64
from regulars.recommend.sessions.ranker import Cuts

_ALL = np.uint32(0xFFFFFFFF)
_SPREAD = np.uint32(0x077CB531)  # by it a bit's place is told from the highest five bits (Leiserson et al., 1998)
_PLACES = np.zeros(32, np.int64)
for _bit in range(32):
    _PLACES[((0x077CB531 << _bit) & 0xFFFFFFFF) >> 27] = _bit
_AT_ONCE = 32  # candidates that are compared without a look at how many there are: what is over is computed one by one


def spread(value: Float64) -> Float64:
    """The leaves of each tree where `score` looks for them."""
    return np.ascontiguousarray(value[:, _PLACES])


@njit(cache=True)
def score(cuts: Cuts, rows: Float32) -> Float64:
    """The sum of the leaves that each candidate comes to; the leaves are `spread`."""
    count, width = rows.shape
    columns = np.zeros((width, (count + _AT_ONCE - 1) // _AT_ONCE * _AT_ONCE), np.float32)
    for at in range(count):
        for feature in range(width):
            columns[feature, at] = rows[at, feature]
    least, most = np.empty(width, np.float32), np.empty(width, np.float32)
    for feature in range(width):
        least[feature], most[feature] = bounds(columns[feature, :count])
    total = np.zeros(count)
    left = np.empty(columns.shape[1], np.uint32)
    for tree in range(len(cuts.start) - 1):
        left[:] = _ALL
        every = _ALL
        for node in range(cuts.start[tree], cuts.start[tree + 1]):
            feature, limit, stays = cuts.feature[node], cuts.limit[node], cuts.stays[node]
            if most[feature] <= limit:
                continue
            if least[feature] > limit:
                every &= stays
                continue
            column = columns[feature]
            for at in range(len(left)):
                left[at] &= stays if column[at] > limit else _ALL
        value = cuts.value[tree]
        for at in range(count):
            one = left[at] & every
            total[at] += value[np.uint32((one & (~one + np.uint32(1))) * _SPREAD) >> np.uint32(27)]
    return total


@njit(cache=True)
def bounds(column: Float32) -> tuple[np.float32, np.float32]:
    """The least and the most of a column; what is no number is below everything."""
    least, most = np.float32(np.inf), np.float32(-np.inf)
    for one in column:
        least = min(least, one) if one == one else np.float32(-np.inf)  # noqa: PLR0124 - NaN alone differs from itself
        most = max(most, one) if one == one else most  # noqa: PLR0124
    return least, most
