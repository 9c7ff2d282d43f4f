"""Joins: traits for which an event once seen stays seen, and seeing it twice changes nothing."""

import math
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from regulars.core.definitions import Trait
from regulars.core.errors import Misconfigured
from regulars.core.event import Event
from regulars.profile import cells, reading
from regulars.profile.monoid import Monoid, State, Thresholds
from regulars.profile.reading import Measure, Properties

#: Says yes of a text that tells of something sensitive.
Unwanted: TypeAlias = Callable[[str], bool]


def compile_join(trait: Trait, *, currency: str, thresholds: Thresholds, unwanted: Unwanted | None = None) -> Monoid:
    """The monoid of a trait of kind last, first, max, distinct or days_since."""
    match trait.kind:
        case "last" | "first":
            return _Kept(trait, currency, unwanted)
        case "max":
            return _Largest(trait, currency, unwanted)
        case "distinct":
            return _Distinct(trait, currency, unwanted)
        case "days_since":
            return _DaysSince(trait, currency, thresholds)
        case _:
            raise Misconfigured(f"trait {trait.name!r}: the kind {trait.kind!r} is no join over events")


class _Joined(Measure):
    """What joins share: no value changes as time passes."""

    def due(self, state: State, day: int) -> int:
        return 0

    def now(self, state: State, day: int) -> tuple[Any, int]:
        return self.value(state, day), 0

    def value(self, state: State, day: int) -> Any:
        raise NotImplementedError


class _Kept(_Joined):
    """`last` and `first`: the value at the largest or smallest (time, message id). State: [time, message id, value]."""

    def __init__(self, trait: Trait, currency: str, unwanted: Unwanted | None) -> None:
        super().__init__(trait, currency)
        self._last = trait.kind == "last"
        self._reads = _reader(self, trait, unwanted)

    def zero(self) -> State:
        return []

    def add(self, state: State, event: Event, day: int) -> State:
        if state:
            at = (event.time, event.message_id)
            held = (state[0], state[1])
            if at == held or (at < held) == self._last:
                return state
        value = self._read(event)
        return state if value is None else [event.time, event.message_id, value]

    def merge(self, left: State, right: State) -> State:
        if not left or not right:
            return list(left or right)
        newer = left if (left[0], left[1]) > (right[0], right[1]) else right
        older = right if newer is left else left
        return list(newer if self._last else older)

    def value(self, state: State, day: int) -> Any:
        return state[2] if state else None

    def _read(self, event: Event) -> Any:
        properties = self.content(event)
        if self.leaves is None:
            return event.time if self.passes is None or self.passes(properties) else None
        if self.foreign(properties):
            return None
        values = [value for leaf, _ in self.leaves(properties) if (value := self._reads(leaf)) is not None]
        return values[-1 if self._last else 0] if values else None


def _reader(measure: Measure, trait: Trait, unwanted: Unwanted | None) -> Callable[[Any], Any]:
    """What reads one value of a `first`, `last` or `max`; a text that is unwanted is none."""
    if trait.type != "text":
        return measure.amount if measure.money else reading.to_number
    if unwanted is None:
        return reading.text

    def wanted(value: Any) -> str | None:
        text = reading.text(value)
        return None if text is not None and unwanted(text) else text

    return wanted


class _Largest(_Joined):
    """`max`: the largest value, or None."""

    def __init__(self, trait: Trait, currency: str, unwanted: Unwanted | None) -> None:
        super().__init__(trait, currency)
        if self.leaves is None:
            raise Misconfigured(f"trait {trait.name!r}: a max needs `of`, the property whose largest value it keeps")
        self._read = _reader(self, trait, unwanted)

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, day: int) -> State:
        properties = self.content(event)
        if self.leaves is None or self.foreign(properties):
            return state
        for leaf, _ in self.leaves(properties):
            value = self._read(leaf)
            if value is not None and (state is None or value > state):
                state = value
        return state

    def merge(self, left: State, right: State) -> State:
        if left is None or right is None:
            return right if left is None else left
        return max(left, right)

    def value(self, state: State, day: int) -> Any:
        return state


class _Distinct(Measure):
    """`distinct`: how many different keys. State: {key: its latest day}."""

    def __init__(self, trait: Trait, currency: str, unwanted: Unwanted | None) -> None:
        super().__init__(trait, currency)
        self._unwanted = unwanted
        if self.leaves is None:
            raise Misconfigured(f"trait {trait.name!r}: a distinct needs `of`, the property with the different values")
        self._values = self.leaves
        self._plain = trait.of if "." not in trait.of and not trait.where else None
        self._width = trait.window_days
        self._cap = trait.cap

    def zero(self) -> State:
        return {}

    def add(self, state: State, event: Event, day: int) -> State:
        keys = self._keys(self.content(event))
        if keys and self._unwanted is not None:
            keys = [key for key in keys if not self._unwanted(key)]
        return cells.add_latest(state, keys, day, width=self._width, cap=self._cap) if keys else state

    def _keys(self, properties: Properties) -> Collection[str]:
        column = self.column
        if self._plain is not None:
            value = properties.get(self._plain)
            if type(value) is str and value:
                return (value,) if len(value) <= reading.KEY_LENGTH else (value[: reading.KEY_LENGTH],)
        columns = column.of(properties) if column is not None else None
        if columns is not None and column is not None:
            basket, chosen = columns
            if len(chosen) == len(basket.elements):
                try:
                    values = basket.values(column.name)
                except TypeError:  # an object where a value was expected
                    pass
                else:
                    if {str}.issuperset(map(type, values)):  # 1, 1.0 and True are one key of a dict
                        return [key for value in values if (key := reading.text(value)) is not None]
        keys: list[str] = []
        for leaf, _ in self._values(properties):
            for value in leaf if isinstance(leaf, list) else (leaf,):
                key = reading.text(value)
                if key is not None:
                    keys.append(key)
        return keys

    def merge(self, left: State, right: State) -> State:
        return cells.merge_latest(left, right, width=self._width, cap=self._cap)

    def value(self, state: State, day: int) -> Any:
        if self._width is None:
            return len(state)
        after = day - self._width
        days = state.values()
        if not days or min(days) > after:
            return len(state)
        return sum(at > after for at in days)

    def due(self, state: State, day: int) -> int:
        if self._width is None:
            return 0
        after = day - self._width
        oldest = min(state.values(), default=after)
        if oldest <= after:
            oldest = min((at for at in state.values() if at > after), default=-self._width)
        return oldest + self._width

    def now(self, state: State, day: int) -> tuple[Any, int]:
        if self._width is not None and state:
            oldest = min(state.values())
            if oldest > day - self._width:
                return len(state), oldest + self._width
        return self.value(state, day), self.due(state, day)


class _DaysSince(Measure):
    """`days_since`: local days since the last event, or None. State: its day.

    The value grows by one each day. It is due only where a condition could change its answer: with a constant c that
    is the day on which the value becomes >= c, and the day on which it becomes > c.
    """

    def __init__(self, trait: Trait, currency: str, thresholds: Thresholds) -> None:
        super().__init__(trait, currency)
        self._steps = (
            None
            if thresholds is None
            else tuple(sorted({step for at in thresholds for step in (math.ceil(at), math.floor(at) + 1)}))
        )

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, day: int) -> State:
        if state is not None and day <= state:
            return state
        if self.passes is not None and not self.passes(self.content(event)):
            return state
        return day

    def merge(self, left: State, right: State) -> State:
        if left is None or right is None:
            return right if left is None else left
        return max(left, right)

    def value(self, state: State, day: int) -> Any:
        return None if state is None else day - state

    def due(self, state: State, day: int) -> int:
        if state is None:
            return 0
        if self._steps is None:
            return day + 1
        age = day - state
        for step in self._steps:
            if step > age:
                return int(state + step)
        return 0

    def now(self, state: State, day: int) -> tuple[Any, int]:
        return self.value(state, day), self.due(state, day)
