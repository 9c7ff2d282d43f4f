"""A proposal: two identifiers that may be one person, and what speaks for and against it. Staff answer it."""

from typing import Any

import msgspec

OPEN, LATER, ACCEPTED, REJECTED = "open", "later", "accepted", "rejected"


class Reason(msgspec.Struct, frozen=True, array_like=True):
    """What one field says: its weight in bits; above zero it speaks for one person."""

    field: str
    level: str  # "same", "swapped", "near", "similar", "part", "differs"; "missing" where one side says nothing
    weight: float


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pair. No name or address is in it: pages read those from the profiles."""

    a: str
    b: str
    score: float  # probability
    prior: float  # weight in bits before anything was compared
    reasons: tuple[Reason, ...]

    def told(self) -> tuple[tuple[str, str], ...]:
        """What was compared, without the weights, which each run learns anew."""
        return tuple((one.field, one.level) for one in self.reasons)


def read(blob: Any) -> Proposal:
    """A stored proposal."""
    return msgspec.msgpack.decode(bytes(blob), type=Proposal)


def written(proposal: Proposal) -> bytes:
    """The inverse of `read`."""
    return msgspec.msgpack.encode(proposal)
