"""Who a key belongs to, and in which ways it may be sent."""

import base64
import hashlib
import hmac
import re
from pathlib import Path

import pytest

import regulars
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


def test_no_secret_is_compared_in_a_way_whose_time_tells_of_it() -> None:
    """Every digest, signature and operator's key goes through `hmac.compare_digest`, never through `==`."""
    telling = re.compile(
        r"(?:digest\(\)|hexdigest\(\)|signature|secret|operator)\s*[!=]=|[!=]=\s*(?:hmac|signature|secret|digest)"
    )
    source = Path(regulars.__file__).parent
    found = [
        f"{path.relative_to(source)}: {line.strip()}"
        for room in ("api", "console", "runtime", "collect")
        for path in sorted((source / room).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if telling.search(line)
    ]
    assert found == []


def test_every_server_key_is_compared_whichever_is_found_first(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    constant = hmac.compare_digest

    def counted(a: str, b: str) -> bool:
        compared.append(a)
        return constant(a, b)

    monkeypatch.setattr("regulars.api.keys.hmac.compare_digest", counted)
    others = [Source(id=f"s{at}", kind="server", key_sha256=hashlib.sha256(b"%d" % at).hexdigest()) for at in range(5)]
    keys = Keys([TILL, *others])
    assert keys.source("sk_secret") == TILL
    assert keys.source("sk_nobody") is None
    assert len(compared) == 12
