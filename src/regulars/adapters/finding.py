"""Many byte patterns in one pass over much data: a state of gigabytes is searched for a person in seconds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Data is looked at in pieces so small that they and what is computed of them stay in a processor's cache; bytes.
PIECE = 256_000
#: Of the table that says which words may belong to a pattern: small for a few, so that it stays in the cache, too.
_LEAST_BITS, _MOST_BITS, _SLOTS_A_PATTERN = 16, 20, 1024
_WORD = 4
_ENOUGH = 250_000  # words that tell which are rare
#: Makes small letters of ASCII in four bytes; what else it changes is compared again.
_SMALL = 0x20202020
_SPREAD = np.uint32(2_654_435_761)  # Knuth's multiplicative hash

_Words = NDArray[np.uint32]


class Found(NamedTuple):
    """A pattern, and where it begins."""

    pattern: bytes
    place: int


class Finder:
    """Finds patterns as they are, and those in small letters also where the data has capitals (ASCII).

    >>> finder = Finder([b"ana@example.org", b"p_17"])
    >>> [tuple(one) for one in finder.find(b"from: Ana@Example.org, P_17; p_17")]
    [(b'p_17', 23), (b'p_17', 29), (b'ana@example.org', 6)]

    Every pattern of seven bytes or more holds a whole word of four bytes wherever it begins: words of the data are
    looked up in a table of those, and only where one fits the bytes themselves are compared.
    """

    def __init__(self, patterns: Iterable[bytes]) -> None:
        patterns = sorted(set(patterns))
        self._short = [one for one in patterns if len(one) < 2 * _WORD - 1]
        self._long = [one for one in patterns if len(one) >= 2 * _WORD - 1]
        self._seen = -1  # words of the data whose rare words are known; they serve for data that is not much larger
        self._starts: dict[int, list[tuple[bytes, int]]] = {}
        bits = (len(self._long) * _SLOTS_A_PATTERN).bit_length()
        self._shift = np.uint32(32 - min(_MOST_BITS, max(_LEAST_BITS, bits)))
        self._table = np.zeros(1 << 32 - int(self._shift), np.bool_)

    def find(self, data: Any) -> Iterator[Found]:
        """Every place of every pattern; short patterns first, then in the order of their words in the data."""
        view = memoryview(data)
        for pattern in self._short:
            yield from _plainly(view, pattern)
        words = np.frombuffer(view[: len(view) // _WORD * _WORD], "<u4")
        self._learn(words)
        starts, table = self._starts, self._table
        for first in range(0, len(words), PIECE // _WORD):
            piece = words[first : first + PIECE // _WORD] | np.uint32(_SMALL)
            for at in np.flatnonzero(table[_slots(piece, self._shift)]).tolist():
                for pattern, offset in starts.get(int(piece[at]), ()):
                    place = (first + at) * _WORD - offset
                    if _stands(view, pattern, place):
                        yield Found(pattern, place)

    def _learn(self, words: _Words) -> None:
        """By word: the patterns that it belongs to and where in them it lies; of each the word that is rarest here."""
        if self._seen >= min(len(words) // 4, _ENOUGH):
            return
        step = max(1, len(words) // _ENOUGH)
        sample = np.sort(words[::step] | np.uint32(_SMALL))
        found: defaultdict[int, list[tuple[bytes, int]]] = defaultdict(list)
        for pattern in self._long:
            for shift in range(_WORD):
                offsets = range(shift, len(pattern) - _WORD + 1, _WORD)
                values = [int.from_bytes(pattern[o : o + _WORD], "little") | _SMALL for o in offsets]
                bounds = np.array(values, np.uint32)
                counts = np.searchsorted(sample, bounds, "right") - np.searchsorted(sample, bounds, "left")
                best = int(np.argmin(counts))
                found[values[best]].append((pattern, offsets[best]))
        # In this order, and never taken out of the table: another thread may be searching.
        self._table[_slots(np.array(sorted(found), np.uint32), self._shift)] = True
        self._starts = dict(found)
        self._seen = len(words)


def _slots(words: _Words, shift: np.uint32) -> NDArray[np.uint32]:
    slots: NDArray[np.uint32] = (words * _SPREAD) >> shift
    return slots


def _stands(view: memoryview, pattern: bytes, place: int) -> bool:
    if place < 0:
        return False
    there = bytes(view[place : place + len(pattern)])
    return pattern in (there, there.lower())


def _plainly(view: memoryview, pattern: bytes) -> Iterator[Found]:
    """One pattern by itself, a piece at a time; pieces overlap by what a pattern may lack."""
    for first in range(0, len(view), PIECE):
        piece = bytes(view[first : first + PIECE + len(pattern) - 1])
        small = piece.lower()
        places = {at for data in (piece, small) for at in _all(data, pattern)}
        yield from (Found(pattern, first + at) for at in sorted(places))


def _all(data: bytes, pattern: bytes) -> Iterator[int]:
    at = data.find(pattern)
    while at >= 0:
        yield at
        at = data.find(pattern, at + 1)
