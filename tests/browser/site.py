"""A web shop on an origin of its own whose pages carry the snippet, and the product that it reports to."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Page

from regulars.sdk import snippet
from regulars.shop.init import Created, init
from regulars.testing import Product
from regulars.testing.product import free_port

YES = "regulars.consent({analytics: true, personalisation: true}, {version: '1'});"
ORDER = "{order_id: '%s', total: 12.5, currency: 'EUR', products: [{product_id: 'p1', quantity: 1, price: 12.5}]}"

#: An offer whose texts try to run, as if somebody had got hold of the catalogue.
HOSTILE = """
[offers.hostile]
title = { en = "<img src=x onerror=\\"window.hit=1\\"><script>window.hit=1</script>" }
text = { en = "javascript:window.hit=1" }
link = "javascript:window.hit=1"
image = "https://shop.example/a.png"
purpose = "contract"
placements = ["home.hostile"]
value = 1
"""


class Site:
    """Serves pages by path; what else is asked for is remembered and not there."""

    def __init__(self, port: int) -> None:
        self.pages: dict[str, str] = {}
        self.asked: list[str] = []
        self.address = f"http://localhost:{port}"
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.site = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    site: Site


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:  # the name that the standard library looks for
        path = self.path.partition("?")[0]
        self.server.site.asked.append(self.path)
        page = self.server.site.pages.get(path)
        content = (page or "").encode()
        self.send_response(200 if page is not None else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - as above

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the standard library
        """Say nothing."""


class Shop:
    """A shop as `regulars init` makes it, served, with the pages of its own site."""

    def __init__(self, site: Site, product: Product, created: Created) -> None:
        self.site = site
        self.product = product
        self.key = created.write_key
        self.http = httpx.Client(base_url=product.address, auth=(created.server_key, ""), timeout=60)

    def page(self, body: str = "<p>shop</p>", *, settings: str = "", host: str = "", head: str = "") -> str:
        """A new page with the snippet; its address. `settings` are added to those of `regulars.load`."""
        lines = snippet(host or self.product.address, self.key).replace(
            "regulars.load({", f"regulars.load({{{settings}"
        )
        path = f"/page-{len(self.site.pages)}"
        self.site.pages[path] = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>{head}{lines}</head>'
            f"<body>{body}</body></html>"
        )
        return self.site.address + path

    def timeline(self, browser_id: str) -> list[dict[str, Any]]:
        """What is known to have happened in a browser, oldest first; nothing for an unknown one."""
        answer = self.http.get(f"/v1/profiles/anonymous_id:{browser_id}/timeline?limit=1000")
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        events: list[dict[str, Any]] = answer.json()["events"]
        return events[::-1]

    def named(self, browser_id: str, name: str, *, count: int = 1, seconds: float = 15) -> list[dict[str, Any]]:
        """The events of that name, once there are `count` of them."""
        deadline = time.monotonic() + seconds
        while True:
            found = [one for one in self.timeline(browser_id) if one["name"] == name]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


@contextmanager
def served(folder: Path) -> Iterator[Shop]:
    """A site and its product."""
    site = Site(free_port())
    created = init(folder / "shop", "shop")
    sources = folder / "shop" / "sources.toml"
    text = sources.read_text(encoding="utf-8")
    (folder / "shop" / "offers" / "hostile.toml").write_text(HOSTILE, encoding="utf-8")
    placements = folder / "shop" / "placements.toml"
    with placements.open("a", encoding="utf-8") as more:
        more.write('\n[placements."home.hostile"]\n[placements."home.never"]\n')
    sources.write_text(
        text.replace("# origins = [", f'machines = "count"\norigins = ["{site.address}"]  # ['), encoding="utf-8"
    )
    try:
        with Product(folder / "shop", folder / "data") as product:
            shop = Shop(site, product, created)
            products = [{"id": f"p{n}", "title": f"Product {n}", "price": 10 + n, "stock": 5} for n in range(9)]
            with shop.http:
                shop.http.post("/v1/catalog/items", json=products).raise_for_status()
                yield shop
    finally:
        site.close()


def visit(context: BrowserContext, address: str) -> Page:
    """A new tab on the page, its script loaded."""
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("window.regulars && regulars.version")
    return page


def browser_id(page: Page) -> str:
    found: str = page.evaluate("regulars.ready()")
    assert found
    return found


def stored(page: Page) -> dict[str, Any]:
    """Everything that a page can keep."""
    kept: dict[str, Any] = page.evaluate(
        """async () => ({local: {...localStorage}, session: {...sessionStorage}, cookie: document.cookie,
        databases: (await indexedDB.databases()).length, caches: (await caches.keys()).length})"""
    )
    return kept


NOTHING = {"local": {}, "session": {}, "cookie": "", "databases": 0, "caches": 0}


def agreed(shop: Shop, context: BrowserContext) -> str:
    """A browser that has agreed on an earlier page; its id."""
    page = visit(context, shop.page())
    page.evaluate(YES)
    known = browser_id(page)
    shop.named(known, "Consent Updated")
    page.close()
    return known
