"""The shop that the benchmarks of folding, deciding and counting share, as the files of a shop folder.

A tracking plan of 60 events, 30 traits, 100 segments, 300 offers with a condition each on 3 placements, and a placement
of recommendations. Every line follows from the numbers here; nothing is drawn at random.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from regulars.core.definitions import Definitions
from regulars.shop import load

#: Categories of the range, as paths; a product's category is `CATEGORIES[product % len(CATEGORIES)]`.
DEPARTMENTS = ("Garden", "Kitchen", "Sport", "Toys", "Books", "Office", "Pets", "Baby", "Beauty", "Tools")
CATEGORIES = tuple(f"{department} > {department} {kind}" for department in DEPARTMENTS for kind in "ABCDEFGH")
PRODUCTS = 100_000
BRANDS = 40
KEY = "sk_benchmark"  # of the server source "shop"

#: Events of the Segment e-commerce spec, and what else shops like to know.
EVENTS = (
    "Products Searched", "Product List Viewed", "Product List Filtered", "Promotion Viewed", "Promotion Clicked",
    "Product Clicked", "Product Viewed", "Product Added", "Product Removed", "Cart Viewed", "Checkout Started",
    "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered", "Order Completed", "Order Updated",
    "Order Refunded", "Order Cancelled", "Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed",
    "Product Added to Wishlist", "Product Removed from Wishlist", "Wishlist Product Added to Cart", "Product Shared",
    "Cart Shared", "Product Reviewed", "Page Viewed", "Screen Viewed", "Signed Up", "Signed In", "Signed Out",
    "Newsletter Subscribed", "Newsletter Unsubscribed", "Email Opened", "Email Clicked", "Push Opened", "Article Read",
    "Video Started", "Video Completed", "Tip Rated", "Store Locator Used", "Store Visited", "Store Chosen",
    "Size Guide Opened", "Chat Started", "Chat Ended", "Question Asked", "Return Started", "Return Sent",
    "Delivery Tracked", "Delivery Received", "Gift Card Bought", "Gift Card Redeemed", "Stock Alert Set",
    "Price Alert Set", "Survey Answered", "App Opened", "App Rated",
)  # fmt: skip
_CONTRACT = frozenset({"Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"})
_VIEWS = ["Page Viewed", "Product Viewed", "Product List Viewed"]
_A, _P = "analytics", "personalisation"
#: name: kind, events, purpose ("" rests on contract), everything else.
TRAITS: dict[str, tuple[str, list[str], str, dict[str, object]]] = {
    "visits_30d": ("count", _VIEWS, _A, {"window_days": 30}),
    "views_7d": ("count", ["Product Viewed"], _A, {"window_days": 7}),
    "days_since_visit": ("days_since", _VIEWS, _A, {}),
    "last_viewed": ("last", ["Product Viewed"], _P, {"of": "product_id", "type": "text"}),
    "last_brand": ("last", ["Product Viewed"], _P, {"of": "brand", "type": "text"}),
    "price_seen": ("max", ["Product Viewed"], _P, {"of": "price"}),
    "departments": (
        "affinity", ["Product Viewed"], _P,
        {"of": "category", "level": 1, "half_life_days": 30, "cap": 60, "interest": True},
    ),
    "categories": ("affinity", ["Product Viewed"], _P, {"of": "category", "level": 2, "half_life_days": 60, "cap": 80}),
    "products_30d": ("distinct", ["Product Viewed"], _A, {"of": "product_id", "window_days": 30, "cap": 60}),
    "searches_30d": ("count", ["Products Searched"], _A, {"window_days": 30}),
    "last_search": ("last", ["Products Searched"], _P, {"of": "query", "type": "text"}),
    "adds_30d": ("count", ["Product Added"], _A, {"window_days": 30}),
    "removes_30d": ("count", ["Product Removed"], _A, {"window_days": 30}),
    "days_since_add": ("days_since", ["Product Added"], _A, {}),
    "wishes": ("count", ["Product Added to Wishlist"], _P, {}),
    "checkouts_30d": ("count", ["Checkout Started"], _A, {"window_days": 30}),
    "orders": ("count", ["Order Completed"], "", {}),
    "orders_365d": ("count", ["Order Completed"], "", {"window_days": 365}),
    "orders_90d": ("count", ["Order Completed"], "", {"window_days": 90}),
    "revenue": ("sum", ["Order Completed"], "", {"of": "total"}),
    "revenue_365d": ("sum", ["Order Completed"], "", {"of": "total", "window_days": 365}),
    "basket_max": ("max", ["Order Completed"], "", {"of": "total"}),
    "basket_last": ("last", ["Order Completed"], "", {"of": "total"}),
    "days_since_order": ("days_since", ["Order Completed"], "", {}),
    "lifecycle": ("lifecycle", ["Order Completed"], "", {}),
    "bought": (
        "affinity", ["Order Completed"], _P,
        {"of": "products.category", "weight": "products.price", "level": 1, "half_life_days": 90, "cap": 60},
    ),
    "brands_365d": ("distinct", ["Order Completed"], _A, {"of": "products.brand", "window_days": 365, "cap": 60}),
    "coupons_365d": ("count", ["Coupon Applied"], _P, {"window_days": 365}),
    "emails_90d": ("count", ["Email Opened", "Email Clicked"], _A, {"window_days": 90}),
    "promotions_30d": ("count", ["Promotion Viewed"], _A, {"window_days": 30}),
}  # fmt: skip


def conditions(salt: int) -> Iterator[str]:
    """Conditions without end, of two to three clauses; no two alike whatever the salt, below a billion of them."""
    number = salt
    while True:
        number += 1
        department = DEPARTMENTS[number % len(DEPARTMENTS)]
        own = f"{number / 1e9:.9f}"[1:]  # makes the constant, and so the condition, one of its own
        share = f"0.{15 + number * 7 % 60}{own[1:]}"
        forms = (
            f"visits_30d > {3 + number % 20}{own} and interest('{department}') > {share}",
            f"orders_365d >= {1 + number % 9} and days_since_order between {number % 20} and {25 + number % 90}{own}",
            f"revenue_365d > {2_000 + 37 * number % 90_000}{own} and lifecycle in ('active', 'waning')",
            f"views_7d > {number % 5}{own} and (adds_30d >= {1 + number % 3} or searches_30d > {number % 4})",
            f"interest('{department}') > {share} and coalesce(basket_max, 0) < {5_000 + 91 * number % 90_000}",
            f"days_since_visit < {1 + number % 30}{own} and last_brand = 'Brand {number % BRANDS}' or wishes > 5",
        )
        yield forms[number % len(forms)]


def write(folder: Path) -> Definitions:
    """Write the shop folder and load it."""
    (folder / "offers").mkdir(parents=True, exist_ok=True)
    for name, text in _files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return load(folder)


def _files() -> dict[str, str]:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    scopes = '["collect", "decide", "profiles", "catalog", "admin"]'
    return {
        "shop.toml": '[shop]\nname = "Benchmark"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\nclock = "records"\n',
        "sources.toml": (
            '[sources.web]\nkind = "browser"\nwrite_key = "wk_benchmark"\n\n'
            f'[sources.shop]\nkind = "server"\nkey_sha256 = "{digest}"\nscopes = {scopes}\n'
        ),
        "consent.toml": "".join(
            f'[purposes.{purpose}]\ntext = {{ de = "{purpose}", en = "{purpose}" }}\n\n'
            for purpose in (_A, _P, "marketing_email")
        ),
        "events.toml": "strict_plan = true\n\n" + "\n".join(_event(name) for name in EVENTS),
        "traits.toml": "\n".join(_trait(name) for name in TRAITS),
        "segments.toml": "\n".join(_segments()),
        "placements.toml": _placements(),
        "offers/offers.toml": "\n".join(_offers()),
    }


def _event(name: str) -> str:
    properties = {
        "product_id": "id", "name": "text", "brand": "text", "category": "text", "price": "number",
        "quantity": "number", "query": "text", "total": "number", "currency": "text", "order_id": "id",
        "coupon": "text", "position": "integer", "url": "text", "promotion_id": "id", "products": "list",
        "list_id": "text", "coupon_id": "id", "email_id": "id",
    }  # fmt: skip
    shape = ", ".join(f'{key} = "{kind}"' for key, kind in properties.items())
    purpose = 'purpose = "contract"\n' if name in _CONTRACT else ""
    required = '["order_id", "products"]' if name == "Order Completed" else "[]"
    return f'[events."{name}"]\n{purpose}properties = {{ {shape} }}\nrequired = {required}\n'


def _trait(name: str) -> str:
    kind, events, purpose, rest = TRAITS[name]
    said = {"kind": kind, "events": events, **({"purpose": purpose} if purpose else {}), **rest}
    return f"[traits.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())


def _segments() -> Iterator[str]:
    for number, condition in zip(range(98), conditions(0), strict=False):
        yield f"[segments.s{number:03}]\nwhen = {json.dumps(condition)}\n"
    yield "[segments.s098]\nwhen = \"in_segment('s001') or in_segment('s007')\"\n"
    yield "[segments.s099]\nwhen = \"in_segment('s003') and orders >= 2\"\n"


def _placements() -> str:
    offers = "".join(f'[placements."{name}"]\nexploration = 0.05\n\n' for name in ("home.hero", "basket.top"))
    email = '[placements."email.weekly"]\nchannel = "email"\nexploration = 0.1\npurpose = "marketing_email"\n\n'
    return (
        offers + email + '[placements."home.recommended"]\noffers = false\nrecommend = "blend"\nitems = 10\n'
        'purpose = "personalisation"\n'
    )


def _offers() -> Iterator[str]:
    places = ("home.hero", "basket.top", "email.weekly")
    for number, condition in zip(range(300), conditions(1_000), strict=False):
        placement = places[number % 3]
        purpose = "marketing_email" if placement == "email.weekly" else ("contract", _P)[number % 2]
        where = f"{condition}" if number % 5 else f"({condition}) and in_segment('s{number % 100:03}')"
        limit = "limit = { times = 3, days = 7 }\n" if number % 4 == 0 else ""
        yield (
            f'[offers.o{number:03}]\ntitle = {{ en = "Offer {number}" }}\npurpose = "{purpose}"\n'
            f'when = {json.dumps(where)}\nplacements = ["{placement}"]\nvalue = {50 + 7 * number % 900}\n'
            f"response_rate = {0.005 + number % 20 / 500:.4f}\n{limit}"
        )
