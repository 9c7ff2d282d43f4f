"""The events of a few subjects out of many files: buckets, footers and row-group statistics say where they can be."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regulars.adapters.lake import tables
from regulars.adapters.lake.files import Folder, MissingPart
from regulars.core.event import Event
from regulars.core.lake import ALL_BUCKETS, EVENT_PART, PartFile, PastDecision, bucket_of

_COLUMNS = [field.name for field in tables.EVENT_SCHEMA if field.name != "day"]
_DECISION_COLUMNS = ["id", "time", "subject", "configuration", "chosen", "gates"]
_CHOSEN = msgspec.json.Decoder(list[tuple[str, int, float, bool, list[str]]])
_DAY_MS = 86_400_000
_FOOTERS = 4096  # kept in memory: files never change


class _Footer(NamedTuple):
    metadata: pq.FileMetaData
    lows: list[str]  # smallest subject of each row group
    highs: list[str]


class Histories:
    """Reads histories; keeps the footers of files that it has seen."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._footer = lru_cache(_FOOTERS)(_read_footer)

    def events(self, subjects: Sequence[str], listed: Sequence[PartFile]) -> list[Event]:
        """Every listed event of these subjects, once each, in (time, message id) order."""
        wanted = sorted(set(subjects))
        if not wanted:
            return []
        buckets = {bucket_of(subject) for subject in wanted} | {ALL_BUCKETS}
        found: list[Event] = []
        for part in listed:
            if part.kind == EVENT_PART and part.bucket in buckets:
                found += self._of_part(self._folder.path(part), wanted)
        return unique(found)

    def newest(
        self, subjects: Sequence[str], listed: Sequence[PartFile], limit: int, before: int | None = None
    ) -> list[Event]:
        """The last `limit` of them (earlier than `before`, ms), newest first.

        Parts are read from the newest day on, and no further than to where nothing newer can come.
        """
        found: list[Event] = []
        for end, parts in groupby(sorted(_begun(listed, before), key=_end, reverse=True), key=_end):
            if len(found) >= limit and (limit < 1 or found[limit - 1].time >= end):
                break
            older = [event for event in self.events(subjects, list(parts)) if before is None or event.time < before]
            found = unique([*found, *older])[::-1]
        return found[:limit]

    def decisions(
        self, subjects: Sequence[str], listed: Sequence[PartFile], limit: int, before: int | None = None
    ) -> list[PastDecision]:
        """The last `limit` decisions about these anchors (earlier than `before`, ms), newest first."""
        wanted = sorted(set(subjects))
        buckets = {bucket_of(subject) for subject in wanted} | {ALL_BUCKETS}
        mine = [part for part in _begun(listed, before) if part.bucket in buckets]
        found: dict[str, PastDecision] = {}
        for end, parts in groupby(sorted(mine, key=_end, reverse=True), key=_end):
            if len(found) >= limit and sorted((one.time for one in found.values()), reverse=True)[limit - 1] >= end:
                break
            for part in parts:
                rows = _decisions_of(self._folder.path(part), wanted)
                found.update({one.id: one for one in rows if before is None or one.time < before})
        return sorted(found.values(), key=lambda one: (-one.time, one.id))[:limit]

    def _of_part(self, path: Path, wanted: list[str]) -> list[Event]:
        try:
            footer = self._footer(path)
            groups = [
                number for number, (low, high) in enumerate(zip(footer.lows, footer.highs, strict=True))
                if (at := bisect_left(wanted, low)) < len(wanted) and wanted[at] <= high
            ]  # fmt: skip
            if not groups:
                return []
            with pq.ParquetFile(path, metadata=footer.metadata, memory_map=True) as file:
                values = pa.array(wanted, pa.string())
                # The subject first: most groups that might hold it do not, and one small column tells.
                subject = file.read_row_groups(groups, columns=["subject"], use_threads=False).column("subject")
                rows = pc.indices_nonzero(pc.is_in(subject, value_set=values))
                if not len(rows):
                    return []
                table = file.read_row_groups(groups, columns=_COLUMNS, use_threads=False)
                return tables.events_of(table.take(rows))
        except FileNotFoundError as error:
            raise MissingPart(path) from error


def _decisions_of(path: Path, wanted: list[str]) -> list[PastDecision]:
    try:
        table = pq.read_table(path, columns=_DECISION_COLUMNS, filters=pc.field("subject").isin(wanted))
    except FileNotFoundError as error:
        raise MissingPart(path) from error
    columns = [table.column(name).to_pylist() for name in _DECISION_COLUMNS]
    return [
        PastDecision(name, time, anchor, configuration, _CHOSEN.decode(chosen), gates)
        for name, time, anchor, configuration, chosen, gates in zip(*columns, strict=True)
    ]


def _begun(listed: Sequence[PartFile], before: int | None) -> Sequence[PartFile]:
    """Those that may hold something earlier than `before`, in whichever time zone their days are counted."""
    return listed if before is None else [part for part in listed if (part.day - 1) * _DAY_MS < before]


def _end(part: PartFile) -> int:
    """An instant (ms) that no event of the part reaches, in whichever time zone its days are counted."""
    return (part.until + 2) * _DAY_MS


def unique(events: list[Event]) -> list[Event]:
    """One of each (source, message id), the first that was logged, in (time, message id) order."""
    first: dict[tuple[str, str], Event] = {}
    for event in events:
        key = (event.source, event.message_id)
        known = first.get(key)
        if known is None or (event.offset, event.index) < (known.offset, known.index):
            first[key] = event
    return sorted(first.values(), key=lambda e: (e.time, e.message_id, e.source))


def _read_footer(path: Path) -> _Footer:
    metadata = pq.read_metadata(path)
    column = metadata.schema.names.index("subject")
    lows, highs = [], []
    for number in range(metadata.num_row_groups):
        statistics = metadata.row_group(number).column(column).statistics
        known = statistics if statistics is not None and statistics.has_min_max else None
        lows.append(str(known.min) if known else "")
        highs.append(str(known.max) if known else "\U0010ffff")
    return _Footer(metadata, lows, highs)
