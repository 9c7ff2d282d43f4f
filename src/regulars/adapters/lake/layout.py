"""Which part a row belongs to: few files for a large import, narrow ones where there is much.

Every shop day is a span of its own, until a seal touches more than `MAX_DAYS` of them (an import of history): then
days with few rows share the span of their calendar month. A span with many rows is split into buckets of the subject.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from regulars.adapters.lake.tables import Column
from regulars.core.lake import ALL_BUCKETS, BUCKETS, bucket_of

MAX_DAYS = 7  # days of one seal that each get files of their own
SPLIT_ROWS = 50_000  # rows from which a span is split into buckets

Int = NDArray[np.int64]


class Slot(NamedTuple):
    """A part to be written and the positions of its rows."""

    day: int
    until: int
    bucket: int
    rows: Int


def slots(subjects: Column, days: Int, *, max_days: int = MAX_DAYS) -> list[Slot]:
    """The parts that these rows are written to, by day and bucket."""
    spans = _spans(days, max_days)
    order = np.argsort(spans, kind="stable")
    starts = np.flatnonzero(np.diff(spans[order], prepend=np.iinfo(np.int64).min))
    found: list[Slot] = []
    for rows in np.split(order, starts[1:]):
        within = days[rows]
        first, last = int(within.min()), int(within.max())
        if len(rows) < SPLIT_ROWS:
            found.append(Slot(first, last, ALL_BUCKETS, rows))
            continue
        buckets = buckets_of(subjects.take(pa.array(rows, pa.int64())))
        found += [Slot(first, last, b, rows[buckets == b]) for b in range(BUCKETS) if bool((buckets == b).any())]
    return found


def buckets_of(subjects: Column) -> Int:
    """The bucket of every row; each distinct subject is hashed once."""
    encoded = subjects.combine_chunks().dictionary_encode()
    hashed = np.array([bucket_of(s) for s in encoded.dictionary.to_pylist()], np.int64)
    numbers: Int = hashed[encoded.indices.to_numpy()]
    return numbers


def month_of(day: int) -> tuple[int, int]:
    """First and last day number of the calendar month of `day`.

    >>> month_of(17500)  # 2017-11-30
    (17471, 17500)
    """
    month = np.datetime64(day, "D").astype("datetime64[M]")
    first = int(month.astype("datetime64[D]").astype(np.int64))
    after = int((month + 1).astype("datetime64[D]").astype(np.int64))
    return first, after - 1


def _spans(days: Int, max_days: int) -> Int:
    """A number for each row; equal numbers share a span."""
    distinct, counts = np.unique(days, return_counts=True)
    if len(distinct) <= max_days:
        return days
    small = distinct[counts < SPLIT_ROWS]
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    # Months count from 1970-01 as days do; shifted so that no month number equals a day number.
    return np.where(np.isin(days, small), months - 10_000_000, days)
