"""Levels of stock reach their product, however little they name, whatever sequence and batches they come in."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.state.sqlite import SqliteState
from regulars.catalog import from_row
from regulars.collect.webhook import Head, stored
from regulars.core.catalog import CatalogItem
from regulars.core.event import FailedEvent
from regulars.core.log import PRODUCTS, STOCK, Record
from regulars.core.state import PRODUCT, SKU, STOCK_TOLD, Changes
from regulars.flow.on_products import upsert
from tests import webhooks as sent

SHIRT = {"id": "shirt", "title": "Shirt", "variants": [{"sku": "SH-S", "size": "S"}, {"sku": "SH-M", "size": "M"}]}
NOW = 1_772_500_000_000  # 2026-03-03T01:06:40Z


class Catalogue:
    """A catalogue that records are folded into, each its own batch unless told otherwise."""

    def __init__(self, stores: dict[str, str] | None = None) -> None:
        self.state = SqliteState(":memory:")
        self.stores = {"online": stores or {}}
        self.offset = 0

    def fold(self, *records: tuple[str, bytes]) -> list[FailedEvent]:
        batch: list[Record] = []
        for route, body in records:
            self.offset += 1
            batch.append(Record(self.offset, PRODUCTS, "online", route, NOW, body))
        changes = Changes()
        failures = upsert(batch, self.state, changes, currency="EUR", stores=self.stores)
        self.state.commit(changes)
        return failures

    def items(self, *rows: dict[str, Any]) -> list[FailedEvent]:
        return self.fold(items(*rows))

    def stock(self, *rows: dict[str, Any]) -> list[FailedEvent]:
        return self.fold(stock(*rows))

    def item(self, identifier: str) -> CatalogItem:
        row = self.state.get(PRODUCT, identifier)
        assert row is not None
        return from_row(row)

    def levels(self, identifier: str) -> dict[str, int | None]:
        item = self.item(identifier)
        return {"": item.stock, **{one.sku: one.stock for one in item.variants}}


def items(*rows: dict[str, Any]) -> tuple[str, bytes]:
    return "items", json.dumps(rows).encode()


def stock(*rows: dict[str, Any]) -> tuple[str, bytes]:
    return STOCK, json.dumps(rows).encode()


def shopify(topic: str, said: dict[str, Any], at: str = "") -> tuple[str, bytes]:
    return "shopify", stored(Head(topic, "d", "corner.myshopify.example", at), json.dumps(said).encode())


def kettle(updated: str, red: int, blue: int) -> tuple[str, bytes]:
    first, second = sent.shopify_product()["variants"]
    variants = [
        first | {"inventory_item_id": 501, "inventory_quantity": red},
        second | {"inventory_item_id": 503, "inventory_quantity": blue},
    ]
    return shopify("products/update", sent.shopify_product(updated_at=updated, variants=variants))


def level(item: int, location: int, available: int | None, updated: str) -> tuple[str, bytes]:
    said = {"inventory_item_id": item, "location_id": location, "available": available, "updated_at": updated}
    return shopify("inventory_levels/update", said)


def test_a_row_with_a_sku_alone_reaches_the_variant_of_its_product() -> None:
    shop = Catalogue()
    shop.items(SHIRT, {"id": "mug", "title": "Mug", "attributes": {"sku": "MUG-1"}}, {"id": "bell", "title": "Bell"})
    rows = [
        {"sku": "SH-M", "stock": 4}, {"sku": "MUG-1", "stock": 2}, {"sku": "bell", "stock": 7},
        {"id": "SH-S", "stock": 1}, {"id": "mug", "sku": "MUG-1", "store": "Graz", "stock": 2},
    ]  # fmt: skip
    assert shop.stock(*rows) == []
    assert shop.levels("shirt") == {"": None, "SH-S": 1, "SH-M": 4}
    assert (shop.item("mug").stock, shop.item("mug").stores, shop.item("bell").stock) == (2, {"Graz": 2}, 7)


def test_a_product_and_the_stock_of_its_sku_may_come_in_one_batch() -> None:
    shop = Catalogue()
    assert shop.fold(items(SHIRT), stock({"sku": "SH-S", "stock": 3})) == []
    assert shop.levels("shirt")["SH-S"] == 3


def test_a_sku_that_nobody_has_or_two_products_have_fails_and_names_them() -> None:
    shop = Catalogue()
    shop.items(SHIRT, {"id": "copy", "variants": [{"sku": "SH-S"}]})
    (ghost, both) = shop.stock({"sku": "GHOST", "stock": 1}, {"sku": "SH-S", "stock": 1})
    assert (ghost.field, ghost.expected, ghost.got) == ("sku", "a SKU of the catalogue", "GHOST")
    assert (both.field, both.expected, both.got) == ("sku", "a SKU of one product", "SH-S of copy, shirt")
    shop.items({"id": "copy", "active": False})
    assert shop.stock({"sku": "SH-S", "stock": 6}) == []
    assert (shop.levels("shirt")["SH-S"], shop.levels("copy")["SH-S"]) == (6, None)


def test_a_sku_that_moves_to_another_product_takes_its_stock_there() -> None:
    shop = Catalogue()
    shop.items(SHIRT)
    shop.items({"id": "shirt", "drop_variants": ["SH-S"]}, {"id": "tee", "variants": [{"sku": "SH-S"}]})
    assert shop.stock({"sku": "SH-S", "stock": 9}) == []
    assert shop.levels("tee")["SH-S"] == 9
    shop.items({"id": "tee", "variants": []})
    assert [one.field for one in shop.stock({"sku": "SH-S", "stock": 1})] == ["sku"]
    assert [str(row[0]) for row in shop.state.select(SKU)] == ["sku:SH-M"]


def test_an_older_level_changes_nothing_in_this_body_or_the_next() -> None:
    shop = Catalogue()
    shop.items(SHIRT)
    old, new = (
        {"sku": "SH-S", "stock": 9, "stand": "2026-03-01T10:00Z"},
        {"sku": "SH-S", "stock": 2, "stand": "2026-03-01T11:00Z"},
    )
    shop.stock(new, old)
    assert shop.levels("shirt")["SH-S"] == 2
    shop.stock(old)
    assert shop.levels("shirt")["SH-S"] == 2
    shop.stock({"sku": "SH-S", "stock": 5})  # no time is told: it is the last word
    assert shop.levels("shirt")["SH-S"] == 5


def test_a_clock_that_is_ahead_does_not_hold_up_what_comes_later() -> None:
    shop = Catalogue()
    shop.items(SHIRT)
    shop.stock({"sku": "SH-S", "stock": 9, "as_of": "2099-01-01T00:00Z"})
    shop.stock({"sku": "SH-S", "stock": 1, "as_of": "2026-03-03T02:00Z"})
    assert shop.levels("shirt")["SH-S"] == 1
    assert [row[3] for row in shop.state.select(STOCK_TOLD)] == [NOW + 3_200_000]


def test_a_level_of_shopify_is_found_by_its_inventory_item_and_set_for_the_store() -> None:
    shop = Catalogue({"11": "Graz"})
    shop.fold(kettle("2026-03-01T10:00:00Z", red=7, blue=0))
    told = shop.fold(level(501, 11, 3, "2026-03-02T10:00:00Z"), level(503, 12, 2, "2026-03-02T10:00:01Z"))
    assert [one.reason for one in told] == ["undeclared_place"]
    red, blue = shop.item("9001").variants
    assert (red.stock, red.stores, blue.stores) == (3, {"Graz": 3}, {"12": 2})
    assert shop.item("9001").stock == 5
    (unknown,) = shop.fold(level(999, 11, 1, "2026-03-02T10:00:00Z"))
    assert (unknown.field, unknown.got, unknown.message_id) == ("stock_id", "999", "stock-999-Graz")
    gone = {"inventory_item_id": 503, "location_id": 12}
    shop.fold(shopify("inventory_levels/disconnect", gone, at="2026-03-02T11:00:00Z"))
    assert shop.item("9001").variants[1].stores == {}


@pytest.mark.parametrize("together", [True, False])
def test_in_whatever_sequence_a_sale_is_told_the_total_is_right(*, together: bool) -> None:
    """Two places hold 2 + 5; one piece is sold: the level of its place and the product's total, in both sequences."""
    for news in itertools.permutations(
        [level(501, 11, 1, "2026-03-02T10:00:00Z"), kettle("2026-03-02T10:00:01Z", red=6, blue=0)]
    ):
        shop = Catalogue()
        shop.fold(kettle("2026-03-01T10:00:00Z", red=7, blue=0))
        shop.fold(level(501, 11, 2, "2026-03-01T09:00:00Z"), level(501, 12, 5, "2026-03-01T09:00:00Z"))
        for batch in [news] if together else [[one] for one in news]:
            shop.fold(*batch)
        assert shop.item("9001").variants[0].stock == 6
        assert shop.item("9001").variants[0].stores == {"11": 1, "12": 5}


def test_a_total_that_is_older_than_a_level_does_not_bring_sold_pieces_back() -> None:
    shop = Catalogue()
    shop.fold(kettle("2026-03-01T10:00:00Z", red=7, blue=0))
    shop.fold(level(501, 11, 4, "2026-03-02T12:00:00Z"))
    shop.fold(kettle("2026-03-02T11:00:00Z", red=7, blue=0))
    assert shop.item("9001").variants[0].stock == 4


def test_places_that_were_not_told_yet_are_not_taken_for_empty_where_it_is_known_which_there_are() -> None:
    shop = Catalogue({"11": "Graz", "12": "Wien"})
    shop.fold(kettle("2026-03-01T10:00:00Z", red=7, blue=0))
    shop.fold(level(501, 11, 2, "2026-03-02T10:00:00Z"))
    assert shop.item("9001").variants[0].stock == 7
    shop.fold(level(501, 12, 4, "2026-03-02T10:00:01Z"))
    assert shop.item("9001").variants[0].stock == 6


def test_another_source_that_lists_the_variants_keeps_what_shopify_counts_by() -> None:
    shop = Catalogue()
    shop.fold(kettle("2026-03-01T10:00:00Z", red=7, blue=0))
    shop.items({"id": "9001", "variants": [{"sku": "KET-R", "price": 5}, {"sku": "KET-B", "price": 5}]})
    assert [one.reason for one in shop.fold(level(503, 11, 2, "2026-03-02T10:00:00Z"))] == ["undeclared_place"]


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(4)), st.lists(st.booleans(), min_size=4, max_size=4))
def test_levels_with_times_end_the_same_in_any_sequence_and_any_batches(order: Sequence[int], cuts: list[bool]) -> None:
    said = [{"sku": "SH-S", "store": f"s{n % 2}", "stock": n, "as_of": f"2026-03-01T1{n}:00Z"} for n in range(4)]
    shop = Catalogue()
    shop.items(SHIRT)
    batch: list[tuple[str, bytes]] = []
    for place, cut in zip(order, cuts, strict=True):
        batch.append(stock(said[place]))
        if cut:
            shop.fold(*batch)
            batch = []
    if batch:
        shop.fold(*batch)
    variant = shop.item("shirt").variants[0]
    assert (variant.stock, variant.stores) == (5, {"s0": 2, "s1": 3})


def test_levels_in_failed_events_keep_what_was_told() -> None:
    shop = Catalogue()
    (found,) = shop.stock({"sku": "GHOST", "store": "Graz", "stock": 3})
    assert msgspec.json.decode(found.body)["sku"] == "GHOST"


@pytest.mark.parametrize(("stores", "more"), [({}, ""), ({"12": "Graz"}, ", …")])
def test_a_place_of_stock_without_a_name_counts_and_is_told_with_the_line_to_add(
    stores: dict[str, str], more: str
) -> None:
    shop = Catalogue(stores)
    shop.fold(kettle("2026-03-01T10:00:00Z", red=3, blue=4))
    assert len(shop.fold(level(501, 12, 7, "2026-03-02T10:00:00Z"))) == (0 if stores else 1)
    (told,) = shop.fold(level(501, 13, 9, "2026-03-02T10:00:01Z"))
    assert (told.reason, told.field, told.got) == ("undeclared_place", "location_id", "13")
    assert told.expected == f"""in [sources.online.webhook] stores = {{"13" = "the store's name"{more}}}"""
    assert told.message_id == "place-13", "of one place one waits, however many levels come"
    assert shop.item("9001").variants[0].stores["13"] == 9
