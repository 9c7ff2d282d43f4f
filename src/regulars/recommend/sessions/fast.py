"""The walk over neighbours compiled by numba (the extra `[fast]`): the same sums in the same order as `walk.py`.

The loops keep the interpreter: they take some microseconds, and a thread that took it meanwhile would hold it for half
a millisecond.
"""

import numpy as np
from numba import njit

from regulars.recommend.interactions import Float64, Int32, Int64, Mask
from regulars.recommend.sessions.walk import Base, Late, Reach, Scratch, Tables

_SPREAD = 0x9E3779B97F4A7  # an odd number without a pattern


@njit(cache=True)
def walk(
    prefix: Int32, reach: Reach, base: Base, late: Late, tables: Tables, scratch: Scratch
) -> tuple[Int32, Float64, int]:
    """Candidates of a running visit with their scores, and how many neighbours were met: `scratch` holds them."""
    kept = nearest(match(prefix, reach, base, late, tables, scratch), reach.neighbours, scratch)
    for at in range(kept):
        scratch.worth[at] *= tables.latest[scratch.behind[at]]
    locate(kept, base, late, scratch)
    items, scores = gather(prefix, kept, base, late, tables, scratch, reach.review)
    return items, scores, kept


@njit(cache=True)
def match(prefix: Int32, reach: Reach, base: Base, late: Late, tables: Tables, scratch: Scratch) -> int:
    """Sessions that share items with the prefix, in the order in which they are met; their number.

    Where a session stands among those met is looked up in a small hash table: an array by session would not stay in
    the processor's cache.
    """
    last, newest = reach.last, reach.newest
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


@njit(cache=True)
def found_at(session: int | np.signedinteger, scratch: Scratch) -> int | np.signedinteger:
    """Where a session stands in the hash table, or may be put."""
    places = len(scratch.slot) - 1  # a power of two, less one
    home = ((session * _SPREAD) >> 20) & places
    while scratch.slot[home] != 0 and scratch.touched[scratch.slot[home] - 1] != session:
        home = (home + 1) & places
    return home


@njit(cache=True)
def weigh(count: int, base: Base, late: Late, scratch: Scratch) -> None:
    """What each session is worth. Reads that do not wait for each other; while matching, each waited for memory."""
    sessions = len(base.weight)
    for at in range(count):
        session = scratch.touched[at]
        scratch.own[at] = base.weight[session] if session < sessions else late.weight[session - sessions]
    for at in range(count):
        scratch.worth[at] *= scratch.own[at]


@njit(cache=True)
def repeated(prefix: Int32, place: int) -> bool:
    """Whether the item at a place comes again later in the prefix."""
    later = place + 1
    while later < len(prefix) and prefix[later] != prefix[place]:
        later += 1
    return later < len(prefix)


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
def gather(
    prefix: Int32,
    kept: int,
    base: Base,
    late: Late,
    tables: Tables,
    scratch: Scratch,
    review: bool,  # noqa: FBT001 - compiled code takes no names
) -> tuple[Int32, Float64]:
    """What the neighbours hold: items, and sums of likeness by distance from the match."""
    more = len(base.item)
    centre_of_table = len(tables.distance) // 2
    result = 0
    for at in range(kept):
        worth = scratch.worth[at]
        centre = np.int64(scratch.at_match[at])
        for event in range(scratch.begin[at], scratch.stop[at]):
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
            scratch.score[item] *= tables.review
            scratch.mark[item] = False  # once for each item
    items = np.empty(result, np.int32)
    scores = np.empty(result)
    count = 0
    for at in range(result):
        item = scratch.first[at]
        if review or scratch.mark[item]:
            items[count] = item
            scores[count] = scratch.score[item] * tables.rare[item]
            count += 1
        scratch.score[item] = 0.0
        scratch.mark[item] = False
    return items[:count], scores[:count]


@njit(cache=True)
def locate(kept: int, base: Base, late: Late, scratch: Scratch) -> None:
    """Where the entries of each neighbour begin and end; those of added sessions stand behind those of the base."""
    sessions, more = len(base.weight), len(base.item)
    for at in range(kept):
        session = scratch.touched[at]
        if session < sessions:
            scratch.begin[at], scratch.stop[at] = base.start[session], base.start[session + 1]
        else:
            session -= sessions
            scratch.begin[at], scratch.stop[at] = late.start[session] + more, late.start[session + 1] + more
    # The same again: what is looked at here without waiting is in the cache when it is added up.
    for at in range(kept):
        begin = scratch.begin[at]
        if begin < more:
            scratch.own[at] = base.item[begin] + base.place[begin]


@njit(cache=True)
def evidence(
    prefix: Int32, items: Int32, kept: int, base: Base, late: Late, ends: tuple[Int64, Int64], scratch: Scratch
) -> tuple[Int64, Float64, Int64, Int32, Int64]:
    """What the neighbours that were met last say of each item, as `walk.Told` has it."""
    end, late_end = ends
    sessions = len(end)
    own = np.unique(prefix)
    wide = len(own)
    visits = np.zeros(len(items), np.int64)
    share = np.zeros(len(items))
    latest = np.full(len(items), np.iinfo(np.int64).min, np.int64)
    strength = np.zeros((len(items), wide))
    common = np.zeros((len(items), wide), np.bool_)
    first = note(items, own, scratch)
    start, places = hits(kept, base, late, scratch)
    unmark(items, scratch)
    unmark(own, scratch)
    total = 0.0
    for at in range(kept):
        worth, session = scratch.worth[at], scratch.touched[at]
        total += worth
        for hit in range(start[at], start[at + 1]):
            one = (places[hit] & 0xFFFF) - 1
            if one < 0:
                continue
            visits[one] += 1
            share[one] += worth
            latest[one] = max(latest[one], late_end[session - sessions] if session >= sessions else end[session])
            for also in range(start[at], start[at + 1]):
                other = (places[also] >> 16) - 1
                if other >= 0 and own[other] != items[one]:
                    strength[one, other] += worth
                    common[one, other] = True
    total = max(total, 1e-300)
    matched = np.empty((len(items), wide), np.int32)
    found = np.zeros(len(items), np.int64)
    for at in range(len(items)):
        one = first[at]
        visits[at], latest[at] = visits[one], latest[one]
        if one == at:
            share[at] /= total
            found[at] = strongest(own, strength[at], common[at], matched[at])
            if found[at] == 0:
                matched[at, 0], found[at] = items[at], 1
        else:
            share[at], found[at] = share[one], found[one]
            matched[at] = matched[one]
    return visits, share, latest, matched, found


@njit(cache=True)
def hits(kept: int, base: Base, late: Late, scratch: Scratch) -> tuple[Int64, Int32]:
    """What is marked of that which the neighbours hold, one after the other: where each begins, and the marks."""
    more = len(base.item)
    start = np.zeros(kept + 1, np.int64)
    size = 0
    for at in range(kept):
        size += scratch.stop[at] - scratch.begin[at]
    places = np.empty(size, np.int32)
    count = 0
    for at in range(kept):
        for event in range(scratch.begin[at], scratch.stop[at]):
            item = late.item[event - more] if event >= more else base.item[event]
            if scratch.mark[item]:
                places[count] = scratch.first[item]
                count += 1
        start[at + 1] = count
    return start, places


@njit(cache=True)
def note(items: Int32, own: Int32, scratch: Scratch) -> Int64:
    """Mark the items that evidence is asked for and those of the visit; by item, where it is asked for first."""
    for item in items:
        if 0 <= item < len(scratch.mark):
            scratch.mark[item] = True
            scratch.first[item] = 0
    for at in range(len(own)):
        item = own[at]
        if 0 <= item < len(scratch.mark):
            scratch.mark[item] = True
            scratch.first[item] = (at + 1) << 16
    first = np.arange(len(items))
    for at in range(len(items)):
        item = items[at]
        if 0 <= item < len(scratch.mark):
            if scratch.first[item] & 0xFFFF:
                first[at] = (scratch.first[item] & 0xFFFF) - 1
            else:
                scratch.first[item] += at + 1
    return first


@njit(cache=True)
def unmark(items: Int32, scratch: Scratch) -> None:
    """Take the marks away."""
    for item in items:
        if 0 <= item < len(scratch.mark):
            scratch.mark[item] = False


@njit(cache=True)
def strongest(own: Int32, strength: Float64, common: Mask, matched: Int32) -> int:
    """Write the products that are common, the strongest first, among equals the lowest; how many."""
    count = 0
    for at in range(len(own)):
        if not common[at]:
            continue
        place = count
        while place > 0 and strength[at] > strength[matched[place - 1]]:
            matched[place] = matched[place - 1]
            place -= 1
        matched[place] = at
        count += 1
    for place in range(count):
        matched[place] = own[matched[place]]
    return count
