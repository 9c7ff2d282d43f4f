"""Failed events are mended through the product: by HTTP and command line, exactly once though processes are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from regulars.flow.generation import LOOK_SECONDS
from regulars.runtime.status import read_status
from regulars.testing import Product
from tests.acceptance.shop import LIMITED_KEY, SERVER_KEY, SERVICE_KEY, WRITE_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance]

SERVER = (SERVER_KEY, "")


def regulars(product: Product, *words: str, check: bool = True) -> str:
    """What a command line of this shop prints."""
    name, verb, *rest = words
    command = [sys.executable, "-m", "regulars", name, verb, str(product.shop), *rest, "--data", str(product.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout + done.stderr


def order(message_id: str, user: str, total: Any) -> dict[str, Any]:
    properties = {"order_id": message_id, "total": total}
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": message_id,
        "userId": user,
        "properties": properties,
    }


def send(product: Product, *events: dict[str, Any]) -> None:
    product.http.post("/v1/batch", json={"batch": events}, auth=SERVER).raise_for_status()
    product.wait_folded()


def cause(product: Product, name: str, reason: str) -> dict[str, Any]:
    """The one cause of failed events of this name."""
    groups = product.http.get("/v1/failed", auth=SERVER).raise_for_status().json()["groups"]
    (found,) = [one for one in groups if (one["group"]["name"], one["group"]["reason"]) == (name, reason)]
    return dict(found)


def revenue(product: Product, user: str) -> Any:
    return product.http.get(f"/v1/profiles/user_id:{user}", auth=SERVER).json()["traits"]["revenue"]


def test_a_bad_event_fails_alone_and_comes_in_once_when_it_is_mended(product: Product) -> None:
    send(product, order("f1", "mia", 3), order("f2", "mia", "4,50"), order("f3", "mia", "a lot"))
    assert revenue(product, "mia") == 300
    found = cause(product, "Order Completed", "wrong_type")
    group, ways = found["group"], found["suggestions"]
    assert (group["field"], group["count"], group["source"]) == ("properties.total", 2, "till")
    assert (ways[0]["action"], ways[0]["to"], ways[0]["mended"], ways[0]["tried"]) == ("cast", "number", 1, 2)

    path, mend = f"/v1/failed/{group['cause']}", {"action": "cast", "field": "properties.total", "to": "number"}
    told = product.http.post(f"{path}/preview", json=mend, auth=SERVER).json()
    assert (told["admitted"], told["looked_at"], told["total"]) == (1, 2, 2)
    assert told["still_failing"][0]["got"] == "'a lot'"
    (example,) = [one for one in told["examples"] if one["message_id"] == "f2"]
    assert example["before"]["properties"]["total"] == "4,50"
    assert example["after"]["properties"]["total"] == 4.5
    assert revenue(product, "mia") == 300  # a preview does nothing

    done = product.http.post(f"{path}/mend", json=mend, auth=SERVER).json()
    assert (done["admitted"], done["still_failing"], done["remaining"]) == (1, 1, 1)
    assert revenue(product, "mia") == 750
    product.http.post(f"{path}/mend", json=mend, auth=SERVER)
    send(product, order("f2", "mia", 4.5))  # its sender has mended it, too, and tries again
    assert revenue(product, "mia") == 750

    trace = product.http.get("/v1/trace/f2", auth=SERVER).json()
    assert trace["status"] == "admitted"
    (step,) = [one for one in trace["steps"] if one["step"] == "mended"]
    assert (step["mend"], step["failed_for"], step["by"]) == ("cast properties.total number", "wrong_type", "till")


def test_the_command_line_lists_previews_and_mends_and_saves_a_standing_mend(tmp_path: Path) -> None:
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data") as product:
        assert "no event has failed" in regulars(product, "failed", "list")
        broken = {**viewed("v1", "lea"), "event": "Product Veiwed"}
        send(product, broken, {**broken, "messageId": "v2"})
        listed = regulars(product, "failed", "list")
        assert "mends 2 of 2: rename_event Product Viewed" in listed
        name = listed.split()[0]
        assert "2 would come in" in regulars(product, "failed", "preview", name)
        assert "lea" not in listed
        done = regulars(product, "failed", "mend", name, "--yes", "--save", "veiwed")
        assert "2 came in" in done
        assert views(product.http, "lea") == 2
        assert '[mends.veiwed]\nsource = "till"' in (product.shop / "mends.toml").read_text()
        command = [sys.executable, "-m", "regulars"]
        subprocess.run([*command, "check", str(product.shop)], check=True, timeout=60)
        subprocess.run([*command, "replay", str(product.shop), "--data", str(product.data)], check=True, timeout=60)
        send(product, {**broken, "messageId": "v3"})
        assert views(product.http, "lea") == 3
        time.sleep(2 * LOOK_SECONDS)  # from then on readers know the new definitions
        trace = product.http.get("/v1/trace/v3", auth=SERVER).json()
        assert [one["mends"] for one in trace["steps"] if one["step"] == "read"] == [["veiwed"]]
        assert "no failed event has the cause" in regulars(product, "failed", "mend", "none", "--yes", check=False)


PLAN = """
    [events."Product Viewed"]
    purpose = "contract"
    properties = { product_id = "id" }
    required = ["product_id"]

    [events."Order Completed"]
    purpose = "contract"
    properties = { order_id = "id", total = "number", currency = "text" }
    required = ["order_id", "total", "currency"]
    """


def test_each_broken_event_of_a_batch_is_kept_whole_and_grouped_with_a_mend_that_helps(tmp_path: Path) -> None:
    """One of each kind of mistake in one request, between events that are good; then mended, as is suggested."""

    def bought(message_id: str, **properties: Any) -> dict[str, Any]:
        return order(message_id, "zoe", 0) | {"properties": {"order_id": message_id, **properties}}

    broken = {
        "renamed": bought("renamed", totl=1.5, currency="EUR", note="kept, too: \u00e4\u4e2d \U0001f600"),
        "cast": bought("cast", total="2,50", currency="EUR"),
        "default": bought("default", total=4, weight=1e300),
        "typo": viewed("typo", "zoe") | {"event": "Product Veiwed"},
    }
    with Product(make_shop(tmp_path / "shop", events=PLAN), tmp_path / "data") as product:
        batch = [viewed("good-1", "zoe"), *broken.values(), ["not", "an event"], viewed("good-2", "zoe")]
        product.http.post("/v1/batch", json={"batch": batch}, auth=SERVER).raise_for_status()
        product.wait_folded()
        assert (views(product.http, "zoe"), revenue(product, "zoe")) == (2, 0)

        listed = product.http.get("/v1/failed", auth=SERVER).json()
        assert (listed["causes"], sum(one["group"]["count"] for one in listed["groups"])) == (5, 5)
        kept: dict[str, Any] = {}
        for one in listed["groups"]:
            path = f"/v1/failed/{one['group']['cause']}"
            whole = product.http.get(path, auth=SERVER).json()
            for event in whole["events"]:
                kept[event["message_id"]] = (path, one["group"], event["body"], whole["suggestions"])
        assert {name: kept[name][2] for name in broken} == broken  # as it was sent, the field and the rule beside it
        assert kept[""][2] == ["not", "an event"]
        told = {name: (kept[name][1]["field"], kept[name][1]["reason"], kept[name][1]["expected"]) for name in broken}
        assert told == {
            "renamed": ("properties.total", "missing_field", "a value"),
            "cast": ("properties.total", "wrong_type", "number"),
            "default": ("properties.currency", "missing_field", "a value"),
            "typo": ("event", "unknown_event", "an event of the tracking plan"),
        }
        first = {name: kept[name][3][0] for name in broken}
        assert {name: (way["action"], way["field"], way["to"] or way["value"]) for name, way in first.items()} == {
            "renamed": ("rename", "properties.totl", "properties.total"),
            "cast": ("cast", "properties.total", "number"),
            "default": ("default", "properties.currency", "EUR"),
            "typo": ("rename_event", "", "Product Viewed"),
        }

        why = regulars_trace(product, "renamed")
        assert "properties.total: expected a value, got nothing (missing_field)" in why
        for name, way in first.items():
            mend = {key: way[key] for key in ("action", "field", "to", "value")}
            preview = product.http.post(f"{kept[name][0]}/preview", json=mend, auth=SERVER).json()
            assert (preview["admitted"], preview["still_failing"]) == (1, [])
            done = product.http.post(f"{kept[name][0]}/mend", json=mend, auth=SERVER).json()
            assert (done["admitted"], done["remaining"]) == (1, 0)
        assert (views(product.http, "zoe"), revenue(product, "zoe")) == (3, 800)
        product.http.post("/v1/batch", json={"batch": batch}, auth=SERVER).raise_for_status()  # its sender tries again
        product.wait_folded()
        assert (views(product.http, "zoe"), revenue(product, "zoe")) == (3, 800)
        why = regulars_trace(product, "renamed")
        assert "mended: mend rename properties.totl properties.total, by till, failed_for missing_field" in why
        assert "changed: orders" in why


def regulars_trace(product: Product, message_id: str) -> str:
    command = [sys.executable, "-m", "regulars", "trace", str(product.shop), message_id, "--data", str(product.data)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "cast", "field": "properties.total", "to": "poetry"}, 400),
        ({"action": "drop", "field": "context.regulars_token"}, 400),
        ({"action": "drop", "field": "batch"}, 400),
        ({"action": "explode", "field": "properties.total"}, 400),
    ],
)
def test_a_mend_that_cannot_be_is_refused_with_a_way_out(product: Product, body: dict[str, Any], status: int) -> None:
    send(product, order("g1", "kim", "dear"))
    name = cause(product, "Order Completed", "wrong_type")["group"]["cause"]
    answer = product.http.post(f"/v1/failed/{name}/mend", json=body, auth=SERVER)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_failed_events_are_for_administrators(product: Product) -> None:
    assert product.http.get("/v1/failed/0123456789abcdef", auth=SERVER).status_code == 404
    for path in ("/v1/failed", "/v1/failed/0123456789abcdef"):
        assert product.http.get(path, auth=(WRITE_KEY, "")).status_code in (401, 403)
        assert product.http.get(path, auth=(LIMITED_KEY, "")).status_code == 403
    assert product.http.get("/v1/failed", auth=(SERVICE_KEY, "")).status_code == 200


@pytest.mark.slow
@pytest.mark.kill
@pytest.mark.timeout(240)
def test_every_event_is_mended_once_though_processes_are_killed_in_between(tmp_path: Path) -> None:
    events, kills = 6_000, 6
    with Product(make_shop(tmp_path / "shop"), tmp_path / "data") as product:
        for start in range(0, events, 500):
            batch = [order(f"k{n}", f"p{n % 10}", "1,00") for n in range(start, start + 500)]
            product.http.post("/v1/batch", json={"batch": batch}, auth=SERVER).raise_for_status()
        product.wait_folded()
        found = cause(product, "Order Completed", "wrong_type")["group"]
        assert found["count"] == events
        mend = {"action": "cast", "field": "properties.total", "to": "number"}
        stop = threading.Event()
        killed = 0

        def mend_again() -> None:
            with httpx.Client(base_url=product.address, auth=SERVER, timeout=20) as http:
                while not stop.is_set():
                    try:
                        answer = http.post(f"/v1/failed/{found['cause']}/mend", json=mend)
                    except httpx.TransportError:
                        time.sleep(0.05)
                        continue
                    if answer.status_code == 404 or (answer.is_success and not answer.json()["remaining"]):
                        return
                    time.sleep(0.05)

        threads = [threading.Thread(target=mend_again) for _ in range(2)]  # two people mend the same at a time
        for one in threads:
            one.start()
        while killed < kills and any(one.is_alive() for one in threads):
            time.sleep(0.25)
            children = read_status(product.data / "status" / "supervisor").get("children", {})
            child = children.get("updater" if killed % 2 else "gateway", {})
            if child.get("running") and child.get("pid"):
                os.kill(child["pid"], signal.SIGKILL)
                killed += 1
                time.sleep(1.0)
        for one in threads:
            one.join(120)
        stop.set()
        product.wait_folded(seconds=90)
        assert killed >= 2, product.printed()[-2000:]
        assert product.http.get(f"/v1/failed/{found['cause']}", auth=SERVER).status_code == 404
        assert [revenue(product, f"p{n}") for n in range(10)] == [events * 10] * 10
        counts = product.http.get("/v1/profiles/user_id:p3", auth=SERVER).json()["traits"]
        assert counts["orders"] == events / 10
