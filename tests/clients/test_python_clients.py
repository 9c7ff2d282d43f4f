"""The Python clients of Segment, RudderStack, PostHog and Snowplow, with nothing but the host changed."""

import time
import uuid
from collections.abc import Callable
from typing import Any, Literal

import pytest
import requests
import rudderstack.analytics.client as rudderstack
import segment.analytics.client as segment
import snowplow_tracker as snowplow
from posthog import Posthog

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY
from tests.clients.proxy import LOST_ANSWER, RESET, Proxy
from tests.clients.shop import APP_ID, profile, traits

pytestmark = pytest.mark.acceptance
SHOP = "com.snowplowanalytics.snowplow.ecommerce"
FAULTS: list[int | str] = [429, 503, RESET, LOST_ANSWER]


def _segment(host: str, user: str, failures: list[object], events: int, *, packed: bool = True) -> None:
    client = segment.Client(
        SERVER_KEY, host=host, gzip=packed, on_error=lambda error, _: failures.append(error), timeout=30,
        upload_interval=0.05,
    )  # fmt: skip
    for _ in range(events):
        client.track(user, "Product Viewed", {"product_id": "p1"})
    client.identify(user, {"city": "Köln"})
    client.page(user, None, "Home", {"path": "/"})
    client.screen(user, None, "Start")
    client.alias(f"before-{user}", user)
    client.group(user, "family")
    client.track(user, "Order Completed", {"order_id": f"o-{user}", "total": 12.5})
    client.shutdown()


def _rudderstack(host: str, user: str, failures: list[object], events: int, *, packed: bool = True) -> None:
    client = rudderstack.Client(
        SERVER_KEY, host=host, gzip=packed, on_error=lambda error, _: failures.append(error), timeout=30,
        upload_interval=0.05,
    )  # fmt: skip
    for _ in range(events):
        client.track(user, "Product Viewed", {"product_id": "p1"})
    client.identify(user, {"city": "Köln"})
    client.page(user, None, "Home", {"path": "/"})
    client.screen(user, None, "Start")
    client.alias(f"before-{user}", user)
    client.group(user, "family")
    client.track(user, "Order Completed", {"order_id": f"o-{user}", "total": 12.5})
    client.shutdown()


def _posthog(host: str, user: str, failures: list[object], events: int, *, packed: bool = True) -> None:
    client = Posthog(
        SERVER_KEY, host=host, gzip=packed, on_error=lambda error, _: failures.append(error), timeout=30,
        flush_interval=0.05, max_retries=10,
    )  # fmt: skip
    for _ in range(events):
        client.capture("Product Viewed", distinct_id=user, properties={"product_id": "p1"})
    client.set(distinct_id=user, properties={"city": "Köln"})
    client.capture("$pageview", distinct_id=user, properties={"$pathname": "/"})
    client.capture("$screen", distinct_id=user, properties={"$screen_name": "Start"})
    client.alias(f"before-{user}", user)
    client.capture("$groupidentify", distinct_id=user, properties={"$group_type": "family", "$group_key": "family"})
    client.capture("Order Completed", distinct_id=user, properties={"order_id": f"o-{user}", "total": 12.5})
    client.flush()
    client.shutdown()


CLIENTS: dict[str, Callable[..., None]] = {"segment": _segment, "rudderstack": _rudderstack, "posthog": _posthog}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("vendor", CLIENTS)
def test_every_call_of_a_client_arrives(product: Product, vendor: str, packed: bool) -> None:  # noqa: FBT001
    failures: list[object] = []
    user = f"{vendor}-{'gzip' if packed else 'plain'}"
    CLIENTS[vendor](product.address, user, failures, 250, packed=packed)
    assert failures == []
    product.wait_folded(seconds=30)
    assert traits(product.http, f"user_id:{user}") == {
        "views": 250, "seen_product": "p1", "pages": 1, "seen_path": "/", "screens": 1, "aliases": 1, "groups": 1,
        "orders": 1, "bought": f"o-{user}", "revenue": 1250,
    }  # fmt: skip
    found = profile(product.http, f"user_id:{user}")
    assert found["facts"] == {"city": "Köln"}
    assert f"anonymous_id:before-{user}" in str(found["identifiers"])


@pytest.mark.slow
@pytest.mark.parametrize("vendor", CLIENTS)
def test_a_client_loses_and_doubles_nothing_on_a_bad_line(product: Product, vendor: str) -> None:
    failures: list[object] = []
    user = f"{vendor}-faults"
    with Proxy(product.address, FAULTS) as proxy:
        CLIENTS[vendor](proxy.address, user, failures, 40)
        assert proxy.failed == FAULTS
    assert failures == []
    product.wait_folded(seconds=30)
    found = traits(product.http, f"user_id:{user}")
    assert (found["views"], found["orders"], found["revenue"]) == (40, 1, 1250)


def _tracker(
    host: str, user: str, *, method: Literal["get", "post"] = "post", based: bool = True, key: str = SERVER_KEY
) -> snowplow.Tracker:
    session = requests.Session()
    if key:
        session.auth = (key, "")
    emitter = snowplow.Emitter(
        host.removeprefix("http://"), protocol="http", method=method, batch_size=50, session=session,
        max_retry_delay_seconds=1,
    )  # fmt: skip
    subject = snowplow.Subject().set_user_id(user)
    return snowplow.Tracker("shop", emitter, subject=subject, app_id=APP_ID, encode_base64=based)


def _described(
    schema: str, data: dict[str, Any], contexts: dict[str, dict[str, Any]] | None = None
) -> snowplow.SelfDescribing:
    entities = [
        snowplow.SelfDescribingJson(f"iglu:{SHOP}/{name}/jsonschema/1-0-0", held)
        for name, held in (contexts or {}).items()
    ]
    described = snowplow.SelfDescribingJson(f"iglu:{schema}/jsonschema/1-0-0", data)
    return snowplow.SelfDescribing(described, context=entities)


@pytest.mark.parametrize("based", [False, True], ids=["plain", "base64"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_event_of_snowplows_tracker_arrives(
    product: Product,
    method: Literal["get", "post"],
    based: bool,  # noqa: FBT001 - a parameter
) -> None:
    user = f"snowplow-{method}-{based}"
    tracker = _tracker(product.address, user, method=method, based=based)
    tracker.track(snowplow.PageView(page_url="https://shop.example/shoes?size=9", page_title="Shoes"))
    tracker.track(snowplow.ScreenView(id_=str(uuid.uuid4()), name="Start"))
    tracker.track(snowplow.StructuredEvent("shop", "Product Viewed", value=2.0))
    for _ in range(20):
        tracker.track(_described("com.example/product_viewed", {"product_id": "p1"}))
    action, shoe = f"{SHOP}/snowplow_ecommerce_action", {"id": "p1", "price": 12.5, "currency": "EUR", "quantity": 1}
    tracker.track(_described(action, {"type": "add_to_cart"}, {"product": shoe}))
    bought = {"transaction_id": f"o-{user}", "revenue": 12.5, "currency": "EUR", "payment_method": "card"}
    tracker.track(_described(action, {"type": "transaction"}, {"transaction": bought, "product": shoe}))
    tracker.flush()
    product.wait_folded(seconds=30)
    assert traits(product.http, f"user_id:{user}") == {
        "pages": 1, "seen_path": "/shoes", "screens": 1, "views": 21, "seen_product": "p1", "added": 1, "orders": 1,
        "bought": f"o-{user}", "revenue": 1250,
    }  # fmt: skip


def test_snowplows_tracker_loses_and_doubles_nothing_on_a_bad_line(product: Product) -> None:
    user = "snowplow-faults"
    with Proxy(product.address, FAULTS) as proxy:
        tracker = _tracker(proxy.address, user)
        for _ in range(40):
            tracker.track(_described("com.example/product_viewed", {"product_id": "p1"}))
        tracker.flush()
        assert traits(product.http, f"user_id:{user}", until="views")["views"] == 40
        deadline = time.monotonic() + 20
        while proxy.failed != FAULTS or not proxy.passed:
            assert time.monotonic() < deadline, (proxy.failed, proxy.passed)
            time.sleep(0.05)
    product.wait_folded(seconds=30)
    assert traits(product.http, f"user_id:{user}")["views"] == 40


def test_an_application_without_a_key_says_who_somebody_is_and_is_not_believed(product: Product) -> None:
    """An app id is as public as a browser's key: the customer of the same name stays untouched."""
    tracker = _tracker(product.address, "snowplow-post-True", key="")
    before = traits(product.http, "user_id:snowplow-post-True")
    for _ in range(3):
        tracker.track(_described("com.example/product_viewed", {"product_id": "x"}))
    tracker.flush()
    product.wait_folded(seconds=30)
    assert traits(product.http, "user_id:snowplow-post-True") == before


@pytest.mark.parametrize("vendor", ["segment", "rudderstack", "posthog"])
def test_a_client_with_a_wrong_key_is_told_at_once(product: Product, vendor: str) -> None:
    failures: list[object] = []
    if vendor == "posthog":
        asked = Posthog(
            "sk_of_nobody", host=product.address, on_error=lambda error, _: failures.append(error), timeout=30
        )
        asked.capture("Product Viewed", distinct_id="ana")
        asked.flush()
        asked.shutdown()
    else:
        made = segment.Client if vendor == "segment" else rudderstack.Client
        client = made(
            "sk_of_nobody", host=product.address, on_error=lambda error, _: failures.append(error), timeout=30
        )
        client.track("ana", "Product Viewed", {})
        client.shutdown()
    assert "belongs to no source" in str(failures)
