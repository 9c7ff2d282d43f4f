"""Decision ids: they hold their time and sort by it, and the seed of every random choice follows from them."""

import base64
import hashlib
from typing import Final

#: Ten digits of five bits reach the year 37,648.
_TIME_DIGITS: Final = 10
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_RANDOM_BYTES: Final = 10
_LENGTH: Final = 1 + _TIME_DIGITS + _RANDOM_BYTES * 8 // 5


def decision_id(time: int, random: bytes) -> str:
    """The id of a decision made at `time` (ms), unique by 10 random bytes. Ids sort by time.

    >>> decision_id(1_700_000_000_000, bytes(10))
    'd01hf7uaq000000000000000000'
    """
    digits = base64.b32hexencode(time.to_bytes(10)).decode().lower()
    tail = base64.b32hexencode(random[:_RANDOM_BYTES]).decode().lower()
    return "d" + digits[-_TIME_DIGITS:] + tail


def decided_at(identifier: str) -> int | None:
    """When a decision was made, ms; None for what is no decision id.

    >>> decided_at(decision_id(1_700_000_000_123, bytes(10))), decided_at("d17")
    (1700000000123, None)
    """
    if len(identifier) != _LENGTH or identifier[0] != "d":
        return None
    time = 0
    for digit in identifier[1 : 1 + _TIME_DIGITS]:
        place = _DIGITS.find(digit)
        if place < 0:
            return None
        time = time << 5 | place
    return time


def seed_of(identifier: str) -> int:
    """The seed of a decision's random choices, 63 bits."""
    return int.from_bytes(hashlib.blake2b(identifier.encode(), digest_size=8).digest()) >> 1


def draw(seed: int, placement: str) -> float:
    """A number in [0, 1) with 53 random bits for one placement of a decision."""
    digest = hashlib.blake2b(placement.encode(), digest_size=8, key=seed.to_bytes(8)).digest()
    return float((int.from_bytes(digest) >> 11) * 2.0**-53)
