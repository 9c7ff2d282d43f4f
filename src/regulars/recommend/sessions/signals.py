"""What the parts of the blend say about each candidate: one column per signal, built alike for learning and serving."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np

from regulars.recommend.interactions import Float32, Float64, Int32
from regulars.recommend.model import Column, Scored
from regulars.recommend.sessions import compiled as ways
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.linear import Linear
from regulars.recommend.sessions.model import best, decoded, frozen
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours
from regulars.recommend.sessions.rows import Pairs, Rows, rows, steps


class Columns(NamedTuple):
    """Where each signal stands in a row."""

    neighbours: int = 0
    neighbours_share: int = 1
    neighbours_rank: int = 2
    neighbours_best: int = 3
    discovery: int = 4
    discovery_rank: int = 5
    linear: int = 6
    linear_rank: int = 7
    linear_last: int = 8
    followed_last: int = 9
    followed_before: int = 10
    preceded_last: int = 11
    held: int = 12
    lately: int = 13
    last_seen: int = 14
    stays: int = 15
    returns: int = 16
    in_visit: int = 17
    back: int = 18
    times: int = 19
    events: int = 20
    products: int = 21
    last_held: int = 22
    last_stays: int = 23
    stayed: int = 24


COLUMNS = Columns()
SIGNALS = Columns._fields
WIDTH = len(SIGNALS)
FAR_BACK = 99.0  # of a product that is not in the visit
UNRANKED = 8.0  # instead of the logarithm of a place
#: Candidates of the neighbours, of what is new to the visit, of the linear model, of rules, of the visit.
CANDIDATES = (100, 50, 50, 30, 20)
_RECENT = 0.04  # half-life of "lately" in parts of the time that sessions span


class Figures(NamedTuple):
    """What is known of each product by itself."""

    held: Float32  # ln(1 + events)
    lately: Float32  # the same with events of long ago worth less
    last_seen: Float32  # ln(1 + age of its last session in thousandths of the span)
    stays: Float32  # share of its events that are followed by itself
    returns: Float32  # events per session that holds it, less one
    popular: Int32  # products by `lately`, the highest first


class Parts(NamedTuple):
    """The models whose word is weighed."""

    neighbours: Neighbours
    discovery: Neighbours  # the same sessions under the settings that foretell new products best
    linear: Linear
    followed: Rows  # what comes next after a product, as a share
    preceded: Rows  # what comes before it
    figures: Figures

    @classmethod
    def fit(
        cls, sessions: Sessions, items: int, neighbours: Neighbours, discovery: Neighbouring, linear: Linear
    ) -> Self:
        """The parts that count, beside models that are fitted."""
        span = max(1, int(sessions.end[-1] - sessions.end[0])) if len(sessions) else 1
        age = (sessions.end[-1:] - sessions.end) / span
        pairs = steps(sessions, 1, lambda _: 1.0, np.exp2(-age / 0.5))
        begun = np.bincount(pairs.first, pairs.weight, minlength=items)
        share = pairs.weight / (begun[pairs.first] + 1)
        followed = rows(Pairs(pairs.first, pairs.second, share), items, 200)
        preceded = rows(Pairs(pairs.second, pairs.first, share), items, 200)
        other = neighbours.with_settings(discovery)
        return cls(neighbours, other, linear, followed, preceded, _figures(sessions, items, age))

    def with_delta(self, delta: Delta) -> Self:
        """The neighbours with a delta; figures, shares and the linear model stay as they were fitted."""
        neighbours = self.neighbours.with_delta(delta)
        return self._replace(neighbours=neighbours, discovery=self.discovery.with_delta_of(neighbours))

    def columns(self) -> Mapping[str, Column]:
        """The arrays of all parts, by name."""
        result: dict[str, Column] = {}
        for name, found in zip(self._fields, self, strict=True):
            part: Any = found
            own: Mapping[str, Column] = part.columns() if hasattr(part, "columns") else part._asdict()
            if name == "discovery":  # its index is that of the neighbours
                own = {"settings": own["settings"]}
            result |= {f"{name}.{key}": column for key, column in own.items()}
        return result

    @classmethod
    def restore(cls, columns: Mapping[str, Column]) -> Self:
        """The parts of these columns."""
        parts: dict[str, dict[str, Column]] = {name: {} for name in cls._fields}
        for name, column in columns.items():
            part, _, own = name.partition(".")
            if part in parts:
                parts[part][own] = column
        neighbours = Neighbours.restore(parts["neighbours"])
        return cls(
            neighbours,
            neighbours.with_settings(decoded(parts["discovery"]["settings"], Neighbouring)),
            Linear.restore(parts["linear"]),
            Rows.restore(parts["followed"]),
            Rows.restore(parts["preceded"]),
            Figures(**parts["figures"]),  # type: ignore[arg-type]
        )


class Ranked(NamedTuple):
    """What a part names."""

    items: Int32
    scores: Float64


class Learned(NamedTuple):
    """The arrays that signals are looked up in."""

    linear: Rows
    loudness: Float64  # by events back from the end of the visit
    followed: Rows
    preceded: Rows
    figures: Figures
    ranks: Float32  # logarithms of places


class Room(NamedTuple):
    """Room to compute in, by item: -1 and 0 between calls."""

    slot: Int32
    total: Float64


class Signals(NamedTuple):
    """Candidates of one visit, a row of signals for each, and what the neighbours hold."""

    items: Int32
    rows: Float32
    near: Scored


class SignalBuilder:
    """Builds the signals of one visit after the other; holds room to compute in, so one for each thread."""

    def __init__(self, parts: Parts, *, compiled: bool | None = None) -> None:
        self.parts = parts
        self._items = len(parts.figures.held)
        room = max(self._items, parts.neighbours.items)
        self._slot = np.full(room, -1, np.int32)
        self._total = np.zeros(room)
        self._ranks = _ranks(1 << room.bit_length())
        self._fast = None if compiled is False else ways.compiled("fast_signals")
        learned = Learned(
            parts.linear.base, parts.linear.loudness, parts.followed, parts.preceded, parts.figures, self._ranks
        )
        self._learned = _frozen(learned)
        self._room = Room(self._slot, self._total)

    def build(self, prefix: Int32, *, review: bool = True) -> Signals:
        """The signals after this prefix, whose items all are known."""
        near, new = self.parts.neighbours.score(prefix), self.parts.discovery.score(prefix, review=False)
        if self._fast is not None:
            lists = Ranked(near.items, near.scores), Ranked(new.items, new.scores)
            items, rows, top = self._fast.signals(frozen(prefix), *lists, self._learned, self._room, review)
        else:
            items, rows, top = self._plain(prefix, near, new, review=review)
        share = np.ascontiguousarray(rows[:, COLUMNS.neighbours_share])
        rows[:, COLUMNS.neighbours] = np.log(share + np.float32(1e-6))
        rows[:, COLUMNS.neighbours_best] = np.log(top + 1e-9)
        return Signals(items, rows, near)

    def _plain(self, prefix: Int32, near: Scored, new: Scored, *, review: bool) -> tuple[Int32, Float32, float]:
        parts, figures = self.parts, self.parts.figures
        near, new = best(near, len(near.items)), best(new, len(new.items))
        linear = parts.linear.score(prefix)
        last = int(prefix[-1])
        next_items, next_share = parts.followed.of(last)
        items = self._candidates(
            prefix, near.items, new.items, best(linear, CANDIDATES[2]).items, next_items, review=review
        )
        slot = self._slot
        slot[items] = np.arange(len(items), dtype=np.int32)
        table = np.zeros((WIDTH, len(items)), np.float32)
        top = float(near.scores[0]) if len(near.scores) else 1e-9
        self._put(table[COLUMNS.neighbours_share], near.items, near.scores / top)
        table[COLUMNS.neighbours_rank] = UNRANKED
        self._put(table[COLUMNS.neighbours_rank], near.items, self._ranks[: len(near.items)])
        table[COLUMNS.discovery_rank] = UNRANKED
        if len(new.items):
            self._put(table[COLUMNS.discovery], new.items, new.scores / new.scores[0])
            self._put(table[COLUMNS.discovery_rank], new.items, self._ranks[: len(new.items)])
        self._put(table[COLUMNS.linear], linear.items, linear.scores)
        order = np.argsort(-table[COLUMNS.linear], kind="stable")
        table[COLUMNS.linear_rank, order] = self._ranks[: len(items)]
        self._put(table[COLUMNS.linear_last], *parts.linear.base.of(last))
        self._put(table[COLUMNS.followed_last], next_items, next_share)
        if len(prefix) > 1:
            self._put(table[COLUMNS.followed_before], *parts.followed.of(int(prefix[-2])))
        self._put(table[COLUMNS.preceded_last], *parts.preceded.of(last))
        known = np.minimum(items, self._items - 1)
        for name in ("held", "lately", "last_seen", "stays", "returns"):
            table[SIGNALS.index(name)] = getattr(figures, name)[known]
        self._visit(table, prefix)
        slot[items] = -1
        return items, np.ascontiguousarray(table.T), top

    def _candidates(
        self, prefix: Int32, near: Int32, new: Int32, linear: Int32, rules: Int32, *, review: bool
    ) -> Int32:
        """The first of each part, each once; with `review` the visit's own products, known to the parts or not."""
        of_near, of_new, of_linear, of_rules, of_visit = CANDIDATES
        lists = near[:of_near], new[:of_new], linear[:of_linear], rules[:of_rules]
        items = np.unique(np.concatenate((prefix[::-1][:of_visit], *lists) if review else lists))
        return (items if review else items[~np.isin(items, prefix)]).astype(np.int32)

    def _put(self, column: Float32, items: Int32, values: Float64 | Float32) -> None:
        """Write the values of those items that are candidates."""
        place = self._slot[items]
        there = place >= 0
        column[place[there]] = values[there]

    def _visit(self, table: Float32, prefix: Int32) -> None:
        """What the visit itself says."""
        figures, last = self.parts.figures, min(int(prefix[-1]), self._items - 1)
        table[COLUMNS.back] = FAR_BACK
        seen: set[int] = set()
        for back, (item, place) in enumerate(
            zip(prefix[::-1].tolist(), self._slot[prefix[::-1]].tolist(), strict=True)
        ):
            if place >= 0:
                table[COLUMNS.times, place] += 1
                if item not in seen:
                    table[COLUMNS.in_visit, place] = 1
                    table[COLUMNS.back, place] = back
            seen.add(item)
        table[COLUMNS.events] = len(prefix)
        table[COLUMNS.products] = len(seen)
        table[COLUMNS.last_held] = figures.held[last]
        table[COLUMNS.last_stays] = figures.stays[last]
        table[COLUMNS.stayed] = len(prefix) > 1 and int(prefix[-2]) == int(prefix[-1])


def _frozen(found: Any) -> Any:
    """The same with every array read only, as `frozen` has them."""
    return type(found)(*map(_frozen, found)) if isinstance(found, tuple) else frozen(found)


@lru_cache(maxsize=4)
def _ranks(count: int) -> Float32:
    """ln(1 + place) of the first, the second and so on."""
    return frozen(np.log1p(np.arange(count, dtype=np.float32)))


def _figures(sessions: Sessions, items: int, age: Float64) -> Figures:
    of_event = sessions.of_event
    held = np.bincount(sessions.item, minlength=items)
    lately = np.bincount(sessions.item, np.exp2(-age / _RECENT)[of_event], minlength=items)
    youngest = np.ones(items)
    np.minimum.at(youngest, sessions.item, age[of_event])
    place = np.arange(len(of_event)) - sessions.start[:-1][of_event]
    later = np.flatnonzero(place > 0)
    same = later[sessions.item[later] == sessions.item[later - 1]]
    distinct = np.unique((of_event << 32) | sessions.item) & 0xFFFFFFFF
    holding = np.bincount(distinct, minlength=items)
    return Figures(
        held=np.log1p(held).astype(np.float32),
        lately=np.log1p(lately).astype(np.float32),
        last_seen=np.log1p(1000 * youngest).astype(np.float32),
        stays=(np.bincount(sessions.item[same], minlength=items) / (held + 3)).astype(np.float32),
        returns=((held - holding) / (holding + 3)).astype(np.float32),
        popular=np.argsort(-lately, kind="stable")[: int((lately > 0).sum())].astype(np.int32),
    )
