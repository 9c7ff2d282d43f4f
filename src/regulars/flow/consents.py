"""Consent on its way into a record: what events said is kept as proof, and what it does to the profile is done."""

from collections.abc import Mapping
from typing import Any

import msgspec

from regulars.core import state as tables
from regulars.core.event import CONSENT, Event
from regulars.core.mend import cause_of
from regulars.core.state import Changes
from regulars.flow.desk import Desk, Working
from regulars.flow.engine import Engine
from regulars.profile import consent
from regulars.profile.hearing import SPEAKING, Heard
from regulars.profile.statements import Statement

UNREADABLE = "unreadable_consent"
_MOST_BODY = 4_000  # bytes of a signal that is kept to look at


def hear(event: Event, engine: Engine, changes: Changes) -> tuple[Statement, ...]:
    """The event's statements; each goes into the history with its evidence, what cannot be read is reported."""
    heard = engine.hear(event)
    evidence = {message_id: msgspec.json.encode(one) for message_id, one in heard.evidence.items()}
    for said in heard.statements:
        put(changes, said, evidence.get(said.message_id))
    if heard.unknown or heard.malformed:
        _report(event, heard, engine.calendar.day(event.received_at), changes)
    return heard.statements


def put(changes: Changes, said: Statement, evidence: bytes | Mapping[str, Any] | None) -> None:
    """A statement into the history of consent."""
    kept = evidence if evidence is None or isinstance(evidence, bytes) else msgspec.json.encode(evidence)
    row = (said.identifier, said.purpose, said.time, said.message_id, int(said.granted), kept)
    changes.put(tables.CONSENT, row)


def revise(engine: Engine, desk: Desk, working: Working, day: int) -> bool:
    """Bring the record in line with its statements and the day; True when it must be read again from its history."""
    hot = working.hot
    before, restricted = hot.consent, hot.restricted
    engine.agree(hot, desk.person(working).statements, day)
    if hot.consent != before:
        desk.revised(working.number, before)
    effect = consent.change(before, hot.consent, None if working.blank else hot.last_seen)
    if engine.ends_more(effect):
        return True
    if effect.clear:
        working.written |= engine.fold.clear(desk.load_all(working), effect.clear)
        desk.evaluated(working, day)
    elif not working.new and (before.keys() != hot.consent.keys() or restricted is not hot.restricted):
        desk.regrouped(working)
    return False


def _report(event: Event, heard: Heard, day: int, changes: Changes) -> None:
    """Count what could not be read, and keep an example of it: the event itself is taken in as any other.

    A category without a purpose comes with every page of some consent managers: it is counted and not kept.
    """
    changes.add("consent_unread", day, event.source, 1)
    stated = event.name == CONSENT
    if not (heard.malformed or stated):
        return
    field = (heard.malformed or heard.unknown)[0]
    expected = "an answer that can be read" if heard.malformed else "a purpose of consent.toml"
    signals = {name: event.context[name] for name in sorted(SPEAKING) if name in event.context}
    said = {"event": event.name, "properties": event.properties if stated else {}, "context": signals}
    body = msgspec.json.encode(said)
    changes.add("failed", day, UNREADABLE, 1)
    changes.put(
        tables.FAILED,
        (
            event.offset, event.index, event.source, event.received_at, event.message_id, event.name, UNREADABLE,
            field, expected, field, body if len(body) <= _MOST_BODY else b"",
            cause_of(event.source, event.name, field, UNREADABLE, expected), "", b"", "",
        ),
    )  # fmt: skip
