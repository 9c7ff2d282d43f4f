"""Files of Google Analytics 4: rows of the tables `events_…` that it exports to BigQuery, as NDJSON or Parquet."""

from collections.abc import Iterator
from typing import Any

import msgspec

from regulars.collect.call import spelled
from regulars.collect.files.kind import About, BadRow, Call, FileKind, Rows
from regulars.collect.ga4 import exported
from regulars.collect.wire import Wrong
from regulars.core.errors import Rejected


def events(rows: Rows, _about: About) -> Iterator[Call | BadRow]:
    """One event per row. Columns have Google's names; there is nothing to map."""
    for line, row in rows:
        try:
            payload: dict[str, Any] = msgspec.json.decode(spelled(exported(row)))
            yield Call(line, 1, payload)
        except Wrong as error:
            why = error.failure
            yield BadRow(line, why.field, why.expected, why.got, ((line, row),))
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got, ((line, row),))


KIND = FileKind(
    name="google-analytics", title="events of the export of Google Analytics 4 to BigQuery", example="events.parquet",
    event="", columns=dict.fromkeys(("event_name", "event_timestamp", "user_pseudo_id", "event_params"), ()),
    needs=("event_name", "event_timestamp", "user_pseudo_id"), calls=events,
)  # fmt: skip
