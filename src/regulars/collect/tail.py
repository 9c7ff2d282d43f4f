"""Where the events of a subject stand in the log, for the part that is not sealed into the lake yet."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from regulars.collect.places import offset_and_index, places
from regulars.collect.runs import Column, Fetch, Runs, Sizes, Step, distinct

KIND = "tail"
_COLUMNS = 2  # hash of the subject, place


def subject_digests(subjects: Iterable[str]) -> bytes:
    """64-bit hashes of identifier keys, one after the other; two that share one cost a needless look at the log."""
    blake2b = hashlib.blake2b
    return b"".join([blake2b(s.encode(), digest_size=8).digest() for s in subjects])


def as_hashes(digests: bytes) -> Column:
    """What `subject_digests` gives, as the index takes it."""
    return np.frombuffer(digests, "<u8")


def subject_hashes(subjects: Iterable[str]) -> Column:
    """The hashes of identifier keys."""
    return as_hashes(subject_digests(subjects))


class TailIndex:
    """Subject -> (offset, index). For each batch: `step = index.fold(...)`, `step.write(changes)`, commit, `accept`."""

    def __init__(self, fetch: Fetch, *, sizes: Sizes = Sizes()) -> None:
        self._runs = Runs(KIND, fetch, columns=_COLUMNS, sizes=sizes)
        self._capacity = sizes.capacity // 8  # what is trimmed goes in pieces of this size
        self._first = 0

    def load(self, rows: Iterable[tuple[int, int, bytes]]) -> None:
        """Take in the stored rows (level, seq, data), in the order of level and seq."""
        for row in rows:
            self._runs.load(*row)
        self._runs.loaded()

    def trim(self, first: int) -> None:
        """Records with offset < `first` are sealed or gone; the next batches remove their entries."""
        self._first = max(self._first, first)

    def fold(self, subjects: Column, offsets: npt.ArrayLike, indexes: npt.ArrayLike) -> Step:
        """Plan the entries of a batch; `subjects` from `subject_hashes`."""
        step = Step(KIND)
        if len(subjects):
            entries = distinct(np.stack((subjects, places(offsets, indexes))))
            newest = int(np.max(np.asarray(offsets)))
            self._runs.append(step, entries, age=newest, capacity=self._capacity, oldest_kept=self._first)
        self._runs.tidy(step, len(subjects), oldest_kept=self._first)
        return step

    def positions(self, subjects: Sequence[str]) -> list[tuple[int, int]]:
        """(offset, index) of the subjects' events from the trimmed offset on, in the order of the log."""
        hashes = np.unique(subject_hashes(subjects))
        found = {
            int(entry[1]) for generation in self._runs.generations for _, entry in self._runs.find(generation, hashes)
        }
        ordered = (offset_and_index(number) for number in sorted(found))
        return [position for position in ordered if position[0] >= self._first]

    def forget(self, subjects: Sequence[str]) -> Step:
        """Plan the index without these subjects: an erasure."""
        step = Step(KIND)
        self._runs.leave_out(step, np.unique(subject_hashes(subjects)))
        return step
