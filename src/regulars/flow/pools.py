"""The pool of a row, packed for the record of a decision: what the models named, and what rules saw of each item.

Fourteen bytes an item: its place in the models' catalogue, its score, the link of the chain, the rule that took it out,
and how long ago the customer bought it, gave it back and saw it.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

#: Items of a row's pool that are recorded at most.
MOST = 30
_ITEM = struct.Struct("<IfBBBBBB")
SIZE = _ITEM.size
_LONGEST = 254  # days that one byte holds
_NEVER = 255
#: Why an item is not in the row: the rule's place + 2.
KEPT, HIDDEN = 0, 1
_MOST_RULES = 253


class Named(NamedTuple):
    """An item of a pool. Days are counted back from the decision; None: never."""

    at: int
    score: float
    link: int
    out: int = KEPT  # KEPT, HIDDEN (shown already, not available, not wanted), or the place of a rule + 2
    bought: int | None = None
    returned: int | None = None
    shown: int | None = None
    model: int = 0

    @property
    def rule(self) -> int | None:
        """The place of the rule that took it out."""
        return self.out - 2 if self.out >= 2 else None


def out_of(rule: int) -> int:
    """How a rule at its place is noted; the placement's own filter (-1) is like what is hidden."""
    return HIDDEN if rule < 0 else min(rule, _MOST_RULES) + 2


def pack_pool(pool: Sequence[Named]) -> bytes:
    """The pool as bytes."""
    cells: list[float] = []
    for at, score, link, out, bought, returned, shown, model in pool:
        cells += (at, score, link, out, _days(bought), _days(returned), _days(shown), model)
    return _many(len(pool)).pack(*cells)


def pack_plain(pool: Sequence[tuple[int, float, int, int]]) -> bytes:
    """The same of (place, score, link, model) where no rule looked at any of them."""
    cells: list[float] = []
    for at, score, link, model in pool:
        cells += (at, score, link, KEPT, _NEVER, _NEVER, _NEVER, model)
    return _many(len(pool)).pack(*cells)


@lru_cache(maxsize=MOST + 1)
def _many(count: int) -> struct.Struct:
    return struct.Struct("<" + "IfBBBBBB" * count)


def unpack_pool(data: bytes) -> list[Named]:
    """The inverse of `pack_pool`.

    >>> unpack_pool(pack_pool([Named(7, 0.5, 0, bought=3)]))
    [Named(at=7, score=0.5, link=0, out=0, bought=3, returned=None, shown=None, model=0)]
    """
    return [
        Named(at, score, link, out, _told(bought), _told(returned), _told(shown), model)
        for at, score, link, out, bought, returned, shown, model in _ITEM.iter_unpack(data)
    ]


def _days(days: int | None) -> int:
    return _NEVER if days is None else max(0, min(days, _LONGEST))


def _told(days: int) -> int | None:
    return None if days == _NEVER else days
