"""Particulars: spellings that mean the same become one, and what says nothing is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.profile.particulars import FIELDS, birth, email, particulars, phone, plain, postcode, street


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"last": "Müller"}, {"last": "MUELLER "}),
        ({"last": "Mu\u0308ller"}, {"last": "mueller"}),
        ({"last": "Groß"}, {"last": "GROSS"}),
        ({"first": "Zoë"}, {"first": "zoe"}),
        ({"first": "Dr. Anna"}, {"first": "Anna"}),
        ({"name": "Anna Schmidt"}, {"first": "anna", "last": "schmidt"}),
        ({"name": "Schmidt, Anna"}, {"first": "anna", "last": "schmidt"}),
        ({"street": "Hauptstr. 5"}, {"street": "Hauptstraße", "number": 5}),
        ({"street": "Haupt Str. 5 a"}, {"street": "haupt-strasse 5A"}),
        ({"birth": "03.07.1961"}, {"birth": "1961-07-03T00:00:00Z"}),
        ({"phone": "+49 170 1234567"}, {"phone": "0170 / 12 34 567"}),
        ({"postcode": "D-10115"}, {"postcode": 10115}),
        ({"email": " Ana@Example.ORG"}, {"email": "ana@example.org"}),
    ],
)
def test_two_spellings_of_one_thing_are_equal(one: dict[str, object], other: dict[str, object]) -> None:
    assert particulars(one) == particulars(other)
    assert particulars(one) != particulars({})


@pytest.mark.parametrize("nothing", ["", "  ", "n/a", "NULL", "-", "unbekannt", "0000", None, [], True])
def test_what_says_nothing_is_missing(nothing: object) -> None:
    assert particulars(dict.fromkeys((*FIELDS, "name"), nothing)) == particulars({})


def test_placeholders_of_systems_are_no_birth_dates() -> None:
    assert [birth(text) for text in ("1900-01-01", "01.01.1970", "00000000", "soon")] == [None] * 4


def test_a_mistyped_date_stays_to_be_compared() -> None:
    assert birth("1961-02-31") == "19610231"


def test_what_is_no_address_is_missing() -> None:
    assert [email(text) for text in ("ana", "@x.de", "ana@home", "a b@x.de")] == [None] * 4
    assert phone("12345") is None


def test_a_street_may_end_with_a_number_that_is_its_name() -> None:
    assert street("Straße des 17. Juni 135") == ("strasse des 17 juni", "135")
    assert postcode("1010") == "1010"


@given(st.text(max_size=300))
def test_spelling_twice_changes_nothing(text: str) -> None:
    once = plain(text)
    assert once is None or plain(once) == once


@given(st.dictionaries(st.sampled_from((*FIELDS, "name")), st.text(max_size=400) | st.integers() | st.none()))
def test_any_record_can_be_read(said: dict[str, object]) -> None:
    found = particulars(said)
    assert all(value is None or value.strip() for value in (getattr(found, field) for field in FIELDS))
