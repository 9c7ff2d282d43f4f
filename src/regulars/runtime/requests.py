"""Requests that shop systems pass on, for staff: whose data is asked for, and until when."""

from typing import Any

import msgspec

from regulars.core.state import REQUEST, StateReader
from regulars.flow.request_commands import CLOSED, DAYS, OPEN
from regulars.flow.shop_erasure import ERASING, all_final, progress_of

_DAY_MS = 86_400_000
_MOST = 500


class Wanted(msgspec.Struct):
    """A request; times are UTC ms."""

    id: str
    kind: str  # "access" or "shop_erasure"
    source: str
    subject: str  # an identifier of the customer, or how a shop that is to be erased calls itself
    time: int
    due: int
    overdue: bool
    status: str  # "open", "erasing" or "closed"
    closed_by: str
    closed: int  # 0: it is open
    note: str
    erasing: "Erasing | None" = None  # of a whole shop, once staff said so


class Erasing(msgspec.Struct):
    """How far the erasure of a shop is."""

    share: float  # of all customers that were looked at, 0 to 1
    people: int  # erased: known from this shop alone
    identifiers: int  # erased, of people whom others know as well
    certificates: list[str]
    final: bool  # whether all of them are


def requests(state: StateReader, *, now: int, only_open: bool) -> list[Wanted]:
    """The oldest open ones first; of all, the newest first."""
    if only_open:
        rows = [
            row
            for status in (ERASING, OPEN)
            for row in state.select(REQUEST, {"status": status}, order=("time",), limit=_MOST)
        ]
    else:
        rows = state.select(REQUEST, order=("-time",), limit=_MOST)
    return [_wanted(row, now, state) for row in rows]


def _wanted(row: tuple[Any, ...], now: int, state: StateReader) -> Wanted:
    name, kind, source, subject, time, status, by, closed, note = row
    due = time + DAYS * _DAY_MS
    late = status != CLOSED and now > due
    return Wanted(name, kind, source, subject, time, due, late, status, by, closed, note, _erasing(state, name))


def _erasing(state: StateReader, name: str) -> Erasing | None:
    found = progress_of(state, name)
    if found is None:
        return None
    final = found.phase == "done" or (found.phase == "certify" and all_final(state, found))
    return Erasing(round(found.share, 4), found.people, found.identifiers, found.certificates, final)
