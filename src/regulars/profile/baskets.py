"""The lists in the properties of events (the products of an order), read by columns.

Many traits ask the same things of the same order. Here each property of the elements is read once, filters look up the
elements of a value instead of testing every element, and amounts are converted once.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

Amount: TypeAlias = Callable[[Any], int | None]
#: (property of an element, its accepted values), all of which must hold.
Checks: TypeAlias = tuple[tuple[str, frozenset[Any]], ...]

_REMEMBERED = 256  # lists: an event and the order that it tells of hold the same one


class Basket:
    """A list of objects by columns; each column is read when it is first asked for."""

    __slots__ = ("_amounts", "_columns", "_keys", "_nested", "_values", "elements")

    def __init__(self, elements: list[dict[str, Any]]) -> None:
        self.elements = elements
        self._columns: dict[str, list[Any]] = {}
        self._values: dict[str, set[Any]] = {}
        self._nested: set[str] = set()  # columns with lists
        self._amounts: dict[tuple[str, bool, str], list[int | None]] = {}
        self._keys: dict[tuple[str, int], list[Sequence[str]]] = {}

    def column(self, name: str) -> list[Any]:
        """The property of every element; None where it is missing."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = [element.get(name) for element in self.elements]
        return found

    def values(self, name: str) -> AbstractSet[Any]:
        """The different values of a property; each value of a list counts. Raises TypeError for objects."""
        found = self._values.get(name)
        if found is None:
            column = self.column(name)
            try:
                found = set(column)
            except TypeError:
                found = {inner for value in column for inner in (value if type(value) is list else (value,))}
                self._nested.add(name)
            found.discard(None)
            self._values[name] = found
        return found

    def chosen(self, checks: Checks) -> Sequence[int]:
        """The indexes of the elements that hold an accepted value for every check. Raises TypeError as `values`."""
        chosen: Sequence[int] = range(len(self.elements))
        for name, wanted in checks:
            if wanted.isdisjoint(self.values(name)):
                return ()
            column = self.column(name)
            if name in self._nested:
                chosen = [at for at in chosen if _any_in(column[at], wanted)]
            else:
                chosen = [at for at in chosen if column[at] in wanted]
        return chosen

    def amounts(self, name: str, amount: Amount, *, money: bool, currency: str) -> list[int | None]:
        """The property of every element as an amount; `amount` converts as `money` and `currency` say."""
        unit = (name, money, currency)
        found = self._amounts.get(unit)
        if found is None:
            found = self._amounts[unit] = [None if value is None else amount(value) for value in self.column(name)]
        return found

    def keys(self, name: str, level: int, keys_of: Callable[[Any], Sequence[str]]) -> list[Sequence[str]]:
        """The category keys of every element at a level; `keys_of` reads one value."""
        found = self._keys.get((name, level))
        if found is None:
            found = [() if value is None else keys_of(value) for value in self.column(name)]
            self._keys[name, level] = found
        return found


class Baskets:
    """The baskets of the lists read last. A list that is in use here must not change."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, Basket | None]] = {}

    def of(self, held: object) -> Basket | None:
        """The columns of a list; None when it is no list or holds anything but objects."""
        if type(held) is not list:
            return None
        known = self._known.get(id(held))
        if known is not None and known[0] is held:
            return known[1]
        basket = Basket(held) if all_objects(held) else None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[id(held)] = (held, basket)
        return basket


def _any_in(value: Any, wanted: frozenset[Any]) -> bool:
    return not wanted.isdisjoint(value) if type(value) is list else value in wanted


def all_objects(elements: Iterable[Any]) -> bool:
    """Whether all are JSON objects."""
    return {dict}.issuperset(map(type, elements))


#: Shared by all traits; it holds what the last few orders said, and changes no answer.
BASKETS = Baskets()
