"""Catalogue changes: rows of the log become items, whatever a row does not say stays."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from regulars.catalog import ProductRow, from_row, merged, parse_rows, to_row
from regulars.collect.call import UNREADABLE
from regulars.collect.formats import SHOP_SYSTEMS
from regulars.collect.plan import Failure, failed
from regulars.collect.webhook import delivered
from regulars.collect.wire import Fields, Wrong
from regulars.core.catalog import CatalogItem
from regulars.core.event import FailedEvent
from regulars.core.log import Record
from regulars.core.state import PRODUCT, Changes, StateReader

_ROWS = msgspec.json.Decoder(list[dict[str, Any]])
#: The attribute that says as of when a shop system told of a product.
UPDATED_AT = "updated_at"


def upsert(records: Sequence[Record], state: StateReader, changes: Changes, *, currency: str) -> list[FailedEvent]:
    """Apply product records in order; those of shop systems that cannot be used.

    Other records were checked before they were logged: a row that is wrong now is none. What a shop system tells is of
    a moment, and what it told of a later one before stays.
    """
    failures: list[FailedEvent] = []
    read: list[tuple[Record, ProductRow]] = []
    for record in records:
        read += [(record, row) for row in _rows(record, currency, failures)]
    known: dict[str, CatalogItem] = {
        str(key): from_row(row) for key, row in state.many(PRODUCT, {row.id for _, row in read}).items()
    }
    updated: dict[str, int] = {}
    for record, row in read:
        before = known.get(row.id)
        if before is not None and record.route in SHOP_SYSTEMS and _is_older(row, before):
            continue
        known[row.id] = merged(before, row)
        updated[row.id] = record.time
    for identifier, time in updated.items():
        changes.put(PRODUCT, to_row(known[identifier], time))
    return failures


def _is_older(row: ProductRow, known: CatalogItem) -> bool:
    said = (row.changes.get("attributes") or {}).get(UPDATED_AT)
    held = known.attributes.get(UPDATED_AT)
    return isinstance(said, str) and isinstance(held, str) and said < held


def _rows(record: Record, currency: str, failures: list[FailedEvent]) -> Iterator[ProductRow]:
    system = SHOP_SYSTEMS.get(record.route)
    if system is None:
        rows: list[Mapping[str, Any]] = list(_ROWS.decode(record.body))
        yield from (row for row in parse_rows(enumerate(rows, 1), currency=currency) if isinstance(row, ProductRow))
        return
    name = ""
    try:
        head, said = delivered(record.body)
        name = head.topic
        told = system.rows(head, Fields(said))
    except Wrong as error:
        failures.append(_failed(record, error.failure, name))
        return
    except UNREADABLE as error:
        failures.append(_failed(record, Failure("malformed", "body", "JSON", str(error)[:120]), name))
        return
    for row in parse_rows(enumerate(told, 1), currency=currency):
        if isinstance(row, ProductRow):
            yield row
        else:
            failures.append(_failed(record, Failure("invalid_value", row.field, row.expected, row.got), name))


def _failed(record: Record, why: Failure, name: str) -> FailedEvent:
    return failed(
        why, source=record.source, received_at=record.time, offset=record.offset, index=0, message_id="", name=name,
        body=record.body,
    )  # fmt: skip
