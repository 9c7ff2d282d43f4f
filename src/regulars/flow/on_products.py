"""Catalogue changes: rows of the log become items, whatever a row does not say stays."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from regulars.catalog import ProductRow, merged, parse_rows, to_row
from regulars.catalog.prices import noted
from regulars.catalog.stock import Level, Total, counted_on, parse_level, with_level
from regulars.collect.call import UNREADABLE
from regulars.collect.clock import AHEAD_MS, milliseconds
from regulars.collect.formats import SHOP_SYSTEMS
from regulars.collect.plan import Failure, failed
from regulars.collect.webhook import delivered
from regulars.collect.wire import Fields, Wrong
from regulars.core.catalog import CatalogItem
from regulars.core.errors import Rejected
from regulars.core.event import FailedEvent
from regulars.core.log import STOCK, Record
from regulars.core.state import PRODUCT, STOCK_TOLD, Changes, StateReader
from regulars.flow.stock_places import Shelf

_ROWS = msgspec.json.Decoder(list[dict[str, Any]])
#: The attribute that says as of when a shop system told of a product.
UPDATED_AT = "updated_at"
_NO_STORES: Mapping[str, Mapping[str, str]] = {}


def upsert(
    records: Sequence[Record],
    state: StateReader,
    changes: Changes,
    *,
    currency: str,
    stores: Mapping[str, Mapping[str, str]] = _NO_STORES,
) -> list[FailedEvent]:
    """Apply product records in order; those that cannot be used: of shop systems, and stock of what nobody sells.

    Other records were checked before they were logged: a row that is wrong now is none. What a shop system tells is of
    a moment, and what it told of a later one before stays; so does a level of a later moment. An item that is as it was
    is not written again. `stores` are the names of a shop system's places of stock, by source.
    """
    failures: list[FailedEvent] = []
    read: list[tuple[Record, int, ProductRow | Level]] = []
    for record in records:
        rows: Iterator[ProductRow | Level] = (
            _levels(record) if record.route == STOCK else _rows(record, currency, failures, stores)
        )
        read += [(record, index, row) for index, row in enumerate(rows)]
    products = {row.id for *_, row in read if isinstance(row, ProductRow)}
    shelf = Shelf(state, products, (row for *_, row in read if isinstance(row, Level)))
    told = Told(state, changes)
    updated: dict[str, int] = {}
    for record, index, row in read:
        if isinstance(row, Level):
            level = _not_ahead(row, record)
            found = shelf.place(level)
            after = None
            if isinstance(found, Failure):
                failures.append(_unknown(record, index, level, found))
            elif told.is_news(found[1]):
                total = _total(found[0], stores.get(record.source, {}))
                after = with_level(*found, total if record.route in SHOP_SYSTEMS else None)
        else:
            after = _after(row, record, shelf.items.get(row.id), told)
        if after is not None:
            shelf.set(after)
            updated[after.id] = record.time
    shelf.write(changes)
    for identifier, time in updated.items():
        if shelf.items[identifier] != shelf.stored.get(identifier):
            changes.put(PRODUCT, to_row(shelf.items[identifier], time))
    return failures


class Told:
    """As of when levels were told last."""

    def __init__(self, state: StateReader, changes: Changes) -> None:
        self._state = state
        self._changes = changes

    def is_news(self, level: Level) -> bool:
        """Whether nothing newer is known of the same place; then it is noted. What says no time is news."""
        if level.time is None:
            return True
        key = level.id, level.sku, level.store
        row = self._changes.puts.get(STOCK_TOLD.name, {}).get(key) or self._state.get(STOCK_TOLD, key)
        if row is not None and cast(int, row[3]) > level.time:
            return False
        self._changes.put(STOCK_TOLD, (*key, level.time))
        return True

    def newer(self, product: str, time: int) -> set[str]:
        """The SKUs of a product of which a level is known that is of a later moment."""
        rows = {tuple(row[:3]): row for row in self._state.select(STOCK_TOLD, {"product": product})}
        pending = self._changes.puts.get(STOCK_TOLD.name, {}).values()
        rows |= {tuple(row[:3]): row for row in pending if row[0] == product}
        return {str(row[1]) for row in rows.values() if cast(int, row[3]) > time}


def _after(row: ProductRow, record: Record, before: CatalogItem | None, told: Told) -> CatalogItem | None:
    """The item after a row; None where the row is older than what is known."""
    after = merged(before, row)
    if record.route in SHOP_SYSTEMS and before is not None:
        if _is_older(row, before):
            return None
        if before.stores or any(one.stores for one in before.variants):
            after = counted_on(after, before, told.newer(row.id, _moment(after)))
    return noted(before, after, record.time)


def _total(item: CatalogItem, places: Mapping[str, str]) -> Total | None:
    """What the shop system told of all places together."""
    return Total(_moment(item), frozenset(places.values())) if UPDATED_AT in item.attributes else None


def _moment(item: CatalogItem) -> int:
    """As of when a shop system told the item, ms."""
    said = item.attributes.get(UPDATED_AT)
    return (milliseconds(said) or 0) if isinstance(said, str) else 0


def _not_ahead(level: Level, record: Record) -> Level:
    """A clock that is wrong must not hold up what comes later."""
    if level.time is None or level.time <= record.time + AHEAD_MS:
        return level
    return msgspec.structs.replace(level, time=record.time)


def _is_older(row: ProductRow, known: CatalogItem) -> bool:
    said = (row.changes.get("attributes") or {}).get(UPDATED_AT)
    held = known.attributes.get(UPDATED_AT)
    return isinstance(said, str) and isinstance(held, str) and said < held


def _rows(
    record: Record, currency: str, failures: list[FailedEvent], stores: Mapping[str, Mapping[str, str]]
) -> Iterator[ProductRow | Level]:
    system = SHOP_SYSTEMS.get(record.route)
    if system is None:
        rows: list[Mapping[str, Any]] = list(_ROWS.decode(record.body))
        yield from (row for row in parse_rows(enumerate(rows), currency=currency) if isinstance(row, ProductRow))
        return
    name = ""
    try:
        head, said = delivered(record.body)
        name = head.topic
        if head.topic in system.stock_topics:
            level, names = parse_level(system.level(head, Fields(said))), stores.get(record.source, {})
            if level.store and level.store not in names:
                failures.append(_undeclared(record, level, names))
            yield _named_store(level, names)
            return
        told = system.rows(head, Fields(said))
    except Wrong as error:
        failures.append(_failed(record, error.failure, name))
        return
    except Rejected as error:
        failures.append(_failed(record, Failure("invalid_value", error.field, error.expected, error.got), name))
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


def _named_store(level: Level, names: Mapping[str, str]) -> Level:
    return msgspec.structs.replace(level, store=names.get(level.store, level.store))


def _unknown(record: Record, index: int, level: Level, why: Failure) -> FailedEvent:
    """Stock of a product that the catalogue does not have, or of a variant that the product does not have."""
    named = "-".join(part for part in (level.stock_id, level.id, level.sku, level.store) if part)
    if not level.stock_id:
        named = f"{level.id}-{level.sku}-{level.store}"
    found = failed(
        why, source=record.source, received_at=record.time, offset=record.offset, index=index,
        message_id=f"stock-{named}"[:256], name=STOCK, body=msgspec.json.encode(level),
    )  # fmt: skip
    return msgspec.structs.replace(found, route=STOCK)


def _undeclared(record: Record, level: Level, names: Mapping[str, str]) -> FailedEvent:
    """A place of stock without a name in the settings: its level counts, and the sum may lack what others hold."""
    line = json.dumps(level.store[:100], ensure_ascii=False) + ' = "the store\'s name"'
    wanted = f"in [sources.{record.source}.webhook] stores = {{{line}{', …' if names else ''}}}"
    found = failed(
        Failure("undeclared_place", "location_id", wanted, level.store), source=record.source,
        received_at=record.time, offset=record.offset, index=1, message_id=f"place-{level.store}"[:256], name=STOCK,
        body=msgspec.json.encode(level),
    )  # fmt: skip
    return msgspec.structs.replace(found, route=STOCK)


def _failed(record: Record, why: Failure, name: str) -> FailedEvent:
    return failed(
        why, source=record.source, received_at=record.time, offset=record.offset, index=0, message_id="", name=name,
        body=record.body,
    )  # fmt: skip
