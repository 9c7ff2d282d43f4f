"""Reading properties of events: paths through lists, filters, amounts, category paths.

A path names properties separated by dots ("total", "products.category"); where it meets a list it takes each element.
A path that begins with "context." reads the context of the event.

Amounts of money arrive in major units and count in minor units. A property is money when the last name of its path is
in `MONEY`. An amount counts when its currency (the event's property "currency", or the shop's) is the one that the
trait asks for (its filter on "currency", or the shop's): amounts of different currencies are never added. Other
numbers are kept in thousandths, so that sums are sums of integers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from regulars.core.definitions import Trait
from regulars.core.errors import Rejected
from regulars.core.event import Event
from regulars.core.money import LARGEST, LARGEST_KEPT, SCALE, exponent, is_money, to_minor
from regulars.profile.baskets import BASKETS, Basket, Checks

KEY_LENGTH = 120  # characters of a key; longer ones are cut
_LIST_AND_NAME = 2

Properties = Mapping[str, Any]
#: What a path yields: each leaf with the element (of the list in its path, or the properties) that holds it.
Leaves = Callable[[Properties], list[tuple[Any, Properties]]]
Test = Callable[[Properties], bool]


def read(holder: Any, names: tuple[str, ...]) -> list[Any]:
    """Every value at the end of a path; nothing where it is missing or null.

    >>> read({"products": [{"sku": "a"}, {"sku": "b"}, {}]}, ("products", "sku"))
    ['a', 'b']
    """
    if isinstance(holder, list):
        return [leaf for element in holder for leaf in read(element, names)]
    if not names:
        return [] if holder is None else [holder]
    if not isinstance(holder, dict):
        return []
    value = holder.get(names[0])
    if len(names) == 1:
        return [] if value is None else [value]
    return read(value, names[1:])


def leaves(of: str, where: Mapping[str, Any]) -> Leaves:
    """Compile a path and its filters. Filters that share the path's list hold for the same element."""
    head, _, rest = of.partition(".")
    whole, inner = split_filters(of, where)
    whole_passes, inner_passes = compile_filters(whole), compile_filters(inner)
    if not rest:
        return _leaf(head, whole_passes)
    names = tuple(rest.split("."))
    only = names[0] if len(names) == 1 else None

    def through(properties: Properties) -> list[tuple[Any, Properties]]:
        if whole_passes is not None and not whole_passes(properties):
            return []
        held = properties.get(head)
        elements = held if isinstance(held, list) else (held,)
        found: list[tuple[Any, Properties]] = []
        for element in elements:
            if not isinstance(element, dict) or (inner_passes is not None and not inner_passes(element)):
                continue
            if only is not None:
                leaf = element.get(only)
                if leaf is not None:
                    found.append((leaf, element))
            else:
                found += [(leaf, element) for leaf in read(element, names)]
        return found

    return through


def split_filters(of: str, where: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Filters on the properties, and those on the element of the list that the path goes through."""
    head, _, rest = of.partition(".")
    whole: dict[str, Any] = {}
    inner: dict[str, Any] = {}
    for path, value in where.items():
        if rest and path.startswith(head + "."):
            inner[path[len(head) + 1 :]] = value
        else:
            whole[path] = value
    return whole, inner


class Column:
    """A path through a list of objects ("products.total") with its filters, read by columns."""

    def __init__(self, head: str, name: str, passes: Test | None, checks: Checks) -> None:
        self.name = name
        self._head = head
        self._passes = passes
        self._checks = checks

    def of(self, properties: Properties) -> tuple[Basket, Sequence[int]] | None:
        """The columns and the indexes of the elements that pass; None where only reading one by one will do."""
        basket = BASKETS.of(properties.get(self._head))
        if basket is None:
            return None
        if self._passes is not None and not self._passes(properties):
            return basket, ()
        if not self._checks:
            return basket, range(len(basket.elements))
        try:
            return basket, basket.chosen(self._checks)
        except TypeError:  # an object where a value was expected
            return None


def column(of: str, where: Mapping[str, Any]) -> Column | None:
    """Compile a path and its filters to columns; None for a path or filter that goes deeper or not through a list."""
    head, _, name = of.partition(".")
    if not name or "." in name:
        return None
    whole, inner = split_filters(of, where)
    checks = [(path, wanted_values(value)) for path, value in sorted(inner.items())]
    if any("." in path or not _hashable(wanted) for path, wanted in checks):
        return None
    return Column(head, name, compile_filters(whole), tuple((path, frozenset(wanted)) for path, wanted in checks))


def wanted_values(value: Any) -> tuple[Any, ...]:
    """The values that a filter accepts."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _hashable(values: tuple[Any, ...]) -> bool:
    return all(isinstance(value, str | int | float | bool) for value in values)


def _leaf(name: str, passes: Test | None) -> Leaves:
    def single(properties: Properties) -> list[tuple[Any, Properties]]:
        leaf = properties.get(name)
        if leaf is None or (passes is not None and not passes(properties)):
            return []
        return [(leaf, properties)]

    return single


def compile_filters(where: Mapping[str, Any]) -> Test | None:
    """Compile filters: each path has a value that is the required one, or one of a list of them. None: no filter.

    >>> passes = compile_filters({"products.brand": ["Acme", "Best"]})
    >>> passes is not None and passes({"products": [{"brand": "Other"}, {"brand": "Best"}]})
    True
    """
    if not where:
        return None
    tests = tuple(_compile_filter(path, wanted_values(value)) for path, value in sorted(where.items()))
    if len(tests) == 1:
        return tests[0]

    def passes(properties: Properties) -> bool:
        return all(test(properties) for test in tests)

    return passes


def _compile_filter(path: str, wanted: tuple[Any, ...]) -> Test:
    names = tuple(path.split("."))

    def passes(properties: Properties) -> bool:
        return any(value in wanted for value in _flat(read(properties, names)))

    if len(names) != _LIST_AND_NAME or not _hashable(wanted):
        return passes
    head, name = names
    accepted = frozenset(wanted)

    def passes_by_column(properties: Properties) -> bool:
        basket = BASKETS.of(properties.get(head))
        if basket is not None:
            try:
                return not accepted.isdisjoint(basket.values(name))
            except TypeError:  # an object where a value was expected
                pass
        return passes(properties)

    return passes_by_column


def _flat(values: list[Any]) -> list[Any]:
    return [inner for value in values for inner in (value if isinstance(value, list) else (value,))]


def amount(value: Any, *, money: bool, currency: str) -> int | None:
    """A number as an integer: minor units of money, thousandths of anything else. None: not a usable number.

    >>> amount("12.5", money=True, currency="EUR"), amount(0.25, money=False, currency="EUR")
    (1250, 250)
    """
    if money:
        if type(value) is float:  # the common case: far from a half, rounding is plain
            exact: float = value * 10 ** exponent(currency)
            if -LARGEST < exact < LARGEST:
                nearest = round(exact)
                if -0.4 < exact - nearest < 0.4:
                    return nearest
        try:
            scaled = to_minor(value, currency)
        except (Rejected, OverflowError):
            return None
    else:
        number = to_number(value)
        if number is None:
            return None
        scaled = round(number * SCALE)
    return scaled if -LARGEST < scaled < LARGEST else None


def to_number(value: Any) -> int | float | None:
    """A number, also when it was sent as text; None for anything else, and for what is not finite."""
    if type(value) is int and -LARGEST_KEPT < value < LARGEST_KEPT:
        return value
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number) or not -LARGEST_KEPT < number < LARGEST_KEPT:
        return None
    return int(number) if number.is_integer() else number


def text(value: Any) -> str | None:
    """A key or text: what was sent, as text, at most 120 characters; None for objects and empty text."""
    if isinstance(value, str):
        return value[:KEY_LENGTH] or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return None


def category(value: Any, level: int) -> str | None:
    """The leading `level` elements of a category path, as one key.

    A path is a list of names, or text with names separated by ">" or else by "/". A list element is never split.

    >>> category(["Sport", "Bikes", "Road"], 2), category("Sport > Bikes", 1), category("Sport/Bikes", 2)
    ('Sport > Bikes', 'Sport', 'Sport > Bikes')
    """
    if isinstance(value, str):
        if ">" in value:
            names = value.split(">")
        elif "/" in value:
            names = value.split("/")
        else:
            return value.strip()[:KEY_LENGTH] or None
    elif isinstance(value, list | tuple):
        names = [name for name in map(text, value) if name is not None]
    else:
        return text(value)
    kept = [name for name in (name.strip() for name in names) if name][:level]
    return " > ".join(kept)[:KEY_LENGTH] or None


class Measure:
    """What a trait reads of an event: the path, the filters, the unit. `leaves` is None without a path."""

    def __init__(self, trait: Trait, currency: str) -> None:
        self.leaves = leaves(trait.of, trait.where) if trait.of else None
        self.column = column(trait.of, trait.where) if trait.of else None
        self.passes = None if trait.of else compile_filters(trait.where)
        self.money = is_money(trait.of)
        self._in_context = any(path.startswith("context.") for path in (trait.of, *trait.where))
        self._shop_currency = currency
        self._currency = str(trait.where.get("currency", currency))

    def content(self, event: Event) -> Properties:
        """What the paths are read from: the properties, with the context beside them when a path asks for it."""
        return {**event.properties, "context": event.context} if self._in_context else event.properties

    def foreign(self, properties: Properties) -> bool:
        """Whether money in these properties is of another currency than the trait's."""
        return self.money and (properties.get("currency") or self._shop_currency) != self._currency

    def amount(self, value: Any) -> int | None:
        """A number in the trait's unit."""
        return amount(value, money=self.money, currency=self._currency)

    def amounts_in(self, basket: Basket, name: str) -> list[int | None]:
        """A property of every element of a list in the trait's unit."""
        return basket.amounts(name, self.amount, money=self.money, currency=self._currency)
