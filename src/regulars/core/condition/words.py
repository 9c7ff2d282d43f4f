"""An explanation in words, German or English."""

from regulars.core.condition.explain import Expected, Explanation
from regulars.core.condition.nodes import Value
from regulars.core.condition.text import constant_text

WORDS = {
    "en": {
        "and": "all of these",
        "or": "at least one of these",
        "not": "not the following",
        "expected": "expected",
        "actual": "actual",
        "yes": "yes",
        "no": "no",
        "unknown": "unknown",
        "list_end": " or ",
        Expected.EQUAL: "{0}",
        Expected.NOT_EQUAL: "anything but {0}",
        Expected.LESS: "less than {0}",
        Expected.AT_MOST: "at most {0}",
        Expected.MORE: "more than {0}",
        Expected.AT_LEAST: "at least {0}",
        Expected.BETWEEN: "from {0} to {1}",
        Expected.NOT_BETWEEN: "outside {0} to {1}",
        Expected.ONE_OF: "{list}",
        Expected.NONE_OF: "anything but {list}",
        Expected.LIKE: "like {0}",
        Expected.NOT_LIKE: "not like {0}",
        Expected.NULL: "unknown",
        Expected.NOT_NULL: "known",
        Expected.MEMBER: "in segment {0}",
        Expected.NOT_MEMBER: "not in segment {0}",
        Expected.DECLARED: "{0}, declared",
        Expected.NOT_DECLARED: "anything but {0}",
        Expected.TRUE: "yes",
        Expected.NOT_TRUE: "no or unknown",
        Expected.FALSE: "no",
        Expected.NOT_FALSE: "yes or unknown",
    },
    "de": {
        "and": "alles davon",
        "or": "mindestens eines davon",
        "not": "das Folgende nicht",
        "expected": "erwartet",
        "actual": "tatsächlich",
        "yes": "ja",
        "no": "nein",
        "unknown": "unbekannt",
        "list_end": " oder ",
        Expected.EQUAL: "{0}",
        Expected.NOT_EQUAL: "alles außer {0}",
        Expected.LESS: "weniger als {0}",
        Expected.AT_MOST: "höchstens {0}",
        Expected.MORE: "mehr als {0}",
        Expected.AT_LEAST: "mindestens {0}",
        Expected.BETWEEN: "von {0} bis {1}",
        Expected.NOT_BETWEEN: "außerhalb von {0} bis {1}",
        Expected.ONE_OF: "{list}",
        Expected.NONE_OF: "alles außer {list}",
        Expected.LIKE: "wie {0}",
        Expected.NOT_LIKE: "nicht wie {0}",
        Expected.NULL: "unbekannt",
        Expected.NOT_NULL: "bekannt",
        Expected.MEMBER: "im Segment {0}",
        Expected.NOT_MEMBER: "nicht im Segment {0}",
        Expected.DECLARED: "{0}, so angegeben",
        Expected.NOT_DECLARED: "alles außer {0}",
        Expected.TRUE: "ja",
        Expected.NOT_TRUE: "nein oder unbekannt",
        Expected.FALSE: "nein",
        Expected.NOT_FALSE: "ja oder unbekannt",
    },
}
MARKS = {True: "✓", False: "✗", None: "?"}
INDENT = "  "


def render(explanation: Explanation, language: str = "en") -> list[str]:
    """One line for each part, indented by depth: mark, text, expected, actual.

    ✓ is TRUE, ✗ is FALSE, ? is NULL: not known, and so not met.
    """
    if language not in WORDS:
        raise ValueError(f"no words for language {language!r}; there are {', '.join(sorted(WORDS))}")
    return _lines(explanation, language, depth=0)


def expected_in_words(clause: Explanation, language: str = "en") -> str:
    """What a clause asks, such as "at least 2"."""
    words = WORDS[language]
    if clause.code is None:
        return ""
    values = [value_in_words(value, language) for value in clause.expected]
    listing = (
        values[0] if len(values) == 1 else ", ".join(values[:-1]) + words["list_end"] + values[-1] if values else ""
    )
    # The values stand in for the slots at once, so that braces in a text mean nothing.
    return words[clause.code].format(*values, list=listing)


def value_in_words(value: Value, language: str = "en") -> str:
    """A value as a person reads it: NULL is unknown, and German numbers have a decimal comma."""
    words = WORDS[language]
    match value:
        case None:
            return words["unknown"]
        case bool():
            return words["yes"] if value else words["no"]
        case str():
            return f"„{value}“" if language == "de" else f"“{value}”"
        case _:
            written = constant_text(round(float(value), 6))
            return written.replace(".", ",") if language == "de" else written


def _lines(explanation: Explanation, language: str, *, depth: int) -> list[str]:
    words = WORDS[language]
    start = f"{INDENT * depth}{MARKS[explanation.verdict]} "
    if explanation.kind != "clause":
        below = [line for child in explanation.children for line in _lines(child, language, depth=depth + 1)]
        return [f"{start}{words[explanation.kind]}:", *below]
    expected = expected_in_words(explanation, language)
    actual = value_in_words(explanation.actual, language)
    # A clause about one bare name has said its value already.
    plain = len(explanation.names) == 1 and explanation.names[0][1] is explanation.actual
    inputs = () if plain else explanation.names
    details = ", ".join(f"{name} = {value_in_words(value, language)}" for name, value in inputs)
    line = f"{start}{explanation.text}: {words['expected']} {expected}, {words['actual']} {actual}"
    return [f"{line} ({details})" if details else line]
