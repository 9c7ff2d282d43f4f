"""What an attacker sends to every way in: each is answered with one clear problem, and the server goes on as before."""

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from regulars.testing import Product
from tests import webhooks as sent
from tests.acceptance.shop import FILES, SERVER_KEY, WRITE_KEY, make_shop, viewed, views

pytestmark = pytest.mark.acceptance

EVENT = b'{"event":"Product Viewed","userId":"eve","messageId":"%b","properties":{"product_id":"p1","note":%b}}'
KEYED = (
    b'{"writeKey":"%b","api_key":"%b","placements":["nowhere"],"anonymousId":"eve","batch":[%b],"events":[%b],"x":%b}'
)
#: Every path that takes a body without a session.
PATHS = (
    "/v1/track", "/v1/identify", "/v1/alias", "/v1/batch", "/v1/import", "/beacon/v1/batch", "/api/s/track", "/batch/",
    "/i/v0/e/", "/com.snowplowanalytics.snowplow/tp2", "/cxs/eventcollector", "/cxs/context.json", "/flags/",
    "/v1/decide", "/v1/webhooks/shopify/online", "/v1/catalog/items", "/v1/privacy/consent", "/v1/privacy/erase",
    "/v1/identity/links", "/v1/failed/none/mend", "/login",
)  # fmt: skip
#: A name that no decoder looks at, until a part of a wrong type makes it look again.
UNREAD = b'{"event":"x","userId":"eve","user\x98":1,"context":{"consent":1}}'
DEEP = b"[" * 20_000 + b"]" * 20_000


def event(value: bytes, name: bytes = b"e") -> bytes:
    return EVENT % (name, value)


def keyed(value: bytes) -> bytes:
    one = event(value)
    return KEYED % (WRITE_KEY.encode(), WRITE_KEY.encode(), one, one, value)


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "a number": b"1",
    "null": b"null",
    "not JSON": b"<x/>",
    "cut": b'{"batch":[{"event":"x"}',
    "NaN": keyed(b"NaN"),
    "Infinity": keyed(b"-Infinity"),
    "a huge integer": keyed(b"9" * 5000),
    "a huge exponent": keyed(b"1e99999"),
    "deep lists": keyed(DEEP),
    "deep objects": keyed(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "deep brackets in a text": keyed(b'"' + DEEP + b'"'),
    "a list that does not end": b"[" * 400_000,
    "invalid UTF-8": keyed(b'"\xff\xfe"'),
    "a name that is no UTF-8": keyed(UNREAD),
    "nothing but a name that is no UTF-8": UNREAD,
    "overlong UTF-8": keyed(b'"\xc0\xaf"'),
    "a surrogate as bytes": keyed(b'"\xed\xa0\x80"'),
    "half a surrogate pair": keyed(b'"\\ud800"'),
    "a null character": keyed(b'"\\u0000"'),
    "a byte order mark": b"\xef\xbb\xbf" + keyed(b"1"),
    "UTF-16": json.dumps({"batch": []}).encode("utf-16"),
    "two values": keyed(b"1") * 2,
    "a million keys": b"{" + b",".join(b'"%d":1' % n for n in range(45_000)) + b"}",
    "one bomb": gzip.compress(b" " * 200_000_000),
    "a bomb of brackets": gzip.compress(b"[" * 4_000_001),
    "half a gzip": gzip.compress(keyed(b"1"))[:-20],
    "a gzip of rubbish": b"\x1f\x8b" + bytes(range(256)) * 20,
    "gzip within gzip": gzip.compress(gzip.compress(keyed(b"1"))),
    "too many events": b'{"batch":[' + b",".join([b"1"] * 6000) + b'],"events":[' + b",".join([b"1"] * 6000) + b"]}",
    "too large": b'{"batch":[' + b" " * 4_100_000 + b"]}",
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("attack")
    folder = make_shop(root / "shop", sources=FILES["sources.toml"] + sent.SOURCES_TOML)
    with Product(folder, root / "data", environment=sent.ENVIRONMENT) as started:
        yield started


@pytest.fixture(autouse=True)
def _nothing_broke(product: Product) -> Iterator[None]:
    """After each test the same processes fold as before, and none met a defect."""
    before, printed = product.pids(), len(product.printed())
    yield
    assert product.pids() == before
    product.wait_folded()
    assert product.ready()["ready"], product.ready()
    said = product.printed()[printed:]
    assert "Traceback" not in said, said[-3000:]
    assert "defect" not in said, said[-3000:]


def is_told(answer: httpx.Response, about: str) -> None:
    """Taken, or refused with one clear problem; never a failure of the server."""
    assert answer.status_code < 500, (about, answer.status_code, answer.text[:500])
    if answer.status_code >= 400 and answer.request.url.path != "/login":
        assert answer.headers["content-type"].startswith("application/problem+json"), (about, answer.text[:500])
        said = answer.json()
        assert {"type", "title", "status", "detail"} <= set(said)
        assert said["status"] == answer.status_code
        assert len(answer.content) < 5000


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", [SERVER_KEY, ""], ids=["keyed", "unkeyed"])
def test_no_body_makes_the_server_fail(product: Product, path: str, key: str) -> None:
    headers = {"content-type": "application/json", **({"x-write-key": key} if key else {})}
    with httpx.Client(base_url=product.address, timeout=60) as http:
        for name, body in HOSTILE.items():
            try:
                is_told(http.post(path, content=body, headers=headers), f"{path}: {name}")
            except httpx.WriteError:  # refused, and the connection ended, while the rest was on its way
                assert name == "too large"


@pytest.mark.parametrize(
    ("name", "status", "field"),
    [
        ("not JSON", 400, "body"),
        ("NaN", 400, "body"),
        ("cut", 400, "body"),
        ("deep lists", 400, "body"),
        ("one bomb", 413, "body"),
        ("half a gzip", 400, "body"),
        ("too many events", 413, "batch"),
        ("two values", 400, "body"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_mend(product: Product, name: str, status: int, field: str) -> None:
    answer = product.http.post("/v1/batch", content=HOSTILE[name], headers={"x-write-key": SERVER_KEY})
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert answer.json()["expected"]


def test_of_two_members_of_one_name_the_last_counts_everywhere(product: Product) -> None:
    """The door and the fold read the same one, so that none can be passed off for the other."""
    twice = b'{"event":"Product Viewed","messageId":"twice","userId":"first","userId":"last"'
    twice += b',"properties":{"product_id":"p1"}'
    body = twice + b',"writeKey":"wk_nobody","writeKey":"%b"}' % SERVER_KEY.encode()
    assert product.http.post("/v1/track", content=body).status_code == 200
    product.wait_folded()
    assert (views(product.http, "last"), views(product.http, "first")) == (1, 0)
    wrong = twice + b',"writeKey":"%b","writeKey":"wk_nobody"}' % SERVER_KEY.encode()
    assert product.http.post("/v1/track", content=wrong).status_code in (401, 429)  # others tried wrong keys before


@pytest.mark.parametrize("name", ["a name that is no UTF-8", "deep lists", "a list that does not end", "NaN", "cut"])
def test_one_item_of_the_catalogue_is_refused_as_many_are(product: Product, name: str) -> None:
    answer = product.http.put("/v1/catalog/items/bell", content=HOSTILE[name], auth=(SERVER_KEY, ""))
    assert (answer.status_code, answer.json()["field"]) == (400, "body"), answer.text


def test_one_hostile_event_never_costs_its_batch(product: Product) -> None:
    bad = [UNREAD, b'{"userId":"\xff"}', event(b"9" * 5000), event(b'"\xed\xa0\x80"'), b"[]", b'"x"', b"1e400"]
    good = [json.dumps(viewed(f"good-{at}", "good")).encode() for at in range(5)]
    body = b'{"batch":[' + b",".join([*bad, *good]) + b"]}"
    assert product.http.post("/v1/batch", content=body, headers={"x-write-key": SERVER_KEY}).status_code == 200
    product.wait_folded()
    assert views(product.http, "good") == 5


@pytest.mark.parametrize(
    "path",
    [
        "/sdk/../shop.toml", "/sdk/..%2f..%2fshop.toml", "/sdk/%2e%2e/%2e%2e/etc/passwd", "/sdk/x/..%2fregulars.js",
        "/static/../secret.key", "/static/..%2f..%2f..%2fsecret.key", "/static//etc/passwd", "/static/%00",
        "/v1/profiles/..%2f..%2fetc%2fpasswd", "/v1/profiles/%00", "/v1/profiles/" + "a" * 20_000,
        "/v1/trace/%ff%fe", "/v1/catalog/items/..%2f..", "/v1/failed/%27%20or%201=1--", "/me/..%2f", "/confirm/%00",
        "//etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/privacy/erasures/..%2f1", "/\\..\\..\\etc\\passwd",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_house(product: Product, path: str) -> None:
    answer = raw(
        product, f"GET {path} HTTP/1.1\r\nHost: shop\r\nX-Write-Key: {SERVER_KEY}\r\nConnection: close\r\n\r\n"
    )
    status = int(answer.split()[1])
    assert 300 <= status < 500, answer[:300]
    for secret in (b"root:", b"[sources", b"key_sha256"):
        assert secret not in answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: shop\r\n" + "X: y\r\n" * 20_000 + "\r\n", 431),
        ("GET /" + "a" * 70_000 + " HTTP/1.1\r\nHost: shop\r\n\r\n", 431),
        (
            "POST /v1/track HTTP/1.1\r\nHost: shop\r\nX-Write-Key: " + "k" * 70_000 + "\r\nContent-Length: 0\r\n\r\n",
            431,
        ),
        ("POST /v1/track HTTP/1.1\r\nHost: shop\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /v1/track HTTP/1.1\r\nHost: shop\r\nContent-Length: 9999999999\r\n\r\n", 413),
        ("POST /v1/track HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        ("POST /v1/track HTTP/1.1\r\nHost: s\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
        ("POST /v1/track HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        ("POST /v1/track HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
        ("GET / HTTP/9.9\r\nHost: shop\r\n\r\n", 400),
        ("GET http://[::1 HTTP/1.1\r\nHost: shop\r\n\r\n", 400),
        ("GET http://a:99999999/ HTTP/1.1\r\nHost: shop\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
def test_a_head_that_is_too_large_or_ambiguous_is_refused(product: Product, head: str, status: int) -> None:
    answer = raw(product, head)
    assert int(answer.split()[1]) == status, answer[:400]
    assert b"application/problem+json" in answer
    assert answer.count(b"HTTP/1.1 ") == 1  # nothing of it is taken for a second request


def raw(product: Product, text: str) -> bytes:
    """Everything that is answered until the server closes, or is silent for a second."""
    with socket.create_connection(("127.0.0.1", product.port), timeout=20) as connection:
        found = b""
        try:
            connection.sendall(text.encode("latin-1"))
            while chunk := connection.recv(65_536):
                found += chunk
                connection.settimeout(1)
        except (TimeoutError, ConnectionResetError):
            pass
        return found


def test_an_import_of_a_browser_and_a_forged_name_stay_outside(product: Product) -> None:
    """A public key neither imports nor speaks as another source."""
    said: dict[str, Any] = {**viewed("forged", "victim"), "source": "till", "_source": "till"}
    assert product.http.post("/v1/import", json={"batch": [said]}, auth=(WRITE_KEY, "")).status_code == 403
    assert product.http.post("/v1/track", json=said, auth=(WRITE_KEY, "")).status_code == 200
    product.wait_folded()
    assert views(product.http, "victim") == 0
