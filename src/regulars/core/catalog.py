"""Catalogue items: products, and content (articles, tips, videos, tutorials) linked to products and interests."""

from typing import Any, Literal

import msgspec

ItemKind = Literal["product", "article", "tip", "video", "tutorial"]


class Variant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A buyable version of a product."""

    sku: str
    attributes: dict[str, str] = {}  # colour, size, ...
    price: int | None = None  # minor units; None: the product's
    stock: int | None = None  # None: unknown


class CatalogItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One catalogue item. What is unknown is None, never invented."""

    id: str
    kind: ItemKind = "product"
    title: str = ""
    category: tuple[str, ...] = ()  # path from the root
    brand: str = ""
    price: int | None = None  # minor units of `currency`
    currency: str = ""
    stock: int | None = None
    attributes: dict[str, Any] = {}
    variants: tuple[Variant, ...] = ()
    link: str = ""
    image: str = ""
    products: tuple[str, ...] = ()  # content: the products it is about
    interests: tuple[str, ...] = ()  # content: the interests it serves
    active: bool = True
    cost: int | None = None  # what the shop pays, minor units of `currency`; told to nobody outside
    since: str = ""  # ISO date on which it came into the range; "": not known

    def in_stock(self) -> bool | None:
        """True, False, or None when nobody told."""
        known = [v.stock for v in self.variants if v.stock is not None]
        if known:
            return any(s > 0 for s in known)
        return None if self.stock is None else self.stock > 0
