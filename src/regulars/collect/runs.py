"""Sorted runs: an index that is only ever written in sequence.

A batch becomes one sorted run; eight runs of a level are merged into one of the next, a little with each batch, so that
no batch waits for a large merge. A run is stored in pages, one row of the table `run` each: `level` is the generation
and the level, `seq` the number of the run and the first key of the page, so that the page that may hold a key is found
from the row keys alone. Generations follow one another in time (or offset) and are forgotten whole.

The structure is that of O'Neil et al., "The log-structured merge-tree", 1996, with tiers instead of levels.
Every step returns rows to put and delete and takes effect with `accept`, after the caller has committed them; when the
commit fails, the step is dropped and nothing has happened. A crash between two steps of a merge leaves entries both in
what was merged and in the result: equal entries count once.
"""

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from regulars.core.state import RUN, Changes

Column: TypeAlias = npt.NDArray[np.uint64]
#: Rows are columns of entries: the sorted key first, the place in the log last. Sorted by all of them in that order.
Entries: TypeAlias = npt.NDArray[np.uint64]
#: (kind, level, seq) -> the page as stored.
Fetch: TypeAlias = Callable[[str, int, int], bytes]
PageAt: TypeAlias = Callable[[int, int], tuple[int, bytes] | None]

PREFIX_BITS = 39  # of a key, in `seq`
SHIFT = np.uint64(64 - PREFIX_BITS)
MAX_RUNS = 1 << (63 - PREFIX_BITS)
LEVELS = 16
_HEADER = struct.Struct("<IIqq")  # format, capacity of the generation, oldest and newest age
_FORMAT = 1


class Sizes(msgspec.Struct, frozen=True):
    """Sizes that only change speed."""

    page_entries: int = 680  # 16 kB of three columns
    fan: int = 8  # runs of a level that are merged into one of the next
    step_entries: int = 8 * 680  # what a merge moves at a time
    deletes: int = 64  # rows of a forgotten generation that go with one batch
    cached_pages: int = 512
    capacity: int = 1 << 20  # entries of the first generation


class Step:
    """What a batch writes to the table `run`, and what becomes true once that is committed."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.puts: list[tuple[int, int, bytes]] = []  # level, seq, page
        self.deletes: list[tuple[int, int]] = []
        self.effects: list[Callable[[], None]] = []

    def write(self, changes: Changes) -> None:
        """Add the rows to what the batch commits."""
        for level, seq in self.deletes:
            changes.delete(RUN, (self.kind, level, seq))
        for level, seq, data in self.puts:
            changes.put(RUN, (self.kind, level, seq, data))

    def accept(self) -> None:
        """The rows are committed."""
        for effect in self.effects:
            effect()
        self.effects.clear()


class Run:
    """A sorted run: the first key of each of its pages, shortened to the bits that are part of `seq`."""

    __slots__ = ("entries", "fences", "level", "newest", "number", "oldest")

    def __init__(self, number: int, level: int) -> None:
        self.number = number
        self.level = level  # generation and level, as stored
        self.fences: Column = np.empty(0, np.uint64)
        self.entries = 0
        self.oldest = 2**63 - 1
        self.newest = -(2**63)

    def seq(self, page: int) -> int:
        """The stored `seq` of a page."""
        return self.number << PREFIX_BITS | int(self.fences[page])

    def cover(self, oldest: int, newest: int) -> None:
        """Note the ages of entries that it takes in."""
        self.oldest = min(self.oldest, oldest)
        self.newest = max(self.newest, newest)


class Merge:
    """Runs on their way into one run, by ranges of the key."""

    def __init__(self, inputs: list[Run], output: Run) -> None:
        self.inputs = inputs
        self.output = output
        self.total = sum(run.entries for run in inputs)
        self.credit = 0
        self.done = 0  # prefixes below this are merged

    def bounds(self, entries: int) -> tuple[int, int]:
        """The next range of prefixes, holding about that many entries: keys are hashes and spread evenly."""
        share = max((entries << PREFIX_BITS) // max(self.total, 1), 1)
        end = min(self.done + share, 1 << PREFIX_BITS)
        return self.done, end


class Generation:
    """Runs of one stretch of time."""

    def __init__(self, number: int, capacity: int) -> None:
        self.number = number
        self.capacity = capacity  # entries after which the next generation begins
        self.runs: list[Run] = []  # oldest first
        self.merges: dict[int, Merge] = {}  # by level
        self.next_run = 0
        self.entries = 0
        self.oldest = 2**63 - 1
        self.newest = -(2**63)

    def new_run(self, level: int) -> Run:
        """A run with a number of its own."""
        run = Run(self.next_run, self.number * LEVELS + min(level, LEVELS - 1))
        self.next_run += 1
        return run

    def cover(self, oldest: int, newest: int) -> None:
        """Note the ages of entries that it takes in."""
        self.oldest = min(self.oldest, oldest)
        self.newest = max(self.newest, newest)


class Runs:
    """All runs of one kind. `columns` of 64 bits an entry; `span` is the age range of a generation."""

    def __init__(self, kind: str, fetch: Fetch, *, columns: int, sizes: Sizes, span: int | None = None) -> None:
        self.kind = kind
        self.generations: list[Generation] = []  # oldest first
        self._fetch = fetch
        self._columns = columns
        self._sizes = sizes
        self._span = span
        self._cache: OrderedDict[tuple[int, int], Entries] = OrderedDict()
        self._forgotten: list[tuple[int, int]] = []

    def load(self, level: int, seq: int, data: bytes) -> tuple[Generation, Entries]:
        """Take in a stored page; pages of a run come in the order of `seq`."""
        _, capacity, oldest, newest = _HEADER.unpack_from(data)
        number = level // LEVELS
        if not self.generations or self.generations[-1].number != number:
            self.generations.append(Generation(number, capacity))
        generation = self.generations[-1]
        run_number, fence = seq >> PREFIX_BITS, seq & ((1 << PREFIX_BITS) - 1)
        run = generation.runs[-1] if generation.runs else None
        if run is None or (run.number, run.level) != (run_number, level):
            run = Run(run_number, level)
            generation.runs.append(run)
            generation.next_run = max(generation.next_run, run_number + 1)
        entries = self._parse(data)
        run.fences = np.append(run.fences, np.uint64(fence))
        run.entries += entries.shape[1]
        generation.entries += entries.shape[1]
        run.cover(oldest, newest)
        generation.cover(oldest, newest)
        return generation, entries

    def loaded(self) -> None:
        """All pages are in: put the runs in order of age, as they were before."""
        for generation in self.generations:
            generation.runs.sort(key=lambda run: (-run.level, run.number))

    def append(self, step: Step, entries: Entries, *, age: int, capacity: int, oldest_kept: int) -> Generation:
        """Plan a new run; `capacity` is that of the generation if a new one has to begin."""
        generation = self._open_generation(step, age, capacity, oldest_kept)
        run = generation.new_run(0)
        run.cover(age, age)
        pages = self._write(step, generation, run, entries)

        def effect() -> None:
            run.fences = np.array([fence for fence, _ in pages], np.uint64)
            run.entries = entries.shape[1]
            generation.runs.append(run)
            generation.entries += run.entries
            generation.cover(age, age)
            for fence, page in pages:
                self._remember((run.level, run.number << PREFIX_BITS | fence), page)

        step.effects.append(effect)
        return generation

    def tidy(self, step: Step, moved: int, *, oldest_kept: int) -> None:
        """Plan a share of the merging and forgetting that is due after `moved` new entries."""
        for generation in self.generations:
            closed = generation is not self.generations[-1]
            if generation.newest < oldest_kept:
                step.effects.append(lambda gone=generation: self._forget(gone))  # type: ignore[misc]
            else:
                self._merge(step, generation, moved, closed=closed)
        rows = self._forgotten[: self._sizes.deletes]
        if rows:
            step.deletes += rows
            step.effects.append(lambda: self._forgotten.__delitem__(slice(0, len(rows))))

    def leave_out(self, step: Step, keys: Column) -> int:
        """Plan every stored page anew that holds an entry of these keys, without it; how many entries go."""
        removed = 0
        for generation in self.generations:
            for run in generation.runs:
                pages = run.fences.searchsorted(keys >> SHIFT, side="right").astype(np.int64) - 1
                for number in np.unique(pages[pages >= 0]).tolist():
                    entries = self._page(run, number)
                    keep = ~np.isin(entries[0], keys)
                    if keep.all():
                        continue
                    removed += int((~keep).sum())
                    key = (run.level, run.seq(number))
                    header = self._fetch(self.kind, *key)[: _HEADER.size]
                    step.puts.append((*key, header + np.ascontiguousarray(entries[:, keep]).tobytes()))
                    step.effects.append(partial(self._uncache, key))
        return removed

    def find(self, generation: Generation, keys: Column) -> Iterator[tuple[int, Column]]:
        """For positions in `keys`, entries with that key, newest run first: (position, entry), equal ones repeated."""
        prefixes = keys >> SHIFT
        for run in reversed(generation.runs):
            pages = run.fences.searchsorted(prefixes, side="right").astype(np.int64) - 1
            for number in np.unique(pages[pages >= 0]).tolist():
                entries = self._page(run, number)
                here = np.flatnonzero(pages == number)
                first = entries[0].searchsorted(keys[here], side="left")
                last = entries[0].searchsorted(keys[here], side="right")
                for position, start, end in zip(here.tolist(), first.tolist(), last.tolist(), strict=True):
                    for column in range(start, end):
                        yield position, entries[:, column]

    def _open_generation(self, step: Step, age: int, capacity: int, oldest_kept: int) -> Generation:
        if self.generations:
            last = self.generations[-1]
            in_span = last.newest >= oldest_kept and (self._span is None or age - last.oldest < self._span)
            if last.entries < last.capacity and in_span and last.next_run < MAX_RUNS - LEVELS * self._sizes.fan:
                return last
        generation = Generation(self.generations[-1].number + 1 if self.generations else 0, capacity)
        step.effects.append(lambda: self.generations.append(generation))
        return generation

    def _merge(self, step: Step, generation: Generation, moved: int, *, closed: bool) -> None:
        for level, merge in list(generation.merges.items()):
            merge.credit += 2 * moved
            if merge.credit >= self._sizes.step_entries:
                self._merge_step(step, generation, level, merge, merge.credit)
        busy = {run.number for merge in generation.merges.values() for run in (*merge.inputs, merge.output)}
        idle = [run for run in generation.runs if run.number not in busy]
        levels = {run.level % LEVELS for run in idle} - generation.merges.keys()
        begun = False
        for level in sorted(levels):
            inputs = [run for run in idle if run.level % LEVELS == level][: self._sizes.fan]
            if len(inputs) == self._sizes.fan:
                self._begin_merge(step, generation, level, inputs)
                begun = True
        if closed and len(idle) > 1 and not busy and not begun:
            self._begin_merge(step, generation, max(levels), idle)

    def _begin_merge(self, step: Step, generation: Generation, level: int, inputs: list[Run]) -> None:
        output = generation.new_run(level + 1)
        for run in inputs:
            output.cover(run.oldest, run.newest)
        merge = Merge(inputs, output)
        step.effects.append(lambda: generation.merges.__setitem__(level, merge))
        if merge.total <= self._sizes.step_entries:
            self._merge_step(step, generation, level, merge, merge.total)

    def _merge_step(self, step: Step, generation: Generation, level: int, merge: Merge, entries: int) -> None:
        start, end = merge.bounds(entries)
        merge.credit = 0
        parts: list[Entries] = []
        kept: list[tuple[Run, Column]] = []
        for run in merge.inputs:
            first = max(int(run.fences.searchsorted(np.uint64(start), side="right")) - 1, 0)
            last = int(run.fences.searchsorted(np.uint64(end), side="left"))
            for page in range(first, last):
                stored = self._page(run, page)
                prefixes = stored[0] >> SHIFT
                low, high = prefixes.searchsorted((np.uint64(start), np.uint64(end)), side="left")
                parts.append(stored[:, low:high])
            # A page goes when the next one begins within what is merged; the last one when everything is.
            begun = int(run.fences.searchsorted(np.uint64(end), side="right"))
            gone = len(run.fences) if end >> PREFIX_BITS else max(begun - 1, 0)
            step.deletes += [(run.level, run.seq(page)) for page in range(gone)]
            kept.append((run, run.fences[gone:]))
        merged = distinct(np.concatenate(parts, axis=1)) if parts else np.empty((self._columns, 0), np.uint64)
        pages = self._write(step, generation, merge.output, merged)
        step.effects.append(lambda: self._merged(generation, level, merge, end, kept, pages))

    def _merged(
        self,
        generation: Generation,
        level: int,
        merge: Merge,
        end: int,
        kept: list[tuple[Run, Column]],
        pages: list[tuple[int, Entries]],
    ) -> None:
        for run, fences in kept:
            for fence in run.fences[: len(run.fences) - len(fences)].tolist():
                self._cache.pop((run.level, run.number << PREFIX_BITS | fence), None)
            run.fences = fences
        output = merge.output
        if output not in generation.runs:
            # Before its inputs, so that the newest stay last.
            generation.runs.insert(min(generation.runs.index(run) for run in merge.inputs), output)
        output.fences = np.append(output.fences, np.array([fence for fence, _ in pages], np.uint64))
        output.entries += sum(entries.shape[1] for _, entries in pages)
        merge.done = end
        if end >> PREFIX_BITS:
            generation.runs = [run for run in generation.runs if run not in merge.inputs]
            generation.merges.pop(level, None)

    def _forget(self, generation: Generation) -> None:
        self.generations.remove(generation)
        self._forgotten += [(run.level, run.seq(page)) for run in generation.runs for page in range(len(run.fences))]

    def _write(self, step: Step, generation: Generation, run: Run, entries: Entries) -> list[tuple[int, Entries]]:
        """Cut into pages; a page begins where the prefix of the key changes, so that each has a `seq` of its own."""
        prefixes = entries[0] >> SHIFT
        pages = []
        start, total = 0, entries.shape[1]
        while start < total:
            end = min(start + self._sizes.page_entries, total)
            if end < total and prefixes[end] == prefixes[end - 1]:
                end = int(prefixes.searchsorted(prefixes[end], side="right"))
            page = np.ascontiguousarray(entries[:, start:end])
            fence = int(prefixes[start])
            header = _HEADER.pack(_FORMAT, generation.capacity, run.oldest, run.newest)
            step.puts.append((run.level, run.number << PREFIX_BITS | fence, header + page.tobytes()))
            pages.append((fence, page))
            start = end
        return pages

    def _page(self, run: Run, number: int) -> Entries:
        key = (run.level, run.seq(number))
        page = self._cache.get(key)
        if page is None:
            page = self._parse(self._fetch(self.kind, *key))
            self._remember(key, page)
        else:
            self._cache.move_to_end(key)
        return page

    def _remember(self, key: tuple[int, int], page: Entries) -> None:
        self._cache[key] = page
        while len(self._cache) > self._sizes.cached_pages:
            self._cache.popitem(last=False)

    def _uncache(self, key: tuple[int, int]) -> None:
        self._cache.pop(key, None)

    def _parse(self, data: bytes) -> Entries:
        return stored_entries(data, self._columns)


def distinct(entries: Entries) -> Entries:
    """Sorted by all columns in order, equal entries once."""
    order = np.argsort(entries[0], kind="stable")
    entries = entries[:, order]
    same = entries[0, 1:] == entries[0, :-1]
    if same.any():
        entries = entries[:, np.lexsort(entries[::-1])]
        different = (entries[:, 1:] != entries[:, :-1]).any(axis=0)
        entries = entries[:, np.concatenate(([True], different))]
    return entries


def stored_entries(data: bytes, columns: int) -> Entries:
    """The entries of a stored page."""
    return np.frombuffer(data, np.uint64, offset=_HEADER.size).reshape(columns, -1)


def stored_pages(key: int, levels: Iterable[int], page_at: PageAt) -> Iterator[bytes]:
    """The stored pages that may hold a key, without an index in memory: for readers beside the writer.

    `levels` are those that the table has for the kind; `page_at(level, seq)` is the row with the largest `seq` up to
    the given one.
    """
    prefix = key >> (64 - PREFIX_BITS)
    for level in sorted(levels, key=lambda level: (-(level // LEVELS), level)):
        newest = page_at(level, (1 << 63) - 1)
        while newest is not None:
            run = newest[0] >> PREFIX_BITS
            page = page_at(level, run << PREFIX_BITS | prefix)
            if page is not None and page[0] >> PREFIX_BITS == run:
                yield page[1]
            newest = page_at(level, (run << PREFIX_BITS) - 1) if run else None
