"""The browser clients of six vendors in Chromium, on pages of another origin than the product's."""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from regulars.testing import Product
from tests.chromium import CHROMIUM, chromium
from tests.clients.packages import HERE, MISSING, bundled, usable
from tests.clients.proxy import LOST_ANSWER, RESET, Proxy
from tests.clients.shop import APP_ID, JITSU_WEB_KEY, PAGES, WRITE_KEY, traits

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not usable(), reason=MISSING),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the vendors' browser clients were not run"),
]
#: One of these clients sends nothing from a browser that calls itself headless.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
VENDORS = ("segment", "rudderstack", "snowplow", "posthog", "jitsu", "unomi")
#: These keep nothing back: each call is a request at once, of which a page that closes is not rid.
PATIENT = ("jitsu", "unomi")
#: Without an answer to this, Unomi's client collects nothing on the page, and says so to nobody.
CONTEXT = "/context.json"
FLUSHING = ("segment", "rudderstack", "snowplow", "posthog", *PATIENT)
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
    with chromium() as launched:
        yield launched


@pytest.fixture
def visit(site: str, browser: Browser) -> Iterator[Open]:
    """Opens the page of a vendor's client, which reports to a host."""
    contexts = []

    def open_page(vendor: str, host: str, part: str = "") -> Page:
        context = browser.new_context(user_agent=AGENT)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{site}/{vendor}.html{part}")
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
    expected = {"added": 1, "orders": 1, "revenue": 1250, "pages": 1, "views": 1}
    found = await_traits(page, product, key, {**expected, "bought": f"o-{key.partition(':')[2]}"})
    assert {name: found.get(name) for name in expected} == expected
    assert found["bought"] == f"o-{key.partition(':')[2]}"
    assert found["seen_product"] == "p1"
    # What a browser says of who somebody is stays a claim.
    assert traits(product.http, "user_id:ana") == {}
    # No cookie comes from Regulars.
    assert not [one for one in page.context.cookies() if one["domain"].startswith("127.")]


@pytest.mark.parametrize("vendor", FLUSHING)
def test_the_last_event_of_a_closing_page_arrives(product: Product, visit: Open, vendor: str) -> None:
    page = visit(vendor, product.address)
    key = device(page)
    assert await_traits(page, product, key, {"orders": 1}).get("orders") == 1
    page.evaluate("() => { see(); }")
    page.close(run_before_unload=True)
    assert traits(product.http, key, until="views", seconds=60).get("views") == 1


@pytest.mark.parametrize("vendor", ["segment", "rudderstack", "posthog"])
def test_an_alias_arrives(product: Product, visit: Open, vendor: str) -> None:
    """Snowplow, Jitsu and Unomi know none in a browser."""
    page = visit(vendor, product.address)
    key = device(page)
    page.evaluate("() => { alias(); }")
    assert await_traits(page, product, key, {"aliases": 1})["aliases"] == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_page_loses_and_doubles_nothing_on_a_bad_line(product: Product, visit: Open, vendor: str) -> None:
    """Jitsu's and Unomi's clients send once and tell their page; it sends again, under the same id."""
    # A reset is a lost connection to PostHog's client, which then waits for the browser to be online again.
    faults: list[int | str] = [503, RESET, LOST_ANSWER] if vendor != "posthog" else [503, LOST_ANSWER]
    with Proxy(product.address, faults) as proxy:
        proxy.spared = CONTEXT
        page = visit(vendor, proxy.address, "#patient" if vendor in PATIENT else "")
        told_once(page, product, proxy, faults)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_page_that_is_too_fast_comes_again_when_it_was_told(product: Product, visit: Open, vendor: str) -> None:
    faults: list[int | str] = [429, 429]
    with Proxy(product.address, faults) as proxy:
        proxy.retry_after, proxy.spared = "1", CONTEXT
        page = visit(vendor, proxy.address, "#patient" if vendor in PATIENT else "")
        told_once(page, product, proxy, faults)


def told_once(page: Page, product: Product, proxy: Proxy, faults: list[int | str]) -> None:
    """Let the page report while requests fail: in the end all of it counts, once."""
    key = device(page)
    for _ in range(5):
        page.evaluate("() => { see(); }")
    expected = {"views": 5, "added": 1, "orders": 1, "revenue": 1250}
    found = await_traits(page, product, key, expected, met=lambda: proxy.failed == faults)
    assert proxy.failed == faults
    # Until the client knows that its last batch arrived, it may send it again.
    page.wait_for_timeout(500)
    product.wait_folded(seconds=30)
    found = traits(product.http, key)
    assert {name: found.get(name) for name in expected} == expected


def await_traits(
    page: Page,
    product: Product,
    key: str,
    expected: dict[str, Any],
    *,
    met: Callable[[], bool] = lambda: True,
    seconds: float = 60,
) -> dict[str, Any]:
    """The traits once they are as expected, or when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = traits(product.http, key)
        if time.monotonic() > deadline or (met() and all(found.get(n) == value for n, value in expected.items())):
            return found
        page.evaluate("() => window.again && window.again()")
        page.wait_for_timeout(100)
