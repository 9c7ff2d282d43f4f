"""The meaning of a condition as a tree: small, typed, and free of the parser that read it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from regulars.core.condition.like import Pattern
from regulars.core.condition.schema import MOMENT, Type

Kleene = bool | None
"""TRUE, FALSE, or None for NULL."""

Value = float | str | bool | None
"""A number, text or boolean; None for NULL."""


#: Begins the names that `tracking_sound('goal')` reads; no name that a shop declares has a blank in it.
TRACKING = f"{MOMENT}tracking "


class Constant(msgspec.Struct, frozen=True):
    """A literal; None is NULL, which fits every type."""

    value: Value


class Ref(msgspec.Struct, frozen=True):
    """The value of a name."""

    name: str
    slot: int
    type: Type


def tracking_of(goal: str) -> str:
    """The name that holds whether the tracking of a goal is sound, which `tracking_sound('goal')` reads."""
    return f"{TRACKING}{goal}"


class Interest(msgspec.Struct, frozen=True):
    """The strength of an interest; 0.0 where the customer has shown none."""

    key: str
    slot: int


class InSegment(msgspec.Struct, frozen=True):
    """Whether the profile is a member of the segment; never NULL."""

    segment: str
    slot: int


class Prefers(msgspec.Struct, frozen=True):
    """Whether the customer declared this answer; never NULL."""

    preference: str
    answer: str
    slot: int

    @property
    def key(self) -> str:
        """As the row holds it."""
        return f"{self.preference}={self.answer}"


class Not(msgspec.Struct, frozen=True):
    """Kleene negation."""

    item: Node


class And(msgspec.Struct, frozen=True):
    """Kleene conjunction of two items or more."""

    items: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True):
    """Kleene disjunction of two items or more."""

    items: tuple[Node, ...]


class Compare(msgspec.Struct, frozen=True):
    """`op` is one of = <> < <= > >=; NULL when a side is NULL."""

    op: str
    left: Node
    right: Node


class Between(msgspec.Struct, frozen=True):
    """`item >= low and item <= high`."""

    item: Node
    low: Node
    high: Node


class In(msgspec.Struct, frozen=True):
    """`item = option or item = option or …`."""

    item: Node
    options: tuple[Node, ...]


class IsNull(msgspec.Struct, frozen=True):
    """Whether the item is NULL."""

    item: Node


class IsTruth(msgspec.Struct, frozen=True):
    """Whether a boolean is exactly `truth`; NULL is neither."""

    item: Node
    truth: bool


class Like(msgspec.Struct, frozen=True):
    """Whether a text matches a pattern."""

    item: Node
    pattern: Pattern


class Arith(msgspec.Struct, frozen=True):
    """`op` is one of + - * /, in doubles; NULL when the result is not finite or the divisor is 0."""

    op: str
    left: Node
    right: Node


class Negate(msgspec.Struct, frozen=True):
    """Unary minus."""

    item: Node


class Call(msgspec.Struct, frozen=True):
    """A function of values: coalesce, least, greatest, abs, lower or length."""

    function: str
    arguments: tuple[Node, ...]


class Case(msgspec.Struct, frozen=True):
    """The value of the first branch whose condition is TRUE, else the default."""

    branches: tuple[tuple[Node, Node], ...]
    default: Node


Node = (
    Constant
    | Ref
    | Interest
    | InSegment
    | Prefers
    | Not
    | And
    | Or
    | Compare
    | Between
    | In
    | IsNull
    | IsTruth
    | Like
    | Arith
    | Negate
    | Call
    | Case
)

#: Stands where a mistake was found; NULL fits every type, so one mistake does not make others.
MISSING = Constant(None)


def children(node: Node) -> tuple[Node, ...]:
    """The direct parts of a node, from left to right."""
    match node:
        case Constant() | Ref() | Interest() | InSegment() | Prefers():
            return ()
        case And(items) | Or(items):
            return items
        case Compare(_, left, right) | Arith(_, left, right):
            return (left, right)
        case Between(item, low, high):
            return (item, low, high)
        case In(item, options):
            return (item, *options)
        case Call(_, arguments):
            return arguments
        case Case(branches, default):
            return (*(part for branch in branches for part in branch), default)
        case Not(item) | IsNull(item) | IsTruth(item) | Like(item) | Negate(item):
            return (item,)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, from left to right."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))


def type_of(node: Node) -> Type | None:
    """The type of the node's value; None where it can only be NULL."""
    match node:
        case Constant(value):
            if value is None:
                return None
            if isinstance(value, bool):
                return Type.BOOLEAN
            return Type.TEXT if isinstance(value, str) else Type.NUMBER
        case Ref(_, _, declared):
            return declared
        case Interest() | Arith() | Negate():
            return Type.NUMBER
        case Call("abs" | "length"):
            return Type.NUMBER
        case Call("lower"):
            return Type.TEXT
        case Call(_, arguments):
            return common_type(*arguments)
        case Case(branches, default):
            return common_type(*(value for _, value in branches), default)
        case _:
            return Type.BOOLEAN


def common_type(*nodes: Node) -> Type | None:
    """The type of the first node that is not merely NULL; a checked tree has only one."""
    return next((known for known in map(type_of, nodes) if known is not None), None)
