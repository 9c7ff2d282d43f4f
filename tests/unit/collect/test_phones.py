"""Telephone numbers: one spelling for one telephone, and none for what would be a stranger's."""

import pytest

from regulars.collect.phones import e164


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("0170 1234567", "DE", "+491701234567"),
        ("0170/12 34-567", "DE", "+491701234567"),
        ("+49 (0)170 1234567", "DE", "+491701234567"),
        ("0049 170 1234567", "DE", "+491701234567"),
        ("tel:+49-170-1234567", "DE", "+491701234567"),
        ("Tel.: 0170 1234567", "DE", "+491701234567"),
        ("491701234567", "DE", "+491701234567"),  # a table has lost the +
        ("491701234567.0", "DE", "+491701234567"),  # and took it for a quantity
        ("0699 1234567", "AT", "+436991234567"),
        ("079 123 45 67", "CH", "+41791234567"),
        ("06 12345678", "IT", "+390612345678"),  # the 0 belongs to the number there
        ("391 123 4567", "IT", "+393911234567"),  # not +39 1 1234567
        ("(212) 555-0100", "US", "+12125550100"),
        ("1 212 555 0100", "US", "+12125550100"),
        ("011 49 170 1234567", "US", "+491701234567"),
        ("+49 170 1234567", "US", "+491701234567"),
    ],
)
def test_a_telephone_has_one_spelling(written: str, country: str, expected: str) -> None:
    assert e164(written, country) == expected
    assert e164(expected, "FR") == expected


@pytest.mark.parametrize(
    "written",
    [
        "\u0660\u0661\u0667\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667",  # Arabic digits
        "\uff10\uff11\uff17\uff10 1234567",  # digits of full width
        "\u202a+49 170 1234567\u202c",
        "+49 170 123\u200b4567",
        "\uff0b49 170 1234567",
    ],
)
def test_digits_that_look_otherwise_are_the_same_digits(written: str) -> None:
    assert e164(written, "DE") == "+491701234567"


@pytest.mark.parametrize(
    "written",
    [
        "017O 1234567",  # the letter O
        "0170 l234567",  # the letter l
        "0170 1234567 (Mama)",
        "0800 FLOWERS",
        "030 123456 ext. 7",  # the switchboard is everybody's
        "030 123456 x7",
        "+49 30 123456;ext=7",
        "+49 30 123456,,7",
        "0170 1234567 / 0171 7654321",
        "110",
        "01",
        "0170 12345678901234",
        "+49",
        "+999 1234567",
        "0000000",
        "1111111111",
        "3.49E+11",
        "ana@example.org",
        "",
        "+",
        "9" * 1000,
    ],
)
def test_what_would_be_a_strangers_number_is_none(written: str) -> None:
    assert e164(written, "DE") is None


def test_a_number_of_the_town_is_none_where_the_area_is_missing() -> None:
    assert e164("555-0100", "US") is None
