"""What is wrong in a shop folder: file, line, key, and a way out."""

import difflib
from collections.abc import Iterable

import msgspec


class Mistake(msgspec.Struct, frozen=True):
    """One thing to edit.

    >>> print(Mistake("traits.toml", 3, "traits.visits.knd", "unknown key", "kind"))
    traits.toml:3: traits.visits.knd: unknown key; did you mean 'kind'?
    """

    file: str
    line: int | None
    key: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f" {self.key}:" if self.key else ""
        hint = f"; did you mean {self.suggestion!r}?" if self.suggestion else ""
        return f"{place}:{key} {self.message}{hint}"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, or "" when none is near.

    >>> nearest("Order Complete", ["Order Completed", "Product Viewed"])
    'Order Completed'
    """
    choices = {k.lower(): k for k in known}
    found = difflib.get_close_matches(word.lower(), list(choices), n=1, cutoff=0.6)
    return choices[found[0]] if found else ""


def listed(words: Iterable[str], most: int = 12) -> str:
    """A list for a message, cut when it is long.

    >>> listed(["b", "a"])
    'a, b'
    """
    ordered = sorted(words)
    tail = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + tail
