"""The session models that serve together: one base, learned from the same visits, and one delta on top."""

from collections.abc import Mapping
from typing import Self

import numpy as np

from regulars.recommend.interactions import Int32, Int64, Mask
from regulars.recommend.model import Column
from regulars.recommend.sessions.blend import Mixing, SessionBlend
from regulars.recommend.sessions.data import Delta, Kind, Sessions
from regulars.recommend.sessions.model import SessionModel
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours
from regulars.recommend.sessions.together import GoesWith
from regulars.recommend.sessions.walk import Base

NEIGHBOURS, VIEWED_TOGETHER, SESSION_BLEND = "neighbours", "viewed_together", "session_blend"
#: Names that a placement may ask for.
NAMES = (NEIGHBOURS, VIEWED_TOGETHER, SESSION_BLEND)
#: Visits from which on the blend learns an order; with fewer the neighbours answer in its place.
LEAST_FOR_BLEND = 2_000


def browsed(sessions: Sessions) -> int:
    """Visits in which something was looked at: orders alone, as a till tells them, have no order of steps to learn."""
    looked = np.zeros(len(sessions), np.bool_)
    looked[sessions.of_event[sessions.kind != Kind.BUY]] = True
    return int(looked.sum())


class Served:
    """What one process serves of session models. `use` puts another delta on top; who is asking sees one or the other.

    The models compute in room of their own, so one thread at a time may ask.
    """

    def __init__(self, neighbours: Neighbours, together: GoesWith, blend: SessionBlend | None) -> None:
        self._base = neighbours, together, blend
        self._models: dict[str, SessionModel] = _named(*self._base)

    @classmethod
    def fit(
        cls,
        sessions: Sessions,
        items: int,
        mixing: Mixing = Mixing(),
        *,
        least: int = LEAST_FOR_BLEND,
        neighbours: Neighbouring | None = None,
    ) -> Self:
        """Neighbours and what is viewed together; the blend of all where there are enough visits to learn it from.

        `neighbours` are settings found before, which spare the search.
        """
        together = GoesWith.fit(sessions, items)
        if browsed(sessions) < least:
            return cls(Neighbours.fit(sessions, items), together, None)
        blend = SessionBlend.fit(sessions, items, mixing, neighbours=neighbours)
        return cls(blend.parts.neighbours, together, blend)

    @property
    def visits(self) -> int:
        """Visits of the base."""
        return len(self._base[0].end)

    @property
    def blended(self) -> bool:
        """Whether an order was learned."""
        return self._base[2] is not None

    @property
    def neighbouring(self) -> Neighbouring:
        """The settings of the neighbours."""
        return self._base[0].settings

    def model(self, name: str) -> SessionModel:
        """The model of one of `NAMES`."""
        return self._models[name]

    def use(self, delta: Delta) -> None:
        """Serve the base with this delta, which is everything since it was fitted."""
        neighbours, together, blend = self._base
        if blend is not None:
            changed = blend.with_delta(delta)
            models = _named(changed.parts.neighbours, together, changed)
        else:
            models = _named(neighbours.with_delta(delta), together, None)
        _warm(models)
        self._models = models

    def warm(self) -> None:
        """Ask once, so that no customer waits until code is compiled; seconds with numba when it is new."""
        _warm(self._models)

    def columns(self) -> Mapping[str, Column]:
        """The arrays of the bases."""
        neighbours, together, blend = self._base
        part: SessionModel = neighbours if blend is None else blend
        name = NEIGHBOURS if blend is None else SESSION_BLEND
        return {
            **{f"{name}.{key}": column for key, column in part.columns().items()},
            **{f"{VIEWED_TOGETHER}.{key}": column for key, column in together.columns().items()},
        }

    @classmethod
    def restore(cls, columns: Mapping[str, Column]) -> Self:
        """The models of these columns."""
        together = GoesWith.restore(_of(columns, VIEWED_TOGETHER))
        order = _of(columns, SESSION_BLEND)
        if order:
            blend = SessionBlend.restore(order)
            return cls(blend.parts.neighbours, together, blend)
        return cls(Neighbours.restore(_of(columns, NEIGHBOURS)), together, None)


def without_owners(columns: Mapping[str, Column], owners: Int64) -> tuple[dict[str, Column], int]:
    """The arrays of a set without the visits of these owners, and how many visits went.

    Those that count over many visits stay: they hold no person's rows.
    """
    found = dict(columns)
    gone = 0
    for name, column in columns.items():
        if not name.endswith("neighbours.owner") and name != "owner":
            continue
        before = name.removesuffix("owner")
        leaving: Mask = np.isin(column, owners)
        if not leaving.any():
            continue
        gone += int(leaving.sum())
        base = Base(**{part: columns[before + part] for part in Base._fields})  # type: ignore[arg-type]  # by name
        found |= {before + part: kept for part, kept in _kept(base, ~leaving)._asdict().items()}
        found |= {before + part: columns[before + part][~leaving] for part in ("end", "owner")}
    return found, gone


def _kept(base: Base, stays: Mask) -> Base:
    """The index without some sessions, the others numbered anew."""
    length = np.diff(base.start)
    entries = np.repeat(stays, length)
    start = np.zeros(int(stays.sum()) + 1, np.int64)
    np.cumsum(length[stays], out=start[1:])
    number: Int32 = (np.cumsum(stays) - 1).astype(np.int32)
    listed = stays[base.posting]
    before = np.concatenate(([0], np.cumsum(listed, dtype=np.int64)))
    return Base(
        start,
        base.item[entries],
        base.place[entries],
        base.weight[stays],
        before[base.posting_start],
        number[base.posting[listed]],
        base.posting_place[listed],
    )


def _named(neighbours: Neighbours, together: GoesWith, blend: SessionBlend | None) -> dict[str, SessionModel]:
    return {NEIGHBOURS: neighbours, VIEWED_TOGETHER: together, SESSION_BLEND: neighbours if blend is None else blend}


def _warm(models: Mapping[str, SessionModel]) -> None:
    first = np.zeros(1, np.int32)
    for model in models.values():
        model.recommend(first, 1)
        model.evidence(first, (0,))
        if isinstance(model, SessionBlend):  # which asks it only where the neighbours say nothing
            model.parts.linear.evidence(first, (0,))


def _of(columns: Mapping[str, Column], model: str) -> dict[str, Column]:
    return {name.removeprefix(f"{model}."): one for name, one in columns.items() if name.startswith(f"{model}.")}
