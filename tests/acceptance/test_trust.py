"""Attacks through the front door: what anybody can do who has read the write key in the shop's pages, and what not."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, WRITE_KEY
from tests.acceptance.test_decide import HERO, ask, consents, offer_at, send, shop_folder, view
from tests.tokens import ED, FOREIGN, pem, signed

pytestmark = pytest.mark.acceptance
KEYS = f'token_keys = [{{ id = "k1", algorithm = "EdDSA", public_key = """\n{pem(ED)}""" }}]\n'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A shop in which Ana, whose browser is `ana-phone`, agreed and looked at tea."""
    root = tmp_path_factory.mktemp("trust")
    folder = shop_folder(root / "shop")
    sources = "\n".join(line.strip() for line in FILES["sources.toml"].splitlines())
    (folder / "sources.toml").write_text(sources.replace("[sources.till]", KEYS + "[sources.till]"), encoding="utf-8")
    with Product(folder, root / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        send(
            product,
            {
                "type": "identify", "messageId": "login", "userId": "ana", "anonymousId": "ana-phone",
                "traits": {"email": "ana@example.org"},
            },
            consents(granted=True, userId="ana"),
            view(1, userId="ana"),
            view(2, userId="ana"),
        )  # fmt: skip
        yield product


def now() -> int:
    return time.time_ns() // 1_000_000


def public(shop: Product, *calls: dict[str, Any], strict: bool = False, status: int = 200) -> dict[str, Any]:
    """Calls with the write key of the shop's pages."""
    path = "/v1/batch" + ("?strict=1" if strict else "")
    answer = shop.http.post(path, json={"batch": list(calls)}, auth=(WRITE_KEY, ""))
    assert answer.status_code == status, answer.text
    shop.wait_folded()
    told: dict[str, Any] = answer.json()
    return told


def identify(device: str, user: str | None = None, token: str | None = None, **more: Any) -> dict[str, Any]:
    context = {} if token is None else {"context": {"regulars_token": token}}
    who = {} if user is None else {"userId": user}
    return {"type": "identify", "messageId": f"i-{now()}-{device}", "anonymousId": device, **who, **context, **more}


def profile(shop: Product, identifier: str) -> dict[str, Any] | None:
    answer = shop.http.get(f"/v1/profiles/{identifier}")
    if answer.status_code == 404:
        return None
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def ana(shop: Product) -> dict[str, Any]:
    """Everything that the shop tells of Ana."""
    found = profile(shop, "user_id:ana")
    assert found is not None
    return found


def shown(shop: Product, device: str, **more: Any) -> str | None:
    """What a browser is shown; `tea_time` is for those who agreed and looked at tea twice."""
    return offer_at(ask(shop, HERO, key=WRITE_KEY, anonymousId=device, **more), HERO)


# What a token opens ---------------------------------------------------------------------------------------------------


def test_a_signed_login_joins_the_browser_and_may_be_decided_for(shop: Product) -> None:
    send(shop, consents(granted=True, userId="bea"), view(1, userId="bea"), view(2, userId="bea"))
    token = signed("bea-laptop", at=now(), sub="bea")
    assert shown(shop, "bea-laptop", userId="bea") == "welcome"
    # Signed, but nothing was folded yet: the token alone says whose browser it is.
    assert shown(shop, "bea-laptop", context={"regulars_token": token}) == "tea_time"
    answer = shop.http.post(
        "/v1/decide",
        json={"placements": [HERO], "anonymousId": "bea-laptop"},
        headers={"x-regulars-token": token},
        auth=(WRITE_KEY, ""),
    )
    assert offer_at(answer.json(), HERO) == "tea_time"
    assert "x-regulars-token" not in answer.headers
    told = public(shop, identify("bea-laptop", "bea", token), strict=True)
    assert told["events"][0]["subject"] == "user_id:bea"
    assert (profile(shop, "anonymous_id:bea-laptop") or {})["profile"] == (profile(shop, "user_id:bea") or {})[
        "profile"
    ]


def test_a_browser_on_which_another_logged_in_before_is_not_shown_what_that_one_did(shop: Product) -> None:
    token = signed("ana-phone", at=now(), sub="newcomer")
    assert shown(shop, "ana-phone", context={"regulars_token": token}) == "welcome"


# What nobody else may -------------------------------------------------------------------------------------------------


def none_signed() -> str:
    head, body, _ = signed("mallory", at=now(), sub="ana").split(".")
    del head
    return urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').rstrip(b"=").decode() + f".{body}."


def signed_with_the_public_key() -> str:
    _, body, _ = signed("mallory", at=now(), sub="ana").split(".")
    content = urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=").decode() + "." + body
    mac = hmac.digest(pem(ED).encode(), content.encode(), hashlib.sha256)
    return f"{content}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def tampered() -> str:
    head, _, signature = signed("mallory", at=now(), sub="mallory").split(".")
    return f"{head}.{signed('mallory', at=now(), sub='ana').split('.')[1]}.{signature}"


FORGERIES: dict[str, Callable[[], str]] = {
    "wrong_device": lambda: signed("ana-phone", at=now(), sub="ana", ids={"email": "ana@example.org"}),
    "expired": lambda: signed("mallory", at=now() - 3_600_000, sub="ana"),
    "bad_signature": tampered,
    "bad_signature of another": lambda: signed("mallory", at=now(), key=FOREIGN, sub="ana"),
    "wrong_algorithm of none": none_signed,
    "wrong_algorithm": signed_with_the_public_key,
    "wrong_audience": lambda: signed("mallory", at=now(), sub="ana", aud="app"),
    "holds_too_long": lambda: signed("mallory", at=now(), sub="ana", exp=now() // 1000 + 10**7),
    "unknown_key": lambda: signed("mallory", at=now(), sub="ana", kid="k2"),
    "too_large": lambda: "A" * 20_000,
}


@pytest.mark.parametrize("reason", FORGERIES)
def test_a_token_that_does_not_hold_leaves_claims_claims(shop: Product, reason: str) -> None:
    before = ana(shop)
    token, code = FORGERIES[reason](), reason.split(maxsplit=1)[0]
    told = public(shop, identify("mallory", "ana", token, traits={"email": "ana@example.org"}), strict=True)
    assert (told["events"][0]["token"], told["events"][0]["subject"]) == (code, "anonymous_id:mallory")
    answer = shop.http.post(
        "/v1/decide",
        json={"placements": [HERO], "anonymousId": "mallory", "context": {"regulars_token": token}},
        auth=(WRITE_KEY, ""),
    )
    assert (offer_at(answer.json(), HERO), answer.headers["x-regulars-token"]) == ("welcome", code)
    assert ana(shop) == before
    assert (profile(shop, "anonymous_id:mallory") or {})["profile"] != before["profile"]


def test_refused_tokens_are_counted(shop: Product) -> None:
    def count() -> float:
        lines = shop.http.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("regulars_tokens_refused"))

    before = count()
    public(shop, identify("mallory", "ana", "nonsense"))
    assert count() == before + 1


def test_foreign_addresses_and_logins_open_nothing(shop: Product) -> None:
    before = ana(shop)
    claims = {"externalIds": [{"type": "email", "id": "ana@example.org"}, {"type": "user_id", "id": "ana"}]}
    public(
        shop,
        identify("mallory", "ana", traits={"email": "ana@example.org", "name": "Mallory"}),
        identify("mallory", context=claims),
        {"type": "alias", "messageId": "al1", "userId": "ana", "previousId": "mallory"},
        {"type": "alias", "messageId": "al2", "userId": "mallory", "previousId": "ana", "anonymousId": "mallory"},
    )
    assert ana(shop) == before
    for more in ({"userId": "ana"}, {"identifier": "email:ana@example.org"}, {"identifier": before["profile"]}):
        assert shown(shop, "mallory", **more) == "welcome"
    ask(shop, HERO, key=WRITE_KEY, anonymousId="mallory", explain=True, status=403)
    for path in ("profiles/user_id:ana", "profiles/user_id:ana/timeline", "trace/login"):
        assert shop.http.get(f"/v1/{path}", auth=(WRITE_KEY, "")).status_code == 403


def test_nobody_agrees_or_withdraws_for_another(shop: Product) -> None:
    send(shop, consents(granted=False, userId="cora"))
    for granted, victim in ((False, "ana"), (True, "cora")):
        before = profile(shop, f"user_id:{victim}")
        said = {"purposes": {"personalisation": granted, "analytics": granted}}
        riding = {"consent": {"categoryPreferences": said["purposes"]}}
        public(
            shop,
            {**consents(granted=granted, userId=victim), "anonymousId": "mallory", "messageId": f"m1{victim}"},
            {**view(7, anonymousId="mallory"), "userId": victim, "context": riding, "messageId": f"m2{victim}"},
        )
        body = {"identifier": f"user_id:{victim}", "purpose": "analytics", "granted": granted, "reason": "x"}
        assert shop.http.post("/v1/privacy/consent", json=body, auth=(WRITE_KEY, "")).status_code == 403
        assert profile(shop, f"user_id:{victim}") == before


def test_a_customer_does_not_get_the_browser_of_another_with_a_token_of_their_own(shop: Product) -> None:
    before = ana(shop)
    token = signed("mallory-own", at=now(), sub="mallory")
    stolen = identify("mallory-own", "mallory", token)
    public(
        shop,
        {**stolen, "type": "alias", "previousId": "ana-phone", "messageId": "st1"},
        {**stolen, "anonymousId": "ana-phone", "messageId": "st2"},  # the token is not bound to that browser
    )
    after = ana(shop)
    # Under the id of Ana's browser something was sent, so it was seen: that id is the browser's secret.
    assert after.pop("last_seen") > before.pop("last_seen")
    assert after == before
    assert before["profile"] == (profile(shop, "anonymous_id:ana-phone") or {})["profile"]


def test_who_knows_the_id_of_anothers_browser_reads_nothing_of_the_person(shop: Product) -> None:
    """An anonymous id is the secret of its browser: events under it count as that browser's, and nothing is read."""
    assert shown(shop, "ana-phone") == "welcome"
    assert shown(shop, "ana-phone", userId="ana") == "welcome"


def test_many_large_tokens_cost_little(shop: Product) -> None:
    calls = [identify(f"m{n}", "ana", signed(f"m{n}", at=now(), key=FOREIGN, sub="ana")) for n in range(300)]
    calls += [identify("m", "ana", "A" * 20_000) for _ in range(10)]
    for number, call in enumerate(calls):
        call["messageId"] = f"many-{number}"
    told = public(shop, *calls, strict=True)
    reasons = [event["token"] for event in told["events"]]
    assert reasons.count("bad_signature") == 8
    assert reasons.count("too_many") == len(calls) - 8


# Confirmation links ---------------------------------------------------------------------------------------------------


def link(shop: Product, *, key: str = SERVER_KEY, status: int = 200, **body: Any) -> str:
    answer = shop.http.post("/v1/privacy/links", json=body, auth=(key, ""))
    assert answer.status_code == status, answer.text
    return urlsplit(answer.json()["url"]).path if status == 200 else str(answer.json()["field"])


def stranger(shop: Product) -> httpx.Client:
    return httpx.Client(base_url=shop.address, timeout=30)


def test_a_link_is_confirmed_by_its_button_once_and_by_no_look(shop: Product) -> None:
    path = link(
        shop, action="confirm_identifier", identifier="email:dora@example.org", anonymous_id="dora-phone", language="de"
    )
    public(shop, view(1, anonymousId="dora-phone"), view(2, anonymousId="dora-phone"))
    with stranger(shop) as http:
        for method in ("GET", "HEAD", "GET"):
            assert http.request(method, path).status_code in (200, 405)
        page = http.get(path)
        assert "dora@example.org" in unescape(page.text)
        assert "<script" not in page.text
        assert profile(shop, "email:dora@example.org") is None
        assert http.post(path).status_code == 200
        dora = profile(shop, "email:dora@example.org")
        assert dora is not None
        assert dora["profile"] == (profile(shop, "anonymous_id:dora-phone") or {})["profile"]
        assert dora["traits"]["views"] == 2
        assert http.post(path).status_code == 409
        assert http.post(path[:-4]).status_code == 404


def test_a_withdrawal_is_not_undone_by_an_old_link(shop: Product) -> None:
    path = link(
        shop, action="consent", identifier="email:ed@example.org", purposes=["personalisation"], text_version="v1"
    )
    with stranger(shop) as http:
        assert http.post(path).status_code == 200
        assert (profile(shop, "email:ed@example.org") or {})["consent"].keys() == {"personalisation"}
        body = {"identifier": "email:ed@example.org", "purpose": "personalisation", "granted": False, "reason": "call"}
        shop.http.post("/v1/privacy/consent", json=body).raise_for_status()
        assert http.post(path).status_code == 409
    assert not (profile(shop, "email:ed@example.org") or {})["consent"]


def test_a_link_says_what_the_shop_asked_and_nobody_else_can_make_one(shop: Product) -> None:
    assert link(shop, key=WRITE_KEY, status=403, action="consent", identifier="email:a@b.de", purposes=["x"])
    token = link(shop, action="consent", identifier="email:mallory@example.org", purposes=["personalisation"])
    body, _, signature = token.removeprefix("/confirm/").partition(".")
    forged = body.replace(body[40:44], "AAAA")
    with stranger(shop) as http:
        for wrong in (f"{forged}.{signature}", body, f"{body}.", f".{signature}", "x", "%00", "ü", "A" * 5_000):
            assert http.post(f"/confirm/{wrong}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "consent", "identifier": "email:a@b.de", "purposes": []}, "purposes"),
        ({"action": "consent", "identifier": "email:a@b.de", "purposes": ["contract"]}, "purposes"),
        ({"action": "consent", "identifier": "anonymous_id:c1", "purposes": ["analytics"]}, "identifier"),
        ({"action": "confirm_identifier", "identifier": "email:a@b.de"}, "anonymous_id"),
        ({"action": "confirm_identifier", "identifier": "nonsense", "anonymous_id": "c"}, "identifier"),
        ({"action": "confirm_identifier", "identifier": "email:a@b.de", "anonymous_id": "c", "hours": 0}, "hours"),
    ],
)
def test_a_wrong_link_is_not_made(shop: Product, body: dict[str, Any], field: str) -> None:
    assert link(shop, status=422, **body) == field


def test_tokens_of_the_log_say_the_same_when_read_again(shop: Product) -> None:
    """The trace reads the verbatim body again."""
    token = signed("fay-phone", at=now(), sub="fay")
    public(shop, {**identify("fay-phone", "fay", token), "messageId": "fay-login"})
    steps = json.dumps(shop.http.get("/v1/trace/fay-login").json()["steps"])
    assert "user_id:fay" in steps
