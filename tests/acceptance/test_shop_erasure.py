"""A shop took the app out: everybody whom it alone told of goes, whatever happens to the server meanwhile."""

import time
from pathlib import Path
from typing import Any

import pytest

from regulars.testing import Product
from tests import webhooks as sent
from tests.acceptance.shop import FILES, SERVER_KEY, make_shop
from tests.webhooks import deliver

pytestmark = [pytest.mark.acceptance, pytest.mark.kill, pytest.mark.slow]

#: Customers of the shop alone, and those whom the till knows, too. So many that the work takes several commands.
ALONE, BOTH = 145, 25
KILLS = 2
NOW, DAY = 1_772_445_600_000, 86_400_000
QUICK = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_PROFILE_TABLE_SECONDS": "1"}


def mail(number: int) -> str:
    return f"customer-{number}@people.example"


def till(http: Any, number: int) -> None:
    """The till knows this customer by a number of its own and the address."""
    call = {
        "type": "identify",
        "messageId": f"t{number}",
        "userId": f"till-{number}",
        "traits": {"email": mail(number)},
    }
    http.post("/v1/identify", json=call).raise_for_status()


def wanted(product: Product) -> dict[str, Any]:
    """The request, whatever became of it."""
    found = product.http.get("/v1/privacy/requests?status=all").json()
    (one,) = (one for one in found if one["kind"] == "shop_erasure")
    return dict(one)


def wait(product: Product, enough: Any, seconds: float = 180) -> dict[str, Any]:
    """Ask until it is as far."""
    deadline = time.monotonic() + seconds
    while not enough(found := wanted(product)):
        assert time.monotonic() < deadline, f"{found} {product.printed()}"
        time.sleep(0.02)
    return found


def test_a_shop_that_left_is_erased_for_all_at_one_word_though_the_server_dies(tmp_path: Path) -> None:
    folder = make_shop(tmp_path / "shop", sources=FILES["sources.toml"] + sent.SOURCES_TOML)
    product = Product(folder, tmp_path / "data", environment={**sent.ENVIRONMENT, **QUICK}, key=SERVER_KEY)
    try:
        product.start()
        http = product.http
        for number in range(ALONE + BOTH):
            said = sent.shopify_customer(id=100_000 + number, email=mail(number), phone=None)
            assert deliver(http, "shopify", "customers/create", said, f"c{number}").status_code == 200
        for number in range(ALONE, ALONE + BOTH):
            till(http, number)
        order = sent.shopify_order(5001, email=mail(0), customer={"id": 100_000, "email": mail(0)}, note_attributes=[])
        deliver(http, "shopify", "orders/create", order, "o1")
        asked = {"shop_id": 954889, "shop_domain": "corner.myshopify.example"}
        deliver(http, "shopify", "shop/redact", asked, "sr1")
        product.wait_folded()
        found = wanted(product)
        assert (found["subject"], found["erasing"]) == ("corner.myshopify.example", None)
        place = f"/v1/privacy/requests/{found['id']}"
        refused = http.post(place, json={"note": "the shop left", "confirm": "blog", "erase": True})
        assert (refused.status_code, refused.json()["field"]) == (422, "confirm")
        begun = http.post(place, json={"note": "the shop left", "confirm": "online", "erase": True})
        assert begun.json()["result"]["status"] == "erasing", begun.text
        shares = []
        for kill in range(KILLS):
            time.sleep(0.2 * kill)
            shares.append(wanted(product)["erasing"]["share"])
            product.kill()
            product.start()
        done = wait(product, lambda one: one["status"] == "closed")
        assert shares == sorted(shares)
        assert min(shares) < 1
        erasing = done["erasing"]
        assert (erasing["people"], erasing["identifiers"], erasing["final"]) == (ALONE, BOTH, True)
        assert (done["note"], done["closed_by"]) == ("the shop left", "till")
        removed = 0
        for name in erasing["certificates"]:
            certificate = product.http.get(f"/v1/privacy/erasures/{name}").json()
            assert (certificate["done"], certificate["erasure"]["left"]) == (True, [])
            removed += certificate["erasure"]["removed"]["profiles"]
        assert removed == ALONE + BOTH
        for number in (0, 1, ALONE - 1):
            assert product.http.get(f"/v1/profiles/email:{mail(number)}").status_code == 404
        for number in (ALONE, ALONE + BOTH - 1):
            assert product.http.get(f"/v1/profiles/email:{mail(number)}").status_code == 200
            assert product.http.get(f"/v1/profiles/user_id:till-{number}").status_code == 200
            assert product.http.get(f"/v1/profiles/user_id:{100_000 + number}").status_code == 404
    finally:
        product.close()
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert mail(1).encode() not in file.read_bytes(), file


def test_with_that_setting_it_begins_by_itself_on_the_day_by_which_it_is_due(tmp_path: Path) -> None:
    sources = FILES["sources.toml"] + sent.SOURCES_TOML.replace(
        'shop = "shopify"', 'shop = "shopify"\nshop_erasure = "due"'
    )
    folder = make_shop(tmp_path / "shop", sources=sources, shop=FILES["shop.toml"] + 'clock = "records"\n')
    with Product(folder, tmp_path / "data", environment={**sent.ENVIRONMENT, **QUICK}, key=SERVER_KEY) as product:
        assert product.http.post("/v1/clock", json={"time": NOW}).status_code == 200
        said = sent.shopify_customer(id=100_000, email=mail(1), phone=None)
        deliver(product.http, "shopify", "customers/create", said, "c1")
        deliver(product.http, "shopify", "shop/redact", {"shop_domain": "corner.myshopify.example"}, "sr1")
        product.wait_folded()
        product.http.post("/v1/clock", json={"time": NOW + 29 * DAY}).raise_for_status()
        time.sleep(3)
        assert wanted(product)["status"] == "open"
        product.http.post("/v1/clock", json={"time": NOW + 31 * DAY}).raise_for_status()
        found = wait(product, lambda one: one["status"] == "closed")
        assert (found["closed_by"], found["erasing"]["people"]) == ("clock", 1)
        assert product.http.get(f"/v1/profiles/email:{mail(1)}").status_code == 404
