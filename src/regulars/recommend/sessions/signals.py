"""What the parts of the blend say about each candidate: one column per signal, built alike for learning and serving."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from regulars.recommend.interactions import Float32, Float64, Int32
from regulars.recommend.model import Column
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.linear import Linear
from regulars.recommend.sessions.model import best, decoded
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours
from regulars.recommend.sessions.rows import Pairs, Rows, rows, steps

SIGNALS: tuple[str, ...] = (
    "neighbours", "neighbours_share", "neighbours_rank", "neighbours_best", "discovery", "discovery_rank",
    "linear", "linear_rank", "linear_last",
    "followed_last", "followed_before", "preceded_last",
    "held", "lately", "last_seen", "stays", "returns",
    "in_visit", "back", "times",
    "events", "products", "last_held", "last_stays", "stayed",
)  # fmt: skip
FAR_BACK = 99.0  # of a product that is not in the visit
_OF_NEIGHBOURS, _OF_DISCOVERY, _OF_LINEAR, _OF_RULES, _OF_VISIT = 100, 50, 50, 30, 20  # candidates from each part
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
        return self._replace(neighbours=neighbours, discovery=neighbours.with_settings(self.discovery.settings))

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


class Signals(NamedTuple):
    """Candidates of one visit, a row of signals for each, and what else the neighbours hold."""

    items: Int32
    rows: Float32
    others: Int32


class SignalBuilder:
    """Builds the signals of one visit after the other; holds room to compute in, so one for each thread."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._items = len(parts.figures.held)
        self._slot = np.full(max(self._items, parts.neighbours.items), -1, np.int32)

    def build(self, prefix: Int32, *, review: bool = True) -> Signals:
        """The signals after this prefix, whose items all are known."""
        parts, figures = self.parts, self.parts.figures
        near = best(parts.neighbours.score(prefix), 1_000_000)
        new = best(parts.discovery.score(prefix, review=False), 1_000_000)
        linear = parts.linear.score(prefix)
        last = int(prefix[-1])
        next_items, next_share = parts.followed.of(last)
        items = self._candidates(
            prefix,
            near.items,
            (new.items[:_OF_DISCOVERY], best(linear, _OF_LINEAR).items, next_items[:_OF_RULES]),
            review=review,
        )
        slot = self._slot
        slot[items] = np.arange(len(items), dtype=np.int32)
        table = np.zeros((len(SIGNALS), len(items)), np.float32)
        column = dict(zip(SIGNALS, table, strict=True))
        top = float(near.scores[0]) if len(near.scores) else 1e-9
        self._put(column["neighbours_share"], near.items, near.scores / top)
        np.log(column["neighbours_share"] + 1e-6, out=column["neighbours"])
        column["neighbours_best"][:] = np.log(top + 1e-9)
        column["neighbours_rank"][:] = 8
        self._put(column["neighbours_rank"], near.items, rank_of(len(near.items)))
        column["discovery_rank"][:] = 8
        if len(new.items):
            self._put(column["discovery"], new.items, new.scores / new.scores[0])
            self._put(column["discovery_rank"], new.items, rank_of(len(new.items)))
        self._put(column["linear"], linear.items, linear.scores)
        order = np.argsort(-column["linear"], kind="stable")
        column["linear_rank"][order] = rank_of(len(items))
        self._put(column["linear_last"], *parts.linear.base.of(last))
        self._put(column["followed_last"], next_items, next_share)
        if len(prefix) > 1:
            self._put(column["followed_before"], *parts.followed.of(int(prefix[-2])))
        self._put(column["preceded_last"], *parts.preceded.of(last))
        known = np.minimum(items, self._items - 1)
        for name in ("held", "lately", "last_seen", "stays", "returns"):
            column[name][:] = getattr(figures, name)[known]
        self._visit(column, prefix)
        slot[items] = -1
        return Signals(items, np.ascontiguousarray(table.T), near.items)

    def _candidates(self, prefix: Int32, near: Int32, others: tuple[Int32, ...], *, review: bool) -> Int32:
        """The first of each part, each once; with `review` the visit's own products, known to the parts or not."""
        own = prefix[::-1][:_OF_VISIT]
        lists = (near[:_OF_NEIGHBOURS], *others)
        items = np.unique(np.concatenate((own, *lists) if review else lists))
        return (items if review else items[~np.isin(items, prefix)]).astype(np.int32)

    def _put(self, column: Float32, items: Int32, values: Float64 | Float32) -> None:
        """Write the values of those items that are candidates."""
        place = self._slot[items]
        there = place >= 0
        column[place[there]] = values[there]

    def _visit(self, column: Mapping[str, Float32], prefix: Int32) -> None:
        """What the visit itself says."""
        figures, last = self.parts.figures, min(int(prefix[-1]), self._items - 1)
        column["back"][:] = FAR_BACK
        seen: set[int] = set()
        for back, (item, place) in enumerate(
            zip(prefix[::-1].tolist(), self._slot[prefix[::-1]].tolist(), strict=True)
        ):
            if place >= 0:
                column["times"][place] += 1
                if item not in seen:
                    column["in_visit"][place] = 1
                    column["back"][place] = back
            seen.add(item)
        column["events"][:] = len(prefix)
        column["products"][:] = len(seen)
        column["last_held"][:] = figures.held[last]
        column["last_stays"][:] = figures.stays[last]
        column["stayed"][:] = len(prefix) > 1 and int(prefix[-2]) == int(prefix[-1])


def rank_of(count: int) -> Float32:
    """ln(1 + place) of the first, the second and so on."""
    found: Float32 = np.log1p(np.arange(count, dtype=np.float32))
    return found


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
