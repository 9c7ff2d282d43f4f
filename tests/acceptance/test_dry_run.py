"""The dry run of merchandising rules over HTTP: on recorded decisions, for who may, and with what is wrong told."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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

PLACEMENTS = '[placements.home]\noffers = false\nrecommend = ["blend", "popular"]\nitems = 3\ncounts = "decided"\n'
RULES = '[rules.no_socks]\nkind = "exclude"\nwhen = "item.id = \'socks\'"\n'
NO_SHIRT = '[rules.no_shirt]\nkind = "exclude"\nwhen = "item.id = \'shirt_red_m\'"\n'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root: Path = tmp_path_factory.mktemp("dry")
    folder = make_shop(root / "shop")
    (folder / "placements.toml").write_text(PLACEMENTS, encoding="utf-8")
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    with Product(folder, root / "data", environment={"REGULARS_TRAIN_HOURS": "0"}) as product:
        product.http.auth = (SERVER_KEY, "")
        models = recommend_folder(root / "data" / "models")
        models.mkdir(parents=True)
        save(train(sales(), CATALOGUE, Settings(holdout_days=0), goods=GOODS), models / "v1", trained_at=1)
        point(root / "data" / "models", "v1")
        items = [{"id": one, "title": one, "price": "9.99"} for one in CATALOGUE.ids]
        product.http.post("/v1/catalog/items", json=items).raise_for_status()
        deadline = time.monotonic() + 20
        while len(decide(product, "nobody")) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for who in range(5):
            assert "socks" not in decide(product, f"p{who}")
        product.wait_folded()
        yield product


def decide(product: Product, who: str) -> list[str]:
    told = product.http.post("/v1/decide", json={"placements": ["home"], "userId": who}).json()
    return [one["id"] for one in told["placements"]["home"]["items"]]


def dry_run(product: Product, query: str = "", **body: Any) -> httpx.Response:
    return product.http.post(f"/v1/rules/dry-run{query}", json=body, timeout=120)


def test_a_rule_of_the_shop_and_one_that_is_new_are_tried_on_what_was_decided(shop: Product) -> None:
    before = decide(shop, "p0")
    told = dry_run(shop, rule="no_socks").json()
    assert told["rules"] == ["no_socks"]
    assert told["decisions"] >= 5
    assert told["agreement"] == 1.0
    (home,) = told["placements"]
    assert home["changed"] == home["removed"] == home["added"] == told["rows"]
    new = dry_run(shop, "?lang=de", toml=NO_SHIRT, days=7).json()
    assert new["rules"] == ["no_shirt"]
    assert (new["placements"][0]["changed"] > 0) == ("shirt_red_m" in before)
    assert new["text"][0].startswith("no_shirt: mit abzüglich ohne, ")
    assert decide(shop, "p0") == before, "nothing is changed"


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "rule", "name one rule"),
        ({"rule": "no_socks", "toml": NO_SHIRT}, "rule", "name one rule"),
        ({"rule": "gone"}, "rule", "no rule 'gone'"),
        ({"toml": "x" * 17_000}, "toml", "too long"),
        ({"toml": "[rules"}, "toml", ""),
        ({"toml": RULES}, "toml", ""),
        ({"toml": '[rules.x]\nkind = "exlude"\n'}, "toml", "exclude"),
        ({"toml": '[rules.x]\nkind = "exclude"\nwhen = "item.colour = 1"\n'}, "toml", "item.colour"),
        ({"toml": "[offers.x]\nvalue = 1\n"}, "toml", ""),
        ({"rule": "no_socks", "days": 0}, "days", "out of range"),
        ({"rule": "no_socks", "days": 32}, "days", "out of range"),
        ({"rule": "no_socks", "dais": 1}, "", ""),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(shop: Product, body: dict[str, Any], field: str, says: str) -> None:
    answer = dry_run(shop, **body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), answer.text
    told = answer.json()
    assert says in told["detail"]
    assert not field or told["field"] == field
    assert "Traceback" not in answer.text


def test_margins_are_told_to_keys_with_the_scope_alone(shop: Product) -> None:
    for key in (LIMITED_KEY, WRITE_KEY):
        with httpx.Client(base_url=shop.address, auth=(key, "")) as other:
            assert other.post("/v1/rules/dry-run", json={"rule": "no_socks"}).status_code == 403
    with httpx.Client(base_url=shop.address) as nobody:
        assert nobody.post("/v1/rules/dry-run", json={"rule": "no_socks"}).status_code == 401


def test_one_dry_run_at_a_time_and_the_others_are_told_to_ask_again(shop: Product) -> None:
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda _: dry_run(shop, rule="no_socks"), range(6)))
    refused = [one for one in answers if one.status_code == 503]
    assert refused, [one.status_code for one in answers]
    assert {one.status_code for one in answers} == {200, 503}
    for one in refused:
        assert one.headers["content-type"].startswith("application/problem+json")
        assert "another dry run is on its way; ask again" in one.json()["detail"]
    assert dry_run(shop, rule="no_socks").status_code == 200, "and then it is free again"
