"""Catalogue items: products, and content (articles, tips, videos, tutorials) linked to products and interests."""

from typing import Any, Literal

import msgspec

ItemKind = Literal["product", "article", "tip", "video", "tutorial"]


class Sale(msgspec.Struct, frozen=True, array_like=True):
    """A reduced price, for a time or until further notice."""

    price: int  # minor units
    since: int | None = None  # ms
    until: int | None = None  # ms, exclusive

    def holds(self, now: int) -> bool:
        """Whether it is in force."""
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)


class PriceSpan(msgspec.Struct, frozen=True, array_like=True):
    """What an item cost for a time."""

    price: int  # minor units
    since: int  # ms
    until: int | None = None  # ms, exclusive; None: still


class Variant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A buyable version of a product."""

    sku: str
    attributes: dict[str, str] = {}  # colour, size, ...
    price: int | None = None  # minor units; None: the product's
    stock: int | None = None  # None: unknown
    stores: dict[str, int] = {}  # stock by store, where stores are told
    sale: Sale | None = None
    stock_id: str = ""  # what the shop system counts its stock under, where that is no SKU


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
    stores: dict[str, int] = {}  # stock by store, where stores are told; `stock` is the sum
    sale: Sale | None = None
    prices: tuple[PriceSpan, ...] = ()  # of the last weeks, the oldest first (catalog.prices)

    def price_at(self, now: int) -> int | None:
        """What it costs, a sale heeded."""
        if self.sale is None or not self.sale.holds(now):
            return self.price
        return self.sale.price if self.price is None else min(self.sale.price, self.price)

    def in_stock(self) -> bool | None:
        """True, False, or None when nobody told."""
        known = [v.stock for v in self.variants if v.stock is not None]
        if known:
            return any(s > 0 for s in known)
        return None if self.stock is None else self.stock > 0


def codes_of(item: CatalogItem) -> dict[str, str]:
    """What a level of stock may name the item by, with the SKU of the variant that is meant; "" is the item itself.

    >>> codes_of(CatalogItem(id="K", variants=(Variant(sku="K-R", stock_id="77"),)))
    {'sku:K-R': 'K-R', 'stock:77': 'K-R'}
    """
    own = item.attributes.get("sku")
    found = {f"sku:{own}": ""} if isinstance(own, str | int) and not isinstance(own, bool) and own != "" else {}
    for variant in item.variants:
        found[f"sku:{variant.sku}"] = variant.sku
        if variant.stock_id:
            found[f"stock:{variant.stock_id}"] = variant.sku
    return found
