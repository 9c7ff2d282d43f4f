"""Files of events: a call of the Segment spec a row, or columns, of which the unknown ones are properties."""

from collections.abc import Iterator, Mapping
from typing import Any

from regulars.collect.files.cells import plain, wrong
from regulars.collect.files.columns import EVENT, WHEN, WHO, Columns
from regulars.collect.files.kind import About, BadRow, Call, FileKind, Payload, Rows, identified, said_of
from regulars.collect.files.who import who_and_when
from regulars.core.errors import Rejected

_COLUMNS = {**WHO, **WHEN, **EVENT}


def events(rows: Rows, about: About) -> Iterator[Call | BadRow]:
    """One event per row."""
    columns = Columns(_COLUMNS, about.mapping)
    for line, row in rows:
        try:
            if isinstance(row, dict) and _is_call(row):
                yield Call(line, 1, dict(row) if row.get("messageId") else identified(dict(row)))
            else:
                yield Call(line, 1, identified(_event(said_of(row, columns), about)))
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got, ((line, row),))


def _is_call(row: Mapping[str, Any]) -> bool:
    if not isinstance(row.get("type"), str):
        return False
    return any(key in row for key in ("event", "properties", "traits", "userId", "anonymousId"))


def _event(said: dict[str, Any], about: About) -> Payload:
    name = said.pop("event", None)
    if not isinstance(name, str):
        raise wrong("event", "the name of the event", name)
    call = who_and_when(said, about)
    return {"type": "track", "event": name, **call, "properties": {k: plain(k, v) for k, v in said.items()}}


KIND = FileKind(
    name="events", title="events, one a row", example="events.ndjson", event="", columns=_COLUMNS,
    needs=("event",), calls=events,
)  # fmt: skip
