"""Whose events they are: fetch what the identity rules need, settle, and apply the effects to stored profiles."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec

from regulars.collect.pace import joined
from regulars.core.event import Event
from regulars.core.record import PERSON, REACH, profile_number
from regulars.core.state import IDENTIFIER, LINK, ORDER, REDIRECT, Changes, StateReader
from regulars.flow.desk import Desk, Working
from regulars.flow.engine import Engine
from regulars.flow.facts import join_facts, now_known
from regulars.flow.groups import note_groups
from regulars.flow.identity_health import note_events, note_refused, note_settled
from regulars.flow.reaches import merge_reach
from regulars.profile import consent
from regulars.profile.assignment import Assignment, IdRow, assign, holders_of, keys_of
from regulars.profile.effects import cut_refolds
from regulars.profile.evidence import Facts
from regulars.profile.links import Link
from regulars.profile.settlement import Settlement, settle, wanted


class Placed(msgspec.Struct):
    """The profile of every event, and what was settled on the way."""

    numbers: list[int]
    rows: dict[str, IdRow]  # every identifier row that was read or written
    new: set[int]  # profiles of new visitors, who need nothing but their first event
    settlement: Settlement | None = None


def identifier_rows(state: StateReader, keys: Iterable[str]) -> dict[str, IdRow]:
    """Rows of the table `identifier`, with those of everybody who held a device that changed hands."""
    rows = cast(dict[str, IdRow], state.many(IDENTIFIER, keys))
    held = holders_of(rows)
    if held:
        rows.update(cast(dict[str, IdRow], state.many(IDENTIFIER, held)))
    return rows


def place(events: Sequence[Event], engine: Engine, state: StateReader, changes: Changes) -> Placed:
    """Say the profile of each event; new rows go into `changes`."""
    identity = engine.definitions.identity
    note_groups(events, identity, state, changes)
    rows = identifier_rows(state, keys_of(events))
    assignment = assign(events, rows, identity)
    for row in assignment.puts.values():
        changes.put(IDENTIFIER, row)
    day = engine.calendar.day(max(event.received_at for event in events))
    if not assignment.unresolved:
        rows.update(assignment.puts)
        note_events(events, rows, identity, day, changes)
        return Placed(cast(list[int], assignment.profiles), rows, assignment.new)
    settlement = _settle(events, rows, assignment, (), engine, state)
    store_settlement(settlement, changes, state)
    hour = engine.calendar.local(max(event.received_at for event in events)).hour
    note_settled(settlement, settlement.puts, rows, hour=hour, day=day, changes=changes)
    rows.update(assignment.puts)
    rows.update(settlement.puts)
    note_events(events, rows, identity, day, changes)
    note_refused(settlement.refused, day, changes)
    return Placed(cast(list[int], settlement.profiles), rows, assignment.new, settlement)


def resettle(links: Sequence[Link], engine: Engine, state: StateReader, changes: Changes) -> Placed:
    """Give links, or take them back (status "revoked"): the settlement says which profiles join and part."""
    keys = {key for link in links for key in (link.a, link.b)}
    rows = identifier_rows(state, keys)
    assignment = Assignment([], [], {}, set())
    settlement = _settle((), rows, assignment, links, engine, state)
    store_settlement(settlement, changes, state)
    rows.update(settlement.puts)
    return Placed([], rows, set(), settlement)


def store_settlement(settlement: Settlement, changes: Changes, state: StateReader) -> None:
    """Rows of identifiers, of the ledger of links, and of redirects."""
    for link in settlement.turned_away:
        if not state.select(LINK, {"a": link.a, "b": link.b}, limit=1):
            changes.put(LINK, msgspec.structs.astuple(link))
    for row in settlement.puts.values():
        changes.put(IDENTIFIER, row)
    for link in settlement.links_replaced:
        changes.delete(LINK, (link.a, link.b, link.time, link.message_id))
    for link in settlement.links:
        changes.put(LINK, msgspec.structs.astuple(link))
    for number in settlement.new:
        changes.delete(REDIRECT, number)
    for old, target in settlement.redirects.items():
        changes.put(REDIRECT, (old, target))


def _settle(
    events: Sequence[Event],
    rows: Mapping[str, IdRow],
    assignment: Assignment,
    given: Sequence[Link],
    engine: Engine,
    state: StateReader,
) -> Settlement:
    identity = engine.definitions.identity
    facts = Facts(rows, assignment, events)
    while want := wanted(facts, events, given, identity):
        members = {number: _members(state, number) for number in want.profiles}
        facts.add(want, cast(dict[str, IdRow], state.many(IDENTIFIER, want.keys)), members)
    return settle(facts, events, given, identity)


def _members(state: StateReader, number: int) -> list[IdRow]:
    return cast(list[IdRow], state.select(IDENTIFIER, {"profile": number}))


def apply_effects(placed: Placed, desk: Desk, state: StateReader, *, day: int) -> set[int]:
    """Rename, merge and delete stored profiles; the numbers whose history must be read again."""
    settlement = placed.settlement
    if settlement is None:
        return set()
    concerned = {*settlement.moved, *(number for merge in settlement.merges for number in merge), *settlement.gone}
    concerned |= {cut.old for cut in settlement.cuts}
    desk.prefetch(dict.fromkeys(concerned, ()))
    last_seen = {n: w.hot.last_seen for n in concerned if (w := desk.find(n)) is not None}
    refolds = set(settlement.refolds) | cut_refolds(settlement.cuts, last_seen)
    for old, new in settlement.moved.items():
        if desk.rename(old, new) is not None:
            _point_orders(old, new, desk.changes, state)
    for source, target in settlement.merges:
        refolds |= _merge(source, target, desk, state, day=day)
    for number in settlement.gone - settlement.moved.keys():
        _point_orders(number, settlement.redirects.get(number, number), desk.changes, state)
        desk.drop(number)
    _refresh_members(placed, desk, state, refolds)
    return refolds


def _merge(source: int, target: int, desk: Desk, state: StateReader, *, day: int) -> set[int]:
    """Add one stored profile to another; the target if only its history can say what it is now."""
    ours, theirs = desk.find(target), desk.find(source)
    if theirs is None:
        return set()
    if ours is None:
        desk.rename(source, target)
        _point_orders(source, target, desk.changes, state)
        return set()
    fold = desk.engine.fold
    mine, other = desk.person(ours), desk.person(theirs)
    statements = desk.engine.union(mine.statements, other.statements)
    before = {working: working.hot.consent for working in (ours, theirs)}
    desk.engine.agree(ours.hot, statements, day)
    since = ours.hot.consent
    for old in before.values():
        desk.revised(target, old)
    again = any(consent.change(old, since, working.hot.last_seen) for working, old in before.items())
    merged = fold.merge(desk.load_all(ours), desk.load_all(theirs))
    reach = merge_reach(desk.reach(ours), desk.reach(theirs))
    ours.parts = merged
    ours.parts[REACH] = reach
    ours.loaded = set(range(16))
    ours.was |= theirs.was
    ours.written |= {*merged, PERSON, REACH}
    mine.statements = statements
    join_facts(mine.facts, other.facts)
    hot = ours.hot
    both = ours.admitted.keys() & theirs.admitted.keys()
    ours.admitted = {purpose: max(ours.admitted[purpose], theirs.admitted[purpose]) for purpose in both}
    hot.first_seen = min(hot.first_seen, theirs.hot.first_seen)
    hot.last_seen = max(hot.last_seen, theirs.hot.last_seen)
    hot.paces = joined(hot.paces, theirs.hot.paces)
    hot.facts = now_known(mine.facts)
    desk.drop(source)
    _point_orders(source, target, desk.changes, state)
    if again:
        return {target}
    desk.evaluated(ours, day)
    return set()


def _point_orders(old: int, new: int, changes: Changes, state: StateReader) -> None:
    for row in state.select(ORDER, {"profile": old}):
        changes.put(ORDER, (row[0], new, *row[2:]))


def _refresh_members(placed: Placed, desk: Desk, state: StateReader, refolds: set[int]) -> None:
    """The identifiers of every profile that the settlement touched, for pages and explanations."""
    assert placed.settlement is not None  # noqa: S101 - only called with one
    touched = {row[1] for row in placed.settlement.puts.values()} | refolds
    touched |= {cast(int, row[1]) for row in state.many(IDENTIFIER, placed.settlement.puts).values()}
    puts = placed.settlement.puts
    for number in touched:
        working = desk.find(number)
        if working is None:
            continue
        keys = {row[0] for row in _members(state, number) if row[0] not in puts}
        keys |= {row[0] for row in puts.values() if row[1] == number}
        _remember(working, desk, sorted(keys))


def _remember(working: Working, desk: Desk, keys: list[str]) -> None:
    person = desk.person(working)
    if person.identifiers != keys:
        person.identifiers = keys
        working.written.add(PERSON)
    working.hot.anchor = anchor_of(working.number, keys) or working.hot.anchor


def anchor_of(number: int, keys: Iterable[str]) -> str | None:
    """The identifier that names the profile."""
    return next((key for key in keys if profile_number(key) == number), None)
