"""Search for one customer over HTTP: what is known changes the order, never what is found; consent decides."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from regulars.flow.models import point, recommend_folder
from regulars.recommend.store import save
from regulars.recommend.training import Settings, train
from regulars.testing import Product
from tests.acceptance.shop import LIMITED_KEY, SERVER_KEY, WRITE_KEY, make_shop
from tests.unit.recommend.outfitter import CATALOGUE, GOODS, sales

pytestmark = pytest.mark.acceptance

PAGE = {"Origin": "https://shop.example"}
CONSENT = """
    [purposes.analytics]
    title = { en = "Understanding our shop" }
    text = { de = "Wozu", en = "What for" }

    [purposes.personalisation]
    title = { en = "Offers made for you" }
    text = { de = "Wozu", en = "What for" }
    """
PLACEMENTS = """
[placements.search]
offers = false
recommend = "search"
items = 10
purpose = "personalisation"

[placements.home]
offers = false
recommend = ["blend", "popular"]
items = 3
purpose = "personalisation"
"""
TITLES = {
    "camera_a": "Kamera Alpha",
    "camera_b": "Kamera Beta",
    "bag": "Kamera Tasche",
    "tripod": "Kamerastativ",
    "which_camera": "Ratgeber",
    "shirt_red_m": "Hemd rot",
    "shirt_blue_m": "Hemd blau",
    "shirt_green_l": "Hemd grün",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root: Path = tmp_path_factory.mktemp("search")
    folder = make_shop(root / "shop", consent=CONSENT)
    (folder / "placements.toml").write_text(PLACEMENTS, encoding="utf-8")
    with Product(folder, root / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        models = recommend_folder(root / "data" / "models")
        models.mkdir(parents=True)
        save(train(sales(), CATALOGUE, Settings(holdout_days=0), goods=GOODS), models / "v1", trained_at=1)
        point(root / "data" / "models", "v1")
        items = [
            {"id": one, "title": TITLES.get(one, one), "price": "19.99", "category": path.split(" > ")}
            for one, path in ((one, CATALOGUE.category_of(at)) for at, one in enumerate(CATALOGUE.ids))
        ]
        product.http.post("/v1/catalog/items", json=items).raise_for_status()
        calls: list[dict[str, Any]] = []
        for who in ("ana", "bea"):
            order = {"order_id": who, "total": 9, "products": [{"product_id": "camera_b", "quantity": 1}]}
            calls.append({"event": "Order Completed", "properties": order, "userId": who})
        agreed = {"event": "Consent Updated", "properties": {"purposes": {"personalisation": True}}, "userId": "ana"}
        batch = [{"type": "track", "messageId": f"m{at}", **one} for at, one in enumerate([agreed, *calls])]
        product.http.post("/v1/batch", json={"batch": batch}).raise_for_status()
        product.wait_folded()
        deadline = time.monotonic() + 20
        while len(search(product, "kamera", userId="ana").json().get("products", [])) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield product


def search(product: Product, query: str, **said: Any) -> httpx.Response:
    return product.http.post("/v1/search", json={"query": query, **said})


def ids(answer: httpx.Response) -> list[str]:
    answer.raise_for_status()
    return [one["id"] for one in answer.json()["products"]]


def test_what_goes_with_her_camera_gains_with_its_reason_in_both_languages(shop: Product) -> None:
    told = search(shop, "kamera", userId="ana", language="de").json()
    everybodys = {one["id"]: one for one in search(shop, "kamera", userId="nobody-yet").json()["products"]}
    own = {one["id"]: one for one in told["products"]}
    assert sorted(own) == sorted(everybodys) == ["bag", "camera_a", "camera_b", "tripod"]
    assert list(own) != list(everybodys)
    assert own["tripod"]["score"] > everybodys["tripod"]["score"]
    assert [one["code"] for one in own["tripod"]["reasons"]] == ["found", "bought_together"]
    assert own["tripod"]["reasons"][1]["text"] == "Wird oft zusammen mit Kamera Beta gekauft"
    assert [one["code"] for one in everybodys["tripod"]["reasons"]] == ["found"]
    assert own["bag"]["price"] == {"minor": 1999, "currency": "EUR"}
    english = search(shop, "kamera", userId="ana", language="en").json()
    assert english["products"][0]["reasons"][0]["text"] == "Fits your search"
    assert told["personal"]
    assert told["placement"] == "search"
    assert told["decision_id"] != english["decision_id"]


@pytest.mark.parametrize("typed", ["Kamerastativ", "kamera stativ", "KAMERASTATIV", "tripod"])
def test_who_asks_for_one_product_exactly_gets_it_first(shop: Product, typed: str) -> None:
    first = search(shop, typed, userId="ana", language="en").json()["products"][0]
    assert first["id"] == "tripod"


def test_an_article_number_and_a_whole_title_are_exact(shop: Product) -> None:
    for typed in ("Kamera Alpha", "alpha kamera", "camera_a", "CAMERA A"):
        first = search(shop, typed, userId="ana", language="en").json()["products"][0]
        assert (first["id"], first["reasons"][0]["text"]) == ("camera_a", "Exactly what you searched for")


def test_without_consent_everybodys_order_and_it_says_so(shop: Product) -> None:
    told = search(shop, "kamera", userId="bea", basket=["camera_b"]).json()
    assert not told["personal"]
    assert told["notes"][0]["code"] == "no_consent.search"
    assert ids(search(shop, "kamera", userId="bea")) == [one["id"] for one in told["products"]]
    codes = {reason["code"] for one in told["products"] for reason in one["reasons"]}
    assert codes <= {"found", "popular"}


def test_decide_answers_a_query_beside_other_placements(shop: Product) -> None:
    call = {"placements": ["home", "search"], "query": "kamera", "userId": "ana"}
    told = shop.http.post("/v1/decide", json=call).json()["placements"]
    assert {one["id"] for one in told["search"]["items"]} == {"bag", "camera_a", "camera_b", "tripod"}
    assert len(told["home"]["items"]) == 3
    without = shop.http.post("/v1/decide", json={"placements": ["search"], "userId": "ana"}).json()
    assert without["placements"]["search"]["items"] == []
    assert [one["code"] for one in without["placements"]["search"]["notes"]][:1] == ["no_query"]


def test_a_page_searches_for_its_own_browser_alone(shop: Product) -> None:
    with httpx.Client(base_url=shop.address, headers={"X-Write-Key": WRITE_KEY, **PAGE}) as page:
        told = page.post("/v1/search", json={"query": "kamera", "userId": "ana", "anonymousId": "a1"})
        assert told.headers["access-control-allow-origin"] == PAGE["Origin"]
        assert told.status_code == 200, told.text
        said = {reason["code"] for one in told.json()["products"] for reason in one["reasons"]}
        assert said <= {"found", "popular"}, "a public key is not told what Ana bought"
        assert page.post("/v1/search", json={"query": "kamera", "explain": True}).status_code == 403
        asked = {**PAGE, "Access-Control-Request-Method": "POST"}
        assert "POST" in page.options("/v1/search", headers=asked).headers["access-control-allow-methods"]


def test_filters_narrow_and_a_limit_is_what_counts_as_shown(shop: Product) -> None:
    narrowed = search(shop, "kamera", userId="ana", filters={"category": "Photo > Bags", "price_to": 20})
    assert ids(narrowed) == ["bag"]
    assert ids(search(shop, "kamera", userId="ana", filters={"price_from": "20.00"})) == []
    told = search(shop, "kamera", userId="ana", limit=2).json()
    assert len(told["products"]) == 2
    assert told["count"] == 4
    assert "notes" not in told, "as many as were asked for"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "query"),
        ({"query": "  "}, 400, "query"),
        ({"query": "x" * 201}, 400, "query"),
        ({"query": 7}, 400, "query"),
        ({"query": "kamera", "limit": 0}, 400, "limit"),
        ({"query": "kamera", "limit": 11}, 400, "limit"),
        ({"query": "kamera", "placements": ["home"]}, 400, "placements"),
        ({"query": "kamera", "placements": ["search", "home"]}, 400, "placements"),
        ({"query": "kamera", "filters": {"price_to": "cheap"}}, 400, "filters.price_to"),
        ({"query": "kamera", "filters": {"colour": "red"}}, 400, "filters"),
        ({"query": "kamera", "filters": {"price_to": -1}}, 400, "filters.price_to"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(shop: Product, body: dict[str, Any], status: int, field: str) -> None:
    answer = shop.http.post("/v1/search", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["field"] == field


def test_a_query_needs_a_placement_and_a_key_its_scope(shop: Product) -> None:
    stray = shop.http.post("/v1/decide", json={"placements": ["home"], "query": "kamera", "userId": "ana"})
    assert (stray.status_code, stray.json()["field"]) == (400, "query")
    with httpx.Client(base_url=shop.address, auth=(LIMITED_KEY, "")) as limited:
        assert limited.post("/v1/search", json={"query": "kamera"}).status_code == 403
    with httpx.Client(base_url=shop.address) as nobody:
        assert nobody.post("/v1/search", json={"query": "kamera"}).status_code == 401
