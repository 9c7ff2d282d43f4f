"""Identifier keys `type:value`: parse, normalise, refuse the useless ones, and choose an event's subject."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256

from regulars.core.identity_types import BUILT_IN_TYPES, Identity, Normaliser

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
    """One spelling per identifier of a built-in type; other types are trimmed.

    >>> normalise("phone", "0049 (170) 123-456")
    '+49170123456'
    """
    return cleaned(value, _BUILT_IN.get(kind, ("trim",)))


def cleaned(value: str, rules: Iterable[Normaliser]) -> str:
    """One spelling per value: NFKC without blanks around it, then the rules in their order.

    >>> cleaned(" A-1 b \u0663 ", ("digits",)), cleaned("{6F9619FF-8B86-D011-B42D-00C04FC964FF}", ("uuid",))
    ('13', '6f9619ff-8b86-d011-b42d-00c04fc964ff')
    """
    if len(value) > MAX_LENGTH:
        return value[: MAX_LENGTH + 1]  # not usable; a value of a megabyte must not cost anything
    value = unicodedata.normalize("NFKC", value).strip()
    for rule in rules:
        value = _RULES[rule](value)
    return value


def _email(value: str) -> str:
    # "none", "n/a", a name: what people write into the field of an address is not one, and would join them all.
    return value.lower() if _ADDRESS(value) else ""


_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\Z").match


def _phone(value: str) -> str:
    digits = _digits(value)
    if value.startswith("+"):
        return "+" + digits
    # 00 is the international prefix; a national number stays national, because the country is not known here.
    return "+" + digits[2:] if digits.startswith("00") and digits.strip("0") else digits


def _digits(value: str) -> str:
    # Digits of every alphabet: without one of them a number would be another one's.
    return "".join(str(unicodedata.decimal(c)) for c in value if c.isdecimal())


def _uuid(value: str) -> str:
    digits = value.lower().removeprefix("urn:uuid:").strip("{}").replace("-", "")
    if len(digits) != 32 or set(digits) - set("0123456789abcdef"):
        return value.lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_RULES: dict[Normaliser, Callable[[str], str]] = {
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "email": _email,
    "phone": _phone,
    "digits": _digits,
    "uuid": _uuid,
}
_BUILT_IN: dict[str, tuple[Normaliser, ...]] = {one.id: one.normalise for one in BUILT_IN_TYPES}


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
    if not value.isascii() and mixes_scripts(value):
        return False
    declared = identity.by_id.get(kind)
    if declared is None or (declared.hash_of and not _SHA256(value)):
        return False
    return not is_blocked(kind, value, identity)


_SHA256 = re.compile(r"[0-9a-f]{64}\Z").match
#: Alphabets with letters that look like those of another one.
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})


def mixes_scripts(value: str) -> bool:
    """Whether one word of a value is written in letters of several alphabets that look alike: made to deceive.

    >>> mixes_scripts("p\u0430ul"), mixes_scripts("\u043f\u0430\u0443\u043b@example.org")
    (True, False)
    """
    script = ""
    for c in value:
        if not c.isalpha():
            script = ""
            continue
        found = "LATIN" if c.isascii() else unicodedata.name(c, "").partition(" ")[0]
        if script and found != script and {script, found} <= _ALIKE:
            return True
        script = found
    return False


def is_blocked(kind: str, value: str, identity: Identity) -> bool:
    """Whether a normalised value is listed as identifying nobody, for its type or for all."""
    exact, pattern = _blocked(kind, identity)
    folded = value.casefold()
    return folded in exact or (pattern is not None and pattern(folded) is not None)


@lru_cache(maxsize=64)
def _blocked(kind: str, identity: Identity) -> "tuple[frozenset[str], Callable[[str], object] | None]":
    one = identity.by_id.get(kind)
    listed = (*identity.blocked, *(one.blocked if one else ()))
    exact = {value.casefold() for value in listed if "*" not in value}
    if one and one.hash_of:
        base = identity.by_id.get(one.hash_of)
        exact |= {sha256(value.encode()).hexdigest() for value in (base.blocked if base else ()) if "*" not in value}
    patterns = [".*".join(map(re.escape, value.casefold().split("*"))) for value in listed if "*" in value]
    return frozenset(exact), re.compile("(?:" + "|".join(patterns) + r")\Z", re.DOTALL).match if patterns else None


@lru_cache(maxsize=100_000)
def hashed(key: str, kind: str) -> str:
    """The key of the hashed form of a key.

    >>> hashed("email:a@b.de", "email_sha256")[:26]
    'email_sha256:363a175f65786'
    """
    return f"{kind}:{sha256(key.partition(':')[2].encode()).hexdigest()}"


def is_person(key: str, identity: Identity) -> bool:
    """Whether the key's type stands among persons: it joins, or it refers to one of them."""
    return key.partition(":")[0] in identity.joining


def is_device(key: str, identity: Identity) -> bool:
    """Whether the key's type is held by a person for an interval."""
    return key.partition(":")[0] in identity.device


def is_reference(key: str, identity: Identity) -> bool:
    """Whether the key refers to the person who named it first: an order number."""
    return key.partition(":")[0] in identity.reference


def is_group(key: str, identity: Identity) -> bool:
    """Whether the key names a group of persons: a household."""
    return key.partition(":")[0] in identity.group


def rank(key: str, identity: Identity) -> int:
    """Place of the key's type in the order of priority: persons, references, devices, groups; unknown types last."""
    ranks = identity.ranks
    return ranks.get(key.partition(":")[0], len(ranks))


def subject_of(keys: Iterable[str], identity: Identity) -> str | None:
    """The key of highest priority (ties by key), None when no key is of a type that may be a subject.

    >>> subject_of(["anonymous_id:c1", "email:a@b.de", "user_id:42"], Identity())
    'user_id:42'
    """
    ranks, groups = identity.ranks, identity.group
    known = [(ranks[kind], key) for key in keys if (kind := key.partition(":")[0]) in ranks and kind not in groups]
    return min(known)[1] if known else None
