"""What arrives, counted by source, event and hour while it is folded: what tracking health is computed from.

Nobody is in it: ids of sources, names of the tracking plan and numbers, in a bounded number of rows. An event counts in
the hour in which it happened, so that an import fills the history; what is older than `KEEP_DAYS` is not counted.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from regulars.collect.findings import Arrivals, Counts
from regulars.core.definitions import EventType
from regulars.core.event import DECISION_SHOWN, GROUP, PAGE, SCREEN, Event, FailedEvent
from regulars.core.identifier import is_person
from regulars.core.identity_types import Identity
from regulars.core.machine import VERDICT, is_machine
from regulars.core.state import COUNTER, Changes, Key, Row, StateReader
from regulars.flow.counts import UNLISTED
from regulars.flow.engine import Engine
from regulars.profile.orders import Order, told_by
from regulars.profile.reading import compile_filters

#: Names of counters; of their keys the first part is the hour of the day, all parts lie between `SEPARATOR`.
ARRIVED = "arrived"  # hour, source, event; of a goal with a filter "goal:" and its id stands for the event
EMPTY = "arrived_empty"  # hour, source, event, property
FAILING = "arrived_failed"  # hour, source, event, reason, property
REPEATED = "arrived_again"  # hour, source
NAMED = "arrived_named"  # hour, source: events with an identifier of a person
MACHINES = "arrived_machine"  # hour, source: events of machines, which are in no other of these counters
SKEWED = "arrived_skewed"  # hour, source: events whose time was corrected, for their device's clock is wrong
PAST = "arrived_past"  # hour, source: events that came long after they happened, as an import brings them
#: By day, of the order: source, who told it (both, server, browser).
TOLD, TOLD_MONEY = "order_told", "order_told_money"
#: Counters of what came, which follow from what was taken in and not from what is.
COUNTED = frozenset({ARRIVED, EMPTY, FAILING, REPEATED, NAMED, MACHINES, SKEWED, PAST})
SEPARATOR = "\x1f"
GOAL = "goal:"
#: Days that are counted and kept: eight weeks to compare with, and this one. Of what fails or is empty, fewer.
KEEP_DAYS = 63
KEEP_DETAIL_DAYS = 15
#: Nightly files and imports of history come later than this; of live traffic only what waited offline.
LONG_AFTER_MS = 2 * 3_600_000
#: Properties of an event that are looked at.
MOST_FIELDS = 40
_QUARTER_MS = 900_000
_EMPTY: tuple[Any, ...] = (None, "", [], {})
#: What was done to the time of an event whose device's clock is wrong.
_SKEWED = frozenset({"device", "order", "receipt"})
#: Come whether or not the plan lists them.
_WELL_KNOWN = frozenset({PAGE, SCREEN, GROUP, DECISION_SHOWN})


class _Persons(dict[str, bool]):
    """Whether a subject is a person's identifier; each is asked once."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self._identity = identity

    def __missing__(self, subject: str) -> bool:
        self[subject] = found = is_person(subject, self._identity)
        return found


#: Hour, source, event, how many; in how many of them a property is empty, and how many met the filter of a goal.
Group = tuple[int, str, str, int, dict[str, int], dict[str, int]]


class Arrived(msgspec.Struct, array_like=True, gc=False):
    """What events count as, each of which came for the first time; hours are the shop's.

    Of a machine's event nothing is counted but that it came.
    """

    groups: list[Group]
    past: list[tuple[int, str, int]]
    named: list[tuple[int, str, int]]
    machines: list[tuple[int, str, int]]

    def came(self) -> Iterator[tuple[int, str, int]]:
        """Hour, source and how many came, machines' among them."""
        for hour, source, _, count, *_ in self.groups:
            yield hour, source, count
        yield from self.machines


class Watcher:
    """What is counted of the events of a shop; compiled once from its definitions."""

    def __init__(self, engine: Engine) -> None:
        definitions = engine.definitions
        self._calendar = engine.calendar
        self._identity = definitions.identity
        self._sources = engine.source_ids
        self._plans = engine.plans
        self._fields = {event.name: fields_of(event) for event in definitions.events}
        self._goals: dict[str, list[tuple[str, Any]]] = {}
        for goal in definitions.goals:
            if (test := compile_filters(goal.where)) is not None:
                self._goals.setdefault(goal.event, []).append((GOAL + goal.id, test))

    def arrived(self, events: Iterable[Event]) -> Arrived:
        """What the events count as, whatever the shop's day is."""
        hour_of, hours = self._calendar.hour, dict[int, int]()
        past: dict[tuple[int, str], int] = {}
        groups: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
        named: dict[tuple[int, str], int] = {}
        machines: dict[tuple[int, str], int] = {}
        persons = _Persons(self._identity)
        for event in events:
            quarter = event.time // _QUARTER_MS
            hour = hours.get(quarter)
            if hour is None:
                hour = hours[quarter] = hour_of(event.time)
            source = event.source
            if VERDICT in event.context and is_machine(event):
                place = hour, source
                machines[place] = machines.get(place, 0) + 1
                continue
            if event.received_at - event.time > LONG_AFTER_MS:
                place = hour, source
                past[place] = past.get(place, 0) + 1
            key = hour, source, event.name
            mine = groups.get(key)
            if mine is None:
                groups[key] = [event.properties]
            else:
                mine.append(event.properties)
            if persons[event.subject]:
                place = hour, source
                named[place] = named.get(place, 0) + 1
        return Arrived(
            [(*key, len(told), *self._counted(key[2], told)) for key, told in groups.items()],
            *([(*place, count) for place, count in found.items()] for found in (past, named, machines)),
        )

    def _counted(self, name: str, properties: list[dict[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
        """In how many events of a name a property is empty, and how many met the filter of a goal."""
        goals: dict[str, int] = {}
        for goal, test in self._goals.get(name, ()):
            met = sum(test(one) for one in properties)
            if met:
                goals[goal] = met
        return _empty_of(self._fields.get(name, ()), properties), goals

    def note(
        self,
        arrived: Iterable[Arrived],
        again: Mapping[tuple[int, str], int],
        *,
        day: int,
        newest: int,
        changes: Changes,
    ) -> None:
        """Count a batch's events, and those that came `again` by hour and source; `day` is the shop's.

        No event is later than `newest`, the day of its receipt: while a history is imported the shop's clock is behind.
        """
        low, high = (day - KEEP_DAYS) * 24, (max(day, newest) + 2) * 24
        groups: dict[tuple[int, str, str], Group] = {}
        counted: dict[str, dict[tuple[int, str], int]] = {NAMED: {}, MACHINES: {}, PAST: {}}
        for one in arrived:
            for group in one.groups:
                key = group[:3]
                before = groups.get(key)
                groups[key] = group if before is None else _united(before, group)
            for counter, found in ((NAMED, one.named), (MACHINES, one.machines), (PAST, one.past)):
                into = counted[counter]
                for hour, source, count in found:
                    into[hour, source] = into.get((hour, source), 0) + count
        for group in groups.values():
            if low <= group[0] < high:
                self._note_group(group, day, changes)
        for counter, sums in (*counted.items(), (REPEATED, again)):
            for (hour, source), count in sums.items():
                if low <= hour < high:
                    changes.add(counter, hour // 24, _key(hour, self._listed(source)), count)

    def note_found(
        self,
        pairs: Iterable[tuple[Event, Event]],
        judged: Mapping[int, Mapping[int, object]],
        *,
        day: int,
        changes: Changes,
    ) -> None:
        """Count what only the fold finds: machines, by place, that were counted as people, and wrong clocks.

        `pairs` are events as they were counted and as they were folded.
        """
        low, high = (day - KEEP_DAYS) * 24, (day + 2) * 24
        for counted, event in pairs:
            if counted is event and event.offset not in judged and "clock" not in event.context:
                continue  # nearly all
            clock = event.context.get("clock")
            skewed = clock is not None and clock["by"] in _SKEWED
            found = event.index in judged.get(event.offset, ())
            if not (skewed or found):
                continue
            hour, source = self._calendar.hour(counted.time), self._listed(event.source)
            if not low <= hour < high:
                continue
            if skewed:
                changes.add(SKEWED, hour // 24, _key(hour, source), 1)
            if found:
                counted_as = self._counted(event.name, [event.properties])
                self._note_group((hour, event.source, event.name, 1, *counted_as), day, changes, sign=-1)
                changes.add(MACHINES, hour // 24, _key(hour, source), 1)

    def note_failed(self, failed: FailedEvent, *, day: int, changes: Changes) -> None:
        """Count an event that failed, in the hour in which it came."""
        hour = self._calendar.hour(failed.received_at)
        if not (day - KEEP_DETAIL_DAYS) * 24 <= hour < (day + 2) * 24:
            return
        name = failed.name if self._knows(failed.name) else UNLISTED
        field = failed.field.removeprefix("properties.").partition(".")[0]
        field = field if field in self._fields.get(name, ()) else ""
        key = _key(hour, self._listed(failed.source), name, failed.reason, field)
        changes.add(FAILING, hour // 24, key, 1)

    def _note_group(self, group: Group, day: int, changes: Changes, *, sign: int = 1) -> None:
        hour, source, name, count, empty, goals = group
        source, known = self._listed(source), name if self._knows(name) else UNLISTED
        changes.add(ARRIVED, hour // 24, _key(hour, source, known), sign * count)
        if hour // 24 > day - KEEP_DETAIL_DAYS:
            for field, missing in empty.items():
                changes.add(EMPTY, hour // 24, _key(hour, source, name, field), sign * missing)
        for goal, met in goals.items():
            changes.add(ARRIVED, hour // 24, _key(hour, source, goal), sign * met)

    def _knows(self, name: str) -> bool:
        return self._plans(name) or name in _WELL_KNOWN

    def _listed(self, source: str) -> str:
        return source if source in self._sources else UNLISTED


def _empty_of(fields: Collection[str], properties: Iterable[dict[str, Any]]) -> dict[str, int]:
    """In how many events each of the fields is missing or empty; where it is in none, not at all.

    >>> _empty_of(["size", "price"], [{"price": 0}, {"size": "", "price": 5}])
    {'size': 2}
    """
    shapes: dict[tuple[str, ...], int] = {}  # most events of a name have the same fields
    found: dict[str, int] = {}
    for one in properties:
        shape = tuple(one)
        shapes[shape] = shapes.get(shape, 0) + 1
        if not all(one.values()):
            for field, value in one.items():
                if not value and field in fields and value in _EMPTY:
                    found[field] = found.get(field, 0) + 1
    for shape, count in shapes.items():
        for field in set(fields).difference(shape):
            found[field] = found.get(field, 0) + count
    return found


def _united(one: Group, other: Group) -> Group:
    """Two groups of the same hour, source and event."""
    return (*one[:3], one[3] + other[3], _sum(one[4], other[4]), _sum(one[5], other[5]))


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Both, added up.

    >>> _sum({"size": 2}, {"size": 1, "price": 1})
    {'size': 3, 'price': 1}
    """
    if not one or not other:
        return one or other
    both = dict(one)
    for key, count in other.items():
        both[key] = both.get(key, 0) + count
    return both


def fields_of(event: EventType) -> tuple[str, ...]:
    """The properties of an event that are looked at: those of the plan."""
    return tuple(event.schema.get("properties", {}))[:MOST_FIELDS]


def note_order(order: Order, sign: int, *, day: int, changes: Changes) -> None:
    """Count who told an order: its servers, a browser, or both; `sign` -1 takes the count back."""
    told = told_by(order)
    key = f"{told.source}{SEPARATOR}{told.how}"
    changes.add(TOLD, day, key, sign)
    changes.add(TOLD_MONEY, day, key, sign * order.total)


def forget(state: StateReader, changes: Changes, *, day: int, most: int) -> None:
    """Delete counts that are older than what is compared; at most so many rows of each counter, the rest next day."""
    for name in sorted({*COUNTED, TOLD, TOLD_MONEY}):
        keep = KEEP_DETAIL_DAYS if name in (EMPTY, FAILING) else KEEP_DAYS
        for row in state.select(COUNTER, {"name": name}, below={"day": day - keep}, limit=most):
            changes.delete(COUNTER, cast(Key, row[:3]))


def read(state: StateReader, *, day: int) -> Arrivals:
    """What was counted until local day `day`."""
    found = Arrivals()
    by_counter: tuple[tuple[str, dict[Any, Counts], int], ...] = (
        (ARRIVED, found.arrived, KEEP_DAYS), (EMPTY, found.empty, KEEP_DETAIL_DAYS),
        (FAILING, found.failed, KEEP_DETAIL_DAYS), (REPEATED, found.again, KEEP_DAYS), (NAMED, found.named, KEEP_DAYS),
        (MACHINES, found.machines, KEEP_DAYS), (SKEWED, found.skewed, KEEP_DAYS), (PAST, found.past, KEEP_DAYS),
    )  # fmt: skip
    for name, into, days in by_counter:
        for row in _rows(state, name, since=day - days, until=day):
            hour, *place = str(row[2]).split(SEPARATOR)
            into.setdefault(tuple(place), {})[cast(int, row[1]) * 24 + int(hour)] = cast(int, row[3])
    for name, told in ((TOLD, found.told), (TOLD_MONEY, found.told_money)):
        for row in _rows(state, name, since=day - KEEP_DAYS, until=day):
            source, how = str(row[2]).split(SEPARATOR)
            told.setdefault((source, how), {})[cast(int, row[1])] = cast(int, row[3])
    return found


def _rows(state: StateReader, name: str, *, since: int, until: int) -> Iterable[Row]:
    return state.select(COUNTER, {"name": name}, at_least={"day": since}, below={"day": until + 1})


def _key(hour: int, *parts: str) -> str:
    return SEPARATOR.join((f"{hour % 24:02}", *parts))
