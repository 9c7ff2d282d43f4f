"""A small shop for tests that start the product."""

import hashlib
from pathlib import Path
from typing import Any

import httpx

from regulars.testing import Product

WRITE_KEY = "wk_acceptance"
SERVER_KEY = "sk_acceptance"
LIMITED_KEY = "sk_collect_only"
SERVICE_KEY = "sk_service_without_privacy"  # every scope but privacy

FILES = {
    "shop.toml": """
        [shop]
        name = "Corner shop"
        currency = "EUR"
        time_zone = "Europe/Berlin"
        """,
    "sources.toml": f"""
        [sources.web]
        kind = "browser"
        write_key = "{WRITE_KEY}"
        origins = ["https://shop.example"]

        [sources.till]
        kind = "server"
        key_sha256 = "{hashlib.sha256(SERVER_KEY.encode()).hexdigest()}"
        scopes = ["collect", "decide", "profiles", "catalog", "privacy", "admin"]

        [sources.service]
        kind = "server"
        key_sha256 = "{hashlib.sha256(SERVICE_KEY.encode()).hexdigest()}"
        scopes = ["collect", "decide", "profiles", "catalog", "admin"]

        [sources.feed]
        kind = "server"
        key_sha256 = "{hashlib.sha256(LIMITED_KEY.encode()).hexdigest()}"
        scopes = ["collect"]
        """,
    "consent.toml": """
        [purposes.analytics]
        title = { en = "Understanding our shop" }
        text = { de = "Wozu", en = "What for" }
        """,
    "events.toml": """
        [events."Product Viewed"]
        purpose = "contract"
        properties = { product_id = "id", name = "text", note = "text" }
        required = ["product_id"]

        [events."Product Liked"]
        properties = { product_id = "id" }

        [events."Order Completed"]
        purpose = "contract"
        properties = { order_id = "id", total = "number", currency = "text", products = "list" }
        required = ["order_id", "total"]
        """,
    "traits.toml": """
        [traits.views]
        kind = "count"
        events = ["Product Viewed"]

        [traits.orders]
        kind = "count"
        events = ["Order Completed"]

        [traits.revenue]
        kind = "sum"
        events = ["Order Completed"]
        of = "total"
        """,
    "segments.toml": """
        [segments.regulars]
        title = { en = "Regulars", de = "Stammkunden" }
        when = "orders >= 2"
        """,
}


#: Purposes of a shop that shows each what suits them.
PERSONAL = """
    [purposes.analytics]
    title = { en = "Understanding our shop" }
    text = { de = "Wozu", en = "What for" }

    [purposes.personalisation]
    title = { en = "Offers made for you" }
    text = { de = "Wozu", en = "What for" }
    """


def make_shop(folder: Path, **changed: str) -> Path:
    """Write the shop; `changed` replaces files by their name without ".toml"."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        content = changed.get(name.removesuffix(".toml"), text)
        (folder / name).write_text("\n".join(line.strip() for line in content.splitlines()), encoding="utf-8")
    return folder


def viewed(message_id: str, user: str = "ana") -> dict[str, object]:
    """A track call."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": message_id,
        "userId": user,
        "properties": {"product_id": "p1"},
    }


def views(http: httpx.Client, user: str = "ana") -> int:
    """How often this customer looked at products, as the profile says; 0 for somebody unknown."""
    answer = http.get(f"/v1/profiles/user_id:{user}", auth=(SERVER_KEY, ""))
    if answer.status_code == 404:
        return 0
    answer.raise_for_status()
    count: int = answer.json()["traits"]["views"] or 0
    return count


def profile(shop: Product, identifier: str) -> dict[str, Any]:
    """A customer, when all that was sent is folded."""
    shop.wait_folded()
    answer = shop.http.get(f"/v1/profiles/{identifier}")
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
