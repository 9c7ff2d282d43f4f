"""The surface as its own description has it: whatever is sent, the answer is one that the description promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


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


def test_no_request_gets_an_answer_that_the_description_does_not_promise(product: Product, tmp_path: Path) -> None:
    command: list[str | Path] = [
        SCHEMATHESIS,
        "--config-file",
        CONFIG,
        "run",
        f"{product.address}/openapi.json",
        "--auth",
        f"{SERVER_KEY}:",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Traceback" not in product.printed(), product.printed()[-4000:]
    assert "defect" not in product.printed()
    product.wait_folded()
    assert product.ready()["ready"]
