"""Which words a part may hold, noted in the file itself: rows that cannot name somebody need not be read.

Between the last row group and the footer, where Parquet keeps filters of its own, lies a Bloom filter for each row
group. In it are

- keys: the subjects, identifiers and claims of the rows, as they are;
- words of texts: properties, context and facts, in small letters; of facts the short ones, too.

It may say "maybe" for what is not there, never "no" for what is. A part without one may hold everything.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regulars.core.lake import EVENT_PART
from regulars.core.traces import hashed, values

#: A word is letters and digits, with single signs of `_JOINTS` between them, as in addresses.
_LETTERS, _JOINTS = b"0123456789abcdefghijklmnopqrstuvwxyz_", b".@+-"
_WORD = re.compile(rb"[0-9a-z_]+(?:[.@+-][0-9a-z_]+)*")
_CLASSES = bytes(1 if sign in _LETTERS else 2 if sign in _JOINTS else 0 for sign in range(256))
#: What JSON writes for one character; what is written with it is no part of a word.
_ESCAPED = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
#: The Kelvin sign and the long s, which are k and s when capitals do not matter.
_ALSO_ASCII = {"\u212a".encode(): b"k", "\u017f".encode(): b"s"}
#: Shorter words of texts are in every part; they are left out.
SHORTEST_WORD = 5

_KEY, _FACT, _TEXT, _LENGTH = 1, 2, 3, 4  # what a word was found as; that there are words of a length
_LISTS, _FACTS, _TEXTS = ("identifiers", "claims"), "traits", ("properties", "context", "traits")
_DIGESTS = (32, 40, 64)  # digits of the hashes that others make of identifiers
_BITS, _PROBES = 14, 10  # per word: one in a thousand is taken for another
_MAGIC = b"words 1\n"
_TRAILER = len(_MAGIC) + 8 + 8  # magic, checksum, length
_TAIL = 48_000  # bytes of a file that are read at once
_LOAD = 8  # bytes of a word that are looked at together
_SPREAD = 0x9E3779B97F4A7C15

Hashes = NDArray[np.uint64]


class Filter(NamedTuple):
    """The words of a row group, as bits."""

    bits: bytes


def _probes(word: int) -> tuple[int, ...]:
    """What a word asks a filter for, in turn."""
    first, step = word & 0xFFFFFFFF, word >> 32 | 1
    return tuple(first + probe * step for probe in range(_PROBES))


class Question:
    """Asks for keys: whether a row may be theirs, name them, or tell of them in plain or hashed form."""

    def __init__(self, own: Iterable[str], named: Iterable[str]) -> None:
        """`own`: subjects whose rows are looked for; `named`: keys that may stand nowhere."""
        named = sorted(set(named))
        keys = [frozenset({_hash(_KEY, key.encode())}) for key in sorted({*own, *named})]
        long = set(values(named))
        plain = {spelled for key in named for spelled in (_value(key), _value(key).casefold())}
        told = [_all_words(_TEXT if one.casefold() in long else _FACT, one) for one in plain]
        told += [_all_words(_TEXT, one) for one in hashed(named)]
        #: Of each its words, and of a word what its probes ask for, before that is cut to the filter's size.
        self._keys, self._told = (
            [tuple(map(_probes, some)) for some in sorted(set(asked), key=len)] for asked in (keys, told)
        )

    def may_concern(self, words: Filter) -> bool:
        """Whether the rows of this filter may hold, name or tell of one of the keys."""
        return _may_have(words, self._keys) or _may_have(words, self._told)

    def may_tell(self, words: Filter) -> bool:
        """Whether the texts of these rows may tell of one of the keys."""
        return _may_have(words, self._told)


def _may_have(words: Filter, asked: Sequence[Sequence[tuple[int, ...]]]) -> bool:
    """Whether all words of one of those asked for may be there."""
    bits, count = words.bits, len(words.bits) * 8
    for some in asked:  # asked of every row group of the lake: no call for each word
        for probes in some:
            for probe in probes:
                at = probe % count
                if not bits[at >> 3] >> (at & 7) & 1:
                    break
            else:
                continue
            break
        else:
            return True
    return False


def of(table: pa.Table, kind: str) -> Filter:
    """The filter of the rows of a row group."""
    words = _distinct(np.concatenate([np.zeros(0, np.uint64), *_hashes(table, kind)]))
    count = max(64, -(-len(words) * _BITS // 64) * 64)
    first, step = words & np.uint64(0xFFFFFFFF), words >> np.uint64(32) | np.uint64(1)
    first, step = ((one % np.uint64(count)).astype(np.uint32) for one in (first, step))
    places = first + step * np.arange(_PROBES, dtype=np.uint32)[:, None]  # below 2**32 for groups of any size
    flags = np.zeros(count, np.bool_)
    flags[places.ravel() % np.uint32(count)] = True
    return Filter(np.packbits(flags, bitorder="little").tobytes())


def written(groups: Sequence[Filter]) -> bytes:
    """What stands in the file of row groups with these filters."""
    body = b"".join(len(one.bits).to_bytes(4, "little") + one.bits for one in groups)
    return body + _MAGIC + hashlib.blake2b(body, digest_size=8).digest() + len(body).to_bytes(8, "little")


def read(path: Path) -> list[Filter] | None:
    """The filters of a part's row groups; None where there are none, or not as they were written."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        # The end of the file is mostly all of them: to wait for the disk once is worth some bytes too many.
        tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
        found = _read(tail)
        return read_in(os.pread(descriptor, size, 0)) if isinstance(found, _More) and size > _TAIL else _known(found)
    finally:
        os.close(descriptor)


def read_in(data: bytes) -> list[Filter] | None:
    """The same of a part that is in memory."""
    return _known(_read(data))


class _More(NamedTuple):
    """They begin further in front."""


def _known(found: "list[Filter] | _More | None") -> list[Filter] | None:
    return None if isinstance(found, _More) else found


def _read(data: bytes) -> "list[Filter] | _More | None":
    """What the last bytes of a file hold."""
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little") - _TRAILER
    if end < 0:
        return _More()
    trailer = data[end : end + _TRAILER]
    length = int.from_bytes(trailer[-8:], "little")
    if not trailer.startswith(_MAGIC) or not length:
        return None
    if length > end:
        return _More()
    body = data[end - length : end]
    if hashlib.blake2b(body, digest_size=8).digest() != trailer[len(_MAGIC) : -8]:
        return None
    found, at = [], 0
    while at < len(body):
        ends = at + 4 + int.from_bytes(body[at : at + 4], "little")
        found.append(Filter(body[at + 4 : ends]))
        at = ends
    return found


def _hashes(table: pa.Table, kind: str) -> Iterator[Hashes]:
    """Hashes of everything in these rows that a question may ask for."""
    keys: list[Any] = [table.column("subject")]
    if kind == EVENT_PART:
        keys += [pc.list_flatten(table.column(name)) for name in _LISTS]
        yield from _words(_FACT, _pieces(table, _FACTS))
        yield from _words(_TEXT, _pieces(table, *_TEXTS))
    yield _whole(_texts(*keys))


def _texts(*columns: Any) -> Any:
    """The different texts of columns."""
    return pa.chunked_array([chunk for one in columns for chunk in one.cast(pa.string()).chunks], pa.string()).unique()


def _pieces(table: pa.Table, *names: str) -> Any:
    """The different pieces of JSON texts between quotes: no word goes over a quote, and most pieces are in every text.

    What stands before a quote that is escaped ends with the backslash, which then takes the sign between pieces.
    """
    return pc.list_flatten(pc.split_pattern(_texts(*(table.column(name) for name in names)), '"')).unique()


def _distinct(words: Hashes) -> Hashes:
    """Each word once. Most are there many times, so to sort them all would take four times as long."""
    numbers = np.arange(len(words), dtype=np.int32)
    slots = (words & np.uint64(0xFFFF)).astype(np.int32)
    owner = np.empty(1 << 16, np.int32)
    owner[slots] = numbers  # the last of a slot has it
    owners = owner[slots]
    others = words[words[owners] != words]  # came to a slot of another word
    return np.concatenate((words[owners == numbers], np.unique(others)))


def _whole(texts: Any) -> Hashes:
    """Each text as one word."""
    if not len(texts):
        return np.zeros(0, np.uint64)
    ends = np.cumsum(pc.binary_length(texts).to_numpy(zero_copy_only=False)).astype(np.int64)
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    return _hash_many(_KEY, _joined(texts, ""), starts, ends)


def _words(kind: int, texts: Any) -> Iterator[Hashes]:
    """The words of pieces of JSON texts; of a word with an @ also what comes after it."""
    if not len(texts):
        return
    data = _joined(texts, "\n")
    if b"\\" in data:
        data = _ESCAPED.sub(b" ", data)
    data = data.lower()
    for sign, letter in _ALSO_ASCII.items():
        if sign in data:
            data = data.replace(sign, letter)
    classes = np.frombuffer(data.translate(_CLASSES), np.uint8)
    inside = np.zeros(len(classes) + 2, np.bool_)  # with something before and after that is in no word
    inside[1:-1] = letters = classes == 1
    inside[2:-2] |= (classes[1:-1] == 2) & letters[:-2] & letters[2:]
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    if not len(edges):
        return
    starts, ends = edges[::2], edges[1::2]
    if b"@" in data:
        at = np.flatnonzero((np.frombuffer(data, np.uint8) == ord("@")) & inside[1:-1]) + 1
        starts = np.concatenate((starts, at))
        ends = np.concatenate((ends, ends[np.searchsorted(ends, at)]))
    if kind == _TEXT:
        length = ends - starts
        kept = length >= SHORTEST_WORD
        starts, ends = starts[kept], ends[kept]
        there = np.bincount(np.minimum(length, _DIGESTS[-1] + 1), minlength=_DIGESTS[-1] + 1)
        yield np.array([_hash(_LENGTH, b"%d" % one) for one in _DIGESTS if there[one]], np.uint64)
    yield _hash_many(kind, data, starts, ends)


def _all_words(kind: int, text: str) -> frozenset[int]:
    """The words that are in a part where the text stands by itself; none when that cannot be told."""
    found = [one for one in _WORD.findall(text.encode().lower()) if kind != _TEXT or len(one) >= SHORTEST_WORD]
    lengths = {len(one) for one in found if kind == _TEXT and len(one) in _DIGESTS}
    return frozenset({_hash(kind, one) for one in found} | {_hash(_LENGTH, b"%d" % one) for one in lengths})


def _value(key: str) -> str:
    return key.partition(":")[2]


def _joined(texts: Any, between: str) -> bytes:
    """The bytes of all texts one after the other."""
    flat = texts.cast(pa.string())
    whole: Any = pa.ListArray.from_arrays(pa.array([0, len(flat)], pa.int32()), flat)
    joined: Any = pc.binary_join(whole, between)
    data: bytes = joined[0].as_buffer().to_pybytes()
    return data


def _hash_many(kind: int, data: bytes, starts: Any, ends: Any) -> Hashes:
    """The hash of every stretch: of its first, middle and last bytes and its length, so that all are made at once."""
    length = ends - starts
    padded = data + bytes(_LOAD)
    loads: Hashes = np.ndarray((len(padded) - _LOAD + 1,), "<u8", padded, strides=(1,))
    kept = _KEPT[np.minimum(length, _LOAD)]
    found = _mixed((length.astype(np.uint64) << np.uint64(8)) + np.uint64(kind))
    for back in (length, length // 2 + _LOAD // 2, _LOAD):
        places = np.maximum(starts, ends - back)
        found ^= loads[places] & kept
        found = _mixed(found)
    return found


#: What of a load belongs to a word of 0 to 8 bytes.
_KEPT: Hashes = np.array([0, *(2**64 - 1 >> (_LOAD - size) * 8 for size in range(1, _LOAD + 1))], np.uint64)


def _mixed(found: Hashes) -> Hashes:
    """Every bit depends on every other (splitmix64)."""
    found = found + np.uint64(_SPREAD)
    found ^= found >> np.uint64(30)
    found *= np.uint64(0xBF58476D1CE4E5B9)
    found ^= found >> np.uint64(27)
    found *= np.uint64(0x94D049BB133111EB)
    found ^= found >> np.uint64(31)
    return found


def _hash(kind: int, word: bytes) -> int:
    """The hash of one word."""
    found = _hash_many(kind, word, np.zeros(1, np.int64), np.full(1, len(word), np.int64))
    return int(found[0])
