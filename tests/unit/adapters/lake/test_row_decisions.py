"""Sealed decisions keep how their rows came about, also beside parts from before rows were kept."""

from pathlib import Path

import pyarrow as pa

from regulars.adapters.lake import tables
from regulars.adapters.lake.decisions import row_decisions
from regulars.adapters.lake.parquet import ParquetLake
from regulars.core.decision import DecisionRecord, RowRecord
from regulars.core.lake import LoggedDecision, PartFile

DAY_MS = 86_400_000


def decision(number: int) -> LoggedDecision:
    row = RowRecord(0, True, "north", [950_000, 1_000_000], [[], [2]], ["short.rules"], b"pool")
    record = DecisionRecord(
        id=f"d{number}", time=19_000 * DAY_MS + number, profile=7, anchor="user_id:ana", seed=1, configuration="c.r",
        models="v1", offset=3, hot=b"hot", riding=[], chosen=[("home", -1, 0.0, False, ["tea", "milk"])],
        candidates=[[]], gates=b"", rows=[row],
    )  # fmt: skip
    return LoggedDecision(number, record)


def _old_part(lake: ParquetLake, number: int) -> list[PartFile]:
    """As it was written before the column was there."""
    table = tables.decision_table([decision(number)], [19_000])
    return lake.write("decision", table.drop_columns(["rows"]))


def test_rows_come_back_as_they_were_sealed(tmp_path: Path) -> None:
    lake = ParquetLake(tmp_path)
    parts = lake.seal_decisions([decision(1), decision(2)], days=[19_000, 19_000])
    found = list(row_decisions(lake.folder, parts, since=19_000 * DAY_MS, until=19_000 * DAY_MS + 2))
    assert [one.id for one in found] == ["d1"]
    assert found[0].rows == decision(1).record.rows
    assert found[0].chosen[0][4] == ["tea", "milk"]
    assert (found[0].hot, found[0].models) == (b"hot", "v1")


def test_parts_from_before_are_compacted_with_newer_ones(tmp_path: Path) -> None:
    lake = ParquetLake(tmp_path)
    parts = [*_old_part(lake, 1), *lake.seal_decisions([decision(2)], days=[19_000])]
    merged = lake.compact(parts)
    found = list(row_decisions(lake.folder, merged, since=0, until=1 << 50))
    assert [one.id for one in found] == ["d2"], "of the older one nothing is known"
    assert sum(part.rows for part in merged) == 2
    assert [one.id for one in lake.decisions(["user_id:ana"], merged, limit=9)] == ["d2", "d1"]
    assert isinstance(tables.DECISION_SCHEMA, pa.Schema)
