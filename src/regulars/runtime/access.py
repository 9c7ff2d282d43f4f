"""Everything about one person, section by section, for the person to read: bounded in memory, however long the history.

    async for section, value in Access(services, customers).of(number, "email:ana@example.org", "en"):
        ...

A section that is a list comes in pieces, each a list; the name is repeated. Times are UTC ms, amounts minor units.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from regulars.core.catalog import CatalogItem
from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.core.identifier import is_person, parse
from regulars.core.identity_types import Identity
from regulars.core.lake import PastDecision
from regulars.core.record import Hot, profile_name
from regulars.core.state import ACCESS, IDENTIFIER, LINK, MANIFEST, ORDER, PRODUCT, REDIRECT, StateReader
from regulars.decide.gates import Gate, unpack_codes
from regulars.decide.table import configuration_of
from regulars.flow.facts import without_preferences
from regulars.profile.assignment import IdRow, profile_of
from regulars.runtime.consents import history, standings
from regulars.runtime.customers import Customers
from regulars.runtime.decided import in_words
from regulars.runtime.event_names import event_title, own_titles
from regulars.runtime.fact_names import FactNames, known
from regulars.runtime.past import PAGE, PastOf, paged, rows_of
from regulars.runtime.preferences import declared
from regulars.runtime.services import Services

FORMAT = "regulars.access/1"
Section = tuple[str, Any]
_encode = msgspec.json.Encoder().encode
_item = msgspec.msgpack.Decoder(CatalogItem).decode


class Access:
    """Reads the sections. `services.analyst` reads the lake; without it `complete` is false."""

    def __init__(self, services: Services, customers: Customers) -> None:
        self._services = services
        self._customers = customers

    async def of(self, number: int, asked_as: str, language: str) -> AsyncIterator[Section]:
        """Every section, in the order in which a person reads them."""
        state = self._services.state
        for section in await asyncio.to_thread(lambda: list(self._known(number, asked_as, language))):
            yield section
        identity = self._customers.engine.definitions.identity
        past = PastOf(self._services, self._customers)
        subjects, rows = await asyncio.to_thread(rows_of, state, number, identity)
        complete = True
        yield "orders", []
        async for page in paged(self._orders(number)):
            yield "orders", page
        try:
            yield "events", []
            consent = self._customers.records(number)[0].consent
            async for events in past.events(number, subjects, rows):
                yield "events", [self._event(event, language, consent) for event in events]
            yield "decisions", []
            async for decisions in past.decisions(number, subjects, rows):
                yield "decisions", self._told(decisions, language)
        except Unavailable:
            complete = False
        yield "looked_at", await asyncio.to_thread(_looks, state, number, rows)
        yield "complete", complete

    async def latest_decisions(self, number: int, language: str, *, limit: int) -> list[dict[str, Any]]:
        """The newest decisions about the person, newest first, as in the section; empty where none can be read."""
        state = self._services.state
        past = PastOf(self._services, self._customers)
        subjects, rows = await asyncio.to_thread(rows_of, state, number, self._customers.engine.definitions.identity)
        waiting = [one async for page in paged(past.waiting(set(subjects))) for one in page]
        found = [one for one in waiting if profile_of(one.anchor, one.time, rows) == number]
        analyst = self._services.analyst
        if analyst is not None and state.select(MANIFEST, {"kind": "decision"}, limit=1):
            try:
                sealed = await analyst.later(analyst.decisions, subjects, limit=limit)
            except Unavailable:
                sealed = []
            known = {one.id for one in found}
            found += [one for one in sealed if one.id not in known and profile_of(one.anchor, one.time, rows) == number]
        found.sort(key=lambda one: (-one.time, one.id))
        return self._told(found[:limit], language)

    # What is known ---------------------------------------------------------------------------------------------------

    def _known(self, number: int, asked_as: str, language: str) -> Iterator[Section]:
        services, engine = self._services, self._customers.engine
        definitions, now = engine.definitions, services.clock()
        hot, person = self._customers.records(number)
        yield "format", FORMAT
        about = {"shop": definitions.shop.name, "profile": profile_name(number), "asked_as": asked_as, "made_at": now}
        yield (
            "about",
            about
            | {
                "first_seen": hot.first_seen,
                "last_seen": hot.last_seen,
                "language": language,
                "restricted": hot.restricted,
            },
        )
        names = FactNames(definitions, language)
        stored = services.state.select(IDENTIFIER, {"profile": number})
        yield "identifiers", [{"identifier": row[0], "type": parse(str(row[0]))[0], "since": row[2]} for row in stored]
        yield "links", _links(services.state, person.identifiers, definitions.identity)
        yield (
            "facts",
            [
                {
                    "name": name,
                    "title": names(name),
                    "value": fact[2],
                    "time": fact[0],
                    "event": fact[1],
                    "origin": fact[3] if fact[3:] else "",
                    "said_by": names.origin(fact[3]) if fact[3:] else "",
                }
                for name, fact in sorted(without_preferences(person.facts).items())
            ],
        )
        yield "preferences", declared(definitions, person, language)
        titles = {one.id: _words(one.title, language, one.id) for one in definitions.purposes}
        yield (
            "consents",
            [
                {"title": titles.get(one.purpose, one.purpose), **msgspec.to_builtins(one)}
                for one in standings(engine, hot, person, now)
            ],
        )
        yield "consent_history", [msgspec.to_builtins(one) for one in history(services.state, person.identifiers)]
        yield "traits", self._traits(hot, language)
        yield "segments", self._segments(number, hot, language)
        yield "retention", self._retention(language)

    def _traits(self, hot: Hot, language: str) -> list[dict[str, Any]]:
        """Values with what they were computed from; empty while records are built anew by other definitions."""
        definitions = self._customers.engine.definitions
        if hot.version != definitions.record_version:
            return []
        titles = own_titles(definitions)
        declared_keys = {one.key for one in self._customers.interests(hot) if one.origin == "declared"}
        return [
            {
                "name": trait.name,
                "title": _words(trait.title, language, known(trait.name, language)),
                "value": value,
                "kind": trait.kind,
                "inferred": True,
                "declared_instead": sorted(declared_keys.intersection(value)) if trait.interest else [],
                "purpose": trait.purpose,
                "computed_from": [event_title(titles, name, language) for name in trait.events],
                "of": trait.of,
                "window_days": trait.window_days,
            }
            for trait, value in zip(definitions.traits, hot.values, strict=True)
            if value not in (None, {})
        ]

    def _segments(self, number: int, hot: Hot, language: str) -> list[dict[str, Any]]:
        engine = self._customers.engine
        if hot.version != engine.definitions.record_version:
            return []
        told = {one["segment"]: one["condition"] for one in self._customers.explain(number)}
        return [
            {
                "segment": one.id,
                "title": _words(one.title, language, known(one.id, language)),
                "purpose": one.purpose,
                "when": one.when,
                "why": told[one.id],
            }
            for one in engine.definitions.segments
            if one.id in hot.segments
        ]

    def _retention(self, language: str) -> list[dict[str, Any]]:
        """How long each kind of item is kept, days; None: until the account is erased."""
        definitions = self._customers.engine.definitions
        titles = own_titles(definitions)

        def one(kind: str, item: str, title: str, days: int | None, purpose: str) -> dict[str, Any]:
            return {"item": item, "title": title, "kind": kind, "days": days, "purpose": purpose}

        found = [
            one("trait", t.name, _words(t.title, language, known(t.name, language)), t.window_days, t.purpose)
            for t in definitions.traits
        ]
        found += [
            one("consent", p.id, _words(p.title, language, p.id), p.expires_days, p.id) for p in definitions.purposes
        ]
        found += [
            one("event", e.name, event_title(titles, e.name, language), definitions.retention.days_of(e), e.purpose)
            for e in definitions.events
        ]
        return found

    # What happened ---------------------------------------------------------------------------------------------------

    def _orders(self, number: int) -> Iterator[list[dict[str, Any]]]:
        names = ("order_id", "time", "total", "currency", "status")
        start = 0
        while True:
            rows = self._services.state.select(ORDER, {"profile": number}, order=("-time",), limit=PAGE, offset=start)
            yield [dict(zip(names, (row[0], *row[2:6]), strict=True)) for row in rows]
            if len(rows) < PAGE:
                return
            start += PAGE

    def _event(self, event: Event, language: str, consent: Mapping[str, int]) -> dict[str, Any]:
        definitions = self._customers.engine.definitions
        sources = {one.id: one for one in definitions.sources}
        source = sources.get(event.source)
        return {
            "time": event.time,
            "name": event.name,
            "title": event_title(own_titles(definitions), event.name, language),
            "source": event.source,
            "source_title": _words(source.title, language, event.source) if source else event.source,
            "message_id": event.message_id,
            "purpose": self._customers.engine.admitting(event),
            "used": self._customers.engine.admits_event(event, consent),  # else it waits in the log to be deleted
            "identifiers": event.identifiers,
            "properties": event.properties,
            "facts": event.traits,
            "context": event.context,
        }

    def _told(self, decisions: Sequence[PastDecision], language: str) -> list[dict[str, Any]]:
        """Decisions with what was shown in words."""
        engine = self._customers.engine
        items = {item for one in decisions for place in one.chosen for item in place[4]}
        products = self._services.state.many(PRODUCT, items) if items else {}
        titles = {str(key): _item(cast(bytes, row[3])).title or str(key) for key, row in products.items()}
        found = [self._decision(one, language) for one in decisions]
        for told in found:
            for shown in told["shown"]:
                what, why = in_words(shown | {"changed": told["definitions_changed"]}, engine, titles, language)
                shown |= {"in_words": what, "why": why}
        return found

    def _decision(self, one: PastDecision, language: str) -> dict[str, Any]:
        """What was shown, and how many offers fell at which gate; only told while the definitions are those of then."""
        definitions = self._customers.engine.definitions
        current = one.configuration == configuration_of(definitions)
        offers = definitions.offers
        shown = []
        for placement, at, propensity, explored, items in one.chosen:
            offer = offers[at] if current and 0 <= at < len(offers) else None
            shown.append(
                {
                    "placement": placement,
                    "offer": offer.id if offer else None,
                    "title": _words(offer.title, language, offer.id) if offer else "",
                    "purpose": offer.purpose if offer else "",
                    "when": offer.when if offer else "",
                    "items": items,
                    "probability": propensity,
                    "explored": explored,
                }
            )
        removed: dict[str, list[str]] = {}
        if current:
            for offer, code in zip(offers, unpack_codes(one.gates, len(offers)), strict=True):
                if code not in (Gate.PASSED, Gate.PER_PLACEMENT):
                    removed.setdefault(Gate(code).name.lower(), []).append(offer.id)
        return {
            "id": one.id,
            "time": one.time,
            "shown": shown,
            "not_shown": removed,
            "definitions_changed": not current,
        }


async def as_json(sections: AsyncIterator[Section]) -> AsyncIterator[bytes]:
    """One JSON object: the sections by name; the pieces of a list are joined."""
    last, empty, opened = "", True, False
    async for name, value in sections:
        if name == last:
            for one in value:
                yield (b"" if empty else b",") + _encode(one)
                empty = False
            continue
        yield (b"]," if opened else b"," if last else b"{") + _encode(name) + b":"
        last, opened = name, isinstance(value, list)
        if opened:
            yield b"[" + b",".join(map(_encode, value))
            empty = not value
        else:
            yield _encode(value)
    yield b"]}" if opened else b"}"


def _links(state: StateReader, identifiers: Sequence[str], identity: Identity) -> list[dict[str, Any]]:
    """Why these are one person, oldest first. Of another person, whom this one was taken for, only the type is told."""
    names = ("a", "b", "time", "event", "rule", "until", "status", "score", "note")
    found = {
        tuple(row[:4]): dict(zip(names, row, strict=False))
        for key in identifiers
        for row in (*state.select(LINK, {"a": key}), *state.select(LINK, {"b": key}))
    }
    for link in found.values():
        for side in ("a", "b"):
            key = str(link[side])
            if is_person(key, identity) and key not in identifiers:
                link[side] = f"{parse(key)[0]}:•••"
    return sorted(found.values(), key=lambda one: (one["time"], one["a"], one["b"], one["event"]))


def _looks(state: StateReader, number: int, rows: Mapping[str, IdRow]) -> list[dict[str, Any]]:
    """Who looked at the person's data, newest first."""
    own = [key for key, row in rows.items() if row[1] == number]
    former = [cast(int, row[0]) for row in state.select(REDIRECT, {"target": number})]  # profiles that went into it
    names = [profile_name(each) for each in (number, *former)]
    found = [row for name in (*names, *own) for row in state.select(ACCESS, {"subject": name})]
    found.sort(reverse=True)
    return [{"time": row[1], "user": row[2], "action": row[3], "asked_as": row[4]} for row in found]


def _words(texts: dict[str, str], language: str, otherwise: str) -> str:
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), "") or otherwise
