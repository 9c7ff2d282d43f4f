"""Neighbours of the running visit: recent sessions that share products with it, and what they held near the match.

After Kersbergen, Sprangers and Schelter, "Serenade" (SIGMOD 2022): only the newest sessions of each product are looked
at (VMIS-kNN); and Garg et al., "Sequence and Time Aware Neighborhood for Session-based Recommendations" (SIGIR 2019):
weights decay with the age of a neighbour, with the distance from the end of the running visit, and with the distance
from the match inside the neighbour (STAN).
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self, cast

import msgspec
import numpy as np

from regulars.core.errors import Rejected
from regulars.recommend.interactions import Float64, Int32, Int64
from regulars.recommend.model import Column, Scored
from regulars.recommend.sessions import walk as plain
from regulars.recommend.sessions.compiled import compiled as fast
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.model import Evidence, SessionModel, best_way, coded, decoded, frozen
from regulars.recommend.sessions.walk import Base, Int16, Late, Reach, Scratch, Tables

MOST_EVENTS = 32_000  # of one session: places are 16 bits wide
_DISTANCES = 64


class Neighbouring(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the neighbours. Half-lives of 0 mean no decay."""

    newest: int = 1000  # sessions looked at per product of the visit
    neighbours: int = 500  # sessions that have a say
    last: int = 10  # events of the running visit that count
    decay: Literal["halving", "linear"] = (
        "halving"  # of weights by place in the running visit; linear: as Serenade has it
    )
    back_half_life: float = 1.5  # in events from the end of the running visit
    age_half_life: int = 0  # in units of a session's end: milliseconds
    after_half_life: float = 1.5  # in events behind the match
    before_half_life: float = 1.0  # in events before it
    before: float = 0.7  # what stands before the match against what stands behind it
    idf: float = 1.0  # power of ln(sessions / sessions with the product) in likeness
    length: float = 0.3  # power of a neighbour's length that divides its weight
    rare: float = 0.0  # power of the same logarithm by which a candidate's score is multiplied
    review: float = 0.3  # factor of products that are in the running visit

    def __post_init__(self) -> None:
        if min(self.newest, self.neighbours, self.last) < 1:
            raise Rejected("newest, neighbours and last of the neighbours are at least 1")


class Way(Protocol):
    """The two ways to compute: with arrays (`walk`), or compiled (`fast`)."""

    def walk(
        self, prefix: Int32, reach: Reach, base: Base, late: Late, tables: Tables, scratch: Scratch, /
    ) -> tuple[Int32, Float64, int]:
        """Candidates with their scores, and how many neighbours were met."""
        ...

    def evidence(
        self,
        prefix: Int32,
        items: Int32,
        kept: int,
        base: Base,
        late: Late,
        ends: tuple[Int64, Int64],
        scratch: Scratch,
        /,
    ) -> tuple[Int64, Float64, Int64, Int32, Int64]:
        """What those neighbours say of items, as `Told` has it."""
        ...


class Walked(NamedTuple):
    """What was computed last: a customer who sees several rows asks for the same visit again."""

    prefix: bytes
    review: bool
    scored: Scored
    kept: int  # neighbours; `Scratch` holds them


def fast_way() -> Way | None:
    """The compiled way, where the extra `[fast]` is installed and works."""
    return cast(Way | None, fast())


class Neighbours(SessionModel):
    """Sessions like the running one."""

    name: ClassVar[str] = "neighbours"

    def __init__(
        self,
        base: Base,
        end: Int64,
        owner: Int64,
        settings: Neighbouring,
        *,
        delta: Delta = Delta(),
        compiled: bool | None = None,
        beside: "Neighbours | None" = None,
    ) -> None:
        """`beside` is an index of the same sessions and delta: what does not depend on settings is taken from it."""
        read_only: Any = map(frozen, base)
        self.base = Base(*read_only)
        self.end = end
        self.owner = owner
        self.settings = settings
        self.delta = delta
        found = None if compiled is False else fast_way()
        if compiled and found is None:
            raise Rejected("numba is not installed; install the extra: pip install 'regulars[fast]'")
        self._way: Way = found or cast(Way, plain)
        self._best = best_way(fast=compiled)
        self._walked: Walked | None = None
        self._ends = frozen(end), frozen(delta.added.end)
        if beside is None:
            self.late = _late(base, end, owner, settings, delta, compiled=compiled)
            self.holding = self._count_holding()
        else:
            weight = _weight(beside.late.start, delta.added.end, settings, _reference(end, delta))
            self.late, self.holding = beside.late._replace(weight=weight), beside.holding
        self.items = len(self.holding)
        self._tables = _tables(settings, self.holding, len(end) - int(self.late.gone.sum()) + len(delta.added))
        sessions = len(base.weight) + len(self.late.weight)
        self._scratch = Scratch.of(sessions, self.items, settings.last * settings.newest)

    @classmethod
    def fit(
        cls, sessions: Sessions, items: int, settings: Neighbouring = Neighbouring(), *, compiled: bool | None = None
    ) -> Self:
        """The index of these sessions over `items` products."""
        if len(sessions.item) and int(sessions.item.max()) >= items:
            raise Rejected(f"a session names item {int(sessions.item.max())}, there are {items} items", field="item")
        index = _indexed(sessions, items, compiled=compiled)
        newest = int(sessions.end[-1]) if len(sessions) else 0
        base = Base(*index[:3], _weight(index[0], sessions.end, settings, newest), *index[3:])
        return cls(base, sessions.end, sessions.owner, settings, compiled=compiled)

    @property
    def compiled(self) -> bool:
        """Whether its loops are compiled."""
        return self._way is not cast(Way, plain)

    def score(self, prefix: Int32, *, review: bool = True) -> Scored:
        """What the neighbours hold."""
        return self._walk(prefix, review=review).scored

    def _walk(self, prefix: Int32, *, review: bool) -> Walked:
        key = prefix.tobytes()
        found = self._walked
        if found is not None and found.prefix == key and found.review == review:
            return found
        prefix = prefix if prefix.flags.writeable else prefix.copy()
        settings = self.settings
        reach = Reach(settings.last, settings.newest, settings.neighbours, review)
        items, scores, kept = self._way.walk(prefix, reach, self.base, self.late, self._tables, self._scratch)
        self._walked = found = Walked(key, review, Scored(frozen(items), frozen(scores)), kept)
        return found

    def evidence(self, prefix: Int32, items: Sequence[int]) -> list[Evidence | None]:
        """The products that the neighbours share with the visit, and the share of neighbours that hold each item."""
        found = self._walked
        review = found is None or found.review or found.prefix != prefix.tobytes()
        kept = self._walk(prefix, review=review).kept  # the neighbours are the same either way
        if not kept:
            return [None] * len(items)
        told = self._way.evidence(
            prefix[-self.settings.last :].copy(),
            np.asarray(items, np.int32),
            kept,
            self.base,
            self.late,
            self._ends,
            self._scratch,
        )
        return [
            Evidence(matched=tuple(matched[:count]), share=share, visits=visits, last_ms=latest) if visits else None
            for visits, share, latest, matched, count in zip(*(column.tolist() for column in told), strict=True)
        ]

    def _count_holding(self) -> Int64:
        """Sessions that hold each item, those gone left out."""
        items = max(len(self.base.posting_start), len(self.late.posting_start)) - 1
        holding = np.bincount(self.late.item, minlength=items)
        holding[: len(self.base.posting_start) - 1] += np.diff(self.base.posting_start)
        for session in np.flatnonzero(self.late.gone).tolist():
            holding[self.base.item[self.base.start[session] : self.base.start[session + 1]]] -= 1
        return holding

    def with_settings(self, settings: Neighbouring) -> Self:
        """The same sessions under other settings; the index is not built again."""
        newest = int(self.end[-1]) if len(self.end) else 0
        base = self.base._replace(weight=_weight(self.base.start, self.end, settings, newest))
        return type(self)(base, self.end, self.owner, settings, delta=self.delta, compiled=self.compiled, beside=self)

    def with_delta(self, delta: Delta) -> Self:
        """The same index with added sessions beside it and those of forgotten owners passed over."""
        return type(self)(self.base, self.end, self.owner, self.settings, delta=delta, compiled=self.compiled)

    def with_delta_of(self, other: "Neighbours") -> Self:
        """The same with the delta of an index of the same sessions, which has sorted it already."""
        return type(self)(
            self.base, self.end, self.owner, self.settings, delta=other.delta, compiled=self.compiled, beside=other
        )

    def columns(self) -> Mapping[str, Column]:
        """The index, and what is needed to forget."""
        return {**self.base._asdict(), "end": self.end, "owner": self.owner, "settings": coded(self.settings)}

    @classmethod
    def restore(cls, columns: Mapping[str, Column], *, compiled: bool | None = None) -> Self:
        """The model of these columns."""
        found = dict(columns)
        settings = decoded(found.pop("settings"), Neighbouring)
        end, owner = found.pop("end"), found.pop("owner")
        return cls(Base(**found), end, owner, settings, compiled=compiled)  # type: ignore[arg-type]


class _Index(NamedTuple):
    """Sessions with their distinct items, and by item the sessions that hold it, as `Base` has them."""

    start: Int64
    item: Int32
    place: Int16
    posting_start: Int64
    posting: Int32
    posting_place: Int16


def _indexed(sessions: Sessions, items: int, *, compiled: bool | None) -> _Index:
    """The index of sessions over `items` products; compiled unless that is not wanted or not possible."""
    quick = None if compiled is False else fast("fast_index")
    if quick is not None:
        return _Index(*quick.indexed(frozen(sessions.start), frozen(sessions.item), items))
    start, item, place = _index(sessions)
    return _Index(start, item, place, *_postings(start, item, place, items))


def _index(sessions: Sessions) -> tuple[Int64, Int32, Int16]:
    """Start, items and places of the distinct items of each session, in the order of their last place."""
    of_event = sessions.of_event
    place = np.minimum(np.arange(len(of_event)) - sessions.start[:-1][of_event], MOST_EVENTS)
    key = (of_event << 32) | sessions.item
    order = np.argsort(key, kind="stable")
    last = np.empty(len(key), np.bool_)
    last[-1:] = True
    np.not_equal(key[order[1:]], key[order[:-1]], out=last[:-1])
    kept = np.sort(order[last])
    start = np.zeros(len(sessions) + 1, np.int64)
    np.cumsum(np.bincount(of_event[kept], minlength=len(sessions)), out=start[1:])
    return start, sessions.item[kept], place[kept].astype(np.int16)


def _weight(start: Int64, end: Int64, settings: Neighbouring, newest: int) -> Float64:
    """What each session is worth.

    Its age counts in whole half-lives, as powers of two, and a rest: so a later reference changes all weights by the
    same power of two, and with it no rounding and no order.
    """
    weight = np.diff(start).astype(np.float64) ** -settings.length
    if not settings.age_half_life:
        return weight
    halves, rest = np.divmod(end, settings.age_half_life)
    age = np.maximum(halves - newest // settings.age_half_life, -600)
    aged: Float64 = np.ldexp(np.exp2(rest / settings.age_half_life) * weight, age.astype(np.int32))
    return aged


def _postings(start: Int64, item: Int32, place: Int16, items: int) -> tuple[Int64, Int32, Int16]:
    """By item: the sessions that hold it, the newest first, and its place in each."""
    order = len(item) - 1 - np.argsort(item[::-1], kind="stable")
    session = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
    posting_start = np.zeros(items + 1, np.int64)
    np.cumsum(np.bincount(item, minlength=items), out=posting_start[1:])
    return posting_start, session[order], place[order]


def _late(base: Base, end: Int64, owner: Int64, settings: Neighbouring, delta: Delta, *, compiled: bool | None) -> Late:
    """The delta in the form of the index."""
    added = delta.added
    items = max(len(base.posting_start) - 1, int(added.item.max()) + 1) if len(added.item) else 0
    index = _indexed(added, items, compiled=compiled)
    gone = np.isin(owner, np.asarray(sorted(delta.forgotten), np.int64)) if delta.forgotten else np.zeros(0, np.bool_)
    before = np.searchsorted(end, added.end, side="right").astype(np.int64)
    return Late(
        *index[:3],
        _weight(index.start, added.end, settings, _reference(end, delta)),
        *index[3:],
        (before << 24) + 1 + np.arange(len(added)),
        gone,
        bool(gone.any()),
    )


def _reference(end: Int64, delta: Delta) -> int:
    """The end of the newest session of the base, else of those added: ages are counted from it."""
    added = delta.added.end
    return int(end[-1]) if len(end) else int(added[-1]) if len(added) else 0


def _tables(settings: Neighbouring, holding: Int64, sessions: int) -> Tables:
    """The weights, from how many sessions hold each item."""
    rarity = np.log1p(max(sessions, 1) / np.maximum(holding, 1))
    back = np.arange(settings.last)
    offset = np.arange(-_DISTANCES, _DISTANCES + 1)
    behind = _halved(np.maximum(offset - 1, 0), settings.after_half_life)
    ahead = settings.before * _halved(np.maximum(-offset - 1, 0), settings.before_half_life)
    if settings.decay == "linear":
        by_length = np.maximum(np.arange(settings.last + 1)[:, None] - back, 1).astype(np.float64)
        latest = np.maximum(1 - 0.1 * (back + 1), 0.0)
    else:
        by_length = np.tile(_halved(back, settings.back_half_life), (settings.last + 1, 1))
        latest = np.ones(settings.last)
    return Tables(
        # A weight of zero would look like a session that was not met.
        back=np.maximum(by_length, 1e-12),
        latest=latest,
        distance=np.where(offset >= 0, behind, ahead),
        idf=rarity**settings.idf,
        rare=rarity**settings.rare,
        review=float(settings.review),
    )


def _halved(steps: Int64, half_life: float) -> Float64:
    return np.exp2(-steps / half_life) if half_life else np.ones(len(steps))
