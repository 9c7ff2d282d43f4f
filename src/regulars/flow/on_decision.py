"""Decisions come back from the log: what they chose and what was seen counts toward limits, also after a restart.

A profile's REACH part is written beside the rest of the record. A visitor who was only decided for has no record yet,
and gets the part alone: when the first event opens the profile, it is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from regulars.core import state as tables
from regulars.core.decision import DecisionRecord
from regulars.core.event import DECISION_SHOWN, Event
from regulars.core.log import DECISION, Record
from regulars.core.record import REACH, part_id, profile_number
from regulars.core.state import Changes, StateReader, Table
from regulars.decide import reach
from regulars.decide.records import unpack
from regulars.decide.table import configuration_of
from regulars.flow.engine import Engine
from regulars.flow.exposures import keeps_exposures, seen_rows
from regulars.flow.merchandise import PUT_IN_ROWS
from regulars.flow.on_decide import ANSWERED, SHOWN

#: Reactions to an offer, as the Segment spec names them, with the `decision_id` that it was shown with.
REACTIONS = ("Promotion Clicked",)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class Told(msgspec.Struct):
    """What a batch tells about one profile."""

    decided: list[tuple[str, str]] = []
    shown: list[tuple[str, str, int]] = []
    rows: list[reach.Row] = []
    seen: list[tuple[str, str, int]] = []


def on_decisions(
    engine: Engine,
    state: StateReader,
    changes: Changes,
    records: Iterable[Record],
    seen: Sequence[tuple[int, Event]],
    part: Table = tables.PART,
) -> None:
    """Fold decision records, and events with their profiles, into reach and counters. Call it after the desk stored.

    Only limited offers count toward reach; every exposure and reaction is counted by offer.
    """
    definitions = engine.definitions
    limited = {offer.id for offer in definitions.offers if offer.limit is not None}
    known = {offer.id for offer in definitions.offers}
    keeps_rows = keeps_exposures(definitions)
    told: dict[int, Told] = {}
    erasing = {str(row[0]): cast(int, row[2]) for row in state.select(tables.ERASING)}
    for record in records:
        if record.kind == DECISION:
            decision = unpack(record.body)
            if decision.offset < erasing.get(decision.anchor, 0):
                continue  # made from what was known of a person before the erasure
            _count_decision(decision, engine, limited, changes, told)
            _take_rows(decision, engine, changes, told, keeps=keeps_rows)
    for number, event in seen:
        for row in seen_rows((event,)) if keeps_rows else ():
            _see(row, {number, profile_number(event.subject)}, told)
        identifier, offer = event.properties.get("decision_id"), event.properties.get("offer_id")
        if not isinstance(identifier, str) or offer not in known or not reach.believable(identifier, event.time):
            continue
        changes.add(SHOWN if event.name == DECISION_SHOWN else ANSWERED, 0, offer, 1)
        if event.name == DECISION_SHOWN and offer in limited:
            # Under the number of the profile, and of the device itself: a public key reads only that.
            for one in {number, profile_number(event.subject)}:
                told.setdefault(one, Told()).shown.append((identifier, offer, event.time))
    if told:
        _store(told, state, changes, part)


def concerns(event: Event) -> bool:
    """Whether `on_decisions` wants to see the event."""
    return event.name == DECISION_SHOWN or event.name in REACTIONS


def _count_decision(
    record: DecisionRecord, engine: Engine, limited: set[str], changes: Changes, told: dict[int, Told]
) -> None:
    definitions = engine.definitions
    day = engine.calendar.day(record.time)
    if record.machine:
        changes.add("decided_machine", day, "", 1)
        return
    if record.configuration != configuration_of(definitions):
        changes.add("decided", day, "", 1)  # its indexes speak of other definitions
        return
    for placement, at, *_ in record.chosen:
        if at < 0:
            changes.add("decided_none", day, placement, 1)
            continue
        offer = definitions.offers[at].id
        changes.add("decided", day, offer, 1)
        if offer in limited:
            told.setdefault(record.profile, Told()).decided.append((record.id, offer))


def _see(row: tuple[str, str, int], profiles: Iterable[int], told: dict[int, Told]) -> None:
    for one in profiles:
        told.setdefault(one, Told()).seen.append(row)


def _take_rows(record: DecisionRecord, engine: Engine, changes: Changes, told: dict[int, Told], *, keeps: bool) -> None:
    """Rows that a rule may ask about later, and how often items were put into rows of placements that explore."""
    if record.machine:
        return
    placements = {one.id: one for one in engine.definitions.placements}
    for row in record.rows:
        name, items = record.chosen[row.place][0], record.chosen[row.place][4]
        placement = placements.get(name)
        if placement is None or not items:
            continue
        if placement.explore:
            for item in items:
                changes.add(PUT_IN_ROWS, 0, item, 1)
        if keeps and row.personal:
            one = (record.id, name, placement.channel, placement.counts == "decided", items)
            told.setdefault(record.profile, Told()).rows.append(one)


def _store(told: Mapping[int, Told], state: StateReader, changes: Changes, part: Table) -> None:
    pending = changes.puts.get(tables.REDIRECT.name, {})
    moved = current(state, list(told), pending)
    everywhere: dict[int, Told] = {}
    for number, one in told.items():
        # A device that became a person's keeps what its own public key reads; the person has it, too.
        for target in {number, moved[number]}:
            whole = everywhere.setdefault(target, Told())
            whole.decided += one.decided
            whole.shown += one.shown
            whole.rows += one.rows
            whole.seen += one.seen
    ids = [part_id(number, REACH) for number in everywhere]
    stored = state.parts(ids, part)
    puts, deletes = changes.puts.get(part.name, {}), changes.deletes.get(part.name, set())
    for number, one in everywhere.items():
        key = part_id(number, REACH)
        data = puts[key][1] if key in puts else (None if key in deletes else stored.get(key))
        before = [] if data is None else _decode(cast(bytes, data))
        after = reach.fold(before, decided=one.decided, shown=one.shown, rows=one.rows, seen=one.seen)
        changes.put(part, (key, _encode(after)))


def current(state: StateReader, numbers: Sequence[int], pending: Mapping[Any, Any]) -> dict[int, int]:
    """Where each profile number went: itself, or what redirects lead to; `pending` are rows not stored yet."""
    found = {number: number for number in numbers}
    for _ in range(8):  # a chain of merges; the end of a longer one is reached with the next record
        steps = set(found.values())
        ahead = {cast(int, step): cast(int, row[1]) for step, row in state.many(tables.REDIRECT, steps).items()}
        ahead.update({key: row[1] for key, row in pending.items() if key in steps})
        if not ahead:
            break
        found = {number: ahead.get(target, target) for number, target in found.items()}
    return found
