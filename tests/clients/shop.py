"""The shop of the client tests: every call of every client needs no consent, and leaves a trace in a trait."""

import hashlib
import time
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.shop import FILES, SERVER_KEY, make_shop

#: The browser source: its key, and what trackers without a key call it.
WRITE_KEY, APP_ID = "phc_clients", "corner-shop"
#: Jitsu's client takes keys of this form only; the whole of it is the key.
JITSU_KEY, JITSU_WEB_KEY = "jitsu-node:secret", "jitsu-web:public"
#: A page of the shop may use the key; the test serves it from this origin, another host name than the product's.
PAGES = "localhost"

_EVENTS = (
    "Product Viewed", "Product Added", "Product Clicked", "Product List Viewed", "Checkout Step Viewed",
    "Promotion Viewed", "Products Searched", "Page Viewed", "Screen Viewed", "Group", "Alias", "Order Refunded",
    "Element Clicked", "Page Left", "Form Submitted",
)  # fmt: skip
_COUNTS = {
    "views": "Product Viewed", "added": "Product Added", "lists": "Product List Viewed", "pages": "Page Viewed",
    "screens": "Screen Viewed", "groups": "Group", "aliases": "Alias", "steps": "Checkout Step Viewed",
    "promotions": "Promotion Viewed", "searches": "Products Searched", "clicks": "Element Clicked",
    "leaves": "Page Left", "forms": "Form Submitted", "orders": "Order Completed",
}  # fmt: skip
_LAST = {
    "seen_product": ("Product Viewed", "product_id"), "seen_path": ("Page Viewed", "path"),
    "query": ("Products Searched", "query"), "bought": ("Order Completed", "order_id"),
}  # fmt: skip


def client_shop(folder: Path, *, origin: str) -> Path:
    """Write the shop, whose pages lie at `origin`."""
    events = "\n".join(f'[events."{name}"]\npurpose = "contract"' for name in _EVENTS)
    events += '\n[events."Order Completed"]\npurpose = "contract"\nproperties = { order_id = "id", total = "number" }\n'
    traits = "\n".join(f'[traits.{name}]\nkind = "count"\nevents = ["{event}"]' for name, event in _COUNTS.items())
    traits += "\n" + "\n".join(
        f'[traits.{name}]\nkind = "last"\nevents = ["{event}"]\nof = "{of}"\ntype = "text"'
        for name, (event, of) in _LAST.items()
    )
    traits += '\n[traits.revenue]\nkind = "sum"\nevents = ["Order Completed"]\nof = "total"\n'
    sources = FILES["sources.toml"].replace('write_key = "wk_acceptance"', f'write_key = "{WRITE_KEY}"')
    sources = sources.replace('origins = ["https://shop.example"]', f'origins = ["{origin}"]\napp_ids = ["{APP_ID}"]')
    digest = hashlib.sha256(JITSU_KEY.encode()).hexdigest()
    sources += f'\n[sources.jitsu]\nkind = "server"\nkey_sha256 = "{digest}"\n'
    sources += f'\n[sources.jitsu-web]\nkind = "browser"\nwrite_key = "{JITSU_WEB_KEY}"\norigins = ["{origin}"]\n'
    return make_shop(folder, events=events, traits=traits, sources=sources, segments="")


def profile(http: httpx.Client, key: str) -> dict[str, Any]:
    """What is known of an identifier; empty for somebody unknown."""
    answer = http.get(f"/v1/profiles/{key}", auth=(SERVER_KEY, ""))
    if answer.status_code == 404:
        return {}
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def traits(http: httpx.Client, key: str, *, until: str = "", seconds: float = 20) -> dict[str, Any]:
    """The traits that are not empty, once the trait `until` is there."""
    deadline = time.monotonic() + seconds
    while True:
        held = {name: value for name, value in profile(http, key).get("traits", {}).items() if value not in (None, 0)}
        if not until or until in held or time.monotonic() > deadline:
            return held
        time.sleep(0.05)
