"""Rates: what comes too fast is refused with the time to wait, by every way in, and others are not held up."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from regulars.runtime.rates import STRANGER_BURST
from regulars.testing import Product
from tests import webhooks as sent
from tests.acceptance.shop import FILES, LIMITED_KEY, SERVER_KEY, SERVICE_KEY, WRITE_KEY, make_shop, viewed
from tests.webhooks import deliver

pytestmark = pytest.mark.acceptance

ORIGIN = "https://shop.example"
SLOW = FILES["sources.toml"].replace(f'write_key = "{WRITE_KEY}"', f'write_key = "{WRITE_KEY}"\nrate = 0.5')
SLOW = SLOW.replace("[sources.feed]", "[sources.feed]\nrate = 0.5").replace(
    "[sources.service]", "[sources.service]\nrate = 0.5"
)
SLOW += sent.SOURCES_TOML.replace('kind = "server"', 'kind = "server"\nrate = 0.5')
#: One request of each way in whose body names the key.
VENDORS = {
    "/v1/t": {"event": "Product Viewed", "userId": "ana", "properties": {"product_id": "p1"}, "writeKey": WRITE_KEY},
    "/i/v0/e/": {"event": "seen", "distinct_id": "ana", "api_key": WRITE_KEY},
    "/batch/": {"batch": [{"event": "seen", "distinct_id": "ana"}], "api_key": WRITE_KEY},
    "/v1/decide": {"placements": ["nowhere"], "anonymousId": "ana", "writeKey": WRITE_KEY},
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Each test uses sources of its own up."""
    root = tmp_path_factory.mktemp("rates")
    with Product(make_shop(root / "shop", sources=SLOW), root / "data", environment=sent.ENVIRONMENT) as started:
        yield started


def too_many(answer: httpx.Response) -> None:
    assert answer.status_code == 429, answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= 3
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["field"] == "rate"


def test_a_source_beyond_its_rate_waits_by_every_way_and_others_do_not(product: Product) -> None:
    headers = {"origin": ORIGIN}
    answers = [
        product.http.post("/v1/track", json=viewed(f"m{at}"), auth=(WRITE_KEY, ""), headers=headers) for at in range(9)
    ]
    assert {answer.status_code for answer in answers} == {200, 429}
    too_many(answers[-1])
    assert answers[-1].headers["access-control-allow-origin"] == ORIGIN
    assert "retry-after" in answers[-1].headers["access-control-expose-headers"]
    for path, body in VENDORS.items():
        too_many(product.http.post(path, json=body, headers=headers))
    snowplow = {"e": "pv", "url": "https://shop.example/", "tna": "x"}
    tracker = {**headers, "x-write-key": WRITE_KEY}
    too_many(product.http.get("/i", params=snowplow, headers=tracker))
    data = {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [snowplow]}
    too_many(product.http.post("/com.snowplowanalytics.snowplow/tp2", json=data, headers=tracker))
    event = {"eventType": "view", "scope": "shop", "sessionId": "s"}
    too_many(product.http.post("/cxs/eventcollector", json={"sessionId": "s", "events": [event]}, headers=tracker))
    batch = {"batch": [viewed(f"b{at}") for at in range(100)]}
    assert product.http.post("/v1/batch", json=batch, auth=(SERVER_KEY, "")).status_code == 200


@pytest.mark.parametrize("system", ["shopify", "woocommerce", "shopware"])
def test_webhooks_have_a_rate_and_a_person_s_wish_is_heard_all_the_same(product: Product, system: str) -> None:
    topic = {"shopify": "orders/create", "woocommerce": "order.created", "shopware": "order.placed"}[system]
    order = {"id": 1, "created_at": "2026-03-02T10:00:00Z"}
    too_many([deliver(product.http, system, topic, order, f"d{at}") for at in range(8)][-1])
    if system == "shopify":
        wish = {"shop_domain": "corner.example", "customer": {"id": 7, "email": "ana@example.org"}}
        assert deliver(product.http, system, "customers/redact", wish, "wish").status_code == 200


def test_a_key_that_reads_has_a_rate_too(product: Product) -> None:
    too_many([product.http.get("/v1/counts", auth=(SERVICE_KEY, "")) for _ in range(8)][-1])
    assert product.http.get("/v1/counts", auth=(SERVER_KEY, "")).status_code == 200


def test_whoever_guesses_keys_waits_and_a_good_key_from_the_same_address_does_not(product: Product) -> None:
    async def guess() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=product.address, timeout=60) as http:
            wishes = [
                http.post("/v1/track", json=viewed(f"g{at}"), auth=(f"sk_guess_{at}", ""), headers={"origin": ORIGIN})
                for at in range(2 * STRANGER_BURST)
            ]
            return await asyncio.gather(*wishes)

    answers = asyncio.run(guess())
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) >= STRANGER_BURST
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["connection"] == "close"
    assert refused.json()["field"] == "Authorization"
    for path in ("/v1/counts", "/v1/profiles/user_id:ana"):
        assert product.http.get(path, auth=("sk_guess", "")).status_code == 429
    assert deliver(product.http, "shopify", "orders/create", {"id": 1}, "d1", secret="wrong").status_code == 429
    assert product.http.post("/v1/track", json=viewed("m1"), auth=(SERVER_KEY, "")).status_code == 200
    assert product.http.post("/v1/track", json=viewed("m2"), auth=(LIMITED_KEY, "")).status_code == 200
