"""What a trait is: a commutative monoid over events, with a value on each day.

`zero`, what an event adds, and `merge` make the state; every state is made of plain integers, texts, lists and dicts,
and equals the state that any other order or grouping of the same events gives.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from regulars.core.event import Event
from regulars.profile.reading import Properties

State = Any
#: A value computed from the days of orders (newest first) as of a day: (value, first later day when it changes or 0).
Computed = Callable[[Sequence[int], int], tuple[Any, int]]
#: Constants that conditions compare a trait with; None: not only with constants.
Thresholds = tuple[float, ...] | None


class Monoid(Protocol):
    """One trait, compiled."""

    def zero(self) -> State:
        """The state before any event."""
        ...

    def add(self, state: State, event: Event, day: int) -> State:
        """`state` and what `event`, of local day `day`, adds to it. Lists and dicts change in place."""
        ...

    def merge(self, left: State, right: State) -> State:
        """The state of the union of the events behind both; neither changes."""
        ...

    def value(self, state: State, day: int) -> Any:
        """What conditions and pages see on local day `day`; None is NULL."""
        ...

    def due(self, state: State, day: int) -> int:
        """The first local day after `day` on which the value may differ without an event; 0: never."""
        ...

    def now(self, state: State, day: int) -> tuple[Any, int]:
        """`value` and `due` in one go."""
        ...


class Tally(Monoid, Protocol):
    """A trait that is a sum of amounts at places (day, key), so that an order's share can be replaced."""

    def absorb(self, state: State, properties: Properties, day: int) -> State | None:
        """What placing all `amounts` on `day` gives, in one go; None: nothing counted and nothing changed."""
        ...

    def amounts(self, properties: Properties) -> list[tuple[str, int]]:
        """The amounts by key that these properties add; a trait without keys uses ""."""
        ...

    def keys(self, properties: Properties) -> list[str]:
        """The keys that these properties may add to under any filter."""
        ...

    def place(self, state: State, day: int, key: str, amount: int) -> State:
        """Add one amount at one place."""
        ...
