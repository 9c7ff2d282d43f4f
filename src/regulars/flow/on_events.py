"""What a batch of log records does: decode, count once, say whose, check consent, fold, and store all or nothing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
from regulars.flow.desk import Desk, Working
from regulars.flow.engine import Engine
from regulars.flow.facts import TELLING
from regulars.flow.folding import Folder, Rules
from regulars.flow.generation import B, Tables
from regulars.flow.grouped import Grouped, Named
from regulars.flow.history import History
from regulars.flow.intake import Codes, Intake
from regulars.flow.mended import tell_mended
from regulars.flow.on_decision import concerns, on_decisions
from regulars.flow.people import Placed, apply_effects, place
from regulars.flow.refold import refold
from regulars.flow.shares import Done, Terms, Whole
from regulars.flow.sharing import WORTH_SHARING, Beside, Sharing
from regulars.flow.shop_facts import ShopFacts
from regulars.flow.timing import Clocks, note_machines
from regulars.profile import orders
from regulars.profile.hearing import SPEAKING
from regulars.profile.orders import Change, Order
from regulars.profile.statements import Statement

_encode = msgspec.msgpack.Encoder().encode


class Folding(msgspec.Struct):
    """A batch, folded: what to commit, and what becomes true once that is done.

    Where `shares` is not None, it folds the rest of the batch while it is taken, and `changes` are whole after it.
    """

    changes: Changes
    steps: list[Step]
    events: int = 0
    refolds: int = 0
    shares: Iterator[Changes] | None = None

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
        beside: Beside | None = None,
    ) -> None:
        """`beside` folds shares of large batches."""
        self.engine = engine
        self._state = state
        self._intake = Intake(engine, state, seen, tail)
        self._history = history
        self._facts = ShopFacts(state, engine.calendar.day)
        self.rules = Rules(engine)
        self._clocks = Clocks(state, engine.definitions.identity.device)
        self._tables = tables or Tables()
        self._sharing = None if beside is None else Sharing(beside, self.rules, self._intake.reader, state)

    def let_go(self, before: int) -> None:
        """The events of records before this offset are folded."""
        if self._sharing is not None:
            self._sharing.forget(before)

    def look_ahead(self, record: Record) -> None:
        """Decode a record that will be folded soon."""
        if self._sharing is not None:
            self._sharing.read_rest()
            if self._sharing.unpack() or self._sharing.reads(record.offset):
                return
        self._intake.look_ahead(record)

    def begin(self, records: Sequence[Record], following: Sequence[Record]) -> None:
        """Somebody else may read what will be folded next, while these records are folded."""
        if self._sharing is None:
            return
        if self._sharing.ready():
            self._sharing.read_ahead(following, since=records[0].offset)
        self._intake.take_read(self._sharing.gather(records[-1].offset))

    def fold(
        self, records: Sequence[Record], *, day: int, late: Sequence[tuple[int, int]] = (), sharing: bool = False
    ) -> Folding:
        """Everything that the records change; `day` is the shop's day by its clock.

        `late` are earlier events (offset, index) that a back-fill admitted: the verdicts tell the sealer. `sharing`:
        more wait, so that a large batch is worth another process.
        """
        changes = Changes()
        verdicts = self._intake.read(records, changes, day=day)
        live, steps = self._intake.count_once(verdicts, records, changes, day=day)
        for step in steps:
            step.write(changes)
        folding = Folding(changes, list(steps), len(live))
        if not live:
            self._conclude(records, [], verdicts, changes, late)
            return folding
        corrected = self._clocks.correct(live, self._intake.said, changes)
        pairs = list(zip(live, corrected, strict=True))
        live = self._facts.take(list(corrected), changes)
        if not live:
            self._conclude(records, [], verdicts, changes, late)
            return folding
        placed = place(live, self.engine, self._state, changes)
        desk = Desk(self.engine, self._state, changes, self._tables)
        shared = self._sharing if sharing and len(live) >= WORTH_SHARING else None
        batch = _Batch(self, desk, placed, live, verdicts, day)
        batch.fold(sharing=shared is not None and shared.ready())
        folding.refolds = batch.refolded

        def end() -> None:
            batch.conclude(records[-1].offset)
            self._intake.reader.watcher.note_found(pairs, batch.folder.judged, day=day, changes=changes)
            self._conclude(records, batch.seen(), verdicts, changes, late)

        if shared is None or not batch.entries:
            end()
        else:
            folding.shares = self._shares(batch, shared, end)
        return folding

    def _shares(self, batch: "_Batch", sharing: Sharing, end: Callable[[], None]) -> Iterator[Changes]:
        """The rows of what others may fold of a batch, and then its end."""
        terms = Terms("b" if self._tables == B else "a", batch.day, everything=bool(batch.placed.settlement))
        yield from sharing.fold(batch.entries, terms)
        for done in sharing.done:
            batch.take(done)
        end()

    def _conclude(
        self,
        records: Sequence[Record],
        seen: Sequence[tuple[int, Event]],
        verdicts: Mapping[int, Codes],
        changes: Changes,
        late: Sequence[tuple[int, int]],
    ) -> None:
        """What is told of a batch once its events are folded."""
        on_decisions(self.engine, self._state, changes, records, seen, self._tables.part)
        tell_mended(records, verdicts, changes)
        if verdicts:
            next(iter(verdicts.values())).late.extend(late)
            for told in late:
                changes.delete(tables.LATE, told)
            listed = [verdict.frozen() for verdict in verdicts.values()]
            changes.put(VERDICT, (records[0].offset, records[-1].offset, _encode(listed)))


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
        self._named = Named(placed, flow.engine.definitions.identity)
        self.folder = Folder(flow.rules, desk, self._named.of, day=day, everything=bool(placed.settlement))
        #: Profiles that may be folded elsewhere: nothing but events and their own orders concerns them.
        self.entries: dict[int, Whole] = {}

    def fold(self, *, sharing: bool) -> None:
        """Apply identity, consent and the events, in this order; with `sharing` most profiles are left in `entries`."""
        grouped = self._grouped()
        self.desk.prefetch({n: parts for n, parts in grouped.wanted.items() if not sharing or n in grouped.concerned})
        refolds = apply_effects(self.placed, self.desk, self._state, day=self.day)
        for number, said in grouped.statements.items():
            if said and self._hear(number, said, grouped.events[number]):
                refolds.add(number)
        lost = self._lost_orders(grouped.orders, grouped.owner)
        told_anew = {order for ids in lost.values() for order in ids}
        for number in refolds | lost.keys():
            self._refold(number, without=told_anew)
        changes = self._order_changes(grouped.orders, grouped.owner, told_anew)
        for number, events in grouped.events.items():
            if sharing and number not in grouped.concerned and not self.desk.holds(number):
                keys, nothing_told = self._named.of(number)
                if not nothing_told:
                    self.entries[number] = Whole(keys, events, changes.pop(number, ()))
                    continue
            self.folder.fold(number, events, changes.pop(number, ()))
        for number, rest in changes.items():
            self.folder.fold(number, [], rest)

    def _grouped(self) -> Grouped:
        """The events by what they concern."""
        found = Grouped()
        by_profile, wanted, new = found.events, found.wanted, self.placed.new
        touched, limits = self.engine.fold.touched, self.engine.policy.limits
        for event, number in zip(self.events, self.placed.numbers, strict=True):
            mine = by_profile.get(number)
            if mine is None:
                by_profile[number] = [event]
                if number not in new:
                    wanted[number] = touched(event.name)
            else:
                mine.append(event)
                parts = touched(event.name)
                if number not in new and parts != wanted[number]:
                    wanted[number] += parts
            name = event.name
            if name in ORDER_EVENTS and (event.source not in limits or not self.engine.refusal(event)):
                order = orders.order_id(event)
                if order is not None:
                    found.owner[id(event)] = number
                    found.orders.setdefault(order, []).append(event)
            if name in TELLING:
                found.concerned.add(number)
            if name == CONSENT or not SPEAKING.isdisjoint(event.context):
                found.concerned.add(number)
                found.statements.setdefault(number, []).extend(hear(event, self.engine, self.desk.changes))
        return found

    def take(self, done: Done) -> None:
        """What became of a share."""
        self.desk.take(done.profiles, done.moves)
        for name, day, key, value in done.adds:
            self.desk.changes.add(name, day, key, value)
        for offset, index, code in done.refused:
            self.folder.refused[offset, index] = code
        for event in done.judged:
            self.folder.judged.setdefault(event.offset, {})[event.index] = event
        self.folder.steps += done.steps

    def conclude(self, offset: int) -> None:
        """Everything is folded."""
        folder, changes = self.folder, self.desk.changes
        for (at, index), code in folder.refused.items():
            self.verdicts[at].codes[index] = code
        note_machines(folder.judged, changes)
        visits.write(folder.steps, changes, offset=offset)
        self.desk.store(offset)

    def seen(self) -> list[tuple[int, Event]]:
        """The events that decisions learn from, with their profiles."""
        judged = self.folder.judged
        return [
            (number, event)
            for event, number in zip(self.events, self.placed.numbers, strict=True)
            if concerns(event)
            and self.verdicts[event.offset].codes[event.index] == ADMITTED
            and event.index not in judged.get(event.offset, ())
            and not is_machine(event)
        ]

    # Consent ----------------------------------------------------------------------------------------------------

    def _hear(self, number: int, said: list[Statement], events: list[Event]) -> bool:
        """Take in what identifiers said; True when only the history can tell what the profile is now."""
        working = self.folder.open(number, events)
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
