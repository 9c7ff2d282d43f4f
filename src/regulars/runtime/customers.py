"""Reading one customer from the state: who is meant, what is known, and why they are in their segments."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from regulars.collect.dedup import KIND as SEEN
from regulars.collect.dedup import locate_stored
from regulars.collect.places import offset_and_index
from regulars.collect.runs import stored_entries, stored_pages
from regulars.collect.tail import KIND as TAIL
from regulars.collect.tail import subject_hashes
from regulars.core.condition import Condition
from regulars.core.condition.text import constant_text
from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.core.identifier import MAX_LENGTH
from regulars.core.preferences import NAMESPACE, Interest, told_interests
from regulars.core.record import HOT, PERSON, Hot, Person, part_id, profile_from_name, profile_name
from regulars.core.schema import PREFERENCE
from regulars.core.state import IDENTIFIER, MANIFEST, ORDER, REDIRECT, RUN, StateReader, Table
from regulars.core.verdict import ADMITTED, REFUSED
from regulars.flow.engine import Engine
from regulars.flow.facts import preferences_of, without_preferences
from regulars.flow.groups import House, houses
from regulars.flow.shop_facts import restamped
from regulars.flow.timing import Times
from regulars.profile.assignment import IdRow, holders_of, profile_of
from regulars.runtime.services import Services

_HOT = msgspec.msgpack.Decoder(Hot)
_PERSON = msgspec.msgpack.Decoder(Person)
_RECORDS = 500
_NEWEST = (1 << 63) - 1


class Customer(msgspec.Struct):
    """A profile as servers and staff read it. Amounts of money are minor units; times are UTC milliseconds."""

    profile: str
    identifiers: list[str]
    anchor: str
    first_seen: int
    last_seen: int
    as_of_day: str  # local date on which time-dependent values were evaluated
    traits: dict[str, Any]
    segments: list[str]
    consent: dict[str, int]  # purpose -> since when events count, ms; a purpose that is absent is not allowed
    facts: dict[str, Any]
    preferences: dict[str, Any]  # what the customer wishes for, declared and not inferred
    interests: list[Interest]  # declared beside inferred
    restricted: bool  # the customer does not want to be profiled
    households: list[House]  # groups above the person, with their members by identifier


class Customers:
    """Answers about single customers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The definitions that the records were built with, compiled when they are first needed."""
        serving = self._services.serving
        serving.refresh()
        if self._engine is None or self._engine.definitions is not serving.definitions:
            self._engine = Engine(serving.definitions)
        return self._engine

    @property
    def _part(self) -> Table:
        """Where the records are that serve now."""
        self._services.serving.refresh()
        return self._services.serving.tables.part

    def number(self, name: str, time: int | None = None) -> int:
        """The profile number of `type:value` or of a profile name `p_…`; raises LookupError when nobody is known so.

        Whoever holds a device now, or held it at `time` (ms).
        """
        state = self._services.state
        kind, colon, value = name.partition(":")
        number = profile_from_name(name) if not colon and name.startswith("p_") else None
        if colon:
            # What was stored in another spelling, before the rules changed, is found as it was written.
            for key in (self.engine.identifiers.key(kind, value), name if len(value) <= MAX_LENGTH else None):
                if key is not None and number is None:
                    rows = identifier_rows(state, [key])
                    number = profile_of(key, self._services.clock() if time is None else time, rows)
        for _ in range(16):  # redirects are short: a profile that went into another one points to it
            if number is None:
                break
            found = state.get(REDIRECT, number)
            if found is None:
                break
            number = cast(int, found[1])
        if number is None or state.get(self._part, part_id(number, HOT)) is None:
            raise LookupError(f"nobody is known as {name}; an identifier is written type:value, as in user_id:42")
        return number

    def spelled(self, name: str) -> str:
        """The one spelling of `type:value`; a profile's name stays as it is."""
        kind, colon, value = name.partition(":")
        return (self.engine.identifiers.key(kind, value) if colon else None) or name

    def customer(self, number: int) -> Customer:
        """What is known of a profile."""
        hot, person = self.records(number)
        definitions = self.engine.definitions
        names = [trait.name for trait in definitions.traits]
        current = hot.version == definitions.record_version
        return Customer(
            profile=profile_name(number),
            identifiers=person.identifiers,
            anchor=hot.anchor,
            first_seen=hot.first_seen,
            last_seen=hot.last_seen,
            as_of_day=self.engine.calendar.date(hot.day).isoformat(),
            traits=dict(zip(names, hot.values, strict=False)) if current else {},
            segments=hot.segments,
            consent=hot.consent,
            facts=without_preferences(hot.facts),
            preferences=preferences_of(hot.facts),
            interests=self.interests(hot),
            restricted=hot.restricted,
            households=houses(person.identifiers, definitions.identity, self._services.state),
        )

    def interests(self, hot: Hot) -> list[Interest]:
        """Declared interests beside inferred ones; only the declared while records are built anew."""
        fits = hot.version == self.engine.definitions.record_version
        return told_interests(self.engine.rows.interests(hot.values) if fits else {}, hot.facts)

    def records(self, number: int) -> tuple[Hot, Person]:
        """The hot record and the person."""
        parts = self._services.state.parts([part_id(number, HOT), part_id(number, PERSON)], self._part)
        person = parts.get(part_id(number, PERSON))
        return _HOT.decode(parts[part_id(number, HOT)]), Person([], {}, []) if person is None else _PERSON.decode(
            person
        )

    def verdict(self, event: Event) -> int:
        """What folding would say of an event now (a code of `core.verdict`); raises LookupError for nobody's."""
        refusal = self.engine.refusal(event)
        if refusal != ADMITTED:
            return refusal
        hot, _ = self.records(self.number(event.subject, event.time))
        return ADMITTED if self.engine.admits_event(event, hot.consent) else REFUSED

    def explain(self, number: int) -> list[dict[str, Any]]:
        """Each segment with its verdict for this profile, clause by clause."""
        hot, _ = self.records(number)
        engine = self.engine
        row = engine.rows.row(hot.values, set(hot.segments), hot.facts)
        found = []
        for segment in engine.definitions.segments:
            explanation = engine.segments.conditions[segment.id].explain(row)
            allowed = segment.purpose == "contract" or segment.purpose in hot.consent
            found.append(
                {
                    "segment": segment.id,
                    "title": segment.title,
                    "member": segment.id in hot.segments,
                    "purpose": segment.purpose,
                    "purpose_allowed": allowed,
                    "condition": msgspec.to_builtins(explanation),
                    "declared": _declared(engine.segments.conditions[segment.id], hot.facts),
                }
            )
        return found

    def orders(self, number: int, *, limit: int = 100) -> list[dict[str, Any]]:
        """The profile's orders, newest first."""
        rows = self._services.state.select(ORDER, {"profile": number}, order=("-time",), limit=limit)
        return [
            {"order_id": row[0], "time": row[2], "total": row[3], "currency": row[4], "status": row[5]} for row in rows
        ]

    def unsealed_events(self, number: int) -> list[Event]:
        """Events of the profile that are still in the log, newest first."""
        _, person = self.records(number)
        return sorted(self.unsealed(person.identifiers), key=lambda event: (-event.time, event.message_id))

    def unsealed(self, subjects: Iterable[str]) -> Iterator[Event]:
        """Events of subjects that are still in the log, as they came; a few records are in memory at a time."""
        among = set(subjects)
        wanted: dict[int, set[int]] = {}
        for offset, index in self._positions(among):
            wanted.setdefault(offset, set()).add(index)
        offsets = sorted(wanted)
        for at in range(0, len(offsets), _RECORDS):
            times = Times(self._services.state, offsets[at : at + _RECORDS])
            for offset, record in self._services.log.get(offsets[at : at + _RECORDS]).items():
                for event in self.engine.decoder.decode(record):
                    if isinstance(event, Event) and event.index in wanted[offset] and event.subject in among:
                        yield times.of(event)

    async def history(self, number: int, *, limit: int) -> tuple[list[Event], bool]:
        """The newest events of the profile, each once; False where sealed ones could not be read.

        What the log still has of events that no consent admits is shown to nobody.
        """
        hot, person = self.records(number)
        found = {
            (event.source, event.message_id): event
            for event in self.unsealed_events(number)
            if self.engine.admits_event(event, hot.consent)
        }
        analyst = self._services.analyst
        complete = analyst is not None
        if analyst is not None and self._services.state.select(MANIFEST, {"kind": "event"}, limit=1):
            try:
                for event in await analyst.later(analyst.timeline, person.identifiers, limit=limit):
                    found.setdefault((event.source, event.message_id), event)
            except Unavailable:
                complete = False
        newest = sorted(found.values(), key=lambda event: (-event.time, event.message_id))[:limit]
        return list(restamped(self._services.state, newest)), complete

    def locate(self, source: str, message_id: str) -> tuple[int, int] | None:
        """Log offset and index of a counted event."""
        return locate_stored(source, message_id, self._levels(SEEN), lambda level, seq: self._page(SEEN, level, seq))

    def _positions(self, subjects: Iterable[str]) -> set[tuple[int, int]]:
        """Places in the log of events of these subjects, for the part that is not sealed."""
        levels = self._levels(TAIL)
        found: set[tuple[int, int]] = set()
        for key in map(int, subject_hashes(subjects)):
            for page in stored_pages(key, levels, lambda level, seq: self._page(TAIL, level, seq)):
                entries = stored_entries(page, 2)
                places = entries[1][entries[0] == key]
                found.update(offset_and_index(int(place)) for place in places)
        return found

    def _levels(self, kind: str) -> list[int]:
        state = self._services.state
        levels: list[int] = []
        found = state.select(RUN, {"kind": kind}, order=("level",), limit=1)
        while found:  # one look for each level, however many pages a level has
            levels.append(cast(int, found[0][1]))
            found = state.select(RUN, {"kind": kind}, at_least={"level": levels[-1] + 1}, order=("level",), limit=1)
        return levels

    def _page(self, kind: str, level: int, seq: int) -> tuple[int, bytes] | None:
        below = {} if seq >= _NEWEST else {"seq": seq + 1}
        rows = self._services.state.select(RUN, {"kind": kind, "level": level}, below=below, order=("-seq",), limit=1)
        return (cast(int, rows[0][2]), cast(bytes, rows[0][3])) if rows else None


def _declared(condition: Condition, facts: Mapping[str, Any]) -> list[str]:
    """What of a condition's clauses rests on what the customer declared, as the condition writes it."""
    liked = {one.key for one in told_interests({}, facts)}
    names = [one for one in condition.names if one.startswith(PREFERENCE)]
    said = [*names, *(PREFERENCE + one for one in condition.preferences)]
    found = {one for one in said if NAMESPACE + one[len(PREFERENCE) :] in facts}
    return sorted(found | {f"interest({constant_text(key)})" for key in condition.interests & liked})


def identifier_rows(state: StateReader, keys: Iterable[str]) -> dict[str, IdRow]:
    """The rows of identifiers, and of those who held the devices among them."""
    rows = cast(dict[str, IdRow], state.many(IDENTIFIER, list(keys)))
    return rows | cast(dict[str, IdRow], state.many(IDENTIFIER, holders_of(rows)))
