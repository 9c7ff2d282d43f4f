"""The browser SDK on bad networks, in closing pages and in several tabs: everything arrives, and counts once."""

import json
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Route

from tests.browser.site import NOTHING, ORDER, YES, Shop, browser_id, stored, visit
from tests.chromium import CHROMIUM
from tests.clients.proxy import LOST_ANSWER, RESET, Proxy

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the browser SDK was not run"),
]


@pytest.mark.slow
def test_an_order_arrives_although_the_tab_closes_a_millisecond_later(
    shop: Shop, visitor: Callable[[], BrowserContext]
) -> None:
    context = visitor()
    opener = visit(context, shop.page())
    opener.evaluate(YES)
    known = browser_id(opener)
    leaf = shop.page()
    for number in range(20):
        with context.expect_page() as opened:
            opener.evaluate(f"window.open({json.dumps(leaf)})")
        page = opened.value
        page.wait_for_function("window.regulars && regulars.version && regulars.anonymousId()")
        order = ORDER % f"closing-{number}"
        with page.expect_event("close"):
            page.evaluate(f"setTimeout(() => {{ regulars.orderCompleted({order}); setTimeout(() => close(), 1) }}, 20)")
    opener.close()  # it must not deliver what they left behind
    found = shop.named(known, "Order Completed", count=20)
    assert sorted(one["properties"]["order_id"] for one in found) == sorted(f"closing-{n}" for n in range(20))


def test_what_is_tracked_while_the_page_ends_arrives(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    page = visit(context, shop.page())
    page.evaluate(YES)
    known = browser_id(page)
    page.evaluate("addEventListener('pagehide', () => regulars.viewed({product_id: 'last'}))")
    page.wait_for_timeout(300)
    page.goto("about:blank")
    assert [one["properties"]["product_id"] for one in shop.named(known, "Product Viewed")] == ["last"]


@pytest.mark.slow
@pytest.mark.parametrize("faults", [[503, 429, 503], [RESET, LOST_ANSWER, LOST_ANSWER, 503]], ids=["refused", "lost"])
def test_retries_count_once(shop: Shop, visitor: Callable[[], BrowserContext], faults: list[int | str]) -> None:
    with Proxy(shop.product.address, faults) as proxy:
        page = visit(visitor(), shop.page(host=proxy.address))
        page.evaluate(YES)
        known = browser_id(page)
        for number in range(5):
            page.evaluate(f"regulars.added({{product_id: 'p{number}'}})")
        page.evaluate(f"regulars.orderCompleted({ORDER % known})")
        page.wait_for_function(
            "!Object.keys(localStorage).some(name => name.startsWith('regulars.q.'))", timeout=30_000
        )
        assert proxy.failed == faults
    shop.product.wait_folded()
    names = [one["name"] for one in shop.timeline(known)]
    assert sorted(names) == ["Consent Updated", "Order Completed", "Page Viewed", *["Product Added"] * 5]
    assert shop.http.get(f"/v1/profiles/anonymous_id:{known}").json()["traits"]["orders_total"] == 1


def test_a_server_that_asks_for_a_pause_gets_it(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    page = context.new_page()
    posts: list[float] = []

    def busy(route: Route) -> None:
        posts.append(time.monotonic())
        if len(posts) > 1:
            route.continue_()
            return
        told = {"retry-after": "3", "access-control-allow-origin": "*", "access-control-expose-headers": "retry-after"}
        route.fulfill(status=503, headers=told)

    page.route("**/v1/batch", busy)
    page.goto(shop.page())
    page.evaluate(YES)
    page.wait_for_function("!Object.keys(localStorage).some(name => name.startsWith('regulars.q.'))")
    assert 2.9 < posts[1] - posts[0] < 6


@pytest.mark.slow
def test_what_happened_offline_arrives_online_from_the_next_page(
    shop: Shop, visitor: Callable[[], BrowserContext]
) -> None:
    context = visitor()
    address = shop.page()
    page = visit(context, address)
    page.evaluate(YES)
    known = browser_id(page)
    shop.named(known, "Page Viewed")
    context.set_offline(True)
    page.evaluate(f"regulars.viewed({{product_id: 'p3'}}); regulars.orderCompleted({ORDER % 'offline-1'})")
    began = time.time()
    page.wait_for_timeout(500)
    assert page.evaluate("regulars.decide('home.hero').then(answer => answer.fallback)") == "offline"
    assert shop.named(known, "Order Completed", seconds=0.5) == []
    page.close()
    context.set_offline(False)
    page = visit(context, address)
    (order,) = shop.named(known, "Order Completed")
    assert abs(order["time"] / 1000 - began) < 1
    assert len(shop.named(known, "Product Viewed")) == 1
    page.wait_for_function("!Object.keys(localStorage).some(name => name.startsWith('regulars.q.'))")


def test_a_page_that_is_online_again_sends_at_once(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    page = visit(context, shop.page())
    page.evaluate(YES)
    known = browser_id(page)
    shop.named(known, "Page Viewed")
    context.set_offline(True)
    for number in range(4):  # each fails, and the pause grows
        page.evaluate(f"regulars.viewed({{product_id: 'p{number}'}}); regulars.flush()")
        page.wait_for_timeout(200)
    context.set_offline(False)
    assert len(shop.named(known, "Product Viewed", count=4, seconds=3)) == 4


def test_the_waiting_queue_is_bounded_and_keeps_orders(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    page = visit(visitor(), shop.page(settings="most: 20, "))
    page.evaluate(f"regulars.orderCompleted({ORDER % 'bounded-1'})")
    page.evaluate("for (let n = 0; n < 200; n++) regulars.viewed({product_id: 'p' + n})")
    page.evaluate(YES)
    known = browser_id(page)
    assert len(shop.named(known, "Order Completed")) == 1
    page.wait_for_function("!Object.keys(localStorage).some(name => name.startsWith('regulars.q.'))")
    shop.product.wait_folded()
    seen = [one["properties"]["product_id"] for one in shop.timeline(known) if one["name"] == "Product Viewed"]
    assert sorted(seen) == [f"p{n}" for n in range(182, 200)]


def test_two_tabs_are_one_browser(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    one, two = visit(context, shop.page()), visit(context, shop.page())
    one.evaluate(YES)
    known = browser_id(one)
    assert browser_id(two) == known  # told by the first
    one.evaluate("regulars.viewed({product_id: 'p1'})")
    two.evaluate("regulars.viewed({product_id: 'p2'})")
    assert len(shop.named(known, "Product Viewed", count=2)) == 2
    assert len(shop.named(known, "Page Viewed", count=2)) == 2
    two.evaluate("regulars.consent({analytics: false, personalisation: false})")
    one.wait_for_function("regulars.anonymousId() === ''")
    one.evaluate("regulars.viewed({product_id: 'p3'})")
    one.wait_for_timeout(300)
    assert stored(one) == NOTHING
    assert len(shop.named(known, "Consent Updated", count=2)) == 2
