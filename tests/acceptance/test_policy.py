"""What sources may be used for at most, asked over HTTP: refused at the door, counted, and partners kept apart."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from regulars.cli._main import program
from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, make_shop

pytestmark = pytest.mark.acceptance

STORE_KEY, BRAND_KEY, ASKING_KEY = "sk_store_of_bern", "sk_brand_regent", "sk_brand_alpina"
PARTNER_KEY, NARROW_KEY, STRICT_KEY = "sk_partner_acme", "sk_contract_only", "sk_own_consent"


def _server(name: str, key: str, more: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f'\n[sources.{name}]\nkind = "server"\nkey_sha256 = "{digest}"\nscopes = ["collect"]\n{more}\n'


SOURCES = (
    FILES["sources.toml"]
    + _server("acme", PARTNER_KEY, 'partner = "acme"')
    + _server("narrow", NARROW_KEY, "purposes = []")
    + _server("bern", STORE_KEY, 'store = "Bern"\ntitle = { en = "Bern, Market Square", de = "Bern, Marktplatz" }')
    + _server("label", BRAND_KEY, 'brand = "Regent"')
    + _server("alpina", ASKING_KEY, 'brand = "Alpina"\nown_purpose = "brand_alpina"')
    + _server("strict", STRICT_KEY, 'consent = "required"')
)
TEXT = 'text = { de = "Wozu", en = "What for" }\n'
CONSENT = (
    f'[purposes.analytics]\n{TEXT}[purposes.partners]\n{TEXT}[purposes."partners:acme"]\npartner = "acme"\n{TEXT}'
    f"[purposes.brand_alpina]\n{TEXT}"
)
TRAITS = FILES["traits.toml"] + (
    '\n[traits.likes]\nkind = "count"\nevents = ["Product Liked"]\npurpose = "analytics"\n'
    '\n[traits.partner_likes]\nkind = "count"\nevents = ["Product Liked"]\npurpose = "partners:acme"\n'
    '\n[traits.notes]\nkind = "distinct"\nevents = ["Product Viewed"]\nof = "note"\n'
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("policy")
    with Product(make_shop(root / "shop", sources=SOURCES, consent=CONSENT, traits=TRAITS), root / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        yield product


def send(product: Product, key: str, *calls: dict[str, Any]) -> None:
    product.http.post("/v1/batch", json={"batch": list(calls)}, auth=(key, "")).raise_for_status()
    product.wait_folded()


def liked(message: str, user: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Product Liked", "messageId": message, "userId": user,
            "properties": {"product_id": "p1"}, **more}  # fmt: skip


def agree(product: Product, user: str, **purposes: bool) -> None:
    said = {"purposes": {name.replace("__", ":"): granted for name, granted in purposes.items()}}
    call = {"type": "track", "event": "Consent Updated", "messageId": f"c-{user}-{purposes}", "userId": user}
    send(product, SERVER_KEY, {**call, "properties": said})


def traits(product: Product, user: str) -> dict[str, Any]:
    found: dict[str, Any] = product.http.get(f"/v1/profiles/user_id:{user}").raise_for_status().json()["traits"]
    return found


def why(product: Product, message: str, source: str) -> str:
    answer = product.http.get(f"/v1/trace/{message}", params={"source": source}).raise_for_status()
    return answer.text


def test_a_source_for_contract_alone_feeds_nothing_else_whatever_the_customer_allows(shop: Product) -> None:
    agree(shop, "ana", analytics=True)
    send(shop, NARROW_KEY, liked("n1", "ana"))
    send(shop, SERVER_KEY, liked("n2", "ana"))
    assert traits(shop, "ana")["likes"] == 1
    assert "not_of_source" in shop.http.get("/metrics").text
    assert why(shop, "n1", "narrow") != why(shop, "n2", "till")


def test_a_source_that_must_bring_its_own_consent_is_refused_without_it(shop: Product) -> None:
    agree(shop, "ben", analytics=True)
    own = {"context": {"consent": {"categoryPreferences": {"analytics": True}}}}
    send(shop, STRICT_KEY, liked("s1", "ben"), liked("s2", "ben", **own))
    assert traits(shop, "ben")["likes"] == 1
    assert 'reason="no_own_consent",source="strict"' in shop.http.get("/metrics").text


def test_what_a_partner_tells_is_for_that_partner_alone_and_goes_with_the_consent(shop: Product) -> None:
    agree(shop, "cia", analytics=True, partners=True, partners__acme=True)
    send(shop, PARTNER_KEY, liked("p1", "cia"), liked("p2", "cia"))
    send(shop, SERVER_KEY, liked("p3", "cia"))
    assert {name: traits(shop, "cia")[name] for name in ("likes", "partner_likes")} == {"likes": 1, "partner_likes": 2}
    agree(shop, "cia", partners__acme=False)
    assert {name: traits(shop, "cia").get(name) for name in ("likes", "partner_likes")} in (
        {"likes": 1, "partner_likes": 0},
        {"likes": 1, "partner_likes": None},
    )


def facts(product: Product, user: str) -> dict[str, tuple[Any, str]]:
    told = product.http.get(f"/v1/privacy/access/user_id:{user}").raise_for_status().json()["facts"]
    return {one["name"]: (one["value"], one["origin"]) for one in told}


def test_facts_keep_their_origin_and_a_partners_alone_leave_with_its_consent(shop: Product) -> None:
    agree(shop, "hal", partners=True, partners__acme=True)
    known = {"type": "identify", "userId": "hal"}
    send(shop, SERVER_KEY, {**known, "messageId": "h1", "traits": {"city": "Bern"}})
    send(shop, STORE_KEY, {**known, "messageId": "h2", "traits": {"size": "38"}})
    send(shop, BRAND_KEY, {**known, "messageId": "h3", "traits": {"colour": "red"}})
    send(shop, PARTNER_KEY, {**known, "messageId": "h4", "traits": {"hobby": "chess"}}, liked("h5", "hal"))
    own = {"city": ("Bern", ""), "size": ("38", "store:Bern"), "colour": ("red", "brand:Regent")}
    assert facts(shop, "hal") == {**own, "hobby": ("chess", "partners:acme")}
    assert traits(shop, "hal")["partner_likes"] == 1
    origins_told = shop.http.get("/v1/profiles/user_id:hal/origins").raise_for_status().json()["facts"]
    assert {one["name"]: one["purpose"] for one in origins_told} == {
        "city": "contract", "size": "contract", "colour": "contract", "hobby": "partners:acme",
    }  # fmt: skip
    assert "Bern, Market Square" in shop.http.get(
        "/v1/privacy/access/user_id:hal", params={"format": "html", "language": "en"}
    ).text  # fmt: skip
    agree(shop, "hal", partners__acme=False)
    assert facts(shop, "hal") == own
    assert not traits(shop, "hal").get("partner_likes")
    agree(shop, "hal", partners__acme=True)  # what was withdrawn does not come back
    assert (facts(shop, "hal"), traits(shop, "hal")["partner_likes"]) == (own, 0)


def test_a_brand_that_asks_for_a_consent_of_its_own_is_refused_by_itself(shop: Product) -> None:
    known = {"type": "identify", "userId": "ida"}
    bought = {"type": "track", "event": "Order Completed", "userId": "ida", "messageId": "i0",
              "properties": {"order_id": "ida-1", "total": 20, "currency": "EUR"}}  # fmt: skip
    agree(shop, "ida", analytics=True)
    send(shop, SERVER_KEY, {**known, "messageId": "i1", "traits": {"city": "Bern"}}, liked("i2", "ida"))
    send(shop, ASKING_KEY, {**known, "messageId": "i3", "traits": {"boots": "42"}}, liked("i4", "ida"), bought)
    assert facts(shop, "ida") == {"city": ("Bern", "")}
    assert traits(shop, "ida")["likes"] == 1
    assert orders(shop, "ida") == ["ida-1"]  # the contract asks for it, not the brand
    assert "no consent" in why(shop, "i4", "alpina")
    agree(shop, "ida", brand_alpina=True)
    send(shop, ASKING_KEY, {**known, "messageId": "i5", "traits": {"boots": "43"}}, liked("i6", "ida"))
    assert facts(shop, "ida") == {"city": ("Bern", ""), "boots": ("43", "brand:Alpina")}
    assert traits(shop, "ida")["likes"] == 2
    told = shop.http.get("/v1/profiles/user_id:ida/origins").raise_for_status().json()["facts"]
    assert {one["name"]: one["purpose"] for one in told} == {"city": "contract", "boots": "brand_alpina"}
    agree(shop, "ida", brand_alpina=False)
    assert facts(shop, "ida") == {"city": ("Bern", "")}
    assert (traits(shop, "ida")["likes"], orders(shop, "ida")) == (1, ["ida-1"])
    agree(shop, "ida", brand_alpina=True)  # what was withdrawn does not come back
    assert (facts(shop, "ida"), traits(shop, "ida")["likes"]) == ({"city": ("Bern", "")}, 1)


def orders(product: Product, user: str) -> list[str]:
    told = product.http.get(f"/v1/privacy/access/user_id:{user}").raise_for_status().json()["orders"]
    return [one["order_id"] for one in told]


def test_a_partner_reads_nothing(shop: Product) -> None:
    for path in ("/v1/profiles/user_id:cia", "/v1/privacy/access/user_id:cia"):
        assert shop.http.get(path, auth=(PARTNER_KEY, "")).status_code == 403


def origins(product: Product, user: str) -> dict[str, dict[str, Any]]:
    answer = product.http.get(f"/v1/profiles/user_id:{user}/origins").raise_for_status().json()
    assert answer["complete"] is True
    return {one["trait"]: one for one in answer["traits"]}


def test_a_trait_tells_its_sources_and_a_partners_go_with_its_consent(shop: Product) -> None:
    agree(shop, "fay", analytics=True, partners=True, partners__acme=True)
    send(shop, PARTNER_KEY, liked("o1", "fay"), liked("o2", "fay"))
    noted = {"type": "track", "event": "Product Viewed", "userId": "fay"}
    send(shop, SERVER_KEY, liked("o3", "fay"),
         {**noted, "messageId": "o4", "properties": {"product_id": "p1", "note": "for my Diabetes"}},
         {**noted, "messageId": "o5", "properties": {"product_id": "p1", "note": "green"}})  # fmt: skip
    told = origins(shop, "fay")
    by = {name: [(s["source"], s["partner"], s["events"]) for s in one["sources"]] for name, one in told.items()}
    assert by == {"likes": [("till", "", 1)], "partner_likes": [("acme", "acme", 2)], "views": [("till", "", 2)],
                  "notes": [("till", "", 1)]}  # fmt: skip
    assert (told["partner_likes"]["purpose"], told["notes"]["left_out"], told["notes"]["value"]) == (
        "partners:acme", 1, 1,
    )  # fmt: skip
    agree(shop, "fay", partners__acme=False)
    assert "partner_likes" not in origins(shop, "fay")
    assert origins(shop, "fay")["likes"]["sources"] == told["likes"]["sources"]
    printed = CliRunner().invoke(program, ["explain", str(shop.shop), "user_id:fay", "--data", str(shop.data)])
    assert printed.exit_code == 0, printed.output
    assert "likes = 1  (consent to analytics)\n    till: 1 event," in printed.output
    assert "left out as sensitive: something of 1 event" in printed.output
    assert "Diabetes" not in printed.output
    assert shop.http.get("/v1/profiles/user_id:fay/origins", auth=(NARROW_KEY, "")).status_code == 403
    assert shop.http.get("/v1/profiles/user_id:fay/origins", auth=None).status_code in (200, 401)


def test_a_yes_to_a_partner_counts_once_partners_was_granted_too(shop: Product) -> None:
    agree(shop, "gus", partners__acme=True)
    send(shop, PARTNER_KEY, liked("g1", "gus"))
    assert traits(shop, "gus")["partner_likes"] == 0
    agree(shop, "gus", partners=True)
    send(shop, PARTNER_KEY, liked("g2", "gus"))
    assert traits(shop, "gus")["partner_likes"] == 1
    agree(shop, "gus", partners=False)
    send(shop, PARTNER_KEY, liked("g3", "gus"))
    assert traits(shop, "gus")["partner_likes"] == 0
