"""A changed definition is filled from the past while the shop stays open."""

import subprocess
import sys
from pathlib import Path

import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, make_shop, viewed, views

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SERVER = (SERVER_KEY, "")
MORE = FILES["traits.toml"] + '\n[traits.products]\nkind = "distinct"\nevents = ["Product Viewed"]\nof = "product_id"\n'


def replay(shop: Path, data: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "regulars", "replay", str(shop), "--data", str(data), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_new_trait_knows_the_past_and_nothing_is_lost_while_it_is_built(tmp_path: Path) -> None:
    shop, data = make_shop(tmp_path / "shop"), tmp_path / "data"
    with Product(shop, data, environment={"REGULARS_SEAL_SECONDS": "1"}) as product:
        for number in range(60):
            body = {**viewed(f"m{number}", f"user{number % 20}"), "properties": {"product_id": f"p{number}"}}
            product.http.post("/v1/track", json=body, auth=SERVER)
        product.wait_folded()
        assert "nothing to do" in replay(shop, data).stdout

        make_shop(shop, traits=MORE)
        done = replay(shop, data)
        assert done.returncode == 0, done.stderr + product.printed()
        assert "20 profiles are built" in done.stdout
        found = product.http.get("/v1/profiles/user_id:user3", auth=SERVER).json()
        assert (found["traits"]["views"], found["traits"]["products"]) == (3, 3)

        body = {**viewed("after", "user3"), "properties": {"product_id": "p-new"}}
        product.http.post("/v1/track", json=body, auth=SERVER)
        product.wait_folded()
        found = product.http.get("/v1/profiles/user_id:user3", auth=SERVER).json()
        assert (found["traits"]["views"], found["traits"]["products"]) == (4, 4)

    # A server that starts with changed definitions builds by itself.
    make_shop(shop)
    with Product(shop, data) as product:
        product.wait_folded()
        assert views(product.http, "user3") == 4


def test_without_a_server_replay_says_what_to_do(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    done = replay(shop, tmp_path / "data")
    assert (done.returncode, "is no data folder" in done.stderr) == (2, True)
