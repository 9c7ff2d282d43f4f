"""Training runs by itself beside serving: at its time, niced, pruned, with the blend of visits, over HTTP."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

VISITS = 2_100  # more than the blend of visits wants to learn its order from
CONSENT = '[purposes.personalisation]\ntext = { de = "Wozu", en = "What for" }\n'
EVENTS = '[events."Product Viewed"]\npurpose = "contract"\n[events."Order Completed"]\npurpose = "contract"\n'
ROW = '[placements."{0}"]\noffers = false\nrecommend = "{0}"\nitems = 3\npurpose = "personalisation"\n'
KINDS = ("tents", "boots", "pens", "cups", "lamps", "bags")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("beside")
    folder = make_shop(root / "shop", events=EVENTS, consent=CONSENT)
    names = ("session_blend", "alternatives", "neighbours")
    (folder / "placements.toml").write_text("\n".join(map(ROW.format, names)), encoding="utf-8")
    environment = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_TRAIN_HOURS": "0.004"}
    with Product(folder, root / "data", environment=environment, key=SERVER_KEY) as product:
        items = [
            {"id": f"{kind}-{at}", "title": f"{kind} {at}", "category": [kind]} for kind in KINDS for at in range(4)
        ]
        product.http.post("/v1/catalog/items", json=items).raise_for_status()
        chance = np.random.default_rng(4)
        begin = time.time() - 86_400
        batch: list[dict[str, Any]] = []
        for number in range(VISITS):
            kind = KINDS[int(chance.integers(len(KINDS)))]
            # Whoever looks at one of a kind compares it with the next one; now and then something else is looked at.
            first = int(chance.integers(4))
            seen = [f"{kind}-{first}", f"{kind}-{(first + 1) % 4}", f"{KINDS[int(chance.integers(len(KINDS)))]}-0"]
            batch += [look(f"p{number}", one, begin + 30 * number + at) for at, one in enumerate(seen)]
        for at in range(0, len(batch), 900):
            product.http.post("/v1/import", json={"batch": batch[at : at + 900]}).raise_for_status()
        product.wait_folded(seconds=120)
        yield product


def look(who: str, product: str, at: float) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "userId": who,
        "messageId": f"{who}-{product}-{at}",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        "properties": {"product_id": product},
        "context": {"consent": {"categoryPreferences": {"personalisation": True}}},
    }


def versions(product: Product) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "regulars", "models", "list", str(product.shop), "--data", str(product.data)]
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=True)
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


def until(holds: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "never came"
        time.sleep(0.2)


def row(product: Product, placement: str, *viewed: str) -> list[tuple[str, str]]:
    """(item, code of its first reason)."""
    events = [{"event": "Product Viewed", "properties": {"product_id": one}} for one in viewed]
    answer = product.http.post("/v1/decide", json={"userId": "p1", "placements": [placement], "events": events})
    answer.raise_for_status()
    items = answer.json()["placements"][placement]["items"]
    return [(one["id"], one["reasons"][0]["code"]) for one in items]


def niced_children(updater: int) -> list[int]:
    """How nice the children of the updater are."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                told = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            if int(told[1]) == updater:
                found.append(int(told[16]))
    return found


def test_models_are_trained_at_their_time_beside_serving_and_old_versions_go(shop: Product) -> None:
    assert sys.platform == "linux" or pytest.skip("reads /proc")
    nice: set[int] = set()
    spent: list[float] = []

    def trained() -> bool:
        nice.update(niced_children(shop.pids()["updater"]))
        began = time.monotonic()
        assert row(shop, "neighbours") is not None  # answered with 200 whatever is being trained
        spent.append(time.monotonic() - began)
        return any(one["visits"] >= VISITS and one["blended"] for one in versions(shop))

    until(trained, seconds=400)
    assert 19 in nice, "the child that trains stands behind everything else"
    folder = shop.data / "models" / "recommend"
    newest = versions(shop)[0]["name"]
    for number in range(1, 5):  # beside versions of long ago
        shutil.copytree(folder / newest, folder / f"v{number:013}")
    until(lambda: versions(shop)[0]["name"] != newest, seconds=400)
    until(lambda: len(versions(shop)) <= 3, seconds=20)
    kept = {one["name"] for one in versions(shop)}
    assert len([one for one in kept if one.startswith("v000")]) <= 1, "the newest three are kept, and what serves"
    assert sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")) == sorted(kept)
    assert os.getpriority(os.PRIO_PROCESS, shop.pids()["gateway"]) == 0


def test_the_blend_of_visits_and_what_is_looked_at_instead_answer_with_reasons(shop: Product) -> None:
    until(lambda: any(one["serves"] and one["blended"] for one in versions(shop)), seconds=400)
    until(lambda: row(shop, "session_blend", "tents-1") != [], seconds=20)
    items, codes = zip(*row(shop, "session_blend", "tents-1"), strict=True)
    assert "tents-2" in items[:2], "what is compared with it comes next"
    assert set(codes) <= {"similar_visits", "viewed_together", "popular"}
    assert codes[0] == "similar_visits"
    instead = row(shop, "alternatives", "tents-1")
    assert {one for one, _ in instead} <= {"tents-0", "tents-2"}, "of its kind, looked at in the same visits"
    assert instead, "nobody bought a tent: looks alone tell what goes instead of what"
    assert instead[0][1] == "alternative"
