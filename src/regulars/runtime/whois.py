"""The explanation of a profile for people and programs: every link in words, with the source that said it."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from regulars.core.definitions import Definitions
from regulars.core.identifier import MAX_LENGTH
from regulars.core.log import EVENTS
from regulars.core.record import profile_from_name, profile_name
from regulars.core.state import IDENTIFIER
from regulars.flow.groups import House, written
from regulars.flow.whois import KnownKey, WhoIs, whois
from regulars.profile.assignment import profile_of
from regulars.profile.telling import Teller
from regulars.profile.why import Stretch, Withdrawal
from regulars.runtime.customers import Customers, identifier_rows
from regulars.runtime.services import Services

#: So many of a profile's newest events are read to say where a link came from.
_EVENTS = 1_000


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """A link with what became of it; `source` is empty where the event is not known any more."""

    status: str
    a: str
    b: str
    event: str
    source: str
    time: int
    score: float
    note: str
    reason: str
    withdrawal: Withdrawal | None
    restored: Withdrawal | None
    discarded: tuple[str, ...]
    text: str


class HeldFor(msgspec.Struct, frozen=True, kw_only=True):
    """A device in the hands of one of the profile's identifiers; None is without bound."""

    device: str
    key: str
    start: int | None
    end: int | None
    text: str


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Why the identifiers of a profile are one person. Times are UTC milliseconds."""

    profile: str
    identifiers: list[KnownKey]
    links: list[Sentence]  # what holds the person together, what only says it again, who was logged in where
    refused: list[Sentence]
    withdrawn: list[Sentence]
    devices: list[HeldFor]
    households: list[House]
    complete: bool  # False: there is more than is shown


def named(services: Services, customers: Customers, name: str) -> int:
    """The profile of an identifier, also of one that no event was about; raises LookupError when it was never seen."""
    try:
        return customers.number(name)
    except LookupError:
        own = profile_from_name(name) if name.startswith("p_") else None
        if own is not None and services.state.select(IDENTIFIER, {"profile": own}, limit=1):
            return own
        spelled = customers.engine.identifiers.key(*name.partition(":")[::2])
        for key in (spelled, name if len(name) <= 2 * MAX_LENGTH else None):
            rows = identifier_rows(services.state, [key]) if key else {}
            number = profile_of(key, services.clock(), rows) if key in rows else None
            if number is not None:
                return number
        raise


async def explained(
    services: Services,
    customers: Customers,
    number: int,
    language: str,
    *,
    key: Callable[[str], str] = str,
    when: Callable[[int], str] | None = None,
    naming: Callable[[str], str] | None = None,
) -> Explained:
    """The explanation of a profile; `key` writes identifiers as the reader may see them, `naming` those in texts."""
    definitions = customers.engine.definitions
    found = await asyncio.to_thread(whois, number, definitions.identity, services.state)
    sources = await _sources(services, customers, number, found)
    calendar = customers.engine.calendar
    tell = teller(definitions, language, when or (lambda ms: f"{calendar.local(ms):%Y-%m-%d %H:%M}"), naming or key)
    return await asyncio.to_thread(_explanation, found, sources, tell, key)


def _explanation(
    found: WhoIs,
    sources: dict[str, str],
    tell: Teller,
    key: Callable[[str], str],
) -> Explained:
    told = [_sentence(step, step.source or sources.get(step.message_id, ""), found, tell, key) for step in found.steps]
    own = {key(one.key) for one in found.keys}
    return Explained(
        profile=profile_name(found.number),
        identifiers=[msgspec.structs.replace(one, key=key(one.key)) for one in found.keys],
        links=[one for one in told if one.status not in ("refused", "withdrawn") and one.a in own],
        refused=[one for one in told if one.status == "refused"],
        withdrawn=[one for one in told if one.status == "withdrawn"],
        devices=[_held(one, tell, key) for one in found.held],
        households=[written(one, key) for one in found.groups],
        complete=found.complete,
    )


def teller(
    definitions: Definitions, language: str, when: Callable[[int], str], key: Callable[[str], str] = str
) -> Teller:
    """Sentences with the shop's own names of events and purposes."""
    events = {event.name: event.title for event in definitions.events}
    purposes = {purpose.id: purpose.title for purpose in definitions.purposes}

    def title(titles: dict[str, dict[str, str]], name: str) -> str:
        found = titles.get(name) or {}
        return found.get(language) or found.get("en") or name

    left, right = "„“" if language == "de" else "“”"
    return Teller(
        language,
        when,
        event=lambda name: f"{left}{title(events, name)}{right}",
        purpose=lambda name: f"{left}{title(purposes, name)}{right}",
        key=key,
    )


def _sentence(step: Any, source: str, found: WhoIs, tell: Teller, key: Callable[[str], str]) -> Sentence:
    dropped = found.discarded.get((step.a, step.b), ()) if step.withdrawal is not None else ()
    return Sentence(
        status=step.status,
        a=key(step.a),
        b=key(step.b),
        event=step.event,
        source=source,
        time=step.time,
        score=step.score,
        note=step.note,
        reason=step.reason,
        withdrawal=step.withdrawal,
        restored=step.restored,
        discarded=dropped,
        text=tell.step(step, source, dropped),
    )


def _held(one: Stretch, tell: Teller, key: Callable[[str], str]) -> HeldFor:
    return HeldFor(device=key(one.device), key=key(one.key), start=one.start, end=one.end, text=tell.held(one))


async def _sources(services: Services, customers: Customers, number: int, found: WhoIs) -> dict[str, str]:
    """Message id -> source, of links that an older version stored without it and whose event is still known."""
    wanted = {
        step.message_id
        for step in found.steps
        if step.event and not step.note and not step.source and step.status != "spelling"
    }
    if not wanted:
        return {}
    try:
        events, _ = await customers.history(number, limit=_EVENTS)
    except KeyError:  # no event was about this profile: it has no record
        events = []
    told = {event.message_id: event.source for event in events if event.message_id in wanted}
    return told | await asyncio.to_thread(_in_the_log, services, customers, wanted - told.keys())


def _in_the_log(services: Services, customers: Customers, wanted: Iterable[str]) -> dict[str, str]:
    told = {}
    for message_id in wanted:
        for source in services.definitions.sources:
            place = customers.locate(source.id, message_id)
            record = services.log.get([place[0]]).get(place[0]) if place else None
            if record is not None and record.kind == EVENTS:
                told[message_id] = source.id
                break
    return told
