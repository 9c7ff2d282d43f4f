"""The index of added sessions compiled by numba (the extra `[fast]`): the same as `neighbours.indexed` builds.

It is built beside serving, each second anew, so these loops give the interpreter away: decisions go on meanwhile.
"""

import numpy as np
from numba import njit

from regulars.recommend.interactions import Int32, Int64
from regulars.recommend.sessions.neighbours import MOST_EVENTS
from regulars.recommend.sessions.walk import Int16


@njit(cache=True, nogil=True)
def indexed(start: Int64, item: Int32, items: int) -> tuple[Int64, Int32, Int16, Int64, Int32, Int16]:
    """Sessions with their distinct items, and by item the sessions that hold it, as `Late` has them."""
    sessions = len(start) - 1
    last = np.full(items, -1, np.int64)  # by item, the session that was met with it
    kept = np.zeros(len(item), np.bool_)
    own_start = np.zeros(sessions + 1, np.int64)
    posting_start = np.zeros(items + 1, np.int64)
    for session in range(sessions):
        for event in range(start[session + 1] - 1, start[session] - 1, -1):
            one = item[event]
            if last[one] != session:
                last[one] = session
                kept[event] = True
                own_start[session + 1] += 1
                posting_start[one + 1] += 1
    for session in range(sessions):
        own_start[session + 1] += own_start[session]
    for one in range(items):
        posting_start[one + 1] += posting_start[one]
    count = own_start[sessions]
    own_item, own_place = np.empty(count, np.int32), np.empty(count, np.int16)
    posting, posting_place = np.empty(count, np.int32), np.empty(count, np.int16)
    into = posting_start.copy()
    for session in range(sessions - 1, -1, -1):
        entry = own_start[session]
        for event in range(start[session], start[session + 1]):
            if not kept[event]:
                continue
            one, place = item[event], np.int16(min(event - start[session], MOST_EVENTS))
            own_item[entry], own_place[entry] = one, place
            entry += 1
            posting[into[one]], posting_place[into[one]] = session, place
            into[one] += 1
    return own_start, own_item, own_place, posting_start, posting, posting_place
