"""Who a key belongs to, and in which ways it may be sent."""

import base64
import hashlib

import pytest

from regulars.api.keys import Keys, allows_origin, key_in, key_in_body
from regulars.core.definitions import Source

WEB = Source(id="web", kind="browser", write_key="wk_public", origins=("https://shop.example",))
TILL = Source(id="till", kind="server", key_sha256=hashlib.sha256(b"sk_secret").hexdigest())


def basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("authorization", "header", "key"),
    [
        (basic("wk_public:"), b"", "wk_public"),
        (basic("wk_public"), b"", "wk_public"),
        (basic("wk_public:password"), b"", "wk_public"),
        (basic("wk_public:").rstrip(b"="), b"", "wk_public"),
        (b"bearer sk_secret", b"", "sk_secret"),
        (b"", b"wk_public", "wk_public"),
        (b"Digest x", b"wk_public", "wk_public"),
        (b"Basic \xff\xfe", b"", ""),
        (b"", b"", ""),
    ],
)
def test_a_key_is_found_in_the_headers(authorization: bytes, header: bytes, key: str) -> None:
    assert key_in(authorization, header) == key


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"writeKey": "wk_public"}', "wk_public"),
        (b'{"batch": [{"writeKey": "inner"}]}', ""),
        (b'{"writeKey": 5}', ""),
        (b"[", ""),
        (b"\xff", ""),
    ],
)
def test_a_key_is_found_in_the_body(body: bytes, key: str) -> None:
    assert key_in_body(body) == key


def test_a_server_key_is_known_by_its_hash_alone() -> None:
    keys = Keys([WEB, TILL])
    assert keys.source("sk_secret") is TILL
    assert keys.source("wk_public") is WEB
    assert keys.source(TILL.key_sha256) is None
    assert keys.source("") is None
    assert keys.source("wk_\ud800") is None


def test_a_source_without_origins_may_be_used_from_everywhere() -> None:
    open_source = Source(id="open", kind="browser", write_key="wk_open")
    assert allows_origin(open_source, b"https://any.example")
    assert not allows_origin(WEB, b"https://any.example")
    assert Keys([WEB, open_source]).allows_origin(b"https://any.example")
    assert not Keys([WEB, TILL]).allows_origin(b"https://any.example")
    assert Keys([WEB]).allows_origin(b"https://shop.example")
