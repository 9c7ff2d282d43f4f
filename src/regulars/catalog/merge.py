"""A change laid over what the catalogue knows."""

from typing import Any

import msgspec

from regulars.catalog.products import ProductRow
from regulars.core.catalog import CatalogItem, Variant


def merged(known: CatalogItem | None, row: ProductRow) -> CatalogItem:
    """The item after the change. What the row does not say stays; a null clears; attributes are merged by name.

    A new price in another currency than before is a new price, so both change together. `variant` is one variant, laid
    over the others; `drop_variants` are those that are gone.
    """
    before = known if known is not None else CatalogItem(id=row.id)
    changes: dict[str, Any] = dict(row.changes)
    attributes = changes.get("attributes")
    if attributes:
        both = {**before.attributes, **attributes}
        changes["attributes"] = {name: value for name, value in both.items() if value is not None}
    if "currency" in changes and before.currency not in ("", changes["currency"]):
        changes.setdefault("price", None)  # an amount of the old currency would be a wrong one in the new
        changes.setdefault("cost", None)
        changes.setdefault("sale", None)
        changes["prices"] = ()
    available = changes.pop("available", None)
    if available is False:
        changes["stock"] = 0
    elif available and "stock" not in changes and before.stock == 0:
        changes["stock"] = None  # it can be had again, and nobody told how many there are
    if "variants" in changes:
        changes["variants"] = tuple(_still_counted(one, before.variants) for one in changes["variants"])
    variant, gone = changes.pop("variant", None), changes.pop("drop_variants", ())
    if variant is not None or gone:
        variants = tuple(one for one in changes.get("variants", before.variants) if one.sku not in gone)
        if variant is not None:
            variants = _with(variants, variant)
            changes["price"] = _lowest(variants, changes.get("price"))
            sales = [one.sale for one in variants if one.sale is not None]
            changes["sale"] = min(sales, key=lambda sale: sale.price) if sales else None
        changes["variants"] = variants
    if "stock" in changes and before.stores and changes["stock"] != before.stock:
        changes["stores"] = {}  # a total of another source: what stood in which store is no longer known
    return msgspec.structs.replace(before, **changes)


def _with(variants: tuple[Variant, ...], one: Variant) -> tuple[Variant, ...]:
    """Its stock stays where the change tells none: a feed that says "in stock" knows no number."""
    for place, held in enumerate(variants):
        if held.sku == one.sku:
            if one.stock is None and held.stock:
                one = msgspec.structs.replace(one, stock=held.stock, stores=held.stores)
            one = _still_counted(one, (held,))
            return (*variants[:place], one, *variants[place + 1 :])
    return (*variants, one)


def _still_counted(one: Variant, before: tuple[Variant, ...]) -> Variant:
    """A feed of another source does not know under which number the shop system counts a variant, nor its stores."""
    for held in before:
        if held.sku == one.sku:
            if held.stock_id and not one.stock_id:
                one = msgspec.structs.replace(one, stock_id=held.stock_id)
            if held.stores and one.stock == held.stock:
                one = msgspec.structs.replace(one, stores=held.stores)
    return one


def _lowest(variants: tuple[Variant, ...], own: int | None) -> int | None:
    """What the cheapest variant costs: a product is had from this price on."""
    prices = [one.price for one in variants if one.price is not None]
    return min(prices) if prices else own
