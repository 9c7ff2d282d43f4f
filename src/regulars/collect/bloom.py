"""A filter in memory that answers "certainly new" for a batch of hashes at once.

The split block Bloom filter of Apache Parquet (parquet-format, BloomFilter.md): a hash chooses one block of eight
32-bit words, one memory access, and one bit in each word.
"""

import numpy as np
import numpy.typing as npt

BITS_PER_KEY = 20
_SALTS = np.array(
    [0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31], np.uint32
)
_ONE = np.uint32(1)
_BIT = np.uint32(27)
_HALF = np.uint64(32)


class BloomFilter:
    """Room for `capacity` hashes of 64 bits; more of them cost accuracy, never a wrong "certainly new"."""

    def __init__(self, capacity: int) -> None:
        self._blocks = max(capacity * BITS_PER_KEY // 256, 1)
        self._words = np.zeros((self._blocks, 8), np.uint32)

    def add(self, hashes: npt.NDArray[np.uint64]) -> None:
        """Remember them."""
        blocks, bits = self._places(hashes)
        while len(blocks):
            self._words[blocks] |= bits
            # Where two of them share a block, one assignment overwrote the other: repeat for those.
            missing = ((self._words[blocks] & bits) != bits).any(axis=1)
            blocks, bits = blocks[missing], bits[missing]

    def may_hold(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """False: certainly never added."""
        blocks, bits = self._places(hashes)
        missing: npt.NDArray[np.uint32] = ~self._words[blocks] & bits
        held: npt.NDArray[np.bool_] = missing.view(np.uint64).max(axis=1) == 0
        return held

    def size(self) -> int:
        """Bytes of memory."""
        return self._words.nbytes

    def _places(self, hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Block by the upper half of the hash (Lemire's multiply-shift), one bit in each word by the lower half."""
        blocks = ((hashes >> _HALF) * np.uint64(self._blocks) >> _HALF).astype(np.int64)
        bits = _ONE << (hashes.astype(np.uint32)[:, None] * _SALTS >> _BIT)
        return blocks, bits
