"""How many files a seal makes, and which are merged later."""

import numpy as np
import pyarrow as pa
import pytest

from regulars.adapters.lake import layout
from regulars.adapters.lake.compaction import MAX_PARTS, SETTLED_DAYS, plan
from regulars.core.lake import ALL_BUCKETS, BUCKETS, PartFile, bucket_of


def slots(days: list[int], subjects: list[str] | None = None) -> list[layout.Slot]:
    names = subjects if subjects is not None else [f"user_id:{n}" for n in range(len(days))]
    return layout.slots(pa.chunked_array([pa.array(names)]), np.array(days))


def test_a_few_days_get_a_part_each() -> None:
    assert [(s.day, s.until, s.bucket, s.rows.tolist()) for s in slots([5, 4, 5])] == [
        (4, 4, ALL_BUCKETS, [1]),
        (5, 5, ALL_BUCKETS, [0, 2]),
    ]


def test_many_days_share_the_part_of_their_month() -> None:
    found = slots(list(range(17167, 17167 + 365)))  # 2017
    assert [(s.day - 17167, s.until - 17167) for s in found][:2] == [(0, 30), (31, 58)]
    assert len(found) == 12


def test_a_large_span_is_split_into_buckets_of_the_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SPLIT_ROWS", 100)
    subjects = [f"user_id:{n % 60}" for n in range(120)]
    found = slots([3] * 100 + [4] * 20, subjects)
    split = [s for s in found if s.day == 3]
    assert {s.bucket for s in split} <= set(range(BUCKETS))
    assert all(bucket_of(subjects[row]) == s.bucket for s in split for row in s.rows)
    assert [s.bucket for s in found if s.day == 4] == [ALL_BUCKETS]
    assert sorted(row for s in found for row in s.rows) == list(range(120))


def part(day: int, number: int, *, until: int | None = None, rows: int = 10, bucket: int = ALL_BUCKETS) -> PartFile:
    return PartFile(
        f"event/{day}.{number}", "event", day, bucket, rows, 1, "", 0, 0, until if until is not None else day
    )


def test_a_day_in_many_pieces_is_merged() -> None:
    today = 17510
    pieces = [part(today, n) for n in range(MAX_PARTS)]
    assert plan(pieces, today=today) == []
    more = [*pieces, part(today, 99)]
    assert plan([*more, part(today - 1, 0)], today=today) == [more]


def test_the_small_days_of_a_month_gone_by_become_one_span() -> None:
    november = [part(day, 0) for day in range(17471, 17501)]
    large = [part(17480, n, rows=layout.SPLIT_ROWS, bucket=n) for n in range(3)]
    assert plan(november, today=17500 + SETTLED_DAYS) == []
    assert plan(november, today=17501 + SETTLED_DAYS) == [november]
    settled = plan([*november, *large], today=17501 + SETTLED_DAYS)
    assert settled == [[p for p in november if p.day != 17480]]
