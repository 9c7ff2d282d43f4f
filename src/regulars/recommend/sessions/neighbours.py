"""Neighbours of the running visit: recent sessions that share products with it, and what they held near the match.

After Kersbergen, Sprangers and Schelter, "Serenade" (SIGMOD 2022): only the newest sessions of each product are looked
at (VMIS-kNN); and Garg et al., "Sequence and Time Aware Neighborhood for Session-based Recommendations" (SIGIR 2019):
weights decay with the age of a neighbour, with the distance from the end of the running visit, and with the distance
from the match inside the neighbour (STAN).
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar, cast

import msgspec
import numpy as np

from regulars.core.errors import Rejected
from regulars.recommend.interactions import Float64, Int32, Int64
from regulars.recommend.model import Column, Scored
from regulars.recommend.sessions import walk as plain
from regulars.recommend.sessions.compiled import compiled
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.model import Evidence, SessionModel, coded, decoded, frozen
from regulars.recommend.sessions.walk import Base, Int16, Late, Met, Scratch, Tables

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


Found_co = TypeVar("Found_co", covariant=True)


class OfPrefix(Protocol[Found_co]):
    """What an index finds for a prefix; `walk` and `fast` have one of each kind."""

    def __call__(
        self,
        prefix: Int32,
        last: int,
        newest: int,
        neighbours: int,
        base: Base,
        late: Late,
        tables: Tables,
        scratch: Scratch,
        /,
    ) -> Found_co:
        """In the order in which it is met."""
        ...


Walk = OfPrefix[tuple[Int32, Float64]]  # candidates: items and scores
Meet = OfPrefix[Met]  # the neighbours


def _fast_meet(*asked: Any) -> Met:
    fast = compiled()
    assert fast is not None  # noqa: S101 - chosen only where there is one
    return Met(*fast.meet(*asked))


def fast_walk() -> Walk | None:
    """The compiled walk, where the extra `[fast]` is installed and works."""
    fast = compiled()
    return None if fast is None else cast(Walk, fast.walk)


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
    ) -> None:
        read_only: Any = map(frozen, base)
        self.base = Base(*read_only)
        self.end = end
        self.owner = owner
        self.settings = settings
        self.delta = delta
        found = None if compiled is False else fast_walk()
        if compiled and found is None:
            raise Rejected("numba is not installed; install the extra: pip install 'regulars[fast]'")
        self._walk: Walk = found or plain.walk
        self._meet: Meet = plain.meet if found is None else _fast_meet
        self.late = _late(base, end, owner, settings, delta)
        holding = self._holding()
        self.items = len(holding)
        self._tables = _tables(settings, holding, len(end) - int(self.late.gone.sum()) + len(delta.added))
        self._discover = self._tables._replace(review=np.zeros(1))
        sessions = len(base.weight) + len(self.late.weight)
        self._scratch = Scratch.of(sessions, self.items, settings.last * settings.newest)

    @classmethod
    def fit(
        cls, sessions: Sessions, items: int, settings: Neighbouring = Neighbouring(), *, compiled: bool | None = None
    ) -> Self:
        """The index of these sessions over `items` products."""
        if len(sessions.item) and int(sessions.item.max()) >= items:
            raise Rejected(f"a session names item {int(sessions.item.max())}, there are {items} items", field="item")
        start, item, place = _index(sessions)
        newest = int(sessions.end[-1]) if len(sessions) else 0
        weight = _weight(start, sessions.end, settings, newest)
        base = Base(start, item, place, weight, *_postings(start, item, place, items))
        return cls(base, sessions.end, sessions.owner, settings, compiled=compiled)

    def score(self, prefix: Int32, *, review: bool = True) -> Scored:
        """What the neighbours hold."""
        tables = self._tables if review else self._discover
        prefix = prefix if prefix.flags.writeable else prefix.copy()
        settings = self.settings
        items, scores = self._walk(
            prefix, settings.last, settings.newest, settings.neighbours, self.base, self.late, tables, self._scratch
        )
        if not review:
            other = ~np.isin(items, prefix)
            items, scores = items[other], scores[other]
        return Scored(items, scores)

    def evidence(self, prefix: Int32, items: Sequence[int]) -> list[Evidence | None]:
        """The products that the neighbours share with the visit, and the share of neighbours that hold each item."""
        settings = self.settings
        prefix = prefix if prefix.flags.writeable else prefix.copy()
        met = self._meet(
            prefix,
            settings.last,
            settings.newest,
            settings.neighbours,
            self.base,
            self.late,
            self._tables,
            self._scratch,
        )
        if not len(met.session):
            return [None] * len(items)
        length, entries, _ = plain.held(met, self.base, self.late)
        of_neighbour = np.repeat(np.arange(len(met.session)), length)
        wanted, asked = np.unique(np.asarray(items, np.int64), return_inverse=True)
        own = np.unique(prefix[-settings.last :])
        holding = _incidence(wanted, entries, of_neighbour, len(met.session))
        sharing = _incidence(own, entries, of_neighbour, len(met.session))
        apart = wanted[:, None] != own  # an item is no evidence for itself, unless it is all that they share
        common = (holding @ sharing.T > 0) & apart
        alone = ~common.any(axis=1)
        weight = (holding * met.worth) @ sharing.T
        share = holding @ met.worth / max(float(met.worth.sum()), 1e-300)
        visits = holding.sum(axis=1)
        latest = np.where(holding > 0, self._ends_of(met.session), np.iinfo(np.int64).min).max(axis=1)
        found: list[Evidence | None] = []
        for at, item in enumerate(wanted.tolist()):
            matched = np.flatnonzero(common[at])
            order = matched[np.argsort(-weight[at, matched], kind="stable")]
            evidence = Evidence(
                matched=(item,) if alone[at] else tuple(own[order].tolist()),
                share=float(share[at]),
                visits=int(visits[at]),
                last_ms=int(latest[at]),
            )
            found.append(evidence if evidence.visits else None)
        return [found[at] for at in asked.tolist()]

    def _holding(self) -> Int64:
        """Sessions that hold each item, those gone left out."""
        items = max(len(self.base.posting_start), len(self.late.posting_start)) - 1
        holding = np.bincount(self.late.item, minlength=items)
        holding[: len(self.base.posting_start) - 1] += np.diff(self.base.posting_start)
        for session in np.flatnonzero(self.late.gone).tolist():
            holding[self.base.item[self.base.start[session] : self.base.start[session + 1]]] -= 1
        return holding

    def _ends_of(self, sessions: Int64) -> Int64:
        """When each session ended, UTC ms."""
        known = len(self.end)
        is_late = sessions >= known
        ends = np.empty(len(sessions), np.int64)
        ends[~is_late] = self.end[sessions[~is_late]]
        ends[is_late] = self.delta.added.end[sessions[is_late] - known]
        return ends

    def with_settings(self, settings: Neighbouring) -> Self:
        """The same sessions under other settings; the index is not built again."""
        newest = int(self.end[-1]) if len(self.end) else 0
        base = self.base._replace(weight=_weight(self.base.start, self.end, settings, newest))
        compiled = self._walk is not plain.walk
        return type(self)(base, self.end, self.owner, settings, delta=self.delta, compiled=compiled)

    def with_delta(self, delta: Delta) -> Self:
        """The same index with added sessions beside it and those of forgotten owners passed over."""
        return type(self)(
            self.base, self.end, self.owner, self.settings, delta=delta, compiled=self._walk is not plain.walk
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


def _incidence(wanted: Int64 | Int32, entries: Int32, of_neighbour: Int64, count: int) -> Float64:
    """By wanted item (they are sorted) and neighbour: 1 where it holds the item, else 0."""
    found = np.zeros((len(wanted), count))
    place = np.minimum(np.searchsorted(wanted, entries), len(wanted) - 1)
    there = wanted[place] == entries
    found[place[there], of_neighbour[there]] = 1.0
    return found


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


def _late(base: Base, end: Int64, owner: Int64, settings: Neighbouring, delta: Delta) -> Late:
    """The delta in the form of the index."""
    added = delta.added
    items = max(len(base.posting_start) - 1, int(added.item.max()) + 1 if len(added.item) else 0)
    start, item, place = _index(added)
    newest = int(end[-1]) if len(end) else int(added.end[-1]) if len(added) else 0
    gone = np.isin(owner, np.asarray(sorted(delta.forgotten), np.int64)) if delta.forgotten else np.zeros(0, np.bool_)
    before = np.searchsorted(end, added.end, side="right").astype(np.int64)
    return Late(
        start,
        item,
        place,
        _weight(start, added.end, settings, newest),
        *_postings(start, item, place, items if len(added) else 0),
        (before << 24) + 1 + np.arange(len(added)),
        gone,
        bool(gone.any()),
    )


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
        review=np.asarray([settings.review]),
    )


def _halved(steps: Int64, half_life: float) -> Float64:
    return np.exp2(-steps / half_life) if half_life else np.ones(len(steps))
