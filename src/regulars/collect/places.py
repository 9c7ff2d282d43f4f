"""Where an event stands in the log, as one number: record offset and index within the record."""

import numpy as np
import numpy.typing as npt

_INDEX_BITS = 22  # events of one log record: more than fit in a body of 4 MB


def place(offset: int, index: int) -> int:
    """Where an event stands in the log, as one number: record offset and index within the record."""
    return offset << _INDEX_BITS | index


def places(offsets: npt.ArrayLike, indexes: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """`place` of many."""
    return np.asarray(offsets, np.uint64) << np.uint64(_INDEX_BITS) | np.asarray(indexes, np.uint64)


def offset_and_index(number: int) -> tuple[int, int]:
    """The inverse of `place`.

    >>> offset_and_index(place(7, 3))
    (7, 3)
    """
    return number >> _INDEX_BITS, number & ((1 << _INDEX_BITS) - 1)
