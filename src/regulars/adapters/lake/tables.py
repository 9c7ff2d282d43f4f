"""Events and decisions as Arrow tables, and back."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from regulars.core.event import Event
from regulars.core.lake import LoggedDecision

_TEXTS = pa.list_(pa.string())
#: A column. pyarrow's arrays are generic for type checkers only, so their element types are not spelled out.
Column = Any

_EVENT: list[tuple[str, pa.DataType]] = [
    ("message_id", pa.string()),
    ("source", pa.string()),
    ("name", pa.string()),
    ("time", pa.int64()),  # UTC ms
    ("day", pa.int32()),  # shop-local day of `time`
    ("received_at", pa.int64()),  # UTC ms
    ("subject", pa.string()),
    ("identifiers", _TEXTS),
    ("claims", _TEXTS),
    ("properties", pa.string()),  # JSON
    ("traits", pa.string()),  # JSON
    ("context", pa.string()),  # JSON
    ("offset", pa.int64()),  # of the log record
    ("index", pa.int32()),
]

_DECISION: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("time", pa.int64()),
    ("day", pa.int32()),
    ("subject", pa.string()),  # the profile's anchor
    ("profile", pa.int64()),
    ("seed", pa.int64()),
    ("configuration", pa.string()),
    ("models", pa.string()),
    ("state_offset", pa.int64()),
    ("hot", pa.binary()),  # msgpack of core.record.Hot: what the decision knew
    ("chosen", pa.string()),  # JSON, one element per placement
    ("candidates", pa.string()),  # JSON, one list per placement
    ("gates", pa.binary()),
    ("offset", pa.int64()),
    (
        "rows",
        pa.binary(),
    ),  # msgpack of core.decision.RowRecord, a list; parts from before it was kept have no such column
]

EVENT_SCHEMA, DECISION_SCHEMA = pa.schema(_EVENT), pa.schema(_DECISION)
#: Columns that order the rows of a part. `source` and `offset` make it a total order.
ORDER = {
    "event": ("subject", "time", "message_id", "source", "offset", "index"),
    "decision": ("subject", "time", "id", "offset"),
}
#: What makes two rows the same fact.
IDENTITY = {"event": ("source", "message_id"), "decision": ("id",)}
#: Columns whose values repeat, so that a dictionary pays.
DICTIONARY = {
    "event": ["source", "name", "subject", "traits", "context", "claims.list.element", "identifiers.list.element"],
    "decision": ["subject", "configuration", "models", "gates"],
}

_JSON = msgspec.json.Encoder()
pack_rows = msgspec.msgpack.Encoder().encode
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_EMPTY = b"{}"


def event_table(events: Sequence[Event], days: Sequence[int]) -> pa.Table:
    """Columns of the events in the order given; `days` are their shop-local days."""
    columns: list[Column] = [
        pa.array([e.message_id for e in events], pa.string()),
        pa.array([e.source for e in events], pa.string()),
        pa.array([e.name for e in events], pa.string()),
        pa.array(np.fromiter((e.time for e in events), np.int64, len(events))),
        pa.array(np.fromiter(days, np.int32, len(events))),
        pa.array(np.fromiter((e.received_at for e in events), np.int64, len(events))),
        pa.array([e.subject for e in events], pa.string()),
        _lists([e.identifiers for e in events]),
        _lists([e.claims for e in events]),
        _json(e.properties for e in events),
        _json(e.traits for e in events),
        _json(e.context for e in events),
        pa.array(np.fromiter((e.offset for e in events), np.int64, len(events))),
        pa.array(np.fromiter((e.index for e in events), np.int32, len(events))),
    ]
    return pa.table(columns, schema=EVENT_SCHEMA)


def events_of(table: pa.Table) -> list[Event]:
    """The rows of an event table as events."""
    decode = _OBJECT.decode
    columns = [table.column(field.name).to_pylist() for field in EVENT_SCHEMA if field.name != "day"]
    return [
        Event(
            message_id, source, name, time, received_at, subject, tuple(identifiers), tuple(claims),
            decode(properties), decode(traits) if traits != "{}" else {}, decode(context), offset, index,
        )
        for (
            message_id, source, name, time, received_at, subject, identifiers, claims,
            properties, traits, context, offset, index,
        ) in zip(*columns, strict=True)
    ]  # fmt: skip


def decision_table(decisions: Sequence[LoggedDecision], days: Sequence[int]) -> pa.Table:
    """Columns of the decisions in the order given; the riding events have rows of their own among the events."""
    encode = _JSON.encode
    rows = [
        {
            "id": d.record.id,
            "time": d.record.time,
            "day": day,
            "subject": d.record.anchor,
            "profile": d.record.profile,
            "seed": d.record.seed,
            "configuration": d.record.configuration,
            "models": d.record.models,
            "state_offset": d.record.offset,
            "hot": d.record.hot,
            "chosen": encode(d.record.chosen).decode(),
            "candidates": encode(d.record.candidates).decode(),
            "gates": d.record.gates,
            "offset": d.offset,
            "rows": pack_rows(d.record.rows) if d.record.rows else None,
        }
        for d, day in zip(decisions, days, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=DECISION_SCHEMA)


def _lists(values: Sequence[tuple[str, ...]]) -> Column:
    """Tuples of strings as one list column: offsets and a flat array, which costs less than a nested conversion."""
    ends = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter((len(v) for v in values), np.int32, len(values)), out=ends[1:])
    flat = pa.array([text for value in values for text in value], pa.string())
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat)


def _json(values: Iterable[dict[str, Any]]) -> Column:
    """JSON text of each object; msgspec writes UTF-8, so the bytes need no second check."""
    encode = _JSON.encode
    return pa.array([encode(value) if value else _EMPTY for value in values], pa.binary()).view(pa.string())
