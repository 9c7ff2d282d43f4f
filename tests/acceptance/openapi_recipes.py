"""A request that each operation of the surface answers with what was asked for: valid ids, bodies, signatures.

Whoever makes requests up seldom names two identifiers of one profile, and never signs a delivery. So the first request
of an operation is one from here, and what is made up follows.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

import msgspec

from regulars.api.access import operator_key
from regulars.shop import load
from regulars.testing import Product
from tests import webhooks as sent
from tests.acceptance.shop import SERVER_KEY

#: A shop system's app that shops register with, and more of the folder that only some operations ask for.
APP, APP_SECRET = "apps", "of-the-manifest"
SOURCES_TOML = f"""
    [sources.{APP}]
    kind = "server"
    [sources.{APP}.webhook]
    shop = "shopware"
    app = "CornerApp"
    secret = "env:SECRET_APP"
    """
ENVIRONMENT = {"SECRET_APP": APP_SECRET}
#: "path", "query" and "headers" by name; "body": JSON, or the text that is sent; "key": whose, where not the shop's.
Recipe = dict[str, Any]


def recipes(product: Product, people: list[str]) -> dict[str, Recipe]:
    """By operation; what is not here is asked with what stands in the description. Three `people` are used up."""
    http = product.http

    def told(path: str, said: Any) -> Any:
        answer = http.post(path, json=said, auth=(SERVER_KEY, ""))
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    parted, split, closer = people[-3:]
    device = {user: f"d{number}" for number, user in enumerate(people)}
    pair = {"a": f"user_id:{parted}", "b": f"anonymous_id:{device[parted]}", "reason": "a shared browser"}
    told("/v1/privacy/unlink", pair)
    profile = http.get(f"/v1/profiles/user_id:{split}", auth=(SERVER_KEY, "")).json()["profile"]
    definitions = base64.b64encode(msgspec.msgpack.encode(load(product.shop))).decode()
    delivery = json.dumps(sent.shopify_order(7001))
    query = {"shop-id": "s9", "shop-url": "https://s9.example", "timestamp": "1772445600"}
    operator = operator_key((product.data / "secret.key").read_bytes())
    who = {"identifier": f"user_id:{closer}", "reason": "asked on the telephone"}
    wanted = [one["id"] for one in http.get("/v1/privacy/requests", auth=(SERVER_KEY, "")).json()]
    events = {"event": "Product Viewed", "properties": {"product_id": "p1"}}
    proposal = {"a": "user_id:u3", "b": "user_id:u4", "score": 0.7, "prior": -9.0, "reasons": [["email", "near", 4.5]]}
    registered = _registered(product)
    return {
        "GET /v1/search": {"query": {"q": "tea"}},
        "POST /v1/search": {"body": {"query": "tea", "userId": "u5"}},
        "POST /batch/": {"body": {"api_key": SERVER_KEY, "batch": [{"event": "seen", "distinct_id": "u5"}]}},
        "POST /i/v0/e/": {"body": {"api_key": SERVER_KEY, "event": "seen", "distinct_id": "u5"}},
        "POST /com.snowplowanalytics.snowplow/tp2": {
            "body": {
                "schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4",
                "data": [{"e": "pv", "url": "https://shop.example/", "tna": "x", "uid": "u5"}],
            }
        },
        "POST /cxs/eventcollector": {
            "body": {"sessionId": "s", "events": [{"eventType": "view", "scope": "shop", "sessionId": "s"}]}
        },
        "POST /v1/webhooks/{system}/{source}": {
            "path": {"system": "shopify", "source": sent.SOURCES["shopify"]},
            "headers": sent.headers_of("shopify", "orders/create", "fresh", delivery.encode()),
            "body": delivery,
        },
        "POST /v1/touchpoints/{kind}": {
            "path": {"kind": "footfall"},
            "body": [{"store": "Graz", "starts": "2026-03-01 10:00", "ends": "2026-03-01 11:00", "visitors": 41}],
        },
        "POST /mp/collect": {
            "query": {"api_secret": SERVER_KEY, "measurement_id": "G-1"},
            "body": {"client_id": "77.1", "events": [{"name": "view_item", "params": {"items": [{"item_id": "p1"}]}}]},
        },
        **{
            f"POST /v1/{way}": {"body": {"batch": [events | {"userId": "u5"}]}}
            for way in ("batch", "import", "b")
        },
        "POST /v1/privacy/relink": {"body": pair},
        "POST /v1/privacy/split": {
            "body": {"profile": profile, "keys": [f"anonymous_id:{device[split]}"], "reason": "two people"}
        },
        "POST /v1/privacy/rectify": {"body": who | {"facts": {"first_name": "Ana"}}},
        "POST /v1/privacy/preferences": {"body": who | {"preferences": {"channel": "email"}}},
        "POST /v1/privacy/requests/{wanted}": {"path": {"wanted": wanted[0]}, "body": {"note": "sent by post"}},
        "POST /v1/identity/proposals": {"body": {"proposals": [proposal]}},
        "POST /v1/identity/apply": {"body": {"definitions": definitions}},
        "POST /v1/replay": {"body": {"definitions": definitions}},
        "POST /v1/users/password": {
            "body": {"name": "admin", "password": "scrypt$1$1$1$c2FsdA==$aGFzaA=="},
            "key": operator,
        },
        "POST /v1/rules/dry-run": {"body": {"rule": "no_tea"}},
        "GET /v1/webhooks/shopware/{source}/register": {
            "path": {"source": APP}, "query": query,
            "headers": {"shopware-app-signature": _signed(APP_SECRET, _query(query))},
        },
        "POST /v1/webhooks/shopware/{source}/confirm": {
            "path": {"source": APP}, "body": registered[0],
            "headers": {"shopware-shop-signature": registered[1], "content-type": "application/json"},
        },
    }  # fmt: skip


def _registered(product: Product) -> tuple[str, str]:
    """What a shop that has registered confirms with, and how it signs that."""
    query = _query({"shop-id": "s8", "shop-url": "https://s8.example", "timestamp": "1772445600"})
    headers = {"shopware-app-signature": _signed(APP_SECRET, query)}
    answer = product.http.get(f"/v1/webhooks/shopware/{APP}/register?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    body = json.dumps({"apiKey": "k", "secretKey": "k", "shopUrl": "https://s8.example", "shopId": "s8"})
    return body, _signed(answer.json()["secret"], body)


def _query(values: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in values.items())


def _signed(secret: str, said: str) -> str:
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()
