"""Words of a search: folded, stemmed and taken apart, so that "Kinderfahrräder" finds a "Fahrrad für Kinder".

Folding brings ä, ae and a together, as people type all three. Stemming is light (after Savoy, "Light Stemming
Approaches for the French, Portuguese, German and Hungarian Languages", SAC 2006): plural and case endings only, of
German and English alike. A compound is taken apart where all of its parts are words of the catalogue itself.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

#: Words that say nothing of a product; a query of nothing else is searched as it is.
_STOP = (
    "a an and for from in of on or the to with aus auf bei das dem den der des die ein eine einem einen einer eines "
    "fur im ist mit oder ohne und vom von zu zum zur"
)
STOP_WORDS = frozenset(_STOP.split())
_TOKEN = re.compile(r"[0-9a-z]+")
_LETTERS = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss", "æ": "ae", "ø": "o", "å": "a"})
#: ae, oe and ue as the umlauts they stand for; not in "neue", "Frauen" or "Quelle".
_DIGRAPH = re.compile(r"(?<![aeiouq])([aou])e(?![aeiou])")
_ENDINGS = ("ern", "em", "er", "en", "es", "e", "s", "n")
_LEAST_STEM = 4
_LEAST_PART = 3
_LINKS = ("", "s", "es", "n", "en", "er", "e")
_LONGEST = 40
_MOST_REMEMBERED = 100_000


@lru_cache(20_000)
def tokens(text: str) -> tuple[str, ...]:
    """The folded words of a text, in order.

    >>> tokens("Kinder-Fahrräder, 24 Zoll")
    ('kinder', 'fahrrader', '24', 'zoll')
    >>> tokens("Muetze") == tokens("Mütze") == tokens("MUTZE")
    True
    """
    plain = text.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFC", plain).translate(_LETTERS)
        plain = "".join(one for one in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(one))
    return tuple([_DIGRAPH.sub(r"\1", token)[:_LONGEST] for token in _TOKEN.findall(plain)])


@lru_cache(100_000)
def stem(token: str) -> str:
    """A token without its ending.

    >>> stem("fahrrader"), stem("fahrrads"), stem("bikes"), stem("bus")
    ('fahrrad', 'fahrrad', 'bike', 'bus')
    """
    for ending in _ENDINGS:
        if token.endswith(ending) and len(token) - len(ending) >= _LEAST_STEM:
            return stem(token[: -len(ending)]) if ending == "s" else token[: -len(ending)]
    return token


class Lexicon:
    """The words of a catalogue, which compounds are made of."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._count: Counter[str] = Counter()
        self._parts: dict[str, tuple[str, ...]] = {}
        for text in texts:
            self.learn(text)

    def learn(self, text: str) -> None:
        """Words that the catalogue uses."""
        known = len(self._count)
        for token in tokens(text):
            if len(token) >= _LEAST_PART and token.isalpha() and token not in STOP_WORDS:
                self._count[token] += 1
                self._count[stem(token)] += 1
        if len(self._count) != known:
            self._parts.clear()

    def __len__(self) -> int:
        return len(self._count)

    def parts(self, token: str) -> tuple[str, ...]:
        """The stems of the words that a compound is made of, the fewest; () where it is none.

        >>> Lexicon(["Fahrrad", "Kinder", "Helm"]).parts("kinderfahrradhelm")
        ('kind', 'fahrrad', 'helm')
        """
        if len(token) < 2 * _LEAST_PART or not token.isalpha():
            return ()
        parts = self._parts.get(token)
        if parts is None:
            found = self._split(token, 0, {})
            parts = tuple(map(stem, found)) if found is not None and len(found) > 1 else ()
            if len(self._parts) < _MOST_REMEMBERED:
                self._parts[token] = parts
        return parts

    def head(self, token: str) -> str:
        """The stem of the longest word of the catalogue that a token ends with, "" where there is none.

        In German the last part says what it is: who asks for a "Skihelm" that nobody has is shown a "Helm".

        >>> Lexicon(["Helm"]).head("skihelm")
        'helm'
        """
        for begin in range(1, len(token) - _LEAST_STEM + 1):
            if self._knows(token[begin:]):
                return stem(token[begin:])
        return ""

    def beginning(self, token: str) -> tuple[str, str]:
        """The stem of the longest word of the catalogue that a token begins with, and the rest; "", "" without one.

        >>> Lexicon(["Kinder", "Fahrrad"]).beginning("kinderfaradd")
        ('kind', 'faradd')
        """
        for end in range(len(token) - _LEAST_PART, _LEAST_STEM - 1, -1):
            if self._knows(token[:end]):
                return stem(token[:end]), token[end:]
        return "", ""

    def _split(self, token: str, begin: int, seen: dict[int, tuple[str, ...] | None]) -> tuple[str, ...] | None:
        """The fewest words from `begin` on; None where none add up. The whole token itself does not count."""
        if begin in seen:
            return seen[begin]
        best: tuple[str, ...] | None = None
        for end in range(begin + _LEAST_PART, len(token) + 1):
            word = token[begin:end]
            if (begin == 0 and end == len(token)) or not self._knows(word):
                continue
            if end == len(token):
                rest: tuple[str, ...] | None = ()
            else:
                rest = self._after_link(token, end, seen)
            if rest is not None and (best is None or len(rest) + 1 < len(best)):
                best = (word, *rest)
        seen[begin] = best
        return best

    def _after_link(self, token: str, end: int, seen: dict[int, tuple[str, ...] | None]) -> tuple[str, ...] | None:
        """What follows a word, with one of the sounds that German puts between words."""
        found = [
            rest
            for link in _LINKS
            if token.startswith(link, end)
            and end + len(link) < len(token)
            and (rest := self._split(token, end + len(link), seen)) is not None
        ]
        return min(found, key=len, default=None)

    def _knows(self, word: str) -> bool:
        """Short words have to be used more than once, or every abbreviation would split something."""
        return self._count[word] >= (2 if len(word) < _LEAST_STEM else 1)
