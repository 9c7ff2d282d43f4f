"""Questions with known answers: a visit up to some event, and the product that came next.

Where a list has it is counted as `regulars.recommend.measuring` counts everywhere: one harness, one definition.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from regulars.recommend.interactions import Int32, Int64
from regulars.recommend.measuring import EMPTY, first_places, reciprocal
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.model import SessionModel


class Case(NamedTuple):
    """A running visit and what came next."""

    prefix: Int32
    target: int


class Hits(msgspec.Struct, frozen=True):
    """How well targets were foretold: share among the first `k`, and mean reciprocal rank (0 beyond `k`)."""

    hit_rate: float
    reciprocal_rank: float
    cases: int


def cases_of(sessions: Sessions, most: int | None = None, *, seed: int = 1) -> list[Case]:
    """Every event but the first of each session with what came before it; if they are more than `most`, a draw."""
    place = np.arange(len(sessions.item)) - sessions.start[:-1][sessions.of_event]
    events = np.flatnonzero(place > 0)
    if most is not None and len(events) > most:
        events = np.sort(np.random.default_rng(seed).choice(events, most, replace=False))
    starts = (events - place[events]).tolist()
    return [
        Case(sessions.item[start:event], int(sessions.item[event]))
        for start, event in zip(starts, events.tolist(), strict=True)
    ]


def ranks(model: SessionModel, cases: Sequence[Case], *, k: int = 20, review: bool = True) -> Int64:
    """The place of each target in the model's first `k`, from 1; 0 where it is not among them."""
    lists = np.full((len(cases), k), EMPTY, np.int32)
    for number, (prefix, _) in enumerate(cases):
        found = model.recommend(prefix, k, review=review).items
        lists[number, : len(found)] = found
    return first_places(lists == np.asarray([one.target for one in cases], np.int32)[:, None])


def hits(ranks: Int64) -> Hits:
    """The figures of these ranks.

    >>> hits(np.asarray([1, 0, 4]))
    Hits(hit_rate=0.666..., reciprocal_rank=0.416..., cases=3)
    """
    if not len(ranks):
        return Hits(0.0, 0.0, 0)
    return Hits(float((ranks > 0).mean()), float(reciprocal(ranks).mean()), len(ranks))
