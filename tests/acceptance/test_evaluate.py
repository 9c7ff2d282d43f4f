"""`regulars evaluate` on a shop's own data and on a folder of sessions."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop

pytestmark = pytest.mark.acceptance

#: Whoever views a tent views the mat next; pens are what most people view.
HABITS = (["tent", "mat"], ["boots", "socks"], ["pen"], ["pen", "ink"])
DAY_MS = 86_400_000
PEOPLE = 60
EVENTS = '[events."Product Viewed"]\npurpose = "contract"\n[events."Order Completed"]\npurpose = "contract"\n'


def evaluate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "regulars", "evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def visits(day: int, people: int, now: int) -> list[dict[str, Any]]:
    """A visit of each person on a day so many days ago, and an order of what was viewed last."""
    batch: list[dict[str, Any]] = []
    for person in range(people):
        habit, begin = HABITS[person % len(HABITS)], now - day * DAY_MS + person * 1000
        steps = [("Product Viewed", {"product_id": product}) for product in habit]
        order = {"order_id": f"{person}-{day}", "total": 10, "products": [{"product_id": habit[-1], "quantity": 1}]}
        for number, (name, properties) in enumerate([*steps, ("Order Completed", order)]):
            batch.append(
                {
                    "type": "track",
                    "event": name,
                    "userId": f"p{person}",
                    "messageId": f"{person}-{day}-{number}",
                    "timestamp": begin + number * 60_000,
                    "properties": properties,
                }
            )
    return batch


def test_a_shops_own_visits_and_orders_are_asked_about(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", events=EVENTS, consent="")
    data = tmp_path / "data"
    now = int(time.time()) // 86_400 * 86_400_000 - 43_200_000  # yesterday's noon: no visit goes over midnight
    with Product(shop, data, environment={"REGULARS_SEAL_SECONDS": "1"}, key=SERVER_KEY) as product:
        for day in range(72, 0, -4):
            for event in (batch := visits(day, PEOPLE, now)):
                event["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["timestamp"] / 1000))
            product.http.post("/v1/import", json={"batch": batch}).raise_for_status()
        product.wait_folded(seconds=60)
        until = time.monotonic() + 60
        while (told := evaluate(str(shop), "--data", str(data), "--days", "10", "--json")).returncode != 0 or (
            json.loads(told.stdout)["evaluations"].get("baskets", {}).get("cases") != PEOPLE
        ):
            assert time.monotonic() < until, told.stderr + told.stdout
            time.sleep(1)
        report = json.loads(told.stdout)
        assert set(report["evaluations"]) == {"baskets", "review", "discovery"}
        found = report["evaluations"]["discovery"]["figures"]
        assert found["neighbours"]["mrr"]["mean"] == 1  # the mat after the tent
        by_segment = report["evaluations"]["review"]["by_segment"]
        assert by_segment["regulars"]["neighbours"]["hit_rate"]["mean"] == 1, "all have ordered twice"
        assert report["evaluations"]["baskets"]["segment_cases"] == {"regulars": PEOPLE}
        assert found["most_viewed"]["mrr"]["mean"] < 0.8
        assert report["evaluations"]["baskets"]["latency"]["blend"]["p99"] > 0
        for kind in report["evaluations"].values():
            assert kind["latency"]["ranker"]["p50"] > 0, "the learned order is compared with the others"
            assert kind["figures"]["ranker"]["hit_rate"]["mean"] > 0.8
        assert report["seconds"]["ranker"] > 0
        assert report["rests"] == {"ranker": "no_better"}, "nothing can be better than these habits foretell it"

        page = tmp_path / "report.html"
        shown = evaluate(str(shop), "--data", str(data), "--days", "10", "--html", str(page), "--language", "de")
        assert shown.returncode == 0, shown.stderr
        assert "Trefferquote" in shown.stdout
        assert "up to" not in shown.stdout
        assert "selten da" in shown.stdout
        assert "regulars evaluate: " in shown.stderr  # what it is at
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "Besuche wie dieser" in text
        assert "<svg" in text
        assert "Gelernte Reihenfolge: Sie würde hier ruhen" in text

        too_long = evaluate(str(shop), "--data", str(data), "--days", "300")
        assert too_long.returncode == 2
        assert "choose fewer with --days" in too_long.stderr
        assert "Traceback" not in too_long.stderr


def test_a_folder_of_sessions_is_measured_without_a_shop(tmp_path: Path) -> None:
    rows = [
        (session, at, item) for session in range(60) for at, item in enumerate((10 + session % 3, 20 + session % 3))
    ]
    session, position, item = (list(column) for column in zip(*rows, strict=True))
    pq.write_table(pa.table({"session": session, "position": position, "item": item}), tmp_path / "train.parquet")
    asked = pa.table({"prefix": pa.array([[10], [11], [99]], pa.list_(pa.int64())), "target": [20, 21, 22]})
    missing = evaluate("--path", str(tmp_path))
    assert missing.returncode == 2
    assert "test.parquet is missing" in missing.stderr
    pq.write_table(asked, tmp_path / "test.parquet")
    told = evaluate("--path", str(tmp_path), "--json", "--k", "1")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)["evaluations"]["review"]
    assert found["figures"]["neighbours"]["hit_rate"]["mean"] == pytest.approx(2 / 3, abs=1e-4)  # nobody saw 99 before
    assert found["k"] == 1


def test_products_beside_a_folder_of_sessions_bring_in_the_models_that_look_at_them(tmp_path: Path) -> None:
    # Nobody saw one of 30 to 35 in training: what they are like is told by the catalogue alone.
    rows = [
        (session, at, item) for session in range(1200) for at, item in enumerate((10 + session % 6, 20 + session % 6))
    ]
    session, position, item = (list(column) for column in zip(*rows, strict=True))
    pq.write_table(pa.table({"session": session, "position": position, "item": item}), tmp_path / "train.parquet")
    asked = pa.table(
        {"prefix": pa.array([[10 + at] for at in range(6)], pa.list_(pa.int64())), "target": range(30, 36)}
    )
    pq.write_table(asked, tmp_path / "test.parquet")
    names = ("Zelt", "Matte", "Stiefel", "Socke", "Kocher", "Lampe")
    lines = [
        f"{base + at},{name} Modell {base},Lager > {name}" for base in (10, 20, 30) for at, name in enumerate(names)
    ]
    products = tmp_path / "products.csv"
    products.write_text("\n".join(("id,title,category", *lines)), encoding="utf-8")
    told = evaluate("--path", str(tmp_path), "--json", "--k", "3")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    found = report["evaluations"]["review"]["figures"]
    assert report["products"] == 18
    assert found["similar"]["hit_rate"]["mean"] == 1
    assert found["neighbours"]["hit_rate"]["mean"] == 0
    assert {"alternatives", "ranker"} <= set(found)
    shown = evaluate("--path", str(tmp_path), "--language", "de")
    assert "Ähnlich" in shown.stdout, shown.stderr

    products.write_text("id,title\nx,Zelt\n", encoding="utf-8")
    strangers = evaluate("--path", str(tmp_path))
    assert (strangers.returncode, "have to use the same ids" in strangers.stderr) == (2, True), strangers.stderr
    products.write_text("id,title,price\n10,Zelt,viel\n", encoding="utf-8")
    wrong = evaluate("--path", str(tmp_path))
    assert (wrong.returncode, "products.csv:2" in wrong.stderr) == (2, True), wrong.stderr
    products.write_text("email,purpose,granted\na@b.de,personalisation,yes\n", encoding="utf-8")
    other = evaluate("--path", str(tmp_path))
    assert (other.returncode, "no products by its columns" in other.stderr) == (2, True), other.stderr
    (tmp_path / "products.json").write_text("[]", encoding="utf-8")
    two = evaluate("--path", str(tmp_path))
    assert (two.returncode, "2 files of products" in two.stderr) == (2, True), two.stderr


def test_a_shop_or_a_folder_is_named() -> None:
    neither = evaluate()
    assert neither.returncode == 2
    assert "--path FOLDER" in neither.stderr
