"""Deciding over HTTP: consent, caps, what rides along, and what a browser may not learn."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regulars.flow.models import point, recommend_folder
from regulars.recommend.interactions import Catalogue, Interactions
from regulars.recommend.store import save
from regulars.recommend.training import Settings, train
from regulars.testing import Product
from tests.acceptance.shop import LIMITED_KEY, PERSONAL, SERVER_KEY, WRITE_KEY, make_shop

pytestmark = pytest.mark.acceptance

PLACEMENTS = """
[placements."home.hero"]
exploration = 0.0

[placements."home.foot"]
exploration = 0.0

[placements."home.picked"]
offers = false
recommend = "blend"
items = 3
purpose = "personalisation"
"""
OFFERS = """
[offers.welcome]
purpose = "contract"
placements = ["home.hero"]
title = { en = "Welcome", de = "Willkommen" }
value = 10

[offers.tea_time]
purpose = "personalisation"
when = "views >= 2"
placements = ["home.hero"]
title = { en = "Tea for you", de = "Tee für Sie" }
value = 100

[offers.rare]
purpose = "contract"
placements = ["home.foot"]
value = 50
limit = { times = 3, days = 7 }
"""
HERO, FOOT, PICKED = "home.hero", "home.foot", "home.picked"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("decide")
    with Product(shop_folder(root / "shop"), root / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        yield product


def shop_folder(folder: Path) -> Path:
    make_shop(folder, consent=PERSONAL)
    (folder / "placements.toml").write_text(PLACEMENTS, encoding="utf-8")
    (folder / "offers").mkdir()
    (folder / "offers" / "all.toml").write_text(OFFERS, encoding="utf-8")
    return folder


def ask(product: Product, *placements: str, key: str = SERVER_KEY, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = product.http.post("/v1/decide", json={"placements": list(placements), **body}, auth=(key, ""))
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


def offer_at(told: dict[str, Any], placement: str) -> str | None:
    offer = told["placements"][placement]["offer"]
    return offer and str(offer["id"])


def view(number: int, **who: str) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Viewed", "messageId": f"{who}-{number}", "properties": {"product_id": "tea"},
        **who,
    }  # fmt: skip


def consents(granted: bool, **who: str) -> dict[str, Any]:  # noqa: FBT001 - reads as a sentence
    said = {"purposes": {"personalisation": granted}}
    return {"type": "track", "event": "Consent Updated", "messageId": f"c-{who}", "properties": said, **who}


def send(product: Product, *calls: dict[str, Any]) -> None:
    product.http.post("/v1/batch", json={"batch": list(calls)}, auth=(SERVER_KEY, "")).raise_for_status()
    product.wait_folded()


def test_two_customers_with_different_consent_get_different_answers_with_reasons(shop: Product) -> None:
    for name, granted in (("yes", True), ("no", False)):
        send(shop, consents(granted, userId=name), view(1, userId=name), view(2, userId=name))
    agreed = ask(shop, HERO, PICKED, userId="yes", explain=True)
    refused = ask(shop, HERO, PICKED, userId="no", explain=True, language="en")
    assert (offer_at(agreed, HERO), offer_at(refused, HERO)) == ("tea_time", "welcome")
    assert agreed["placements"][HERO]["suppressions"] == []
    (why,) = refused["placements"][HERO]["suppressions"]
    assert (why["offer"], why["gate"], why["text"]) == ("tea_time", "consent", "No consent for personalisation")


def soon(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it holds before long: an answer does not wait until what it brings is logged."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_an_event_that_rides_along_changes_the_answer_at_once(shop: Product) -> None:
    send(shop, consents(True, userId="rider"), view(1, userId="rider"))
    assert offer_at(ask(shop, HERO, userId="rider"), HERO) == "welcome"
    second = view(2, userId="rider")
    assert offer_at(ask(shop, HERO, userId="rider", events=[second]), HERO) == "tea_time"
    assert soon(lambda: offer_at(ask(shop, HERO, userId="rider"), HERO) == "tea_time"), "it was logged like any other"
    no = consents(False, userId="rider") | {"messageId": "withdrawn"}
    assert offer_at(ask(shop, HERO, userId="rider", events=[no]), HERO) == "welcome"
    assert soon(lambda: offer_at(ask(shop, HERO, userId="rider"), HERO) == "welcome")


@pytest.mark.parametrize("who", ["known", "stranger"])
def test_a_cap_holds_under_parallel_calls(shop: Product, who: str) -> None:
    if who == "known":
        send(shop, view(1, userId="known"))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ask(shop, FOOT, userId=who), range(50)))
    offers = [offer_at(answer, FOOT) for answer in answers]
    assert offers.count("rare") == 3
    assert len({answer["decision_id"] for answer in answers}) == 50
    shop.wait_folded()
    time.sleep(0.1)  # what is folded counts from the state now
    assert offer_at(ask(shop, FOOT, userId=who), FOOT) is None


def test_a_cap_survives_a_restart(tmp_path: Path) -> None:
    with Product(shop_folder(tmp_path / "shop"), tmp_path / "data") as product:
        told = [ask(product, FOOT, userId="ana") for _ in range(3)]
        shown = [
            {
                "type": "track", "event": "Decision Shown", "messageId": f"shown-{number}", "userId": "ana",
                "properties": {"decision_id": one["decision_id"], "placement": FOOT, "offer_id": "rare"},
            }
            for number, one in enumerate(told)
        ]  # fmt: skip
        send(product, *shown)
        product.stop()
        product.start()
        answer = ask(product, FOOT, userId="ana", explain=True)
        assert offer_at(answer, FOOT) is None
        assert [why["gate"] for why in answer["placements"][FOOT]["suppressions"]] == ["limit"]


def test_a_browser_learns_nothing_of_the_person_it_names(shop: Product) -> None:
    send(shop, consents(True, userId="victim"), view(1, userId="victim"), view(2, userId="victim"))
    assert offer_at(ask(shop, HERO, userId="victim"), HERO) == "tea_time"

    def as_browser(**who: Any) -> dict[str, Any]:
        told = ask(shop, HERO, FOOT, PICKED, key=WRITE_KEY, anonymousId="attacker", **who)
        del told["decision_id"]
        return told

    plain = as_browser()
    assert as_browser(userId="victim") == plain
    assert as_browser(identifier="user_id:victim") == plain
    assert as_browser(identifier="user_id:victim", userId="victim") != {}
    assert "profile" not in plain
    assert "propensity" not in plain["placements"][HERO]
    refused = ask(shop, HERO, key=WRITE_KEY, userId="victim", status=400)
    assert refused["field"] == "anonymousId"
    assert ask(shop, HERO, key=WRITE_KEY, anonymousId="a", explain=True, status=403)["field"] == "explain"
    riding = [view(7, userId="victim", anonymousId="attacker")]
    as_browser(events=riding)
    shop.wait_folded()
    profile = shop.http.get("/v1/profiles/user_id:victim").json()
    assert profile["traits"]["views"] == 2, "a claim is not the person's"


def test_a_device_that_a_person_logged_in_on_tells_a_public_key_nothing_of_the_person(shop: Product) -> None:
    said = {"userId": "owner", "anonymousId": "phone"}
    own = [view(1, anonymousId="phone"), view(2, anonymousId="phone"), consents(True, anonymousId="phone")]
    send(shop, consents(True, anonymousId="phone") | {"messageId": "first"}, *own)
    assert offer_at(ask(shop, HERO, key=WRITE_KEY, anonymousId="phone"), HERO) == "tea_time", "what it did itself"
    send(shop, {"type": "identify", "messageId": "login", **said}, consents(True, userId="owner"))
    assert offer_at(ask(shop, HERO, key=WRITE_KEY, anonymousId="phone"), HERO) == "welcome"
    assert offer_at(ask(shop, HERO, anonymousId="phone"), HERO) == "tea_time", "a server may know"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{", "body"),
        ('{"userId": "ana"}', "placements"),
        ('{"placements": ["home.hero"]}', "userId"),
        ('{"placements": ["home.heroo"], "userId": "ana"}', "placements[0]"),
        ('{"placements": ["home.hero"], "userId": "ana", "events": {}}', "events"),
        ('{"placements": ["home.hero"], "userID": "ana"}', "userID"),
    ],
)
def test_a_wrong_body_is_a_problem_that_names_its_field(shop: Product, body: str, field: str) -> None:
    answer = shop.http.post("/v1/decide", content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert answer.json()["expected"]


def test_who_may_ask(shop: Product) -> None:
    assert ask(shop, HERO, key="nobody", userId="ana", status=401)["field"] == "Authorization"
    assert ask(shop, HERO, key=LIMITED_KEY, userId="ana", status=403)["expected"] == "a key with scope decide"
    foreign = shop.http.post(
        "/v1/decide", json={"placements": [HERO], "anonymousId": "a"}, auth=(WRITE_KEY, ""),
        headers={"origin": "https://evil.example"},
    )  # fmt: skip
    assert foreign.status_code == 403
    assert shop.http.get("/v1/decide").status_code == 405
    allowed = shop.http.options("/v1/decide", headers={"origin": "https://shop.example"})
    assert allowed.status_code == 204


def test_the_language_of_the_answer(shop: Product) -> None:
    body = {"placements": [HERO], "userId": "somebody"}
    german = shop.http.post("/v1/decide", json=body, headers={"accept-language": "de-AT, en;q=0.5"}).json()
    assert german["placements"][HERO]["offer"]["title"] == "Willkommen"
    assert ask(shop, HERO, userId="somebody", language="en")["placements"][HERO]["offer"]["title"] == "Welcome"


def test_recommendations_come_when_models_are_trained_and_say_whose_they_are(tmp_path: Path) -> None:
    with Product(shop_folder(tmp_path / "shop"), tmp_path / "data") as product:
        upsert(product, *[{"id": name, "title": name.title(), "price": 1.5, "stock": 5} for name in PRODUCTS])
        upsert(product, {"id": "tea", "stock": 0})
        assert ask(product, PICKED, userId="ana")["placements"][PICKED]["notes"][0]["code"] == "no_model"
        train_into(tmp_path / "data")
        send(product, consents(True, userId="ana"), bought("o1", "milk", userId="ana"))
        picked = wait_for_items(product, userId="ana")
        assert "tea" not in [one["id"] for one in picked["items"]], "it is out of stock"
        assert all(one["title"] and one["price"]["currency"] == "EUR" for one in picked["items"])
        assert all(one["reasons"] for one in picked["items"])
        assert len(picked["items"]) == 3 or picked["notes"], "never short without a note"
        assert not [note for note in picked.get("notes", []) if note["code"] == "no_consent"]
        gone, reduced = picked["items"][0]["id"], picked["items"][-1]["id"]
        upsert(product, {"id": reduced, "sale_price": 1.25})
        sold_out = [{"id": gone, "store": "Graz", "stock": 0}]
        assert product.http.post("/v1/catalog/stock", json=sold_out, auth=(SERVER_KEY, "")).status_code == 200
        began = time.monotonic()
        while gone in (shown := prices(product)) or shown.get(reduced, 125) != 125:
            assert time.monotonic() - began < 10, shown
        assert time.monotonic() - began < 1 or os.getloadavg()[0] > 2, "a level of stock is heeded within a second"
        refused = ask(product, PICKED, userId="ben", basket=["milk"])["placements"][PICKED]
        assert refused["notes"][0]["code"] == "no_consent"
        assert {reason["code"] for one in refused["items"] for reason in one["reasons"]} == {"popular"}


PRODUCTS = ("tea", "milk", "bread", "jam", "butter")


def prices(product: Product) -> dict[str, int]:
    """What is recommended to Ana, with what it costs."""
    items = ask(product, PICKED, userId="ana")["placements"][PICKED]["items"]
    return {one["id"]: one["price"]["minor"] for one in items}


def upsert(product: Product, *items: dict[str, Any]) -> None:
    product.http.post("/v1/catalog/items", json=list(items), auth=(SERVER_KEY, "")).raise_for_status()
    product.wait_folded()


def bought(order: str, *products: str, **who: str) -> dict[str, Any]:
    lines = [{"product_id": one, "quantity": 1, "price": 1.5} for one in products]
    facts = {"order_id": order, "total": 1.5 * len(lines), "currency": "EUR", "products": lines}
    return {"type": "track", "event": "Order Completed", "messageId": order, "properties": facts, **who}


def train_into(data: Path) -> None:
    chance = np.random.default_rng(1)
    lines = 1200
    baskets = np.repeat(np.arange(lines // 2), 2)
    interactions = Interactions(
        person=(baskets % 40).astype(np.int32),
        item=chance.integers(0, len(PRODUCTS), lines).astype(np.int32),
        basket=baskets.astype(np.int32),
        day=(17_000 + baskets // 8).astype(np.int32),
        quantity=np.ones(lines, np.int32),
        unit_price=np.full(lines, 150, np.int64),
    )
    trained = train(interactions, Catalogue.of([(one, "food") for one in PRODUCTS]), Settings(holdout_days=0))
    folder = recommend_folder(data / "models")
    folder.mkdir(parents=True, exist_ok=True)
    save(trained, folder / "v1", trained_at=1)
    point(data / "models", "v1")


def wait_for_items(product: Product, **who: Any) -> dict[str, Any]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        picked: dict[str, Any] = ask(product, PICKED, **who)["placements"][PICKED]
        if picked["items"]:
            return picked
        time.sleep(0.1)
    raise TimeoutError("the models do not serve")


def test_a_decision_tells_nothing_of_others_in_the_household(shop: Product) -> None:
    for user, name in (("house-1", "Anselma"), ("house-2", "Benedetta")):
        event = {"type": "identify", "userId": user, "messageId": f"{user}-m", "traits": {"firstName": name}}
        event |= {"context": {"externalIds": [{"type": "household", "id": "H77"}]}}
        assert shop.http.post("/v1/identify", json=event, auth=(SERVER_KEY, "")).is_success
    shop.wait_folded(seconds=30)
    told = str(ask(shop, HERO, FOOT, PICKED, userId="house-1", explain=True)).lower()
    assert "benedetta" not in told
    assert "house-2" not in told
    assert "h77" not in told


def test_the_customer_reads_what_was_shown_and_why_in_plain_words(shop: Product) -> None:
    send(shop, consents(granted=True, userId="reader"), *(view(number, userId="reader") for number in range(2)))
    assert offer_at(ask(shop, HERO, userId="reader"), HERO) == "tea_time"
    send(shop, consents(granted=False, userId="other"))
    assert offer_at(ask(shop, HERO, userId="other"), HERO) == "welcome"
    body = {"action": "me", "identifier": "user_id:reader", "hours": 1}
    token = shop.http.post("/v1/privacy/links", json=body).raise_for_status().json()["token"]
    for language, said in (
        ("en", ("Tea for you", "it rests on: “views”", "allowed by your consent “Offers made for you”")),
        ("de", ("Tee für Sie", "beruht auf: „views“", "erlaubt durch Ihre Einwilligung „Offers made for you“")),
    ):
        own = shop.http.get(f"/me/{token}", params={"language": language}).text
        page = shop.http.get(
            "/v1/privacy/access/user_id:reader", params={"format": "html", "language": language}
        ).raise_for_status()
        for text in (own, page.text):
            assert all(one in text for one in said), (language, text)
            assert "Welcome" not in text
            assert "Willkommen" not in text
