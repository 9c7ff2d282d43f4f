"""A condition: one text, three readings that agree (a closure, SQL, an explanation)."""

from collections.abc import Callable, Sequence

from regulars.core.condition.closure import compile_closure
from regulars.core.condition.explain import Explanation, explain
from regulars.core.condition.interpret import Row
from regulars.core.condition.mistakes import InvalidCondition, Mistake, Mistakes
from regulars.core.condition.nodes import InSegment, Interest, Node, Prefers, Ref, walk
from regulars.core.condition.parse import parse
from regulars.core.condition.schema import Schema
from regulars.core.condition.sql import to_sql
from regulars.core.condition.text import text_of
from regulars.core.condition.thresholds import thresholds


def compile_condition(text: str, schema: Schema, *, where: str = "") -> "Condition":
    """Compile a condition, or raise InvalidCondition (a Misconfigured) with every mistake found in it.

    `where` names the file and key for the message, such as "segments.toml: segments.cyclists.when".
    """
    mistakes = Mistakes(text)
    condition = _compile(text, schema, mistakes)
    if condition is None:
        raise InvalidCondition(text, where, mistakes.found)
    return condition


def check(text: str, schema: Schema) -> list[Mistake]:
    """Every mistake found in a condition, in the order of the text; empty when it compiles."""
    mistakes = Mistakes(text)
    _compile(text, schema, mistakes)
    return mistakes.found


def _compile(text: str, schema: Schema, mistakes: Mistakes) -> "Condition | None":
    try:
        node = parse(text, schema, mistakes)
        return None if node is None else Condition(text, node)
    except RecursionError:
        # The bounds on nesting leave the caller at least 200 of Python's 1000 stack frames; this one had used more.
        mistakes.add(0, "too_deep_here", expects="fewer_brackets")
        return None


class Condition:
    """A compiled condition. It does not change and may be shared."""

    __slots__ = (
        "_interests",
        "_node",
        "_refs",
        "evaluate",
        "interests",
        "names",
        "preferences",
        "segments",
        "test",
        "text",
    )

    text: str
    names: frozenset[str]
    """The names that the condition reads."""
    segments: frozenset[str]
    """The segments that it asks about."""
    interests: frozenset[str]
    """The interests that it asks about."""
    preferences: frozenset[str]
    """The preferences that it asks about with prefers()."""
    test: Callable[[Row], bool]
    """`test(row)` is True when the condition is TRUE for the row; FALSE and NULL are False."""
    evaluate: Callable[[Row], bool | None]
    """`evaluate(row)` is True, False, or None for NULL."""

    def __init__(self, text: str, node: Node) -> None:
        self.text = text
        self._node = node
        self.test, self.evaluate = compile_closure(node)
        parts = list(walk(node))
        self._refs = {part.name: part for part in parts if isinstance(part, Ref)}
        self._interests = {part.key: part for part in parts if isinstance(part, Interest)}
        self.names = frozenset(self._refs)
        self.interests = frozenset(self._interests)
        self.segments = frozenset(part.segment for part in parts if isinstance(part, InSegment))
        self.preferences = frozenset(part.preference for part in parts if isinstance(part, Prefers))

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    @property
    def node(self) -> Node:
        """The meaning as a tree."""
        return self._node

    def sql(self, dialect: str = "duckdb") -> str:
        """A boolean expression over the profile table: a column per name, `segments`, `interests`."""
        if dialect != "duckdb":
            raise ValueError(f"a condition has no reading in {dialect}; the profile table is read with duckdb")
        return to_sql(self._node)

    def normal_text(self) -> str:
        """The condition rewritten in one style, with the fewest brackets."""
        return text_of(self._node)

    def explain(self, row: Sequence[object]) -> Explanation:
        """Why the condition holds or not for the row, clause by clause."""
        return explain(self._node, row)

    def thresholds(self, name: str) -> tuple[float, ...] | None:
        """The constants that `name` is compared with, ascending; () if it is not used.

        Only when the number moves onto, off or across one of them can the condition change on its account. None
        means that it may change at any time (the name is computed with, or is no number). Whether the name becomes
        NULL is not a matter of thresholds.
        """
        ref = self._refs.get(name)
        return () if ref is None else thresholds(self._node, ref)

    def interest_thresholds(self, key: str) -> tuple[float, ...] | None:
        """The same for the strength of an interest, which decays with time."""
        interest = self._interests.get(key)
        return () if interest is None else thresholds(self._node, interest)
