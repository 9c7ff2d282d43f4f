"""The walk over neighbours with arrays: sessions that share items with the visit, and what they hold."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regulars.recommend.interactions import Float64, Int32, Int64, Mask
from regulars.recommend.sessions.model import latest_first

Int16 = NDArray[np.int16]
#: Of values, when the highest of them are looked for.
BUCKETS = 512


class Base(NamedTuple):
    """The index: sessions with their distinct items, and by item the sessions that hold it, the newest first."""

    start: Int64  # session -> entries
    item: Int32  # by entry: distinct items of a session in the order of their last place
    place: Int16  # by entry: that place
    weight: Float64  # by session: what it is worth by age and length
    posting_start: Int64  # item -> postings
    posting: Int32  # sessions, the newest first
    posting_place: Int16  # the place of the item in that session


class Late(NamedTuple):
    """What came since: the same of added sessions, numbered on from the base, and which of the base are gone."""

    start: Int64
    item: Int32
    place: Int16
    weight: Float64
    posting_start: Int64
    posting: Int32
    posting_place: Int16
    key: Int64  # where a session stands among those of the base: (base sessions before it) << 24, + 1 + its number
    gone: Mask  # by session of the base
    any_gone: bool


class Tables(NamedTuple):
    """Weights that both ways of walking look up, so that they compute with the same numbers."""

    back: Float64  # by length of the running visit and events back from its end
    latest: Float64  # by events back of the latest item that a neighbour shares
    distance: Float64  # by offset from the match in a neighbour; the middle is the match itself
    idf: Float64  # by item
    rare: Float64  # by item: what its score is multiplied by
    review: Float64  # one number: factor of items that are in the running visit


class Scratch(NamedTuple):
    """Room to compute in, all zero between calls."""

    likeness: Float64  # by session, as are the next two
    matched: Int16  # the place of the latest item of the visit in it
    back: Int16  # how far back in the visit that item is
    slot: Int32  # a hash table: 1 + where a session stands among those met; the next six are by that place
    touched: Int64
    home: Int64  # its place in the hash table; from here to `behind` need not be zero
    own: Float64
    worth: Float64
    at_match: Int16
    behind: Int16
    bucket: Int64
    score: Float64  # by item
    mark: Mask  # by item
    first: Int32  # by item; need not be zero

    @classmethod
    def of(cls, sessions: int, items: int, touched: int) -> "Scratch":
        """Room for so many sessions, items, and sessions met in one walk."""
        touched = min(touched, sessions)
        return cls(
            likeness=np.zeros(sessions),
            matched=np.zeros(sessions, np.int16),
            back=np.zeros(sessions, np.int16),
            slot=np.zeros(1 << (2 * touched).bit_length(), np.int32),
            touched=np.zeros(touched, np.int64),
            home=np.zeros(touched, np.int64),
            own=np.zeros(touched),
            worth=np.zeros(touched),
            at_match=np.zeros(touched, np.int16),
            behind=np.zeros(touched, np.int16),
            bucket=np.zeros(BUCKETS, np.int64),
            score=np.zeros(items),
            mark=np.zeros(items, np.bool_),
            first=np.zeros(items, np.int32),
        )


class Met(NamedTuple):
    """Neighbours in the order in which they were met."""

    session: Int64
    worth: Float64
    place: Int64  # of the latest item of the visit that both hold


def walk(
    prefix: Int32, last: int, newest: int, neighbours: int, base: Base, late: Late, tables: Tables, scratch: Scratch
) -> tuple[Int32, Float64]:
    """Candidates of a running visit with their scores."""
    met = meet(prefix, last, newest, neighbours, base, late, tables, scratch)
    length, items, place = held(met, base, late)
    half = len(tables.distance) // 2
    offset = np.clip(place - np.repeat(met.place, length), -half, half) + half
    worth = np.repeat(met.worth, length) * tables.distance[offset]
    np.add.at(scratch.score, items, worth)
    at = np.arange(len(items), dtype=np.int32)
    scratch.first[items[::-1]] = at[::-1]
    found = items[scratch.first[items] == at]  # each item where it was met first
    known = prefix[(prefix >= 0) & (prefix < len(scratch.score))]
    scratch.score[np.unique(known)] *= tables.review[0]
    scores = scratch.score[found] * tables.rare[found]
    scratch.score[found] = 0.0
    return found, scores


def meet(
    prefix: Int32, last: int, newest: int, neighbours: int, base: Base, late: Late, tables: Tables, scratch: Scratch
) -> Met:
    """The nearest sessions that share items with the prefix; among equals those met first."""
    known = max(len(base.posting_start), len(late.posting_start)) - 1
    likeness, matched = scratch.likeness, scratch.matched
    lists: list[Int64] = []
    items, back = latest_first(prefix, last, known)
    adds = tables.back[min(len(prefix), last), back] * tables.idf[items]
    for one, behind, add in zip(items.tolist(), back.tolist(), adds.tolist(), strict=True):
        sessions, places = postings(one, newest, base, late)
        new = likeness[sessions] == 0.0
        fresh = sessions[new]
        matched[fresh] = places[new]
        scratch.back[fresh] = behind
        lists.append(fresh)
        likeness[sessions] += add  # a session stands once in the list of an item
    touched = np.concatenate(lists) if lists else np.empty(0, np.int64)
    if len(late.weight):
        is_late = touched >= len(base.weight)
        own = np.empty(len(touched))
        own[~is_late] = base.weight[touched[~is_late]]
        own[is_late] = late.weight[touched[is_late] - len(base.weight)]
    else:
        own = base.weight[touched]
    worth = likeness[touched] * own
    likeness[touched] = 0.0
    if len(touched) > neighbours:
        floor = np.partition(worth, len(worth) - neighbours)[len(worth) - neighbours]
        keep = worth > floor
        ties = np.flatnonzero(worth == floor)
        keep[ties[: neighbours - int(keep.sum())]] = True
        touched, worth = touched[keep], worth[keep]
    return Met(touched, worth * tables.latest[scratch.back[touched]], matched[touched].astype(np.int64))


def postings(item: int, newest: int, base: Base, late: Late) -> tuple[Int64, Int16]:
    """The newest sessions with an item, the newest first, and its place in each."""
    first, stop = 0, 0
    if item < len(base.posting_start) - 1:
        first, stop = int(base.posting_start[item]), int(base.posting_start[item + 1])
    if not late.any_gone and not len(late.weight):
        stop = min(stop, first + newest)
        return base.posting[first:stop].astype(np.int64), base.posting_place[first:stop]
    sessions, places = base.posting[first:stop].astype(np.int64), base.posting_place[first:stop]
    if late.any_gone:
        stays = ~late.gone[sessions]
        sessions, places = sessions[stays], places[stays]
    if item < len(late.posting_start) - 1 and (late.posting_start[item + 1] > late.posting_start[item]):
        mine = slice(late.posting_start[item], late.posting_start[item + 1])
        added = late.posting[mine]
        keys = np.concatenate((late.key[added], (sessions + 1) << 24))
        order = np.argsort(-keys, kind="stable")
        sessions = np.concatenate((added.astype(np.int64) + len(base.weight), sessions))[order]
        places = np.concatenate((late.posting_place[mine], places))[order]
    return sessions[:newest], places[:newest]


def held(met: Met, base: Base, late: Late) -> tuple[Int64, Int32, Int64]:
    """What the sessions hold, one after the other: how many items each, the items, their places."""
    first, stop = base.start[:-1], base.start[1:]
    if not len(late.weight):
        begin = first[met.session]
        length = stop[met.session] - begin
        entries = run_on(begin, length)
        return length, base.item[entries], base.place[entries].astype(np.int64)
    # Added sessions have their entries after those of the base.
    more = len(base.item)
    is_late = met.session >= len(base.weight)
    begin = np.empty(len(met.session), np.int64)
    length = np.empty(len(met.session), np.int64)
    old, new = met.session[~is_late], met.session[is_late] - len(base.weight)
    begin[~is_late], length[~is_late] = first[old], stop[old] - first[old]
    begin[is_late], length[is_late] = late.start[:-1][new] + more, late.start[1:][new] - late.start[:-1][new]
    entries = run_on(begin, length)
    of_late = entries >= more
    items = np.empty(len(entries), np.int32)
    place = np.empty(len(entries), np.int64)
    items[~of_late], place[~of_late] = base.item[entries[~of_late]], base.place[entries[~of_late]]
    items[of_late], place[of_late] = late.item[entries[of_late] - more], late.place[entries[of_late] - more]
    return length, items, place


def run_on(begin: Int64, length: Int64) -> Int64:
    """Numbers from each begin on, as many as each length.

    >>> run_on(np.asarray([5, 9]), np.asarray([2, 3])).tolist()
    [5, 6, 9, 10, 11]
    """
    total = np.cumsum(length)
    return np.repeat(begin - total + length, length) + np.arange(int(total[-1]) if len(total) else 0)
