"""Fewer and cleaner parts: which to merge, and the rows that remain."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regulars.adapters.lake import layout, tables
from regulars.adapters.lake.files import Folder, MissingPart
from regulars.core.lake import ALL_BUCKETS, BUCKETS, EVENT_PART, PROFILE_PART, Drop, PartFile, bucket_of

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


def holding(folder: Folder, parts: Sequence[PartFile], drop: Sequence[Drop]) -> list[PartFile]:
    """Those of the parts that have a row to leave out or to change."""
    return [part for part in parts if part.kind != PROFILE_PART and _touched(folder, part, drop)]


def merged(folder: Folder, parts: Sequence[PartFile], drop: Sequence[Drop]) -> Iterator[tuple[int, pa.Table]]:
    """The rows that remain as (bucket, table): one table when they are few, else one for each bucket."""
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        raise ValueError(f"parts of several kinds cannot be merged: {sorted(kinds)}")
    kind = kinds.pop()
    total = sum(part.rows for part in parts)
    if total < layout.SPLIT_ROWS:
        table = _without(_once(pa.concat_tables([read(folder, part) for part in parts]), kind), drop)
        if table.num_rows:
            yield ALL_BUCKETS, table
        return
    # As many buckets in one pass over the files as fit in memory.
    width = max(1, min(BUCKETS, BUCKETS * ROWS_IN_MEMORY // total))
    for low in range(0, BUCKETS, width):
        for bucket, table in _by_bucket(folder, parts, range(low, min(low + width, BUCKETS))):
            kept = _without(_once(table, kind), drop)
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
            yield bucket, pa.concat_tables(pieces.pop(bucket))


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


def _touched(folder: Folder, part: PartFile, drop: Sequence[Drop]) -> bool:
    relevant = [d for d in drop if d.erases or _may_hold(part, d)]
    if not relevant:
        return False
    if part.kind == EVENT_PART:
        table = read(folder, part, ["subject", "name", "time", "identifiers", "claims"])
    else:
        table = read(folder, part, ["subject", "time"])
    if any(bool(pc.any(_mask(table, d)).as_py()) for d in relevant):
        return True
    erased = _erased(relevant)
    return part.kind == EVENT_PART and any(
        bool(pc.any(pc.is_in(pc.list_flatten(table.column(name)), value_set=erased)).as_py())
        for name in ("identifiers", "claims")
    )


def _may_hold(part: PartFile, drop: Drop) -> bool:
    if part.kind != EVENT_PART and drop.names:
        return False
    return part.bucket == ALL_BUCKETS or part.bucket in {bucket_of(s) for s in drop.subjects}


def _without(table: pa.Table, drop: Sequence[Drop]) -> pa.Table:
    """The table without the dropped rows, and without erased identifiers in the rows of others."""
    for one in drop:
        table = table.filter(pc.invert(_mask(table, one)))
    erased = _erased(drop)
    if len(erased) and "claims" in table.schema.names:
        for name in ("identifiers", "claims"):
            at = table.schema.get_field_index(name)
            table = table.set_column(at, table.schema.field(at), _lists_without(table.column(name), erased))
    return table


def _mask(table: pa.Table, drop: Drop) -> Any:
    """True for the rows that a drop removes."""
    if drop.names and "name" not in table.schema.names:
        return pa.array(np.zeros(table.num_rows, bool))
    mask = pc.is_in(table.column("subject"), value_set=pa.array(drop.subjects, pa.string()))
    if drop.names:
        mask = pc.and_(mask, pc.is_in(table.column("name"), value_set=pa.array(drop.names, pa.string())))
    if drop.before is not None:
        mask = pc.and_(mask, pc.less(table.column("time"), pa.scalar(drop.before, pa.int64())))
    return mask


def _erased(drop: Sequence[Drop]) -> Any:
    return pa.array(sorted({s for d in drop if d.erases for s in d.subjects}), pa.string())


def _lists_without(column: Any, values: Any) -> Any:
    """A list column without some of the strings."""
    lists = column.combine_chunks()
    flat, parents = pc.list_flatten(lists), pc.list_parent_indices(lists)
    keep = pc.invert(pc.is_in(flat, value_set=values))
    counts = np.bincount(parents.filter(keep).to_numpy(zero_copy_only=False), minlength=len(lists))
    ends = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat.filter(keep))
