"""The profile as it is stored: a hot record for deciding, and cold parts that hold the traits exactly."""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from regulars.core.machine import Pace

HOT = 0  # part 0: what deciding needs
FIRST_GROUP = 1  # parts 1..10: trait groups, by the events that touch them (Definitions.groups)
PURCHASES = 11  # [day, {item: quantity}, ...] newest first, capped (profile.purchases)
REACH = 13  # decisions and exposures that count toward limits
PERSON = 15  # core.record.Person
PARTS = 16


def part_id(profile: int, part: int) -> int:
    """The key of a part: the parts of one profile lie side by side."""
    return profile << 4 | part


def profile_number(anchor: str) -> int:
    """The number of the profile whose oldest identifier is `anchor`: 59 bits, so that part ids fit in 63."""
    return int.from_bytes(hashlib.blake2b(anchor.encode(), digest_size=8).digest()) >> 5


def owner_key(subject: str) -> int:
    """The key of a subject in visits that models learn from: 63 bits that cannot be read back.

    >>> owner_key("user_id:ana") == owner_key("user_id:ana") != owner_key("user_id:bo")
    True
    """
    return int.from_bytes(hashlib.blake2b(subject.encode(), digest_size=8).digest()) >> 1 or 1


def profile_name(number: int) -> str:
    """How a profile number is written for people and in URLs.

    >>> profile_name(0)
    'p_AAAAAAAAAAA'
    """
    return "p_" + base64.urlsafe_b64encode(number.to_bytes(8)).decode().rstrip("=")


def profile_from_name(name: str) -> int | None:
    """The inverse of `profile_name`; None for anything else."""
    try:
        return int.from_bytes(base64.urlsafe_b64decode(name.removeprefix("p_") + "="))
    except ValueError:
        return None


def pack_profiles(profiles: Iterable[int]) -> bytes:
    """Profile numbers as the blob of a CHANGED row."""
    return _ENCODER.encode(sorted(profiles))


def unpack_profiles(data: bytes) -> list[int]:
    """The inverse of `pack_profiles`.

    >>> unpack_profiles(pack_profiles({7, 3}))
    [3, 7]
    """
    return _NUMBERS.decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_NUMBERS = msgspec.msgpack.Decoder(list[int])


class Hot(msgspec.Struct, array_like=True):
    """What deciding needs of a profile, as of `day`. A projection of the cold parts."""

    anchor: str  # identifier key that names the profile
    first_seen: int  # ms
    last_seen: int  # ms
    day: int  # shop-local day at which time-dependent values were evaluated
    values: list[Any]  # by slot (Definitions.slots); None is NULL; affinities are {key: share of total}
    consent: dict[str, int]  # purpose -> since (ms): events from then on count; absent: not allowed
    segments: list[str]
    facts: dict[str, Any]  # declared facts of identify calls that conditions and pages use (name, city, language, ...)
    due: int  # first local day at which a value may change without an event; 0 = never
    version: str  # short hash of the trait and segment definitions
    lapses: int = 0  # first local day on which a grant may lapse; 0 = never
    restricted: bool = False  # "do not profile me": contract and law only, no segments, nothing personal decided
    paces: dict[int, Pace] | None = None  # what its devices did lately, to tell machines; not part of a decision
    machine: bool = False  # in a decision's record only: a machine asked
    moment: dict[str, Any] | None = None  # in a decision's record only: what conditions saw of tracking and programme

    @property
    def segmenting(self) -> dict[str, int] | None:
        """The purposes that segments may rest on; None where there may be no segment at all."""
        return None if self.restricted else self.consent


def due_day(hot: Hot) -> int:
    """The first local day on which time alone may change the record; 0 = never."""
    if hot.due and hot.lapses:
        return min(hot.due, hot.lapses)
    return hot.due or hot.lapses


class Person(msgspec.Struct, array_like=True):
    """Who the profile is: identifiers and what each of them said about consent."""

    identifiers: list[str]
    facts: dict[str, list[Any]]  # fact -> [time, message_id, value]: the last in (time, message id) wins
    statements: list[tuple[str, str, int, str, bool]]  # (identifier, purpose, time, message_id, granted), sorted
