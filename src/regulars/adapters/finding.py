"""Many byte patterns in one pass over much data: a state of gigabytes is searched for a person in seconds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Data is looked at in pieces so small that they and what is computed of them stay in a processor's cache; bytes.
PIECE = 64_000
#: Of the table that says which words may belong to a pattern: small for a few, so that it stays in the cache, too.
_LEAST_BITS, _MOST_BITS, _SLOTS_A_PATTERN = 15, 20, 256
_WORD = 4
_ENOUGH = 250_000  # words that tell which are rare
#: In data of so many words, some are looked at before: what is rare in a log is common in the files of a database.
_WORTH_A_LOOK, _LOOKED_AT = 250_000, 16_000
_COMMON = 256  # one in so many is no rare word
#: Makes small letters of ASCII in four bytes; what else it changes is compared again.
_SMALL = 0x20202020
_SPREAD = np.uint32(2_654_435_761)  # Knuth's multiplicative hash

_Words = NDArray[np.uint32]
#: The number of a share, from 0, and of how many.
Share = tuple[int, int]
WHOLE: Share = (0, 1)


def stretch(size: int, share: Share, *, longest: int = 1) -> tuple[int, int]:
    """Where of so much data a share begins and ends, with what the longest pattern needs to be whole in one of them.

    >>> [stretch(100, (number, 3), longest=7) for number in range(3)]
    [(0, 39), (33, 72), (66, 100)]
    """
    number, shares = share
    return number * size // shares, min(size, (number + 1) * size // shares + longest - 1)


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
        bits = (len(self._long) * _SLOTS_A_PATTERN).bit_length()
        self._shift = np.uint32(32 - min(_MOST_BITS, max(_LEAST_BITS, bits)))
        self._rare: _Rare | None = None  # replaced as a whole: another thread may be searching

    def find(self, data: Any) -> Iterator[Found]:
        """Every place of every pattern; short patterns first, then in the order of their words in the data."""
        view = memoryview(data)
        for pattern in self._short:
            yield from _plainly(view, pattern)
        words = np.frombuffer(view[: len(view) // _WORD * _WORD], "<u4")
        rare = self._rare_in(words)
        desk = _Desk()
        for first in range(0, len(words), PIECE // _WORD):
            for at, word in rare.places(words[first : first + PIECE // _WORD], desk):
                for pattern, offset in rare.starts[word]:
                    place = (first + at) * _WORD - offset
                    if _stands(view, pattern, place):
                        yield Found(pattern, place)

    def _rare_in(self, words: _Words) -> "_Rare":
        """What was learned of data before, unless that was much smaller, or its rare words are common in this."""
        known = self._rare
        if known is None or known.seen < min(len(words) // 4, _ENOUGH):
            self._rare = known = self._learn(words)
            return known
        if len(words) < _WORTH_A_LOOK:
            return known
        some = words[:: len(words) // _LOOKED_AT][: PIECE // _WORD]
        return self._learn(words) if len(known.slots(some, _Desk())) * _COMMON > len(some) else known

    def _learn(self, words: _Words) -> "_Rare":
        """Choose of each pattern, wherever it may begin, the word that is rarest in this data."""
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
        known = np.array(sorted(found), np.uint32)
        table = np.zeros(1 << 32 - int(self._shift), np.bool_)
        table[(known * _SPREAD) >> self._shift] = True
        return _Rare(dict(found), known, table, self._shift, len(words))


class _Desk:
    """Room for what is computed of a piece, used again for the next: without new memory it takes half of the time."""

    def __init__(self) -> None:
        size = PIECE // _WORD
        self.small = np.empty(size, np.uint32)
        self.spread = np.empty(size, np.uint32)
        self.slots = np.empty(size, np.intp)
        self.told = np.empty(size, np.bool_)


class _Rare(NamedTuple):
    """By word: the patterns that it belongs to and where in them it lies; and which slots such words have."""

    starts: dict[int, list[tuple[bytes, int]]]
    known: _Words  # the words, sorted
    table: NDArray[np.bool_]
    shift: np.uint32
    seen: int  # words of the data that told

    def places(self, piece: _Words, desk: _Desk) -> list[tuple[int, int]]:
        """Where in a piece a word of these stands, and which it is in small letters."""
        found = self.slots(piece, desk)
        if not len(found):
            return []
        words = desk.small[found]
        near = self.known[np.minimum(np.searchsorted(self.known, words), len(self.known) - 1)]
        same = near == words
        return list(zip(found[same].tolist(), words[same].tolist(), strict=True))

    def slots(self, piece: _Words, desk: _Desk) -> NDArray[np.intp]:
        """Where in a piece a word stands that may be one of these, by its slot in the table."""
        size = len(piece)
        small = np.bitwise_or(piece, np.uint32(_SMALL), out=desk.small[:size])
        spread = np.multiply(small, _SPREAD, out=desk.spread[:size])
        slots = np.right_shift(spread, self.shift, out=desk.slots[:size], casting="unsafe")
        return np.flatnonzero(self.table.take(slots, out=desk.told[:size], mode="clip"))


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
