"""Read a condition: text to checked tree, with every mistake noted on the way."""

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError

from regulars.core.condition.mistakes import Mistakes
from regulars.core.condition.nodes import Node
from regulars.core.condition.read import Reader
from regulars.core.condition.schema import Schema
from regulars.core.condition.tokens import KEYWORDS, SIGNS, Tokens, read_tokens

# Chains such as a + b + c nest without brackets; what reads the tree recurses, so they are bounded too.
MAX_DEPTH = 64


def parse(text: str, schema: Schema, mistakes: Mistakes) -> Node | None:
    """The checked tree, or None when `mistakes` has something to say."""
    tokens = read_tokens(text, schema, mistakes)
    if tokens is None:
        return None
    tree = _parse_shape(text, tokens, mistakes)
    if tree is None:
        return None
    if _depth(tree) > MAX_DEPTH:
        mistakes.add(0, "too_many_operations", expects="at_most_chained", most=MAX_DEPTH)
        return None
    node = Reader(tokens.leaves, schema, mistakes).read_condition(tree)
    return None if mistakes.found else node


def _parse_shape(text: str, tokens: Tokens, mistakes: Mistakes) -> exp.Expression | None:
    # With the whole text as context, what stands before an error tells its position.
    parser = Dialect.get_or_raise("duckdb").parser(error_level=ErrorLevel.IMMEDIATE, error_message_context=len(text))
    try:
        trees = parser.parse_into(exp.Condition, tokens.tokens, text)
    except ParseError as error:
        details = error.errors[0] if error.errors else {}
        position = len(str(details.get("start_context", "")))
        word = str(details.get("highlight", ""))[:40]
        if not tokens.foreign:
            code = _explained(text, position, word, str(details.get("description", "")))
            mistakes.add(position, code, word=repr(word))
        return None
    tree = trees[0] if trees else None
    if not isinstance(tree, exp.Expression):
        mistakes.add(0, "no_condition", expects="such_as_comparison")
        return None
    return tree


def _explained(text: str, position: int, word: str, description: str) -> str:
    at_end = not text[position + len(word) :].strip()
    if "Required keyword" in description or (at_end and word.lower() in SIGNS | KEYWORDS - {"null", "true", "false"}):
        return "missing_after" if word else "missing_at_end"
    return "not_here"


def _depth(tree: exp.Expression) -> int:
    """Levels of the tree; a chain of the same and/or is one level, since it is read as one."""
    deepest = 0
    waiting: list[tuple[exp.Expression, int]] = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        deepest = max(deepest, level)
        for child in node.iter_expressions():
            chained = isinstance(node, exp.And | exp.Or) and type(child) is type(node)
            waiting.append((child, level if chained else level + 1))
    return deepest
