"""Products as shops send them, and what the catalogue makes of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.catalog import ProductRow, RowError, from_row, merged, parse, parse_rows, to_row
from regulars.core.catalog import CatalogItem, Variant
from regulars.core.errors import Rejected


def item(**row: Any) -> CatalogItem:
    return merged(None, parse({"id": "p1"} | row, currency="EUR"))


def test_a_row_of_a_product_feed_is_understood_by_its_columns() -> None:
    row = {
        "Product ID": 7,
        "Name": "Road bike",
        "product_type": "Sport > Bikes > Road",
        "Price": "1.299,00 €",
        "Colour": "red",
    }
    found = merged(None, parse(row, currency="EUR"))
    assert found == CatalogItem(
        id="7",
        title="Road bike",
        category=("Sport", "Bikes", "Road"),
        price=129900,
        currency="EUR",
        attributes={"Colour": "red"},
    )


def test_what_nobody_told_stays_unknown() -> None:
    found = item(title="Bell")
    assert found.stock is None
    assert found.price is None
    assert found.in_stock() is None


def test_a_partial_update_keeps_the_rest() -> None:
    known = item(title="Bell", price=4.9, stock=3, attributes={"colour": "red", "size": "S"})
    after = merged(
        known, parse({"id": "p1", "stock": 0, "attributes": {"colour": None, "weight": "1 kg"}}, currency="EUR")
    )
    assert (after.title, after.price, after.stock) == ("Bell", 490, 0)
    assert after.attributes == {"size": "S", "weight": "1 kg"}
    assert after.in_stock() is False


def test_a_null_clears_a_field_and_an_empty_cell_of_a_table_does_not() -> None:
    known = item(price=4.9, stock=3)
    assert merged(known, parse({"id": "p1", "stock": None}, currency="EUR")).stock is None
    assert merged(known, parse({"id": "p1", "stock": ""}, currency="EUR", empty_is_absent=True)).stock == 3
    assert merged(known, parse({"id": "p1", "stock": float("nan")}, currency="EUR")).stock == 3


def test_an_amount_never_changes_its_currency() -> None:
    known = item(price=4.9)
    after = merged(known, parse({"id": "p1", "currency": "USD"}, currency="EUR"))
    assert (after.price, after.currency) == (None, "USD")


def test_variants_have_their_own_price_and_stock() -> None:
    found = item(
        variants=[
            {"sku": "p1-s", "size": "S", "stock": 0},
            {"id": "p1-m", "options": {"size": "M"}, "price": 9, "stock": 2},
        ]
    )
    assert found.variants == (
        Variant(sku="p1-s", attributes={"size": "S"}, stock=0),
        Variant(sku="p1-m", attributes={"size": "M"}, price=900, stock=2),
    )
    assert found.in_stock() is True


def test_content_refers_to_products_and_interests() -> None:
    found = item(kind="Video", title="How to fit a bell", products="p2|p3", interests=["Bikes"])
    assert (found.kind, found.products, found.interests) == ("video", ("p2", "p3"), ("Bikes",))
    with pytest.raises(Rejected, match="only content refers to products"):
        item(products=["p2"])


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": None}, "id"),
        ({"id": {"a": 1}}, "id"),
        ({"price": "cheap"}, "price"),
        ({"price": -1}, "price"),
        ({"price": True}, "price"),
        ({"price": 1e300}, "price"),
        ({"stock": "many"}, "stock"),
        ({"stock": float("inf")}, "stock"),
        ({"kind": "poem"}, "kind"),
        ({"currency": "Euro"}, "currency"),
        ({"category": 5}, "category"),
        ({"category": [1]}, "category"),
        ({"variants": {"sku": "a"}}, "variants"),
        ({"variants": [{"size": "S"}]}, "variants.0.sku"),
        ({"variants": [{"sku": "a"}, {"sku": "a"}]}, "variants"),
        ({"variants": [{"sku": "a", "price": "x"}]}, "variants.0.price"),
        ({"attributes": "red"}, "attributes"),
        ({"active": "perhaps"}, "active"),
        ({"title": ["Bell"]}, "title"),
        ({"products": {"a": 1}, "kind": "tip"}, "products"),
    ],
)
def test_a_bad_row_names_line_and_field_and_stops_no_other(row: dict[str, Any], field: str) -> None:
    rows = [(2, {"id": "p1"} | row), (3, {"id": "p2"})]
    bad, good = parse_rows(rows, currency="EUR")
    assert isinstance(bad, RowError)
    assert (bad.line, bad.field) == (2, field)
    assert bad.expected
    assert isinstance(good, ProductRow)


def test_oversold_stock_is_no_stock() -> None:
    assert item(stock="-2").stock == 0


def test_the_first_of_several_columns_for_a_field_counts_and_none_is_lost() -> None:
    found = item(title="Bell", name="Bicycle bell")
    assert (found.title, found.attributes) == ("Bell", {"name": "Bicycle bell"})


def test_an_item_survives_the_state() -> None:
    found = item(title="Bell", price=4.9, category=["A/B", "C"], variants=[{"sku": "s"}])
    row = to_row(found, 5)
    assert row[:3] == ("p1", 5, "A/B > C")
    assert from_row(row) == found


cells = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.lists(st.integers(), max_size=2)
)
columns = st.sampled_from(
    ["id", "price", "stock", "kind", "category", "variants", "attributes", "active", "currency", "products", "x"]
)


@settings(max_examples=200)
@given(st.lists(st.dictionaries(columns, cells, max_size=6), max_size=4))
def test_any_row_is_a_change_or_an_error(rows: list[dict[str, Any]]) -> None:
    results = list(parse_rows(enumerate(rows, 1), currency="EUR"))
    assert len(results) == len(rows)
    for result in results:
        if isinstance(result, ProductRow):
            assert from_row(to_row(merged(None, result), 1)).id == result.id


@given(
    st.lists(st.dictionaries(st.sampled_from(["price", "stock", "title"]), st.integers(0, 9), max_size=3), max_size=4)
)
def test_an_update_said_twice_is_an_update_said_once(updates: list[dict[str, int]]) -> None:
    once: CatalogItem | None = None
    twice: CatalogItem | None = None
    for update in updates:
        row = parse({"id": "p1", **update}, currency="EUR")
        once = merged(once, row)
        twice = merged(merged(twice, row), row)
    assert once == twice
