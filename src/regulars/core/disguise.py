"""Words as they are read, whatever they are written with: look-alike letters, invisible ones, digits for letters."""

import re
import unicodedata

#: Letters of other scripts that look like Latin ones: Unicode Technical Standard 39, confusables.txt, as far as
#: Cyrillic and Greek keyboards have them.
_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаесԁһіјӏорԛѕԝхуѵгкмнтьΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγεηικνορτυχωıɡɑɩƖłøđ",
    "ABESIJKMHOPCTYXaecdhijlopqswxyvrkmhtbABEZHIKMNOPTYXayenikvoptuxwigaiilod",
)
#: Digits and signs that stand for letters inside a word; 1 for two of them.
_DIGITS = str.maketrans("034579@$€!", "oeastgasei")
_ONES = ("i", "l")
#: A digit or sign beside a letter.
_MIXED = re.compile(r"[^\W\d_][0-9@$€!]|[0-9@$€!][^\W\d_]")
_WRITTEN = re.compile(r"[^\W_]*[0-9@$€!][\w@$€!]*")
_KEPT = frozenset("äöüÄÖÜß")


def undisguised(text: str) -> list[str]:
    r"""The readings of a text that are not the text itself.

    >>> undisguised("red shoes"), undisguised("d1abet3s 2x")
    ([], ['diabetes 2x', 'dlabetes 2x'])
    >>> undisguised("preg\N{ZERO WIDTH SPACE}n\N{CYRILLIC SMALL LETTER A}nt")
    ['pregnant']
    """
    plain = text if text.isascii() else _latin(text)
    readings = [plain, *(_spelled(plain, one) for one in _ONES if _MIXED.search(plain))]
    return [one for one in dict.fromkeys(readings) if one != text]


def _latin(text: str) -> str:
    """Without what cannot be seen, in Latin letters where others look alike, with no marks but those of umlauts."""
    # What only formats goes first: a soft hyphen or a zero-width joiner parts no word for a reader.
    seen = "".join(one for one in text if unicodedata.category(one) != "Cf")
    found = unicodedata.normalize("NFKC", seen).translate(_ALIKE)
    return "".join(one if one in _KEPT else _without_marks(one) for one in found)


def _without_marks(one: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFD", one) if not unicodedata.combining(part))


def _spelled(text: str, one: str) -> str:
    """The text with letters for the digits inside of words; a number or a size is none."""

    def letters(found: re.Match[str]) -> str:
        word = found[0]
        known = sum(sign.isalpha() for sign in word)
        return word.translate(_DIGITS).replace("1", one) if known * 2 >= len(word) else word

    return _WRITTEN.sub(letters, text)
