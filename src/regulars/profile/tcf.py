"""Consent strings of the IAB Transparency and Consent Framework, version 2: the core segment.

Format: https://github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework, "Consent string and
vendor list formats v2". Only what a shop needs is read; what cannot be read is a ValueError, never half an answer.
"""

import base64
import binascii
import re
from functools import lru_cache

import msgspec

#: Longer than any real string (every vendor in ranges and a full disclosure segment); the rest is an attack.
MOST_CHARACTERS = 20_000
#: Four kinds of restriction for each of 64 purposes.
_MOST_RESTRICTIONS = 256
_TEXT = re.compile(r"[A-Za-z0-9_-]+")
Ranges = tuple[tuple[int, int], ...]


class TcString(msgspec.Struct, frozen=True):
    """What a TC string says. Vendors are ranges of numbers, both ends included."""

    version: int
    created: int  # ms
    updated: int  # ms
    cmp_id: int
    vendor_list: int
    policy: int
    special_features: frozenset[int]
    consents: frozenset[int]  # purposes consented to
    interests: frozenset[int]  # purposes whose legitimate interest was told and not objected to
    vendor_consents: Ranges
    vendor_interests: Ranges
    forbidden: tuple[tuple[int, Ranges], ...]  # purposes that the publisher forbids, with the vendors

    def vendor_consented(self, vendor: int) -> bool:
        """Whether this vendor has consent."""
        return _within(self.vendor_consents, vendor)

    def vendor_interest(self, vendor: int) -> bool:
        """Whether this vendor's legitimate interest stands."""
        return _within(self.vendor_interests, vendor)

    def forbids(self, purpose: int, vendor: int) -> bool:
        """Whether the publisher forbids the vendor this purpose."""
        return any(number == purpose and _within(ranges, vendor) for number, ranges in self.forbidden)


def decode(text: str) -> TcString:
    """The core segment of a TC string; ValueError with the reason when it is none.

    >>> tc = decode("CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA")
    >>> tc.version, sorted(tc.consents), tc.vendor_consented(1)
    (2, [], False)
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"at most {MOST_CHARACTERS} characters, got {len(text)}")
    found = _told(text)
    if isinstance(found, str):
        raise ValueError(found)  # noqa: TRY004 - the reason, not a type
    return found


@lru_cache(maxsize=2_048)
def _told(text: str) -> TcString | str:
    """What a string says, or why it says nothing: a bad one rides on every event, too, and is read once."""
    try:
        return _decoded(text)
    except ValueError as error:
        return str(error)


def _decoded(text: str) -> TcString:
    core = text.partition(".")[0]
    if not _TEXT.fullmatch(core):
        raise ValueError("characters that are not base64url")
    try:
        data = base64.urlsafe_b64decode(core + "=" * (-len(core) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    bits = _Bits(data)
    version = bits.number(6)
    if version != 2:
        raise ValueError(f"version {version}; version 2 is read")
    created, updated = bits.number(36) * 100, bits.number(36) * 100
    cmp_id = bits.number(12)
    bits.skip(12 + 6 + 12)  # version and screen of the consent manager, language
    vendor_list, policy = bits.number(12), bits.number(6)
    bits.skip(2)  # service specific, own texts
    features, consents, interests = bits.flags(12), bits.flags(24), bits.flags(24)
    bits.skip(1 + 12)  # treatment of purpose one, the publisher's country
    vendor_consents, vendor_interests = bits.vendors(), bits.vendors()
    forbidden = []
    count = bits.number(12)
    if count > _MOST_RESTRICTIONS:
        raise ValueError(f"at most {_MOST_RESTRICTIONS} restrictions of the publisher, got {count}")
    for _ in range(count):
        purpose, kind, ranges = bits.number(6), bits.number(2), bits.ranges(0xFFFF)
        if kind == 0:
            forbidden.append((purpose, ranges))
    return TcString(
        version, created, updated, cmp_id, vendor_list, policy, features, consents, interests, vendor_consents,
        vendor_interests, tuple(forbidden),
    )  # fmt: skip


class _Bits:
    """Reads bits, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, bits: int) -> int:
        end = self._at + bits
        if end > len(self._data) * 8:
            raise ValueError("it ends too early")
        first, last = self._at >> 3, (end + 7) >> 3
        self._at = end
        # Of the whole text only these bytes: a long one costs no more for each number than a short one.
        return int.from_bytes(self._data[first:last]) >> (last * 8 - end) & ((1 << bits) - 1)

    def skip(self, bits: int) -> None:
        self.number(bits)

    def flags(self, count: int) -> frozenset[int]:
        """The numbers, from one on, whose bit is set."""
        field = self.number(count)
        return frozenset(at + 1 for at in range(count) if field >> (count - 1 - at) & 1)

    def vendors(self) -> Ranges:
        """Numbers of vendors: a field of bits or ranges."""
        highest, as_ranges = self.number(16), self.number(1)
        if as_ranges:
            return self.ranges(highest)
        return tuple(_runs(self.number(highest), highest))

    def ranges(self, highest: int) -> Ranges:
        found = []
        for _ in range(self.number(12)):
            is_range, start = self.number(1), self.number(16)
            end = self.number(16) if is_range else start
            if not 1 <= start <= end <= highest:
                raise ValueError(f"the range {start} to {end} of vendors up to {highest}")
            found.append((start, end))
        return tuple(found)


def _runs(field: int, count: int) -> list[tuple[int, int]]:
    digits = f"{field:0{count}b}" if count else ""
    return [(found.start() + 1, found.end()) for found in re.finditer("1+", digits)]


def _within(ranges: Ranges, number: int) -> bool:
    return any(start <= number <= end for start, end in ranges)
