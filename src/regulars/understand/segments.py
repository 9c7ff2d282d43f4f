"""Segments: who is in, who entered, who left, evaluating only what a change can reach."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from regulars.core.condition import Condition, compile_condition
from regulars.core.condition.schema import MOMENT
from regulars.core.condition.text import name_text
from regulars.core.definitions import CONTRACT, Definitions
from regulars.core.errors import Misconfigured
from regulars.core.schema import Rows


class Moved(NamedTuple):
    """Membership after an evaluation; each list in the order of definition."""

    now: list[str]
    entered: list[str]
    left: list[str]


_Step = tuple[str, Callable[[Sequence[object]], bool], str | None]  # segment, condition, purpose (None: contract)
_MOST_REACHED = 4096


class SegmentSet:
    """A shop's segments, compiled. A segment that asks about another one is evaluated after it."""

    __slots__ = ("_by_slot", "_place", "_reached", "_rows", "_steps", "conditions")

    conditions: Mapping[str, Condition]

    def __init__(self, definitions: Definitions, rows: Rows) -> None:
        self._rows = rows
        conditions: dict[str, Condition] = {}
        problems: list[str] = []
        for segment in definitions.segments:
            where = f"segments.toml: segments.{segment.id}.when"
            try:
                conditions[segment.id] = compile_condition(segment.when, rows.schema, where=where)
            except Misconfigured as mistake:
                problems.append(str(mistake))
                continue
            momentary = sorted(name_text(one) for one in conditions[segment.id].names if one.startswith(MOMENT))
            if momentary:
                problems.append(
                    f"{where}: {', '.join(momentary)} exists only while deciding; "
                    "a segment is about the customer, so move this to the `when` of the offer"
                )
        if problems:
            raise Misconfigured("\n".join(problems))
        self.conditions = conditions
        order = _ordered(conditions)
        purposes = {segment.id: segment.purpose for segment in definitions.segments}
        self._place = {segment.id: place for place, segment in enumerate(definitions.segments)}
        self._steps = tuple(
            (name, conditions[name].test, None if purposes[name] == CONTRACT else purposes[name]) for name in order
        )
        self._by_slot = _reach(conditions, order, rows)
        self._reached: dict[int, tuple[_Step, ...]] = {}  # by bits: the same few slots change again and again

    def update(
        self,
        values: Sequence[Any],
        current: Collection[str],
        *,
        changed: Iterable[int] | None,
        allowed: Collection[str] | None,
        facts: Mapping[str, Any],
    ) -> Moved | None:
        """Membership of a profile whose hot `values` changed in the slots `changed`; None when nothing moved.

        `changed` None evaluates every segment: for a new definition, or when consent changed. `allowed` holds the
        purposes that the profile's consent allows (`Hot.consent`): a segment whose purpose is missing has no members.
        None: there may be no segment of this profile. `facts` are those of the hot record.
        """
        if changed is None:
            affected = self._steps
        else:
            by_slot = self._by_slot
            reached = 0
            for slot in changed:
                reached |= by_slot[slot]
            if not reached:
                return None
            affected = self._reached.get(reached) or self._steps_of(reached)
        members = set(current)
        row = self._rows.row(values, members, facts)
        entered: list[str] = []
        left: list[str] = []
        for name, test, purpose in affected:
            holds = allowed is not None and (purpose is None or purpose in allowed) and test(row)
            if holds != (name in members):
                if holds:
                    members.add(name)
                    entered.append(name)
                else:
                    members.discard(name)
                    left.append(name)
        if changed is None:
            gone = [name for name in members if name not in self._place]
            members.difference_update(gone)
            left += gone
        if not entered and not left:
            return None
        place = self._place
        at = len(place)
        return Moved(
            sorted(members, key=lambda name: (place.get(name, at), name)),
            sorted(entered, key=lambda name: place[name]),
            sorted(left, key=lambda name: (place.get(name, at), name)),
        )

    def _steps_of(self, reached: int) -> tuple[_Step, ...]:
        if len(self._reached) >= _MOST_REACHED:
            self._reached.clear()
        steps = tuple(step for index, step in enumerate(self._steps) if reached >> index & 1)
        self._reached[reached] = steps
        return steps


def _reach(conditions: Mapping[str, Condition], order: Sequence[str], rows: Rows) -> list[int]:
    """For each slot, the steps that a change there can reach, as bits; also through other segments."""
    at = {name: index for index, name in enumerate(order)}
    through: dict[str, int] = {}  # the segment and those that ask about it, directly or not
    for name in reversed(order):
        through[name] = 1 << at[name]
        for other in order[at[name] + 1 :]:
            if name in conditions[other].segments:
                through[name] |= through[other]
    reach = [0] * rows.width
    for name, condition in conditions.items():
        slots = {rows.schema.names[read].slot for read in condition.names}
        if condition.interests:
            slots.update(rows.interest_slots)
        for slot in slots:
            if slot < rows.width:  # what was declared changes seldom, and then every segment is asked
                reach[slot] |= through[name]
    return reach


def _ordered(conditions: Mapping[str, Condition]) -> list[str]:
    """The segments such that each comes after those that it asks about; ties in the order of definition."""
    done: list[str] = []
    pending = dict(conditions)
    while pending:
        ready = [name for name, condition in pending.items() if not condition.segments & pending.keys()]
        if not ready:
            cycle = _cycle(pending)
            raise Misconfigured(
                f"segments.toml: segments ask about each other in a circle: {' -> '.join(cycle)}; "
                f"write out the condition of {cycle[0]!r} where {cycle[-2]!r} asks about it"
            )
        done += ready
        for name in ready:
            del pending[name]
    return done


def _cycle(pending: Mapping[str, Condition]) -> list[str]:
    """A circle among segments each of which asks about another one of them: first name, ..., first name."""
    path = [next(iter(pending))]
    while True:
        following = min(pending[path[-1]].segments & pending.keys())
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
