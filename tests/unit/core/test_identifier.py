"""Which identifiers may name a customer."""

import pytest

from regulars.core.identifier import format_key, is_device, is_person, normalise, parse, rank, subject_of, usable
from regulars.core.identity_types import Identity

IDENTITY = Identity()


@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        ("email", " Ana@Example.ORG", "ana@example.org"),
        ("email", "\uff21na@example.org", "ana@example.org"),  # a full-width A
        ("phone", "+49 (170) 12-34", "+491701234"),
        ("phone", "0049 170 1234", "+491701234"),
        ("phone", "0170 1234", "01701234"),
        ("phone", "0000", "0000"),
        ("user_id", " Ana42 ", "Ana42"),
    ],
)
def test_one_customer_has_one_spelling(kind: str, sent: str, kept: str) -> None:
    assert normalise(kind, sent) == kept
    assert normalise(kind, kept) == kept


@pytest.mark.parametrize(
    "key",
    [
        "user_id:",
        "user_id",
        "user_id:0",
        "user_id:NULL",
        "user_id:Anonymous",
        "user_id:-1",
        "anonymous_id:00000000-0000-0000-0000-000000000000",
        "loyalty_card:0000000000",
        "user_id:a\nb",
        "user_id:a\x00b",
        "user_id:a\u202eb",  # turns the reading direction
        "user_id:" + "x" * 257,
        "shoe_size:42",
    ],
)
def test_placeholders_and_hostile_values_identify_nobody(key: str) -> None:
    assert not usable(key, IDENTITY)


def test_ordinary_identifiers_are_usable() -> None:
    assert usable("user_id:42", IDENTITY)
    assert usable("user_id:de:42", IDENTITY)
    assert usable("loyalty_card:" + "7" * 256, IDENTITY)
    assert parse("user_id:de:42") == ("user_id", "de:42")


def test_the_shops_own_test_address_is_blocked_in_any_case() -> None:
    own = Identity(blocked=("Till@Shop.example",))
    assert not usable(format_key("email", "TILL@shop.example"), own)


def test_a_megabyte_is_refused_without_work() -> None:
    key = format_key("email", " " * 300 + "a" * 1_000_000)
    assert len(key) < 300
    assert not usable(key, IDENTITY)


def test_the_subject_is_the_identifier_of_highest_priority() -> None:
    assert subject_of(("anonymous_id:a", "email:x@y.de", "loyalty_card:7"), IDENTITY) == "loyalty_card:7"
    assert subject_of(("anonymous_id:b", "anonymous_id:a"), IDENTITY) == "anonymous_id:a"
    assert subject_of(("shoe_size:42",), IDENTITY) is None
    assert subject_of((), IDENTITY) is None
    assert rank("user_id:1", IDENTITY) < rank("email:1", IDENTITY) < rank("anonymous_id:1", IDENTITY)
    assert is_person("email:a", IDENTITY)
    assert is_device("anonymous_id:a", IDENTITY)
    assert not is_person("anonymous_id:a", IDENTITY)
    assert not is_device("shoe_size:1", IDENTITY)
