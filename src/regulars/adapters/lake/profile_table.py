"""The profile table: every profile as a row of columns, for counting and previews. It never decides a membership.

A base file holds all profiles, a delta file those that changed since; a profile in the delta hides its row in the base.
When the delta has grown to a tenth of the base, both become a new base.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any, Literal

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec.structs import replace

from regulars.adapters.lake.duck import parquet, translated
from regulars.adapters.lake.files import Encoding, Folder
from regulars.adapters.lake.profile_rows import ProfileColumn, own_columns, profile_rows, schema
from regulars.adapters.lake.splicing import NotSpliceable
from regulars.core.definitions import Preference
from regulars.core.errors import Unavailable
from regulars.core.lake import PROFILE_PART, PartFile
from regulars.core.record import Hot

#: Buckets by which the manifest tells the two files apart.
BASE, DELTA = 0, 1
#: What files may still hold that is not so any more: whatever a delta hides; only rows of profiles that changed since,
#: not of those that are gone; or nothing at all.
Leave = Literal["replaced", "changed", "nothing"]
#: Share of the base's rows from which the delta is folded into it.
FOLD_SHARE = 0.1
GROUP_ROWS = 122_880  # DuckDB's own size of a row group: one unit of work for a thread
#: Of the columns that every table has; a table of another layout is built anew.
_LAYOUT = 3
CHUNK = 20_000  # records that are turned into columns at a time


class ProfileTable:
    """Writes and counts the profile table."""

    def __init__(self, folder: Folder, columns: Sequence[ProfileColumn]) -> None:
        self._folder = folder
        self._columns = tuple(columns)
        self._schema = schema(columns)
        encoded = msgspec.json.encode((_LAYOUT, [_untitled(one) for one in self._columns]))
        self.fingerprint = hashlib.blake2b(encoded, digest_size=8).hexdigest()

    # Writing --------------------------------------------------------------------------------------------------------

    def fits(self, listed: Sequence[PartFile]) -> bool:
        """Whether the listed files have these columns; otherwise the table is to be built anew."""
        base = _one(listed, BASE)
        if base is None:
            return False
        metadata = pq.read_schema(self._folder.path(base)).metadata or {}
        return metadata.get(b"columns", b"").decode() == self.fingerprint

    def build(self, records: Iterator[Mapping[int, Hot | None]], *, as_of: int, offset: int) -> list[PartFile]:
        """A new base of all profiles, given in chunks; the parts that then make up the table."""
        tables = (profile_rows(_alive(chunk), self._columns) for chunk in records)
        return [self._write(tables, BASE, as_of, offset)]

    def update(
        self,
        listed: Sequence[PartFile],
        records: Iterator[Mapping[int, Hot | None]],
        *,
        as_of: int,
        offset: int,
        leave: Leave = "replaced",
    ) -> list[PartFile]:
        """The parts that make up the table once `records` (None: gone) have replaced what it says of them.

        `leave`: what the files may still hold of before. With "changed" none has a row or a number of a profile that
        is gone, which costs the row groups that had one; with "nothing" none has an older row of any, which costs all.
        """
        base, old = _one(listed, BASE), _one(listed, DELTA)
        if base is None:
            return self.build(records, as_of=as_of, offset=offset)
        fresh = [profile_rows(chunk, self._columns) for chunk in records if chunk]
        if not fresh and leave == "replaced":
            return [part for part in (base, old) if part]
        delta = pa.concat_tables([self._schema.empty_table(), *fresh])
        if old is not None:
            delta = pa.concat_tables([_hidden(self._read(old), delta), delta])
        if leave == "nothing" or delta.num_rows > FOLD_SHARE * base.rows:
            return [self._write(self._folded(base, delta), BASE, as_of, offset)]
        if leave == "changed":
            gone = delta.filter(delta.column("_gone"))
            delta = delta.filter(pc.invert(delta.column("_gone")))
            without = self._without(base, gone)
            if without is None:
                return [self._write(self._folded(base, pa.concat_tables([delta, gone])), BASE, as_of, offset)]
            base = without
            if not delta.num_rows:
                return [base]
        return [base, self._write(iter([delta]), DELTA, as_of, offset)]

    def profiles(self, listed: Sequence[PartFile]) -> list[int]:
        """The numbers of all profiles that the table knows."""
        parts = [part for part in (_one(listed, BASE), _one(listed, DELTA)) if part]
        columns = [pq.ParquetFile(self._folder.path(p)).read(["_profile"]).column(0).to_numpy() for p in parts]
        return [int(number) for number in np.unique(np.concatenate(columns))] if columns else []

    def _folded(self, base: PartFile, delta: pa.Table) -> Iterator[pa.Table]:
        with pq.ParquetFile(self._folder.path(base)) as file:
            for batch in file.iter_batches(GROUP_ROWS):
                yield _hidden(pa.Table.from_batches([batch]), delta)
        yield delta.filter(pc.invert(delta.column("_gone")))

    def _without(self, base: PartFile, gone: pa.Table) -> PartFile | None:
        """The base without the rows of profiles that are gone: only row groups that hold some are written again.

        None when too little of it would be left.
        """
        if not gone.num_rows:
            return base
        numbers = gone.column("_profile").combine_chunks()
        data = self._folder.path(base).read_bytes()
        kept: dict[int, pa.Table] = {}
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            for number in range(file.num_row_groups):
                if pc.any(pc.is_in(file.read_row_group(number, ["_profile"]).column(0), value_set=numbers)).as_py():
                    kept[number] = _hidden(file.read_row_group(number).cast(self._schema), gone)
        if not kept:
            return base
        try:
            part = self._folder.replace_groups(base, data, None, kept, Encoding(GROUP_ROWS))
        except NotSpliceable:
            return None
        self._folder.settle([part])
        return part

    def _write(self, tables: Iterator[pa.Table], bucket: int, as_of: int, offset: int) -> PartFile:
        metadata = {"columns": self.fingerprint, "as_of": str(as_of), "offset": str(offset)}
        part = self._folder.write_stream(
            _in_groups(tables),
            self._schema.with_metadata(metadata),
            kind=PROFILE_PART,
            day=as_of,
            bucket=bucket,
            offset=offset,
            encoding=Encoding(GROUP_ROWS),
        )
        self._folder.settle([part])
        return part

    def _read(self, part: PartFile) -> pa.Table:
        return pq.ParquetFile(self._folder.path(part)).read().cast(self._schema)

    # Reading --------------------------------------------------------------------------------------------------------

    def count(
        self,
        connection: duckdb.DuckDBPyConnection,
        listed: Sequence[PartFile],
        conditions: Sequence[str],
        *,
        as_of: int,
    ) -> list[int]:
        """How many profiles fulfil each condition (SQL of `core.condition`), in one pass; "TRUE" counts all.

        Counts and samples are what marketing plans by, so they leave out who does not want to be profiled.
        """
        if not conditions or _one(listed, BASE) is None:
            return [0] * len(conditions)
        sums = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in conditions)
        sql = f"SELECT {sums} FROM ({self.rows_sql(listed, as_of)}) WHERE NOT _restricted"  # noqa: S608 - compiled
        row = self._run(connection, sql).fetchone()
        return [int(value) for value in row or ()]

    def overlap(
        self, connection: duckdb.DuckDBPyConnection, listed: Sequence[PartFile], segments: Sequence[str]
    ) -> dict[tuple[str, str], int]:
        """Profiles that are in both segments of each pair, in the order given; (a, a) is the size of a."""
        counts = dict.fromkeys(combinations_with_replacement(dict.fromkeys(segments), 2), 0)
        if not counts or _one(listed, BASE) is None:
            return counts
        # Profiles share few different combinations of segments: pairs are formed of those, not of a million rows.
        shared = "list_filter(segments, lambda s: list_contains($wanted, s))"
        rows = f"SELECT {shared} AS combination FROM ({self.rows_sql(listed, 0)})"  # noqa: S608 - values are bound
        sql = f"SELECT combination, count(*) FROM ({rows}) WHERE len(combination) > 0 GROUP BY combination"  # noqa: S608
        place = {segment: at for at, segment in enumerate(dict.fromkeys(segments))}
        for combination, number in self._run(connection, sql, {"wanted": list(place)}).fetchall():
            for pair in combinations_with_replacement(sorted(combination, key=place.__getitem__), 2):
                counts[pair] += number
        return counts

    def sample(
        self,
        connection: duckdb.DuckDBPyConnection,
        listed: Sequence[PartFile],
        condition: str,
        *,
        as_of: int,
        limit: int = 20,
    ) -> list[int]:
        """Numbers of a few profiles that fulfil a condition, those seen last first."""
        if _one(listed, BASE) is None:
            return []
        sql = (
            f"SELECT _profile FROM ({self.rows_sql(listed, as_of)}) WHERE NOT _restricted AND ({condition}) "  # noqa: S608 - compiled
            f"ORDER BY _last_seen DESC, _profile LIMIT {int(limit)}"
        )
        return [int(row[0]) for row in self._run(connection, sql).fetchall()]

    def rows_sql(self, listed: Sequence[PartFile], as_of: int) -> str:
        """A SELECT of the current rows with their values as of a shop-local day."""
        base, delta = _one(listed, BASE), _one(listed, DELTA)
        if base is None:
            raise Unavailable("the profile table is not written yet; it is within a minute of the first event")
        shown = ", ".join(
            [
                "_profile",
                "_anchor",
                "_last_seen",
                "_purposes",
                "_restricted",
                "segments",
                "interests",
                "preferences",
                *self._shown(as_of),
            ]
        )
        rows = f"FROM {parquet([self._folder.path(base)])} AS base"
        if delta is None:
            return f"SELECT {shown} {rows}"
        changed = parquet([self._folder.path(delta)])
        return (  # quoted column names and file names
            f"SELECT {shown} {rows} ANTI JOIN (SELECT _profile FROM {changed}) AS changed USING (_profile) "  # noqa: S608
            f"UNION ALL SELECT {shown} FROM {changed} WHERE NOT _gone"
        )

    def _shown(self, as_of: int) -> Iterator[str]:
        for column in own_columns(self._columns):
            name = '"' + column.name.replace('"', '""') + '"'
            yield f"CAST({int(as_of)} - {name} AS DOUBLE) AS {name}" if column.kind == "days_since" else name

    def _run(
        self, connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any] | None = None
    ) -> duckdb.DuckDBPyConnection:
        with translated():
            return connection.execute(sql, parameters)


def chunks(profiles: Sequence[int], size: int = CHUNK) -> Iterator[Sequence[int]]:
    """Profiles in pieces that fit in memory as records."""
    for start in range(0, len(profiles), size):
        yield profiles[start : start + size]


def _untitled(column: ProfileColumn) -> ProfileColumn:
    if column.preference is None:
        return column
    return replace(column, preference=Preference(id=column.preference.id, kind=column.preference.kind))


def _one(listed: Sequence[PartFile], bucket: int) -> PartFile | None:
    found = [part for part in listed if part.kind == PROFILE_PART and part.bucket == bucket]
    if len(found) > 1:
        raise ValueError(f"the manifest lists {len(found)} files where the profile table has one: {found}")
    return found[0] if found else None


def _alive(chunk: Mapping[int, Hot | None]) -> dict[int, Hot | None]:
    return {profile: hot for profile, hot in chunk.items() if hot is not None}


def _hidden(rows: pa.Table, by: pa.Table) -> pa.Table:
    """The rows of profiles that the other table does not speak of."""
    known = pc.is_in(rows.column("_profile"), value_set=by.column("_profile").combine_chunks())
    return rows.filter(pc.invert(known))


def _in_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Tables joined to about the size of a row group."""
    waiting: list[pa.Table] = []
    rows = groups = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        while rows >= GROUP_ROWS:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, GROUP_ROWS)
            waiting, rows, groups = [joined.slice(GROUP_ROWS)], rows - GROUP_ROWS, groups + 1
    if waiting and (rows or not groups):  # an empty row group behind others has no place in the file to be replaced at
        yield pa.concat_tables(waiting)
