"""A tree written as a condition again, with the fewest brackets."""

from regulars.core.condition.nodes import (
    TRACKING,
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
)

OR, AND, NOT, TEST, SUM, PRODUCT, SIGN, ATOM = range(8)
STRENGTH = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}


def text_of(node: Node) -> str:
    """The condition's text; compiling it gives the same tree."""
    return _write(node)[0]


def constant_text(value: Value) -> str:
    """A literal as the language writes it.

    >>> constant_text("it's"), constant_text(2.0), constant_text(0.5)
    ("'it''s'", '2', '0.5')
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def name_text(name: str) -> str:
    """A name, quoted where it is not plain words joined by dots; what a function reads, as its call."""
    if name.startswith(TRACKING):
        return f"tracking_sound({constant_text(name.removeprefix(TRACKING))})"
    plain = all(part.isidentifier() for part in name.split("."))
    return name if plain else '"' + name.replace('"', '""') + '"'


def _within(node: Node, at_least: int) -> str:
    text, strength = _write(node)
    return text if strength >= at_least else f"({text})"


def _write(node: Node) -> tuple[str, int]:  # noqa: C901, PLR0911  # one form for each kind of node
    match node:
        case Constant(value):
            return constant_text(value), ATOM
        case Ref(name):
            return name_text(name), ATOM
        case Interest(key):
            return f"interest({constant_text(key)})", ATOM
        case InSegment(segment):
            return f"in_segment({constant_text(segment)})", ATOM
        case Prefers(preference, answer):
            return f"prefers({constant_text(preference)}, {constant_text(answer)})", ATOM
        case Or(items):
            return " or ".join(_within(item, AND) for item in items), OR
        case And(items):
            return " and ".join(_within(item, NOT) for item in items), AND
        case Arith(op, left, right):
            strength = STRENGTH[op]
            return f"{_within(left, strength)} {op} {_within(right, strength + 1)}", strength
        case Negate(item):
            return f"-{_within(item, ATOM)}", SIGN
        case Call(function, arguments):
            return f"{function}({', '.join(map(text_of, arguments))})", ATOM
        case Case(branches, default):
            whens = " ".join(f"when {text_of(test)} then {text_of(value)}" for test, value in branches)
            return f"case {whens} else {text_of(default)} end", ATOM
        case Not(item):
            return _write_not(item)
        case _:
            return _write_test(node, ""), TEST


def _write_not(item: Node) -> tuple[str, int]:
    if isinstance(item, Between | In | Like | IsNull | IsTruth):
        return _write_test(item, "not "), TEST
    return f"not {_within(item, TEST)}", NOT


def _write_test(node: Node, negation: str) -> str:
    match node:
        case Compare(op, left, right):
            return f"{_within(left, SUM)} {op} {_within(right, SUM)}"
        case Between(item, low, high):
            return f"{_within(item, SUM)} {negation}between {_within(low, SUM)} and {_within(high, SUM)}"
        case In(item, options):
            return f"{_within(item, SUM)} {negation}in ({', '.join(map(text_of, options))})"
        case Like(item, pattern):
            word = "ilike" if pattern.ignore_case else "like"
            escape = f" escape {constant_text(pattern.escape)}" if pattern.escape else ""
            return f"{_within(item, SUM)} {negation}{word} {constant_text(pattern.source)}{escape}"
        case IsNull(item):
            return f"{_within(item, SUM)} is {negation}null"
        case IsTruth(item, truth):
            return f"{_within(item, SUM)} is {negation}{str(truth).lower()}"
        case _:
            raise AssertionError(f"not a test: {node}")


def shown(node: Node) -> str:
    """A part as a message names it: what is long is cut."""
    text = text_of(node)
    return text if len(text) <= 60 else text[:60] + "…"
