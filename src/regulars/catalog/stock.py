"""Levels of stock: of a product or one of its variants, in all or in one store."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from regulars.catalog.columns import field_of
from regulars.core.catalog import CatalogItem
from regulars.core.errors import Rejected

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("product_id", "product", "item_id", "article_number", "artikelnummer", "item_group_id"),
    "sku": ("variant_id", "variant_sku", "variante"),
    "store": ("store_id", "branch", "location", "warehouse", "filiale", "lager"),
    "stock": ("quantity", "qty", "level", "inventory", "on_hand", "bestand", "menge"),
}
_LONGEST = 200


class Level(msgspec.Struct, frozen=True):
    """How many pieces there are; None: nobody knows any more."""

    id: str  # of the product
    sku: str  # of a variant; "": the product itself
    store: str  # "": in all
    stock: int | None


def parse_level(row: Mapping[str, Any]) -> Level:
    """One row; raises Rejected with field, expected and got. What is below zero is none.

    >>> parse_level({"Artikelnummer": 7, "Filiale": "Graz", "Bestand": "3"})
    Level(id='7', sku='', store='Graz', stock=3)
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
    identifier, sku = _text("id", said.get("id")), _text("sku", said.get("sku"))
    if not identifier:
        raise _wrong("id", "the id of the product", None)
    return Level(
        identifier, sku if sku != identifier else "", _text("store", said.get("store")), _pieces(said["stock"])
    )


def with_level(item: CatalogItem, level: Level) -> CatalogItem | None:
    """The item at this level; None where it has no such variant. The level of a store changes the sum of all."""
    if not level.sku:
        return msgspec.structs.replace(item, **_levels(item.stock, item.stores, level))
    for place, held in enumerate(item.variants):
        if held.sku == level.sku:
            better = msgspec.structs.replace(held, **_levels(held.stock, held.stores, level))
            variants = (*item.variants[:place], better, *item.variants[place + 1 :])
            return msgspec.structs.replace(item, variants=variants)
    return None


def _levels(stock: int | None, stores: dict[str, int], level: Level) -> dict[str, Any]:
    if not level.store:
        return {"stock": level.stock} if level.stock == stock else {"stock": level.stock, "stores": {}}
    kept = {name: pieces for name, pieces in stores.items() if name != level.store}
    if level.stock is not None:
        kept[level.store] = level.stock
    return {"stock": sum(kept.values()) if kept else None, "stores": dict(sorted(kept.items()))}


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
