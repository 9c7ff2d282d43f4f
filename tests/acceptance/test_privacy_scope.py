"""What belongs to a customer's rights is asked with keys of the scope `privacy` alone."""

from collections.abc import Iterator

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, SERVICE_KEY, WRITE_KEY, make_shop, viewed

pytestmark = pytest.mark.acceptance

WHO = {"identifier": "user_id:ana"}
CONSENT = {**WHO, "purpose": "analytics", "granted": True, "reason": "asked"}
ROUTES = [
    ("GET", "/v1/privacy/access/user_id:ana", None, 200),
    ("GET", "/v1/privacy/consent/user_id:ana", None, 200),
    ("POST", "/v1/privacy/consent", CONSENT, 200),
    ("POST", "/v1/privacy/rectify", {**WHO, "facts": {"city": "Ulm"}, "reason": "moved"}, 200),
    ("POST", "/v1/privacy/restrict", {**WHO, "restricted": True, "reason": "asked"}, 200),
    ("GET", "/v1/privacy/erasures", None, 200),
    ("GET", "/v1/privacy/erasures/e1", None, 404),
    ("POST", "/v1/privacy/erase", {**WHO, "reason": "asked"}, 202),
]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    root = tmp_path_factory.mktemp("scope")
    with Product(make_shop(root / "shop"), root / "data", key=SERVER_KEY) as running:
        running.http.post("/v1/track", json=viewed("a1", "ana")).raise_for_status()
        running.wait_folded()
        yield running


@pytest.mark.parametrize(("method", "path", "body", "status"), ROUTES, ids=[f"{one[0]} {one[1]}" for one in ROUTES])
def test_a_key_without_the_scope_is_refused_and_told_so(
    product: Product, method: str, path: str, body: dict[str, object] | None, status: int
) -> None:
    for key in (SERVICE_KEY, WRITE_KEY):
        answer = product.http.request(method, path, json=body, auth=(key, ""))
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert (told["field"], told["expected"]) == ("Authorization", "a server key with scope privacy")
    assert product.http.request(method, path, json=body, auth=("sk_wrong", "")).status_code == 401
    assert product.http.request(method, path, json=body).status_code == status


def test_the_same_key_reads_the_customer(product: Product) -> None:
    product.http.post("/v1/track", json=viewed("b1", "bo")).raise_for_status()
    product.wait_folded()
    assert product.http.get("/v1/profiles/user_id:bo", auth=(SERVICE_KEY, "")).status_code == 200
