"""Levels of stock: of a product or one of its variants, in all or in one store."""

import math
from collections.abc import Container, Mapping
from typing import Any

import msgspec

from regulars.catalog.columns import field_of
from regulars.catalog.products import instant
from regulars.core.catalog import CatalogItem, Variant
from regulars.core.errors import Rejected

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("product_id", "product", "item_id", "article_number", "artikelnummer", "item_group_id"),
    "sku": ("variant_id", "variant_sku", "variante"),
    "store": ("store_id", "branch", "location", "warehouse", "filiale", "lager"),
    "stock": ("quantity", "qty", "level", "inventory", "on_hand", "bestand", "menge"),
    "stock_id": ("inventory_item_id",),
    "updated_at": ("as_of", "stock_at", "stand", "bestand_am"),
}
_LONGEST = 200


class Level(msgspec.Struct, frozen=True):
    """How many pieces there are; None: nobody knows any more."""

    id: str  # of the product; "": whichever the SKU or the stock id means
    sku: str  # of a variant; "": the product itself
    store: str  # "": in all
    stock: int | None
    stock_id: str = ""  # what the shop system counts it under
    time: int | None = None  # as of when, ms; None: whenever it is told


def parse_level(row: Mapping[str, Any]) -> Level:
    """One row; raises Rejected with field, expected and got. What is below zero is none.

    >>> parse_level({"Artikelnummer": 7, "Filiale": "Graz", "Bestand": "3"})
    Level(id='7', sku='', store='Graz', stock=3, stock_id='', time=None)
    """
    if not isinstance(row, Mapping):
        raise _wrong("row", "an object of fields", row)
    said: dict[str, Any] = {}
    for column, value in row.items():
        field = field_of(str(column), COLUMNS)
        if field is not None:
            said.setdefault(field, value)
    if "stock" not in said or said["stock"] == "":
        raise _wrong("stock", "a number of pieces", None)
    identifier, sku, stock_id = (_text(name, said.get(name)) for name in ("id", "sku", "stock_id"))
    if not identifier and not sku and not stock_id:
        raise _wrong("id", "the id of the product, or a SKU", None)
    return Level(
        identifier, sku if sku != identifier else "", _text("store", said.get("store")), _pieces(said["stock"]),
        stock_id, instant("updated_at", said.get("updated_at")),
    )  # fmt: skip


class Total(msgspec.Struct, frozen=True):
    """What is known of a total that a shop system told for all stores together."""

    time: int  # as of when, ms
    stores: frozenset[str] = frozenset()  # all that there are; empty: nobody said


def with_level(item: CatalogItem, level: Level, total: Total | None = None) -> CatalogItem | None:
    """The item at this level; None where it has no such variant. The level of a store changes the sum of all.

    Where the sum was told as a `total`, too, it stands until a level is newer, and then moves by what the level moved.
    """
    if not level.sku:
        return msgspec.structs.replace(item, **_levels(item.stock, item.stores, level, total))
    for place, held in enumerate(item.variants):
        if held.sku == level.sku:
            better = msgspec.structs.replace(held, **_levels(held.stock, held.stores, level, total))
            variants = (*item.variants[:place], better, *item.variants[place + 1 :])
            return summed(msgspec.structs.replace(item, variants=variants), item)
    return None


def counted_on(item: CatalogItem, before: CatalogItem, newer: Container[str]) -> CatalogItem:
    """An item as a shop system tells it, with what is known of its stores, which it does not tell.

    `newer` are the SKUs ("" for the item itself) of which a level is known that is newer than what is told now.
    """
    variants = {one.sku: one for one in before.variants}
    kept = tuple(
        one
        if one.sku not in variants
        else msgspec.structs.replace(one, **_held(one, variants[one.sku], newer, one.sku))
        for one in item.variants
    )
    item = msgspec.structs.replace(item, variants=kept, **_held(item, before, newer, ""))
    return summed(item, item)


def _held(one: CatalogItem | Variant, before: CatalogItem | Variant, newer: Container[str], sku: str) -> dict[str, Any]:
    if not before.stores:
        return {}
    return {"stores": before.stores, "stock": before.stock if sku in newer else one.stock}


def summed(item: CatalogItem, before: CatalogItem) -> CatalogItem:
    """The item with the sum of its variants as its stock, where that is what its stock was before."""
    levels = [one.stock for one in item.variants]
    if not levels or item.stores or before.stock is None or None in levels:
        return item
    if before is not item and before.stock != sum(one.stock or 0 for one in before.variants):
        return item
    return msgspec.structs.replace(item, stock=sum(one or 0 for one in levels))


def _levels(stock: int | None, stores: dict[str, int], level: Level, total: Total | None) -> dict[str, Any]:
    if not level.store:
        return {"stock": level.stock} if level.stock == stock else {"stock": level.stock, "stores": {}}
    kept = {name: pieces for name, pieces in stores.items() if name != level.store}
    if level.stock is not None:
        kept[level.store] = level.stock
    known = sum(kept.values()) if kept else None
    if total is not None and stock is not None and level.time is not None:
        known = _by_total(stock, stores, kept, level, total)
    return {"stock": known, "stores": dict(sorted(kept.items()))}


def _by_total(stock: int, stores: dict[str, int], kept: dict[str, int], level: Level, total: Total) -> int:
    """The total after a level, where not every store may have been told by itself."""
    known = sum(kept.values())
    if level.time is None or level.time <= total.time:
        return max(stock, known)  # it is counted already
    if total.stores and total.stores <= kept.keys():
        return known
    if level.store in stores:
        return max(stock + (level.stock or 0) - stores[level.store], known)
    return max(stock, known) if total.stores else known


def _pieces(value: object) -> int | None:
    if value is None:
        return None
    text = value.strip().replace(",", ".") if isinstance(value, str) else value
    try:
        number = float(text) if isinstance(text, int | float | str) and not isinstance(text, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e12:
        raise _wrong("stock", "a number of pieces", value)
    return max(0, math.floor(number))


def _text(field: str, value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, int | str) or len(text) > _LONGEST or not text.isprintable():
        raise _wrong(field, f"at most {_LONGEST} printable characters", value)
    return text


def _wrong(field: str, expected: str, got: object) -> Rejected:
    shown = "nothing" if got is None else repr(got)[:120]
    return Rejected(f"{field}: expected {expected}, got {shown}", field=field, expected=expected, got=shown)
