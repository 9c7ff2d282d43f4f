"""The fold: from admitted events to the parts of a profile and the values that deciding reads.

`Fold` is compiled once from the definitions. It works on decoded parts, {part number: [state of each trait of the
group]}, and the hot record, both changed in place. Parts that do not exist are made when an event touches them.

The hot record holds every trait's value as of `hot.day`. `hot.due` is a lower bound for the first later day on which
a value may change without an event (0: never); `evaluate`, given all parts of the profile, makes it exact. So the
values stand after any `fold` as long as `hot.due` is 0 or lies after the day; otherwise `evaluate` brings the rest.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from regulars.core.calendar import Calendar
from regulars.core.definitions import CONTRACT, Definitions
from regulars.core.event import ORDER_EVENTS, Event
from regulars.core.machine import VERDICT, counts
from regulars.core.record import FIRST_GROUP, PURCHASES, Hot
from regulars.core.sensitive import detector
from regulars.profile import groups, purchases
from regulars.profile.keeping import Keeper, keeper, with_term
from regulars.profile.monoid import Computed, Thresholds
from regulars.profile.orders import Change, Order
from regulars.profile.placements import Placements
from regulars.profile.policy import Policy
from regulars.profile.steps import Slot, Step, is_timed, order_steps, steps_of
from regulars.profile.traits import compile_trait

Parts = dict[int, list[Any]]


class Folded(NamedTuple):
    """What a fold changed: slots of hot values, and parts to write (the hot record is always written)."""

    slots: set[int]
    parts: set[int]


_HOT_DECODER = msgspec.msgpack.Decoder(Hot)
_PART_DECODER = msgspec.msgpack.Decoder(list[Any])
_ENCODER = msgspec.msgpack.Encoder()


class Fold:
    """The traits of a shop, compiled.

    `computed` gives the kinds whose value another room computes ("lifecycle"). `thresholds` says, by trait name, which
    constants conditions compare it with (None: also with others); a trait that is missing there is in no condition.
    `unfiltered` is for finding out which sensitive values were left out, and for nothing that is stored.
    """

    def __init__(
        self,
        definitions: Definitions,
        calendar: Calendar,
        computed: Mapping[str, Computed],
        *,
        thresholds: Mapping[str, Thresholds] | None = None,
        purchases_purpose: str = CONTRACT,
        policy: Policy | None = None,
        unfiltered: bool = False,
    ) -> None:
        traits = definitions.traits
        self.slots: dict[str, int] = {trait.name: slot for slot, trait in enumerate(traits)}
        self.groups: list[tuple[int, ...]] = groups.group(traits)
        self.version = definitions.record_version
        self.purchases_purpose = purchases_purpose
        self._currency = definitions.shop.currency
        self._policy = policy or Policy(definitions)
        self._limits = self._policy.limits
        self._standing = {purpose.id: 0 for purpose in definitions.purposes if purpose.basis != "consent"}
        self._day = calendar.day
        known = thresholds or {}
        unwanted = None if unfiltered else detector(definitions.sensitive).unwanted
        explicit = {purpose.id for purpose in definitions.purposes if purpose.sensitive}
        self._at: list[Slot] = []
        for at, members in enumerate(self.groups):
            for place, slot in enumerate(members):
                monoid = compile_trait(
                    with_term(traits[slot]),
                    currency=self._currency,
                    computed=computed,
                    thresholds=known.get(traits[slot].name, ()),
                    unwanted=None if traits[slot].purpose in explicit else unwanted,
                )
                self._at.append(Slot(slot, FIRST_GROUP + at, place, monoid, traits[slot], is_timed(traits[slot])))
        self._by_slot = sorted(self._at)
        #: By slot, the traits that forget after a term.
        self._keepers: dict[int, Keeper] = {
            at.slot: found for at in self._by_slot if (found := keeper(at.trait, calendar)) is not None
        }
        self._monoids = [at.monoid for at in self._by_slot]
        self._timed = tuple(at for at in self._by_slot if at.timed)
        self.timed_parts: tuple[int, ...] = tuple(sorted({at.part for at in self._timed}))
        self._days_since = tuple(at.slot for at in self._by_slot if at.trait.kind == "days_since")
        partners = self._policy.partners
        ours = [at for at in self._by_slot if at.trait.purpose not in partners]
        names = {name for trait in traits for name in (*trait.events, *ORDER_EVENTS)}
        self._steps: dict[str, tuple[Step, ...]] = {name: steps_of(name, ours) for name in names}
        #: What a partner's events do: they feed the traits of the partner's purpose, and nothing else feeds those.
        self._partner_steps: dict[str, dict[str, tuple[Step, ...]]] = {}
        for purpose in partners:
            theirs = [at for at in self._by_slot if at.trait.purpose == purpose]
            self._partner_steps[purpose] = {name: steps_of(name, theirs) for name in names}
        self._of_orders = [at for at in ours if groups.takes_orders(at.trait)]
        self._order_steps, self._measures = order_steps(self._of_orders)
        self._touched = {name: self._parts_of(name) for name in self._steps}

    def _parts_of(self, name: str) -> tuple[int, ...]:
        parts = {at.part for at in self._by_slot if name in groups.touching(at.trait)}
        return tuple(sorted(parts | ({PURCHASES} if name in ORDER_EVENTS else set())))

    @property
    def names(self) -> Sequence[str]:
        """The names of the traits by slot."""
        return list(self.slots)

    @property
    def parts(self) -> range:
        """The numbers of the trait groups."""
        return range(FIRST_GROUP, FIRST_GROUP + len(self.groups))

    def touched(self, event_name: str) -> tuple[int, ...]:
        """The parts that an event of this name may change, besides the hot record."""
        return self._touched.get(event_name, ())

    # Folding ----------------------------------------------------------------------------------------------------

    def new(self, anchor: str, time: int, day: int) -> Hot:
        """The hot record of a profile without events."""
        hot = Hot(
            anchor=anchor, first_seen=time, last_seen=time, day=day, values=[], consent=dict(self._standing),
            segments=[], facts={}, due=0, version=self.version,
        )  # fmt: skip
        hot.values = [at.monoid.value(at.monoid.zero(), day) for at in self._by_slot]
        return hot

    def zero(self, part: int) -> list[Any]:
        """A part before any event."""
        if part == PURCHASES:
            return []
        return [self._monoids[slot].zero() for slot in self.groups[part - FIRST_GROUP]]

    def fold(
        self,
        hot: Hot,
        parts: Parts,
        events: Sequence[Event],
        changes: Iterable[Change] = (),
        *,
        since: Mapping[str, int],
        day: int,
    ) -> Folded:
        """Add admitted events of one profile, and the changes of its orders, as of local day `day`.

        `events` includes the order events themselves; tallies of orders ignore them and take the changes. An
        event counts for a trait when `since` has the trait's purpose, at or before the event's time, and no machine
        did it.
        """
        dirty: set[int] = set()
        written: set[int] = set()
        steps_by_name = self._steps
        limits = self._limits
        day_of = self._day
        for event in [one for one in events if VERDICT not in one.context or counts(one)]:
            time = event.time
            if time > hot.last_seen:  # noqa: PLR1730 - a call of max costs more than the fold of a count
                hot.last_seen = time
            if time < hot.first_seen:  # noqa: PLR1730
                hot.first_seen = time
            if limits and event.source in limits:
                steps, allowed = self._limited(event, since)
            else:
                steps, allowed = steps_by_name.get(event.name), since
            if not steps:
                continue
            at_day = day_of(time)
            for purpose, part, adds, slots in steps:
                if purpose is not None:
                    start = allowed.get(purpose)
                    if start is None or time < start:
                        continue
                states = parts.get(part)
                if states is None:
                    states = parts[part] = self.zero(part)
                for place, add in adds:
                    states[place] = add(states[place], event, at_day)
                written.add(part)
                dirty.update(slots)
        for change in changes:
            self._apply(parts, change, since, dirty, written)
        return Folded(self._project(hot, parts, dirty, day), written)

    def _limited(self, event: Event, since: Mapping[str, int]) -> tuple[tuple[Step, ...] | None, Mapping[str, int]]:
        """What an event of a source with a policy does, and under which consent."""
        partner = self._limits[event.source].partner
        steps = self._partner_steps[partner] if partner else self._steps
        return steps.get(event.name), self._policy.within(event, since)

    def _apply(
        self, parts: Parts, change: Change, since: Mapping[str, int], dirty: set[int], written: set[int]
    ) -> None:
        new = change.new
        if change.old is None and len(new.versions) == 1 and new.time is not None:
            self._take_in(parts, new, new.time, since, dirty, written)
        else:
            self._replace(parts, change, since, dirty, written)

    def _take_in(
        self, parts: Parts, order: Order, time: int, since: Mapping[str, int], dirty: set[int], written: set[int]
    ) -> None:
        """Add an order that is new and told by one event: what `_replace` does, in fewer steps."""
        since, recommended = self._policy.within_order(order, since) if self._limits else (since, True)
        day = self._day(time)
        properties = order.properties
        amounts = [measure(properties) for measure in self._measures]
        for purpose, part, totals, absorbs in self._order_steps:
            if purpose is not None:
                start = since.get(purpose)
                if start is None or time < start:
                    continue
            states = self._states(parts, part)
            touched = False
            for place, slot, at, put in totals:
                amount = amounts[at]
                if amount is not None:
                    states[place] = put(states[place], day, "", amount)
                    dirty.add(slot)
                    touched = True
            for place, slot, absorb in absorbs:
                state = absorb(states[place], properties, day)
                if state is not None:
                    states[place] = state
                    dirty.add(slot)
                    touched = True
            if touched:
                written.add(part)
        start = _start(self.purchases_purpose, since)
        if recommended and start is not None and time >= start and order.lines:
            parts[PURCHASES] = purchases.add(parts.get(PURCHASES, []), day, order.lines)
            written.add(PURCHASES)

    def _replace(
        self, parts: Parts, change: Change, since: Mapping[str, int], dirty: set[int], written: set[int]
    ) -> None:
        """Take the old version of an order out of the tallies and put in the new one."""
        since, recommended = self._policy.within_order(change.new, since) if self._limits else (since, True)
        placements = Placements(change, self._day)
        for slot, part, place, monoid, trait, _ in self._of_orders:
            amounts = placements.of(monoid, _start(trait.purpose, since))  # type: ignore[arg-type]  # is_tally
            if amounts:
                states = self._states(parts, part)
                state = states[place]
                for (day, key), amount in amounts:
                    state = monoid.place(state, day, key, amount)  # type: ignore[attr-defined]  # is_tally
                states[place] = state
                written.add(part)
                dirty.add(slot)
        lines = placements.of_lines(_start(self.purchases_purpose, since)) if recommended else {}
        for day, quantities in lines.items():
            parts[PURCHASES] = purchases.add(parts.get(PURCHASES, []), day, quantities)
            written.add(PURCHASES)

    def _states(self, parts: Parts, part: int) -> list[Any]:
        states = parts.get(part)
        if states is None:
            states = parts[part] = self.zero(part)
        return states

    def _project(self, hot: Hot, parts: Parts, dirty: Iterable[int], day: int) -> set[int]:
        changed = self._pass_days(hot, day) if day != hot.day else set()
        day = hot.day
        values = hot.values
        due = hot.due
        by_slot, keepers = self._by_slot, self._keepers
        for slot in dirty:
            _, part, place, monoid, _, _ = by_slot[slot]
            state = parts[part][place]
            if keepers and slot in keepers:
                state, next_day = keepers[slot].keep(state, day)
                parts[part][place] = state
                if next_day and (next_day < due or not due):
                    due = next_day
            value, next_day = monoid.now(state, day)
            if value != values[slot]:
                values[slot] = value
                changed.add(slot)
            if next_day and (next_day < due or not due):
                due = next_day
        hot.due = due
        return changed

    def _pass_days(self, hot: Hot, day: int) -> set[int]:
        """Let days since an event grow; the hot record's day never goes back."""
        changed: set[int] = set()
        if day > hot.day:
            values = hot.values
            for slot in self._days_since:
                if values[slot] is not None:
                    values[slot] += day - hot.day
                    changed.add(slot)
            hot.day = day
        return changed

    # Time, merging, consent -------------------------------------------------------------------------------------

    def evaluate(self, hot: Hot, parts: Mapping[int, list[Any]], day: int, written: set[int] | None = None) -> set[int]:
        """Recompute every value as of local day `day` (or the record's own, if later) from all parts of the profile.

        Parts from which something was forgotten are added to `written`.
        """
        day = max(day, hot.day)
        forgets = self._keep(parts, day, written)
        changed: set[int] = set()
        values = hot.values
        for slot, part, place, monoid, _, _ in self._by_slot:
            states = parts.get(part)
            value = monoid.value(monoid.zero() if states is None else states[place], day)
            if value != values[slot]:
                values[slot] = value
                changed.add(slot)
        hot.day = day
        hot.due = _sooner(self.due(parts, day), forgets)
        return changed

    def _keep(self, parts: Mapping[int, list[Any]], day: int, written: set[int] | None) -> int:
        """Take out of the states what is past its term; the next day on which something goes, 0: never."""
        due = 0
        for slot, keeping in self._keepers.items():
            at = self._by_slot[slot]
            states = parts.get(at.part)
            if states is None:
                continue
            before = _ENCODER.encode(states[at.place])
            states[at.place], next_day = keeping.keep(states[at.place], day)
            if written is not None and _ENCODER.encode(states[at.place]) != before:
                written.add(at.part)
            due = _sooner(due, next_day)
        return due

    def pass_time(
        self, hot: Hot, parts: Mapping[int, list[Any]], day: int, written: set[int] | None = None
    ) -> set[int]:
        """What `evaluate` does when nothing but time passed; of the parts, `timed_parts` are needed. Changed slots."""
        day = max(day, hot.day)
        changed: set[int] = set()
        values = hot.values
        earliest = self._keep(parts, day, written)
        for slot, part, place, monoid, _, _ in self._timed:
            states = parts.get(part)
            if states is None:
                continue
            value, due = monoid.now(states[place], day)
            if value != values[slot]:
                values[slot] = value
                changed.add(slot)
            if due and (due < earliest or not earliest):
                earliest = due
        hot.day = day
        hot.due = earliest
        return changed

    def due(self, parts: Mapping[int, list[Any]], day: int) -> int:
        """The first local day after `day` on which a value may change without an event; 0: never."""
        days = (at.monoid.due(parts[at.part][at.place], day) for at in self._by_slot if at.part in parts)
        return min((due for due in days if due), default=0)

    def merge(self, left: Mapping[int, list[Any]], right: Mapping[int, list[Any]]) -> Parts:
        """The parts of two profiles that are one; `evaluate` gives the values. Neither side changes."""
        merged: Parts = {}
        for part in {*left, *right}:
            if part == PURCHASES:
                merged[part] = purchases.merge(left.get(part, []), right.get(part, []))
            elif part in self.parts:
                members = self.groups[part - FIRST_GROUP]
                ours, theirs = left.get(part) or self.zero(part), right.get(part) or self.zero(part)
                merged[part] = [
                    self._monoids[slot].merge(a, b) for slot, a, b in zip(members, ours, theirs, strict=True)
                ]
        return merged

    def clear(self, parts: Parts, purposes: Collection[str]) -> set[int]:
        """Forget what withdrawn purposes had allowed, in place; the parts to write. `evaluate` gives the values."""
        written: set[int] = set()
        for _, part, place, monoid, trait, _ in self._by_slot:
            if trait.purpose in purposes and part in parts:
                parts[part][place] = monoid.zero()
                written.add(part)
        if self.purchases_purpose in purposes and parts.get(PURCHASES):
            parts[PURCHASES] = []
            written.add(PURCHASES)
        return written

    # Bytes ------------------------------------------------------------------------------------------------------

    @staticmethod
    def decode_hot(data: bytes) -> Hot:
        """A hot record from its bytes."""
        return _HOT_DECODER.decode(data)

    @staticmethod
    def decode_part(data: bytes) -> list[Any]:
        """A part from its bytes."""
        return _PART_DECODER.decode(data)

    @staticmethod
    def encode(record: Hot | list[Any]) -> bytes:
        """The bytes of a hot record or a part."""
        return _ENCODER.encode(record)


def _sooner(one: int, other: int) -> int:
    """The earlier of two days, where 0 is never."""
    return min(one, other) if one and other else one or other


def _start(purpose: str, since: Mapping[str, int]) -> int | None:
    """From when on events count for a purpose (ms); None: not at all."""
    return 0 if purpose == CONTRACT else since.get(purpose)
