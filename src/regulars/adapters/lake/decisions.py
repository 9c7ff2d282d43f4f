"""Sealed decisions with how their rows came about, part by part."""

from collections.abc import Iterator, Sequence

import msgspec
import pyarrow.parquet as pq

from regulars.adapters.lake.files import Folder, MissingPart
from regulars.core.decision import RowRecord
from regulars.core.lake import DECISION_PART, PartFile, RowDecision

_COLUMNS = ["id", "time", "subject", "configuration", "models", "hot", "chosen", "rows"]
_chosen = msgspec.json.Decoder(list[tuple[str, int, float, bool, list[str]]]).decode
_rows = msgspec.msgpack.Decoder(list[RowRecord]).decode


def row_decisions(
    folder: Folder, listed: Sequence[PartFile], *, since: int, until: int, identifier: str | None = None
) -> Iterator[RowDecision]:
    """Decisions with rows of `since` to `until` (ms, not included), each once for each time that it was sealed."""
    day = 86_400_000
    for part in listed:
        # Days are the shop's: a day more on either side covers every time zone.
        if part.kind != DECISION_PART or (part.until + 2) * day < since or (part.day - 1) * day > until:
            continue
        try:
            file = pq.ParquetFile(folder.path(part))
        except FileNotFoundError as error:
            raise MissingPart(folder.path(part)) from error
        with file:
            if "rows" not in file.schema_arrow.names:
                continue  # sealed before rows were kept
            for batch in file.iter_batches(batch_size=2_000, columns=_COLUMNS):
                columns = (batch.column(name).to_pylist() for name in _COLUMNS)
                for name, time, anchor, configuration, models, hot, chosen, rows in zip(*columns, strict=True):
                    if rows is None or not since <= time < until or (identifier is not None and name != identifier):
                        continue
                    yield RowDecision(name, time, anchor, configuration, models, hot, _chosen(chosen), _rows(rows))
