"""A filter in memory that answers "certainly new" for a batch of hashes at once.

The split block Bloom filter of Apache Parquet (parquet-format, BloomFilter.md): a hash chooses one block of eight
32-bit words, one memory access, and one bit in each word.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

BITS_PER_KEY = 20
_SALTS = np.array(
    [0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31], np.uint32
)
_ONE = np.uint32(1)
_BIT = np.uint32(27)
_HALF = np.uint64(32)


Hashes: TypeAlias = npt.NDArray[np.uint64]
Bits: TypeAlias = npt.NDArray[np.uint32]


def bits_of(hashes: Hashes) -> Bits:
    """One bit for each of the eight words, by the lower half of the hash; the same for every filter."""
    return _ONE << (hashes.astype(np.uint32)[:, None] * _SALTS >> _BIT)


class BloomFilter:
    """Room for `capacity` hashes of 64 bits; more of them cost accuracy, never a wrong "certainly new"."""

    def __init__(self, capacity: int) -> None:
        self._blocks = max(capacity * BITS_PER_KEY // 256, 1)
        self._words = np.zeros((self._blocks, 8), np.uint32)

    def add(self, hashes: Hashes, bits: Bits) -> None:
        """Remember them; `bits` from `bits_of`."""
        blocks = self._places(hashes)
        while len(blocks):
            self._words[blocks] = self._words.take(blocks, axis=0) | bits
            # Where two of them share a block, one assignment overwrote the other: repeat for those.
            missing = ~self._held(blocks, bits)
            blocks, bits = blocks[missing], bits[missing]

    def may_hold(self, hashes: Hashes, bits: Bits) -> npt.NDArray[np.bool_]:
        """False: certainly never added."""
        return self._held(self._places(hashes), bits)

    def size(self) -> int:
        """Bytes of memory."""
        return self._words.nbytes

    def _held(self, blocks: npt.NDArray[np.int64], bits: Bits) -> npt.NDArray[np.bool_]:
        missing = (~self._words.take(blocks, axis=0) & bits).view(np.uint64)
        # Reducing along a short axis is slow in numpy; three additions of columns are not.
        held: npt.NDArray[np.bool_] = (missing[:, 0] | missing[:, 1] | missing[:, 2] | missing[:, 3]) == 0
        return held

    def _places(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        """Block by the upper half of the hash (multiply-shift, Lemire 2019)."""
        return ((hashes >> _HALF) * np.uint64(self._blocks) >> _HALF).astype(np.int64)
