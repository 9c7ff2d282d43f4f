"""Count each event once: exact de-duplication on (source, message id), which also finds an event for `trace`."""

import hashlib
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from regulars.collect.bloom import Bits, BloomFilter, bits_of
from regulars.collect.places import offset_and_index, places
from regulars.collect.runs import (
    Column,
    Entries,
    Fetch,
    Generation,
    PageAt,
    Runs,
    Sizes,
    Step,
    stored_entries,
    stored_pages,
)

KIND = "seen"
DAY_MS = 86_400_000
#: Two columns of 64 bits: the halves of the hash.
Keys: TypeAlias = npt.NDArray[np.uint64]

_COLUMNS = 3  # upper half, lower half, place
_MOST_CAPACITY = 1 << 24
_GENERATIONS = 4  # in the time that entries are kept


def digests_of(messages: Iterable[tuple[str, str]]) -> bytes:
    """The 128-bit hashes of (source, message id), one after the other: blake2b of source, NUL, message id."""
    blake2b = hashlib.blake2b
    return b"".join([blake2b(f"{source}\0{message}".encode(), digest_size=16).digest() for source, message in messages])


def keys_of(messages: Iterable[tuple[str, str]]) -> Keys:
    """The 128-bit hashes of (source, message id)."""
    return as_keys(digests_of(messages))


def as_keys(digests: bytes) -> Keys:
    """What `digests_of` gives, as the index takes it."""
    return np.frombuffer(digests, "<u8").reshape(-1, 2)


def key_of(source: str, message_id: str) -> int:
    """Half of the hash of one event, as a number that every store can hold."""
    return int(keys_of([(source, message_id)])[0, 0] >> np.uint64(1))


class SeenStep(Step):
    """A folded batch: which of its events came before, and what to write."""

    def __init__(self, duplicates: npt.NDArray[np.bool_]) -> None:
        super().__init__(KIND)
        self.duplicates = duplicates


class SeenIndex:
    """Which events were counted, for at least `keep_ms` of receipt time.

    For each batch: `step = index.fold(...)`, `step.write(changes)`, commit, `step.accept()`. Without `accept` the batch
    leaves no trace. `fetch` reads a committed page of the table `run`.
    """

    def __init__(self, fetch: Fetch, *, keep_ms: int = 7 * DAY_MS, sizes: Sizes = Sizes()) -> None:
        self._runs = Runs(KIND, fetch, columns=_COLUMNS, sizes=sizes, span=keep_ms // _GENERATIONS)
        self._least_capacity = sizes.capacity
        self._filters: dict[int, BloomFilter] = {}  # by number of the generation
        self._keep_ms = keep_ms

    def load(self, rows: Iterable[tuple[int, int, bytes]]) -> None:
        """Build the filters from the stored rows (level, seq, data), in the order of level and seq."""
        waiting: list[Column] = []
        last: Generation | None = None
        for row in rows:
            generation, entries = self._runs.load(*row)
            if last is not None and (generation is not last or len(waiting) == 64):
                self._remember(last, np.concatenate(waiting))
                waiting.clear()
            waiting.append(entries[1])
            last = generation
        if last is not None:
            self._remember(last, np.concatenate(waiting))
        self._runs.loaded()

    def fold(self, keys: Keys, offsets: npt.ArrayLike, indexes: npt.ArrayLike, *, received_at: int) -> SeenStep:
        """Tell the new from the known; of equal keys within the batch the first is new. `received_at` in ms."""
        step = SeenStep(_repeated(keys))
        lower = np.ascontiguousarray(keys[:, 1])
        bits = bits_of(lower)
        step.duplicates |= self._known(keys, lower, bits)
        new = np.flatnonzero(~step.duplicates)
        oldest_kept = max([received_at, *(g.newest for g in self._runs.generations)]) - self._keep_ms
        if len(new):
            entries: Entries = np.empty((_COLUMNS, len(new)), np.uint64)
            entries[:2] = keys[new].T
            entries[2] = places(offsets, indexes)[new]
            entries = entries.take(np.argsort(entries[0], kind="stable"), axis=1)
            generation = self._runs.append(
                step, entries, age=received_at, capacity=self._next_capacity(), oldest_kept=oldest_kept
            )
            step.effects.append(lambda: self._filter(generation).add(lower[new], bits[new]))
        self._runs.tidy(step, len(new), oldest_kept=oldest_kept)
        step.effects.append(self._drop_filters)
        return step

    def locate(self, source: str, message_id: str) -> tuple[int, int] | None:
        """The log offset and index of a counted event."""
        ((upper, lower),) = keys_of([(source, message_id)])
        for generation in reversed(self._runs.generations):
            for _, entry in self._runs.find(generation, np.array([upper])):
                if entry[1] == lower:
                    return offset_and_index(int(entry[2]))
        return None

    def memory(self) -> int:
        """Bytes of the filters."""
        return sum(f.size() for f in self._filters.values())

    def _known(self, keys: Keys, lower: Column, bits: Bits) -> npt.NDArray[np.bool_]:
        known = np.zeros(len(keys), np.bool_)
        for generation in reversed(self._runs.generations):
            maybe = self._filter(generation).may_hold(lower, bits) & ~known
            if not maybe.any():
                continue
            places_ = np.flatnonzero(maybe)
            suspects = keys[places_]
            for position, entry in self._runs.find(generation, suspects[:, 0]):
                if entry[1] == suspects[position, 1]:
                    known[places_[position]] = True
        return known

    def _filter(self, generation: Generation) -> BloomFilter:
        found = self._filters.get(generation.number)
        if found is None:
            found = self._filters[generation.number] = BloomFilter(generation.capacity)
        return found

    def _remember(self, generation: Generation, lower: Column) -> None:
        self._filter(generation).add(lower, bits_of(lower))

    def _drop_filters(self) -> None:
        alive = {generation.number for generation in self._runs.generations}
        for number in self._filters.keys() - alive:
            del self._filters[number]

    def _next_capacity(self) -> int:
        """Room for the next generation: twice a full one, a quarter more than one that time has closed."""
        if not self._runs.generations:
            return self._least_capacity
        last = self._runs.generations[-1]
        wanted = 2 * last.capacity if last.entries >= last.capacity else last.entries * 5 // 4
        return min(max(wanted, self._least_capacity), _MOST_CAPACITY)


def locate_stored(source: str, message_id: str, levels: Iterable[int], page_at: PageAt) -> tuple[int, int] | None:
    """`SeenIndex.locate` for a reader beside the updater; see `runs.stored_pages` for the arguments."""
    ((upper, lower),) = keys_of([(source, message_id)])
    for page in stored_pages(int(upper), levels, page_at):
        entries = stored_entries(page, _COLUMNS)
        found = np.flatnonzero((entries[0] == upper) & (entries[1] == lower))
        if len(found):
            return offset_and_index(int(entries[2, found[0]]))
    return None


def _repeated(keys: Keys) -> npt.NDArray[np.bool_]:
    """Which keys equal an earlier one of the batch."""
    repeated = np.zeros(len(keys), np.bool_)
    upper = np.sort(keys[:, 0])
    if (upper[1:] != upper[:-1]).all():
        return repeated
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: of equal keys the first comes first
    ordered = keys[order]
    repeated[order[1:]] = (ordered[1:] == ordered[:-1]).all(axis=1)
    return repeated
