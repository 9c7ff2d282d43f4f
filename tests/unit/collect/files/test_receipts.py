"""Receipts of tills: what was sold, what came back, what was voided."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.collect.files import KINDS
from regulars.collect.files.kind import About, BadRow, Call

BERLIN = About("EUR", "Europe/Berlin")


def line(**said: Any) -> dict[str, Any]:
    return {
        "Kasse": "3", "Bonnummer": "17", "Zeitpunkt": "02.01.2026 10:15", "Artikelnummer": "tee", "Menge": "1",
        "Einzelpreis": "4,50",
    } | said  # fmt: skip


def read(rows: Iterable[dict[str, Any]], about: About = BERLIN) -> list[Call | BadRow]:
    return list(KINDS["receipts"].calls(enumerate(rows, 2), about))


def told(rows: Iterable[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    found = read(rows)
    assert all(isinstance(one, Call) for one in found), found
    return [(one.payload["event"], one.payload["properties"]) for one in found if isinstance(one, Call)]


def test_a_receipt_is_an_order_of_nobody_unless_a_card_was_shown() -> None:
    (anonymous,) = read([line(), line(Artikelnummer="mug", Einzelpreis="12")])
    assert isinstance(anonymous, Call)
    assert anonymous.payload["anonymousId"] == "receipt-3-17"
    assert anonymous.payload["timestamp"] == "2026-01-02T09:15:00+00:00"
    assert anonymous.payload["properties"]["order_id"] == "3-17"
    assert anonymous.payload["properties"]["total"] == 16.5
    (known,) = read([line(Kundenkarte="K-77")])
    assert isinstance(known, Call)
    assert known.payload["context"]["externalIds"] == [{"type": "loyalty_card", "id": "K-77"}]


def test_goods_that_came_back_are_a_refund_of_the_receipt_that_is_named() -> None:
    found = told([line(Menge="-1", original_receipt_id="3-9"), line(Artikelnummer="mug", Einzelpreis="12")])
    assert [name for name, _ in found] == ["Order Completed", "Order Refunded"]
    assert found[0][1]["total"] == 12
    assert (found[1][1]["order_id"], found[1][1]["total"]) == ("3-9", 4.5)
    assert found[1][1]["products"][0]["quantity"] == 1


def test_a_line_that_the_cashier_took_back_at_once_neither_sells_nor_returns() -> None:
    found = told([line(), line(Menge="-1"), line(Artikelnummer="mug", Einzelpreis="12")])
    assert [(name, said["total"]) for name, said in found] == [("Order Completed", 12)]
    found = told([line(Menge="3"), line(Menge="-1")])
    assert [(name, said["total"]) for name, said in found] == [("Order Completed", 9)]


def test_a_voided_receipt_cancels_its_order() -> None:
    assert told([line(storniert="1")]) == [("Order Cancelled", {"order_id": "3-17", "reason": "voided at the till"})]


def test_the_export_that_german_tills_must_have_is_read_by_its_own_names() -> None:
    row = {
        "Z_KASSE_ID": "K1", "Z_ERSTELLUNG": "2026-01-02T22:00:00", "Z_NR": "812", "BON_ID": "5", "POS_ZEILE": "1",
        "ARTIKELTEXT": "Käse", "GV_TYP": "Umsatz", "P_STORNO": "0", "ART_NR": "77", "GTIN": "4001", "MENGE": "0,350",
        "STK_BR": "20,00",
    }  # fmt: skip
    less = row | {
        "GV_TYP": "Rabatt",
        "ART_NR": "",
        "GTIN": "",
        "ARTIKELTEXT": "Rabatt",
        "MENGE": "1",
        "STK_BR": "-1,00",
    }
    tip = row | {"GV_TYP": "TrinkgeldAG", "STK_BR": "3,00", "MENGE": "1"}
    ((name, said),) = told([row, less, tip])
    assert (name, said["order_id"], said["total"], said["discount"]) == ("Order Completed", "K1-812-5", 6.0, 1.0)
    assert [(one["product_id"], one["name"]) for one in said["products"]] == [("77", "Käse")]


@pytest.mark.parametrize(("said", "field"), [({"Menge": "eins"}, "quantity"), ({"Bonnummer": ""}, "receipt_id")])
def test_a_receipt_with_a_bad_line_is_kept_whole(said: dict[str, Any], field: str) -> None:
    good, bad = read([line(Bonnummer="16"), line(**said)])
    assert isinstance(good, Call)
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field, [at for at, _ in bad.kept]) == (3, field, [3])


lines = st.tuples(st.sampled_from(("tee", "mug", "pot")), st.integers(-3, 3).filter(bool), st.integers(1, 900))


@settings(max_examples=60, deadline=None)
@given(st.lists(lines, min_size=1, max_size=8))
def test_the_money_of_a_receipt_is_that_of_its_lines(rows: list[tuple[str, int, int]]) -> None:
    found = told([line(Artikelnummer=name, Menge=str(n), Einzelpreis=f"{cents / 100:.2f}") for name, n, cents in rows])
    sums = {name: said["total"] for name, said in found}
    paid = round(sums.get("Order Completed", 0) - sums.get("Order Refunded", 0), 2)
    assert paid == round(sum(n * cents for _, n, cents in rows) / 100, 2)
