"""Where what is known of a person came from: of each trait and fact the sources, and what was left out as sensitive.

It is computed from the history when somebody asks, by the same fold: an event told something of a trait when the trait
would have another value than nothing from that event alone. So nothing is stored for it, and nothing is slower.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from regulars.core.definitions import CONTRACT, Trait
from regulars.core.event import CORRECTED, IDENTIFY, PREFERENCE, Event
from regulars.core.preferences import NAMESPACE
from regulars.core.record import Hot, Person
from regulars.core.sensitive import detector
from regulars.flow.engine import Engine
from regulars.flow.facts import left_out, tells_sensitive
from regulars.profile.fold import Fold, Parts
from regulars.profile.orders import Change, Order
from regulars.understand.lifecycle import Lifecycle

#: Kinds whose value one event gives, and the others did not.
_ONE = frozenset({"first", "last", "max", "days_since"})
_MOST_NAMES = 100  # of facts that were left out


class Origin(msgspec.Struct):
    """A source, and what it told: `partner` is the company whose it is, "" for the shop's own."""

    source: str
    title: str
    partner: str
    events: int  # and orders
    first: int  # UTC ms
    last: int


class TraitOrigins(msgspec.Struct):
    """Where the value of a trait came from; `purpose` is what its events were allowed for."""

    trait: str
    title: str
    purpose: str
    value: Any
    sources: list[Origin]
    left_out: int  # events of which something did not count, for it tells of health, faith or the like


class FactOrigin(msgspec.Struct):
    """Where a fact or a wish came from; `origin` is who said it: customer, staff, brand, or a partner's purpose."""

    name: str
    value: Any
    time: int
    source: str  # "" when the event is not kept any more
    title: str
    origin: str
    purpose: str


class FactLeftOut(msgspec.Struct):
    """A fact that was told and is not kept, for its name tells of something sensitive. Its value is told nowhere."""

    name: str
    why: str  # the kind of what it tells of: "health", "faith", … or "what the shop lists"
    events: int  # that told it
    first: int  # UTC ms
    last: int
    sources: list[str]


class Origins(msgspec.Struct):
    """Everything that is known of a person, with where it came from. `complete` is False where not all was read."""

    profile: str
    traits: list[TraitOrigins]
    facts: list[FactOrigin]
    wishes_left_out: int
    facts_left_out: list[FactLeftOut] = []
    complete: bool = True


class Tracing:
    """Takes in a person's history, events in any order and orders, and tells the origins."""

    def __init__(self, engine: Engine, hot: Hot, person: Person, language: str) -> None:
        self._engine = engine
        self._hot = hot
        self._person = person
        self._language = language
        definitions = engine.definitions
        computed = {"lifecycle": Lifecycle(definitions.shop.typical_gap_days)}
        self._whole = Fold(definitions, engine.calendar, computed, policy=engine.policy, unfiltered=True)
        self._sources = {one.id: one for one in definitions.sources}
        self._found: list[dict[str, Origin]] = [{} for _ in definitions.traits]
        self._chosen: dict[int, tuple[int, str]] = {}  # slot of a first or last -> (time, message id) of the event
        self._left_out = [0] * len(definitions.traits)
        self._wishes = 0
        self._kind = detector(definitions.sensitive).name
        self._unkept: dict[str, FactLeftOut] = {}
        self._fact_sources: dict[tuple[str, int], str] = {}
        self._wanted = {(fact[1], fact[0]) for fact in person.facts.values()}

    def event(self, event: Event) -> None:
        """Take in an event of this person."""
        if not self._engine.admits_event(event, self._hot.consent):
            return
        if (event.message_id, event.time) in self._wanted:
            self._fact_sources[event.message_id, event.time] = event.source
        if event.name == PREFERENCE:
            self._wish(event)
        elif event.name in (IDENTIFY, CORRECTED):
            self._facts(event)
        self._note((event.source,), event.time, event.message_id, [event], ())

    def order(self, order: Order) -> None:
        """Take in an order of this person: what counts of it came from every source that told of it."""
        if order.time is not None:
            sources = tuple(sorted({version.source for version in order.versions}))
            self._note(sources, order.time, "", (), [Change(None, order)])

    def told(self, profile: str, *, complete: bool) -> Origins:
        """The origins of what the record holds now."""
        traits = []
        for slot, trait in enumerate(self._engine.definitions.traits):
            sources = sorted(self._found[slot].values(), key=lambda one: (-one.events, one.source))
            if sources or self._left_out[slot]:
                title = self._words(trait.title, trait.name)
                value = self._hot.values[slot]
                traits.append(TraitOrigins(trait.name, title, trait.purpose, value, sources, self._left_out[slot]))
        facts = [self._fact(name, fact) for name, fact in sorted(self._person.facts.items()) if fact[2] is not None]
        unkept = [self._unkept[name] for name in sorted(self._unkept)]
        return Origins(profile, traits, facts, self._wishes, unkept, complete)

    def _note(
        self, sources: tuple[str, ...], time: int, message_id: str, events: list[Event] | tuple[()], orders: Any
    ) -> None:
        alone, slots = self._folded(self._engine.fold, events, orders)
        whole, all_slots = self._folded(self._whole, events, orders)
        for slot in all_slots:
            if whole[slot] != alone[slot]:
                self._left_out[slot] += 1
        for slot in slots:
            if self._counts(self._engine.definitions.traits[slot], slot, alone[slot], time, message_id):
                for source in sources:
                    self._add(slot, source, time)

    def _folded(self, fold: Fold, events: Iterable[Event], orders: Iterable[Change]) -> tuple[list[Any], set[int]]:
        hot, parts = fold.new(self._hot.anchor, self._hot.first_seen, self._hot.day), Parts()
        result = fold.fold(hot, parts, list(events), orders, since=self._hot.consent, day=self._hot.day)
        return hot.values, result.slots

    def _counts(self, trait: Trait, slot: int, value: Any, time: int, message_id: str) -> bool:
        if trait.kind not in _ONE:
            return True
        if value != self._hot.values[slot]:
            return False
        if trait.kind in ("first", "last"):
            place, held = (time, message_id), self._chosen.get(slot)
            if held is not None and (place < held) == (trait.kind == "last"):
                return False
            self._chosen[slot] = place
            self._found[slot].clear()
        return True

    def _add(self, slot: int, source: str, time: int) -> None:
        found = self._found[slot].get(source)
        if found is None:
            self._found[slot][source] = Origin(source, self._title(source), self._partner(source), 1, time, time)
            return
        found.events += 1
        found.first, found.last = min(found.first, time), max(found.last, time)

    def _wish(self, event: Event) -> None:
        said = event.properties.get("preferences")
        if isinstance(said, dict) and any(
            left_out(NAMESPACE + name, value, self._engine.unwanted) != value for name, value in said.items()
        ):
            self._wishes += 1

    def _facts(self, event: Event) -> None:
        """Which facts an event told that are not kept for their names."""
        told = event.traits if event.name == IDENTIFY else event.properties.get("facts")
        for name, value in told.items() if isinstance(told, dict) else ():
            if value is None or not tells_sensitive(name, self._engine.unwanted):
                continue
            found = self._unkept.get(name)
            if found is None:
                if len(self._unkept) < _MOST_NAMES:
                    why = self._kind(name)
                    self._unkept[name] = FactLeftOut(name[:100], why, 1, event.time, event.time, [event.source])
                continue
            found.events += 1
            found.first, found.last = min(found.first, event.time), max(found.last, event.time)
            found.sources = sorted({*found.sources, event.source})

    def _fact(self, name: str, fact: list[Any]) -> FactOrigin:
        source = self._fact_sources.get((fact[1], fact[0]), "")
        origin = str(fact[3]) if fact[3:] else ""
        partners: Mapping[str, Any] = self._engine.policy.partners
        limits = self._engine.policy.limits.get(source)
        agreed = limits.agreed if limits is not None else ""
        purpose = origin if origin in partners else agreed or CONTRACT
        return FactOrigin(name, fact[2], fact[0], source, self._title(source), origin, purpose)

    def _title(self, source: str) -> str:
        one = self._sources.get(source)
        return source if one is None else self._words(one.title, source)

    def _partner(self, source: str) -> str:
        one = self._sources.get(source)
        return "" if one is None else one.partner

    def _words(self, titles: Mapping[str, str], otherwise: str) -> str:
        return titles.get(self._language) or titles.get("en") or next(iter(titles.values()), "") or otherwise
