"""An order that the till and the browser tell otherwise is reported, whichever came first."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from regulars.testing import Product
from tests.acceptance.shop import SERVER_KEY, WRITE_KEY, make_shop

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A shop with nothing in it."""
    root = tmp_path_factory.mktemp("disagree")
    with Product(make_shop(root / "shop"), root / "data") as product:
        yield product


def order(message_id: str, order_id: str, total: float, **who: str) -> dict[str, Any]:
    """An order that passes the plan."""
    return {
        "type": "track", "event": "Order Completed", "messageId": message_id, **who,
        "properties": {"order_id": order_id, "total": total, "currency": "EUR", "products": [{"product_id": "p1"}]},
    }  # fmt: skip


def test_different_totals_of_till_and_browser_show_in_the_report(product: Product) -> None:
    till = [order("t1", "A1", 40.0, userId="ana"), order("t2", "A2", 10.0, userId="ana")]
    web = [order("w1", "A1", 45.5, anonymousId="phone"), order("w2", "A2", 10.0, anonymousId="phone")]
    late = order("t3", "A3", 7.0, userId="ana")
    web.append(order("w3", "A3", 9.0, anonymousId="phone"))
    for key, batch in ((SERVER_KEY, till), (WRITE_KEY, web), (SERVER_KEY, [late])):
        product.http.post("/v1/batch?strict=1", json={"batch": batch}, auth=(key, "")).raise_for_status()
    until = time.monotonic() + 20
    while True:
        answer = product.http.get("/v1/orders/disagreements", auth=(SERVER_KEY, ""))
        answer.raise_for_status()
        found = answer.json()
        if found["told_by_several"] == 3 or time.monotonic() > until:
            break
        time.sleep(0.1)
    assert (found["orders"], found["told_by_several"], found["disagree"]) == (3, 3, 2)
    (row,) = (row for row in found["rows"] if row["field"] == "total")
    assert {row["first"], row["second"]} == {"till", "web"}
    assert (row["orders"], row["money"]) == (2, {"EUR": 750})
