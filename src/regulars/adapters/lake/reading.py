"""Runs a named query over those of the listed files that it can concern."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from regulars.adapters.lake.duck import parquet, translated
from regulars.adapters.lake.files import Folder
from regulars.adapters.lake.queries import BY_DAY, QUERIES
from regulars.adapters.lake.tables import EVENT_SCHEMA
from regulars.core.errors import Rejected
from regulars.core.lake import ALL_BUCKETS, EVENT_PART, PartFile, bucket_of

_VIEW = "lake_events"


def run(
    connection: duckdb.DuckDBPyConnection,
    folder: Folder,
    name: str,
    listed: Sequence[PartFile],
    arguments: Mapping[str, Any],
) -> pa.Table:
    """The rows of a query; its first argument is the table of events."""
    query = QUERIES.get(name)
    if query is None:
        raise Rejected(
            f"the lake has no query {name!r}; choose one of {', '.join(sorted(QUERIES))}", field="name", got=name
        )
    known = list(inspect.signature(query).parameters)[1:]
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise Rejected(
            f"the query {name!r} takes no argument {unknown[0]!r}; it takes {', '.join(known)}", field=unknown[0]
        )
    paths = [folder.path(part) for part in listed if _concerns(part, name, arguments)]
    with translated():
        if paths:
            sql = f"CREATE OR REPLACE TEMP VIEW {_VIEW} AS SELECT * FROM {parquet(paths)}"  # noqa: S608 - file names
            connection.execute(sql)
        else:
            connection.register(_VIEW, EVENT_SCHEMA.empty_table())
        events = ibis.duckdb.from_connection(connection).table(_VIEW)
        table: pa.Table = query(events, **arguments).to_pyarrow()
    return table


def _concerns(part: PartFile, name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a part can hold rows of the query, by its days and its bucket."""
    since = arguments.get("since") if name in BY_DAY else None
    until = arguments.get("until") if name in BY_DAY else None
    subjects = arguments.get("subjects")
    return (
        part.kind == EVENT_PART
        and (since is None or part.until >= since)
        and (until is None or part.day <= until)
        and (subjects is None or part.bucket in {ALL_BUCKETS, *map(bucket_of, subjects)})
    )
