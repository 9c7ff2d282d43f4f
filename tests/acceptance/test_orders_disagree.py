"""An order that the till and the browser tell otherwise is reported, whichever came first."""

import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest

from regulars.profile import orders
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


def test_items_of_a_snowplow_transaction_are_the_lines_of_its_order(product: Product) -> None:
    def listed(message_id: str, sku: str, quantity: int) -> dict[str, str]:
        item = {"ti_id": "SP-1", "ti_sk": sku, "ti_pr": "4.50", "ti_qu": str(quantity), "ti_cu": "EUR"}
        return {"e": "ti", "eid": message_id, "uid": "sp-ana", "dtm": "1772445600000", **item}

    paid = {"e": "tr", "eid": "sp-0", "uid": "sp-ana", "dtm": "1772445600000", "tr_id": "SP-1", "tr_tt": "18.40"}
    whole = {**paid, "tr_cu": "EUR", "tr_sh": "4.90"}
    kettle, tea = listed("sp-1", "kettle", 1), listed("sp-2", "tea", 2)
    opened_again = [{**whole, "eid": "sp-3"}, listed("sp-4", "kettle", 1), listed("sp-5", "tea", 2)]
    schema = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
    for data in ([kettle], [whole, tea], [kettle], opened_again, [listed("sp-6", "", 1)]):
        body = {"schema": schema, "data": data}
        product.http.post("/com.snowplowanalytics.snowplow/tp2", json=body, auth=(SERVER_KEY, "")).raise_for_status()
    product.wait_folded()
    with sqlite3.connect(f"file:{product.data}/state.db?mode=ro", uri=True) as state:
        (row,) = state.execute("select total, status, data from order_fact where order_id = 'SP-1'").fetchall()
        lost = state.execute("select field from failed where name != 'stock'").fetchall()
    assert row[:2] == (1840, "completed")
    assert orders.load("SP-1", row[2], currency="EUR").lines == {"kettle": 1, "tea": 2}
    assert lost == [("ti_sk",)], "an item without a SKU waits to be mended"
