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
    review: float  # factor of items that are in the running visit


class Scratch(NamedTuple):
    """Room to compute in, all zero between calls, and the neighbours that were met last."""

    likeness: Float64  # by session, as are the next two
    matched: Int16  # the place of the latest item of the visit in it
    back: Int16  # how far back in the visit that item is
    slot: Int32  # a hash table: 1 + where a session stands among those met; the next eight are by that place
    touched: Int64  # the session; from here to `behind` need not be zero
    home: Int64  # its place in the hash table
    own: Float64
    worth: Float64
    at_match: Int16  # the place of the latest item of the visit that both hold
    behind: Int16
    begin: Int64  # its first entry; those of added sessions stand behind those of the base
    stop: Int64
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
            begin=np.zeros(touched, np.int64),
            stop=np.zeros(touched, np.int64),
            bucket=np.zeros(BUCKETS, np.int64),
            score=np.zeros(items),
            mark=np.zeros(items, np.bool_),
            first=np.zeros(items, np.int32),
        )


class Reach(NamedTuple):
    """How far a walk goes."""

    last: int  # events of the running visit that count
    newest: int  # sessions looked at per product of the visit
    neighbours: int  # sessions that have a say
    review: bool = True  # whether products of the running visit are candidates


class Told(NamedTuple):
    """What neighbours say of items, by item."""

    visits: Int64  # neighbours that hold it
    share: Float64  # of the worth of all neighbours, that of those
    latest: Int64  # when the latest of them ended
    matched: Int32  # a row of products of the visit that those hold, the strongest first; the item itself if no other
    found: Int64  # how many of that row


def walk(
    prefix: Int32, reach: Reach, base: Base, late: Late, tables: Tables, scratch: Scratch
) -> tuple[Int32, Float64, int]:
    """Candidates of a running visit with their scores, and how many neighbours were met: `scratch` holds them."""
    kept = meet(prefix, reach, base, late, tables, scratch)
    of_neighbour, items, place = held(kept, base, late, scratch)
    half = len(tables.distance) // 2
    offset = np.clip(place - scratch.at_match[of_neighbour], -half, half) + half
    np.add.at(scratch.score, items, scratch.worth[of_neighbour] * tables.distance[offset])
    at = np.arange(len(items), dtype=np.int32)
    scratch.first[items[::-1]] = at[::-1]
    found = items[scratch.first[items] == at]  # each item where it was met first
    if reach.review:
        known = prefix[(prefix >= 0) & (prefix < len(scratch.score))]
        scratch.score[np.unique(known)] *= tables.review
    scores = scratch.score[found] * tables.rare[found]
    scratch.score[found] = 0.0
    if reach.review:
        return found, scores, kept
    other = ~np.isin(found, prefix)
    return found[other], scores[other], kept


def meet(prefix: Int32, reach: Reach, base: Base, late: Late, tables: Tables, scratch: Scratch) -> int:
    """The nearest sessions that share items with the prefix; among equals those met first. `scratch` holds them."""
    last, newest, neighbours = reach.last, reach.newest, reach.neighbours
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
    kept = len(touched)
    scratch.touched[:kept] = touched
    scratch.worth[:kept] = worth * tables.latest[scratch.back[touched]]
    scratch.at_match[:kept] = matched[touched]
    begin, stop = scratch.begin[:kept], scratch.stop[:kept]
    is_late = touched >= len(base.weight)
    if is_late.any():
        more, numbers = len(base.item), touched[is_late] - len(base.weight)
        begin[is_late], stop[is_late] = late.start[numbers] + more, late.start[numbers + 1] + more
        begin[~is_late], stop[~is_late] = base.start[touched[~is_late]], base.start[touched[~is_late] + 1]
    else:
        begin[:], stop[:] = base.start[touched], base.start[touched + 1]
    return kept


def evidence(
    prefix: Int32, items: Int32, kept: int, base: Base, late: Late, ends: tuple[Int64, Int64], scratch: Scratch
) -> Told:
    """What the neighbours that were met last say of each item; `prefix` are the events of the visit that count."""
    of_neighbour, entries, _ = held(kept, base, late, scratch)
    own = np.unique(prefix)
    names = np.union1d(items, own)
    place = np.minimum(np.searchsorted(names, entries), len(names) - 1)
    there = names[place] == entries
    holds = np.zeros((len(names), kept))
    holds[place[there], of_neighbour[there]] = 1.0
    holding, sharing = holds[np.searchsorted(names, items)], holds[np.searchsorted(names, own)]
    worth = scratch.worth[:kept]
    # Added up one after the other, as the compiled way does.
    total = max(float(_last(np.cumsum(worth))), 1e-300)
    share = _last(np.cumsum(holding * worth, axis=1)) / total
    both = holding[:, None, :] * sharing
    apart = items[:, None] != own  # an item is no evidence for itself, unless it is all that they share
    strength = np.where(apart, _last(np.cumsum(both * worth, axis=2)), 0.0)
    common = both.any(axis=2) & apart
    order = np.lexsort((np.broadcast_to(own, common.shape), -strength, ~common), axis=1)
    matched = own[order]
    count = common.sum(axis=1)
    alone = count == 0
    matched[alone, :1], count[alone] = items[alone, None], 1
    sessions = scratch.touched[:kept]
    end, late_end = ends  # UTC ms, of sessions of the base and of added ones
    ended = np.concatenate((end, late_end))[sessions] if len(late_end) else end[sessions]
    latest = np.where(holding > 0, ended, np.iinfo(np.int64).min).max(axis=1, initial=np.iinfo(np.int64).min)
    return Told(holding.sum(axis=1).astype(np.int64), share, latest, matched.astype(np.int32), count)


def _last(sums: Float64) -> Float64:
    """The last along the last axis; of none, zero."""
    return sums[..., -1] if sums.shape[-1] else np.zeros(sums.shape[:-1])


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


def held(kept: int, base: Base, late: Late, scratch: Scratch) -> tuple[Int64, Int32, Int64]:
    """What the neighbours that were met hold, one after the other: the neighbour, the item, its place."""
    begin = scratch.begin[:kept]
    length = scratch.stop[:kept] - begin
    of_neighbour = np.repeat(np.arange(kept), length)
    entries = run_on(begin, length)
    more = len(base.item)
    of_late = entries >= more
    if not of_late.any():
        return of_neighbour, base.item[entries], base.place[entries].astype(np.int64)
    items = np.empty(len(entries), np.int32)
    place = np.empty(len(entries), np.int64)
    items[~of_late], place[~of_late] = base.item[entries[~of_late]], base.place[entries[~of_late]]
    items[of_late], place[of_late] = late.item[entries[of_late] - more], late.place[entries[of_late] - more]
    return of_neighbour, items, place


def run_on(begin: Int64, length: Int64) -> Int64:
    """Numbers from each begin on, as many as each length.

    >>> run_on(np.asarray([5, 9]), np.asarray([2, 3])).tolist()
    [5, 6, 9, 10, 11]
    """
    total = np.cumsum(length)
    return np.repeat(begin - total + length, length) + np.arange(int(total[-1]) if len(total) else 0)
