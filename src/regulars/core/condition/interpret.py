"""What a condition means, one rule a line: the reading that explanations use and the other two must equal."""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from regulars.core.condition.like import lower, matches
from regulars.core.condition.nodes import (
    And,
    Arith,
    Between,
    Call,
    Case,
    Compare,
    Constant,
    In,
    InSegment,
    Interest,
    IsNull,
    IsTruth,
    Kleene,
    Like,
    Negate,
    Node,
    Not,
    Or,
    Prefers,
    Ref,
    Value,
)

Row = Sequence[object]


def truth(node: Node, row: Row) -> Kleene:
    """The value of a boolean node: True, False, or None for NULL."""
    value = value_of(node, row)
    if value is None or isinstance(value, bool):
        return value
    raise TypeError(f"a boolean was expected in the row for {node}, got {value!r}")


def value_of(node: Node, row: Row) -> Value:  # noqa: C901, PLR0911, PLR0912  # one rule for each kind of node
    """The value of any node; None is NULL."""
    match node:
        case Constant(value):
            return value
        case Ref(name, slot):
            return _checked(name, row[slot])
        case Interest(key, slot):
            return _strength(key, row[slot])
        case InSegment(segment, slot):
            return _is_member(segment, row[slot])
        case Prefers(slot=slot):
            return _is_member(node.key, row[slot])
        case Not(item):
            return _negated(truth(item, row))
        case And(items):
            return _all(truth(item, row) for item in items)
        case Or(items):
            return _negated(_all(_negated(truth(item, row)) for item in items))
        case Compare(op, left, right):
            return compare(op, value_of(left, row), value_of(right, row))
        case Between(item, low, high):
            value = value_of(item, row)
            return _all((compare(">=", value, value_of(low, row)), compare("<=", value, value_of(high, row))))
        case In(item, options):
            value = value_of(item, row)
            return _negated(_all(compare("<>", value, value_of(option, row)) for option in options))
        case IsNull(item):
            return value_of(item, row) is None
        case IsTruth(item, wanted):
            return truth(item, row) is wanted
        case Like(item, pattern):
            text = value_of(item, row)
            return matches(pattern, text) if isinstance(text, str) else None
        case Arith(op, left, right):
            return _computed(op, _number(left, row), _number(right, row))
        case Negate(item):
            number = _number(item, row)
            return None if number is None else -number
        case Call(function, arguments):
            return _called(function, [value_of(argument, row) for argument in arguments])
        case Case(branches, default):
            return next((value_of(value, row) for test, value in branches if truth(test, row)), value_of(default, row))


def compare(op: str, left: Value, right: Value) -> Kleene:
    """A comparison in SQL: NULL when a side is NULL; texts by code point."""
    if left is None or right is None:
        return None
    match op:
        case "=":
            return left == right
        case "<>":
            return left != right
    below, equal = left < right, left == right  # type: ignore[operator]  # both sides have one type: checked
    match op:
        case "<":
            return below
        case "<=":
            return below or equal
        case ">":
            return not (below or equal)
        case _:
            return not below


def _all(values: Iterable[Kleene]) -> Kleene:
    """Kleene conjunction."""
    known = set(values)
    if False in known:
        return False
    return None if None in known else True


def _negated(value: Kleene) -> Kleene:
    return None if value is None else not value


def _number(node: Node, row: Row) -> float | None:
    value = value_of(node, row)
    return None if value is None else float(value)


def _computed(op: str, left: float | None, right: float | None) -> float | None:
    """Arithmetic in doubles; NULL for a NULL side, a divisor of 0 and a result that is not finite."""
    if left is None or right is None or (op == "/" and right == 0.0):
        return None
    match op:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case _:
            result = left / right
    return result if math.isfinite(result) else None


def _called(function: str, values: Sequence[Value]) -> Value:
    known = [value for value in values if value is not None]
    if not known:
        return None
    first = known[0]
    match function:
        case "coalesce":
            return first
        case "least":
            return min(known)
        case "greatest":
            return max(known)
        case "lower" if isinstance(first, str):
            return lower(first)
        case "length" if isinstance(first, str):
            return len(first)
        case "abs" if not isinstance(first, str):
            return abs(first)
        case _:
            raise AssertionError(f"no function {function} of {values}")


def _strength(key: str, strengths: object) -> float:
    if not isinstance(strengths, Mapping):
        raise TypeError(f"the row holds {type(strengths).__name__} where the strengths of interests should be")
    return float(strengths.get(key, 0.0))


def _is_member(segment: str, members: object) -> bool:
    if not isinstance(members, AbstractSet):
        raise TypeError(f"the row holds {type(members).__name__} where a set of texts should be")
    return segment in members


def _checked(name: str, value: object) -> Value:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"the row holds {type(value).__name__} for {name}, not a number, text or boolean")
