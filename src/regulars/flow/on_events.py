"""What a batch of log records does: decode, count once, say whose, check consent, fold, and store all or nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import cast

import msgspec

from regulars.collect.dedup import SeenIndex
from regulars.collect.runs import Step
from regulars.collect.tail import TailIndex
from regulars.core import state as tables
from regulars.core.event import CONSENT, ORDER_EVENTS, Event
from regulars.core.log import Record
from regulars.core.machine import is_machine
from regulars.core.record import PERSON
from regulars.core.state import ORDER, VERDICT, Changes, Row, StateReader
from regulars.core.verdict import ADMITTED
from regulars.flow import visits
from regulars.flow.arrivals import note_order
from regulars.flow.consents import hear, revise
from regulars.flow.counts import note_refused
from regulars.flow.desk import Desk, Working
from regulars.flow.engine import Engine
from regulars.flow.facts import TELLING, learn_facts, now_known, preferences_of
from regulars.flow.generation import Tables
from regulars.flow.history import History
from regulars.flow.intake import Codes, Intake
from regulars.flow.machines import Judge
from regulars.flow.mended import tell_mended
from regulars.flow.on_decision import concerns, on_decisions
from regulars.flow.people import Placed, anchor_of, apply_effects, place
from regulars.flow.refold import refold
from regulars.flow.shop_facts import ShopFacts
from regulars.flow.timing import Clocks, note_machines
from regulars.profile import consent, orders
from regulars.profile.hearing import SPEAKING
from regulars.profile.nobodys import nobodys
from regulars.profile.orders import Change, Order
from regulars.profile.statements import Statement

_encode = msgspec.msgpack.Encoder().encode


class Folding(msgspec.Struct):
    """A batch, folded: what to commit, and what becomes true once that is done."""

    changes: Changes
    steps: list[Step]
    events: int = 0
    refolds: int = 0

    def accept(self) -> None:
        """The changes are committed."""
        for step in self.steps:
            step.accept()


class OnEvents:
    """Folds batches of records of the kinds events, products, access and decision."""

    def __init__(
        self,
        engine: Engine,
        state: StateReader,
        seen: SeenIndex,
        tail: TailIndex,
        history: History,
        tables: Tables | None = None,
    ) -> None:
        self.engine = engine
        self._state = state
        self._intake = Intake(engine, state, seen, tail)
        self._history = history
        self._facts = ShopFacts(state, engine.calendar.day)
        self.judge = Judge(engine.definitions)
        self.noting = visits.Noting(engine.definitions)
        self._clocks = Clocks(state, engine.definitions.identity.device)
        self._tables = tables or Tables()

    def look_ahead(self, record: Record) -> None:
        """Decode a record that will be folded soon."""
        self._intake.look_ahead(record)

    def fold(self, records: Sequence[Record], *, day: int, late: Sequence[tuple[int, int]] = ()) -> Folding:
        """Everything that the records change; `day` is the shop's day by its clock.

        `late` are earlier events (offset, index) that a back-fill admitted: the verdicts tell the sealer.
        """
        changes = Changes()
        events, verdicts = self._intake.read(records, changes, day=day)
        steps = self._intake.count_once(events, verdicts, records, changes, day=day)
        live = [event for event in events if verdicts[event.offset].codes[event.index] == ADMITTED]
        for step in steps:
            step.write(changes)
        folding = Folding(changes, list(steps), len(live))
        last = records[-1].offset
        seen: list[tuple[int, Event]] = []
        pairs: list[tuple[Event, Event]] = []
        if live:
            pairs = list(zip(live, corrected := self._clocks.correct(live, self._intake.said, changes), strict=True))
            live = self._facts.take(list(corrected), changes)
        if live:
            placed = place(live, self.engine, self._state, changes)
            desk = Desk(self.engine, self._state, changes, self._tables)
            batch = _Batch(self, desk, placed, live, verdicts, day)
            batch.fold()
            folding.refolds = batch.refolded
            note_machines(batch.judged, changes)
            visits.write(batch.steps, changes, offset=last)
            self._intake.watcher.note_found(pairs, batch.judged, day=day, changes=changes)
            desk.store(last)
            seen = [
                (number, event)
                for event, number in zip(live, placed.numbers, strict=True)
                if concerns(event)
                and verdicts[event.offset].codes[event.index] == ADMITTED
                and event.index not in batch.judged.get(event.offset, ())
                and not is_machine(event)
            ]
        on_decisions(self.engine, self._state, changes, records, seen, self._tables.part)
        tell_mended(records, verdicts, changes)
        if verdicts:
            next(iter(verdicts.values())).late.extend(late)
            for told in late:
                changes.delete(tables.LATE, told)
            listed = [verdict.frozen() for verdict in verdicts.values()]
            changes.put(VERDICT, (records[0].offset, last, _encode(listed)))
        return folding


class _Batch:
    """One batch on its way through consent and fold."""

    def __init__(
        self,
        flow: OnEvents,
        desk: Desk,
        placed: Placed,
        events: Sequence[Event],
        verdicts: Mapping[int, Codes],
        day: int,
    ) -> None:
        self.engine = flow.engine
        self.desk = desk
        self.placed = placed
        self.events = events
        self.verdicts = verdicts
        self.day = day
        self.refolded = 0
        self._state = flow._state  # noqa: SLF001 - one unit in two classes
        self._history = flow._history  # noqa: SLF001
        self._keys: dict[int, list[str]] | None = None
        self._judge = flow.judge
        self._noting = flow.noting
        self.steps: list[visits.Step] = []  # of visits that models learn from
        self.judged: dict[int, dict[int, Event]] = {}  # events of machines, by place

    def fold(self) -> None:
        """Apply identity, consent and the events, in this order."""
        by_profile: dict[int, list[Event]] = {}
        touched, limits = self.engine.fold.touched, self.engine.policy.limits
        wanted: dict[int, tuple[int, ...]] = {}
        owner: dict[int, int] = {}  # profile by the identity of an order's event
        order_events: dict[str, list[Event]] = {}
        statements: dict[int, list[Statement]] = {}
        for event, number in zip(self.events, self.placed.numbers, strict=True):
            mine = by_profile.get(number)
            if mine is None:
                by_profile[number] = [event]
                wanted[number] = touched(event.name)
            else:
                mine.append(event)
                parts = touched(event.name)
                if parts != wanted[number]:
                    wanted[number] += parts
            if event.name in ORDER_EVENTS and (event.source not in limits or not self.engine.refusal(event)):
                order = orders.order_id(event)
                if order is not None:
                    owner[id(event)] = number
                    order_events.setdefault(order, []).append(event)
            if event.name == CONSENT or not SPEAKING.isdisjoint(event.context):
                statements.setdefault(number, []).extend(hear(event, self.engine, self.desk.changes))
        self.desk.prefetch({n: parts for n, parts in wanted.items() if n not in self.placed.new})
        refolds = apply_effects(self.placed, self.desk, self._state, day=self.day)
        for number, said in statements.items():
            if said and self._hear(number, said, by_profile[number]):
                refolds.add(number)
        lost = self._lost_orders(order_events, owner)
        told_anew = {order for ids in lost.values() for order in ids}
        for number in refolds | lost.keys():
            self._refold(number, without=told_anew)
        changes = self._order_changes(order_events, owner, told_anew)
        for number, events in by_profile.items():
            self._fold_profile(number, events, changes.pop(number, ()))
        for number, rest in changes.items():
            self._fold_profile(number, [], rest)

    # Consent ----------------------------------------------------------------------------------------------------

    def _hear(self, number: int, said: list[Statement], events: list[Event]) -> bool:
        """Take in what identifiers said; True when only the history can tell what the profile is now."""
        working = self._open(number, events)
        person = self.desk.person(working)
        statements = self.engine.union(person.statements, said)
        if statements == person.statements:
            return False
        person.statements = statements
        working.written.add(PERSON)
        return self.apply_consent(working)

    def apply_consent(self, working: Working) -> bool:
        """Bring the record in line with the statements; True when it must be read again from its history."""
        return revise(self.engine, self.desk, working, self.day)

    # Folding ----------------------------------------------------------------------------------------------------

    def _open(self, number: int, events: Sequence[Event]) -> Working:
        working = self.desk.find(number)
        if working is not None:
            return working
        first = min(event.time for event in events)
        keys = self._keys_of(number)
        anchor = anchor_of(number, keys) or events[0].subject
        working = self.desk.open(number, anchor, time=first, day=self.day)
        person = self.desk.person(working)
        person.identifiers = sorted(keys)
        working.written.add(PERSON)
        if said := nobodys((self.placed.rows[key] for key in keys), self.engine.definitions.identity):
            person.statements = list(said)
            self.engine.agree(working.hot, said, self.day)
        return working

    def _keys_of(self, number: int) -> list[str]:
        if self._keys is None:
            self._keys = {}
            for key, row in self.placed.rows.items():
                self._keys.setdefault(row[1], []).append(key)
        return self._keys.get(number, [])

    def _fold_profile(self, number: int, events: list[Event], changes: Sequence[Change]) -> None:
        working = self._open(number, events)
        hot = working.hot
        since = hot.consent
        admitting = self.engine.admitting_purpose
        limits = self.engine.policy.limits
        add = self.desk.changes.add
        day_of = self.engine.calendar.day
        admitted = events
        for event in events:
            time, name = event.time, event.name
            # Refused events are seen, too: a consent that comes late must find that there is something to read again.
            if time < hot.first_seen:  # noqa: PLR1730 - a call of min costs more than the rest
                hot.first_seen = time
            if time > hot.last_seen:  # noqa: PLR1730
                hot.last_seen = time
            if event.source in limits:
                allowed = self.engine.admits_event(event, since)
            else:
                allowed = consent.allows(since, admitting(name), time)
            if allowed:
                add("events", day_of(time), name, 1)
            else:
                note_refused(event, self.engine, self.verdicts[event.offset].codes, self.desk.changes)
                admitted = []
        if not admitted:
            codes = self.verdicts
            admitted = [event for event in events if codes[event.offset].codes[event.index] == ADMITTED]
        if not admitted and not changes and not working.new:
            return
        admitted = self._judge.judge(hot, admitted, self.judged)
        self._noting.steps(hot, admitted, self.steps)
        if len(admitted) > 1:
            admitted.sort(key=lambda event: (event.time, event.message_id))
        parts: set[int] = set()
        told = False
        for name in {event.name for event in admitted}:
            parts.update(self.engine.fold.touched(name))
            if name in TELLING:
                told |= self._learn_facts(working, admitted)
        if changes:
            parts.update(self.engine.fold.touched(ORDER_EVENTS[0]))
        loaded = self.desk.load(working, parts)
        result = self.engine.fold.fold(hot, loaded, admitted, changes, since=since, day=self.day)
        self.desk.folded(working, result, day=self.day, everything=told or bool(self.placed.settlement))

    def _learn_facts(self, working: Working, events: Iterable[Event]) -> bool:
        """Declared facts: of each the last in (time, message id) stays. Whether a preference is another one now."""
        person = self.desk.person(working)
        before = preferences_of(working.hot.facts)
        learn_facts(person.facts, events, self.engine.policy.origins, self.engine.unwanted)
        working.hot.facts = now_known(person.facts)
        working.written.add(PERSON)
        return preferences_of(working.hot.facts) != before

    # Orders -----------------------------------------------------------------------------------------------------

    def _lost_orders(self, order_events: Mapping[str, list[Event]], owner: Mapping[int, int]) -> dict[int, list[str]]:
        """The orders that turn out to be somebody else's or told otherwise, by the profile that has them now."""
        if not order_events:
            return {}
        currency, trusts = self.engine.definitions.shop.currency, self.engine.trusts
        own, ranks = self.engine.policy.own, self.engine.policy.order_ranks
        found: dict[int, list[str]] = {}
        for identifier, row in self._order_rows(order_events).items():
            holder, events = cast(int, row[1]), order_events[identifier]
            if self.desk.find(holder) is None:
                continue
            old = orders.load(identifier, cast(bytes, row[6]), currency=currency)
            change = orders.apply(identifier, old, events, currency=currency, trusts=trusts, own=own, ranks=ranks)
            began = [event for event in events if orders.begins_with(change.new, [event], trusts=trusts)]
            again = orders.displaces(change) or self.engine.policy.changed(*change)
            if again or (began and owner[id(began[0])] != holder):
                found.setdefault(holder, []).append(identifier)
        return found

    def _order_rows(self, wanted: Iterable[str]) -> dict[str, Row]:
        stored = cast(dict[str, Row], self._state.many(ORDER, wanted))
        pending = self.desk.changes.puts.get(ORDER.name)
        if pending:
            stored.update({order: pending[order] for order in wanted if order in pending})
        return stored

    def _order_changes(
        self, order_events: Mapping[str, list[Event]], owner: Mapping[int, int], lost: AbstractSet[str]
    ) -> dict[int, list[Change]]:
        """The orders that the batch changes, by the profile that owns them: that of the order's first event."""
        if not order_events:
            return {}
        currency, trusts = self.engine.definitions.shop.currency, self.engine.trusts
        own, ranks = self.engine.policy.own, self.engine.policy.order_ranks
        rows = self._order_rows(order_events)
        found: dict[int, list[Change]] = {}
        for identifier, events in order_events.items():
            row = rows.get(identifier)
            old = orders.load(identifier, cast(bytes, row[6]), currency=currency) if row is not None else None
            change = orders.apply(identifier, old, events, currency=currency, trusts=trusts, own=own, ranks=ranks)
            number, began = owner[id(events[0])], None
            if row is not None or len(events) > 1:
                began = next((one for one in events if orders.begins_with(change.new, [one], trusts=trusts)), None)
            stands = row is not None and self.desk.find(cast(int, row[1])) is not None
            if began is not None:
                number = owner[id(began)]
            elif row is not None and stands:
                number = cast(int, row[1])
            mine = row is not None and stands and number == row[1] and identifier not in lost
            self.desk.changes.put(ORDER, orders.row(change.new, number))
            self._count_order(change.old, -1)
            self._count_order(change.new, 1)
            found.setdefault(number, []).append(change if mine else Change(None, change.new))
        return found

    def _count_order(self, order: Order | None, sign: int) -> None:
        if order is None or order.time is None or order.cancelled:
            return
        day = self.engine.calendar.day(order.time)
        self.desk.changes.add("revenue", day, order.currency, sign * order.total)
        self.desk.changes.add("orders", day, "", sign)
        note_order(order, sign, day=day, changes=self.desk.changes)

    # Repair -----------------------------------------------------------------------------------------------------

    def _refold(self, number: int, *, without: Collection[str]) -> None:
        """Read the profile's history and fold it from zero, under the consent and the links of now."""
        rows = self.placed.settlement.puts if self.placed.settlement else {}
        past = self._history.of(number, rows)
        self.refolded += 1
        late = refold(self.engine, self.desk, self._state, past, day=self.day, without=without)
        sink = next(iter(self.verdicts.values()))
        sink.late.extend(late)
