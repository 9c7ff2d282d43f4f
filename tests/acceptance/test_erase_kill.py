"""However often the server dies during an erasure, it is carried through, and the search finds nothing."""

import json
import random
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from regulars.adapters.state.sqlite import SqliteStateReader
from regulars.core.erasure import DONE, PHASES
from regulars.runtime import erasures as ledger
from regulars.testing import Product
from tests.acceptance.shop import make_shop
from tests.acceptance.test_erase import MAIL, PHONE, QUICK, SERVER, live, regulars, spelled

pytestmark = [pytest.mark.acceptance, pytest.mark.kill, pytest.mark.slow]

KILLS = 10
IDENTIFIERS = (f"email:{MAIL}", f"phone:{PHONE}", "user_id:ana-4711-winter", "anonymous_id:ana-phone-device-1")


def phase(data: Path, erasure: str) -> str:
    """How far the erasure is, as the file says."""
    state = SqliteStateReader(data / "state.db")
    try:
        found = ledger.erasure(state, erasure)
    finally:
        state.close()
    return PHASES[0] if found is None else found.phase


def test_an_erasure_outlives_every_death_of_the_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    chance = random.Random(4711)
    product = Product(make_shop(tmp_path / "shop"), data, environment=QUICK)
    met: list[str] = []
    try:
        product.start()
        live(product)
        body = {"identifier": f"email:{MAIL}", "reason": "asked"}
        begun = product.http.post("/v1/privacy/erase", json=body, auth=SERVER).json()
        # Each phase but the last is met once while it runs; then deaths come at any time.
        wanted = [*PHASES[1:-1], *("" for _ in range(KILLS - len(PHASES[1:-1])))]
        for one in wanted:
            deadline = time.monotonic() + 60
            while one and PHASES.index(phase(data, begun["id"])) < PHASES.index(one):
                assert time.monotonic() < deadline, product.printed()
                time.sleep(0.001)
            time.sleep(chance.random() * 0.1)
            met.append(phase(data, begun["id"]))
            product.kill()
            product.start()
        deadline = time.monotonic() + 120
        while not (certificate := _certificate(product.http, begun["certificate"]))["done"]:
            assert time.monotonic() < deadline, product.printed()
            time.sleep(0.05)
        assert len(met) == KILLS
        assert len({*met} - {DONE}) >= 3, met
        erasure = certificate["erasure"]
        assert erasure["left"] == []
        assert erasure["checked"], met
        assert all(one["planted"] > 0 and one["found"] == 0 for one in erasure["checked"])
        assert MAIL not in json.dumps(certificate)
        assert [path.name for path in (data / "erasures").iterdir()] == ["ledger.jsonl"]
        assert product.http.get("/v1/profiles/user_id:bo-0815-sommer", auth=SERVER).status_code == 200
    finally:
        product.close()
    assert spelled(data) == []
    searched = regulars("erase", tmp_path / "shop", *IDENTIFIERS, "--verify", "--data", data)
    assert (searched.returncode, searched.stdout.splitlines()[-1]) == (0, "found: 0"), searched.stdout


def _certificate(http: httpx.Client, place: str) -> dict[str, Any]:
    found: dict[str, Any] = http.get(place, auth=SERVER).json()
    return found
