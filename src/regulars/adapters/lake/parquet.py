"""The lake port on a folder of Parquet files."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regulars.adapters.lake import compaction, dropping, duck, layout, tables
from regulars.adapters.lake.files import Encoding, Folder
from regulars.adapters.lake.history import Histories
from regulars.core.event import Event
from regulars.core.lake import DECISION_PART, EVENT_PART, Drop, Dropped, LoggedDecision, PartFile, PastDecision

#: Rows of a Parquet row group. A person's history reads one group of each part; statistics tell which.
GROUP_ROWS = 1024


class ParquetLake:
    """Events and decisions as Parquet files below one folder (`core.lake.Lake`)."""

    def __init__(self, root: Path, limits: duck.Limits = duck.Limits(), *, group_rows: int = GROUP_ROWS) -> None:
        self.folder = Folder(root)
        self._group_rows = group_rows
        self._limits = limits
        self._histories = Histories(self.folder)
        root.mkdir(parents=True, exist_ok=True)

    def seal(self, events: Sequence[Event], *, days: Sequence[int]) -> list[PartFile]:
        """Write events, each with its shop-local day, as durable parts sorted by subject and time."""
        return self.write(EVENT_PART, tables.event_table(events, days))

    def seal_decisions(self, decisions: Sequence[LoggedDecision], *, days: Sequence[int]) -> list[PartFile]:
        """The same for decisions."""
        return self.write(DECISION_PART, tables.decision_table(decisions, days))

    def history(self, subjects: Sequence[str], listed: Sequence[PartFile]) -> list[Event]:
        """Every listed event of these subjects, once each, in (time, message id) order."""
        return self._histories.events(subjects, listed)

    def newest(
        self, subjects: Sequence[str], listed: Sequence[PartFile], *, limit: int, before: int | None = None
    ) -> list[Event]:
        """The last `limit` of them, newest first."""
        return self._histories.newest(subjects, listed, limit, before)

    def decisions(
        self, subjects: Sequence[str], listed: Sequence[PartFile], *, limit: int, before: int | None = None
    ) -> list[PastDecision]:
        """The last `limit` decisions about these anchors, newest first."""
        return self._histories.decisions(subjects, listed, limit, before)

    def compact(self, parts: Sequence[PartFile]) -> list[PartFile]:
        """Merge parts of one kind without duplicates; nothing is listed yet."""
        written: list[PartFile] = []
        for bucket, table in compaction.merged(self.folder, parts) if parts else ():
            ordered, days = _ordered(parts[0].kind, table)
            whole = layout.Slot(int(days.min()), int(days.max()), bucket, np.arange(len(days)))
            written.append(self._write(parts[0].kind, ordered, whole))
        self.folder.settle(written)
        return written

    def drop(self, listed: Sequence[PartFile], drops: Sequence[Drop]) -> Dropped:
        """Write the parts that hold what the drops name again without it; nothing is listed yet."""
        return dropping.dropped(self.folder, listed, drops, self._group_rows)

    def query(self, name: str, listed: Sequence[PartFile], arguments: Mapping[str, Any] | None = None) -> Any:
        """The rows of a named analysis (`queries.QUERIES`) over the listed files, as tuples."""
        table = self.table(name, listed, arguments)
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def table(self, name: str, listed: Sequence[PartFile], arguments: Mapping[str, Any] | None = None) -> pa.Table:
        """The same as an Arrow table, for training."""
        # ibis takes most of a second to load, and only queries need it.
        from regulars.adapters.lake.reading import run

        return run(self.connection, self.folder, name, listed, arguments or {})

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """DuckDB in memory, within the limits."""
        return duck.connect(self._limits, self.folder.root.parent / "spill")

    def sweep(self, listed: Sequence[PartFile]) -> list[str]:
        """Remove files that the manifest does not list; their names."""
        return self.folder.sweep(listed)

    def verify(self, listed: Sequence[PartFile]) -> list[str]:
        """What is wrong with the listed files; empty when all are whole."""
        return self.folder.verify(listed)

    def write(self, kind: str, table: pa.Table) -> list[PartFile]:
        """Rows of a kind, with their days in a column, as durable parts; what `seal` does with events."""
        if not table.num_rows:
            return []
        ordered, days = _ordered(kind, table)
        written = [self._write(kind, ordered, slot) for slot in layout.slots(ordered.column("subject"), days)]
        self.folder.settle(written)
        return written

    def _write(self, kind: str, table: pa.Table, slot: layout.Slot) -> PartFile:
        rows = table if len(slot.rows) == table.num_rows else table.take(pa.array(slot.rows, pa.int64()))
        return self.folder.write(
            rows,
            kind=kind,
            day=slot.day,
            until=slot.until,
            bucket=slot.bucket,
            encoding=Encoding(self._group_rows, tables.DICTIONARY[kind]),
        )


def _ordered(kind: str, table: pa.Table) -> tuple[pa.Table, NDArray[np.int64]]:
    """The rows in the order of a part, and their days."""
    order = pc.sort_indices(table, [(column, "ascending") for column in tables.ORDER[kind]])
    ordered = table.take(order)
    return ordered, ordered.column("day").to_numpy().astype(np.int64)
