"""Patterns of `like` and `ilike`: % is any run of characters, _ is one character (a Unicode code point)."""

import re
from collections.abc import Callable

import msgspec


class Pattern(msgspec.Struct, frozen=True):
    """A pattern as written, its escape character ('' for none) and whether case is ignored."""

    source: str
    escape: str
    ignore_case: bool


class DanglingEscape(ValueError):
    """The escape character, named by the message, stands where nothing, or nothing special, follows."""


def lower(text: str) -> str:
    """Lower-case by code point, never by context or language.

    `str.lower` makes a final sigma of "Σ" at the end of a word and two code points of "İ"; the profile table's
    engine does neither. This is the common meaning, checked over all of Unicode by a test.

    >>> lower("ÄRGER"), lower("ΟΔΟΣ"), lower("İ")
    ('ärger', 'οδοσ', 'i')
    """
    if text.isascii():
        return text.lower()
    return "".join("i" if char == "İ" else char.lower() for char in text)


def elements(pattern: Pattern) -> list[str]:
    """The pattern as a list of literal characters, "_" as "" and "%" as "%%".

    >>> elements(Pattern("a!%_%", "!", False))
    ['a', '%', '', '%%']
    """
    found: list[str] = []
    escaped = False
    for char in pattern.source:
        if escaped:
            found.append(char)
            escaped = False
        elif pattern.escape and char == pattern.escape:
            escaped = True
        elif char == "_":
            found.append("")
        elif char == "%":
            found.append("%%")
        else:
            found.append(char)
    if escaped:
        raise DanglingEscape(repr(pattern.escape))
    if pattern.ignore_case:
        return [lower(element) if len(element) == 1 else element for element in found]
    return found


def simple_form(pattern: Pattern) -> tuple[str, str] | None:
    """("equals" | "starts" | "ends" | "contains", text) for the patterns that need no wildcard search."""
    found = elements(pattern)
    start = 1 if found and found[0] == "%%" else 0
    stop = len(found) - 1 if len(found) > start and found[-1] == "%%" else len(found)
    core = found[start:stop]
    if any(element in ("", "%%") for element in core):
        return None
    forms = {(0, 0): "equals", (0, 1): "starts", (1, 0): "ends", (1, 1): "contains"}
    return forms[(start, len(found) - stop)], "".join(core)


def matches(pattern: Pattern, text: str) -> bool:
    """Whether a text matches the pattern.

    >>> matches(Pattern("%bike%", "", True), "Mountain BIKES")
    True
    """
    return matcher(pattern)(lower(text) if pattern.ignore_case else text)


def matcher(pattern: Pattern) -> Callable[[str], bool]:
    """A function that tells whether a text (lower-cased already where case is ignored) matches.

    Runs between wildcards are matched at their first place and never tried again (atomic groups), which is right
    because a later place leaves less of the text; so time stays linear in text times pattern, whatever the pattern.
    """
    runs: list[list[str]] = [[]]
    for element in elements(pattern):
        if element == "%%":
            runs.append([])
        else:
            runs[-1].append("." if element == "" else re.escape(element))
    first, *rest = ("".join(run) for run in runs)
    if rest:
        inner = "".join(f"(?>.*?{run})" for run in rest[:-1] if run)
        source = first + inner + (f".*{rest[-1]}" if rest[-1] else ".*")
    else:
        source = first
    found = re.compile(source, re.DOTALL).fullmatch
    return lambda text: found(text) is not None
