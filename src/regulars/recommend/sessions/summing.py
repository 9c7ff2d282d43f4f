"""Models whose score is a sum: each product of the visit speaks for others, the later the louder."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import msgspec
import numpy as np

from regulars.recommend.interactions import Float64, Int32
from regulars.recommend.model import Column, Scored
from regulars.recommend.sessions.compiled import compiled as fast
from regulars.recommend.sessions.data import Delta
from regulars.recommend.sessions.model import Evidence, SessionModel, best_way, coded, decoded, frozen, latest_first
from regulars.recommend.sessions.rows import Rows, summed


class Summing(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a model whose score is a sum."""

    last: int  # events of the running visit that count
    back_half_life: float  # how far from its end, in events, one counts half


class RowSums(SessionModel):
    """Rows of weights by product, added up over the last events of the visit.

    A delta does not change such a model: its weights come from a whole fit over many people and keep no person's rows.
    Who is forgotten leaves it with the next fit.
    """

    settings_type: ClassVar[type[Summing]]

    def __init__(self, base: Rows, settings: Summing, *, compiled: bool | None = None) -> None:
        self.base = base
        self.settings = settings
        self._best = best_way()
        #: By events back from the end of the visit, what a product's word is worth.
        self.loudness = np.exp2(-np.arange(settings.last) / settings.back_half_life)
        self._fast = None if compiled is False else fast("fast_sums")
        self._rows = Rows(*map(frozen, base))  # type: ignore[arg-type]  # by name
        # Room to compute in, by item: 0 and -1 between calls.
        self._total, self._slot = np.zeros(len(base.start)), np.full(len(base.start), -1, np.int32)

    def score(self, prefix: Int32, *, review: bool = True) -> Scored:
        """What the last products of the visit speak for."""
        items, back = latest_first(prefix, self.settings.last, len(self.base.start) - 1)
        parts: list[tuple[Int32, Float64]] = []
        for item, weight in zip(items.tolist(), self.loudness[back].tolist(), strict=True):
            found, strength = self.base.of(item)
            parts.append((found, strength.astype(np.float64, copy=False) * weight))
        scored = summed(parts)
        if review:
            return scored
        other = ~np.isin(scored.items, prefix)
        return Scored(scored.items[other], scored.scores[other])

    def evidence(self, prefix: Int32, items: Sequence[int]) -> list[Evidence | None]:
        """The products of the visit that speak for each item."""
        prefix = prefix[-self.settings.last :]
        if self._fast is None:
            return explained(self, prefix, items)
        scores, there, score, strength = self._fast.told(
            frozen(prefix), np.asarray(items, np.int32), self._rows, self.loudness, self._total, self._slot
        )
        if not float(scores.sum()):
            return [None] * len(items)
        whole = float(np.abs(scores).sum())
        backwards, own = strength[:, ::-1], prefix[::-1]
        order = np.argsort(-backwards, axis=1, kind="stable")
        return [
            Evidence(matched=tuple(own[one[:count]].tolist()), share=share / whole, visits=0) if known else None
            for known, share, one, count in zip(
                there.tolist(), score.tolist(), order, (backwards > 0).sum(axis=1).tolist(), strict=True
            )
        ]

    def with_delta(self, delta: Delta) -> Self:
        """The same model."""
        return self

    def columns(self) -> Mapping[str, Column]:
        """The rows."""
        return {**self.base._asdict(), "settings": coded(self.settings)}

    @classmethod
    def restore(cls, columns: Mapping[str, Column]) -> Self:
        """The model of these columns."""
        return cls(Rows.restore(columns), decoded(columns["settings"], cls.settings_type))


def explained(model: SessionModel, prefix: Int32, items: Sequence[int]) -> list[Evidence | None]:
    """Evidence of a model whose scores are sums over the products of the visit."""
    scored = model.score(prefix)
    if not float(scored.scores.sum()):
        return [None] * len(items)
    whole = float(np.abs(scored.scores).sum())
    score = _of(scored, items)
    alone = {one: _of(model.score(np.asarray([one], np.int32)), items) for one in dict.fromkeys(prefix[::-1].tolist())}
    found: list[Evidence | None] = []
    for item in items:
        if item not in score:
            found.append(None)
            continue
        strength = {one: own[item] for one, own in alone.items() if own.get(item, 0.0) > 0}
        matched = tuple(sorted(strength, key=lambda one: -strength[one]))
        found.append(Evidence(matched=matched, share=score[item] / whole, visits=0))
    return found


def _of(scored: Scored, items: Sequence[int]) -> dict[int, float]:
    """The scores of those of the items that are candidates."""
    here = np.flatnonzero(np.isin(scored.items, np.asarray(items, np.int64)))
    return dict(zip(scored.items[here].tolist(), scored.scores[here].tolist(), strict=True))
