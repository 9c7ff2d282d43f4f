"""Rules between two products: what is seen in one visit with it (AR), and what comes after it (SR).

After Ludewig and Jannach, "Evaluation of session-based recommendation algorithms" (UMUAI 2018), whose reference lists
these reproduce: association rules of size two, and sequential rules weighed by the distance of the two.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

import msgspec
import numpy as np

from regulars.recommend.interactions import Float64, Int32
from regulars.recommend.model import Column, Scored
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.model import Evidence, SessionModel, best_way, coded, decoded, latest_first
from regulars.recommend.sessions.rows import Pairs, Rows, joined, rows, steps, summed
from regulars.recommend.sessions.summing import explained


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of rules."""

    kind: Literal["association", "sequence"] = "sequence"
    steps: int = 20  # events that two products may be apart
    distance: float = 2.0  # power of their distance that divides the weight of a sequence
    age_half_life: int = 0  # in units of a session's end; 0: no decay
    kept: int | None = 200  # rules per product; None keeps all, and a delta is then exact
    last: int = 1  # events of the running visit that rules are read for
    back_half_life: float = 1.0  # in events from its end


class Rules(SessionModel):
    """Rows of what goes with a product, added up over the last events of the visit."""

    name: ClassVar[str] = "rules"

    def __init__(self, base: Rows, newest: int, settings: Ruling, late: Rows | None = None) -> None:
        self.base = base
        self.newest = newest
        self.settings = settings
        self._best = best_way()
        self._late = late

    @classmethod
    def fit(cls, sessions: Sessions, items: int, settings: Ruling = Ruling()) -> Self:
        """The rules of these sessions over `items` products."""
        newest = int(sessions.end[-1]) if len(sessions) else 0
        return cls(rows(counted(sessions, settings, newest), items, settings.kept), newest, settings)

    def score(self, prefix: Int32, *, review: bool = True) -> Scored:
        """What goes with the last events of the visit."""
        items, back = latest_first(prefix, self.settings.last, 2**31 - 1)
        parts: list[tuple[Int32, Float64]] = []
        for item, weight in zip(items.tolist(), np.exp2(-back / self.settings.back_half_life).tolist(), strict=True):
            for table in (self.base,) if self._late is None else (self.base, self._late):
                found, strength = table.of(item)
                parts.append((found, strength * weight))
        scored = summed(parts)
        # What was only ever seen in sessions that are gone leaves a rest of rounding.
        kept = scored.scores > 1e-9
        if not review:
            kept &= ~np.isin(scored.items, prefix)
        return Scored(scored.items[kept], scored.scores[kept])

    def evidence(self, prefix: Int32, items: Sequence[int]) -> list[Evidence | None]:
        """The products of the visit whose rule names each item."""
        return explained(self, prefix[-self.settings.last :], items)

    def with_delta(self, delta: Delta) -> Self:
        """The same rules with those of added sessions, and without those of removed ones.

        Exact with `kept=None`. Otherwise a rule that was not among those kept counts from the delta on.
        """
        changes = [counted(delta.added, self.settings, self.newest)]
        gone = counted(delta.removed, self.settings, self.newest)
        changes.append(Pairs(gone.first, gone.second, -gone.weight))
        both = joined(changes)
        items = int(both.first.max()) + 1 if len(both.first) else 0
        return type(self)(self.base, self.newest, self.settings, rows(both, items))

    def columns(self) -> Mapping[str, Column]:
        """The rows."""
        newest = np.asarray([self.newest], np.int64)
        return {**self.base._asdict(), "newest": newest, "settings": coded(self.settings)}

    @classmethod
    def restore(cls, columns: Mapping[str, Column]) -> Self:
        """The rules of these columns."""
        newest = int(columns["newest"].astype(np.int64)[0])
        return cls(Rows.restore(columns), newest, decoded(columns["settings"], Ruling))


def counted(sessions: Sessions, settings: Ruling, newest: int) -> Pairs:
    """Pairs of products in the direction of the rule."""
    worth = None
    if settings.age_half_life:
        worth = np.exp2((sessions.end - newest) / settings.age_half_life)
    if settings.kind == "sequence":
        return steps(sessions, settings.steps, lambda apart: apart**-settings.distance, worth)
    one = steps(sessions, settings.steps, lambda _: 1.0, worth)
    return joined([one, Pairs(one.second, one.first, one.weight)])
