"""Conditions for readers: names as the shop titles them, amounts as money, shares as per cent."""

from collections.abc import Collection

import msgspec

from regulars.console.formats import Formats
from regulars.console.words import Words
from regulars.core.condition import Expected, Explanation, value_in_words
from regulars.core.condition.words import WORDS
from regulars.core.definitions import Definitions, Trait
from regulars.core.money import is_money
from regulars.core.schema import LIFECYCLE_STAGES, PREFERENCE

_MEMBERS = {Expected.MEMBER: "clause.member", Expected.NOT_MEMBER: "clause.not_member"}
_DECLARED = {Expected.DECLARED: "clause.declared", Expected.NOT_DECLARED: "clause.not_declared"}
#: Traits whose value is a number in the unit of the property that they read.
_MEASURES = frozenset({"sum", "max", "last", "first"})


class Clause(msgspec.Struct, frozen=True):
    """A part of a condition, ready to be shown."""

    kind: str  # and, or, not, clause
    verdict: bool | None
    subject: str = ""
    code: bool = False  # the subject is the condition's own text
    asks: str = ""
    actual: str = ""
    inputs: str = ""  # the values that a computed clause was made of
    children: tuple["Clause", ...] = ()


class Reader:
    """Turns explanations into clauses in one language."""

    def __init__(
        self, definitions: Definitions, words: Words, formats: Formats, declared: Collection[str] = ()
    ) -> None:
        self._declared_interests = declared
        self._words = words
        self._formats = formats
        self._traits = {trait.name: trait for trait in definitions.traits}
        self._segments = {segment.id: words.of(segment.title, segment.id) for segment in definitions.segments}

        self._preferences = {
            one.id: (
                words.of(one.title, one.id),
                {answer: words.of(said, answer) for answer, said in one.options.items()},
            )
            for one in definitions.preferences
        }

    def read(self, explanation: Explanation) -> Clause:
        """The explanation with everything in words."""
        if explanation.kind != "clause":
            children = tuple(self.read(child) for child in explanation.children)
            return Clause(explanation.kind, explanation.verdict, children=children)
        if explanation.code in _MEMBERS:
            title = self._segments.get(str(explanation.expected[0]), str(explanation.expected[0]))
            return Clause("clause", explanation.verdict, self._words(_MEMBERS[explanation.code], segment=title))
        if explanation.code in _DECLARED:
            said = self._declared(_DECLARED[explanation.code], explanation)
            return Clause("clause", explanation.verdict, said)
        names = explanation.names
        if len(names) == 1 and explanation.text.startswith(names[0][0]):
            name = names[0][0]
            rest = explanation.text[len(name) :].lstrip()
            if not rest or rest[0] in "<>=!" or rest.split()[0].lower() in ("between", "in", "like", "is", "not"):
                asks = self._asks(explanation, name)
                actual = self.value(name, explanation.actual)
                return Clause("clause", explanation.verdict, self.title(name), asks=asks, actual=actual)
        inputs = ", ".join(f"{self.title(name)} {self.value(name, value)}" for name, value in names)
        return Clause("clause", explanation.verdict, explanation.text, code=True, inputs=inputs)

    def title(self, name: str) -> str:
        """What a name is called: the trait's title, or the interest's."""
        if name.startswith("interest("):
            key = name[len("interest('") : -2]
            said = (
                "clause.interest_declared" if key.replace("''", "'") in self._declared_interests else "clause.interest"
            )
            return self._words(said, key=key)
        if name.startswith(PREFERENCE) and name[len(PREFERENCE) :] in self._preferences:
            return self._words("clause.preference", title=self._preferences[name[len(PREFERENCE) :]][0])
        trait = self._traits.get(name)
        if trait is None:
            return self._words.known(f"context.{name}", name)
        return self._words.of(trait.title, name)

    def value(self, name: str, value: object) -> str:
        """A value of a name."""
        if value is None:
            return self._words("clause.unknown")
        if isinstance(value, bool) or not isinstance(value, int | float):
            if value in LIFECYCLE_STAGES and (trait := self._traits.get(name)) and trait.kind == "lifecycle":
                return self._words(f"lifecycle.{value}")
            return value_in_words(value if isinstance(value, str | bool) else str(value), self._words.language)
        if name.startswith("interest("):
            return self._formats.percent(value, 1)
        trait = self._traits.get(name)
        return self.amount(trait, value) if trait is not None else self._formats.number(value, 3)

    def amount(self, trait: Trait, value: float) -> str:
        """A number of a trait in its unit."""
        if trait.kind in _MEASURES and is_money(trait.of):
            return self._formats.money(value, str(trait.where.get("currency", "")))
        if trait.kind == "days_since":
            return self._words.count("count.days", int(value), n=self._formats.number(value))
        return self._formats.number(value, 2)

    def _declared(self, word: str, explanation: Explanation) -> str:
        preference = explanation.text.partition("'")[2].partition("'")[0]
        title, answers = self._preferences.get(preference, (preference, {}))
        answer = str(explanation.expected[0])
        return self._words(word, title=title, answer=answers.get(answer, answer))

    def _asks(self, explanation: Explanation, name: str) -> str:
        words = WORDS[self._words.language]
        if explanation.code is None:
            return ""
        values = [self.value(name, value) for value in explanation.expected]
        listing = ", ".join(values[:-1]) + words["list_end"] + values[-1] if len(values) > 1 else "".join(values)
        if explanation.code in (Expected.EQUAL, Expected.ONE_OF):
            return self._words("clause.is", value=listing)
        return words[explanation.code].format(*values, list=listing)
