"""A login that the shop's backend signed comes through the door of every vendor's client, and nobody else's does."""

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, WRITE_KEY, make_shop
from tests.tokens import ED, FOREIGN, pem, signed

pytestmark = pytest.mark.acceptance

SERVER = (SERVER_KEY, "")
KEYED = {"x-write-key": WRITE_KEY}
KEYS = f'token_keys = [{{ id = "k1", algorithm = "EdDSA", public_key = """\n{pem(ED)}""" }}]\n'
VENDORS = ("segment", "rudderstack", "jitsu", "posthog", "snowplow", "unomi")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("logins")
    sources = "\n".join(line.strip() for line in FILES["sources.toml"].splitlines())
    folder = make_shop(root / "shop", events='strict_plan = false\n[events."Product Viewed"]\npurpose = "contract"\n')
    (folder / "sources.toml").write_text(sources.replace("[sources.till]", KEYS + "[sources.till]"), encoding="utf-8")
    with Product(folder, root / "data") as started:
        yield started


def login(http: httpx.Client, vendor: str, device: str, user: str, token: str) -> httpx.Response:
    """What the vendor's client sends when somebody logs in, the token where its format has a place for it."""
    call = {
        "type": "identify", "messageId": f"m-{device}", "anonymousId": device, "userId": user,
        "context": {"traits": {"plan": "gold"}, "regulars_token": token},
    }  # fmt: skip
    if vendor == "segment":
        return http.post("/v1/identify", json=call, auth=(WRITE_KEY, ""))
    if vendor == "rudderstack":
        body = gzip.compress(json.dumps({"batch": [call]}).encode())
        form = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}
        return http.post("/v1/batch", content=body, headers=form, auth=(WRITE_KEY, ""))
    if vendor == "jitsu":
        return http.post("/api/s/identify", json=call, headers={"x-write-key": f"{WRITE_KEY}"})
    if vendor == "posthog":
        said = {"$anon_distinct_id": device, "$device_id": device, "regulars_token": token, "$set": {"plan": "gold"}}
        one = {"event": "$identify", "distinct_id": user, "uuid": f"m-{device}", "properties": said}
        return http.post("/batch/", json={"api_key": WRITE_KEY, "batch": [one]})
    if vendor == "snowplow":
        entity = {"schema": "iglu:example.shop/regulars_token/jsonschema/1-0-0", "data": {"token": token}}
        contexts = {"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": [entity]}
        one = {
            "e": "pv",
            "eid": f"m-{device}",
            "duid": device,
            "uid": user,
            "co": json.dumps(contexts),
            "url": "https://s.example/",
        }
        payload = {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [one]}
        return http.post("/com.snowplowanalytics.snowplow/tp2", json=payload, headers=KEYED)
    target = {"itemId": user, "itemType": "user"}
    one = {"eventType": "login", "scope": "shop", "target": target, "properties": {"regulars_token": token}}
    body_of = {"sessionId": f"s-{device}", "profileId": device, "events": [one]}
    return http.post("/cxs/eventcollector", json=body_of, headers=KEYED)


def profile(product: Product, identifier: str) -> str | None:
    answer = product.http.get(f"/v1/profiles/{identifier}", auth=SERVER)
    return None if answer.status_code == 404 else str(answer.json()["profile"])


def token_of(device: str, user: str, **more: Any) -> str:
    return signed(device, at=time.time_ns() // 1_000_000, sub=user, **more)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_signed_login_joins_its_browser_and_a_claimed_one_does_not(product: Product, vendor: str) -> None:
    user, mine, stolen, forged, bare = (f"{word}-{vendor}" for word in ("ana", "mine", "stolen", "forged", "bare"))
    known = {"type": "identify", "messageId": f"k-{vendor}", "userId": user, "traits": {"plan": "gold"}}
    assert product.http.post("/v1/identify", json=known, auth=SERVER).status_code == 200
    product.wait_folded()
    good = token_of(mine, user)
    for device, token in (
        (mine, good),
        (stolen, good),  # of another browser
        (forged, token_of(forged, user, key=FOREIGN)),
        (bare, ""),
    ):
        answer = login(product.http, vendor, device, user, token)
        assert answer.status_code == 200, answer.text
    product.wait_folded()
    ana = profile(product, f"user_id:{user}")
    assert ana is not None
    assert profile(product, f"anonymous_id:{mine}") == ana
    for device in (stolen, forged, bare):
        assert profile(product, f"anonymous_id:{device}") not in (None, ana), device
    timeline = product.http.get(f"/v1/profiles/user_id:{user}/timeline", auth=SERVER)
    assert good not in timeline.text  # it opens doors, so no event keeps it


def test_the_state_holds_no_token(product: Product) -> None:
    device = "kept"
    token = token_of(device, "ana-kept")
    for vendor in VENDORS:
        login(product.http, vendor, f"{device}", "ana-kept", token)
    product.wait_folded()
    secret = token.rpartition(".")[2].encode()
    for path in Path(product.data).glob("state.db*"):
        assert secret not in path.read_bytes(), path
