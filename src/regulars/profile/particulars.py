"""Particulars: what a customer file says of a person, in one spelling, so that two records can be compared.

Names are spelled without accents and with ae for ä, dates as eight digits, phones by their last nine digits. What says
nothing ("n/a", zeros) is missing: a missing value speaks neither for nor against.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

import msgspec

#: The fields that are compared, in the order in which people read them.
FIELDS = ("first", "last", "birth", "street", "number", "extra", "postcode", "city", "region", "email", "phone")
MOST = 200  # characters of a value that are looked at
_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d"}
)
_NOTHING = frozenset(
    (
        "", "null", "none", "nan", "na", "n a", "nil", "unknown", "unbekannt", "keine", "keine angabe", "test", "x",
        "xx", "xxx",
    )
)  # fmt: skip
_TITLES = frozenset(("herr", "frau", "dr", "prof", "mr", "mrs", "ms", "miss", "dipl", "ing", "med"))
_STREET = re.compile(r"str\b")
_HOUSE_LAST = re.compile(r"(.*?\D)\s*\b(\d+ ?[a-z]?)")
_HOUSE_FIRST = re.compile(r"(\d+ ?[a-z]?)\b\s*(\D.*)")
_ISO = re.compile(r"(\d{4})\D?(\d{2})\D?(\d{2})(?:[T ].*)?")
_DAY_FIRST = re.compile(r"(\d{1,2})[./ -]+(\d{1,2})[./ -]+(\d{4})")
_NEVER = frozenset(("19000101", "19700101", "00010101", "99991231", "11111111"))


class Particulars(msgspec.Struct, frozen=True, kw_only=True):
    """One record; None where nothing is said."""

    first: str | None = None
    last: str | None = None
    birth: str | None = None
    street: str | None = None
    number: str | None = None
    extra: str | None = None  # a second line of the address
    postcode: str | None = None
    city: str | None = None
    region: str | None = None
    email: str | None = None
    phone: str | None = None


def particulars(said: Mapping[str, object]) -> Particulars:
    """What a record says, by the names of `FIELDS` and `name` for a name in one piece, in one spelling.

    >>> one = particulars({"name": "Dr. Jürgen Groß", "street": "Hauptstr. 5a", "birth": "3.7.1961"})
    >>> one.first, one.last, one.street, one.number, one.birth
    ('juergen', 'gross', 'hauptstrasse', '5a', '19610703')
    """
    first, last = name(said.get("first")), name(said.get("last"))
    if first is None and last is None:
        first, last = whole_name(said.get("name"))
    road, house = street(said.get("street"))
    return Particulars(
        first=first,
        last=last,
        birth=birth(said.get("birth")),
        street=road,
        number=_joined(said.get("number")) or house,
        extra=plain(said.get("extra")),
        postcode=postcode(said.get("postcode")),
        city=plain(said.get("city")),
        region=plain(said.get("region")),
        email=email(said.get("email")),
        phone=phone(said.get("phone")),
    )


def stated(facts: Mapping[str, object], keys: Iterable[str], names: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    """What a profile says, as it was written: the first fact of each name; e-mail and phone also by identifiers.

    >>> stated({"vorname": "Ana"}, ["email:ana@example.org"], {"first": ("first_name", "vorname")})
    {'first': 'Ana', 'email': 'ana@example.org'}
    """
    said: dict[str, object] = {}
    for field, called in names.items():
        value = next((facts[one] for one in called if facts.get(one) not in (None, "")), None)
        if value is not None:
            said[field] = value
    for key in sorted(keys):
        kind, _, rest = key.partition(":")
        if kind in ("email", "phone"):
            said.setdefault(kind, rest)
    return said


def plain(value: object) -> str | None:
    """Small letters and digits with single blanks; umlauts as two letters, other accents dropped.

    >>> plain("  Müller-Lüdenscheidt "), plain("Citroën"), plain("n/a")
    ('mueller luedenscheidt', 'citroen', None)
    """
    if value is None or isinstance(value, bool | list | dict):
        return None
    text = unicodedata.normalize("NFKC", str(value)[:MOST]).casefold().translate(_SPELLED)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    text = " ".join("".join(c if c.isalnum() else " " for c in text).split())
    return None if text in _NOTHING or not text.strip("0 ") else text


def name(value: object) -> str | None:
    """A first or last name without titles."""
    text = plain(value)
    if text is None:
        return None
    return " ".join(word for word in text.split() if word not in _TITLES) or None


def whole_name(value: object) -> tuple[str | None, str | None]:
    """First and last name of a name in one piece.

    >>> whole_name("Ana María López"), whole_name("Schmidt, Eva")
    (('ana maria', 'lopez'), ('eva', 'schmidt'))
    """
    if not isinstance(value, str):
        return None, None
    before, comma, after = value[:MOST].partition(",")
    if comma:
        return name(after), name(before)
    words = (name(before) or "").split()
    if len(words) < 2:
        return None, words[0] if words else None
    return " ".join(words[:-1]), words[-1]


def street(value: object) -> tuple[str | None, str | None]:
    """Street and house number.

    >>> street("Lange Str. 12"), street("12 High Street"), street("Am Markt")
    (('lange strasse', '12'), ('high street', '12'), ('am markt', None))
    """
    text = plain(value)
    if text is None:
        return None, None
    house = None
    if found := _HOUSE_LAST.fullmatch(text):
        text, house = found[1], found[2]
    elif found := _HOUSE_FIRST.fullmatch(text):
        text, house = found[2], found[1]
    road = _STREET.sub("strasse", text).strip()
    return road or None, house.replace(" ", "") if house else None


def birth(value: object) -> str | None:
    """A birth date as YYYYMMDD; a date that no calendar has stays, since a typing error may have made it.

    >>> birth("1961-07-03"), birth("03.07.1961"), birth("19610732"), birth("1900-01-01")
    ('19610703', '19610703', '19610732', None)
    """
    text = str(value if value is not None else "").strip()[:MOST]
    if found := _ISO.fullmatch(text):
        digits = found[1] + found[2] + found[3]
    elif found := _DAY_FIRST.fullmatch(text):
        digits = f"{found[3]}{found[2]:0>2}{found[1]:0>2}"
    else:
        return None
    return None if digits in _NEVER or not digits.strip("0") else digits


def postcode(value: object) -> str | None:
    """Letters and digits without a country.

    >>> postcode("D-10 115"), postcode("sw1a 1aa")
    ('10115', 'sw1a1aa')
    """
    text = _joined(value)
    if text is None:
        return None
    return text[1:] if re.fullmatch(r"[a-z]\d{4,5}", text) and text[0] in "dafl" else text


def email(value: object) -> str | None:
    """An address in small letters; None for what is none."""
    text = unicodedata.normalize("NFKC", str(value or "")[:MOST]).strip().lower()
    local, at, host = text.rpartition("@")
    return text if at and local and "." in host and " " not in text else None


def phone(value: object) -> str | None:
    """The last nine digits, which country and trunk prefixes do not change.

    >>> phone("+49 (0)170 1234567"), phone("0170/1234567"), phone("0000000")
    ('701234567', '701234567', None)
    """
    digits = "".join(c for c in str(value or "")[:MOST] if c in "0123456789")
    return digits[-9:] if len(digits) >= 6 and digits.strip("0") else None


def _joined(value: object) -> str | None:
    text = plain(value)
    return text.replace(" ", "") if text is not None else None
