"""Models of the running visit over HTTP and the command line: learned, served, extended, forgotten, rolled back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

HABITS = (["tent", "mat", "stove"], ["boots", "socks", "laces"], ["pen", "ink", "paper"])
CONSENT = '[purposes.personalisation]\ntext = { de = "Wozu", en = "What for" }\n'
PLACEMENTS = """
[placements."home.next"]
offers = false
recommend = "neighbours"
items = 2
purpose = "personalisation"
review = false

[placements."home.mixed"]
offers = false
recommend = ["session_blend", "viewed_together", "popular"]
items = 2
purpose = "personalisation"
"""
EVENTS = '[events."Product Viewed"]\npurpose = "contract"\n[events."Order Completed"]\npurpose = "contract"\n'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("serving")
    folder = make_shop(root / "shop", events=EVENTS, consent=CONSENT)
    (folder / "placements.toml").write_text(PLACEMENTS, encoding="utf-8")
    environment = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_TRAIN_HOURS": "0"}
    with Product(folder, root / "data", environment=environment, key=SERVER_KEY) as product:
        now = time.time()
        for person in range(30):
            visit(product, f"p{person}", HABITS[person % len(HABITS)], now - 7200 + person)
        product.wait_folded()
        until(lambda: sealed(product))
        trained = run(product, "train")
        assert trained.returncode == 0, trained.stderr
        yield product


def run(product: Product, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    words = [*command.split(), str(product.shop), *more, "--data", str(product.data)]
    return subprocess.run(
        [sys.executable, "-m", "regulars", *words], capture_output=True, text=True, timeout=300, check=False
    )


def sealed(product: Product) -> bool:
    lag = product.ready()["lag"]
    return lag.get("records") == 0 and any((product.data / "lake").rglob("*.parquet"))


def visit(product: Product, who: str, products: list[str], at: float | None = None, *, agrees: bool = True) -> None:
    begin = time.time() - len(products) if at is None else at
    said: dict[str, Any] = {"consent": {"categoryPreferences": {"personalisation": agrees}}}
    batch = [
        {
            "type": "track", "event": "Product Viewed", "userId": who, "messageId": f"{who}-{begin}-{number}",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + number)),
            "properties": {"product_id": one}, "context": said,
        }
        for number, one in enumerate(products)
    ]  # fmt: skip
    product.http.post("/v1/import", json={"batch": batch}).raise_for_status()


def row(product: Product, who: str, *riding: str, placement: str = "home.next") -> list[str]:
    return [one["id"] for one in told(product, who, *riding, placement=placement)["items"]]


def told(product: Product, who: str, *riding: str, placement: str = "home.next") -> dict[str, Any]:
    events = [{"event": "Product Viewed", "properties": {"product_id": one}} for one in riding]
    answer = product.http.post("/v1/decide", json={"userId": who, "placements": [placement], "events": events})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()["placements"][placement]
    return found


def until(holds: Callable[[], bool], *, seconds: float = 30) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "never came"
        time.sleep(0.01)
    return time.monotonic() - began


def erase(product: Product, identifier: str) -> str:
    answer = product.http.post("/v1/privacy/erase", json={"identifier": identifier})
    answer.raise_for_status()
    return str(answer.json()["id"])


def certificate(product: Product, erasure: str) -> dict[str, Any]:
    found: dict[str, Any] = product.http.get(f"/v1/privacy/erasures/{erasure}").json()["erasure"]
    return found


def versions(product: Product) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(product, "models list", "--json").stdout)
    return found


def test_an_event_that_rides_along_changes_the_answer_at_once(shop: Product) -> None:
    visit(shop, "ana", [], agrees=True)
    visit(shop, "ana", ["pen"])
    until(lambda: row(shop, "ana") != [])
    assert row(shop, "ana", "tent")[0] in ("mat", "stove")
    item = told(shop, "ana", "boots")["items"][0]
    assert item["id"] in ("socks", "laces")
    assert item["reasons"][0]["code"] == "similar_visits"


def test_an_acknowledged_event_changes_the_answer_soon(shop: Product) -> None:
    visit(shop, "bo", ["tent"])
    waited = until(lambda: set(row(shop, "bo")) == {"mat", "stove"})
    assert waited < 5  # on a busy machine; the benchmark measures it


def test_a_discovery_knows_the_visits_before_this_one(shop: Product) -> None:
    visit(shop, "eva", ["stove"], time.time() - 3 * 3600)
    visit(shop, "eva", ["tent"])
    until(lambda: "mat" in row(shop, "eva"))
    assert "stove" not in row(shop, "eva"), "looked at three hours ago, and no discovery any more"
    visit(shop, "flo", ["tent"])
    until(lambda: "stove" in row(shop, "flo"))  # to somebody else it is one


def test_without_consent_nothing_of_the_visit_is_used(shop: Product) -> None:
    visit(shop, "cy", ["tent"], agrees=False)
    shop.wait_folded()
    found = told(shop, "cy")
    assert not {"mat", "stove"} & {one["id"] for one in found["items"]}


def test_new_visits_are_neighbours_without_training_and_leave_with_an_erasure(shop: Product) -> None:
    for number in range(5):
        visit(shop, f"newcomer{number}", ["tent", "stove", "ink"])
    shop.wait_folded()
    visit(shop, "dora", ["stove", "tent"])
    until(lambda: "ink" in row(shop, "dora"), seconds=20)
    ids = [erase(shop, f"user_id:newcomer{number}") for number in range(5)]
    until(lambda: "ink" not in row(shop, "dora"), seconds=20)
    until(lambda: all(certificate(shop, one)["phase"] == "done" for one in ids), seconds=120)
    assert run(shop, "erase", "user_id:newcomer0", "--verify").returncode == 0


def test_an_erasure_leaves_the_trained_index_and_its_files(shop: Product) -> None:
    serving = next(one for one in versions(shop) if one["serves"])
    erased = erase(shop, "user_id:p3")
    until(lambda: certificate(shop, erased)["phase"] == "done", seconds=60)
    assert certificate(shop, erased)["removed"]["visits_in_models"] == 1
    assert versions(shop)[0]["visits"] == serving["visits"] - 1
    assert run(shop, "erase", "user_id:p3", "--verify").returncode == 0
    visit(shop, "emil", ["tent"])
    until(lambda: set(row(shop, "emil")) == {"mat", "stove"})


def test_visits_amid_a_kill_of_the_updater_are_known_afterwards(shop: Product) -> None:
    for number in range(8):
        visit(shop, f"late{number}", ["boots", "compass"])
        if number == 4:
            os.kill(shop.pids()["updater"], signal.SIGKILL)
    shop.wait_folded()
    visit(shop, "fay", ["boots"])
    # "compass" is not known to the models before the next training; what they know goes on serving.
    until(lambda: set(row(shop, "fay")) == {"socks", "laces"}, seconds=20)
    before = {one["name"] for one in versions(shop)}
    known = versions(shop)[0]["visits"]
    until(lambda: json.loads(run(shop, "train", "--json").stdout)["visits"] >= known + 8, seconds=120)
    assert not {one["name"] for one in versions(shop)} <= before
    assert len(versions(shop)) <= 3
    until(lambda: "compass" in row(shop, "fay"), seconds=20)


def test_the_version_before_serves_again_with_one_command(shop: Product) -> None:
    newest, older = versions(shop)[:2]
    assert newest["serves"]
    assert run(shop, "models rollback").returncode == 0
    assert next(one for one in versions(shop) if one["serves"])["name"] == older["name"]
    refused = run(shop, "models use", "v1")
    assert refused.returncode == 2
    assert "no version 'v1' is kept" in refused.stderr
    assert run(shop, "models use", newest["name"]).returncode == 0
    assert versions(shop)[0]["serves"]


def test_the_blend_of_visits_fills_what_a_chain_asks_for(shop: Product) -> None:
    visit(shop, "gil", ["pen"])
    until(lambda: {"ink", "paper"} & set(row(shop, "gil", placement="home.mixed")) != set())
