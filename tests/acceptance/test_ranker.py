"""The learned order over HTTP: first from simulated exposures, then from what was shown and clicked; and at rest."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop
from tests.unit.recommend.purses import PRICES, PRODUCTS, baskets

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

CONSENT = '[purposes.personalisation]\ntext = { de = "Wozu", en = "What for" }\n'
EVENTS = "\n".join(
    f'[events."{name}"]\npurpose = "contract"' for name in ("Product Viewed", "Product Clicked", "Order Completed")
)
PLACEMENT = """
[placements."home.ranked"]
offers = false
recommend = ["ranker", "popular"]
items = 8
purpose = "personalisation"
explore = 0.2
"""
DAY = 86_400
PEOPLE, WEEKS = 300, 10


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("ranker")
    folder = make_shop(root / "shop", events=EVENTS, consent=CONSENT)
    (folder / "placements.toml").write_text(PLACEMENT, encoding="utf-8")
    environment = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_TRAIN_HOURS": "0"}
    with Product(folder, root / "data", environment=environment, key=SERVER_KEY) as product:
        items = [
            {"id": name, "title": name, "category": [aisle], "price": PRICES[name] / 100, "cost": PRICES[name] / 200}
            for name, aisle in PRODUCTS
        ]
        product.http.post("/v1/catalog/items", json=items).raise_for_status()
        begin = time.time() - (7 * WEEKS + 1) * DAY
        batch = [order(person, day, names, begin) for person, day, names in baskets(PEOPLE, WEEKS)]
        for at in range(0, len(batch), 500):
            product.http.post("/v1/import", json={"batch": batch[at : at + 500]}).raise_for_status()
        product.wait_folded(seconds=120)
        sealed(product)
        yield product


def order(person: int, day: int, names: list[str], begin: float) -> dict[str, Any]:
    lines = [{"product_id": name, "quantity": 1, "price": PRICES[name] / 100} for name in names]
    said = {"order_id": f"{person}-{day}", "total": PRICES[names[0]] / 100, "currency": "EUR", "products": lines}
    return event("Order Completed", person, f"o{person}-{day}", said, begin + day * DAY)


def event(name: str, person: int, message: str, properties: dict[str, Any], at: float) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "userId": f"p{person}",
        "messageId": message,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        "properties": properties,
        "context": {"consent": {"categoryPreferences": {"personalisation": True}}},
    }


def sealed(product: Product) -> None:
    end = time.monotonic() + 60
    while product.ready()["lag"].get("records") != 0 or not any((product.data / "lake").rglob("*.parquet")):
        assert time.monotonic() < end
        time.sleep(0.2)
    time.sleep(3)  # a seal of what was folded last


def run(product: Product, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "regulars", *command.split(), str(product.shop), *more, "--data", str(product.data)]
    return subprocess.run(words, capture_output=True, text=True, timeout=400, check=False)


def trained(product: Product) -> dict[str, Any]:
    told = run(product, "train", "--json")
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    end = time.monotonic() + 20
    while not ask(product, 0)["items"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    time.sleep(1.5)  # the gateway looks for new models each second
    return found


def ask(product: Product, person: int) -> dict[str, Any]:
    answer = product.http.post(
        "/v1/decide", json={"userId": f"p{person}", "placements": ["home.ranked"], "language": "en"}
    )
    answer.raise_for_status()
    told = answer.json()
    return {"id": told["decision_id"], **told["placements"]["home.ranked"]}


def of_own_purse(person: int, row: dict[str, Any]) -> float:
    """The share of the first two that the order placed; behind what somebody may buy next, nothing is foretold."""
    placed = [one["id"] for one in row["items"] if one["reasons"][-1]["code"] == "ranked"]
    prices = [PRICES[one] for one in placed[:2]]
    return sum(price == (300, 3_000)[person % 2] for price in prices) / max(len(prices), 1)


def test_the_order_is_learned_from_simulated_exposures_and_labelled_so_everywhere(shop: Product) -> None:
    told = trained(shop)["ranker"]
    assert told["serves"], told
    assert told["learned_from"] == "simulated"
    (listed,) = json.loads(run(shop, "models list", "--json").stdout)
    assert listed["ranker"] == told
    assert "simulated" in run(shop, "models list").stdout
    rows = [ask(shop, person) for person in range(40)]
    assert sum(of_own_purse(person, row) for person, row in enumerate(rows)) / 40 > 0.75, "without prices it is half"
    reasons = [one["reasons"] for row in rows for one in row["items"]]
    ranked = [why for why in reasons if why[-1]["code"] == "ranked"]
    assert len(ranked) > len(reasons) / 2, "the others are drawn to be explored"
    assert {why[-1]["text"] for why in ranked} == {
        "Placed here by what was bought and viewed, learned from simulated exposures"
    }
    assert sum(len(why) > 1 for why in ranked) > len(ranked) / 2, "a model gives its evidence first"
    german = shop.http.post(
        "/v1/decide", json={"userId": "p1", "placements": ["home.ranked"], "language": "de"}
    ).json()["placements"]["home.ranked"]["items"]
    assert any("simulierten Einblendungen" in why["text"] for one in german for why in one["reasons"])


def test_what_was_shown_and_clicked_takes_the_place_of_the_simulation(shop: Product) -> None:
    batch = []
    for turn in range(2):
        for person in range(PEOPLE):
            row = ask(shop, person)
            liked = [one["id"] for one in row["items"] if PRICES[one["id"]] == (300, 3_000)[person % 2]]
            said = {"decision_id": row["id"], "placement": "home.ranked"}
            for at, product in enumerate(liked[:2]):
                properties = {**said, "product_id": product}
                batch.append(event("Product Clicked", person, f"c{turn}-{person}-{at}", properties, time.time()))
    # A click of something that was not shown there teaches nothing.
    row = ask(shop, 7)
    said = {"decision_id": row["id"], "placement": "home.ranked", "product_id": "no-such-thing"}
    batch.append(event("Product Clicked", 7, "not-shown", said, time.time()))
    for at in range(0, len(batch), 400):
        shop.http.post("/v1/batch", json={"batch": batch[at : at + 400]}).raise_for_status()
    shop.wait_folded(seconds=60)
    sealed(shop)
    told = trained(shop)["ranker"]
    assert told["learned_from"] == "exposures", told
    assert 500 <= told["exposed_rows"] <= 2 * PEOPLE
    assert told["clicks"] <= 2 * 2 * PEOPLE
    if told["serves"]:
        texts = {why["text"] for one in ask(shop, 3)["items"] for why in one["reasons"]}
        assert "Placed here by what was chosen when it was shown" in texts
    else:
        notes = {one["code"] for one in ask(shop, 3)["notes"]}
        assert "ranker_rests.no_better" in notes
