"""A condition explains itself clause by clause, and tells at which values it can change."""

import pytest

from regulars.core.condition import Expected, Name, Schema, Type, expected_in_words, render
from tests.unit.core.condition.shop import customer, when


def test_an_explanation_shows_expected_and_actual_of_every_clause() -> None:
    condition = when("newsletter and (orders_365d >= 2 or days_since_order < 30)")

    assert render(condition.explain(customer(newsletter=True, orders_365d=1)), "en") == [
        "? all of these:",
        "  ✓ newsletter: expected yes, actual yes",
        "  ? at least one of these:",
        "    ✗ orders_365d >= 2: expected at least 2, actual 1",
        "    ? days_since_order < 30: expected less than 30, actual unknown",
    ]


def test_an_explanation_in_german() -> None:
    condition = when("not (interest('Tea') > 0.5 or city in ('Bern', 'Wien')) and item.price between 10 and 20.5")

    explanation = condition.explain(customer(interests={"Tea": 0.25}, city="Bern", item_price=20.5))

    assert render(explanation, "de") == [
        "✗ alles davon:",
        "  ✗ das Folgende nicht:",
        "    ✓ mindestens eines davon:",
        "      ✗ interest('Tea') > 0.5: erwartet mehr als 0,5, tatsächlich 0,25",
        "      ✓ city in ('Bern', 'Wien'): erwartet „Bern“ oder „Wien“, tatsächlich „Bern“",
        "  ✓ item.price between 10 and 20.5: erwartet von 10 bis 20,5, tatsächlich 20,5",
    ]


def test_a_computed_clause_shows_what_it_was_computed_from() -> None:
    explanation = when("revenue_365d / orders_365d > 50").explain(customer(revenue_365d=300, orders_365d=4))

    assert explanation.actual == 75
    assert explanation.names == (("revenue_365d", 300), ("orders_365d", 4))
    assert render(explanation) == [
        "✓ revenue_365d / orders_365d > 50: expected more than 50, actual 75 (revenue_365d = 300, orders_365d = 4)"
    ]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("orders_365d = 2", Expected.EQUAL, "2"),
        ("2 < orders_365d", Expected.MORE, "more than 2"),
        ("not orders_365d < 2", Expected.AT_LEAST, "at least 2"),
        ("city <> 'Bern'", Expected.NOT_EQUAL, "anything but “Bern”"),
        ("orders_365d not between 1 and 3", Expected.NOT_BETWEEN, "outside 1 to 3"),
        ("city not in ('a', 'b', 'c')", Expected.NONE_OF, "anything but “a”, “b” or “c”"),
        ("city like '{0}%'", Expected.LIKE, "like “{0}%”"),
        ("city not ilike 'x'", Expected.NOT_LIKE, "not like “x”"),
        ("city is null", Expected.NULL, "unknown"),
        ("city is not null", Expected.NOT_NULL, "known"),
        ("newsletter", Expected.TRUE, "yes"),
        ("not newsletter", Expected.FALSE, "no"),
        ("newsletter is not true", Expected.NOT_TRUE, "no or unknown"),
        ("newsletter is not false", Expected.NOT_FALSE, "yes or unknown"),
        ("in_segment('regulars')", Expected.MEMBER, "in segment “regulars”"),
        ("not in_segment('regulars')", Expected.NOT_MEMBER, "not in segment “regulars”"),
        ("orders_365d > item.price", Expected.MORE, "more than unknown"),
        ("case when newsletter then true else false end", Expected.TRUE, "yes"),
    ],
)
def test_what_a_clause_expects(text: str, code: Expected, words: str) -> None:
    explanation = when(text).explain(customer())

    assert explanation.kind == "clause"
    assert explanation.code is code
    assert expected_in_words(explanation, "en") == words
    assert expected_in_words(explanation, "de")


@pytest.mark.parametrize(
    ("text", "thresholds"),
    [
        ("orders_365d > 1", ()),
        ("days_since_order > 60", (60,)),
        ("days_since_order between 20 and 60 or days_since_order = 7", (7, 20, 60)),
        ("90 <= days_since_order and not days_since_order in (100, 110)", (90, 100, 110)),
        ("coalesce(days_since_order, 9999) > 60", (60,)),
        ("case when newsletter then days_since_order else 5 end > 60", (60,)),
        ("days_since_order is null", ()),
        ("days_since_order * 2 > 60", None),
        ("days_since_order > item.price", None),
        ("1 / days_since_order is null", None),
    ],
)
def test_a_time_dependent_number_matters_at_its_thresholds(text: str, thresholds: tuple[float, ...] | None) -> None:
    assert when(text).thresholds("days_since_order") == thresholds


def test_a_decaying_interest_has_thresholds_too() -> None:
    condition = when("interest('Tea') > 0.3 and interest('Road Cycling') > interest('Tea')")

    assert condition.interest_thresholds("Tea") is None
    assert when("interest('Tea') > 0.3").interest_thresholds("Tea") == (0.3,)
    assert when("newsletter").interest_thresholds("Tea") == ()


def test_a_text_has_no_thresholds() -> None:
    assert when("lifecycle = 'new'").thresholds("lifecycle") is None


def test_a_schema_refuses_names_that_the_profile_table_cannot_tell_apart() -> None:
    names = {"Orders": Name(Type.NUMBER, 0), "orders": Name(Type.NUMBER, 1)}

    with pytest.raises(ValueError, match="orders"):
        Schema(names=names, segments=frozenset(), interests=None, segment_slot=2, interest_slot=3)


def test_there_is_no_reading_for_another_database() -> None:
    with pytest.raises(ValueError, match="no reading in spark"):
        when("newsletter").sql("spark")
