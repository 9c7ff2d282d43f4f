"""The Node clients of Segment, RudderStack, PostHog, Snowplow and Jitsu, with nothing but the host changed."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY
from tests.clients.packages import HERE, MISSING, NODE, usable
from tests.clients.proxy import LOST_ANSWER, RESET, Proxy
from tests.clients.shop import JITSU_KEY, profile, traits

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.skipif(not usable(), reason=MISSING),
]
CALLS = {"pages": 1, "seen_path": "/", "groups": 1}
FAULTS: list[int | str] = [429, 503, RESET, LOST_ANSWER]


def run(packages: Path, vendor: str, host: str, user: str, events: int) -> list[Any]:
    """Run a client until it is done; what it says that it lost."""
    key = JITSU_KEY if vendor == "jitsu" else SERVER_KEY
    command = [str(NODE), str(HERE / "node" / "client.js"), vendor, host, key, user, str(events)]
    environment = {**os.environ, "NODE_PATH": str(packages / "node_modules")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lost: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return lost


@pytest.mark.parametrize("vendor", ["segment", "rudderstack", "posthog", "snowplow", "jitsu"])
def test_every_call_of_a_client_arrives(product: Product, packages: Path, vendor: str) -> None:
    user = f"node-{vendor}"
    events = 20 if vendor == "jitsu" else 120
    assert run(packages, vendor, product.address, user, events) == []
    product.wait_folded(seconds=30)
    expected = {
        "views": events, "seen_product": "p1", "orders": 1, "bought": f"o-{user}", "revenue": 1250, "screens": 1,
        "aliases": 1, **CALLS,
    }  # fmt: skip
    if vendor == "snowplow":  # knows no groups and no aliases
        del expected["groups"], expected["aliases"]
    if vendor == "jitsu":
        del expected["screens"], expected["aliases"]
    assert traits(product.http, f"user_id:{user}") == expected
    if vendor != "snowplow":
        assert profile(product.http, f"user_id:{user}")["facts"] == {"city": "Köln"}


@pytest.mark.parametrize("vendor", ["segment", "rudderstack", "posthog", "snowplow"])
def test_a_client_loses_and_doubles_nothing_on_a_bad_line(product: Product, packages: Path, vendor: str) -> None:
    user = f"node-faults-{vendor}"
    with Proxy(product.address, FAULTS) as proxy:
        run(packages, vendor, proxy.address, user, 40)
        assert proxy.failed == FAULTS
    product.wait_folded(seconds=30)
    found = traits(product.http, f"user_id:{user}")
    assert (found["views"], found["orders"], found["revenue"]) == (40, 1, 1250)
