"""Identifier keys `type:value`: parse, normalise, refuse the useless ones, and choose an event's subject."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from regulars.core.definitions import Identity

MAX_LENGTH = 256  # characters of a value; longer ones are attacks or mistakes


def parse(key: str) -> tuple[str, str]:
    """Type and value of a key; the value may hold colons.

    >>> parse("user_id:de:42")
    ('user_id', 'de:42')
    """
    kind, _, value = key.partition(":")
    return kind, value


def format_key(kind: str, value: str) -> str:
    """The key of a value as it was sent, normalised.

    >>> format_key("email", " Ana@Example.ORG ")
    'email:ana@example.org'
    """
    return f"{kind}:{normalise(kind, value)}"


def normalise(kind: str, value: str) -> str:
    """One spelling per identifier: e-mail in lower case, phone as digits with a leading plus, others trimmed.

    >>> normalise("phone", "0049 (170) 123-456")
    '+49170123456'
    """
    if len(value) > MAX_LENGTH:
        return value[: MAX_LENGTH + 1]  # not usable; a value of a megabyte must not cost anything
    value = unicodedata.normalize("NFKC", value).strip()
    if kind == "email":
        return value.lower()
    if kind == "phone":
        return _phone(value)
    return value


def _phone(value: str) -> str:
    digits = "".join(c for c in value if c in "0123456789")
    if value.startswith("+"):
        return "+" + digits
    # 00 is the international prefix; a national number stays national, because the country is not known here.
    return "+" + digits[2:] if digits.startswith("00") and digits.strip("0") else digits


def usable(key: str, identity: Identity) -> bool:
    """Whether a normalised key may identify anybody: a declared type and a value that is not a placeholder.

    >>> usable("user_id:NULL", Identity()), usable("user_id:42", Identity())
    (False, True)
    """
    kind, colon, value = key.partition(":")
    if not colon or len(value) > MAX_LENGTH or not value.isprintable():
        return False
    if not value.strip(" 0-"):  # empty, zeros, the nil UUID
        return False
    return kind in _ranks(identity.person, identity.device) and value.casefold() not in _blocked(identity.blocked)


def is_person(key: str, identity: Identity) -> bool:
    """Whether the key's type joins into persons."""
    return key.partition(":")[0] in identity.person


def is_device(key: str, identity: Identity) -> bool:
    """Whether the key's type is held by a person for an interval."""
    return key.partition(":")[0] in identity.device


def rank(key: str, identity: Identity) -> int:
    """Place of the key's type in the order of priority, persons before devices; unknown types last."""
    ranks = _ranks(identity.person, identity.device)
    return ranks.get(key.partition(":")[0], len(ranks))


def subject_of(keys: Iterable[str], identity: Identity) -> str | None:
    """The key of highest priority (ties by key), None when no key is of a declared type.

    >>> subject_of(["anonymous_id:c1", "email:a@b.de", "user_id:42"], Identity())
    'user_id:42'
    """
    ranks = _ranks(identity.person, identity.device)
    known = [(ranks[kind], key) for key in keys if (kind := key.partition(":")[0]) in ranks]
    return min(known)[1] if known else None


@lru_cache(maxsize=16)
def _ranks(person: tuple[str, ...], device: tuple[str, ...]) -> dict[str, int]:
    return {kind: place for place, kind in reversed(list(enumerate(person + device)))}


@lru_cache(maxsize=16)
def _blocked(values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(value.casefold() for value in values)
