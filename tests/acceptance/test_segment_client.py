"""The official Python client of Segment, with nothing but the host changed."""

import pytest
from segment.analytics.client import Client

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, views

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("packed", [False, True])
def test_the_official_client_delivers_every_event(product: Product, packed: bool) -> None:  # noqa: FBT001 - a parameter
    failures: list[object] = []
    client = Client(
        SERVER_KEY, host=product.address, gzip=packed, on_error=lambda error, _: failures.append(error), timeout=30
    )
    user = f"segment-{packed}"
    for number in range(250):
        client.track(user, "Product Viewed", {"product_id": str(number)})
    client.identify(user, {"city": "Köln"})
    client.flush()
    client.join()
    assert failures == []
    product.wait_folded(seconds=30)
    assert views(product.http, user) == 250
    found = product.http.get(f"/v1/profiles/user_id:{user}", auth=(SERVER_KEY, "")).json()
    assert found["facts"] == {"city": "Köln"}
