"""Search over HTTP: what pages of the shop ask, while the range changes."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from regulars.testing import Product
from tests.acceptance.shop import LIMITED_KEY, SERVER_KEY, WRITE_KEY, make_shop

pytestmark = pytest.mark.acceptance

PAGE = {"Origin": "https://shop.example"}
ITEMS = [
    {"id": "b1", "title": "Kinderfahrrad 20 Zoll", "category": ["Sport", "Fahrräder"], "price": "299.00", "stock": 2},
    {"id": "b2", "title": "Fahrradhelm", "category": ["Sport", "Helme"], "price": "59.95", "stock": 0},
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("search")
    with Product(make_shop(root / "shop"), root / "data", key=SERVER_KEY) as product:
        put(product, ITEMS)
        yield product


def put(product: Product, rows: list[dict[str, Any]]) -> None:
    product.http.post("/v1/catalog/items", json=rows).raise_for_status()


def ask(product: Product, **query: Any) -> httpx.Response:
    """As a page does, with the public key."""
    with httpx.Client(base_url=product.address, headers={"X-Write-Key": WRITE_KEY, **PAGE}) as page:
        return page.get("/v1/search", params=query)


def found_after_a_while(product: Product, text: str, wanted: list[str]) -> float:
    """Seconds until the search finds just these."""
    began = time.monotonic()
    found: list[str] = []
    while found != wanted:
        assert time.monotonic() < began + 20, (text, found)
        answer = ask(product, q=text)
        found = [one["id"] for one in answer.json().get("products", [])]
        time.sleep(0.05)
    return time.monotonic() - began


def test_a_page_finds_products_with_typing_errors_and_compounds(shop: Product) -> None:
    found_after_a_while(shop, "Fahrad für Kinder", ["b1"])
    answer = ask(shop, q="fahrrad")
    assert answer.headers["access-control-allow-origin"] == PAGE["Origin"]
    told = answer.json()
    assert told["count"] == 2
    assert {one["value"] for one in told["categories"]} == {"Sport > Fahrräder", "Sport > Helme"}
    by = {one["id"]: one for one in told["products"]}
    assert by["b1"]["price"] == {"minor": 29900, "currency": "EUR"}
    assert by["b2"]["in_stock"] is False
    narrowed = ask(shop, q="fahrrad", in_stock="1", price_to="300").json()
    assert [one["id"] for one in narrowed["products"]] == ["b1"]


def test_a_new_product_is_found_and_one_that_left_is_not(shop: Product) -> None:
    found_after_a_while(shop, "helm", ["b2"])
    put(shop, [{"id": "n1", "title": "Skihelm", "category": ["Sport", "Helme"], "price": "80.00"}])
    found_after_a_while(shop, "skihelm ", ["n1"])
    put(shop, [{"id": "n1", "title": "Skihelm", "active": False}])
    found_after_a_while(shop, "skihelm ", ["b2"])  # nothing has the word: the helmet is what comes next


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "q"),
        ({"q": "  "}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "helm", "limit": "0"}, "limit"),
        ({"q": "helm", "limit": "ten"}, "limit"),
        ({"q": "helm", "price_to": "cheap"}, "price_to"),
        ({"q": "helm", "price_from": "NaN"}, "price_from"),
    ],
)
def test_a_question_that_is_none_is_refused_with_its_field(shop: Product, query: dict[str, str], field: str) -> None:
    answer = ask(shop, **query)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["field"] == field


def test_strangers_and_keys_that_may_not_decide_find_nothing(shop: Product) -> None:
    address = f"{shop.address}/v1/search"
    assert httpx.get(address, params={"q": "helm"}).status_code == 401
    assert httpx.get(address, params={"q": "helm"}, auth=(LIMITED_KEY, "")).status_code == 403
    foreign = httpx.get(
        address, params={"q": "helm"}, headers={"X-Write-Key": WRITE_KEY, "Origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    assert httpx.get(address, params={"q": "helm", "write_key": WRITE_KEY}, headers=PAGE).status_code == 200


@pytest.mark.parametrize("text", ['"; DROP TABLE', "title:*", "(((", "a AND NOT b", "\x00", "🚲", "%%%", "../../etc"])
def test_no_query_is_a_language(shop: Product, text: str) -> None:
    assert ask(shop, q=text).status_code == 200
