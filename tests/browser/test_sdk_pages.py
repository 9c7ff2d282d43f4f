"""What the browser SDK shows on a page, and what it reports of it: decisions, exposures, friction."""

import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Route

from tests.browser.site import Shop, agreed, visit
from tests.chromium import CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the browser SDK was not run"),
]


HERO = """<h1>Shop</h1>
<div id="hero" data-regulars-placement="%s" style="min-height: 120px; padding: 9px; border: 1px solid">
  <p>Welcome to the shop</p>
  <template><a data-regulars-attr="href:offer.link; title:offer.title; onclick:offer.text" href="#offer">
    <b data-regulars-text="offer.title"></b><img data-regulars-attr="src:offer.image; alt:offer.title"></a></template>
</div><p id="below">Below</p>"""
SHIFTS = """window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach(one => { shift += one.value }))
.observe({type: 'layout-shift', buffered: true});
window.seen = new Set(); const look = () => { const hero = document.querySelector('#hero');
if (hero) hero.querySelectorAll(':scope > *').forEach(one => { if (getComputedStyle(one).visibility === 'visible'
&& one.offsetHeight) seen.add(one.innerText.trim()) }); requestAnimationFrame(look) }; look();"""


def test_a_placement_shows_its_offer_without_a_flicker_and_is_seen_and_clicked(
    shop: Shop, visitor: Callable[[], BrowserContext]
) -> None:
    context = visitor()
    known = agreed(shop, context)
    context.add_init_script(SHIFTS)
    page = visit(context, shop.page(HERO % "home.hero"))
    page.wait_for_selector("[data-regulars-shown=decision]")
    assert page.locator("#hero b").inner_text() == "Free shipping from 50 €"
    assert page.locator("#hero p").count() == 0
    (shown,) = shop.named(known, "Decision Shown")
    assert shown["properties"]["offer_id"] == "free_shipping"
    assert page.evaluate("[shift, [...seen]]") == [0, ["Free shipping from 50 €"]]
    page.locator("#hero a").click()
    (clicked,) = shop.named(known, "Promotion Clicked")
    assert clicked["properties"]["decision_id"] == shown["properties"]["decision_id"]
    assert clicked["properties"]["promotion_id"] == "free_shipping"


@pytest.mark.parametrize("fault", ["slow", "away", "broken"])
def test_a_server_that_does_not_answer_costs_the_fallback_in_time(
    shop: Shop, visitor: Callable[[], BrowserContext], fault: str
) -> None:
    context = visitor()
    known = agreed(shop, context)
    context.add_init_script(SHIFTS)

    def fail(route: Route) -> None:
        if fault == "away":
            route.abort()
        elif fault == "broken":
            route.fulfill(status=200, body="<html>")

    context.route("**/v1/decide", fail)
    began = time.monotonic()
    page = visit(context, shop.page(HERO % "home.hero", settings="timeout: 700, "))
    page.wait_for_selector("[data-regulars-shown=fallback]")
    assert time.monotonic() - began < 5  # of which 0.7 s are the time-out
    assert page.locator("#hero p").is_visible()
    assert page.evaluate("[shift, [...seen]]") == [0, ["Welcome to the shop"]]
    waited = page.evaluate(
        """async () => { const began = performance.now();
        const fallback = {'home.hero': {offer: {id: 'mine'}}};
        const answer = await regulars.decide(['home.hero'], {timeout: 400, fallback});
        return [answer.fallback, answer.placements['home.hero'].offer.id, performance.now() - began] }"""
    )
    assert waited[:2] == ["timeout" if fault == "slow" else "error", "mine"]
    assert waited[2] < 700
    assert shop.named(known, "Decision Shown", seconds=1.5) == []
    context.unroute_all(behavior="ignoreErrors")


def test_a_script_that_never_comes_leaves_the_fallback(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    context.add_init_script(SHIFTS)
    page = context.new_page()
    page.route("**/sdk/regulars.js", lambda _: None)
    page.goto(shop.page(HERO % "home.hero"), wait_until="domcontentloaded")
    answer = page.evaluate("regulars.decide('home.hero', {timeout: 300, fallback: {'home.hero': {items: []}}})")
    assert (answer["fallback"], answer["placements"]) == ("timeout", {"home.hero": {"items": []}})
    page.wait_for_timeout(1400)
    assert page.locator("#hero p").is_visible()
    assert page.evaluate("shift") == 0
    page.unroute_all(behavior="ignoreErrors")


def test_a_script_that_comes_after_the_fallback_was_shown_leaves_it(
    shop: Shop, visitor: Callable[[], BrowserContext]
) -> None:
    context = visitor()
    agreed(shop, context)
    context.add_init_script(SHIFTS)
    held: list[Route] = []
    page = context.new_page()
    page.route("**/sdk/regulars.js", lambda route: held.append(route))  # noqa: PLW0108 - it sets attributes on it
    page.goto(shop.page(HERO % "home.hero"), wait_until="domcontentloaded")
    page.wait_for_timeout(1700)
    held[0].continue_()
    page.wait_for_selector("[data-regulars-shown=fallback]")
    page.wait_for_timeout(500)
    assert page.evaluate("[shift, [...seen]]") == [0, ["Welcome to the shop"]]


def test_a_placement_that_is_added_later_does_not_flicker_either(
    shop: Shop, visitor: Callable[[], BrowserContext]
) -> None:
    context = visitor()
    agreed(shop, context)
    context.add_init_script(SHIFTS)
    page = visit(context, shop.page("<main></main>"))
    page.wait_for_timeout(1600)
    later = json.dumps(HERO % "home.hero")
    page.evaluate(f"document.querySelector('main').innerHTML = {later}; regulars.show()")
    page.wait_for_selector("[data-regulars-shown=decision]")
    page.wait_for_timeout(100)
    assert page.evaluate("[...seen]") == ["Free shipping from 50 €"]


def test_what_comes_from_the_server_is_text(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    agreed(shop, context)
    page = visit(context, shop.page(HERO % "home.hostile"))
    page.wait_for_selector("[data-regulars-shown=decision]")
    link = page.locator("#hero a")
    assert page.locator("#hero b").inner_text().startswith("<img src=x onerror=")
    assert link.get_attribute("href") == "#offer"  # the template's own: javascript: is no address
    assert link.get_attribute("onclick") is None
    assert page.locator("#hero script").count() == 0
    assert page.locator("#hero img").get_attribute("src") == "https://shop.example/a.png"
    link.click()
    assert page.evaluate("window.hit") is None


def test_a_row_is_rendered_by_each_or_by_the_shop(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    known = agreed(shop, context)
    items = [
        {"id": "p1", "title": "Helmet", "price": {"minor": 1250, "currency": "EUR"}, "link": "#p1"},
        {"id": "p2", "title": "Bell", "link": "#p2"},
    ]
    answer = {
        "decision_id": "d1", "language": "en",
        "placements": {"row": {"items": items}, "own": {"items": items}, "none": {"items": []}},
    }  # fmt: skip
    context.route(
        "**/v1/decide",
        lambda route: route.fulfill(json=answer, headers={"access-control-allow-origin": "*"}),
    )
    body = """<ul id="row" data-regulars-placement="row"><li>none</li><template>
      <template data-regulars-each="items"><li><a data-regulars-attr="href:link" data-regulars-text="title"></a>
      <i data-regulars-if="price" data-regulars-text="price"></i></li></template></template></ul>
      <div id="own" data-regulars-placement="own"><p>none</p></div>
      <div id="none" data-regulars-placement="none"><p>fallback</p><template>x</template></div>
      <script>regulars.render("own", (element, slot) => {
        element.textContent = slot.items.length + " items" })</script>"""
    page = visit(context, shop.page(body))
    page.wait_for_selector("#row[data-regulars-shown=decision]")
    assert page.locator("#row li").all_inner_texts() == ["Helmet €12.50", "Bell"]
    assert page.locator("#own").inner_text() == "2 items"
    assert page.locator("#none p").is_visible()
    page.locator("#row a").nth(1).click()
    (clicked,) = shop.named(known, "Product Clicked")
    told = {name: clicked["properties"][name] for name in ("product_id", "position", "placement")}
    assert told == {"product_id": "p2", "position": 2, "placement": "row"}


def test_what_is_tracked_before_rides_along_and_counts_at_once(
    shop: Shop, visitor: Callable[[], BrowserContext]
) -> None:
    context = visitor()
    known = agreed(shop, context)
    page = visit(context, shop.page(settings="flushAfter: 60000, "))
    answer = page.evaluate("regulars.viewed({product_id: 'p7'}), regulars.decide(['home.hero', 'home.recommended'])")
    assert answer["fallback"] == ""
    assert answer["placements"]["home.hero"]["offer"]["id"] == "free_shipping"
    assert len(shop.named(known, "Product Viewed")) == 1
    page.evaluate("regulars.flush()")
    page.wait_for_function("!Object.keys(localStorage).some(name => name.startsWith('regulars.q.'))")
    shop.product.wait_folded()
    assert len(shop.named(known, "Product Viewed")) == 1  # sent twice, counted once


def test_friction_is_reported_without_what_was_typed(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    known = agreed(shop, context)
    body = """<div data-regulars-product="p1"><select data-regulars-option="size"><option>S<option>M</select>
      <input data-regulars-option="engraving"></div>"""
    page = visit(
        context, shop.page(body) + "?email=ana@example.org&access_token=s3cret&q=ana%40example.org&utm_source=mail"
    )
    page.evaluate("setTimeout(() => { throw new TypeError('on purpose: ana@example.org') })")
    page.evaluate("fetch('/missing/ana@example.org?card=4711').then(() => 0)")
    page.evaluate(
        "new Promise(y => { const x = new XMLHttpRequest(); x.open('POST', '/gone?x=4711'); x.onload = y; x.send() })"
    )
    page.select_option("select", "M")
    page.fill("input", "typed 4711")
    page.evaluate("regulars.paymentStarted({order_id: 'o1', provider: 'bank'})")
    page.evaluate("regulars.paymentReturned({order_id: 'o1', provider: 'bank', outcome: 'failed'})")
    page.evaluate("document.querySelector('input').blur()")
    (broken,) = shop.named(known, "Script Failed")
    failed = shop.named(known, "Request Failed", count=2)
    (chosen,) = shop.named(known, "Product Option Chosen")
    assert len(shop.named(known, "Payment Started")) == 1
    (returned,) = shop.named(known, "Payment Returned")
    assert returned["properties"] == {"order_id": "o1", "provider": "bank", "outcome": "failed"}
    assert broken["properties"]["kind"] == "TypeError"
    said = sorted(
        (one["properties"]["status"], one["properties"]["method"], one["properties"]["path"]) for one in failed
    )
    assert said == [(404, "GET", "/missing/[email]"), (404, "POST", "/gone")]
    assert chosen["properties"] == {"product_id": "p1", "option": "size", "value": "M"}
    everything = json.dumps(shop.timeline(known))
    assert not re.search(r"ana(@|%40)example|s3cret|4711", everything)
    assert "utm_source" in everything


def test_a_page_in_the_background_is_told(shop: Shop, visitor: Callable[[], BrowserContext]) -> None:
    context = visitor()
    known = agreed(shop, context)
    page = visit(context, shop.page())
    hide = "Object.defineProperty(document, 'visibilityState', {value: '%s', configurable: true});"
    page.evaluate(hide % "hidden" + "document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate(hide % "visible" + "document.dispatchEvent(new Event('visibilitychange'))")
    assert len(shop.named(known, "Page Hidden")) == 1
    assert len(shop.named(known, "Page Shown")) == 1
