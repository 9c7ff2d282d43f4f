"""Tallies: traits that are sums of integer amounts at places (day, key)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from regulars.core.definitions import Trait
from regulars.core.errors import Misconfigured
from regulars.core.event import Event
from regulars.core.money import SCALE
from regulars.profile import cells
from regulars.profile.affinity import affinity
from regulars.profile.baskets import Basket
from regulars.profile.monoid import Computed, State, Tally
from regulars.profile.reading import Measure, Properties

_UNBOUNDED = 1 << 40  # days or weeks: no window


def compile_tally(
    trait: Trait,
    *,
    currency: str,
    computed: Mapping[str, Computed],
    unwanted: Callable[[str], bool] | None = None,
) -> Tally:
    """The tally of a trait of kind count, sum, affinity or lifecycle."""
    match trait.kind:
        case "count" | "sum":
            return _Total(trait, currency) if trait.window_days is None else _DailyTotal(trait, currency)
        case "affinity":
            return affinity(trait, currency, unwanted)
        case "lifecycle":
            if trait.kind not in computed:
                raise Misconfigured(f"trait {trait.name!r}: nothing computes the kind 'lifecycle' here")
            return _OrderDays(trait, currency, computed[trait.kind])
        case _:
            raise Misconfigured(f"trait {trait.name!r}: the kind {trait.kind!r} is no sum over events")


def measured(tally: Tally) -> tuple[str, Callable[[Properties], int | None]] | None:
    """What a `count` or `sum` measures, with a name that is the same for all that measure the same; None for others."""
    return (tally.measured, tally.measure) if isinstance(tally, _Total) else None


class _Total(Measure):
    """`count` and `sum` for ever: one integer."""

    def __init__(self, trait: Trait, currency: str) -> None:
        super().__init__(trait, currency)
        self._counts = trait.kind == "count"
        if not self._counts and not trait.of:
            raise Misconfigured(f"trait {trait.name!r}: a sum needs `of`, the property that it adds")
        self._plain = self._counts and not trait.of and not trait.where
        self._unit = 1 if self._counts or self.money else SCALE
        self.measured = repr((self._counts, trait.of, sorted(trait.where.items())))

    def zero(self) -> State:
        return 0

    def add(self, state: State, event: Event, day: int) -> State:
        if self._plain:
            return state + 1
        return state + (self.measure(self.content(event)) or 0)

    def absorb(self, state: State, properties: Properties, day: int) -> State | None:
        amount = 1 if self._plain else self.measure(properties)
        return None if amount is None else state + amount

    def merge(self, left: State, right: State) -> State:
        return left + right

    def value(self, state: State, day: int) -> Any:
        return self._shown(state)

    def due(self, state: State, day: int) -> int:
        return 0

    def now(self, state: State, day: int) -> tuple[Any, int]:
        return self._shown(state), 0

    def amounts(self, properties: Properties) -> list[tuple[str, int]]:
        amount = 1 if self._plain else self.measure(properties)
        return [] if amount is None else [("", amount)]

    def keys(self, properties: Properties) -> list[str]:
        return [""]

    def place(self, state: State, day: int, key: str, amount: int) -> State:
        return state + amount

    def measure(self, properties: Properties) -> int | None:
        """The amount in these properties; None when nothing there counts."""
        if self._plain:
            return 1
        if self.leaves is None:
            return 1 if self.passes is None or self.passes(properties) else None
        columns = self.column.of(properties) if self.column is not None else None
        if columns is not None:
            return self._measure_columns(properties, *columns)
        found = self.leaves(properties)
        if not found:
            return None
        if self._counts:
            return len(found)
        if self.foreign(properties):
            return None
        amounts = [amount for leaf, _ in found if (amount := self.amount(leaf)) is not None]
        return sum(amounts) if amounts else None

    def _measure_columns(self, properties: Properties, basket: Basket, chosen: Sequence[int]) -> int | None:
        assert self.column is not None  # noqa: S101 - the caller read by it
        if not chosen:
            return None
        name = self.column.name
        if self._counts:
            values = basket.column(name)
            return sum(values[at] is not None for at in chosen) or None
        if self.foreign(properties):
            return None
        all_amounts = self.amounts_in(basket, name)
        amounts = [amount for at in chosen if (amount := all_amounts[at]) is not None]
        return sum(amounts) if amounts else None

    def _shown(self, amount: int) -> int | float:
        if self._unit == 1:
            return amount
        return amount / self._unit if amount % self._unit else amount // self._unit


class _DailyTotal(_Total):
    """`count` and `sum` within a window: amounts by day."""

    def __init__(self, trait: Trait, currency: str) -> None:
        super().__init__(trait, currency)
        self._width = trait.window_days or 0

    def zero(self) -> State:
        return []

    def add(self, state: State, event: Event, day: int) -> State:
        amount = 1 if self._plain else self.measure(self.content(event))
        if amount is None:
            return state
        if state and state[0] == day:
            state[1] += amount
            return state
        return cells.add_day(state, day, amount, self._width)

    def absorb(self, state: State, properties: Properties, day: int) -> State | None:
        amount = 1 if self._plain else self.measure(properties)
        return None if amount is None else cells.add_day(state, day, amount, self._width)

    def merge(self, left: State, right: State) -> State:
        return cells.merge_days(left, right, self._width)

    def value(self, state: State, day: int) -> Any:
        return self._shown(cells.sum_days(state, day - self._width))

    def due(self, state: State, day: int) -> int:
        oldest = cells.oldest_day(state, day - self._width)
        return 0 if oldest is None else oldest + self._width

    def now(self, state: State, day: int) -> tuple[Any, int]:
        if not state:
            return 0, 0
        if state[-2] > day - self._width:
            total = sum(state[1::2])
            return (total if self._unit == 1 else self._shown(total)), state[-2] + self._width
        return self.value(state, day), self.due(state, day)

    def place(self, state: State, day: int, key: str, amount: int) -> State:
        return cells.add_day(state, day, amount, self._width)


class _OrderDays(Measure):
    """`lifecycle`: the days of orders, newest first, and a value computed from them elsewhere."""

    def __init__(self, trait: Trait, currency: str, computed: Computed) -> None:
        super().__init__(trait, currency)
        self._cap = trait.cap
        self._computed = computed

    def zero(self) -> State:
        return []

    def add(self, state: State, event: Event, day: int) -> State:
        if self.passes is not None and not self.passes(self.content(event)):
            return state
        return self.place(state, day, "", 1)

    def absorb(self, state: State, properties: Properties, day: int) -> State | None:
        if self.passes is not None and not self.passes(properties):
            return None
        return self.place(state, day, "", 1)

    def merge(self, left: State, right: State) -> State:
        return cells.cut_days(cells.merge_days(left, right, _UNBOUNDED), self._cap)

    def value(self, state: State, day: int) -> Any:
        return self._computed(_days(state), day)[0]

    def due(self, state: State, day: int) -> int:
        return self._computed(_days(state), day)[1]

    def now(self, state: State, day: int) -> tuple[Any, int]:
        return self._computed(_days(state), day)

    def amounts(self, properties: Properties) -> list[tuple[str, int]]:
        return [("", 1)] if self.passes is None or self.passes(properties) else []

    def keys(self, properties: Properties) -> list[str]:
        return [""]

    def place(self, state: State, day: int, key: str, amount: int) -> State:
        return cells.cut_days(cells.add_day(state, day, amount, _UNBOUNDED), self._cap)


def _days(state: State) -> list[int]:
    return [state[at] for at in range(0, len(state), 2) if state[at + 1] > 0]
