"""Why a condition holds or not for one row, clause by clause."""

from __future__ import annotations

from enum import Enum

import msgspec

from regulars.core.condition.interpret import Row, truth, value_of
from regulars.core.condition.nodes import (
    And,
    Between,
    Compare,
    Constant,
    In,
    InSegment,
    Interest,
    IsNull,
    IsTruth,
    Like,
    Node,
    Not,
    Or,
    Prefers,
    Ref,
    Value,
    walk,
)
from regulars.core.condition.text import text_of


class Expected(Enum):
    """What a clause asks of its subject; `Clause.expected` holds the arguments."""

    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    LESS = "less"
    AT_MOST = "at_most"
    MORE = "more"
    AT_LEAST = "at_least"
    BETWEEN = "between"
    NOT_BETWEEN = "not_between"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    LIKE = "like"
    NOT_LIKE = "not_like"
    NULL = "null"
    NOT_NULL = "not_null"
    MEMBER = "member"
    NOT_MEMBER = "not_member"
    DECLARED = "declared"
    NOT_DECLARED = "not_declared"
    TRUE = "true"
    NOT_TRUE = "not_true"
    FALSE = "false"
    NOT_FALSE = "not_false"


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a condition with its verdict.

    `kind` is and, or, not (with `children`) or clause: then `code` and `expected` say what was asked of the subject,
    `actual` is what the subject was, and `names` holds every name (or interest, as its text) with its value.
    """

    kind: str
    text: str
    verdict: bool | None
    children: tuple[Explanation, ...] = ()
    code: Expected | None = None
    expected: tuple[Value, ...] = ()
    actual: Value = None
    names: tuple[tuple[str, Value], ...] = ()


COMPARED = {
    "=": Expected.EQUAL,
    "<>": Expected.NOT_EQUAL,
    "<": Expected.LESS,
    "<=": Expected.AT_MOST,
    ">": Expected.MORE,
    ">=": Expected.AT_LEAST,
}
NEGATED = {
    Expected.EQUAL: Expected.NOT_EQUAL,
    Expected.LESS: Expected.AT_LEAST,
    Expected.MORE: Expected.AT_MOST,
    Expected.BETWEEN: Expected.NOT_BETWEEN,
    Expected.ONE_OF: Expected.NONE_OF,
    Expected.LIKE: Expected.NOT_LIKE,
    Expected.NULL: Expected.NOT_NULL,
    Expected.MEMBER: Expected.NOT_MEMBER,
    Expected.DECLARED: Expected.NOT_DECLARED,
    # A bare boolean that is not true is false or unknown; Kleene's not keeps the unknown apart by the verdict.
    Expected.TRUE: Expected.FALSE,
}
NEGATED |= {negated: code for code, negated in NEGATED.items()}
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def explain(node: Node, row: Row) -> Explanation:
    """The explanation of a boolean node for a row."""
    verdict = truth(node, row)
    expected: tuple[Node, ...] = ()
    match node:
        case And(items) | Or(items):
            parts = tuple(explain(item, row) for item in items)
            kind = "and" if isinstance(node, And) else "or"
            return Explanation(kind=kind, text=text_of(node), verdict=verdict, children=parts)
        case Not(And() | Or() | Not() as item):
            return Explanation(kind="not", text=text_of(node), verdict=verdict, children=(explain(item, row),))
        case Not(IsTruth(item, wanted)):
            code = Expected.NOT_TRUE if wanted else Expected.NOT_FALSE
            subject = item
        case Not(item):
            asked, subject, expected = _asked(item)
            code = NEGATED[asked]
        case _:
            code, subject, expected = _asked(node)
    return Explanation(
        kind="clause",
        text=text_of(node),
        verdict=verdict,
        code=code,
        expected=tuple(value_of(argument, row) for argument in expected),
        actual=value_of(subject, row),
        names=_names(node, row),
    )


def _asked(node: Node) -> tuple[Expected, Node, tuple[Node, ...]]:
    """(what is asked, of which subject, with which arguments)."""
    match node:
        case Compare(op, Constant() as left, right) if not isinstance(right, Constant):
            return COMPARED[MIRRORED[op]], right, (left,)
        case Compare(op, left, right):
            return COMPARED[op], left, (right,)
        case Between(item, low, high):
            return Expected.BETWEEN, item, (low, high)
        case In(item, options):
            return Expected.ONE_OF, item, options
        case Like(item, pattern):
            return Expected.LIKE, item, (Constant(pattern.source),)
        case IsNull(item):
            return Expected.NULL, item, ()
        case IsTruth(item, wanted):
            return (Expected.TRUE if wanted else Expected.FALSE), item, ()
        case InSegment(segment):
            return Expected.MEMBER, node, (Constant(segment),)
        case Prefers(_, answer):
            return Expected.DECLARED, node, (Constant(answer),)
        case _:
            return Expected.TRUE, node, ()


def _names(node: Node, row: Row) -> tuple[tuple[str, Value], ...]:
    found = {
        text_of(part): value_of(part, row)
        for part in walk(node)
        if isinstance(part, Ref | Interest | InSegment | Prefers)
    }
    return tuple(found.items())
