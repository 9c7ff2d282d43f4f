"""An erasure does not wait for a training that runs, and what comes out of the training does not know the person."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from regulars.core.record import owner_key
from regulars.core.state import FOLDED, SEALED
from regulars.flow.models import Progress, current, progress, recommend_folder
from regulars.runtime.build import read_state
from regulars.runtime.folder import open_folder
from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, make_shop

pytestmark = pytest.mark.acceptance

VISITS = 400
CONSENT = '[purposes.personalisation]\ntext = { de = "Wozu", en = "What for" }\n'
EVENTS = '[events."Product Viewed"]\npurpose = "contract"\n'
ROW = '[placements.row]\noffers = false\nrecommend = "neighbours"\nitems = 3\npurpose = "personalisation"\n'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("training")
    folder = make_shop(root / "shop", events=EVENTS, consent=CONSENT)
    (folder / "placements.toml").write_text(ROW, encoding="utf-8")
    environment = {"REGULARS_SEAL_SECONDS": "1", "REGULARS_TRAIN_HOURS": "0"}
    with Product(folder, root / "data", environment=environment, key=SERVER_KEY) as product:
        begin = time.time() - 86_400
        batch = [
            look(f"customer-{n:04}", f"sku-{(n + at) % 40}", begin + 30 * n + at)
            for n in range(VISITS)
            for at in (0, 1, 3)
        ]
        for at in range(0, len(batch), 600):
            product.http.post("/v1/import", json={"batch": batch[at : at + 600]}).raise_for_status()
        product.wait_folded(seconds=120)
        with contextlib.closing(read_state(open_folder(product.data))) as state:
            end = time.monotonic() + 60
            while state.meta(SEALED) != state.meta(FOLDED):
                assert time.monotonic() < end, "nothing is sealed"
                time.sleep(0.1)
        yield product


def look(who: str, product: str, at: float) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Viewed", "userId": who, "messageId": f"{who}-{product}-{at}",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        "properties": {"product_id": product},
        "context": {"consent": {"categoryPreferences": {"personalisation": True}}},
    }  # fmt: skip


def owners(product: Product) -> set[int]:
    """Whose visits the files of all models hold."""
    files = recommend_folder(product.data / "models").rglob("*owner.npy")
    return {int(one) for path in files for one in np.load(path)}


@contextlib.contextmanager
def training_held(product: Product) -> Iterator[subprocess.Popen[str]]:
    """A training that has read the lake and is stopped in the middle of learning; it goes on afterwards."""
    command = [sys.executable, "-m", "regulars", "train", str(product.shop), "--data", str(product.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        found: Progress | None = None
        end = time.monotonic() + 60
        while found is None or found.name == "reading":
            assert time.monotonic() < end, "the training never came to learning"
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            found = progress(product.data / "models")
        os.kill(found.process, signal.SIGSTOP)
        try:
            held = progress(product.data / "models")
            assert held is not None, "the training was over too early"
            assert held.name != "saving"
            yield process
        finally:
            os.kill(found.process, signal.SIGCONT)
        assert process.wait(120) == 0, process.stdout.read() if process.stdout else ""


def erase(product: Product, key: str) -> dict[str, Any]:
    asked = product.http.post("/v1/privacy/erase", json={"identifier": key})
    assert asked.status_code == 202
    end = time.monotonic() + 60
    while not (found := product.http.get(f"/v1/privacy/erasures/{asked.json()['id']}").json())["done"]:
        assert time.monotonic() < end, f"the erasure waits in phase {found['erasure']['phase']}"
        time.sleep(0.1)
    told: dict[str, Any] = found["erasure"]
    return told


def test_an_erasure_is_through_while_a_training_runs_and_its_models_know_nobody(shop: Product) -> None:
    gone, stays = (owner_key(f"user_id:customer-{n:04}") for n in (7, 8))
    with training_held(shop):
        certificate = erase(shop, "user_id:customer-0007")
        assert certificate["left"] == []
        assert current(shop.data / "models") is None, "the certificate came before the training was through"
    known = owners(shop)
    assert stays in known, "the training learned from visits"
    assert gone not in known
    with training_held(shop):  # and beside models that serve: the files of those go at once
        certificate = erase(shop, "user_id:customer-0008")
        assert certificate["removed"]["visits_in_models"] == 1
        assert stays not in owners(shop)
    assert len(owners(shop)) == VISITS - 2
    verify = [
        sys.executable,
        "-m",
        "regulars",
        "erase",
        str(shop.shop),
        "user_id:customer-0007",
        "user_id:customer-0008",
    ]
    searched = subprocess.run(
        [*verify, "--verify", "--data", str(shop.data)], check=False, capture_output=True, text=True, timeout=120
    )
    assert searched.returncode == 0, searched.stdout
