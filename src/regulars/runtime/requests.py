"""Requests that shop systems pass on, for staff: whose data is asked for, and until when."""

from typing import Any

import msgspec

from regulars.core.state import REQUEST, StateReader
from regulars.flow.request_commands import DAYS, OPEN

_DAY_MS = 86_400_000
_MOST = 500


class Wanted(msgspec.Struct):
    """A request; times are UTC ms."""

    id: str
    kind: str  # "access" or "shop_erasure"
    source: str
    subject: str  # an identifier of the customer, or the source of a shop that is to be erased
    time: int
    due: int
    overdue: bool
    status: str  # "open" or "closed"
    closed_by: str
    closed: int  # 0: it is open
    note: str


def requests(state: StateReader, *, now: int, only_open: bool) -> list[Wanted]:
    """The oldest open ones first; of all, the newest first."""
    if only_open:
        rows = state.select(REQUEST, {"status": OPEN}, order=("time",), limit=_MOST)
    else:
        rows = state.select(REQUEST, order=("-time",), limit=_MOST)
    return [_wanted(row, now) for row in rows]


def _wanted(row: tuple[Any, ...], now: int) -> Wanted:
    name, kind, source, subject, time, status, by, closed, note = row
    due = time + DAYS * _DAY_MS
    return Wanted(name, kind, source, subject, time, due, status == OPEN and now > due, status, by, closed, note)
