"""Fewer and cleaner parts: which to merge, and the rows that remain."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from regulars.adapters.lake import layout, tables
from regulars.adapters.lake.files import Folder, MissingPart
from regulars.core.lake import ALL_BUCKETS, BUCKETS, PROFILE_PART, PartFile

MAX_PARTS = 8  # parts of one span and bucket that are left lying side by side
ROWS_IN_MEMORY = 150_000  # of a merge; an event is about 1 kB
SETTLED_DAYS = 7  # days after the end of a month at which its small days are merged into one span


def plan(listed: Sequence[PartFile], *, today: int) -> list[list[PartFile]]:
    """Groups of parts worth merging: spans in many pieces, and the small days of months gone by."""
    spans: defaultdict[tuple[str, int, int], list[PartFile]] = defaultdict(list)
    for part in listed:
        if part.kind != PROFILE_PART:
            spans[part.kind, part.day, part.until].append(part)
    months: defaultdict[tuple[str, int], list[PartFile]] = defaultdict(list)
    groups: list[list[PartFile]] = []
    for (kind, day, until), parts in spans.items():
        first, last = layout.month_of(day)
        small = sum(part.rows for part in parts) < layout.SPLIT_ROWS
        if until <= last and last + SETTLED_DAYS < today and small:
            months[kind, first] += parts
        elif _pieces(parts) > MAX_PARTS:
            groups.append(parts)
    groups += [parts for parts in months.values() if len(parts) > MAX_PARTS]
    return groups


def merged(folder: Folder, parts: Sequence[PartFile]) -> Iterator[tuple[int, pa.Table]]:
    """The rows, each once, as (bucket, table): one table when they are few, else one for each bucket."""
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        raise ValueError(f"parts of several kinds cannot be merged: {sorted(kinds)}")
    kind = kinds.pop()
    total = sum(part.rows for part in parts)
    if total < layout.SPLIT_ROWS:
        table = _once(_joined([read(folder, part) for part in parts]), kind)
        if table.num_rows:
            yield ALL_BUCKETS, table
        return
    # As many buckets in one pass over the files as fit in memory.
    width = max(1, min(BUCKETS, BUCKETS * ROWS_IN_MEMORY // total))
    for low in range(0, BUCKETS, width):
        for bucket, table in _by_bucket(folder, parts, range(low, min(low + width, BUCKETS))):
            kept = _once(table, kind)
            if kept.num_rows:
                yield bucket, kept


def _by_bucket(folder: Folder, parts: Sequence[PartFile], buckets: range) -> Iterator[tuple[int, pa.Table]]:
    """The rows of some buckets, from parts of these buckets and from parts of all."""
    pieces: defaultdict[int, list[pa.Table]] = defaultdict(list)
    for part in parts:
        if part.bucket in buckets:
            pieces[part.bucket].append(read(folder, part))
        elif part.bucket == ALL_BUCKETS:
            table = read(folder, part)
            numbers = layout.buckets_of(table.column("subject"))
            for bucket in buckets:
                pieces[bucket].append(table.filter(pa.array(numbers == bucket)))
    for bucket in buckets:
        if bucket in pieces:
            yield bucket, _joined(pieces.pop(bucket))


def _joined(pieces: Sequence[pa.Table]) -> pa.Table:
    """All rows; a column that older parts do not have is empty there."""
    return pa.concat_tables(pieces, promote_options="default")


def _pieces(parts: Sequence[PartFile]) -> int:
    """The most parts of one bucket."""
    counts: defaultdict[int, int] = defaultdict(int)
    for part in parts:
        counts[part.bucket] += 1
    return max(counts.values())


def read(folder: Folder, part: PartFile, columns: Sequence[str] | None = None) -> pa.Table:
    """A part as a table."""
    try:
        return pq.ParquetFile(folder.path(part)).read(columns=list(columns) if columns else None)
    except FileNotFoundError as error:
        raise MissingPart(folder.path(part)) from error


def _once(table: pa.Table, kind: str) -> pa.Table:
    """One row of each fact: the first that was logged."""
    identity = list(tables.IDENTITY[kind])
    if table.group_by(identity).aggregate([]).num_rows == table.num_rows:
        return table
    order: list[tuple[str, Any]] = [("offset", "ascending")]
    if "index" in table.schema.names:
        order.append(("index", "ascending"))
    table = table.sort_by(order)
    numbered = table.append_column("row", pa.array(np.arange(table.num_rows)))
    firsts = numbered.group_by(identity, use_threads=False).aggregate([("row", "min")])
    return table.take(firsts.column("row_min").combine_chunks())
