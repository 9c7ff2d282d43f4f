"""The blend of session models: candidates of all parts in one order, learned on the newest sessions.

Settings of the neighbours are searched and the order is learned on the newest sessions, with parts fitted on the older
ones; then the parts are fitted again on all. The same for every shop, without anything set by hand.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import ClassVar, Self

import msgspec
import numpy as np

from regulars.recommend.interactions import Float32, Float64, Int32, Mask
from regulars.recommend.model import NOTHING, Column, Scored
from regulars.recommend.sessions import ranker as ranking
from regulars.recommend.sessions.cases import cases_of
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.linear import Linear, Regression
from regulars.recommend.sessions.model import Evidence, SessionModel, best, best_way
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours
from regulars.recommend.sessions.ranker import Logit, Ranker, Ranking, fast_rank
from regulars.recommend.sessions.search import Search, search
from regulars.recommend.sessions.signals import SIGNALS, Parts, SignalBuilder


class Mixing(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the blend."""

    search: Search = Search()
    ranking: Ranking = Ranking()
    cases: int = 40_000  # that the order is learned from
    linear_age: float = 1 / 3  # half-life of sessions in the linear model, in parts of the time they span
    filled: int = 1000  # popular products that stand behind everything else


_NOBODY = Scored(NOTHING, np.empty(0))


class SessionBlend(SessionModel):
    """Neighbours, linear model, rules and figures, weighed by trees or by a linear score."""

    name: ClassVar[str] = "session_blend"

    def __init__(
        self, parts: Parts, ranker: Ranker, filled: int = 1000, *, rank: Callable[[Float32], Float64] | None = None
    ) -> None:
        self.parts = parts
        self.ranker = ranker
        self._filled = filled
        self._builder = SignalBuilder(parts)
        self._rank = rank or fast_rank(ranker)
        self._best = best_way()
        self._answer: tuple[bytes, bool, Scored, Scored] = b"", True, _NOBODY, _NOBODY

    @classmethod
    def fit(
        cls, sessions: Sessions, items: int, settings: Mixing = Mixing(), *, neighbours: Neighbouring | None = None
    ) -> Self:
        """Search, learn the order, fit the parts on all sessions. `neighbours` spares the search."""
        chosen = neighbours or search(sessions, items, settings.search)
        other = search(sessions, items, settings.search, review=False)
        older, newest = sessions.tail(settings.search.tail)
        builder = SignalBuilder(_parts(older, items, (chosen, other), settings))
        return cls(
            _parts(sessions, items, (chosen, other), settings), _learned(builder, newest, settings), settings.filled
        )

    def score(self, prefix: Int32, *, review: bool = True) -> Scored:
        """The candidates by the learned order; behind them what else neighbours hold, then what sells."""
        ranked, near = self._ranked(prefix, review=review)
        return _with(ranked, list(self._behind(ranked, near, prefix, review=review)))

    def _ranked(self, prefix: Int32, *, review: bool) -> tuple[Scored, Scored]:
        """The candidates by the learned order, and what the neighbours hold; remembered for the next row of a page."""
        key = prefix.tobytes()
        if self._answer[:2] != (key, review):
            known = prefix[(prefix >= 0) & (prefix < self.parts.neighbours.items)]
            ranked = near = _NOBODY
            if len(known):
                items, rows, near = self._builder.build(known, review=review)
                ranked = Scored(items, self._rank(rows))
            self._answer = key, review, ranked, near
        return self._answer[2:]

    def _behind(self, ranked: Scored, near: Scored, prefix: Int32, *, review: bool) -> Iterator[tuple[int, float]]:
        """More items behind those that are ranked, the nearest first, so that filters leave a full row."""
        known = set(ranked.items.tolist())
        if not review:
            known.update(prefix.tolist())
        floor, count = float(ranked.scores.min()) if len(ranked.scores) else 0.0, 0
        for part in (best(near, len(near.items)).items, self.parts.figures.popular[: self._filled]):
            for item in part.tolist():
                if item not in known:
                    known.add(item)
                    yield item, floor - 1 - count
                    count += 1

    def recommend(
        self, prefix: Int32, n: int, *, exclude: Int32 = NOTHING, allowed: Mask | None = None, review: bool = True
    ) -> Scored:
        """At most `n` items, best first; the long rest is only looked at where filters leave too few."""
        ranked, near = self._ranked(prefix, review=review)
        found = self._best(ranked, n, exclude, allowed)
        if len(found.items) >= n:
            return found
        left_out = set(exclude.tolist())
        behind = self._behind(ranked, near, prefix, review=review)
        shown = (one for one in behind if one[0] not in left_out and (allowed is None or allowed[one[0]]))
        return _with(found, list(islice(shown, n - len(found.items))))

    def evidence(self, prefix: Int32, items: Sequence[int]) -> list[Evidence | None]:
        """What similar visits say of each, else what the linear model says."""
        found = self.parts.neighbours.evidence(prefix, items)
        without = [at for at, one in enumerate(found) if one is None]
        if without:
            others = self.parts.linear.evidence(prefix, [items[at] for at in without])
            for at, one in zip(without, others, strict=True):
                found[at] = one
        return found

    def with_delta(self, delta: Delta) -> Self:
        """The neighbours know new sessions and forget at once; the order and the figures stay as they were learned."""
        return type(self)(self.parts.with_delta(delta), self.ranker, self._filled, rank=self._rank)

    def columns(self) -> Mapping[str, Column]:
        """The arrays of all parts and of the order."""
        kind = "logit" if isinstance(self.ranker, Logit) else "trees"
        order = {f"{kind}.{name}": column for name, column in ranking.columns(self.ranker).items()}
        return {**self.parts.columns(), **order, "filled": np.asarray([self._filled], np.int64)}

    @classmethod
    def restore(cls, columns: Mapping[str, Column]) -> Self:
        """The blend of these columns."""
        order = {
            name.partition(".")[2]: column for name, column in columns.items() if name.startswith(("logit.", "trees."))
        }
        return cls(Parts.restore(columns), ranking.restore(order), int(columns["filled"].astype(np.int64)[0]))


def _with(scored: Scored, more: list[tuple[int, float]]) -> Scored:
    """The candidates, and more of them."""
    items, scores = zip(*more, strict=True) if more else ((), ())
    return Scored(
        np.concatenate((scored.items, np.asarray(items, np.int32))),
        np.concatenate((scored.scores, np.asarray(scores, np.float64))),
    )


def _parts(sessions: Sessions, items: int, chosen: tuple[Neighbouring, Neighbouring], settings: Mixing) -> Parts:
    span = int(sessions.end[-1] - sessions.end[0]) if len(sessions) else 0
    linear = Regression(age_half_life=round(settings.linear_age * span))
    index = Neighbours.fit(sessions, items, chosen[0])
    return Parts.fit(sessions, items, index, chosen[1], Linear.fit(sessions, items, linear))


def _learned(builder: SignalBuilder, newest: Sessions, settings: Mixing) -> Ranker:
    """An order from the events of the newest sessions."""
    rows: list[Float32] = []
    wanted: list[Mask] = []
    for prefix, target in cases_of(newest, settings.cases, seed=settings.ranking.seed):
        items, table, _ = builder.build(prefix)
        hit = items == target
        if not hit.any():
            continue
        rows.append(table)
        wanted.append(hit)
    if not rows:
        return Logit(_starting())
    sizes = np.asarray([len(one) for one in wanted], np.int64)
    return ranking.learn(np.concatenate(rows), np.concatenate(wanted), sizes, settings.ranking)


def _starting() -> Float64:
    """Without sessions to learn from: by the neighbours."""
    weight = np.zeros(len(SIGNALS) + 1)
    weight[SIGNALS.index("neighbours")] = 1.0
    return weight
