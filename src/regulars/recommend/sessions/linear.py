"""A linear model in closed form: how much each product of a visit speaks for another, the others held constant.

EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019) inverts one matrix over all products;
SLIST (Choi et al., "Session-aware Linear Item-Item Models", WWW 2021) weighs its sessions by age. Here every product
has a small regression of its own, over the products seen most often with it (fsSLIM: Ning and Karypis, ICDM 2011): so
the size of the catalogue needs no cap, memory grows with the pairs that occur, and fitting takes seconds.
"""

from typing import ClassVar, Self

import numpy as np

from regulars.recommend.interactions import Float64, Int32, Int64
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.rows import Pairs, Rows, rows
from regulars.recommend.sessions.summing import RowSums, Summing
from regulars.recommend.sessions.together import Typed, count
from regulars.recommend.sessions.walk import run_on

_SYSTEMS_AT_ONCE = 64


class Regression(Summing, frozen=True, kw_only=True):
    """Settings of the linear model."""

    ridge: float = 40.0  # added to the sessions that hold a product: few sessions say little
    around: int = 50  # products of one regression: those seen most often with its target
    age_half_life: int = 0  # in units of a session's end; 0: no decay
    longest: int = 30  # distinct products of a session that count, the last ones
    kept: int = 200  # weights per product
    last: int = 8  # events of the running visit that count
    back_half_life: float = 2.5  # in events from its end


class Linear(RowSums):
    """Weights from each product to others, added up over the running visit."""

    name: ClassVar[str] = "linear"
    settings_type: ClassVar[type[Regression]] = Regression

    @classmethod
    def fit(cls, sessions: Sessions, items: int, settings: Regression = Regression()) -> Self:
        """A regression for each of `items` products."""
        met = count(sessions, items, Typed(age_half_life=settings.age_half_life, longest=settings.longest))
        around = rows(met.pairs, items, settings.around)
        weights = _weights(met.pairs, around, met.first + settings.ridge)
        target = np.repeat(np.arange(items, dtype=np.int32), np.diff(around.start))
        found = rows(Pairs(around.item, target, weights), items, settings.kept)
        return cls(Rows(found.start, found.item, found.weight.astype(np.float32)), settings)


def _weights(pairs: Pairs, around: Rows, diagonal: Float64) -> Float64:
    """Solve (G + ridge) weights = g over the products around each target, g being how often they meet the target."""
    items = len(diagonal)
    start = np.zeros(items + 1, np.int64)
    np.cumsum(np.bincount(pairs.first, minlength=items), out=start[1:])
    place = np.full(items, -1, np.int64)
    result = np.empty(len(around.item))
    size = np.diff(around.start)
    order = np.argsort(size, kind="stable")
    order = order[size[order] > 0]
    for low in range(0, len(order), _SYSTEMS_AT_ONCE):
        targets = order[low : low + _SYSTEMS_AT_ONCE]
        widest = int(size[targets[-1]])
        systems = np.zeros((len(targets), widest, widest))
        systems[:, np.arange(widest), np.arange(widest)] = 1
        wanted = np.zeros((len(targets), widest, 1))
        for number, target in enumerate(targets.tolist()):
            near, met = around.of(target)
            _fill(systems[number], near, pairs, start, place)
            systems[number, np.arange(len(near)), np.arange(len(near))] = diagonal[near]
            wanted[number, : len(near), 0] = met
        solved = np.linalg.solve(systems, wanted)[:, :, 0]
        for number, target in enumerate(targets.tolist()):
            result[around.start[target] : around.start[target + 1]] = solved[number, : size[target]]
    return result


def _fill(system: Float64, near: Int32, pairs: Pairs, start: Int64, place: Int64) -> None:
    """Write into `system` how often the products of `near` meet each other."""
    place[near] = np.arange(len(near))
    length = start[near + 1] - start[near]
    entries = run_on(start[near], length)
    column = place[pairs.second[entries]]
    inside = column >= 0
    system[np.repeat(np.arange(len(near)), length)[inside], column[inside]] = pairs.weight[entries[inside]]
    place[near] = -1
