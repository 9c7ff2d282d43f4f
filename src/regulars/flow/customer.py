"""Who asks for a decision, as of now: the stored profile, with what rides along in the call laid over it."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from regulars.core.errors import Rejected
from regulars.core.event import ORDER_EVENTS, Event
from regulars.core.identifier import is_device, rank
from regulars.core.record import HOT, PERSON, PURCHASES, REACH, Hot, Person, due_day, part_id, profile_number
from regulars.core.state import IDENTIFIER, ORDER, PART, StateReader, Table
from regulars.flow.engine import Engine
from regulars.flow.facts import TELLING, learn_facts, now_known, without_consents
from regulars.profile import consent, orders
from regulars.profile.assignment import IdRow, holders_of, profile_of
from regulars.profile.fold import Parts
from regulars.profile.hearing import speaks
from regulars.profile.statements import Statement

_person = msgspec.msgpack.Decoder(Person).decode
#: `owners` of a device that nobody holds: nobody logged in, or every login was taken back.
_HELD_BY_NOBODY = (b"", b"n")


class Asking(msgspec.Struct, frozen=True):
    """Who a call speaks of. `keys` are normalised; a browser's key is its device and nothing else."""

    keys: tuple[str, ...]
    verified: bool  # a server key asks
    vouched: frozenset[str] = frozenset()  # those of the keys that a token says are of whoever uses the browser


class Customer(msgspec.Struct, kw_only=True):
    """The customer as the gates see it."""

    number: int  # of the profile, or of the one that the first event will open
    known: bool
    personal: bool  # whether a stored profile was read
    hot: Hot
    purchases: list[Any]
    reach: list[Any]


def asking(
    engine: Engine,
    *,
    verified: bool,
    user_id: str | int | None = None,
    anonymous_id: str | int | None = None,
    identifier: str | None = None,
    vouched: frozenset[str] = frozenset(),
) -> Asking:
    """Who asks. A browser is believed about itself, and of persons only what a token vouches for."""
    identity = engine.definitions.identity
    keys: list[str | None] = []
    if user_id is not None and verified:
        keys.append(engine.identifiers.key("user_id", str(user_id)))
    if identifier is not None and verified:
        kind, _, value = identifier.partition(":")
        keys.append(engine.identifiers.key(kind, value))
    if anonymous_id is not None:
        keys.append(engine.identifiers.key("anonymous_id", str(anonymous_id)))
    usables = [key for key in keys if key is not None and (verified or is_device(key, identity))]
    usables += vouched
    if not usables:
        wanted = "a userId, an anonymousId or an identifier" if verified else "an anonymousId"
        raise Rejected(
            f"the call says nobody to decide for; send {wanted}",
            field="userId" if verified else "anonymousId",
            expected=wanted,
            got="none that is usable",
        )
    return Asking(tuple(sorted(set(usables), key=lambda key: (rank(key, identity), key))), verified, vouched)


class Customers:
    """Reads customers."""

    def __init__(self, engine: Engine, state: StateReader, part: Table = PART) -> None:
        self._engine = engine
        self._state = state
        self._part = part

    def find(self, who: Asking, now: int) -> tuple[int, bool, str]:
        """Number of the profile, whether its record may be used, and the key that names it when it is unknown."""
        key = who.keys[0]
        row = cast("IdRow | None", self._state.get(IDENTIFIER, key))
        for other in who.keys[1:]:
            if row is not None:
                break
            row = cast("IdRow | None", self._state.get(IDENTIFIER, other))
        if row is None:
            return profile_number(key), False, key
        if not who.verified and row[0] not in who.vouched:
            own = profile_number(row[0])
            # A device that somebody logged in on belongs to a person: a public key reads nothing of persons.
            return own, row[1] == own and row[3][:1] in _HELD_BY_NOBODY, row[0]
        rows: dict[str, IdRow] = {row[0]: row}
        held = holders_of(rows)
        if held:
            rows.update(cast(dict[str, IdRow], self._state.many(IDENTIFIER, held)))
        number = profile_of(row[0], now, rows)
        if number is None:
            return profile_number(row[0]), False, row[0]
        return number, True, row[0]

    def read(
        self,
        who: Asking,
        events: Sequence[Event],
        *,
        now: int,
        day: int,
        purchases: bool,
        reach: bool,
    ) -> Customer:
        """The customer at `now` (ms), the events laid over; `purchases` and `reach` say which parts are needed."""
        number, usable_record, key = self.find(who, now)
        return self.of(number, usable_record, key, events, now=now, day=day, purchases=purchases, reach=reach)

    def of(
        self,
        number: int,
        usable_record: bool,  # noqa: FBT001 - as `find` answers it
        key: str,
        events: Sequence[Event],
        *,
        now: int,
        day: int,
        purchases: bool = True,
        reach: bool = True,
    ) -> Customer:
        """The customer of a profile number."""
        fold = self._engine.fold
        wanted = {HOT}
        if purchases:
            wanted.add(PURCHASES)
        for event in events:
            wanted.update(fold.touched(event.name))
            if speaks(event):
                wanted.update((PERSON, *fold.parts))
            elif event.name in TELLING:
                wanted.add(PERSON)
        if reach:
            wanted.add(REACH)
        parts_wanted = wanted if usable_record else ({REACH} if reach else set())
        found = self._state.parts([part_id(number, part) for part in parts_wanted], self._part) if parts_wanted else {}
        data = found.get(part_id(number, HOT))
        hot = fold.decode_hot(data) if data is not None else fold.new(key, now, day)
        if hot.version != fold.version:
            # Built with other definitions, a back-fill is under way: consent stands, what was measured does not fit.
            blank = fold.new(hot.anchor, hot.first_seen, day)
            blank.consent, blank.facts, blank.last_seen = hot.consent, hot.facts, hot.last_seen
            blank.lapses, blank.restricted, blank.paces = hot.lapses, hot.restricted, hot.paces
            hot = blank
            found = {at: one for at, one in found.items() if at & 15 in (HOT, PERSON, PURCHASES, REACH)}
        parts: Parts = {id_ & 15: fold.decode_part(one) for id_, one in found.items() if id_ & 15 not in (HOT, PERSON)}
        reached = parts.pop(REACH, [])
        person = found.get(part_id(number, PERSON))
        customer = Customer(
            number=number, known=data is not None, personal=usable_record, hot=hot,
            purchases=parts.get(PURCHASES, []), reach=reached,
        )  # fmt: skip
        self._overlay(customer, parts, None if person is None else _person(person), events, day=day)
        customer.purchases = parts.get(PURCHASES, [])
        return customer

    def _overlay(
        self, customer: Customer, parts: Parts, person: Person | None, events: Sequence[Event], *, day: int
    ) -> None:
        """Bring the record to this day and lay the events over it, as folding them will."""
        engine, hot = self._engine, customer.hot
        fold = engine.fold
        due = 0 < due_day(hot) <= day
        changed: set[int] | None = set()
        if due and customer.known:
            self._load(customer.number, parts)
        heard = [s for e in events if speaks(e) for s in engine.hear(e).statements]
        lapses = 0 < hot.lapses <= day
        told = False
        if heard or lapses:
            if lapses and person is None:
                person = self._person(customer.number)
            self._hear(customer, parts, person, heard, day=day)
            changed = None
        if events:
            admitted = [e for e in events if engine.admits_event(e, hot.consent)]
            admitted.sort(key=lambda event: (event.time, event.message_id))
            if any(event.name in TELLING for event in admitted):
                facts = dict(person.facts) if person is not None else {}
                learn_facts(facts, admitted, engine.policy.origins, engine.unwanted)
                hot.facts = now_known(facts)
                told = True
            result = fold.fold(hot, parts, admitted, self._changes(admitted), since=hot.consent, day=day)
        elif day > hot.day:
            result = fold.fold(hot, parts, (), (), since=hot.consent, day=day)
        else:
            result = None
        if result is not None and changed is not None:
            changed = result.slots
        if due:
            evaluated = fold.evaluate(hot, parts, day)
            changed = None if changed is None else changed | evaluated
        if told or not customer.known:
            changed = None
        if changed is None or changed:
            moved = engine.segments.update(
                hot.values, hot.segments, changed=changed, allowed=hot.segmenting, facts=hot.facts
            )
            if moved is not None:
                hot.segments = moved.now

    def _hear(
        self, customer: Customer, parts: Parts, person: Person | None, heard: Sequence[Statement], *, day: int
    ) -> None:
        """A yes or no that rides along counts at once. What only a history can tell, the fold brings later."""
        hot = customer.hot
        before = hot.consent
        self._engine.agree(hot, self._engine.union(person.statements if person is not None else (), heard), day)
        effect = consent.change(before, hot.consent, hot.last_seen if customer.known else None)
        if not effect:
            return
        fold = self._engine.fold
        ended = {purpose for purpose, start in before.items() if hot.consent.get(purpose) != start}
        marks = self._engine.policy.consents_of
        if person is not None and any(not ended.isdisjoint(asked) for asked in marks.values()):
            person.facts = without_consents(person.facts, ended, marks)
            hot.facts = now_known(person.facts)
        if self._engine.ends_more(effect):
            # Until the history was read again, nothing that rested on events is believed.
            for part in fold.parts:
                parts.pop(part, None)
        else:
            fold.clear(parts, effect.clear)
        fold.evaluate(hot, parts, day)

    def _changes(self, events: Sequence[Event]) -> list[orders.Change]:
        told: dict[str, list[Event]] = {}
        for event in events:
            if event.name in ORDER_EVENTS and (identifier := orders.order_id(event)) is not None:
                told.setdefault(identifier, []).append(event)
        if not told:
            return []
        currency = self._engine.definitions.shop.currency
        stored = self._state.many(ORDER, told)
        found = []
        for identifier, some in told.items():
            row = stored.get(identifier)
            old = orders.load(identifier, cast(bytes, row[6]), currency=currency) if row is not None else None
            change = orders.apply(
                identifier,
                old,
                some,
                currency=currency,
                own=self._engine.policy.own,
                ranks=self._engine.policy.order_ranks,
            )
            if not self._engine.policy.changed(*change):  # else only the fold can tell what of it still counts
                found.append(change)
        return found

    def _person(self, number: int) -> Person | None:
        key = part_id(number, PERSON)
        data = self._state.parts([key], self._part).get(key)
        return None if data is None else _person(data)

    def _load(self, number: int, parts: Parts) -> None:
        fold = self._engine.fold
        missing = [part for part in fold.parts if part not in parts]
        found = self._state.parts([part_id(number, part) for part in missing], self._part)
        parts.update({id_ & 15: fold.decode_part(data) for id_, data in found.items()})
