"""A change laid over what the catalogue knows."""

from typing import Any

import msgspec

from regulars.catalog.products import ProductRow
from regulars.core.catalog import CatalogItem


def merged(known: CatalogItem | None, row: ProductRow) -> CatalogItem:
    """The item after the change. What the row does not say stays; a null clears; attributes are merged by name.

    A new price in another currency than before is a new price, so both change together.
    """
    before = known if known is not None else CatalogItem(id=row.id)
    changes: dict[str, Any] = dict(row.changes)
    attributes = changes.get("attributes")
    if attributes:
        both = {**before.attributes, **attributes}
        changes["attributes"] = {name: value for name, value in both.items() if value is not None}
    if "currency" in changes and before.currency not in ("", changes["currency"]) and "price" not in changes:
        changes["price"] = None  # an amount of the old currency would be a wrong one in the new
    if "currency" in changes and before.currency not in ("", changes["currency"]) and "cost" not in changes:
        changes["cost"] = None
    return msgspec.structs.replace(before, **changes)
