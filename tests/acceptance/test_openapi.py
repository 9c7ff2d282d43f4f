"""The surface as its own description has it: whatever is sent, the answer is one that the description promises."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regulars.testing import Product
from tests import webhooks as sent
from tests.acceptance import openapi_recipes as recipes
from tests.acceptance.shop import FILES, SERVER_KEY, make_shop

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SERVER = (SERVER_KEY, "")
#: Beside what every shop of these tests has: a placement with an offer and a row, a goal, a purpose.
MORE = {
    "placements.toml": '[placements."home.hero"]\n[placements."home.row"]\nrecommend = "popular"\n'
    '[placements.search]\nrecommend = ["search", "popular"]\n',
    "rules.toml": '[rules.no_tea]\nkind = "exclude"\nwhen = "item.id = \'p1\'"\n',
    "goals.toml": '[goals.buying]\nevent = "Order Completed"\n',
    "offers/tea.toml": '[offers.tea]\npurpose = "contract"\nplacements = ["home.hero"]\nvalue = 5\n',
}
#: Operations that this shop refuses, and the test that asks them where they are answered.
ELSEWHERE = {
    "POST /v1/clock": "only a shop whose clock follows its records: test_clock.py",
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A shop in which there is something of everything."""
    root = tmp_path_factory.mktemp("openapi")
    folder = make_shop(root / "shop", sources=FILES["sources.toml"] + sent.SOURCES_TOML + recipes.SOURCES_TOML)
    for name, text in MORE.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    with Product(folder, root / "data", environment=sent.ENVIRONMENT | recipes.ENVIRONMENT) as started:
        yield started


def test_every_route_that_is_not_said_to_be_open_needs_a_key(product: Product) -> None:
    document = product.http.get("/openapi.json").json()
    opened = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answer = product.http.request(method, re.sub(r"{\w+}", "x", path), json={})
            if answer.status_code in (200, 503):
                opened.add(path)
            else:  # the hot routes look for a key in the body, too
                assert answer.status_code in (400, 401, 404, 429), (method, path, answer.text)
            assert str(answer.status_code) in operation["responses"]
    assert opened == {"/health", "/ready", "/metrics", "/v1/consent/texts"}


def seeded(product: Product) -> dict[str, list[Any]]:
    """Fill the shop; the ids of what is in it, by the names that parameters and fields have.

    `links.action` is a field of addresses that end so, `mend.` a whole body of them, where only some words go together.
    """
    http = product.http

    def told(path: str, said: Any) -> Any:
        answer = http.post(path, json=said, auth=SERVER)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    people = [f"u{at}" for at in range(40)]  # many, as some are erased on the way
    items = [{"id": f"p{at}", "title": f"Tea {at}", "price": "4.90 EUR", "stock": 3} for at in range(20)]
    told("/v1/catalog/items", items)
    events: list[dict[str, Any]] = []
    for at, user in enumerate(people):
        who = {"userId": user, "anonymousId": f"d{at}"}
        order = {"order_id": f"o{at}", "total": 9.8, "currency": "EUR", "products": [{"product_id": f"p{at % 20}"}]}
        events += [
            {"type": "identify", "messageId": f"i{at}", "traits": {"email": f"{user}@shop.example"}, **who},
            {"type": "track", "event": "Product Viewed", "messageId": f"v{at}", "properties": {"product_id": "p1"}}
            | who,
            {"type": "track", "event": "Order Completed", "messageId": f"b{at}", "properties": order, **who},
            {"type": "track", "event": "Order Completed", "messageId": f"f{at}", "properties": {"order_id": 1}, **who},
        ]
    told("/v1/batch", {"batch": events})
    programme = {"channel": "tv1", "starts": "2026-03-01 20:15", "ends": "2026-03-01 21:45", "title": "Tea"}
    http.post("/v1/touchpoints/programme", json=[programme], auth=SERVER)
    asked = {"shop_id": 1, "customer": {"id": 7, "email": "u1@shop.example"}, "data_request": {"id": 9}}
    assert sent.deliver(http, "shopify", "customers/data_request", asked, "g1").status_code == 200
    product.wait_folded()
    for user in people[:20]:
        note = {"identifier": f"user_id:{user}", "purpose": "analytics", "granted": True, "reason": "asked"}
        told("/v1/privacy/consent", note)
    erasure = http.post("/v1/privacy/erase", json={"identifier": "user_id:u0"}, auth=SERVER).json()["id"]
    known = [f"user_id:{user}" for user in people] + [f"anonymous_id:d{at}" for at in range(40)]
    mend = {"action": "default", "field": "properties.total", "value": 5}
    profile = http.get("/v1/profiles/user_id:u2", auth=SERVER).json()["profile"]
    return {
        "identifier": [*known, profile], "a": known, "b": known[::-1], "userId": people, "anonymousId": ["d1", "d2"],
        "message_id": [one["messageId"] for one in events], "item": ["p1", "p2"], "id": [one["id"] for one in items],
        "cause": [one["group"]["cause"] for one in http.get("/v1/failed", auth=SERVER).json()["groups"]],
        "erasure": [erasure], "goal": ["buying", "Order Completed"], "facts.kind": ["programme", "advertising"],
        "placements": [["home.hero", "home.row"], ["home.hero"]], "purpose": ["analytics"], "purposes": [["analytics"]],
        "source": ["till", "web"], "station": ["tv1"], "at": ["2026-03-01T20:30:00+01:00"], "profile": [profile],
        "wanted": [one["id"] for one in http.get("/v1/privacy/requests", auth=SERVER).json()],
        "reason": ["asked on the telephone"], "language": ["de", "en"], "lang": ["de", "en"],
        "hours": [1, 48], "preview.": [mend], "mend.": [mend | {"field": "properties.note"}],
        "links.action": ["consent"],
        "links.score": [0.99], "links.rule": ["staff"], "restricted": [True, False], "method": [""],
        "proof": [""], "text_version": [""], "anonymous_id": ["", "d3"], "limit": [1, 9], "days": [1, 30],
        "facts": [{"first_name": "Ana"}], "stock": [3], "to": [""], "keys": [["anonymous_id:d5"], ["anonymous_id:d6"]],
    }  # fmt: skip


def test_no_request_gets_an_answer_that_the_description_does_not_promise(product: Product, tmp_path: Path) -> None:
    document = product.http.get("/openapi.json").json()
    operations = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    found = seeded(product)
    first = recipes.recipes(product, found["userId"])
    assert first.keys() <= operations
    command: list[str | Path] = [
        SCHEMATHESIS, "--config-file", CONFIG, "run", f"{product.address}/openapi.json", "--auth", f"{SERVER_KEY}:",
    ]  # fmt: skip
    answers = tmp_path / "answers"
    environment = {
        **os.environ, "SCHEMATHESIS_HOOKS": "tests.acceptance.openapi_hooks", "REGULARS_ANSWERS": str(answers),
        "REGULARS_SEEDED": json.dumps(found), "REGULARS_RECIPES": json.dumps(first),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400, env=environment
    )
    told = Counter(line.rpartition(" ")[::2] for line in answers.read_text().splitlines())
    reached = {operation for operation, code in told if code.startswith("2")} & operations
    print(f"{len(reached)} of {len(operations)} operations answered with 2xx; {told.total()} requests")  # noqa: T201
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert {code for _, code in told if code >= "500"} <= {"503"}
    assert sorted(operations - reached) == sorted(ELSEWHERE.keys() - reached)
    assert "Traceback" not in product.printed(), product.printed()[-4000:]
    assert "defect" not in product.printed()
    product.wait_folded()
    assert product.ready()["ready"]
