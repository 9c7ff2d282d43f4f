"""Rows in TOML."""

import contextlib
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.core.errors import Rejected
from regulars.importing.toml import BYTES, read_toml

SCHEDULE = """station = "Shop TV"

[[programme]]
starts = 2026-05-04T20:00:00+02:00
title = "Knives at eight"
product_ids = ["k1", "k2"]

[[programme]]
starts = 2026-05-04 21:00:00
station = "Radio 1"
"""


def rows(text: bytes) -> list[tuple[int, dict[str, Any]]]:
    return list(read_toml(io.BytesIO(text), Path("schedule.toml")))


def test_each_entry_is_a_row_with_what_stands_above_and_its_line() -> None:
    first, second = rows(SCHEDULE.encode())
    assert first[:1] == (3,)
    assert first[1] == {
        "station": "Shop TV", "starts": datetime.fromisoformat("2026-05-04T20:00:00+02:00"),
        "title": "Knives at eight", "product_ids": ["k1", "k2"],
    }  # fmt: skip
    assert (second[0], second[1]["station"]) == (8, "Radio 1")


@pytest.mark.parametrize(
    ("text", "why"),
    [(b"[[a", "is not TOML"), (b"\xff", "is not UTF-8"), (b"a = 1", "holds no"), (b"#" * (BYTES + 1), "is too large")],
)
def test_what_is_no_table_of_entries_says_why(text: bytes, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        rows(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_refused(data: bytes) -> None:
    with contextlib.suppress(Rejected):
        assert all(isinstance(row[1], dict) for row in rows(data))
