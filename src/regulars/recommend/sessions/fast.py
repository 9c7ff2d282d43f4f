"""The walk over neighbours compiled by numba (the extra `[fast]`): the same sums in the same order as `walk.py`."""

import numpy as np
from numba import njit

from regulars.recommend.interactions import Float32, Float64, Int32, Int64
from regulars.recommend.sessions.walk import Base, Late, Scratch, Tables

_SPREAD = 0x9E3779B97F4A7  # an odd number without a pattern


@njit(cache=True, nogil=True)
def walk(
    prefix: Int32, last: int, newest: int, neighbours: int, base: Base, late: Late, tables: Tables, scratch: Scratch
) -> tuple[Int32, Float64]:
    """Candidates of a running visit with their scores."""
    count = match(prefix, last, newest, base, late, tables, scratch)
    kept = nearest(count, neighbours, scratch)
    return gather(prefix, kept, base, late, tables, scratch)


@njit(cache=True, nogil=True)
def meet(
    prefix: Int32, last: int, newest: int, neighbours: int, base: Base, late: Late, tables: Tables, scratch: Scratch
) -> tuple[Int64, Float64, Int64]:
    """The nearest sessions that share items with the prefix, as `walk.Met` has them."""
    kept = nearest(match(prefix, last, newest, base, late, tables, scratch), neighbours, scratch)
    worth = np.empty(kept)
    place = np.empty(kept, np.int64)
    for at in range(kept):
        worth[at] = scratch.worth[at] * tables.latest[scratch.behind[at]]
        place[at] = scratch.at_match[at]
    return scratch.touched[:kept].copy(), worth, place


@njit(cache=True, nogil=True)
def match(prefix: Int32, last: int, newest: int, base: Base, late: Late, tables: Tables, scratch: Scratch) -> int:
    """Sessions that share items with the prefix, in the order in which they are met; their number.

    Where a session stands among those met is looked up in a small hash table: an array by session would not stay in
    the processor's cache.
    """
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
            home = found_at(session, scratch)
            slot = scratch.slot[home]
            if slot == 0:
                scratch.touched[count] = session
                scratch.home[count] = home
                scratch.worth[count] = add
                scratch.at_match[count] = where
                scratch.behind[count] = back
                count += 1
                scratch.slot[home] = count
            else:
                scratch.worth[slot - 1] += add
    for at in range(count):
        scratch.slot[scratch.home[at]] = 0
    weigh(count, base, late, scratch)
    return count


@njit(cache=True, nogil=True)
def found_at(session: int | np.signedinteger, scratch: Scratch) -> int | np.signedinteger:
    """Where a session stands in the hash table, or may be put."""
    places = len(scratch.slot) - 1  # a power of two, less one
    home = ((session * _SPREAD) >> 20) & places
    while scratch.slot[home] != 0 and scratch.touched[scratch.slot[home] - 1] != session:
        home = (home + 1) & places
    return home


@njit(cache=True, nogil=True)
def weigh(count: int, base: Base, late: Late, scratch: Scratch) -> None:
    """What each session is worth. Reads that do not wait for each other; while matching, each waited for memory."""
    sessions = len(base.weight)
    for at in range(count):
        session = scratch.touched[at]
        scratch.own[at] = base.weight[session] if session < sessions else late.weight[session - sessions]
    for at in range(count):
        scratch.worth[at] *= scratch.own[at]


@njit(cache=True, nogil=True)
def repeated(prefix: Int32, place: int) -> bool:
    """Whether the item at a place comes again later in the prefix."""
    later = place + 1
    while later < len(prefix) and prefix[later] != prefix[place]:
        later += 1
    return later < len(prefix)


@njit(cache=True, nogil=True)
def nearest(count: int, neighbours: int, scratch: Scratch) -> int:
    """Keep the nearest of the sessions met, among equals the first ones; how many are kept."""
    if count <= neighbours:
        return count
    floor = highest(scratch.worth[:count], neighbours, scratch.own, scratch.bucket)
    above = 0
    for at in range(count):
        above += scratch.worth[at] > floor
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
def highest(values: Float64, wanted: int, room: Float64, bucket: Int64) -> float:
    """The value that `wanted` of the values reach: they are put into buckets, and again those of the decisive one."""
    count = len(values)
    low: float = values[0]
    high: float = low
    for at in range(count):
        one = values[at]
        room[at] = one
        low, high = min(low, one), max(high, one)
    last = len(bucket) - 1
    while low < high:
        scale = last / (high - low)
        if not np.isfinite(scale):
            floor: float = np.partition(room[:count], count - wanted)[count - wanted]
            return floor
        for at in range(count):
            bucket[int((room[at] - low) * scale)] += 1
        number = last
        while bucket[number] < wanted:
            wanted -= bucket[number]
            number -= 1
        bucket[:] = 0
        left = 0
        least, most = high, low
        for at in range(count):
            one = room[at]
            if int((one - low) * scale) == number:
                room[left] = one
                left += 1
                least, most = min(least, one), max(most, one)
        count, low, high = left, least, most
    return low


@njit(cache=True, nogil=True)
def gather(prefix: Int32, kept: int, base: Base, late: Late, tables: Tables, scratch: Scratch) -> tuple[Int32, Float64]:
    """What the neighbours hold: items, and sums of likeness by distance from the match."""
    more = len(base.item)
    centre_of_table = len(tables.distance) // 2
    result = 0
    locate(kept, base, late, scratch)
    for at in range(kept):
        worth = scratch.worth[at] * tables.latest[scratch.behind[at]]
        centre = np.int64(scratch.at_match[at])
        for event in range(scratch.home[at], scratch.touched[at]):
            item = late.item[event - more] if event >= more else base.item[event]
            place = late.place[event - more] if event >= more else base.place[event]
            offset = np.int64(place) - centre
            if offset > centre_of_table:
                offset = np.int64(centre_of_table)
            elif offset < -centre_of_table:
                offset = np.int64(-centre_of_table)
            if not scratch.mark[item]:
                scratch.mark[item] = True
                scratch.first[result] = item
                result += 1
            scratch.score[item] += worth * tables.distance[offset + centre_of_table]
    for item in prefix:
        if 0 <= item < len(scratch.mark) and scratch.mark[item]:
            scratch.score[item] *= tables.review[0]
            scratch.mark[item] = False  # once for each item
    items = scratch.first[:result].copy()
    scores = np.empty(result)
    for at in range(result):
        item = items[at]
        scores[at] = scratch.score[item] * tables.rare[item]
        scratch.score[item] = 0.0
        scratch.mark[item] = False
    return items, scores


@njit(cache=True, nogil=True)
def locate(kept: int, base: Base, late: Late, scratch: Scratch) -> None:
    """Where the entries of each neighbour begin and end; those of added sessions stand behind those of the base."""
    sessions, more = len(base.weight), len(base.item)
    for at in range(kept):
        session = scratch.touched[at]
        if session < sessions:
            scratch.home[at], scratch.touched[at] = base.start[session], base.start[session + 1]
        else:
            session -= sessions
            scratch.home[at], scratch.touched[at] = late.start[session] + more, late.start[session + 1] + more
    # The same again: what is looked at here without waiting is in the cache when it is added up.
    for at in range(kept):
        begin = scratch.home[at]
        if begin < more:
            scratch.own[at] = base.item[begin] + base.place[begin]


@njit(cache=True, nogil=True)
def climb(
    root: Int32,
    feature: Int32,
    limit: Float64,
    child: Int32,
    value: Float64,
    depth: Int32,
    rows: Float32,
) -> Float64:
    """The sum of the leaves that each candidate comes to.

    All candidates go down by one node, then all by the next: no step waits for the one before it, nor guesses where a
    path ends.
    """
    count, width = rows.shape
    every = rows.ravel()
    total = np.zeros(count)
    at = np.empty(count, np.int32)
    for tree in range(len(root)):
        at[:] = root[tree]
        for _ in range(depth[0]):
            for candidate in range(count):
                node = at[candidate]
                right = every[candidate * width + feature[node]] > limit[node]
                at[candidate] = child[2 * node + right]
        for candidate in range(count):
            total[candidate] += value[at[candidate]]
    return total
