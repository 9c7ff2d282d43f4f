"""The signals of the blend compiled by numba (the extra `[fast]`): the same as `signals.SignalBuilder` computes.

numba compiles anew when this file changes, not when another does whose functions or numbers are used here: after a
change there, remove the `__pycache__` beside it.
"""

import numpy as np
from numba import njit

from regulars.recommend.interactions import Float32, Float64, Int32, Int64
from regulars.recommend.sessions.fast import repeated
from regulars.recommend.sessions.fast_order import ordered
from regulars.recommend.sessions.rows import Rows
from regulars.recommend.sessions.signals import (
    CANDIDATES,
    COLUMNS,
    FAR_BACK,
    UNRANKED,
    WIDTH,
    Figures,
    Learned,
    Ranked,
    Room,
)


@njit(cache=True)
def signals(
    prefix: Int32,
    first: Ranked,
    other: Ranked,
    learned: Learned,
    room: Room,
    review: bool,  # noqa: FBT001 - compiled code takes no names
) -> tuple[Int32, Float32, float]:
    """Candidates, their signals, and the score of the best neighbour; what is a logarithm is left to the caller."""
    last = prefix[-1]
    slot, followed = room.slot, learned.followed
    near, new = ordered(first.scores), ordered(other.scores)
    heard, loudness = listen(prefix, learned.linear, learned.loudness, room)
    of_near, of_new, of_linear, of_rules, of_visit = CANDIDATES
    parts = first.items[near[:of_near]], other.items[new[:of_new]], heard[ordered(loudness)[:of_linear]]
    begin, stop = row_of(followed, last)
    following = followed.item[begin : min(stop, begin + of_rules)]
    count = 0
    chosen = np.empty(len(parts[0]) + len(parts[1]) + len(parts[2]) + len(following) + of_visit, np.int32)
    if review:
        for item in prefix[::-1][:of_visit]:
            count = choose(item, slot, chosen, count)
    for part in parts:
        for item in part:
            count = choose(item, slot, chosen, count)
    for item in following:
        count = choose(item, slot, chosen, count)
    items = np.sort(chosen[:count])
    slot[items] = -1
    if not review:
        items = others(items, prefix, slot)
    count = len(items)
    slot[items] = np.arange(count)
    rows = np.zeros((count, WIDTH), np.float32)
    columns = COLUMNS.neighbours_share, COLUMNS.neighbours_rank
    top = put_ranked(rows, columns, first, near, learned.ranks, slot)
    put_ranked(rows, (COLUMNS.discovery, COLUMNS.discovery_rank), other, new, learned.ranks, slot)
    for at in range(len(heard)):
        place = slot[heard[at]]
        if place >= 0:
            rows[place, COLUMNS.linear] = loudness[at]
    order = ordered(rows[:, COLUMNS.linear].astype(np.float64))
    for at in range(count):
        rows[order[at], COLUMNS.linear_rank] = learned.ranks[at]
    put_row(rows, COLUMNS.linear_last, learned.linear, last, slot)
    put_row(rows, COLUMNS.followed_last, followed, last, slot)
    if len(prefix) > 1:
        put_row(rows, COLUMNS.followed_before, followed, prefix[-2], slot)
    put_row(rows, COLUMNS.preceded_last, learned.preceded, last, slot)
    look(rows, items, prefix, learned.figures, slot)
    slot[items] = -1
    return items, rows, top


@njit(cache=True)
def others(items: Int32, prefix: Int32, slot: Int32) -> Int32:
    """The items that are not in the visit."""
    slot[prefix] = -2
    found: Int32 = items[slot[items] == -1]
    slot[prefix] = -1
    return found


@njit(cache=True)
def listen(prefix: Int32, linear: Rows, back: Float64, room: Room) -> tuple[Int32, Float64]:
    """What the last products of the visit speak for, in the order in which it is met, and how loudly."""
    slot, total = room.slot, room.total
    known, end = len(linear.start) - 1, len(prefix)
    size = 0
    for behind in range(min(len(back), end)):
        one = prefix[end - 1 - behind]
        if one < known:
            size += linear.start[one + 1] - linear.start[one]
    heard = np.empty(size, np.int32)
    count = 0
    for behind in range(min(len(back), end)):
        one = prefix[end - 1 - behind]
        if one >= known or repeated(prefix, end - 1 - behind):
            continue
        for entry in range(linear.start[one], linear.start[one + 1]):
            item = linear.item[entry]
            count = choose(item, slot, heard, count)
            total[item] += np.float64(linear.weight[entry]) * back[behind]
    loudness = np.empty(count)
    for at in range(count):
        loudness[at] = total[heard[at]]
        total[heard[at]] = 0.0
        slot[heard[at]] = -1
    return heard[:count], loudness


@njit(cache=True)
def choose(item: int, slot: Int32, chosen: Int32, count: int) -> int:
    """Add an item that is not among the chosen ones yet; how many there are."""
    if slot[item] == -1:
        slot[item] = -2
        chosen[count] = item
        count += 1
    return count


@njit(cache=True)
def row_of(rows: Rows, item: int) -> tuple[int, int]:
    """Where the row of a product begins and ends; empty for one that came later."""
    if item >= len(rows.start) - 1:
        return 0, 0
    return rows.start[item], rows.start[item + 1]


@njit(cache=True)
def put_row(rows: Float32, column: int, found: Rows, item: int, slot: Int32) -> None:
    """Write what a product says of the candidates."""
    begin, stop = row_of(found, item)
    for entry in range(begin, stop):
        place = slot[found.item[entry]]
        if place >= 0:
            rows[place, column] = found.weight[entry]


@njit(cache=True)
def put_ranked(
    rows: Float32, columns: tuple[int, int], found: Ranked, order: Int64, ranks: Float32, slot: Int32
) -> float:
    """Write the scores as shares of the highest, and the places; the highest."""
    share, rank = columns
    rows[:, rank] = UNRANKED
    top = found.scores[order[0]] if len(order) else 1e-9
    for at in range(len(order)):
        place = slot[found.items[order[at]]]
        if place >= 0:
            rows[place, share] = found.scores[order[at]] / top
            rows[place, rank] = ranks[at]
    return top


@njit(cache=True)
def look(rows: Float32, items: Int32, prefix: Int32, figures: Figures, slot: Int32) -> None:
    """Write what is known of each candidate by itself, and what the visit itself says."""
    known, end = len(figures.held) - 1, len(prefix)
    last = min(prefix[-1], known)
    products = 0
    for place in range(len(items)):
        rows[place, COLUMNS.back] = FAR_BACK
    for back in range(end):
        place = slot[prefix[end - 1 - back]]
        new = not repeated(prefix, end - 1 - back)
        products += new
        if place >= 0:
            rows[place, COLUMNS.times] += 1
            if new:
                rows[place, COLUMNS.in_visit] = 1
                rows[place, COLUMNS.back] = back
    stayed = end > 1 and prefix[-2] == prefix[-1]
    for place in range(len(items)):
        item = min(items[place], known)
        rows[place, COLUMNS.held] = figures.held[item]
        rows[place, COLUMNS.lately] = figures.lately[item]
        rows[place, COLUMNS.last_seen] = figures.last_seen[item]
        rows[place, COLUMNS.stays] = figures.stays[item]
        rows[place, COLUMNS.returns] = figures.returns[item]
        rows[place, COLUMNS.events] = end
        rows[place, COLUMNS.products] = products
        rows[place, COLUMNS.last_held] = figures.held[last]
        rows[place, COLUMNS.last_stays] = figures.stays[last]
        rows[place, COLUMNS.stayed] = stayed
