"""Every table says how a person leaves it, and every form of an identifier is looked for."""

import base64
import hashlib

import pytest

from regulars.core.erasure import TABLES, keyed_hash, ledger_key, matching
from regulars.core.record import part_id, profile_name, profile_number
from regulars.core.state import TABLES as STATE_TABLES
from regulars.core.traces import patterns, texts

MAIL = "email:ana@mail.example"


def test_every_table_of_the_state_says_how_a_person_leaves_it() -> None:
    assert {table.name for table in STATE_TABLES} == TABLES.keys()


@pytest.mark.parametrize("form", ["key", "value", "sha256", "sha1", "md5", "subject hash"])
def test_plain_and_hashed_forms_are_patterns(form: str) -> None:
    value = b"ana@mail.example"
    wanted = {
        "key": MAIL.encode(),
        "value": value,
        "sha256": hashlib.sha256(value).hexdigest().encode(),
        "sha1": hashlib.sha1(value, usedforsecurity=False).digest(),
        "md5": hashlib.md5(value, usedforsecurity=False).hexdigest().encode(),
        "subject hash": hashlib.blake2b(MAIL.encode(), digest_size=8).digest(),
    }
    assert wanted[form] in patterns([MAIL])


def test_profile_numbers_are_found_in_every_encoding() -> None:
    found = patterns([MAIL])
    number = profile_number(MAIL)
    assert number.to_bytes(8, "little") in found
    assert number.to_bytes(8, "big") in found
    assert profile_name(number).encode() in found
    assert sqlite_key(part_id(number, 11))[:8] in found


def sqlite_key(value: int) -> bytes:
    """A row number as SQLite stores it, by the rules of its file format, in nine bytes."""
    last, rest, groups = value & 0xFF, value >> 8, []
    for _ in range(8):
        groups.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes(reversed(groups)) + bytes([last])


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("after", ["", "1", "12"])
def test_base64_is_found_wherever_it_begins(before: str, after: str) -> None:
    text = base64.b64encode(f"{before}ana@mail.example{after}".encode())
    assert any(pattern in text for pattern, form in patterns([MAIL]).items() if form == "base64")


def test_of_a_short_value_only_the_key_is_searched() -> None:
    assert texts(["user_id:42", "user_id:1234567", "user_id:ana-winter"]) == [
        b"ana-winter", b"user_id:1234567", b"user_id:42",
    ]  # fmt: skip


def test_the_ledger_recognises_an_identifier_only_with_the_secret() -> None:
    key, other = ledger_key(b"a" * 32), ledger_key(b"b" * 32)
    hashes = [keyed_hash(key, MAIL)]
    assert matching(key, hashes, ["user_id:1", MAIL]) == [MAIL]
    assert matching(other, hashes, ["user_id:1", MAIL]) == []
