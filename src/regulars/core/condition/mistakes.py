"""What is wrong with a condition, said so that the reader can mend it."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

from regulars.core.errors import Misconfigured


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake in a condition; `position` counts characters from 0, `line` and `column` from 1."""

    message: str
    position: int
    line: int
    column: int
    expected: str = ""
    suggestion: str | None = None

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

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[Mistake] = []

    def add(self, position: int, message: str, *, expected: str = "", suggestion: str | None = None) -> None:
        """Note a mistake; after `LIMIT` of them nobody reads on."""
        if len(self.found) >= self.LIMIT:
            return
        before = self.text[:position]
        self.found.append(
            Mistake(
                message=message,
                position=position,
                line=before.count("\n") + 1,
                column=position - (before.rfind("\n") + 1) + 1,
                expected=expected,
                suggestion=suggestion,
            )
        )


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
