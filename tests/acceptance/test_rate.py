"""A source with a rate: what comes too fast is refused with the time to wait, and others are not held up."""

from pathlib import Path

import pytest

from regulars.testing import Product
from tests.acceptance.shop import FILES, SERVER_KEY, WRITE_KEY, make_shop, viewed

pytestmark = pytest.mark.acceptance


def test_a_source_beyond_its_rate_waits_and_others_do_not(tmp_path: Path) -> None:
    limited = FILES["sources.toml"].replace(f'write_key = "{WRITE_KEY}"', f'write_key = "{WRITE_KEY}"\nrate = 0.5')
    shop = make_shop(tmp_path / "shop", sources=limited)
    with Product(shop, tmp_path / "data") as product:
        answers = [
            product.http.post("/v1/track", json=viewed(f"m{at}"), auth=(WRITE_KEY, ""), headers=headers)
            for at in range(9)
            for headers in [{"origin": "https://shop.example"}]
        ]
        assert {answer.status_code for answer in answers} == {200, 429}
        refused = answers[-1]
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 3
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert refused.headers["access-control-allow-origin"] == "https://shop.example"
        assert refused.json()["field"] == "rate"
        batch = {"batch": [viewed(f"b{at}") for at in range(100)]}
        assert product.http.post("/v1/batch", json=batch, auth=(SERVER_KEY, "")).status_code == 200
