"""Catalogue changes: rows of the log become items, whatever a row does not say stays."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from regulars.catalog import ProductRow, from_row, merged, parse_rows, to_row
from regulars.catalog.prices import noted
from regulars.catalog.stock import Level, parse_level, with_level
from regulars.collect.call import UNREADABLE
from regulars.collect.formats import SHOP_SYSTEMS
from regulars.collect.plan import Failure, failed
from regulars.collect.webhook import delivered
from regulars.collect.wire import Fields, Wrong
from regulars.core.catalog import CatalogItem
from regulars.core.errors import Rejected
from regulars.core.event import FailedEvent
from regulars.core.log import STOCK, Record
from regulars.core.state import PRODUCT, Changes, StateReader

_ROWS = msgspec.json.Decoder(list[dict[str, Any]])
#: The attribute that says as of when a shop system told of a product.
UPDATED_AT = "updated_at"


def upsert(records: Sequence[Record], state: StateReader, changes: Changes, *, currency: str) -> list[FailedEvent]:
    """Apply product records in order; those that cannot be used: of shop systems, and stock of what nobody sells.

    Other records were checked before they were logged: a row that is wrong now is none. What a shop system tells is of
    a moment, and what it told of a later one before stays. An item that is as it was is not written again.
    """
    failures: list[FailedEvent] = []
    read: list[tuple[Record, int, ProductRow | Level]] = []
    for record in records:
        rows: Iterator[ProductRow | Level] = (
            _levels(record) if record.route == STOCK else _rows(record, currency, failures)
        )
        read += [(record, index, row) for index, row in enumerate(rows)]
    stored: dict[str, CatalogItem] = {
        str(key): from_row(row) for key, row in state.many(PRODUCT, {row.id for *_, row in read}).items()
    }
    known = dict(stored)
    updated: dict[str, int] = {}
    for record, index, row in read:
        before = known.get(row.id)
        if isinstance(row, Level):
            after = None if before is None else with_level(before, row)
            if after is None:
                failures.append(_unknown(record, index, row, before))
                continue
        elif before is not None and record.route in SHOP_SYSTEMS and _is_older(row, before):
            continue
        else:
            after = noted(before, merged(before, row), record.time)
        known[row.id] = after
        updated[row.id] = record.time
    for identifier, time in updated.items():
        if known[identifier] != stored.get(identifier):
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
        yield from (row for row in parse_rows(enumerate(rows), currency=currency) if isinstance(row, ProductRow))
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


def _levels(record: Record) -> Iterator[Level]:
    for row in _ROWS.decode(record.body):
        try:
            yield parse_level(row)
        except Rejected:  # checked before it was logged
            continue


def _unknown(record: Record, index: int, level: Level, item: CatalogItem | None) -> FailedEvent:
    """Stock of a product that the catalogue does not have, or of a variant that the product does not have."""
    field, got = ("id", level.id) if item is None else ("sku", level.sku)
    expected = "a product of the catalogue" if item is None else "a variant of the product"
    found = failed(
        Failure("invalid_value", field, expected, got), source=record.source, received_at=record.time,
        offset=record.offset, index=index, message_id=f"stock-{level.id}-{level.sku}-{level.store}"[:256],
        name=STOCK, body=msgspec.json.encode(level),
    )  # fmt: skip
    return msgspec.structs.replace(found, route=STOCK)


def _failed(record: Record, why: Failure, name: str) -> FailedEvent:
    return failed(
        why, source=record.source, received_at=record.time, offset=record.offset, index=0, message_id="", name=name,
        body=record.body,
    )  # fmt: skip
