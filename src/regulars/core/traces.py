"""Every form in which an identifier may lie in a file: plain, hashed, as a number of ours, in base64."""

import base64
import hashlib
import re
from collections.abc import Iterable

from regulars.core.record import owner_key, profile_name, profile_number

#: A value of fewer characters occurs everywhere; of such an identifier only the whole key `type:value` is searched.
SHORTEST = 5
#: How others make hashes of addresses.
_HASHES = ("sha256", "sha1", "md5")


def values(keys: Iterable[str]) -> list[str]:
    """The values of the keys that are long enough to be searched by themselves, in small letters."""
    found = {key.partition(":")[2].casefold() for key in keys}
    return sorted(value for value in found if len(value) >= SHORTEST and not (value.isdigit() and len(value) < 8))


def texts(keys: Iterable[str]) -> list[bytes]:
    """What to look for in text, in small letters."""
    keys = list(keys)
    spelled = values(keys)
    whole = [key.casefold() for key in keys if key.partition(":")[2].casefold() not in spelled]
    return sorted({one.encode() for one in (*spelled, *whole)})


def hashed(keys: Iterable[str]) -> list[str]:
    """The hashes of the keys and their values as texts have them, in hexadecimal digits."""
    spelled = {text for key in keys for text in _spellings(key)}
    return sorted(hashlib.new(n, t.encode(), usedforsecurity=False).hexdigest() for t in spelled for n in _HASHES)


def _spellings(key: str) -> set[str]:
    """What is hashed of a key: its value where that is long enough, in small letters too, and the key itself."""
    value = key.partition(":")[2]
    spelled = value if value.casefold() in values([key]) else key
    return {spelled, spelled.lower(), key}


def patterns(keys: Iterable[str]) -> dict[bytes, str]:
    """Byte patterns of the keys with the name of their form; none of them holds an identifier of somebody else.

    >>> sorted(set(patterns(["email:ana@example.org"]).values()))
    ['base64', 'hash', 'number', 'plain']
    """
    keys = list(keys)
    found: dict[bytes, str] = dict.fromkeys(texts(keys), "plain")
    found |= dict.fromkeys((key.encode() for key in keys), "plain")
    for key in keys:
        value = key.partition(":")[2]
        spelled = value if value.casefold().encode() in found else key
        for text in _spellings(key):
            for name in _HASHES:
                digest = hashlib.new(name, text.encode(), usedforsecurity=False)
                found |= dict.fromkeys((digest.hexdigest().encode(), digest.digest()), "hash")
        found[hashlib.blake2b(key.encode(), digest_size=8).digest()] = "hash"
        found |= dict.fromkeys(_base64(spelled.encode()), "base64")
        found |= dict.fromkeys(_numbers(profile_number(key)), "number")
        owner = owner_key(key)
        found |= dict.fromkeys((owner.to_bytes(8, "little"), owner.to_bytes(8, "big"), str(owner).encode()), "number")
    return found


def _numbers(number: int) -> set[bytes]:
    """A profile number in Parquet and arrays, in MessagePack, as key of its parts in SQLite, as text."""
    key = number << 4  # SQLite's variable-length integer of nine bytes; its first eight are the same for all parts
    upper = key >> 8
    groups = bytes((upper >> shift & 0x7F) | 0x80 for shift in range(49, -1, -7))
    return {
        number.to_bytes(8, "little"),
        number.to_bytes(8, "big"),
        str(number).encode(),
        profile_name(number).encode(),
        *({groups} if number >> 51 else set()),
    }


def _base64(data: bytes) -> set[bytes]:
    """What base64 makes of the bytes wherever they begin, without the characters that depend on their neighbours."""
    found = set()
    for before in range(3):
        text = base64.b64encode(bytes(before) + data)
        start = (0, 2, 3)[before]
        end = len(text) - {0: 0, 1: 3, 2: 2}[(before + len(data)) % 3]
        if end - start >= SHORTEST:
            found.add(text[start:end])
            found.add(text[start:end].replace(b"+", b"-").replace(b"/", b"_"))
    return found


#: What stands in a text in the place of an erased identifier.
MASK = "…"
_BEFORE, _AFTER = r"(?<![\w.+-])", r"(?!\w|[.@+-]\w)"


def spelled_in_text(keys: Iterable[str]) -> re.Pattern[str] | None:
    """Where a text spells the value of a key as a word of its own; None when no value is long enough to be meant.

    >>> pattern = spelled_in_text(["email:ana@example.org", "user_id:17"])
    >>> pattern.sub(MASK, "Ana@Example.org, 17, called for joana@example.org.")
    '…, 17, called for joana@example.org.'
    """
    found = sorted(values(keys), key=len, reverse=True)
    return (
        re.compile(_BEFORE + "(?:" + "|".join(map(re.escape, found)) + ")" + _AFTER, re.IGNORECASE) if found else None
    )


def phone_patterns(keys: Iterable[str]) -> list[re.Pattern[bytes]]:
    """Phone numbers as people type them, with blanks and signs between the digits."""
    digits = (key.partition(":")[2].lstrip("+") for key in keys if key.startswith("phone:"))
    return [re.compile(rb"[\s()./-]*".join(d.encode() for d in number)) for number in digits if len(number) >= 6]
