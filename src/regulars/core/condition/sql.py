"""The condition as a DuckDB expression over the profile table, for counting a million profiles at once.

Where DuckDB differs from what a condition means, the expression says what is meant: all arithmetic in doubles (no
integer overflow, no decimal rounding), a divisor of 0 and a result that is not finite are NULL, `ilike` compares
lower-cased code points, membership and interest are never NULL.
"""

from regulars.core.condition.like import Pattern, elements, simple_form
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
    Like,
    Negate,
    Node,
    Not,
    Or,
    Prefers,
    Ref,
    Value,
    common_type,
)
from regulars.core.condition.schema import INTERESTS_COLUMN, PREFERENCES_COLUMN, SEGMENTS_COLUMN, Type

SQL_TYPES = {Type.NUMBER: "DOUBLE", Type.TEXT: "VARCHAR", Type.BOOLEAN: "BOOLEAN"}


def to_sql(node: Node) -> str:
    """The DuckDB text of a boolean node."""
    return _sql(node, Type.BOOLEAN)


def _sql(node: Node, wanted: Type) -> str:  # noqa: C901, PLR0911, PLR0912  # one form for each kind of node
    """The text of a node; `wanted` is the type of a NULL literal in this place."""
    match node:
        case Constant(value):
            return f"CAST(NULL AS {SQL_TYPES[wanted]})" if value is None else _literal(value)
        case Ref(name):
            return _quoted(name)
        case Interest(key):
            return f"coalesce({_quoted(INTERESTS_COLUMN)}[{_literal(key)}], 0e0)"
        case InSegment(segment):
            return f"coalesce(list_contains({_quoted(SEGMENTS_COLUMN)}, {_literal(segment)}), FALSE)"
        case Prefers():
            return f"coalesce(list_contains({_quoted(PREFERENCES_COLUMN)}, {_literal(node.key)}), FALSE)"
        case Not(item):
            return f"(NOT {_sql(item, Type.BOOLEAN)})"
        case And(items):
            return "(" + " AND ".join(_sql(item, Type.BOOLEAN) for item in items) + ")"
        case Or(items):
            return "(" + " OR ".join(_sql(item, Type.BOOLEAN) for item in items) + ")"
        case Compare(op, left, right):
            shared = common_type(left, right) or Type.NUMBER
            return f"({_sql(left, shared)} {op} {_sql(right, shared)})"
        case Between(item, low, high):
            shared = common_type(item, low, high) or Type.NUMBER
            return f"({_sql(item, shared)} BETWEEN {_sql(low, shared)} AND {_sql(high, shared)})"
        case In(item, options):
            shared = common_type(item, *options) or Type.NUMBER
            return f"({_sql(item, shared)} IN ({', '.join(_sql(option, shared) for option in options)}))"
        case IsNull(item):
            return f"({_sql(item, common_type(item) or Type.NUMBER)} IS NULL)"
        case IsTruth(item, truth):
            return f"({_sql(item, Type.BOOLEAN)} IS NOT DISTINCT FROM {str(truth).upper()})"
        case Like(item, pattern):
            return _like(_sql(item, Type.TEXT), pattern)
        case Arith():
            return _kept_if(_open(node), "isfinite({0})")
        case Negate(item):
            return f"(-{_double(item)})"
        case Call("abs", (item,)):
            return f"abs({_double(item)})"
        case Call(function, arguments):
            shared = Type.TEXT if function in ("lower", "length") else wanted
            return f"{function}({', '.join(_sql(argument, shared) for argument in arguments)})"
        case Case(branches, default):
            whens = " ".join(f"WHEN {_sql(test, Type.BOOLEAN)} THEN {_sql(value, wanted)}" for test, value in branches)
            return f"CASE {whens} ELSE {_sql(default, wanted)} END"
        case _:
            raise AssertionError(f"no SQL for {node}")


def _open(node: Node) -> str:
    """Arithmetic without the check that the result is finite, for use inside more arithmetic.

    One check at the outside is enough: under + - * and a finite divisor, what is not finite stays so.
    """
    match node:
        case Arith("/", left, right):
            return f"({_open(left)} / {_divisor(right)})"
        case Arith(op, left, right):
            return f"({_open(left)} {op} {_open(right)})"
        case Negate(item):
            return f"(-{_open(item)})"
        case Call("abs", (item,)):
            return f"abs({_open(item)})"
        case _:
            return _double(node)


def _divisor(node: Node) -> str:
    match node:
        case Constant(value):
            return _sql(node if value else Constant(None), Type.NUMBER)
        case Ref():
            return _kept_if(_double(node), "{0} <> 0e0")
        case _:
            return _kept_if(_open(node), "{0} <> 0e0 AND isfinite({0})", once=True)


def _kept_if(text: str, condition: str, *, once: bool = False) -> str:
    """The value where `condition` of it holds, else NULL.

    CASE is quickest and writes the text twice. Twice within twice would grow without bound, so from the second level
    on (and where `once` demands it) a lambda over a list of one gives the value a name.
    """
    if once or "isfinite(" in text:
        return f"list_transform([{text}], lambda x: CASE WHEN {condition.format('x')} THEN x END)[1]"
    return f"CASE WHEN {condition.replace('{0}', text)} THEN {text} END"


def _double(node: Node) -> str:
    text = _sql(node, Type.NUMBER)
    return text if isinstance(node, Constant | Arith | Negate | Interest) else f"CAST({text} AS DOUBLE)"


def _like(text: str, pattern: Pattern) -> str:
    if pattern.ignore_case:
        text = f"lower({text})"
    simple = simple_form(pattern)
    if simple is not None:
        form, core = simple
        functions = {"starts": "starts_with", "ends": "ends_with", "contains": "contains"}
        return f"({text} = {_literal(core)})" if form == "equals" else f"{functions[form]}({text}, {_literal(core)})"
    written = {"": "_", "%%": "%", "_": "\\_", "%": "\\%", "\\": "\\\\"}
    source = "".join(written.get(element, element) for element in elements(pattern))
    return f"({text} LIKE {_literal(source)} ESCAPE '\\')"


def _literal(value: Value) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            # An exponent makes it a DOUBLE; 0.1 alone would be a DECIMAL.
            written = repr(float(value))
            return written if "e" in written else written + "e0"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
