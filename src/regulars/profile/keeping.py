"""The term of a trait: what is older than `keep_days` days is taken out of its state.

Forgetting keeps the newest places, as windows and caps do, and looks at the day alone. So forgetting and adding may
come in any order: what comes late and is too old goes with the next look, and a state that is built anew from all
events forgets the same.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from regulars.core.calendar import Calendar
from regulars.core.definitions import Trait
from regulars.core.errors import Misconfigured

#: Takes out of a state what is of `before` or earlier (local day): the state, and its oldest day that stays.
_Forget = Callable[[Any, int], tuple[Any, int | None]]
_DAYS_OF_WEEK = 7
_WEEK_BEGINS = -3  # day 0 was a Thursday: weekly cell w holds the days 7w - 3 to 7w + 3


class Keeper(NamedTuple):
    """How one trait forgets."""

    days: int
    forget: _Forget

    def keep(self, state: Any, day: int) -> tuple[Any, int]:
        """The state without what is too old on local day `day`, and the next day on which something goes; 0: never."""
        kept, oldest = self.forget(state, day - self.days)
        return kept, 0 if oldest is None else oldest + self.days


def keeper(trait: Trait, calendar: Calendar) -> Keeper | None:
    """How a trait forgets; None when it has no term. Raises Misconfigured for a kind that knows no days.

    >>> keeper(Trait(name="views", kind="count", events=("A",), keep_days=30), Calendar("UTC")).keep([20, 1, 9, 4], 40)
    ([20, 1], 50)
    """
    if trait.keep_days is None:
        return None
    match trait.kind:
        case "count" | "sum" | "lifecycle" | "visits":
            return Keeper(trait.keep_days, _days)
        case "affinity":
            return Keeper(trait.keep_days, _weeks)
        case "distinct":
            return Keeper(trait.keep_days, _latest)
        case "days_since":
            return Keeper(trait.keep_days, _last_day)
        case "last":
            return Keeper(trait.keep_days, lambda state, before: _last(state, before, calendar))
        case _:
            raise Misconfigured(f"trait {trait.name!r}: a {trait.kind} has no days that could be forgotten")


def with_term(trait: Trait) -> Trait:
    """The trait that is compiled: a total holds days, where it is to forget them."""
    if trait.keep_days is None or trait.window_days is not None or trait.kind not in ("count", "sum"):
        return trait
    return msgspec.structs.replace(trait, window_days=trait.keep_days)


def _days(state: list[int], before: int) -> tuple[list[int], int | None]:
    while state and state[-2] <= before:
        del state[-2:]
    return state, state[-2] if state else None


def _weeks(state: list[Any], before: int) -> tuple[list[Any], int | None]:
    """A week goes as a whole, with the first of its days."""
    while state and state[-2] * _DAYS_OF_WEEK + _WEEK_BEGINS <= before:
        del state[-2:]
    return state, state[-2] * _DAYS_OF_WEEK + _WEEK_BEGINS if state else None


def _latest(state: dict[str, int], before: int) -> tuple[dict[str, int], int | None]:
    for key in [key for key, day in state.items() if day <= before]:
        del state[key]
    return state, min(state.values(), default=None)


def _last_day(state: int | None, before: int) -> tuple[int | None, int | None]:
    kept = None if state is None or state <= before else state
    return kept, kept


def _last(state: list[Any], before: int, calendar: Calendar) -> tuple[list[Any], int | None]:
    day = calendar.day(state[0]) if state else before
    return ([], None) if day <= before else (state, day)
