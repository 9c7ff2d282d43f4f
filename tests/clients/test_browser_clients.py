"""The browser clients of six vendors in Chromium, on pages of another origin than the product's."""

import functools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from regulars.testing import Product
from tests.clients.packages import HERE, MISSING, bundled, usable
from tests.clients.proxy import LOST_ANSWER, RESET, Proxy
from tests.clients.shop import APP_ID, JITSU_WEB_KEY, PAGES, WRITE_KEY, traits

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not usable(), reason=MISSING),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the vendors' browser clients were not run"),
]
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
#: One of these clients sends nothing from a browser that calls itself headless.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
VENDORS = ("segment", "rudderstack", "snowplow", "posthog", "jitsu", "unomi")
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def site(packages: Path, site_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page for each client."""
    root = tmp_path_factory.mktemp("site")
    for vendor in VENDORS:
        bundled(packages, HERE / "pages" / f"{vendor}.js", root)
        page = (
            f'<!doctype html><link rel="icon" href="data:,"><title>{vendor}</title><script src="{vendor}.js"></script>'
        )
        (root / f"{vendor}.html").write_text(page, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", site_port), functools.partial(_Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://{PAGES}:{site_port}"
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield launched
        launched.close()


@pytest.fixture
def visit(site: str, browser: Browser) -> Iterator[Open]:
    """Opens the page of a vendor's client, which reports to a host."""
    contexts = []

    def open_page(vendor: str, host: str) -> Page:
        context = browser.new_context(user_agent=AGENT)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{site}/{vendor}.html")
        settings = {"host": host, "key": WRITE_KEY, "app": APP_ID, "jitsu": JITSU_WEB_KEY}
        page.evaluate("settings => start(settings)", settings)
        return page

    yield open_page
    for context in contexts:
        context.close()


def device(page: Page) -> str:
    """The identifier under which a client knows its browser."""
    return f"anonymous_id:{page.evaluate('device')}"


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_a_page_reports_arrives(product: Product, visit: Open, vendor: str) -> None:
    page = visit(vendor, product.address)
    key = device(page)
    page.evaluate("() => { see(); }")
    deadline = time.monotonic() + 20
    expected = {"added", "orders", "revenue", "pages", "views"}
    while not expected <= (found := traits(product.http, key)).keys() and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert {name: found.get(name) for name in expected} == {
        "added": 1, "orders": 1, "revenue": 1250, "pages": 1, "views": 1,
    }  # fmt: skip
    assert found["bought"] == f"o-{key.partition(':')[2]}"
    assert found["seen_product"] == "p1"
    # What a browser says of who somebody is stays a claim.
    assert traits(product.http, "user_id:ana") == {}
    # No cookie comes from Regulars.
    assert not [one for one in page.context.cookies() if one["domain"].startswith("127.")]


@pytest.mark.parametrize("vendor", ["segment", "rudderstack", "snowplow", "posthog"])
def test_the_last_event_of_a_closing_page_arrives(product: Product, visit: Open, vendor: str) -> None:
    page = visit(vendor, product.address)
    key = device(page)
    traits(product.http, key, until="orders")
    page.evaluate("() => { see(); }")
    page.close(run_before_unload=True)
    assert traits(product.http, key, until="views")["views"] == 1


@pytest.mark.parametrize("vendor", ["segment", "rudderstack", "snowplow", "posthog"])
def test_a_page_loses_and_doubles_nothing_on_a_bad_line(product: Product, visit: Open, vendor: str) -> None:
    faults: list[int | str] = [503, RESET, LOST_ANSWER] if vendor != "posthog" else [503, LOST_ANSWER]
    with Proxy(product.address, faults) as proxy:
        page = visit(vendor, proxy.address)
        key = device(page)
        for _ in range(5):
            page.evaluate("() => { see(); }")
        deadline = time.monotonic() + 45
        found: dict[str, Any] = {}
        while time.monotonic() < deadline and not (
            found.get("views") == 5 and found.get("orders") == 1 and proxy.failed == faults
        ):
            page.evaluate("() => window.again && window.again()")
            page.wait_for_timeout(200)
            found = traits(product.http, key)
        # Until the client knows that its last batch arrived, it may send it again.
        product.wait_folded(seconds=30)
        found = traits(product.http, key)
        assert proxy.failed == faults
        assert (found.get("views"), found.get("orders"), found.get("revenue")) == (5, 1, 1250)
