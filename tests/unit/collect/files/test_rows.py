"""Files of a shop become the calls that its till would have sent."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from regulars.collect.files import KINDS
from regulars.collect.files.kind import About, BadRow, Call

BERLIN = About("EUR", "Europe/Berlin")


def numbered(*rows: Any) -> Iterable[tuple[int, Mapping[str, Any]]]:
    return enumerate(rows, 2)  # line 1 holds the names of the columns


def line(**changes: Any) -> dict[str, Any]:
    row = {
        "household_id": "900", "basket_id": 31198570044.0, "product_id": "1095275", "quantity": "2",
        "sales_value": "0.50", "retail_disc": "0.10", "store_id": "330", "transaction_timestamp": "2017-01-01 11:53:26",
    }  # fmt: skip
    return row | changes


def lines(*rows: Any, mapping: Mapping[str, str] | None = None) -> list[Call | BadRow]:
    about = About("USD", "America/New_York", mapping=dict(mapping or {}))
    return list(KINDS["order-lines"].calls(numbered(*rows), about))


def test_the_lines_of_an_order_become_one_order() -> None:
    (found,) = lines(line(), line(product_id="9", sales_value="1.2", retail_disc="0"))
    assert isinstance(found, Call)
    assert (found.line, found.rows) == (2, 2)
    payload = found.payload
    assert (payload["type"], payload["event"], payload["userId"]) == ("track", "Order Completed", "900")
    assert payload["timestamp"] == "2017-01-01T16:53:26+00:00"
    assert payload["properties"] == {
        "order_id": "31198570044",
        "store_id": "330",
        "total": 1.7,
        "discount": 0.1,
        "currency": "USD",
        "products": [
            {"product_id": "1095275", "quantity": 2, "total": 0.5, "discount": 0.1},
            {"product_id": "9", "quantity": 2, "total": 1.2, "discount": 0},
        ],
    }


def test_orders_end_where_the_order_id_changes() -> None:
    found = lines(line(basket_id="a"), line(basket_id="a"), line(basket_id="b"))
    assert [(one.line, one.rows) for one in found if isinstance(one, Call)] == [(2, 2), (4, 1)]


def test_half_an_order_is_no_order() -> None:
    bad, good = lines(line(basket_id="a"), line(basket_id="a", quantity="two"), line(basket_id="b"))[::1]
    assert isinstance(bad, BadRow)
    assert str(bad) == "line 3: quantity: expected a number, got 'two'"
    assert isinstance(good, Call)
    assert good.payload["properties"]["order_id"] == "b"


def test_an_order_that_begins_with_a_bad_line_does_not_spoil_the_one_before() -> None:
    good, bad = lines(line(basket_id="a"), line(basket_id="b", product_id=""), line(basket_id="b"))
    assert isinstance(good, Call)
    assert (good.payload["properties"]["order_id"], good.rows) == ("a", 1)
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field) == (3, "product_id")


def test_an_order_torn_apart_in_the_file_is_named() -> None:
    *_, torn = lines(line(basket_id="a"), line(basket_id="b"), line(basket_id="a"))
    assert isinstance(torn, BadRow)
    assert (torn.line, torn.field, torn.got) == (4, "order_id", "'a' again")


def test_an_order_of_two_customers_is_refused() -> None:
    (bad,) = lines(line(), line(household_id="901"))
    assert isinstance(bad, BadRow)
    assert (bad.field, bad.expected, bad.got) == ("user_id", "'900'", "'901' at line 3")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"household_id": ""}, "user_id"),
        ({"basket_id": None}, "order_id"),
        ({"transaction_timestamp": "yesterday"}, "timestamp"),
        ({"transaction_timestamp": ""}, "timestamp"),
        ({"sales_value": ""}, "total"),
        ({"sales_value": "NaN"}, "total"),
    ],
)
def test_a_bad_row_names_its_line_and_field(changes: dict[str, Any], field: str) -> None:
    (bad,) = lines(line(**changes))
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field) == (2, field)


def test_a_line_without_total_is_price_times_quantity_less_discount() -> None:
    row = line(sales_value="", price="1,50 €")
    (found,) = lines(row)
    assert isinstance(found, Call)
    assert found.payload["properties"]["total"] == 2.9


def test_columns_of_any_name_can_be_mapped() -> None:
    row = {"Beleg": 1, "Wer": "k1", "Wann": date(2017, 6, 1), "Was": "p", "Wieviel": 3, "Preis": Decimal("2.50")}
    names = {
        "Beleg": "order_id",
        "Wer": "loyalty_card",
        "Wann": "timestamp",
        "Was": "product_id",
        "Wieviel": "quantity",
    }
    (found,) = lines(row, mapping=names)
    assert isinstance(found, Call)
    assert found.payload["context"] == {"externalIds": [{"type": "loyalty_card", "id": "k1"}]}
    assert found.payload["timestamp"] == "2017-06-01T04:00:00+00:00"
    assert found.payload["properties"]["total"] == 7.5


def test_a_file_imported_twice_has_the_same_message_ids() -> None:
    first, again, corrected = lines(line()), lines(line()), lines(line(quantity=1))
    ids = [one.payload["messageId"] for one in (*first, *again, *corrected) if isinstance(one, Call)]
    assert ids[0] == ids[1]
    assert ids[2] != ids[0]


def test_an_order_may_be_one_row() -> None:
    row = {
        "order_id": "7",
        "email": "ana@example.org",
        "date": datetime(2017, 6, 1, tzinfo=UTC),
        "total": "12.5",
        "channel": "shop",
    }
    (found,) = KINDS["orders"].calls(numbered(row), BERLIN)
    assert isinstance(found, Call)
    assert found.payload["properties"] == {"order_id": "7", "total": 12.5, "channel": "shop", "currency": "EUR"}


def test_an_order_without_a_total_is_refused() -> None:
    row = {"order_id": "7", "user_id": "a", "date": "2017-06-01"}
    (bad,) = KINDS["orders"].calls(numbered(row), BERLIN)
    assert bad == BadRow(2, "total", "what the order costs", "nothing", ((2, row),))


def test_other_columns_of_an_event_are_its_properties() -> None:
    row = {
        "event": "Product Viewed",
        "visitor_id": "c1",
        "time": 1_500_000_000,
        "product_id": "p",
        "properties.price": 2.5,
        "x": None,
    }
    (found,) = KINDS["events"].calls(numbered(row), BERLIN)
    assert isinstance(found, Call)
    assert (found.payload["anonymousId"], found.payload["timestamp"]) == ("c1", "2017-07-14T02:40:00+00:00")
    assert found.payload["properties"] == {"product_id": "p", "price": 2.5}


def test_a_call_of_the_segment_spec_passes_as_it_is() -> None:
    call = {"type": "identify", "userId": "ana", "traits": {"city": "Graz"}, "messageId": "m"}
    (found,) = KINDS["events"].calls(numbered(call), BERLIN)
    assert found == Call(2, 1, call)


def test_a_row_that_is_no_object_is_named() -> None:
    (bad,) = KINDS["events"].calls([(9, ["a"])], BERLIN)  # type: ignore[list-item]  # what a line of NDJSON may hold
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field) == (9, "row")
