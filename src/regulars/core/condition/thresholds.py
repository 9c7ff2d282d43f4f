"""The constants at which a condition over something that moves with time can change."""

from collections.abc import Iterator

from regulars.core.condition.nodes import (
    Between,
    Call,
    Case,
    Compare,
    Constant,
    In,
    Interest,
    IsNull,
    Node,
    Ref,
    type_of,
    walk,
)
from regulars.core.condition.schema import Type


def thresholds(root: Node, moving: Ref | Interest) -> tuple[float, ...] | None:
    """The constants that the moving number is compared with, ascending; None where any movement may matter.

    As long as the number stays on one of them or strictly between two neighbours (and stays NULL or not NULL), the
    condition does not change on its account. `coalesce`, `least`, `greatest` and `case` are looked through; a number
    that is computed with, or compared with another one that is not a constant, makes the answer None.
    """
    found: set[float] = set()
    for node in walk(root):
        if node == moving and type_of(node) is not Type.NUMBER:
            return None
        if isinstance(node, IsNull) and any(_hides(choice, moving) for choice in _choices(node.item)):
            return None
        for left, right in _comparisons(node):
            for side, other in ((left, right), (right, left)):
                choices, others = list(_choices(side)), list(_choices(other))
                if any(_hides(choice, moving) for choice in choices):
                    return None
                if moving in choices:
                    if not all(isinstance(choice, Constant) for choice in others):
                        return None
                    values = (choice.value for choice in others if isinstance(choice, Constant))
                    found.update(value for value in values if isinstance(value, float))
    return tuple(sorted(found))


def _comparisons(node: Node) -> Iterator[tuple[Node, Node]]:
    match node:
        case Compare(_, left, right):
            yield left, right
        case Between(item, low, high):
            yield item, low
            yield item, high
        case In(item, options):
            for option in options:
                yield item, option


def _choices(node: Node) -> Iterator[Node]:
    """The nodes one of which gives the value: `coalesce(a, 0)` is a or 0."""
    match node:
        case Call("coalesce" | "least" | "greatest", arguments):
            for argument in arguments:
                yield from _choices(argument)
        case Case(branches, default):
            for _, value in branches:
                yield from _choices(value)
            yield from _choices(default)
        case _:
            yield node


def _hides(choice: Node, moving: Node) -> bool:
    """Whether the moving number takes part in a computation, such as `days * 2`."""
    return choice != moving and type_of(choice) is Type.NUMBER and moving in walk(choice)
