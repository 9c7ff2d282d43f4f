"""Amounts that are beyond what is counted: such an event fails, whoever sent it, instead of counting as nothing.

Of the properties that traits add up or keep, and of what orders are made of, each number is looked at once. What is no
number is the tracking plan's business. Orders are looked at whatever the plan says: their money is always counted.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from regulars.collect.plan import Failure, shown
from regulars.core.definitions import Definitions, Trait
from regulars.core.event import ORDER_EVENTS
from regulars.core.money import LARGEST, LARGEST_KEPT, SCALE, exponent, is_money

#: Pieces, or grams, of one line of an order.
MOST_PIECES = 10**9
_ORDER_MONEY = ("total", "revenue", "value", "refund", "amount", "products.price")
_PLAIN = frozenset((int, float))
_Path = tuple[str, tuple[str, ...], int | None]  # as written, its names, the limit; None: money, by its currency


class Amounts:
    """What is looked at, by event name."""

    def __init__(self, definitions: Definitions) -> None:
        self._currency = definitions.shop.currency
        found: dict[str, dict[str, int | None]] = {}
        for trait in definitions.traits:
            for path, limit in _read(trait):
                for name in trait.events:
                    known = found.setdefault(name, {})
                    known[path] = limit if path not in known else _lower(known[path], limit)
        for name in ORDER_EVENTS:
            known = found.setdefault(name, {})
            known.update(dict.fromkeys(_ORDER_MONEY))
            known["products.quantity"] = MOST_PIECES
        self._paths: dict[str, tuple[_Path, ...]] = {
            name: tuple((path, tuple(path.split(".")), limit) for path, limit in sorted(known.items()))
            for name, known in found.items()
        }
        # Of orders: what each line may hold at most, and the paths that lead elsewhere.
        self._leaves = {name: _leaves(self._paths[name]) for name in ORDER_EVENTS}
        self._elsewhere = {name: tuple(one for one in self._paths[name] if not _of_line(one)) for name in ORDER_EVENTS}

    def failure(self, name: str, properties: Mapping[str, Any]) -> Failure | None:
        """What is too large in the properties of an event; None when nothing is."""
        paths = self._paths.get(name)
        if paths is None:
            return None
        leaves = self._leaves.get(name)
        plain = leaves is not None and self._plain_lines(properties, leaves)
        for path, names, limit in self._elsewhere[name] if plain else paths:
            held = properties.get(names[0])
            if held is None:
                continue
            if len(names) == 1 and type(held) in (int, float):
                largest = self._money(properties) if limit is None else limit
                if -largest < held < largest:
                    continue
            for value in _numbers(held, names[1:]):
                largest = self._money(properties) if limit is None else limit
                if not -largest < value < largest:
                    return _too_large(path, largest, value)
        return None if leaves is None or plain else self._order(properties)

    def _plain_lines(self, properties: Mapping[str, Any], leaves: Mapping[str, int | None]) -> bool:
        """Whether the lines of an order hold plain numbers, none too large: nearly all do, and are seen so at once."""
        lines = properties.get("products")
        if type(lines) is not list:
            return lines is None
        largest, total = self._money(properties), 0.0
        for line in lines:
            if type(line) is not dict:
                return False
            for leaf, limit in leaves.items():
                value = line.get(leaf)
                if value is not None:
                    bound = largest if limit is None else limit
                    if type(value) not in _PLAIN or not -bound < value < bound:
                        return False
            pieces = line.get("quantity")
            total += abs((line.get("price") or 0) * (1 if pieces is None else pieces))
        return total < largest

    def _order(self, properties: Mapping[str, Any]) -> Failure | None:
        """What is wrong with the lines of an order as a whole."""
        lines = properties.get("products")
        if lines is None:
            return None
        if not isinstance(lines, list):
            return Failure("wrong_type", "properties.products", "a list of products", shown(lines))
        largest, total = self._money(properties), 0.0
        for line in lines:
            if isinstance(line, dict):
                price, pieces = _number(line.get("price")), _number(line.get("quantity"))
                total += abs((price or 0) * (1 if pieces is None else pieces))
        return None if total < largest else _too_large("products", largest, total)

    def _money(self, properties: Mapping[str, Any]) -> int:
        """The smallest amount that is too large, in major units of the event's currency."""
        currency = properties.get("currency")
        places = exponent(currency if isinstance(currency, str) else self._currency)
        scale: int = 10**places
        return LARGEST // scale


def _read(trait: Trait) -> Iterable[tuple[str, int | None]]:
    """The paths of properties from which a trait reads numbers, and how large those may be."""
    if trait.kind == "sum":
        yield trait.of, None if is_money(trait.of) else LARGEST // SCALE
    elif trait.kind in ("first", "last", "max") and trait.of and trait.type == "number":
        yield trait.of, None if is_money(trait.of) else LARGEST_KEPT
    elif trait.kind == "affinity" and isinstance(trait.weight, str):
        yield trait.weight, None if is_money(trait.weight) else LARGEST // SCALE


def _of_line(path: _Path) -> bool:
    """Whether a path leads to a value of an order's line itself."""
    return len(path[1]) == 2 and path[1][0] == "products"


def _leaves(paths: Iterable[_Path]) -> dict[str, int | None]:
    """What the values of an order's line may be at most, by their names."""
    return {path[1][1]: path[2] for path in paths if _of_line(path)}


def _lower(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def _numbers(held: Any, names: tuple[str, ...]) -> Iterable[float]:
    """Every number at the end of a path, through lists and objects."""
    if isinstance(held, list):
        for one in held:
            yield from _numbers(one, names)
    elif names:
        if isinstance(held, dict):
            yield from _numbers(held.get(names[0]), names[1:])
    elif (number := _number(held)) is not None:
        yield number


def _number(value: Any) -> float | None:
    """A number, also when it was sent as text; None for anything else, and for what is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > 400:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if number != number else number  # noqa: PLR0124 - not a number


def _too_large(path: str, largest: int, got: float) -> Failure:
    return Failure("too_large_amount", f"properties.{path}", f"an amount below {largest:,}", shown(got))
