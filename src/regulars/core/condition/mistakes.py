"""What is wrong with a condition, said so that the reader can mend it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

import msgspec

from regulars.core.errors import Misconfigured

#: What mistakes say and what was expected, by code; `{name}` takes a value. Pages in other languages have their own.
PHRASES = {
    "a_number": "a number",
    "a_text": "a text",
    "a_boolean": "a boolean",
    "too_deep": "the condition is nested too deeply",
    "too_deep_here": "the condition is nested too deeply to be read here",
    "fewer_brackets": "fewer brackets",
    "at_most_levels": "at most {most} levels",
    "too_many_operations": "too many operations in one expression",
    "at_most_chained": "at most {most} in a chain",
    "no_condition": "this is not a condition",
    "such_as_comparison": "a comparison such as orders >= 2",
    "missing_after": "something is missing after {word}",
    "missing_at_end": "something is missing at the end",
    "not_here": "{word} is not expected here",
    "name_or_value": "a name or a value",
    "too_long": "the condition has {length} characters",
    "at_most": "at most {most}",
    "empty": "the condition is empty",
    "comparison_or_true": "a comparison, or true to mean everyone",
    "no_character": "the character {word} is not text",
    "quote_open": "a quote is opened and not closed",
    "semicolon": "';' ends a statement",
    "nothing_after": "one condition and nothing after it",
    "comment": "{word} is a comment",
    "no_comment": "none inside a condition",
    "no_number": "{word} is not a number",
    "such_as_digits": "digits such as 12 or 0.5",
    "number_too_large": "the number {word} is too large",
    "less_than": "less than {most}",
    "not_in_language": "{word} is not part of the condition language",
    "form_not_in_language": "this form ({word}) is not part of the condition language",
    "comparison_or_value": "a comparison or a value",
    "closes_nothing": "this bracket closes nothing",
    "opening_bracket": "one '(' for each ')'",
    "not_closed": "this bracket is not closed",
    "closing_bracket": "one ')' for each '('",
    "unknown_function": "unknown function {word}",
    "unknown_name": "unknown name {word}",
    "unknown_name_quoted": "unknown name {word}; text is written in single quotes",
    "unknown_interest": "unknown interest {word}",
    "unknown_segment": "unknown segment {word}",
    "unknown_preference": "unknown preference {word}",
    "unknown_goal": "unknown goal {word}",
    "goal_declared": "a goal that goals.toml declares",
    "two_texts": "two texts, the preference and the answer",
    "none_declared": "no name at all: none is declared",
    "one_of": "one of {known}",
    "one_of_and_more": "one of {known} and {more} more",
    "one_of_declared": "one of {number} declared",
    "foreign": "{word} is SQL beyond the condition language",
    "joined_comparisons": "comparisons of names, joined by and, or, not",
    "is_a": "{word} is {type}",
    "is_a_other_is": "{word} is {type} and {other} is {type_of_other}",
    "branch_is_a": "{word} is {type}, but another branch is {type_of_other}",
    "type_for": "{type_of_other} for {function}",
    "no_order": "booleans have no order, so {word} cannot compare them",
    "equal_or_not": "= or <>",
    "numbers_or_texts": "numbers or texts",
    "never": "{word} is never {value}",
    "list_empty": "the list after 'in' is empty",
    "values_in_brackets": "one value or more in brackets",
    "is_asks": "'is' asks for null, true or false only",
    "is_null": "is null, or = to compare",
    "pattern_no_text": "the pattern is not a text in quotes",
    "such_as": "for example {example}",
    "escape_one": "escape needs one character",
    "escape_dangling": "the pattern ends with its escape character {word}",
    "character_after": "a character after it",
    "only_functions": "only functions take brackets",
    "operator_first": "an operator before the bracket",
    "arguments": "{function} is given {number} arguments",
    "one_argument": "one argument",
    "some_arguments": "one argument or more",
    "takes_text": "{function} takes a text in quotes",
    "case_subject": "case here has no subject",
    "case_form": "case when a = 1 then … else … end",
}


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake in a condition; `position` counts characters from 0, `line` and `column` from 1."""

    code: str  # of PHRASES, as is `expects`
    position: int
    line: int
    column: int
    expects: str = ""
    values: dict[str, str] = {}  # types (`type`, `type_of_other`) are codes of PHRASES, too
    suggestion: str | None = None

    @property
    def message(self) -> str:
        """What is wrong, in English."""
        return self.said_by(PHRASES)

    @property
    def expected(self) -> str:
        """What was expected instead, in English."""
        return self.expected_by(PHRASES)

    def said_by(self, phrases: Mapping[str, str]) -> str:
        """What is wrong, in the language of the phrases."""
        return _filled(phrases, self.code, self.values)

    def expected_by(self, phrases: Mapping[str, str]) -> str:
        """What was expected instead, in the language of the phrases; "" where nothing helps."""
        return _filled(phrases, self.expects, self.values) if self.expects else ""

    def __str__(self) -> str:
        place = f"line {self.line}, character {self.column}" if self.line > 1 else f"character {self.column}"
        expected = f"; expected {self.expected}" if self.expected else ""
        suggestion = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{place}: {self.message}{expected}{suggestion}"


class InvalidCondition(Misconfigured):
    """A condition that cannot be compiled, with every mistake found in it."""

    def __init__(self, text: str, where: str, mistakes: Sequence[Mistake]) -> None:
        place = f"{where}: " if where else ""
        shown = text if len(text) <= 200 else text[:200] + "…"
        lines = "".join(f"\n  {mistake}" for mistake in mistakes)
        super().__init__(f"{place}the condition {shown!r} cannot be used:{lines}")
        self.where = where
        self.mistakes = tuple(mistakes)


class Mistakes:
    """Collects the mistakes of one text."""

    LIMIT = 50
    #: How many known words the unknown ones of a text are compared with, in all. A comparison takes some microseconds,
    #: and a text of 8,000 characters holds a thousand names while a shop may declare ten thousand interests.
    COMPARED = 20_000

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[Mistake] = []
        self._near: dict[tuple[str, int], str | None] = {}
        self._compared = 0

    @property
    def full(self) -> bool:
        """Whether nobody reads on."""
        return len(self.found) >= self.LIMIT

    def near(self, word: str, known: Collection[str]) -> str | None:
        """The known word that looks most like `word`; None when none does, or enough was compared."""
        asked = (word, id(known))  # what is known belongs to the schema, which outlives the reading of a text
        if asked not in self._near:
            if self.full or self._compared + len(known) > self.COMPARED:
                return None
            self._compared += len(known)
            self._near[asked] = closest(word, known)
        return self._near[asked]

    def add(
        self, position: int, code: str, *, expects: str = "", suggestion: str | None = None, **values: object
    ) -> None:
        """Note a mistake; after `LIMIT` of them nobody reads on."""
        if self.full:
            return
        before = self.text[:position]
        self.found.append(
            Mistake(
                code=code,
                position=position,
                line=before.count("\n") + 1,
                column=position - (before.rfind("\n") + 1) + 1,
                expects=expects,
                values={name: str(value) for name, value in values.items()},
                suggestion=suggestion,
            )
        )


def _filled(phrases: Mapping[str, str], code: str, values: Mapping[str, str]) -> str:
    types = {name: phrases[value] for name, value in values.items() if name.startswith("type")}
    return phrases[code].format(**{**values, **types})


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like `word`, or None when none is near.

    >>> closest("ordrs_365d", ["orders_365d", "revenue_365d"])
    'orders_365d'
    """
    candidates = sorted(known)
    folded = {candidate.lower(): candidate for candidate in reversed(candidates)}
    if word.lower() in folded:
        return folded[word.lower()]
    # Comparing takes time in proportion to both lengths, so a monstrous word is not compared.
    found = get_close_matches(word[:100].lower(), folded, n=1, cutoff=0.6)
    if found:
        return folded[found[0]]
    tails = {candidate.lower().rpartition(".")[2]: candidate for candidate in reversed(candidates)}
    return tails.get(word.lower())
