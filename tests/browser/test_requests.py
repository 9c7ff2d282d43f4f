"""Requests that shop systems pass on, in the console of the running product: seen, answered, gone."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from regulars.testing import Product
from tests import webhooks as sent
from tests.acceptance.shop import FILES, SERVER_KEY, make_shop
from tests.chromium import CHROMIUM, admin_password

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the console was not looked at"),
]

SIZES = {"desk": (1440, 900), "tablet": (820, 1180)}
SHOP = {"shop_id": 954889, "shop_domain": "corner.myshopify.example"}
CUSTOMER = {"id": 70001, "email": "ada@shop.example", "phone": None}
SUBJECT = "user_id:70001"
WORDS = {
    "en": ("Everything that is known of", "Erase everybody of this shop", "It is answered", "To confirm, type online"),
    "de": (
        "Alles, was bekannt ist über",
        "Alle dieses Shops löschen",
        "Ist beantwortet",
        "Zur Bestätigung online eingeben",
    ),
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A shop that Shopify reports to."""
    root = tmp_path_factory.mktemp("requests")
    folder = make_shop(root / "shop", sources=FILES["sources.toml"] + sent.SOURCES_TOML)
    with Product(folder, root / "data", environment=sent.ENVIRONMENT) as started:
        yield started


def console(product: Product, browser: Browser, *, size: str = "desk", locale: str = "en") -> Page:
    """The page of erasures, as the administrator sees it."""
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=product.address, locale=locale, viewport={"width": width, "height": height}
    )  # fmt: skip
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto("/console/erasures")
    page.locator("input[name=name]").fill("admin")
    page.locator("input[name=password]").fill(admin_password(product))
    page.locator("button.primary").click()
    page.wait_for_url(re.compile("/console"))
    page.goto("/console/erasures")
    return page


def ask(product: Product, name: str) -> None:
    """A customer wants to read everything, and a shop wants to be erased."""
    known = sent.shopify_customer()
    wish = SHOP | {"customer": CUSTOMER, "orders_requested": [], "data_request": {"id": f"9{name}"}}
    shop = SHOP | {"shop_id": 954889 + len(name)}
    for topic, said in (("customers/create", known), ("customers/data_request", wish), ("shop/redact", shop)):
        assert sent.deliver(product.http, "shopify", topic, said, f"{topic}-{name}").status_code == 200
    product.wait_folded()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", WORDS)
def test_the_card_tells_who_wants_what_until_when_and_fits(
    product: Product, browser: Browser, size: str, language: str
) -> None:
    ask(product, "seen")
    page = console(product, browser, size=size, locale=language)
    card = page.locator("#requests")
    for words in WORDS[language]:
        expect(card).to_contain_text(words)
    expect(card).to_contain_text(SUBJECT)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    for button in card.get_by_role("button", name=WORDS[language][2]).all():
        button.scroll_into_view_if_needed()
        expect(button).to_be_in_viewport(ratio=0.95)  # parts of pixels
    inside = "one => one.scrollWidth - one.clientWidth"
    assert card.locator(".scroll").evaluate(inside) <= 0, "the card must be scrolled sideways to be answered"
    page.context.close()


def test_a_request_leads_to_its_customer_and_is_gone_once_it_was_answered(product: Product, browser: Browser) -> None:
    ask(product, "answered")
    page = console(product, browser)
    page.locator("#requests").get_by_role("button", name=SUBJECT).first.click()
    page.wait_for_url(re.compile("/console/customers/"))
    expect(page.locator("h1")).to_be_visible()

    page.goto("/console/erasures")
    shop = page.locator("#requests tr", has_text="Erase everybody of this shop").first
    shop.get_by_role("textbox").nth(0).fill("left us in May")
    shop.get_by_role("textbox").nth(1).fill("another shop")
    shop.get_by_role("button", name="It is answered").click()
    expect(page.get_by_role("alert")).to_contain_text("online")  # what is to be typed
    waiting = open_requests(product)
    while (row := page.locator("#requests tbody tr").first).count():
        row.get_by_role("textbox").nth(0).fill("sent by post")
        if row.get_by_role("textbox").count() > 1:
            row.get_by_role("textbox").nth(1).fill("online")
        row.get_by_role("button", name="It is answered").click()
        waiting -= 1
        expect(page.locator("#requests tbody tr")).to_have_count(waiting)
    assert open_requests(product) == 0
    told = product.http.get("/v1/privacy/requests", params={"status": "all"}, auth=(SERVER_KEY, "")).json()
    assert {(one["status"], one["closed_by"], one["note"]) for one in told} == {("closed", "admin", "sent by post")}
    page.context.close()


@pytest.mark.parametrize("language", ["en", "de"])
def test_one_button_erases_everybody_of_a_shop_that_left(product: Product, browser: Browser, language: str) -> None:
    """Whom it alone told of; whoever presses it types the source's name, and a wrong one erases nobody."""
    gone = sent.shopify_customer(id=81_000 + len(language), email=f"gone-{language}@shop.example", phone=None)
    domain = f"left-{language}.myshopify.example"
    left = {"shop_id": 1, "shop_domain": domain}
    for topic, said in (("customers/create", gone), ("shop/redact", left)):
        assert sent.deliver(product.http, "shopify", topic, said, f"{topic}-left-{language}").status_code == 200
    product.wait_folded()
    person = f"/v1/profiles/email:gone-{language}@shop.example"
    page = console(product, browser, locale=language)
    row = page.locator("#requests tr", has_text=domain)
    for typed in ("corner", "online"):
        assert product.http.get(person, auth=(SERVER_KEY, "")).status_code == 200
        row.get_by_role("textbox").nth(0).fill("the shop left")
        row.get_by_role("textbox").nth(1).fill(typed)
        row.locator("button.danger").click()
        if typed != "online":
            expect(page.get_by_role("alert")).to_contain_text("online")
            expect(row).to_be_visible()
    deadline = time.monotonic() + 60
    while shop_request(product, domain)["status"] != "closed":
        assert time.monotonic() < deadline, product.printed()[-2000:]
        time.sleep(0.2)
    assert product.http.get(person, auth=(SERVER_KEY, "")).status_code == 404
    closed = shop_request(product, domain)
    assert (closed["closed_by"], closed["note"]) == ("admin", "the shop left")
    page.reload()
    expect(row).to_have_count(0)
    page.context.close()


def shop_request(product: Product, domain: str) -> dict[str, Any]:
    told = product.http.get("/v1/privacy/requests", params={"status": "all"}, auth=(SERVER_KEY, "")).json()
    (found,) = (one for one in told if one["subject"] == domain)
    return dict(found)


def open_requests(product: Product) -> int:
    return len(product.http.get("/v1/privacy/requests", auth=(SERVER_KEY, "")).json())
