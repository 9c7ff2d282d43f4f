"""Offers that ask about the moment: what is on air, and whether tracking is sound. Over HTTP and the command line."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop

pytestmark = pytest.mark.acceptance

OFFERS = """
[offers.coffee]
purpose = "contract"
placements = ["home.hero"]
value = 10
when = "context.on_air = 'Coffee Hour' and context.station = 'Corner TV'"

[offers.by_orders]
purpose = "contract"
placements = ["home.hero"]
value = 20
when = "tracking_sound('orders')"
"""


def test_an_offer_goes_out_while_its_programme_is_on_air_and_never_without_sound_tracking(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    make_shop(folder)
    (folder / "goals.toml").write_text('[goals.orders]\nevent = "Order Completed"\n', encoding="utf-8")
    (folder / "placements.toml").write_text('[placements."home.hero"]\nexploration = 0.0\n', encoding="utf-8")
    (folder / "offers").mkdir()
    (folder / "offers" / "all.toml").write_text(OFFERS, encoding="utf-8")
    with Product(folder, tmp_path / "data") as product:
        product.http.auth = (SERVER_KEY, "")
        hero = decide(product, station="Corner TV")
        assert hero["offer"] is None
        gone = {one["offer"]: one for one in hero["suppressions"]}
        assert {one["gate"] for one in gone.values()} == {"eligibility"}
        # Nobody knows yet whether the tracking is sound, so it does not count as sound.
        (seen,) = gone["by_orders"]["clauses"]["names"]
        assert seen == ["tracking_sound('orders')", None]
        now = datetime.now(UTC)
        entry = {
            "station": "Corner TV", "title": "Coffee Hour",
            "starts": (now - timedelta(minutes=5)).isoformat(), "ends": (now + timedelta(hours=1)).isoformat(),
        }  # fmt: skip
        assert product.http.post("/v1/touchpoints/programme", json=[entry]).status_code == 200
        until = time.monotonic() + 60
        while (hero := decide(product, station="Corner TV"))["offer"] is None:
            assert time.monotonic() < until, hero
            time.sleep(0.5)
        assert hero["offer"]["id"] == "coffee"
        assert decide(product, station="Nowhere FM")["offer"] is None


def test_check_refuses_what_cannot_be_asked(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    make_shop(folder, segments="[segments.now]\nwhen = \"tracking_sound('orders')\"\n")
    (folder / "goals.toml").write_text('[goals.orders]\nevent = "Order Completed"\n', encoding="utf-8")
    (folder / "placements.toml").write_text('[placements."home.hero"]\n', encoding="utf-8")
    (folder / "offers").mkdir()
    (folder / "offers" / "all.toml").write_text(OFFERS.replace("'orders'", "'ordres'"), encoding="utf-8")
    command = [sys.executable, "-m", "regulars", "check", str(folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode != 0
    told = " ".join((found.stdout + found.stderr).split())
    assert "a segment holds at any time, so it cannot ask for \"tracking_sound('orders')\"" in told
    assert "unknown goal 'ordres'" in told


def decide(product: Product, **context: Any) -> dict[str, Any]:
    call = {"placements": ["home.hero"], "userId": "ana", "context": context, "explain": True}
    answer = product.http.post("/v1/decide", json=call)
    assert answer.status_code == 200, answer.text
    hero: dict[str, Any] = answer.json()["placements"]["home.hero"]
    return hero
