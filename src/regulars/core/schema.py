"""What conditions may speak of in a shop, and the row that they are tested on.

One row serves segments, offers and the console: the traits by slot (the hot values), then the set of segments, the
interests, the context of a decision, and what the customer declared. Context is NULL where nothing is being decided,
so a segment may not ask about it.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from regulars.core.condition import Condition, Name, Schema, Type
from regulars.core.condition.nodes import tracking_of
from regulars.core.definitions import Definitions, Trait
from regulars.core.event import ORDER_EVENTS
from regulars.core.preferences import declared_value, declared_values
from regulars.core.preferences import interests as with_declared

#: Stages of the customer lifecycle, from a customer's own purchase rhythm.
LIFECYCLE_STAGES = ("new", "active", "waning", "inactive")
#: Where the customer listens or watches, as the call or the programme says, and what is on air there.
STATION, ON_AIR = "context.station", "context.on_air"
#: Facts of the moment of a decision; hour and weekday (1 = Monday) are the shop's.
CONTEXT: tuple[tuple[str, Type], ...] = (
    ("context.channel", Type.TEXT),
    ("context.placement", Type.TEXT),
    ("context.hour", Type.NUMBER),
    ("context.weekday", Type.NUMBER),
    ("context.machine", Type.BOOLEAN),
    (STATION, Type.TEXT),
    (ON_AIR, Type.TEXT),
)
#: Begins the names of preferences in conditions.
PREFERENCE = "preference."
#: Kinds of preference with one answer, which has a name; lists are asked with prefers('…', '…').
READ = ("choice", "text", "number", "hours")
_NOBODY: Mapping[str, Any] = {}


class Rows:
    """Builds rows from hot values; compiled once from the definitions."""

    __slots__ = (
        "_interests",
        "_momentary",
        "_nowhere",
        "_preferences",
        "_read",
        "_unknown",
        "_unsaid",
        "schema",
        "width",
    )

    def __init__(self, definitions: Definitions) -> None:
        traits = definitions.traits
        self.width = len(traits)
        self._interests = tuple(slot for slot, trait in enumerate(traits) if trait.interest)
        names = {
            trait.name: Name(type=_type(trait), slot=slot, values=_values(trait))
            for slot, trait in enumerate(traits)
            if trait.kind != "affinity"
        }
        names.update(
            {name: Name(type=kind, slot=self.width + 2 + at) for at, (name, kind) in enumerate(CONTEXT)},
        )
        self._preferences = definitions.preferences
        self._read = tuple(one for one in definitions.preferences if one.kind in READ)
        # Whatever the shop calls a goal, and where it declares none, the event that tracking health watches then.
        goals = [one.id for one in definitions.goals] or [ORDER_EVENTS[0]]
        first_goal = self.width + 2 + len(CONTEXT)
        self._momentary = (STATION, ON_AIR, *map(tracking_of, goals))
        self._unknown = (None,) * len(self._momentary)
        self._nowhere = (None,) * (len(CONTEXT) + len(goals))
        first = first_goal + len(goals)
        for at, one in enumerate(self._read):
            kind = Type.NUMBER if one.kind == "number" else Type.TEXT
            names[PREFERENCE + one.id] = Name(kind, first + at, frozenset(one.options) or None)
        self._unsaid: tuple[Any, ...] = (*(None for _ in self._read), frozenset())
        self.schema = Schema(
            names=names,
            segments=frozenset(segment.id for segment in definitions.segments),
            interests=None,
            segment_slot=self.width,
            interest_slot=self.width + 1,
            preferences={
                one.id: frozenset(one.options) or None for one in definitions.preferences if one.kind != "number"
            },
            preference_slot=first + len(self._read),
            goals={goal: first_goal + at for at, goal in enumerate(goals)},
        )

    @property
    def interest_slots(self) -> tuple[int, ...]:
        """The slots of the affinities that answer interest('...')."""
        return self._interests

    def row(  # noqa: PLR0913 - each of them is a fact of the moment
        self, values: Sequence[Any], segments: AbstractSet[str], facts: Mapping[str, Any] = _NOBODY, *,
        channel: str | None = None, placement: str | None = None,
        hour: int | None = None, weekday: int | None = None, machine: bool | None = None,
        moment: Mapping[str, Any] = _NOBODY,
    ) -> list[Any]:  # fmt: skip
        """The row of a profile: hot values, segments, interests, context, and what the facts declare."""
        row = [*values, segments, with_declared(self.interests(values), facts) if facts else self.interests(values)]
        if channel is None and placement is None and hour is None and weekday is None:
            row += self._nowhere
        else:
            row += (channel, placement, hour, weekday, machine)
            row += [moment.get(name) for name in self._momentary] if moment else self._unknown
        if facts:
            row += [declared_value(facts, one) for one in self._read]
            row.append(frozenset(declared_values(facts, self._preferences)))
        else:
            row += self._unsaid
        return row

    def interests(self, values: Sequence[Any]) -> Mapping[str, float]:
        """{interest: share} as inferred; of several affinities that are interests the largest share of a key."""
        slots = self._interests
        if len(slots) == 1:
            return values[slots[0]] or {}
        shares: dict[str, float] = {}
        for slot in slots:
            for key, share in (values[slot] or {}).items():
                if share > shares.get(key, 0.0):
                    shares[key] = share
        return shares


def thresholds(conditions: Iterable[Condition]) -> dict[str, tuple[float, ...] | None]:
    """For each name that the conditions read, the constants that it is compared with; None: any change may matter."""
    found: dict[str, set[float] | None] = {}
    for condition in conditions:
        for name in condition.names:
            constants = condition.thresholds(name)
            so_far = found.setdefault(name, set())
            if constants is None or so_far is None:
                found[name] = None
            else:
                so_far.update(constants)
    return {name: None if constants is None else tuple(sorted(constants)) for name, constants in found.items()}


def _type(trait: Trait) -> Type:
    if trait.kind == "lifecycle" or (trait.kind in {"first", "last", "max"} and trait.type == "text"):
        return Type.TEXT
    return Type.NUMBER


def _values(trait: Trait) -> frozenset[str] | None:
    return frozenset(LIFECYCLE_STAGES) if trait.kind == "lifecycle" else None
