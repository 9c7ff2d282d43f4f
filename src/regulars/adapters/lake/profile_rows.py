"""Hot records as columns: one row a profile, one column a trait."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import pyarrow as pa

from regulars.core.definitions import Definitions, Preference, Trait
from regulars.core.preferences import declared_value, declared_values
from regulars.core.preferences import interests as with_declared
from regulars.core.record import Hot
from regulars.core.schema import PREFERENCE, READ

ColumnKind = Literal["number", "text", "boolean", "days_since", "shares", "answers"]

_TYPES: dict[ColumnKind, pa.DataType] = {
    "number": pa.float64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "days_since": pa.int32(),  # stored as the day of the event, read as days before `as_of`
    "shares": pa.map_(pa.string(), pa.float64()),
    "answers": pa.list_(pa.string()),
}


class ProfileColumn(msgspec.Struct, frozen=True):
    """A column of the profile table: a slot of the hot record's values, or a fact where `slot` is None.

    Names that begin with an underscore are the table's own.
    """

    name: str
    kind: ColumnKind
    slot: int | None
    interest: bool = False  # its shares answer interest('...')
    preference: Preference | None = None  # declared, and asked with prefers('…', '…')


def profile_columns(definitions: Definitions) -> list[ProfileColumn]:
    """A column for every trait, in the order of the slots as in `profile.fold`, and one for every preference."""
    traits = [ProfileColumn(t.name, _kind(t), slot, t.interest) for slot, t in enumerate(definitions.traits)]
    return traits + [
        ProfileColumn(PREFERENCE + one.id, _kind_declared(one), None, preference=one) for one in definitions.preferences
    ]


def own_columns(columns: Sequence[ProfileColumn]) -> list[ProfileColumn]:
    """The columns that are stored one by one; lists of answers stand in `preferences` alone."""
    return [column for column in columns if column.kind != "answers"]


def schema(columns: Sequence[ProfileColumn]) -> pa.Schema:
    """The columns of the stored table."""
    fields: list[tuple[str, pa.DataType]] = [
        ("_profile", pa.int64()),
        ("_gone", pa.bool_()),  # merged or erased since the base was written
        ("_anchor", pa.string()),
        ("_first_seen", pa.int64()),
        ("_last_seen", pa.int64()),
        ("_purposes", pa.list_(pa.string())),  # allowed when written
        ("_restricted", pa.bool_()),  # does not want to be profiled: not counted
        ("segments", pa.list_(pa.string())),
        ("interests", pa.map_(pa.string(), pa.float64())),
        ("preferences", pa.list_(pa.string())),
        *((column.name, _TYPES[column.kind]) for column in own_columns(columns)),
    ]
    return pa.schema(fields)


def profile_rows(hot: Mapping[int, Hot | None], columns: Sequence[ProfileColumn]) -> pa.Table:
    """Rows of the table; None stands for a profile that is gone."""
    ids, records = list(hot), list(hot.values())
    alive = [record if record is not None else _GONE for record in records]
    interests = [column for column in columns if column.interest and column.slot is not None]
    preferences = [column.preference for column in columns if column.preference is not None]
    arrays: list[Any] = [
        pa.array(ids, pa.int64()),
        pa.array([record is None for record in records], pa.bool_()),
        pa.array([r.anchor for r in alive], pa.string()),
        pa.array([r.first_seen for r in alive], pa.int64()),
        pa.array([r.last_seen for r in alive], pa.int64()),
        pa.array([sorted(r.consent) for r in alive], pa.list_(pa.string())),
        pa.array([r.restricted for r in alive], pa.bool_()),
        pa.array([r.segments for r in alive], pa.list_(pa.string())),
        pa.array([_interests(r, interests) for r in alive], pa.map_(pa.string(), pa.float64())),
        pa.array([declared_values(r.facts, preferences) for r in alive], pa.list_(pa.string())),
        *(_column(alive, column) for column in own_columns(columns)),
    ]
    return pa.table(arrays, schema=schema(columns))


_GONE = Hot("", 0, 0, 0, [], {}, [], {}, 0, "")


def _column(records: Sequence[Hot], column: ProfileColumn) -> Any:
    slot, name = column.slot, column.name
    raw: list[Any]
    if column.preference is not None:
        raw = [declared_value(record.facts, column.preference) for record in records]
    elif slot is None:
        raw = [record.facts.get(name) for record in records]
    else:
        raw = [record.values[slot] if slot < len(record.values) else None for record in records]
    values: list[Any]
    match column.kind:
        case "days_since":
            pairs = zip(raw, records, strict=True)
            values = [record.day - value if isinstance(value, int) else None for value, record in pairs]
        case "shares":
            values = [list(value.items()) if isinstance(value, dict) else None for value in raw]
        case "text":
            values = [value if isinstance(value, str) else None for value in raw]
        case "boolean":
            values = [value if isinstance(value, bool) else None for value in raw]
        case "number":
            values = [
                value if isinstance(value, int | float) and not isinstance(value, bool) else None for value in raw
            ]
    return pa.array(values, _TYPES[column.kind])


def _interests(record: Hot, columns: Sequence[ProfileColumn]) -> list[tuple[str, float]]:
    """The strongest share of each key among the affinities that are interests, under what was declared."""
    inferred = _inferred(record, columns)
    return list((with_declared(inferred, record.facts) if record.facts else inferred).items())


def _inferred(record: Hot, columns: Sequence[ProfileColumn]) -> Mapping[str, float]:
    if not columns or not record.values:
        return {}
    if len(columns) == 1:
        shares = record.values[columns[0].slot or 0]
        return shares or {}
    strongest: dict[str, float] = {}
    for column in columns:
        for key, share in (record.values[column.slot or 0] or {}).items():
            strongest[key] = max(share, strongest.get(key, share))
    return strongest


def _kind_declared(one: Preference) -> ColumnKind:
    if one.kind not in READ:
        return "answers"
    return "number" if one.kind == "number" else "text"


def _kind(trait: Trait) -> ColumnKind:
    match trait.kind:
        case "affinity":
            return "shares"
        case "days_since":
            return "days_since"
        case "lifecycle":
            return "text"
        case "last" | "first" | "max":
            return trait.type
        case _:
            return "number"
