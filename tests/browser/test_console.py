"""The console of the running product in a real browser: with and without scripts, on a desk and on a tablet."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from regulars.testing.product import Product
from tests.chromium import CHROMIUM, admin_password

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the console was not looked at"),
]

SHOP = Path(__file__).parents[2] / "examples" / "complete-journey"
KEY = "sk_demo_importer"
SIZES = {"desk": (1440, 900), "tablet": (820, 1180)}
PAGES = (
    "",
    "/segments",
    "/customers",
    "/duplicates",
    "/erasures",
    "/failed",
    "/orders",
    "/health",
    "/tracking",
    "/access",
    "/data-use",
    "/users",
    "/account",
)
TODAY = datetime(2017, 6, 30, 16, tzinfo=UTC)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A served shop with forty customers."""
    environment = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_PROFILE_TABLE_SECONDS": "1"}
    data = tmp_path_factory.mktemp("shop") / "data"
    with Product(SHOP, data, environment=environment, key=KEY) as served:
        fill(served)
        yield served


@pytest.fixture(scope="module")
def password(product: Product) -> str:
    return admin_password(product)


@pytest.fixture
def visit(product: Product, password: str, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a browser in which the administrator is logged in; complaints of the browser fail the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(base_url=product.address, **{"locale": "en", **options})
        context.set_default_timeout(15_000)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/console/health")
        assert page.url.startswith(f"{product.address}/login")
        page.get_by_label(re.compile("^Name")).fill("admin")
        page.get_by_label(re.compile("^Pass")).fill(password)
        page.locator("button.primary").click()
        page.wait_for_url("**/console/health")
        return page

    yield open_page
    for context in opened:
        context.close()
    assert complaints == []


def fill(served: Product) -> None:
    """Half a year of orders, a consent each, and one event that fails."""
    # First, for a record's day never goes back and this shop's clock comes with its records.
    served.http.post("/v1/clock", json={"time": int(TODAY.timestamp() * 1000)}).raise_for_status()
    calls: list[dict[str, Any]] = []
    for user in range(40):
        agreed = {"analytics": user % 4 != 0, "personalisation": user % 3 != 0, "marketing_email": user % 2 == 0}
        calls.append(call(user, "Consent Updated", f"c{user}", 181, {"purposes": agreed}))
        for number, days in enumerate(range(user % 9, 180, 4 + user % 7)):
            calls.append(call(user, "Order Completed", f"o{user}-{number}", days, basket(user, number)))
    calls.append(call(1, "Order Complete", "failed", 3, {"order_id": "x", "note": "kept whole"}))
    for at in range(0, len(calls), 100):
        served.http.post("/v1/import", json={"batch": calls[at : at + 100]}).raise_for_status()
    served.wait_folded()


def basket(user: int, number: int) -> dict[str, Any]:
    line = {"product_id": f"{number % 5}", "quantity": 1, "total": 10.5 + user, "department": "PRODUCE"}
    return {"order_id": f"{user}-{number}", "total": 10.5 + user, "currency": "USD", "products": [line]}


def call(user: int, event: str, message: str, days_ago: int, properties: dict[str, Any]) -> dict[str, Any]:
    stamp = (TODAY - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "type": "track", "messageId": message, "userId": f"household-{user}", "event": event, "timestamp": stamp,
        "properties": properties,
    }  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_window_and_has_one_heading(visit: Callable[..., Page], size: str, scheme: str) -> None:
    width, height = SIZES[size]
    page = visit(viewport={"width": width, "height": height}, color_scheme=scheme)
    for path in PAGES:
        answer = page.goto(f"/console{path}")
        assert answer is not None
        assert answer.status == 200, path
        page.wait_for_load_state("networkidle")
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{path} is {wider} pixels wider than the window"
        assert page.locator("h1").count() == 1, path


def test_an_agent_finds_a_customer_and_notes_a_refusal(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/console/customers")
    page.get_by_label("Identifier of a customer").fill("household-5")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("h1")).to_have_text("user_id:household-5")
    assert "household" not in page.url
    expect(page.locator(".timeline > li").first).to_contain_text("$15.50")  # fetched after the page
    expect(page.locator(".placement")).to_have_count(5)
    page.get_by_text("Note what the customer said").click()
    page.get_by_label("Purpose").select_option("analytics")
    page.get_by_role("textbox", name="Who asked for it, and how").fill("at the counter")
    page.get_by_role("button", name="does not agree").click()
    expect(page.get_by_role("status")).to_contain_text("Noted.")
    expect(page.locator("#consent .facts > div").first).to_contain_text("no")
    page.goto("/console/access")
    expect(page.locator("tbody tr").first).to_contain_text("looked at")


def test_a_marketer_tries_a_condition_without_leaving_the_page(visit: Callable[..., Page]) -> None:
    page = visit()
    deadline = time.monotonic() + 60  # the profile table is written beside folding
    while True:
        page.goto("/console/segments")
        page.get_by_label("Condition").fill("orders_90d >= 1")
        page.get_by_role("button", name="Count").click()
        expect(page.locator("#tried .figure")).to_be_visible()
        if page.locator("#tried .figure").inner_text() == "40" or time.monotonic() > deadline:
            break
        time.sleep(1)
    expect(page.locator("#tried .figure")).to_have_text("40")
    assert "when=" not in page.url
    expect(page.locator("table.heat td").first).to_be_visible()
    page.get_by_label("Condition").fill("ordrs_90d >= 1")
    page.get_by_role("button", name="Count").click()
    expect(page.locator("#tried")).to_contain_text("Did you mean orders_90d?")


def test_everything_works_without_scripts(visit: Callable[..., Page]) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/console/segments")
    page.get_by_label("Condition").fill("ordrs_90d >= 1")
    page.get_by_role("button", name="Count").click()
    expect(page.locator("#tried")).to_contain_text("Did you mean orders_90d?")
    page.get_by_role("link", name="Count the overlap").click()
    expect(page.locator("table.heat")).to_be_visible()
    page.goto("/console/customers")
    page.get_by_label("Identifier of a customer").fill("household-7")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Show the newest events").click()
    before = page.locator(".timeline > li").count()
    page.get_by_role("link", name="Show earlier events").click()
    assert page.locator(".timeline > li").count() > before
    page.get_by_role("button", name="DE").click()
    expect(page.get_by_role("link", name="Überblick")).to_be_visible()


def test_a_failed_event_shows_what_was_sent_and_what_to_do(visit: Callable[..., Page]) -> None:
    page = visit(locale="de")
    page.goto("/console/failed")
    expect(page.locator("main")).to_contain_text("Meinte der Sender „Order Completed“?")
    page.get_by_text("Beispiel von").first.click()
    expect(page.locator("pre").first).to_contain_text("kept whole")


def test_pages_come_within_their_budget(visit: Callable[..., Page], product: Product) -> None:
    """200 ms is the budget on a machine that does nothing else; the test leaves room for one that does."""
    page = visit()
    for path in PAGES:
        seconds = []
        for _ in range(3):
            began = time.monotonic()
            assert page.request.get(f"{product.address}/console{path}").ok
            seconds.append(time.monotonic() - began)
        assert min(seconds) < 0.6, f"/console{path} took {min(seconds) * 1000:.0f} ms"
