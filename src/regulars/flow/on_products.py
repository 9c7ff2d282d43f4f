"""Catalogue changes: rows of the log become items, whatever a row does not say stays."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from regulars.catalog import ProductRow, from_row, merged, parse_rows, to_row
from regulars.core.catalog import CatalogItem
from regulars.core.log import Record
from regulars.core.state import PRODUCT, Changes, StateReader

_ROWS = msgspec.json.Decoder(list[dict[str, Any]])


def upsert(records: Sequence[Record], state: StateReader, changes: Changes, *, currency: str) -> None:
    """Apply product records in order. They were checked before they were logged: a row that is wrong now is none."""
    read = [(record.time, row) for record in records for row in _rows(record, currency)]
    known: dict[str, CatalogItem] = {
        str(key): from_row(row) for key, row in state.many(PRODUCT, {row.id for _, row in read}).items()
    }
    updated: dict[str, int] = {}
    for time, row in read:
        known[row.id] = merged(known.get(row.id), row)
        updated[row.id] = time
    for identifier, time in updated.items():
        changes.put(PRODUCT, to_row(known[identifier], time))


def _rows(record: Record, currency: str) -> list[ProductRow]:
    rows: list[Mapping[str, Any]] = list(_ROWS.decode(record.body))
    return [row for row in parse_rows(enumerate(rows, 1), currency=currency) if isinstance(row, ProductRow)]
