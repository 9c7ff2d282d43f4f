"""Tracking health of a running shop: weeks that are sound, then four faults at once, each told with cost and mend."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from regulars.testing import Product
from tests.unit.flow.test_tracking import BREAKS, FILES, HOUR, weeks

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SERVER_KEY = "sk_health"
SOURCES = f"""
[sources.web]
kind = "browser"
write_key = "wk_health"
[sources.erp]
kind = "server"
key_sha256 = "{hashlib.sha256(SERVER_KEY.encode()).hexdigest()}"
scopes = ["collect", "profiles", "admin"]
"""
OPENS, NOW = BREAKS - 15 * 24 * HOUR, BREAKS + 25 * HOUR


class Served:
    """Sends the calls of every two hours over HTTP, each with its own timestamp."""

    def __init__(self, product: Product) -> None:
        self._http = product.http
        self._count = 0
        self._waiting: list[tuple[str, dict[str, Any]]] = []

    def hour(self, time: int, calls: list[tuple[str, str, dict[str, Any]]], *, fold: bool = True) -> None:
        """Calls of an hour; after the second one the shop's clock moves on and what waits is sent."""
        del fold
        if time < OPENS:
            return
        for source, event, properties in calls:
            self._count += 1
            nameless = source == "web" or time >= BREAKS
            who = {"anonymousId": f"d{self._count % 50}"} if nameless else {"userId": f"u{self._count % 50}"}
            call = {"type": "track", "event": event, "messageId": f"m{self._count}", "properties": properties, **who}
            at = datetime.fromtimestamp(time / 1000 + 60 + self._count % 600, UTC)
            self._waiting.append((source, call | {"timestamp": at.isoformat()}))
        if time // HOUR % 2:
            self.clock(time + HOUR)
            for source, key in (("web", "wk_health"), ("erp", SERVER_KEY)):
                batch = [call for of, call in self._waiting if of == source]
                for at_call in range(0, len(batch), 200):
                    self._post("/v1/batch", {"batch": batch[at_call : at_call + 200]}, key)
            self._waiting = []

    def clock(self, time: int) -> None:
        """It is later in the shop, and the gateway knows."""
        self._post("/v1/clock", {"time": time, "wait": True}, SERVER_KEY)
        sleep(0.12)  # the gateway looks at the clock ten times a second

    def crawler(self, time: int, looks: int) -> None:
        """A machine that says what it is looks at products."""
        call = {
            "type": "track", "event": "Product Viewed", "properties": {"product_id": "p1"}, "anonymousId": "crawler",
            "timestamp": datetime.fromtimestamp(time / 1000, UTC).isoformat(),
            "context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        }  # fmt: skip
        batch = [call | {"messageId": f"g{look}"} for look in range(looks)]
        self._post("/v1/batch", {"batch": batch}, "wk_health")

    def _post(self, path: str, body: Any, key: str) -> None:
        answer = self._http.post(path, json=body, auth=(key, ""), timeout=60)
        for _ in range(20):
            if answer.status_code != 503:
                break
            sleep(float(answer.headers["Retry-After"]))
            answer = self._http.post(path, json=body, auth=(key, ""), timeout=60)
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Two weeks, and for a day no baskets, categories and orders of the browser, and no customers of the ERP."""
    root: Path = tmp_path_factory.mktemp("tracking")
    folder = root / "shop"
    folder.mkdir()
    for name, text in (FILES | {"sources.toml": SOURCES}).items():
        (folder / name).write_text("\n".join(line.strip() for line in text.splitlines()), encoding="utf-8")
    with Product(folder, root / "data", key=SERVER_KEY) as started:
        served = Served(started)
        weeks(served, fault="step renamed orders", until=NOW)
        served.crawler(NOW - HOUR // 2, 300)
        started.wait_folded()
        yield started


def test_each_fault_is_told_with_what_it_costs_and_how_to_mend_it(product: Product) -> None:
    told = product.http.get("/v1/health/tracking").raise_for_status().json()
    assert told["state"] == "broken"
    found = {
        (one["finding"]["code"], one["finding"]["source"], one["finding"]["event"]): one for one in told["troubles"]
    }
    lost = found["step_lost", "web", "Product Added"]
    assert lost["missing"] > 10
    empty = found["field_empty", "web", "Product Viewed"]
    assert (empty["finding"]["field"], "trait likes" in empty["affects"]) == ("category", True)
    orders = next(one for one in told["troubles"] if one["finding"]["code"] == "orders_unseen")
    assert (orders["finding"]["source"], orders["money"]["currency"]) == ("erp", "EUR")
    assert orders["money"]["minor"] == 5_000 * orders["missing"] > 0
    nameless = found["unnamed", "erp", ""]
    for one in (lost, empty, orders, nameless):
        assert all(one[words] for words in ("says", "cost", "mend", "howto"))
    german = product.http.get("/v1/health/tracking", params={"lang": "de"}).json()["troubles"]
    assert {one["says"] for one in german}.isdisjoint({one["says"] for one in told["troubles"]})


def test_volume_is_told_beside_its_own_history_with_who_is_named_and_who_is_a_machine(product: Product) -> None:
    told = product.http.get("/v1/health/tracking").raise_for_status().json()
    web, erp = (
        next(one["health"] for one in told["sources"] if one["health"]["source"] == of) for of in ("web", "erp")
    )
    assert len(web["day"]) == len(web["usual"]) == 24
    assert 0 < web["came"] < 0.8 * sum(web["usual"])
    assert web["share"] == pytest.approx(web["came"] / sum(web["usual"]), abs=0.01)
    assert web["share"] < 0.8 < erp["share"]
    assert web["named_share"] == 0
    assert erp["named_share"] < 0.1
    assert web["machine_share"] > 0.3
    assert erp["machine_share"] == 0


def test_whoever_rests_on_a_goal_can_ask_whether_its_tracking_is_sound(product: Product) -> None:
    sound = product.http.get("/v1/tracking/goals/purchase").raise_for_status().json()
    assert (sound["goal"], sound["event"], sound["state"]) == ("purchase", "Order Completed", "broken")
    assert sound["reasons"]


def test_each_field_says_what_uses_it_and_what_is_collected_for_nothing(product: Product) -> None:
    fields = product.http.get("/v1/health/tracking/fields").raise_for_status().json()["fields"]
    used = {(one["source"], one["event"], one["field"]): one["used_for"] for one in fields}
    assert "trait likes" in used["web", "Product Viewed", "category"]
    assert used["web", "Product Viewed", "colour"] == []
