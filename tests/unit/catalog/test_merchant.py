"""Google product feeds, levels of stock and prices over time, as the catalogue keeps them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.catalog import merged, parse
from regulars.catalog.merchant import product_of
from regulars.catalog.prices import DAY_MS, lowest, noted
from regulars.catalog.stock import parse_level, with_level
from regulars.core.catalog import CatalogItem, Sale, Variant
from regulars.core.errors import Rejected

NOW = 1_767_225_600_000  # 2026-01-01


def fed(*rows: dict[str, Any], known: CatalogItem | None = None) -> CatalogItem:
    for row in rows:
        known = merged(known, parse(product_of(row), currency="EUR"))
    assert known is not None
    return known


def test_an_item_of_a_feed_is_a_product() -> None:
    item = fed({
        "g:id": "K1", "g:title": "Kessel", "g:price": "19.99 CHF", "g:sale_price": "15.00 CHF",
        "g:sale_price_effective_date": "2025-12-31T00:00+0100/2026-01-31T00:00+0100", "g:availability": "in stock",
        "g:brand": "Tee", "g:product_type": ["Küche > Kessel", "Neu"], "g:gtin": "4001", "g:color": "rot",
        "g:custom_label_0": "Winter", "g:shipping": {"price": "3 CHF"}, "g:tax": "x",
        "g:additional_image_link": "https://a, https://b", "g:image_link": "https://i",
    })  # fmt: skip
    assert (item.price, item.currency, item.category, item.brand) == (1999, "CHF", ("Küche", "Kessel"), "Tee")
    assert item.sale == Sale(1500, 1_767_135_600_000, 1_769_814_000_000)
    assert (item.price_at(NOW), item.price_at(NOW + 40 * DAY_MS)) == (1500, 1999)
    assert item.attributes == {
        "availability": "in_stock", "gtin": "4001", "custom_label_0": "Winter", "color": "rot",
        "images": ["https://a", "https://b"],
    }  # fmt: skip
    assert (item.stock, item.in_stock()) == (None, None)


def test_items_of_a_group_are_variants_of_one_product_in_whatever_order_they_come() -> None:
    red = {"id": "K-R", "item_group_id": "K", "title": "Kessel", "price": "19.99 EUR", "color": "rot"}
    blue = {"id": "K-B", "item_group_id": "K", "title": "Kessel", "price": "17.99 EUR", "color": "blau"}
    one, other = fed(red | {"availability": "in_stock"}, blue), fed(blue, red | {"availability": "in_stock"})
    assert sorted(v.sku for v in one.variants) == sorted(v.sku for v in other.variants) == ["K-B", "K-R"]
    assert one.price == other.price == 1799
    again = fed(red | {"availability": "out_of_stock"}, known=one)
    assert [v.stock for v in again.variants if v.sku == "K-R"] == [0]
    assert again.in_stock() is False
    gone = merged(again, parse({"id": "K", "drop_variants": ["K-R"]}, currency="EUR"))
    assert [v.sku for v in gone.variants] == ["K-B"]


def test_what_can_be_had_again_loses_its_nought_and_keeps_a_number() -> None:
    row = {"id": "1", "title": "Tee", "price": "3 EUR"}
    out = fed(row | {"availability": "out_of_stock"})
    assert out.stock == 0
    assert fed(row | {"availability": "in_stock"}, known=out).stock is None
    counted = with_level(out, parse_level({"id": "1", "stock": 7}))
    assert counted is not None
    assert fed(row | {"availability": "in_stock"}, known=counted).stock == 7


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"id": ""}, "id"),
        ({"price": "cheap"}, "price"),
        ({"availability": "maybe"}, "availability"),
        ({"sale_price": "1 EUR", "sale_price_effective_date": "soon"}, "sale_price_effective_date"),
        ({"sale_price": "1 EUR", "sale_price_effective_date": "2026-02-01/2026-01-01"}, "sale_until"),
    ],
)
def test_a_wrong_item_names_its_field(said: dict[str, str], field: str) -> None:
    with pytest.raises(Rejected) as caught:
        fed({"id": "1", "title": "Tee", "price": "3 EUR"} | said)
    assert caught.value.field == field


# Stock ----------------------------------------------------------------------------------------------------------------


def test_the_level_of_a_store_changes_the_sum_of_all() -> None:
    item = CatalogItem(id="1")
    for row in ({"store": "Graz", "stock": 3}, {"store": "Wien", "stock": "2,0"}, {"store": "Graz", "stock": 0}):
        found = with_level(item, parse_level({"id": "1", **row}))
        assert found is not None
        item = found
    assert (item.stock, item.stores) == (2, {"Graz": 0, "Wien": 2})
    total = with_level(item, parse_level({"Artikelnummer": 1, "Bestand": -4}))
    assert total is not None
    assert (total.stock, total.stores) == (0, {})


def test_a_level_of_a_variant_is_that_of_the_variant_alone() -> None:
    item = CatalogItem(id="K", variants=(Variant(sku="R", stock=1), Variant(sku="B", stock=1)))
    found = with_level(item, parse_level({"id": "K", "sku": "R", "stock": 0}))
    assert found is not None
    assert [v.stock for v in found.variants] == [0, 1]
    assert with_level(item, parse_level({"id": "K", "sku": "G", "stock": 0})) is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"stock": 1}, "id"),
        ({"id": "1"}, "stock"),
        ({"id": "1", "stock": "viele"}, "stock"),
        ({"id": True, "stock": 1}, "id"),
    ],
)
def test_a_wrong_level_names_its_field(row: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_level(row)
    assert caught.value.field == field


# Prices over time -----------------------------------------------------------------------------------------------------


def changed(item: CatalogItem | None, price: int, day: int) -> CatalogItem:
    row = parse({"id": "1", "price": price / 100}, currency="EUR")
    return noted(item, merged(item, row), NOW + day * DAY_MS)


def test_the_lowest_price_is_that_of_the_thirty_days_before_a_reduction() -> None:
    item = changed(changed(changed(None, 1000, 0), 800, 10), 1200, 12)
    assert lowest(item, NOW + 20 * DAY_MS) == 800
    assert lowest(item, NOW + 43 * DAY_MS) == 1200
    sale = merged(item, parse({"id": "1", "sale_price": "5.00", "sale_from": NOW + 20 * DAY_MS}, currency="EUR"))
    sale = noted(item, sale, NOW + 20 * DAY_MS)
    assert sale.price_at(NOW + 21 * DAY_MS) == 500
    assert lowest(sale, NOW + 21 * DAY_MS) == 800, "the reduction itself does not count"
    after = noted(sale, merged(sale, parse({"id": "1", "sale_price": None}, currency="EUR")), NOW + 25 * DAY_MS)
    assert lowest(after, NOW + 30 * DAY_MS) == 500, "a reduction that is over does"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9_999)), min_size=1, max_size=20))
def test_the_lowest_price_is_the_least_that_held_within_the_days(steps: list[tuple[int, int]]) -> None:
    item: CatalogItem | None = None
    day = 0
    held: list[tuple[int, int]] = []  # from which day on
    for days, price in steps:
        item = changed(item, price, day)
        held.append((day, price))
        day += days
    assert item is not None
    ends = [start for start, _ in held[1:]] + [day + 1]
    wanted = min(price for (_, price), end in zip(held, ends, strict=True) if end > day - 30)
    assert lowest(item, NOW + day * DAY_MS) == wanted


def test_a_row_that_says_the_same_again_changes_nothing() -> None:
    row = {"id": "K-R", "item_group_id": "K", "title": "Kessel", "price": "19.99 EUR", "availability": "in_stock"}
    once = noted(None, fed(row), NOW)
    assert noted(once, fed(row, known=once), NOW + DAY_MS) == once
