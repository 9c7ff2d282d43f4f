"""Names of columns, as shop systems, Google's product feed and spreadsheets write them."""

import re

#: Field -> other names of its column, compared without case, blanks and punctuation.
ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("product_id", "productId", "item_id", "article_number", "artikelnummer", "item_group_id"),
    "kind": ("item_type", "content_type"),
    "title": ("name", "product_name", "product_title", "item_name", "bezeichnung", "titel"),
    "category": ("categories", "category_path", "product_type", "google_product_category", "kategorie", "taxonomy"),
    "brand": ("manufacturer", "vendor", "marke", "hersteller"),
    "price": ("unit_price", "regular_price", "preis"),
    "currency": ("currency_code", "price_currency", "waehrung", "währung"),
    "stock": ("quantity", "inventory", "stock_quantity", "inventory_quantity", "bestand"),
    "attributes": ("properties", "specs", "eigenschaften"),
    "variants": ("skus", "varianten"),
    "link": ("url", "product_url", "product_link"),
    "image": ("image_url", "image_link", "bild"),
    "products": ("product_ids", "about_products"),
    "interests": ("about_interests", "tags_interest"),
    "active": ("published", "enabled", "aktiv"),
    "cost": ("cost_price", "purchase_price", "cost_of_goods_sold", "einkaufspreis", "ek"),
    "since": ("in_range_since", "launch_date", "release_date", "available_from", "im_sortiment_seit"),
    "sale_price": ("special_price", "aktionspreis", "angebotspreis"),
    "sale_from": ("sale_start", "special_from_date"),
    "sale_until": ("sale_end", "special_to_date"),
    "variant": (),
    "drop_variants": (),
    "available": (),
}
#: The same for a variant of a product.
VARIANT_ALIASES: dict[str, tuple[str, ...]] = {
    "sku": ("id", "variant_id", "variant_sku"),
    "attributes": ("options", "properties"),
    "price": ALIASES["price"],
    "stock": ALIASES["stock"],
    "sale_price": ALIASES["sale_price"],
    "sale_from": ALIASES["sale_from"],
    "sale_until": ALIASES["sale_until"],
    "available": (),
    "stock_id": ("inventory_item_id",),
}


def field_of(column: str, aliases: dict[str, tuple[str, ...]]) -> str | None:
    """The field that a column fills; None for a column of another name.

    >>> field_of("Product ID", ALIASES), field_of("Colour", ALIASES)
    ('id', None)
    """
    plain = squashed(column)
    for field, others in aliases.items():
        if plain == squashed(field) or any(plain == squashed(other) for other in others):
            return field
    return None


def squashed(column: str) -> str:
    """A column's name without case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", column.lower())
