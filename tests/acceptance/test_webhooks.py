"""Webhooks of shop systems, as the shops send and sign them, against a started shop."""

import hmac
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from regulars.testing import Product
from tests import webhooks as sent
from tests.acceptance.shop import FILES, LIMITED_KEY, SERVER_KEY, WRITE_KEY, make_shop, profile
from tests.webhooks import deliver

pytestmark = pytest.mark.acceptance

CONSENT = (
    FILES["consent.toml"]
    + """
    [purposes.newsletter]
    title = { en = "Newsletter" }
    text = { de = "Wozu", en = "What for" }
    channel = "email"

    [purposes.texts]
    title = { en = "Text messages" }
    text = { de = "Wozu", en = "What for" }
    channel = "sms"
    """
)

#: Of an order that tells nothing of who bought.
NAMELESS: dict[str, Any] = {"contact_email": None, "phone": None, "note_attributes": []}

#: An app that shops register with.
APP_SECRET = "of-the-manifest"
APP = """
    [sources.apps]
    kind = "server"
    [sources.apps.webhook]
    shop = "shopware"
    app = "CornerApp"
    secret = "env:SECRET_APP"
    """


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A shop that three shop systems report to."""
    root = tmp_path_factory.mktemp("webhooks")
    folder = make_shop(root / "shop", sources=FILES["sources.toml"] + sent.SOURCES_TOML + APP, consent=CONSENT)
    with Product(
        folder, root / "data", environment={**sent.ENVIRONMENT, "SECRET_APP": APP_SECRET}, key=SERVER_KEY
    ) as started:
        yield started


def orders(shop: Product, order: str) -> list[tuple[Any, ...]]:
    """(total, currency, status) as stored; the data folder is the one place that tells of all of it."""
    shop.wait_folded()
    with sqlite3.connect(f"file:{shop.data}/state.db?mode=ro", uri=True) as state:
        return state.execute("select total, currency, status from order_fact where order_id = ?", (order,)).fetchall()


def failed(shop: Product, reason: str) -> list[tuple[Any, ...]]:
    """(name, field, body) of failed events."""
    shop.wait_folded()
    with sqlite3.connect(f"file:{shop.data}/state.db?mode=ro", uri=True) as state:
        return state.execute("select name, field, body from failed where reason = ?", (reason,)).fetchall()


def test_an_order_of_shopify_counts_once_however_often_it_is_told(shop: Product) -> None:
    order = sent.shopify_order(5001)
    paid = order | {"updated_at": "2026-03-02T10:00:09+01:00", "financial_status": "paid"}
    for said, topic, delivery in ((paid, "orders/paid", "e2"), (order, "orders/create", "e1")):
        for _ in range(2):
            assert deliver(shop.http, "shopify", topic, said, delivery).status_code == 200
    assert orders(shop, "5001") == [(4938, "EUR", "completed")]
    ada = profile(shop, "user_id:70001")
    assert (ada["traits"]["orders"], ada["traits"]["revenue"]) == (1, 4938)
    # The page left its browser's id with the cart, so the browser is known to be hers.
    assert profile(shop, "anonymous_id:browser-of-ada")["profile"] == ada["profile"]


def test_a_partial_refund_is_taken_off_once_though_two_topics_tell_it(shop: Product) -> None:
    order, refund = sent.shopify_order(5002), sent.shopify_refund(5002, 802)
    later = order | {"updated_at": "2026-03-05T09:00:01+01:00", "refunds": [refund]}
    deliver(shop.http, "shopify", "orders/updated", later, "r2")
    deliver(shop.http, "shopify", "refunds/create", refund, "r1")
    deliver(shop.http, "shopify", "orders/create", order, "r0")
    assert orders(shop, "5002") == [(4938 - 1799, "EUR", "refunded")]


def test_a_cancelled_order_is_nothing(shop: Product) -> None:
    cancelled = sent.shopify_order(5003) | {"cancelled_at": "2026-03-03T10:00:00Z", "cancel_reason": "customer"}
    deliver(shop.http, "shopify", "orders/cancelled", cancelled, "c1")
    deliver(shop.http, "shopify", "orders/create", sent.shopify_order(5003), "c0")
    assert orders(shop, "5003") == [(0, "EUR", "cancelled")]


def test_a_customer_brings_the_consent_with_level_and_time(shop: Product) -> None:
    said = sent.shopify_customer(id=70009, email="eve@shop.example", phone="+491701234999")
    deliver(shop.http, "shopify", "customers/update", said, "k1")
    deliver(shop.http, "shopify", "customers/create", said, "k2")
    shop.wait_folded()
    answer = shop.http.get("/v1/privacy/access/user_id:70009").json()
    stated = {(one["purpose"], one["granted"]): one for one in answer["consent_history"]}
    yes = stated["newsletter", True]
    assert yes["time"] == 1_769_932_800_000  # 2026-02-01T08:00Z
    assert yes["evidence"]["method"] == "shopify confirmed_opt_in"
    assert ("texts", False) in stated
    assert {fact["name"]: fact["value"] for fact in answer["facts"]}["city"] == "Köln"


def test_products_come_with_variants_and_an_older_state_changes_nothing(shop: Product) -> None:
    newer = sent.shopify_product()
    older = newer | {"updated_at": "2026-02-28T10:00:00Z", "title": "Old kettle"}
    deliver(shop.http, "shopify", "products/update", newer, "p2")
    deliver(shop.http, "shopify", "products/create", older, "p1")
    deliver(shop.http, "woocommerce", "product.updated", sent.woo_product(), "wp1")
    shop.wait_folded()
    kettle = shop.http.get("/v1/catalog/items/9001").json()
    assert (kettle["title"], kettle["price"], kettle["category"]) == ("Kettle", 1849, ["Home", "Kitchen", "Kettles"])
    assert kettle["variants"][0] == {
        "sku": "KET-R", "attributes": {"Colour": "Red", "Size": "1 l"}, "price": 1999, "stock": 7,
    }  # fmt: skip
    assert kettle["link"] == "https://corner.myshopify.example/products/kettle"
    soap = shop.http.get("/v1/catalog/items/31").json()
    assert (soap["price"], soap["stock"], soap["attributes"]["Scent"]) == (667, 12, "Rose")
    deliver(shop.http, "shopify", "products/delete", {"id": 9001}, "p3")
    shop.wait_folded()
    assert shop.http.get("/v1/catalog/items/9001").json()["active"] is False


def test_a_level_of_stock_finds_its_variant_by_the_inventory_item_and_its_store(shop: Product) -> None:
    first, second = sent.shopify_product()["variants"]
    variants = [first | {"inventory_item_id": 501, "sku": "POT-R"}, second | {"inventory_item_id": 503, "sku": "POT-B"}]
    deliver(shop.http, "shopify", "products/create", sent.shopify_product(id=9010, variants=variants), "i0")
    sold = {"inventory_item_id": 501, "location_id": 24826418, "available": 4, "updated_at": "2026-03-02T10:00:00Z"}
    before = sold | {"available": 6, "updated_at": "2026-03-02T09:00:00Z"}
    for place, said in enumerate((sold, before, sold)):
        assert deliver(shop.http, "shopify", "inventory_levels/update", said, f"i{place + 1}").status_code == 200
    shop.wait_folded()
    item = shop.http.get("/v1/catalog/items/9010").json()
    assert [one["stock"] for one in item["variants"]] == [4, 0]
    assert (item["variants"][0]["stores"], item["stock"]) == ({"Graz": 4}, 4)
    deliver(shop.http, "shopify", "inventory_levels/update", sold | {"inventory_item_id": 999}, "i9")
    assert ("stock", "stock_id") in [found[:2] for found in failed(shop, "invalid_value")]
    deliver(shop.http, "shopify", "inventory_levels/update", {"location_id": 1, "available": 1}, "i10")
    assert ("inventory_levels/update", "inventory_item_id") in [found[:2] for found in failed(shop, "missing_field")]


def test_a_place_of_stock_that_nobody_named_is_a_finding_of_tracking_health(shop: Product) -> None:
    deliver(shop.http, "shopify", "products/create", sent.shopify_product(id=9011), "u0")
    for place in (7001, 7002, 7001):
        said = {"inventory_item_id": 808, "location_id": place, "available": 4, "updated_at": "2026-03-02T10:00:00Z"}
        deliver(shop.http, "shopify", "inventory_levels/update", said, f"u{place}")
    shop.wait_folded()
    health = shop.http.get("/v1/health/tracking").json()
    (found,) = (one for one in health["troubles"] if one["finding"]["code"] == "undeclared_place")
    assert found["finding"]["source"] == "online"
    assert found["says"] == "online tells the stock of 2 places that have no name: 7001, 7002"
    assert "`stores`" in found["mend"]
    assert found["howto"] == "howto/mend-tracking.md#undeclared-place"
    (state,) = (one["health"]["state"] for one in health["sources"] if one["health"]["source"] == "online")
    assert state == "degraded"


def test_woocommerce_tells_orders_and_its_ping_is_answered(shop: Product) -> None:
    ping = shop.http.post("/v1/webhooks/woocommerce/blog", data={"webhook_id": "5"})
    assert (ping.status_code, ping.json()) == (200, {"success": True, "stored": False})
    waiting = sent.woo_order(612, status="pending")
    deliver(shop.http, "woocommerce", "order.created", waiting, "same-second")
    assert orders(shop, "612") == []
    deliver(shop.http, "woocommerce", "order.updated", sent.woo_order(612), "same-second")
    deliver(shop.http, "woocommerce", "order.updated", sent.woo_order(613), "same-second")
    assert orders(shop, "612") == orders(shop, "613") == [(2361, "EUR", "completed")]
    refunded = sent.woo_order(613, refunds=[{"id": 9, "reason": "", "total": "-6.00"}])
    deliver(shop.http, "woocommerce", "order.updated", refunded, "later")
    assert orders(shop, "613") == [(1761, "EUR", "refunded")]


def test_shopware_tells_orders_by_number_and_a_flow_may_use_the_server_key(shop: Product) -> None:
    assert deliver(shop.http, "shopware", "checkout.order.placed", sent.shopware_order(), "s1").status_code == 200
    assert orders(shop, "10042") == [(3589, "EUR", "completed")]
    assert profile(shop, "user_id:K-9")["traits"]["revenue"] == 3589
    deliver(shop.http, "shopware", "state_enter.order.state.cancelled", sent.shopware_order(), "s2")
    assert orders(shop, "10042") == [(0, "EUR", "cancelled")]
    body = sent.shopware("checkout.order.placed", sent.shopware_order("10043"), "s3")
    other_key = shop.http.post("/v1/webhooks/shopware/outlet", json=body)  # the till's key opens nothing here
    assert other_key.status_code == 401


@pytest.mark.parametrize("system", sent.SECRETS)
def test_a_wrong_signature_is_refused_and_nothing_is_stored(shop: Product, system: str) -> None:
    topic = {"shopify": "orders/create", "woocommerce": "order.created"}.get(system, "checkout.order.placed")
    said = {"shopify": sent.shopify_order(6666), "woocommerce": sent.woo_order(6666)}.get(
        system, sent.shopware_order("6666")
    )
    before = shop.ready()["lag"]
    answer = deliver(shop.http, system, topic, said, "x1", secret="another")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert (problem["got"], problem["expected"].split(",")[0]) == ("another signature", "HMAC-SHA256 over the raw body")
    unsigned = shop.http.post(f"/v1/webhooks/{system}/{sent.SOURCES[system]}", json=said)
    assert unsigned.status_code == 401
    assert orders(shop, "6666") == []
    assert shop.ready()["lag"] == before
    metrics = shop.http.get("/metrics").text
    assert f'regulars_requests_total{{route="webhooks_{system}",status="401"}}' in metrics


def test_an_unknown_topic_is_kept_with_its_reason(shop: Product) -> None:
    assert deliver(shop.http, "shopify", "themes/publish", {"id": 1}, "u1").status_code == 200
    found = failed(shop, "unknown_topic")
    assert any(b"themes/publish" in body for _, _, body in found)


def test_a_shop_that_is_none_is_not_found(shop: Product) -> None:
    assert shop.http.post("/v1/webhooks/shopify/nobody", json={}).status_code == 404
    assert shop.http.post("/v1/webhooks/shopify/blog", json={}).status_code == 404


def test_a_test_delivery_is_answered_and_not_kept(shop: Product) -> None:
    body = b"{}"
    headers = sent.headers_of("shopify", "orders/create", "t1", body) | {"X-Shopify-Test": "true"}
    answer = shop.http.post("/v1/webhooks/shopify/online", content=body, headers=headers)
    assert answer.json() == {"success": True, "stored": False}


def test_redact_erases_with_a_certificate_and_a_request_for_data_is_listed(shop: Product) -> None:
    deliver(shop.http, "shopify", "customers/create", sent.shopify_customer(id=70077, email="g@shop.example"), "g1")
    profile(shop, "user_id:70077")
    said = {"shop_domain": "corner.myshopify.example", "customer": {"id": 70077, "email": "g@shop.example"}}
    asked = deliver(shop.http, "shopify", "customers/data_request", said | {"data_request": {"id": 9}}, "g2")
    assert asked.status_code == 200
    shop.wait_folded()
    answer = shop.http.get("/v1/privacy/access/user_id:70077").json()
    assert any(look["action"] == "asks for access" for look in answer["looked_at"])
    deliver(shop.http, "shopify", "customers/data_request", said | {"data_request": {"id": 9}}, "g2-again")
    shop.wait_folded()
    (wanted,) = (one for one in shop.http.get("/v1/privacy/requests").json() if one["kind"] == "access")
    assert (wanted["subject"], wanted["due"] - wanted["time"]) == ("user_id:70077", 30 * 86_400_000)
    assert shop.http.get("/v1/privacy/requests", auth=(LIMITED_KEY, "")).status_code == 403
    silent = shop.http.post(f"/v1/privacy/requests/{wanted['id']}", json={"note": " "})
    assert (silent.status_code, silent.json()["field"]) == (422, "note")
    deliver(
        shop.http, "shopify", "orders/create", sent.shopify_order(7007, customer=None, email=None, **NAMELESS), "g4"
    )
    assert profile(shop, "anonymous_id:order-7007")["traits"]["orders"] == 1
    assert (
        deliver(shop.http, "shopify", "customers/redact", said | {"orders_to_redact": [7007]}, "g3").status_code == 200
    )
    shop.wait_folded()
    assert shop.http.get("/v1/profiles/user_id:70077").status_code == 404
    assert shop.http.get("/v1/profiles/anonymous_id:order-7007").status_code == 404
    assert [one for one in shop.http.get("/v1/privacy/requests").json() if one["kind"] == "access"] == []
    newest = shop.http.get("/v1/privacy/erasures").json()[0]["erasure"]
    assert (newest["by"], newest["reason"], newest["known"]) == ("online", "customers/redact", True)


def test_orders_that_disagree_are_told_with_their_money(shop: Product) -> None:
    order = sent.shopify_order(5050)
    now = datetime.now(UTC).isoformat()
    order |= {"created_at": now, "processed_at": now, "updated_at": now}
    deliver(shop.http, "shopify", "orders/create", order, "d1")
    pixel = {
        "event": "Order Completed", "messageId": "px1", "anonymousId": "browser-of-ada", "timestamp": now,
        "properties": {"order_id": "5050", "total": 44.48, "currency": "EUR"},
    }  # fmt: skip
    till = pixel | {"messageId": "px2", "properties": {"order_id": "5050", "total": 50, "currency": "EUR"}}
    shop.http.post("/v1/track", json=pixel, auth=(WRITE_KEY, "")).raise_for_status()
    shop.http.post("/v1/track", json=till).raise_for_status()
    shop.wait_folded()
    report = shop.http.get("/v1/orders/disagreements").json()
    rows = {(row["first"], row["second"], row["field"]): row for row in report["rows"]}
    assert rows["online", "web", "total"]["money"] == {"EUR": 490}
    assert rows["online", "web", "total"]["examples"][0]["said"] == ["4938", "4448"]
    assert rows["online", "till", "total"]["orders"] == 1
    assert shop.http.get("/v1/orders/disagreements", auth=(LIMITED_KEY, "")).status_code == 403
    assert shop.http.get("/v1/orders/disagreements", params={"days": 0}).status_code == 400
    command = [sys.executable, "-m", "regulars", "report", "orders", str(shop.shop), "--data", str(shop.data)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "online / web: total of 1 orders, 4.90 EUR apart\n  5050: 49.38 EUR / 44.48 EUR" in told


def test_a_shop_that_wants_to_be_erased_is_a_task_until_somebody_names_it(shop: Product) -> None:
    said = {"shop_id": 954889, "shop_domain": "corner.myshopify.example"}
    for _ in range(2):
        assert deliver(shop.http, "shopify", "shop/redact", said, "sr1").status_code == 200
    shop.wait_folded()
    (wanted,) = (one for one in shop.http.get("/v1/privacy/requests").json() if one["kind"] == "shop_erasure")
    assert (wanted["source"], wanted["status"], wanted["overdue"]) == ("online", "open", False)
    place = f"/v1/privacy/requests/{wanted['id']}"
    refused = shop.http.post(place, json={"note": "left the shop", "confirm": "blog"})
    assert (refused.status_code, refused.json()["field"]) == (422, "confirm")
    assert shop.http.post(place, json={"note": "moved to another app", "confirm": "online"}).status_code == 200
    assert shop.http.post(place, json={"note": "again", "confirm": "online"}).status_code == 422
    (kept,) = (one for one in shop.http.get("/v1/privacy/requests?status=all").json() if one["id"] == wanted["id"])
    assert (kept["status"], kept["note"], kept["closed_by"]) == ("closed", "moved to another app", "till")
    deliver(shop.http, "shopify", "shop/redact", said, "sr1")
    shop.wait_folded()
    assert [one["kind"] for one in shop.http.get("/v1/privacy/requests").json()] == []


def hexed(secret: str, said: str | bytes) -> str:
    """A signature of Shopware."""
    return hmac.new(secret.encode(), said.encode() if isinstance(said, str) else said, "sha256").hexdigest()


def register(shop: Product, number: str, stamped: int, *, app: str = APP_SECRET, own: str = "") -> httpx.Response:
    """As a Shopware shop does when the app is installed; with its `own` secret when it registers again."""
    query = f"shop-id={number}&shop-url=https://{number}.example&timestamp={stamped}"
    headers = {"shopware-app-signature": hexed(app, query)}
    if own:
        headers["shopware-shop-signature"] = hexed(own, query)
    return httpx.get(f"{shop.address}/v1/webhooks/shopware/apps/register?{query}", headers=headers)


def confirm(shop: Product, number: str, secret: str) -> httpx.Response:
    """The shop has its secret."""
    body = json.dumps({"apiKey": "SWIA", "secretKey": "k", "shopUrl": "https://x", "shopId": number, "timestamp": "5"})
    headers = {"shopware-shop-signature": hexed(secret, body), "content-type": "application/json"}
    return httpx.post(f"{shop.address}/v1/webhooks/shopware/apps/confirm", content=body, headers=headers)


def tell(shop: Product, number: str, secret: str, event: str, payload: dict[str, Any], delivery: str) -> int:
    """A webhook of the app."""
    said = sent.shopware(event, payload, delivery)
    said["source"]["shopId"] = number
    body = json.dumps(said)
    headers = {"shopware-shop-signature": hexed(secret, body)}
    return httpx.post(f"{shop.address}/v1/webhooks/shopware/apps", content=body, headers=headers).status_code


def test_a_shopware_shop_registers_and_its_secret_alone_opens_its_webhooks(shop: Product) -> None:
    handed = register(shop, "s1", 1_772_445_600)
    assert handed.status_code == 200, handed.text
    said = handed.json()
    assert said["proof"] == hexed(APP_SECRET, "s1https://s1.exampleCornerApp")
    assert said["confirmation_url"].endswith("/v1/webhooks/shopware/apps/confirm")
    secret = said["secret"]
    assert len(secret) == 64
    order = sent.shopware_order("SW-APP-1")
    assert tell(shop, "s1", secret, "checkout.order.placed", order, "a0") == 401, "it is not confirmed yet"
    assert confirm(shop, "s1", "guessed").status_code == 401
    assert confirm(shop, "s1", secret).status_code == 200
    assert tell(shop, "s1", secret, "checkout.order.placed", order, "a1") == 200
    assert orders(shop, "SW-APP-1") == [(3589, "EUR", "completed")]
    assert tell(shop, "s1", APP_SECRET, "checkout.order.placed", order, "a2") == 401, "the app's secret is no shop's"
    assert tell(shop, "s2", secret, "checkout.order.placed", order, "a3") == 401, "nor is another shop's"
    shop.wait_folded()
    for file in shop.data.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), f"{file} holds the secret"


def test_nobody_takes_a_registered_shops_place(shop: Product) -> None:
    assert register(shop, "s3", 100, app="guessed").status_code == 401
    secret = register(shop, "s3", 100).json()["secret"]
    assert confirm(shop, "s3", secret).status_code == 200
    assert confirm(shop, "s3", secret).status_code == 401, "a confirmation holds once"
    taken = register(shop, "s3", 200)
    assert (taken.status_code, taken.json()["field"]) == (409, "shopware-shop-signature")
    assert "installs it again" in taken.json()["error"]
    assert register(shop, "s3", 100, own=secret).status_code == 409, "the same request is not heard twice"
    again = register(shop, "s3", 200, own=secret).json()["secret"]
    order = sent.shopware_order("SW-APP-3")
    assert again != secret
    assert tell(shop, "s3", secret, "checkout.order.placed", order, "b1") == 200, "the old one holds until it confirms"
    assert confirm(shop, "s3", again).status_code == 200
    assert tell(shop, "s3", again, "checkout.order.placed", order, "b2") == 200
    assert tell(shop, "s3", secret, "checkout.order.placed", order, "b3") == 200, "what was under way still arrives"


def test_an_app_that_is_taken_out_leaves_nothing_open(shop: Product) -> None:
    secret = register(shop, "s4", 100).json()["secret"]
    assert confirm(shop, "s4", secret).status_code == 200
    assert tell(shop, "s4", secret, "app.activated", {}, "c1") == 200
    assert tell(shop, "s4", secret, "app.deleted", {"keepUserData": False}, "c2") == 200
    shop.wait_folded()
    assert tell(shop, "s4", secret, "checkout.order.placed", sent.shopware_order("SW-APP-4"), "c3") == 401
    wanted = [one for one in shop.http.get("/v1/privacy/requests").json() if one["source"] == "apps"]
    assert [one["kind"] for one in wanted] == ["shop_erasure"], "whoever took it out wants the data to go"
    assert register(shop, "s4", 100).status_code == 409, "what was sent before is not heard again"
    assert register(shop, "s4", 300).status_code == 200, "it may be installed again"


@pytest.mark.parametrize("query", ["", "shop-id=", "a=1&" * 80, "%ff%00", "shop-id=x&shop-url=ftp://x&timestamp=1"])
def test_a_registration_that_is_none_is_refused_in_so_many_words(shop: Product, query: str) -> None:
    for secret, status in (("guessed", 401), (APP_SECRET, 400)):
        answer = httpx.get(
            f"{shop.address}/v1/webhooks/shopware/apps/register?{query}",
            headers={"shopware-app-signature": hexed(secret, query)},
        )
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("application/problem+json")
    assert httpx.get(f"{shop.address}/v1/webhooks/shopware/outlet/register").status_code == 404
    nonsense = httpx.post(f"{shop.address}/v1/webhooks/shopware/apps/confirm", content=b"[")
    assert nonsense.status_code == 400
