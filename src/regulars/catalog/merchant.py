"""Items of Google's product data specification -> rows of the catalogue.

Items with the same `item_group_id` are variants of one product. What concerns advertising and parcels alone (shipping,
tax, instalments, multipacks) is left out. `availability` says whether there is any, not how many.
"""

import re
from collections.abc import Mapping
from typing import Any

from regulars.core.errors import Rejected

#: What tells variants apart.
_OPTIONS = ("color", "size", "material", "pattern", "age_group", "gender", "size_type", "size_system")
_KEPT = (
    "gtin", "mpn", "condition", "google_product_category", "availability_date", "expiration_date",
    "energy_efficiency_class", "unit_pricing_measure", "unit_pricing_base_measure", "product_highlight", "adult",
    "certification", "pause", *(f"custom_label_{place}" for place in range(5)),
)  # fmt: skip
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("g:id",),
    "title": ("g:title",),
    "description": ("g:description",),
    "link": ("g:link",),
    "image_link": ("g:image_link", "image link"),
    "additional_image_link": ("g:additional_image_link",),
    "availability": ("g:availability",),
    "price": ("g:price",),
    "sale_price": ("g:sale_price",),
    "sale_price_effective_date": ("g:sale_price_effective_date",),
    "google_product_category": ("g:google_product_category",),
    "product_type": ("g:product_type",),
    "brand": ("g:brand",),
    "gtin": ("g:gtin",),
    "mpn": ("g:mpn",),
    "condition": ("g:condition",),
    "item_group_id": ("g:item_group_id",),
    "quantity": ("g:quantity", "sell_on_google_quantity"),
    "cost_of_goods_sold": ("g:cost_of_goods_sold",),
    "product_detail": ("g:product_detail",),
    **{name: (f"g:{name}",) for name in (*_OPTIONS, *_KEPT[4:])},
}
_AVAILABLE = {
    "in_stock": True, "instock": True, "out_of_stock": False, "outofstock": False, "preorder": True, "backorder": True,
    "available_for_order": True, "discontinued": False,
}  # fmt: skip
_LONGEST_DESCRIPTION, _MOST_IMAGES = 5_000, 10


def product_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an item; raises Rejected. A row without price or title says nothing of them.

    >>> row = product_of({"id": "K-1", "title": "Kettle", "price": "19.99 EUR", "availability": "in stock"})
    >>> row["id"], row["price"], row["available"]
    ('K-1', '19.99 EUR', True)
    """
    said = {_plain(name): value for name, value in item.items() if value not in ("", None, [], {})}
    identifier = _text(said, "id")
    if not identifier:
        raise Rejected("an item needs an id", field="id", expected="the id of the item", got="nothing")
    group = _text(said, "item_group_id")
    sold: dict[str, Any] = {"available": _availability(said), **_sale(said)}
    if "price" in said:
        sold["price"] = _text(said, "price")
    if "quantity" in said:
        sold["stock"] = _text(said, "quantity")
    row: dict[str, Any] = {
        "id": group or identifier,
        "active": True,  # who takes an item out of the feed does not sell it; who lists it does
        **{name: _text(said, name) for name in ("title", "brand", "link") if name in said},
        **{field: _text(said, name) for field, name in (("image", "image_link"),) if name in said},
    }
    if currency := re.search(r"\b[A-Z]{3}\b", _text(said, "price")):
        row["currency"] = currency[0]
    category = _category(said)
    if category:
        row["category"] = category
    attributes = _attributes(said)
    options = {name: _text(said, name) for name in _OPTIONS if name in said}
    if group:
        own = {name: attributes.pop(name) for name in ("gtin", "mpn", "availability") if name in attributes}
        row["variant"] = {"sku": identifier, **sold, "attributes": {**options, **own}}
    else:
        row.update(sold)
        attributes |= options
    if attributes:
        row["attributes"] = attributes
    if "cost_of_goods_sold" in said:
        row["cost"] = _text(said, "cost_of_goods_sold")
    return row


def _plain(name: object) -> str:
    """A name as Google writes it: "g:image link" and "Image_Link" are one."""
    return str(name).strip().lower().removeprefix("g:").replace(" ", "_").replace("-", "_")


def _text(said: Mapping[str, Any], name: str) -> str:
    """One value; of several the first."""
    value = said.get(name)
    if isinstance(value, list):
        value = next((one for one in value if isinstance(one, str) and one), "")
    if value is None or isinstance(value, Mapping):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _texts(said: Mapping[str, Any], name: str) -> list[str]:
    """Several values: a list, or with commas between them."""
    value = said.get(name)
    found = value if isinstance(value, list) else str(value).split(",") if isinstance(value, str) else []
    return [one.strip() for one in found if isinstance(one, str) and one.strip()]


def _availability(said: Mapping[str, Any]) -> bool | None:
    if "availability" not in said:
        return None
    word = _text(said, "availability").rpartition("/")[2].lower().replace(" ", "_").replace("-", "_")
    found = _AVAILABLE.get(word)
    if found is None:
        expected = "in_stock, out_of_stock, preorder or backorder"
        raise Rejected(f"availability: expected {expected}, got {word!r}", field="availability", expected=expected,
                       got=repr(word)[:120])  # fmt: skip
    return found


def _sale(said: Mapping[str, Any]) -> dict[str, Any]:
    """The sale of the item; none of them ends one that was known."""
    if "sale_price" not in said:
        return {"sale_price": None}
    found: dict[str, Any] = {"sale_price": _text(said, "sale_price")}
    dates = _text(said, "sale_price_effective_date")
    if dates:
        since, slash, until = dates.partition("/")
        if not slash:
            expected = "two times with a slash between them"
            raise Rejected(f"sale_price_effective_date: expected {expected}", field="sale_price_effective_date",
                           expected=expected, got=repr(dates)[:120])  # fmt: skip
        found |= {"sale_from": _time(since), "sale_until": _time(until)}
    return found


def _time(text: str) -> str:
    """Google writes offsets without a colon: 2026-11-27T00:00+0100."""
    text = text.strip()
    if len(text) > 5 and text[-5] in "+-" and text[-4:].isdigit():
        return f"{text[:-2]}:{text[-2:]}"
    return text


def _category(said: Mapping[str, Any]) -> str:
    """The shop's own path, or else Google's where it is in words."""
    own = _text(said, "product_type")
    if own:
        return own if ">" in own else own.replace("/", ">") if " / " in own else own
    google = _text(said, "google_product_category")
    return "" if google.isdigit() else google


def _attributes(said: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: _text(said, name) for name in _KEPT if name in said}
    if "availability" in said:
        found["availability"] = _text(said, "availability").replace(" ", "_")
    if description := _text(said, "description"):
        found["description"] = description[:_LONGEST_DESCRIPTION]
    if images := _texts(said, "additional_image_link"):
        found["images"] = images[:_MOST_IMAGES]
    details = said.get("product_detail")
    for one in details if isinstance(details, list) else [details]:
        if isinstance(one, Mapping) and one.get("attribute_name") and one.get("attribute_value"):
            found[str(one["attribute_name"])[:200]] = str(one["attribute_value"])[:1_000]
    return found
