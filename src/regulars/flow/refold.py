"""Repair: a profile's record replaced by the fold of its history, under the consent, links and traits of now."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, cast

from regulars.core import state as tables
from regulars.core.event import Event
from regulars.core.record import PERSON, REACH, Hot
from regulars.core.state import ORDER, VERDICT, Changes, StateReader
from regulars.core.verdict import ADMITTED, Verdict, unpack
from regulars.flow.desk import Desk, Working
from regulars.flow.engine import Engine
from regulars.flow.facts import learn_facts, now_known
from regulars.flow.history import Past
from regulars.flow.people import anchor_of, identifier_rows
from regulars.profile import consent, orders
from regulars.profile.assignment import profile_of
from regulars.profile.nobodys import nobodys
from regulars.profile.orders import Change, Order
from regulars.profile.statements import Said


def refold(
    engine: Engine, desk: Desk, state: StateReader, history: Past, *, day: int, without: Collection[str] = ()
) -> list[tuple[int, int]]:
    """Replace a profile's record by the fold of its history; (offset, index) of events that consent admits only now.

    `without` are orders that turn out to be somebody else's.
    """
    number, keys, past = history.number, history.keys, history.events
    before = desk.find(number)
    said = _said(state, desk.changes, history)
    if not past and not said:
        if before is not None:  # its identifiers were never the subject of an event: nothing is known of them
            desk.drop_content(before)
        return []
    reach: list[Any] = []
    nobody = nobodys((history.rows[key] for key in keys), engine.definitions.identity)
    statements = engine.union((), [*said, *nobody])
    if before is None:
        first = min([event.time for event in past] or [one[2] for one in said])
        anchor = anchor_of(number, keys) or past[0].subject
        working = desk.open(number, anchor, time=first, day=day)
    else:
        working = before
        reach = desk.reach(working)
        desk.load_all(working)
    person = desk.person(working)
    person.identifiers = keys
    person.statements = statements
    person.facts = {}
    old = working.hot
    hot = engine.fold.new(anchor_of(number, keys) or old.anchor, past[0].time if past else old.first_seen, day)
    engine.agree(hot, statements, day)
    hot.paces = old.paces
    if past:
        hot.last_seen = past[-1].time
    admitted = admitted_of(engine, hot.consent, past)
    came = _came(state, working, history)
    _note_narrowed(engine, desk, working, hot, history, came)
    late = [
        (e.offset, e.index)
        for e in admitted
        if (e.offset, e.index) in history.unsealed
        and ((e.offset, e.index) in came or not engine.admits_event(e, working.admitted))
    ]
    late = _not_admitted_yet(state, late)
    learn_facts(person.facts, admitted, engine.policy.origins, engine.unwanted)
    hot.facts = now_known(person.facts)
    found = [order for order in _orders_of(engine, state, desk.changes, admitted) if order.id not in without]
    for order in found:
        desk.changes.put(ORDER, orders.row(order, number))
    fold_anew(engine, desk, working, hot, admitted, found, reach, day=day)
    return late


def fold_anew(
    engine: Engine,
    desk: Desk,
    working: Working,
    hot: Hot,
    admitted: Sequence[Event],
    facts: Iterable[Order],
    reach: list[Any],
    *,
    day: int,
) -> None:
    """Put the fold of these events and orders, from zero on, in the place of what the record holds."""
    desk.load_all(working)
    hot.segments, hot.due = working.hot.segments, working.hot.due
    gone = set(working.parts) - {REACH}
    working.hot = hot
    working.parts = {REACH: reach}
    working.loaded = set(range(16))
    changes = [Change(None, order) for order in facts]
    result = engine.fold.fold(hot, working.parts, admitted, changes, since=hot.consent, day=day)
    working.written |= result.parts | gone | {PERSON} | ({REACH} if reach else set())
    for part in gone - set(working.parts):
        working.parts[part] = engine.fold.zero(part)
    desk.evaluated(working, day)


def _came(state: StateReader, working: Working, history: Past) -> AbstractSet[tuple[int, int]]:
    """Places of unsealed events that were somebody else's: the record's own consent says nothing of how they fared."""
    unsealed = [event for event in history.events if (event.offset, event.index) in history.unsealed]
    if not working.was:
        return {(event.offset, event.index) for event in unsealed}
    rows = identifier_rows(state, {event.subject for event in unsealed})
    return {
        (event.offset, event.index)
        for event in unsealed
        if profile_of(event.subject, event.time, rows) not in working.was
    }


def _not_admitted_yet(state: StateReader, places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of the places that the next sealing does not take anyway: it goes by the verdict of their own record."""
    found: list[tuple[int, int]] = []
    first, last, verdicts = 0, -1, dict[int, Verdict]()
    for offset, index in sorted(places):
        if not first <= offset <= last:
            for row in state.select(VERDICT, below={"first": offset + 1}, order=("-first",), limit=1):
                first, last = cast(int, row[0]), cast(int, row[1])
                verdicts = {one.offset: one for one in unpack(cast(bytes, row[2]))}
        verdict = verdicts.get(offset)
        if verdict is None or index >= len(verdict.codes) or verdict.codes[index] != ADMITTED:
            found.append((offset, index))
    return found


def _note_narrowed(
    engine: Engine, desk: Desk, working: Working, hot: Hot, history: Past, came: AbstractSet[tuple[int, int]]
) -> None:
    """Tell the desk of purposes that admitted an event, stored or about to be, which is not admitted now.

    Whoever had an event that came from elsewhere may have admitted it: the sealer goes by what was said then.
    """
    before = dict(working.admitted)
    for event in history.events:
        place = event.offset, event.index
        if place not in came and place in history.unsealed:
            continue
        for purpose in engine.needed(event):
            if before.get(purpose) != 0 and not consent.allows(hot.consent, purpose, event.time):
                before[purpose] = 0
    if before != hot.consent:
        desk.revised(working.number, before)


def admitted_of(engine: Engine, since: Mapping[str, int], events: Iterable[Event]) -> list[Event]:
    """The events that consent admits."""
    return [event for event in events if engine.admits_event(event, since)]


def _said(state: StateReader, changes: Changes, history: Past) -> list[Said]:
    """What the profile's identifiers said about consent, each while it was theirs."""
    pending = changes.puts.get(tables.CONSENT.name, {}).values()
    return [
        (str(r[0]), str(r[1]), cast(int, r[2]), str(r[3]), bool(r[4]))
        for key in history.subjects
        for r in (*state.select(tables.CONSENT, {"identifier": key}), *(row for row in pending if row[0] == key))
        if history.owns(key, cast(int, r[2]))
    ]


def _orders_of(engine: Engine, state: StateReader, changes: Changes, events: Iterable[Event]) -> list[Order]:
    """The orders that begin with an event of this history, with all their versions, whatever source those came from."""
    by_order: dict[str, list[Event]] = {}
    for event in events:
        identifier = orders.order_id(event)
        if identifier is not None:
            by_order.setdefault(identifier, []).append(event)
    currency = engine.definitions.shop.currency
    stored = state.many(ORDER, by_order)
    pending = changes.puts.get(ORDER.name, {})
    found = []
    for identifier, told in by_order.items():
        row = pending.get(identifier) or stored.get(identifier)
        old = orders.load(identifier, cast(bytes, row[6]), currency=currency) if row is not None else None
        order = orders.apply(
            identifier,
            old,
            told,
            currency=currency,
            trusts=engine.trusts,
            own=engine.policy.own,
            ranks=engine.policy.order_ranks,
        ).new
        if orders.begins_with(order, told, trusts=engine.trusts):
            found.append(order)
    return found
