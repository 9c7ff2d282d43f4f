"""The way from the shop's account to the customer's own page, and who tries to come in there as somebody else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, make_shop
from tests.acceptance.test_access import tell
from tests.tokens import ED, FOREIGN, pem, signed

pytestmark = pytest.mark.acceptance
KEYS = f'token_keys = [{{ id = "k1", algorithm = "EdDSA", own_page = true, public_key = """\n{pem(ED)}""" }}]\n'
SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose backend may send customers to their page."""
    sources = "\n".join(line.strip() for line in FILES["sources.toml"].splitlines())
    text = sources.replace("[sources.till]", KEYS + "[sources.till]")
    return make_shop(tmp_path_factory.mktemp("enter") / "shop", sources=text)


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Product]:
    """Ana and Ben have accounts."""
    with Product(folder, folder.parent / "data") as product:
        for user in ("ana", "ben"):
            tell(product, {"type": "identify", "userId": user, "messageId": f"{user}-1", "traits": {"name": user}})
        yield product


def token(user: str | None, jti: str, **claims: Any) -> str:
    at = time.time_ns() // 1_000_000
    return signed(None, at=at, **{"aud": "web/me", "sub": user, "jti": jti, "exp": at // 1000 + 120, **claims})


def enter(product: Product, sent: str, **form: str) -> httpx.Response:
    headers = {"origin": SHOP, "sec-fetch-site": "cross-site", "referer": f"{SHOP}/account"}
    return product.http.post("/me", data={"token": sent, **form}, headers=headers, follow_redirects=False)


def test_a_customer_comes_in_from_the_shop_and_sees_the_own_page(shop: Product) -> None:
    answer = enter(shop, token("ana", "a1"), language="de")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/me/")
    page = shop.http.get(answer.headers["location"])
    assert "Diese Seite gehört zu ana" in page.text
    assert "<dd>ana</dd>" in page.text
    foreign = shop.http.get(enter(shop, token("ben", "b1")).headers["location"])
    assert "This page belongs to ben" in foreign.text


@pytest.mark.slow
def test_a_token_counts_once_at_once_and_after_a_restart(shop: Product) -> None:
    once = token("ana", "twice")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: enter(shop, once), range(6)))
    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410, 410, 410]
    refused = next(answer for answer in answers if answer.status_code == 410)
    assert refused.headers["x-regulars-token"] == "used"
    assert "was used before" in refused.text
    same_id = token("ben", "twice")
    assert enter(shop, same_id).status_code == 410
    shop.kill()
    shop.start()
    assert enter(shop, once).headers["x-regulars-token"] == "used"


@pytest.mark.parametrize(
    ("status", "reason", "claims"),
    [
        (410, "expired", {"iat": 1_000, "exp": 1_200}),
        (404, "wrong_audience", {"aud": "web"}),
        (404, "wrong_audience", {"aud": "till/me"}),
        (404, "bad_signature", {"key": FOREIGN}),
        (404, "unknown_key", {"kid": "k2"}),
        (404, "holds_too_long", {"exp": time.time() // 1 + 9_000}),
        (404, "unknown_customer", {"user": "nobody-here"}),
        (404, "malformed", {"user": None, "ids": {"anonymous_id": "ana-phone"}}),
        (404, "malformed", {"user": None, "ids": {"order_id": "o-1"}}),
    ],
)
def test_other_tokens_open_nothing_and_say_why(shop: Product, status: int, reason: str, claims: dict[str, Any]) -> None:
    answer = enter(shop, token(**{"user": "ana", "jti": "x1", **claims}))
    assert (answer.status_code, answer.headers.get("x-regulars-token")) == (status, reason)
    assert "location" not in answer.headers
    assert "ana" not in answer.text


def test_nothing_else_than_a_form_of_bounded_size_is_read(shop: Product) -> None:
    assert shop.http.get("/me", params={"token": token("ana", "g1")}).status_code == 404
    assert shop.http.post("/me", params={"token": token("ana", "g1")}).status_code == 404
    large = shop.http.post("/me", data={"x": "y" * 20_000, "token": token("ana", "g2")})
    assert (large.status_code, large.headers["x-regulars-token"]) == (404, "too_large")
    assert shop.http.post("/me", content=b"\xff&=&" * 500).status_code == 404
    assert shop.http.post("/me", json={"token": token("ana", "g3")}).status_code == 404


def test_no_field_says_where_to_go_and_no_other_site_learns_the_address(shop: Product) -> None:
    hostile = dict.fromkeys(("next", "return_to", "redirect", "url", "continue"), "https://evil.example/")
    answer = shop.http.post(
        "/me", params=hostile, data={"token": token("ana", "r1"), **hostile, "language": "//evil.example"},
        headers={"host": "evil.example", "x-forwarded-host": "evil.example"}, follow_redirects=False,
    )  # fmt: skip
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/me/")
    assert "evil" not in str(answer.headers)
    page = shop.http.get(answer.headers["location"])
    for one in (answer, page):
        assert one.headers["referrer-policy"] == "same-origin"
        assert one.headers["cache-control"] == "no-store"
        assert "set-cookie" not in one.headers


def test_no_file_of_the_installation_has_the_token_or_its_id(shop: Product) -> None:
    """Neither a log line nor the log of events: what is kept is a hash of the id that was used up."""
    good, bad = token("ana", "never-written"), token("ana", "never-written-either", key=FOREIGN)
    location = enter(shop, good).headers["location"]
    assert enter(shop, bad).status_code == 404
    shop.wait_folded()
    needles = [text.encode() for sent in (good, bad) for text in (sent, sent.rsplit(".", 1)[1])]
    needles += [b"never-written", location.rsplit("/", 1)[1].encode()]
    written = {path: path.read_bytes() for path in shop.data.rglob("*") if path.is_file()}
    written[Path("printed")] = shop.printed().encode()
    assert b"a token did not open" in written[Path("printed")]
    assert b"me:" in b"".join(written.values())
    for path, content in written.items():
        assert not [needle for needle in needles if needle in content], path
