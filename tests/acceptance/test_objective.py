"""What a row is chosen for: what people look at next is not what they buy."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import PERSONAL, SERVER_KEY, make_shop

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

EVENTS = '[events."Product Viewed"]\npurpose = "contract"\n[events."Order Completed"]\npurpose = "contract"\n'
ROW = """
[placements.{0}]
offers = false
recommend = "{1}"
objective = "{2}"
items = 2
review = false
purpose = "personalisation"
"""
ALONE = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_TRAIN_HOURS": "0"}
ROWS = (
    ("looks", "neighbours", "click"),
    ("orders", "neighbours", "order"),
    ("sold", "popular", "order"),
    ("margins", "neighbours", "margin"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("objective")
    folder = make_shop(root / "shop", events=EVENTS, consent=PERSONAL)
    (folder / "placements.toml").write_text("".join(ROW.format(*one) for one in ROWS), encoding="utf-8")
    with Product(folder, root / "data", environment=ALONE, key=SERVER_KEY) as product:
        ids = ("camera", "poster", "strap")
        prices = {"camera": 300, "poster": 30, "strap": 20}  # a poster earns more than a strap, if anybody buys it
        items = [
            {"id": one, "title": one, "category": ["Photo"], "price": prices[one], "cost": prices[one] / 2}
            for one in ids
        ]
        product.http.post("/v1/catalog/items", json=items).raise_for_status()
        begin = time.time() - 86_400
        calls: list[dict[str, Any]] = []
        for number in range(120):
            who, at = f"p{number}", begin + 300 * number
            # All look at the poster after the camera and nobody buys it; of three one looks at a strap and takes it.
            seen = ["camera", "poster", *(["strap"] if number % 3 == 0 else [])]
            calls += [call(who, "Product Viewed", {"product_id": one}, at + n) for n, one in enumerate(seen)]
            if "strap" in seen:
                line = {"product_id": "strap", "quantity": 1, "price": 20}
                order = {"order_id": f"o{number}", "total": 20, "currency": "EUR", "products": [line]}
                calls.append(call(who, "Order Completed", order, at + 9))
        product.http.post("/v1/import", json={"batch": calls}).raise_for_status()
        product.wait_folded(seconds=120)
        while product.ready()["lag"].get("records") or not any((product.data / "lake").rglob("*.parquet")):
            time.sleep(0.2)
        command = [sys.executable, "-m", "regulars", "train", str(folder), "--data", str(product.data)]
        trained = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert trained.returncode == 0, trained.stderr
        yield product


def call(who: str, name: str, properties: dict[str, Any], at: float) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "userId": who,
        "messageId": f"{who}-{name}-{at}",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        "properties": properties,
        "context": {"consent": {"categoryPreferences": {"personalisation": True}}},
    }


def row(product: Product, placement: str) -> list[str]:
    look = call("new", "Product Viewed", {"product_id": "camera"}, time.time())
    answer = product.http.post("/v1/decide", json={"userId": "new", "placements": [placement], "events": [look]})
    answer.raise_for_status()
    return [one["id"] for one in answer.json()["placements"][placement]["items"]]


def test_what_is_looked_at_leads_for_clicks_and_what_is_bought_for_orders(shop: Product) -> None:
    end = time.monotonic() + 60
    while not row(shop, "looks") and time.monotonic() < end:
        time.sleep(0.2)
    assert row(shop, "looks") == ["poster", "strap"]
    assert row(shop, "orders") == ["strap", "poster"]


def test_margins_are_earned_by_orders_not_by_looks(shop: Product) -> None:
    assert row(shop, "margins") == ["strap", "poster"]


def test_a_model_that_learns_from_orders_says_the_same_for_both(shop: Product) -> None:
    assert row(shop, "sold")[0] == "strap", "what sells is what is ordered already"
