"""The browser SDK in a real Chromium: what is stored and sent before, with and without consent."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright

from tests.browser.site import NOTHING, ORDER, YES, Shop, browser_id, stored, visit
from tests.chromium import CHROMIUM, FLAGS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the browser SDK was not run"),
]


def test_events_wait_for_consent_with_their_own_times(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    sent: list[str] = []
    context.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    page = visit(context, shop.page())
    page.evaluate("regulars.viewed({product_id: 'p1', name: 'Helmet', url: 'x'})")
    began = time.time()
    page.wait_for_timeout(1500)
    assert stored(page) == NOTHING
    assert [one for one in sent if one.startswith("POST")] == []
    page.evaluate(YES)
    known = browser_id(page)
    (viewed,) = shop.named(known, "Product Viewed")
    (said,) = shop.named(known, "Consent Updated")
    assert abs(viewed["time"] / 1000 - began) < 1
    assert said["time"] - viewed["time"] >= 1400
    assert viewed["context"]["consent"]["categoryPreferences"] == {"analytics": True, "personalisation": True}
    assert [one["name"] for one in shop.timeline(known)].count("Page Viewed") == 1
    answer = shop.http.get(f"/v1/profiles/anonymous_id:{known}").json()
    assert set(answer["consent"]) == {"analytics", "personalisation"}


def test_a_refusal_leaves_nothing_behind_and_sends_nothing(shop: Shop, driver: Playwright, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    body = '<div data-regulars-placement="home.hero"><b>fallback</b><template><i>x</i></template></div>'
    address = shop.page(body)
    flags = [*FLAGS, f"--log-net-log={log}", "--net-log-capture-mode=Everything"]
    own = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
    context = own.new_context(locale="en")
    page = visit(context, address)
    page.evaluate("regulars.identify('ana', {email: 'ana@example.org'}); regulars.viewed({product_id: 'p1'})")
    page.evaluate("setTimeout(() => { throw new TypeError('on purpose') }, 0)")
    page.wait_for_timeout(300)
    page.evaluate("regulars.consent({analytics: false, personalisation: false})")
    page.evaluate(f"regulars.orderCompleted({ORDER % 'refused-1'})")
    assert page.evaluate("regulars.decide('home.hero').then(a => a.fallback)") == "consent"
    assert page.evaluate("regulars.anonymousId()") == ""
    assert page.locator("[data-regulars-placement] b").is_visible()
    page.wait_for_timeout(1500)
    assert stored(page) == NOTHING
    page.goto(address)  # the page before ends, and one of its kind begins
    page.wait_for_function("window.regulars && regulars.version")
    assert stored(page) == NOTHING
    assert context.cookies() == []
    own.close()
    asked = requests_in(log)
    pages = {f"GET {address}", f"GET {shop.site.address}/favicon.ico"}
    # The script itself, and nothing else; the record is complete, for it has the script.
    assert asked - pages == {f"GET {shop.product.address}/sdk/regulars.js"}


def requests_in(log: Path) -> set[str]:
    """What the browser's own record of its network says it asked for."""
    events = json.loads(log.read_text(encoding="utf-8", errors="replace"))["events"]
    asked = [one["params"] for one in events if "url" in one.get("params", {}) and "method" in one["params"]]
    # What Chromium asks its maker for by itself is not of the page.
    own = re.compile(r"chrome|https?://([a-z.]+\.)?(google|googleapis|gstatic)\.com/")
    return {f"{one['method']} {one['url']}" for one in asked if not own.match(one["url"])}


def test_a_withdrawal_is_told_and_takes_everything_away(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    address = shop.page()
    page = visit(context, address)
    page.evaluate(YES)
    known = browser_id(page)
    page.goto(address)  # the next page knows
    page.wait_for_function("window.regulars && regulars.version")
    assert browser_id(page) == known
    page.evaluate(
        "regulars.viewed({product_id: 'too-late'}); regulars.consent({analytics: false, personalisation: false})"
    )
    page.wait_for_timeout(300)
    assert stored(page) == NOTHING
    said = shop.named(known, "Consent Updated", count=2)
    assert [one["properties"]["purposes"]["analytics"] for one in said] == [True, False]
    assert shop.http.get(f"/v1/profiles/anonymous_id:{known}").json()["consent"] == {}
    assert shop.named(known, "Product Viewed", seconds=1) == []


@pytest.mark.parametrize("storage", ["cookie", "memory"])
def test_the_id_is_kept_where_the_shop_says(shop: Shop, visitor: Callable[[], BrowserContext], storage: str) -> None:
    context = visitor()
    address = shop.page(settings=f'storage: "{storage}", ')
    page = visit(context, address)
    assert stored(page) == NOTHING
    page.evaluate(YES)
    known = browser_id(page)
    page.wait_for_timeout(500)
    kept = stored(page)
    assert (known in kept["cookie"]) is (storage == "cookie")
    assert "regulars" not in kept["local"]
    page.evaluate("regulars.consent({analytics: false})")
    assert stored(page) == NOTHING


@pytest.mark.parametrize("storage", ["local", "cookie"])
def test_what_another_tab_withdrew_is_not_kept_again(
    shop: Shop, visitor: Callable[[], BrowserContext], storage: str
) -> None:
    context = visitor()
    address = shop.page(settings=f'storage: "{storage}", ')
    one = visit(context, address)
    one.evaluate(YES)
    known = browser_id(one)
    shop.named(known, "Page Viewed")
    two = visit(context, address)
    assert browser_id(two) == known
    two.evaluate("regulars.consent({analytics: false, personalisation: false})")
    one.evaluate("regulars.viewed({product_id: 'after'}); regulars.flush()")
    one.wait_for_timeout(1500)
    assert stored(one) == NOTHING
    assert one.evaluate("regulars.anonymousId()") == ""
    assert shop.named(known, "Product Viewed", seconds=0.5) == []
    assert context.cookies() == []


def test_global_privacy_control_is_a_refusal_unless_the_shop_says_otherwise(
    shop: Shop, visitor: Callable[[], BrowserContext]
) -> None:
    context = visitor()
    context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    page = visit(context, shop.page())
    page.evaluate(YES)
    assert page.evaluate("regulars.ready()") == ""
    assert stored(page) == NOTHING
    other = visit(context, shop.page(settings="gpc: false, "))
    other.evaluate(YES)
    assert browser_id(other)


TC_YES = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
TCF = """window.__tcfapi = (command, version, tell) => { window.told = allowed => tell({
eventStatus: 'useractioncomplete', gdprApplies: true, tcString: '%s', purpose: {consents: {1: allowed}}}, true) };"""


def test_consent_managers_are_heard(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    sent: list[str] = []
    context.on("request", lambda request: sent.append(request.post_data or ""))
    google = "window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments) }"
    head = f"<script>{TCF % TC_YES}{google} gtag('consent', 'default', {{ad_storage: 'granted'}})</script>"
    page = visit(context, shop.page(head=head))
    page.wait_for_timeout(200)
    assert stored(page) == NOTHING  # a default is no answer
    page.evaluate("gtag('consent', 'update', {analytics_storage: 'granted', ad_storage: 'denied'})")
    assert browser_id(page)
    deadline = time.monotonic() + 15
    while not (bodies := [body for body in sent if "google_consent" in body]) and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    # Looked at on its way: the shop maps no word of Google's, so the event is admitted for nothing and told nowhere.
    told = [event["context"]["google_consent"] for body in bodies for event in json.loads(body)["batch"]]
    assert told
    assert all(one == {"analytics_storage": "granted", "ad_storage": "denied"} for one in told)
    page.evaluate("told(false)")
    page.wait_for_timeout(200)
    assert stored(page) == NOTHING


def test_a_wish_is_declared_and_taken_back(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    page = visit(visitor(), shop.page())
    page.evaluate("regulars.prefer({topics: ['Bikes'], not_again: ['helmet']})")
    assert stored(page) == NOTHING
    page.evaluate(YES)
    known = browser_id(page)
    shop.named(known, "Preference Declared")
    wishes = f"/v1/profiles/anonymous_id:{known}"
    assert shop.http.get(wishes).json()["preferences"] == {"topics": ["Bikes"], "not_again": ["helmet"]}
    page.evaluate("regulars.prefer({topics: null})")
    shop.named(known, "Preference Declared", count=2)
    assert shop.http.get(wishes).json()["preferences"] == {"not_again": ["helmet"]}
