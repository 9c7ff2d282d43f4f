"""The walk over neighbours compiled by numba (the extra `[fast]`): the same sums in the same order as `walk.py`."""

import numpy as np
from numba import njit

from regulars.recommend.interactions import Float32, Float64, Int32
from regulars.recommend.sessions.walk import Base, Late, Scratch, Tables


@njit(cache=True, nogil=True)
def walk(
    prefix: Int32, last: int, newest: int, neighbours: int, base: Base, late: Late, tables: Tables, scratch: Scratch
) -> tuple[Int32, Float64]:
    """Candidates of a running visit with their scores."""
    count = match(prefix, last, newest, base, late, tables, scratch)
    kept = nearest(count, neighbours, base, late, scratch)
    return gather(prefix, kept, base, late, tables, scratch)


@njit(cache=True, nogil=True)
def match(prefix: Int32, last: int, newest: int, base: Base, late: Late, tables: Tables, scratch: Scratch) -> int:
    """Sessions that share items with the prefix, in the order in which they are met; their number."""
    base_items, late_items = len(base.posting_start) - 1, len(late.posting_start) - 1
    sessions = len(base.weight)
    end = len(prefix)
    count = 0
    for back in range(min(last, end)):
        one = prefix[end - 1 - back]
        if one < 0 or (one >= base_items and one >= late_items) or repeated(prefix, end - 1 - back):
            continue
        add = tables.back[min(last, end), back] * tables.idf[one]
        here, stop, other, other_stop = 0, 0, 0, 0
        if one < base_items:
            here, stop = base.posting_start[one], base.posting_start[one + 1]
        if one < late_items:
            other, other_stop = late.posting_start[one], late.posting_start[one + 1]
        taken = 0
        while taken < newest:
            while here < stop and late.any_gone and late.gone[base.posting[here]]:
                here += 1
            if other < other_stop and (
                here >= stop or late.key[late.posting[other]] > (np.int64(base.posting[here]) + 1) << 24
            ):
                session = sessions + np.int64(late.posting[other])
                where = late.posting_place[other]
                other += 1
            elif here < stop:
                session = np.int64(base.posting[here])
                where = base.posting_place[here]
                here += 1
            else:
                break
            taken += 1
            slot = scratch.slot[session]
            if slot == 0:
                scratch.touched[count] = session
                scratch.worth[count] = add
                scratch.at_match[count] = where
                scratch.behind[count] = back
                count += 1
                scratch.slot[session] = count
            else:
                scratch.worth[slot - 1] += add
    return count


@njit(cache=True, nogil=True)
def repeated(prefix: Int32, place: int) -> bool:
    """Whether the item at a place comes again later in the prefix."""
    later = place + 1
    while later < len(prefix) and prefix[later] != prefix[place]:
        later += 1
    return later < len(prefix)


@njit(cache=True, nogil=True)
def nearest(count: int, neighbours: int, base: Base, late: Late, scratch: Scratch) -> int:
    """Keep the nearest of the sessions met, among equals the first ones; how many are kept."""
    sessions = len(base.weight)
    for at in range(count):
        session = scratch.touched[at]
        own = base.weight[session] if session < sessions else late.weight[session - sessions]
        scratch.worth[at] *= own
        scratch.slot[session] = 0
    if count <= neighbours:
        return count
    floor = np.partition(scratch.worth[:count], count - neighbours)[count - neighbours]
    above = 0
    for at in range(count):
        if scratch.worth[at] > floor:
            above += 1
    spare = neighbours - above
    kept = 0
    for at in range(count):
        worth = scratch.worth[at]
        if worth < floor or (worth == floor and spare == 0):
            continue
        if worth == floor:
            spare -= 1
        scratch.touched[kept] = scratch.touched[at]
        scratch.worth[kept] = worth
        scratch.at_match[kept] = scratch.at_match[at]
        scratch.behind[kept] = scratch.behind[at]
        kept += 1
    return kept


@njit(cache=True, nogil=True)
def gather(prefix: Int32, kept: int, base: Base, late: Late, tables: Tables, scratch: Scratch) -> tuple[Int32, Float64]:
    """What the neighbours hold: items, and sums of likeness by distance from the match."""
    sessions = len(base.weight)
    centre_of_table = len(tables.distance) // 2
    found = np.empty(1024, np.int32)
    result = 0
    for at in range(kept):
        session = scratch.touched[at]
        worth = scratch.worth[at] * tables.latest[scratch.behind[at]]
        centre = np.int64(scratch.at_match[at])
        is_late = session >= sessions
        row = session - sessions if is_late else session
        first = late.start[row] if is_late else base.start[row]
        stop = late.start[row + 1] if is_late else base.start[row + 1]
        for event in range(first, stop):
            item = late.item[event] if is_late else base.item[event]
            place = late.place[event] if is_late else base.place[event]
            offset = np.int64(place) - centre
            if offset > centre_of_table:
                offset = np.int64(centre_of_table)
            elif offset < -centre_of_table:
                offset = np.int64(-centre_of_table)
            if not scratch.mark[item]:
                scratch.mark[item] = True
                if result == len(found):
                    found = np.concatenate((found, np.empty(result, np.int32)))
                found[result] = item
                result += 1
            scratch.score[item] += worth * tables.distance[offset + centre_of_table]
    for item in prefix:
        if 0 <= item < len(scratch.mark) and scratch.mark[item]:
            scratch.score[item] *= tables.review[0]
            scratch.mark[item] = False  # once for each item
    items = found[:result].copy()
    scores = np.empty(result)
    for at in range(result):
        item = items[at]
        scores[at] = scratch.score[item] * tables.rare[item]
        scratch.score[item] = 0.0
        scratch.mark[item] = False
    return items, scores


@njit(cache=True, nogil=True)
def climb(
    root: Int32,
    feature: Int32,
    limit: Float64,
    child: Int32,
    value: Float64,
    depth: Int32,  # noqa: ARG001 - as the arrays of `ranker.Trees` stand
    rows: Float32,
) -> Float64:
    """The sum of the leaves that each candidate comes to."""
    total = np.zeros(len(rows))
    for tree in range(len(root)):
        for candidate in range(len(rows)):
            node = root[tree]
            while child[2 * node] != node:
                node = child[2 * node + (1 if rows[candidate, feature[node]] > limit[node] else 0)]
            total[candidate] += value[node]
    return total
