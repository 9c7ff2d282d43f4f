"""The functions of conditions: how many arguments each takes, of which types, and whether what they name is there."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeAlias

from sqlglot import exp

from regulars.core.condition.nodes import (
    MISSING,
    Call,
    Constant,
    InSegment,
    Interest,
    Node,
    Prefers,
    Ref,
    common_type,
    tracking_of,
    type_of,
)
from regulars.core.condition.schema import Schema, Type
from regulars.core.condition.text import constant_text, shown

_ONE = (1, 1)
ARITY = {
    "interest": _ONE, "in_segment": _ONE, "prefers": (2, 2), "tracking_sound": _ONE,
    "abs": _ONE, "lower": _ONE, "length": _ONE,
}  # fmt: skip


class Add(Protocol):
    """Notes a mistake at a part of the parser's tree."""

    def __call__(
        self, place: object, code: str, expects: str, suggestion: str | None = None, /, **values: object
    ) -> None:
        """At `place`: what is wrong, what is expected instead, and how it would be right."""
        ...


Near: TypeAlias = Callable[[str, Collection[str]], str | None]


class Functions:
    """Reads calls of functions; what is wrong with one goes to `add`, with the word that `near` finds meant."""

    def __init__(self, schema: Schema, add: Add, near: Near) -> None:
        self._schema = schema
        self._add = add
        self._near = near

    def read(self, function: str, arguments: Sequence[Node], tree: exp.Anonymous) -> Node:
        """A call with its arguments, which were read before."""
        fewest, most = ARITY.get(function, (1, None))
        if len(arguments) < fewest or (most is not None and len(arguments) > most):
            wanted = {1: "one_argument", 2: "two_texts", None: "some_arguments"}[most]
            self._add(tree, "arguments", wanted, function=function, number=len(arguments))
            return MISSING
        if function in ("interest", "in_segment"):
            return self._membership(function, arguments[0], tree)
        if function == "tracking_sound":
            return self._tracking(arguments[0], tree)
        if function == "prefers":
            return self._prefers(arguments, tree)
        if not self._arguments_fit(function, arguments, tree.expressions):
            return MISSING
        return Call(function, tuple(arguments))

    def _membership(self, function: str, argument: Node, tree: exp.Anonymous) -> Node:
        what, known = (
            ("interest", self._schema.interests) if function == "interest" else ("segment", self._schema.segments)
        )
        if not isinstance(argument, Constant) or not isinstance(argument.value, str):
            if argument is not MISSING:
                self._add(tree, "takes_text", "such_as", function=function, example=f"{function}('…')")
            return MISSING
        key = argument.value
        if known is not None and key not in known:
            near = self._near(key, known)
            self._add(
                tree.expressions[0],
                f"unknown_{what}",
                "" if near else "one_of_declared",
                constant_text(near) if near else None,
                word=constant_text(key[:60]),
                number=len(known),
            )
            # An interest is a number, a membership a boolean: keep the type, so that other mistakes are found too.
        if function == "interest":
            return Interest(key, self._schema.interest_slot)
        return InSegment(key, self._schema.segment_slot)

    def _tracking(self, argument: Node, tree: exp.Anonymous) -> Node:
        if not isinstance(argument, Constant) or not isinstance(argument.value, str):
            if argument is not MISSING:
                self._add(tree, "takes_text", "such_as", function="tracking_sound", example="tracking_sound('…')")
            return MISSING
        goal, known = argument.value, self._schema.goals
        if goal not in known:
            near = self._near(goal, known)
            self._add(
                tree.expressions[0],
                "unknown_goal",
                "goal_declared" if not known else "" if near else "one_of",
                constant_text(near) if near else None,
                word=constant_text(goal[:60]),
                known=", ".join(sorted(known)[:12]),
            )
            return MISSING
        return Ref(tracking_of(goal), known[goal], Type.BOOLEAN)

    def _prefers(self, arguments: Sequence[Node], tree: exp.Anonymous) -> Node:
        texts = [one.value for one in arguments if isinstance(one, Constant) and isinstance(one.value, str)]
        if len(texts) != len(arguments):
            if not any(one is MISSING for one in arguments):
                self._add(tree, "takes_text", "two_texts", function="prefers")
            return MISSING
        preference, answer = texts
        known = self._schema.preferences
        answers: frozenset[str] | None = None
        if preference not in known:
            near = self._near(preference, known)
            self._add(
                tree.expressions[0],
                "unknown_preference",
                "" if near else "one_of",
                constant_text(near) if near else None,
                word=constant_text(preference[:60]),
                known=", ".join(sorted(known)[:12]),
            )
        else:
            answers = known[preference]
        if answers and answer not in answers:
            near = self._near(answer, answers)
            self._add(
                tree.expressions[1],
                "never",
                "one_of",
                constant_text(near) if near else None,
                word=preference,
                value=constant_text(answer[:60]),
                known=", ".join(constant_text(one) for one in sorted(answers)[:12]),
            )
        return Prefers(preference, answer, self._schema.preference_slot)

    def _arguments_fit(self, function: str, arguments: Sequence[Node], places: Sequence[object]) -> bool:
        wanted = {"abs": Type.NUMBER, "lower": Type.TEXT, "length": Type.TEXT}.get(function, common_type(*arguments))
        fits = True
        for argument, place in zip(arguments, places, strict=True):
            found = type_of(argument)
            if found is not None and wanted is not None and found is not wanted:
                what, other = f"a_{found.value}", f"a_{wanted.value}"
                word = shown(argument)
                self._add(place, "is_a", "type_for", word=word, type=what, type_of_other=other, function=function)
                fits = False
        if fits and function in ("least", "greatest") and wanted is Type.BOOLEAN:
            self._add(places[0], "no_order", "numbers_or_texts", word=function)
            fits = False
        return fits
