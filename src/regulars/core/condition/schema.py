"""What a condition may speak of: names with their types, segments and interests, and where a row holds them."""

from collections import Counter
from collections.abc import Mapping
from enum import Enum

import msgspec

SEGMENTS_COLUMN = "segments"
INTERESTS_COLUMN = "interests"
PREFERENCES_COLUMN = "preferences"
#: Begins the names of what only a decision knows, whose cells are NULL everywhere else.
MOMENT = "context."


class Type(Enum):
    """The three kinds of value. A number is an IEEE 754 double: finite, exact as an integer up to 2**53."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"


class Name(msgspec.Struct, frozen=True):
    """A trait, a context field or a catalogue attribute, found at `slot` of a row.

    `values`, where given, are the only texts that it takes, so that a comparison with another one is a typo.
    """

    type: Type
    slot: int
    values: frozenset[str] | None = None


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that exists for a condition.

    A row is a sequence indexed by slot. A number slot holds a finite int or float, a text slot a str, a boolean slot
    a bool, each of them or None; `segment_slot` holds a set of segment ids and `interest_slot` a dict from key to
    strength, both never None; `preference_slot` holds a set of texts `preference=answer`. The profile table has one
    column per name, `segments`, `interests` and `preferences`.
    """

    names: Mapping[str, Name]
    segments: frozenset[str]
    interests: frozenset[str] | None
    segment_slot: int
    interest_slot: int
    preferences: Mapping[str, frozenset[str] | None] = {}  # of prefers(): the answers, None for any text
    preference_slot: int = -1
    goals: Mapping[str, int] = {}  # of tracking_sound(): the slots of booleans

    def __post_init__(self) -> None:
        # DuckDB folds the case of quoted identifiers too, so two such names would be one column.
        columns = Counter(
            [SEGMENTS_COLUMN, INTERESTS_COLUMN, PREFERENCES_COLUMN, *(name.lower() for name in self.names)]
        )
        clashing = sorted(column for column, times in columns.items() if times > 1)
        if clashing:
            raise ValueError(f"names must differ in more than case and not be a table's own column: {clashing}")
