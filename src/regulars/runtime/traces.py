"""Everything that happened to one event, and what it changed, read when somebody asks."""

import asyncio
from typing import Any, cast

import msgspec

from regulars.collect.dedup import key_of
from regulars.collect.mended import places_of, said_of
from regulars.core import verdict as verdicts
from regulars.core.event import NOBODY, Event
from regulars.core.log import EVENTS, Record
from regulars.core.machine import VERDICT as JUDGED
from regulars.core.machine import counts, verdict_of
from regulars.core.mend import MENDED, Mend
from regulars.core.state import AGAIN, FAILED, MANIFEST, SEALED, VERDICT
from regulars.flow.counts import REASONS
from regulars.flow.timing import Times
from regulars.runtime.customers import Customers
from regulars.runtime.effects import effect_on
from regulars.runtime.services import Services

_CODES = {
    verdicts.ADMITTED: "admitted",
    verdicts.DUPLICATE: "duplicate",
    verdicts.FAILED: "failed",
    verdicts.REFUSED: "refused",
    verdicts.NOT_OF_SOURCE: "refused",
    verdicts.NO_OWN_CONSENT: "refused",
}
WHY = {
    "admitted": "counted in the profile and kept for analysis",
    "machine": "a machine sent it: it is kept with its reasons and counts for no trait, segment or model",
    "duplicate": "the same source sent this message id before; it counts once",
    "failed": "it did not pass the tracking plan; see `failure`, mend it and send it again",
    "forgotten": "it came and was counted once, and its record has left the log: what was admitted is in the lake",
    "no_consent": "no consent of this person allows the purpose of this event at its time",
    "not_of_source": "what it is needed for is not among the `purposes` of its source (sources.toml)",
    "no_own_consent": 'its source says consent = "required" and the event brought no yes of its own (sources.toml)',
}
#: Later arrivals that are listed, and what of an event is compared with the first one.
_MOST_AGAIN = 50
_COMPARED = ("name", "time", "identifiers", "claims", "properties", "traits")


class Trace(msgspec.Struct, omit_defaults=True):
    """Everything that happened to one event, or why nothing did."""

    message_id: str
    source: str
    status: str
    why: str
    steps: list[dict[str, Any]]
    profile: str = ""
    because: str = ""  # the code of `why`
    failure: dict[str, Any] = {}
    changed: dict[str, Any] = {}  # traits (without, with the event), segments entered and left; or why it is not known
    others: list["Trace"] = []  # events of other sources with the same message id


async def whole_trace(services: Services, customers: Customers, message_id: str, source: str | None = None) -> Trace:
    """With the traits and segments that the event, and those of other sources, changed."""
    found = await asyncio.to_thread(_traced, services, customers, message_id, source)
    for one, event in found:
        if one.status == "admitted" and event is not None:
            effect = await effect_on(services, customers, event)
            one.changed = {"unknown": effect} if isinstance(effect, str) else msgspec.to_builtins(effect)
    return _joined(found)


def trace_of(services: Services, customers: Customers, message_id: str, source: str | None = None) -> Trace:
    """Where an event stands, and those of other sources with its message id; LookupError when none was folded."""
    return _joined(_traced(services, customers, message_id, source))


def _joined(found: list[tuple[Trace, Event | None]]) -> Trace:
    first, *others = [one for one, _ in found]
    first.others = others
    return first


def _traced(
    services: Services, customers: Customers, message_id: str, source: str | None
) -> list[tuple[Trace, Event | None]]:
    sources = [source] if source else [one.id for one in services.definitions.sources]
    found: list[tuple[Trace, Event | None]] = []
    for name in sources:
        place = customers.locate(name, message_id)
        if place is not None:
            found.append(_counted(services, customers, name, message_id, *place))
    for name in sources:
        rows = services.state.select(FAILED, {"message_id": message_id, "source": name}, order=("-offset",), limit=1)
        if rows and all(one.source != name for one, _ in found):
            found.append((_failed(rows[0]), None))
    if found:
        return found
    waiting = services.log.head() - services.folded_offset()
    detail = f"no event with message id {message_id!r} was folded from {', '.join(sources)}"
    detail += "; ids are kept for 7 days after receipt, and failed events until they are mended or forgotten"
    detail += f"; {waiting} records are waiting, try again" if waiting else ""
    raise LookupError(detail)


def _counted(
    services: Services, customers: Customers, source: str, message_id: str, offset: int, index: int
) -> tuple[Trace, Event | None]:
    record = services.log.get([offset]).get(offset)
    steps: list[dict[str, Any]] = []
    event: Event | None = None
    if record is not None and record.kind == EVENTS:
        steps.append({"step": "stored", "time": record.time, "offset": offset, "index": index, "route": record.route})
        if record.route == MENDED:
            steps.append(_mended(record, index))
        applied: dict[int, list[Mend]] = {}
        decoded = customers.engine.decoder.decode(record, None, applied)
        found = decoded[index] if index < len(decoded) else None
        event = Times(services.state, [offset]).of(found) if isinstance(found, Event) else None
        if event is not None:
            mends = {"mends": [mend.id for mend in applied[index]]} if applied.get(index) else {}
            clock = {"clock": event.context["clock"]} if "clock" in event.context else {}
            read = {"step": "read", "name": event.name, "time": event.time, "subject": event.subject}
            steps.append(read | mends | clock)
            if JUDGED in event.context:
                verdict, reasons = verdict_of(event)
                steps.append({"step": "judged", "verdict": verdict, "why": reasons})
    else:
        steps.append({"step": "stored", "offset": offset, "index": index, "note": "the log has forgotten the record"})
    code = _verdict(services, customers, event, offset, index)
    status, reason = ("forgotten", "") if code is None else (_CODES[code], REASONS.get(code, ""))
    if code is not None:
        steps.append({"step": "folded", "verdict": status} | ({"reason": reason} if reason else {}))
    sealed = services.state.meta(SEALED)
    if status == "admitted" and isinstance(sealed, int) and sealed >= offset:
        parts = services.state.select(
            MANIFEST, {"kind": "event"}, below={"first": offset + 1}, at_least={"last": offset}
        )
        steps.append({"step": "sealed", "files": [row[0] for row in parts]})
    profile = ""
    if event is not None:
        try:
            profile = customers.customer(customers.number(event.subject, event.time)).profile
        except LookupError:
            profile = ""
    steps += _again(services, customers, source, message_id, record, index)
    said = "machine" if status == "admitted" and event is not None and not counts(event) else reason or status
    return Trace(message_id, source, status, WHY.get(said, ""), steps, profile, said if said in WHY else ""), event


def _again(
    services: Services, customers: Customers, source: str, message_id: str, first: Record | None, index: int
) -> list[dict[str, Any]]:
    """Later arrivals of the same event: when, where, and what they say otherwise; none of them counted."""
    rows = services.state.select(AGAIN, {"key": key_of(source, message_id)}, order=("offset", "idx"), limit=_MOST_AGAIN)
    records = services.log.get([cast(int, row[1]) for row in rows])
    counted = _event_at(customers, first, index)
    steps: list[dict[str, Any]] = []
    for row in rows:
        offset, at = cast(int, row[1]), cast(int, row[2])
        step: dict[str, Any] = {"step": "came again", "verdict": "duplicate", "offset": offset, "index": at}
        other = records.get(offset)
        event = _event_at(customers, other, at)
        if other is not None:
            step["time"] = other.time
        if event is not None and counted is not None:
            if event.message_id != message_id or event.source != source:
                continue  # another event of the same half of a hash
            step["differs"] = [n for n in _COMPARED if getattr(event, n) != getattr(counted, n)]
            if "time" in step["differs"]:
                step["stated"] = event.time
        steps.append(step)
    if first is not None and steps:
        where = {"first_offset": first.offset, "first_time": first.time}
        steps = [step | where for step in steps]
    return steps


def _event_at(customers: Customers, record: Record | None, index: int) -> Event | None:
    """The event of a record as it was sent."""
    if record is None or record.kind != EVENTS:
        return None
    decoded = customers.engine.plain_decoder.decode(record)
    found = decoded[index] if index < len(decoded) else None
    return found if isinstance(found, Event) else None


def _mended(record: Record, index: int) -> dict[str, Any]:
    """That the event failed before, why, and what mended it."""
    mend, by, failure = said_of(record.body)
    places = places_of(record.body)
    place = places[index] if index < len(places) else None
    told = {"failed_for": failure.get("reason", ""), "failed_field": failure.get("field", "")}
    where = {} if place is None else {"failed_offset": place[0], "failed_index": place[1]}
    return {"step": "mended", "mend": mend.told() if mend is not None else "", "by": by} | told | where


def _verdict(services: Services, customers: Customers, event: Event | None, offset: int, index: int) -> int | None:
    """What folding said; verdicts are kept until the records are sealed, then it is asked again while the log has them.

    None when nobody can tell any more. What is of nobody whom the shop knows was not admitted.
    """
    rows = services.state.select(VERDICT, below={"first": offset + 1}, order=("-first",), limit=1)
    if rows and cast(int, rows[0][1]) >= offset:
        for verdict in verdicts.unpack(cast(bytes, rows[0][2])):
            if verdict.offset == offset and index < len(verdict.codes):
                return verdict.codes[index]
    if event is None:
        return None
    if event.subject == NOBODY:
        return verdicts.ADMITTED  # a fact of the shop asks nobody
    try:
        return customers.verdict(event)
    except LookupError:
        return customers.engine.refusal(event) or verdicts.REFUSED


def _failed(row: Any) -> Trace:
    offset, index, source, received_at, message_id, name, reason, field, expected, got, *_ = row
    failure = {"name": name, "reason": reason, "field": field, "expected": expected, "got": got}
    steps = [
        {"step": "stored", "time": received_at, "offset": offset, "index": index},
        {"step": "folded", "verdict": "failed"},
    ]
    return Trace(message_id, source, "failed", WHY["failed"], steps, because="failed", failure=failure)
