"""Decision ids: they hold their time and sort by it, and the seed of every random choice follows from them."""

import hashlib
from typing import Final

_TIME_DIGITS: Final = 11  # of four bits: until the year 2527
RANDOM_BYTES: Final = 8
_HEX: Final = frozenset("0123456789abcdef")
_LENGTH: Final = 1 + _TIME_DIGITS + 2 * RANDOM_BYTES


def decision_id(time: int, random: bytes) -> str:
    """The id of a decision made at `time` (ms), unique by its random bytes. Ids sort by time.

    >>> decision_id(1_700_000_000_000, bytes(8))
    'd18bcfe568000000000000000000'
    """
    return f"d{time:0{_TIME_DIGITS}x}{random[:RANDOM_BYTES].hex()}"


def decided_at(identifier: str) -> int | None:
    """When a decision was made, ms; None for what is no decision id.

    >>> decided_at(decision_id(1_700_000_000_123, bytes(8))), decided_at("d17")
    (1700000000123, None)
    """
    if len(identifier) != _LENGTH or identifier[0] != "d":
        return None
    digits = identifier[1 : 1 + _TIME_DIGITS]
    return int(digits, 16) if _HEX.issuperset(digits) else None


def seed_of(identifier: str) -> int:
    """The seed of a decision's random choices, 63 bits."""
    return int.from_bytes(hashlib.blake2b(identifier.encode(), digest_size=8).digest()) >> 1


def draw(seed: int, placement: str) -> float:
    """A number in [0, 1) with 53 random bits for one placement of a decision."""
    digest = hashlib.blake2b(placement.encode(), digest_size=8, key=seed.to_bytes(8)).digest()
    return float((int.from_bytes(digest) >> 11) * 2.0**-53)
