"""One customer, for servers and staff, and everything that happened to one event."""

from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import Request, get
from litestar.params import Parameter

from regulars.api.access import needs
from regulars.api.problem import Problem
from regulars.collect.mended import places_of, said_of
from regulars.core import verdict as verdicts
from regulars.core.event import NOBODY, Event
from regulars.core.log import ACCESS, EVENTS, NewRecord, Record
from regulars.core.mend import MENDED, Mend
from regulars.core.state import FAILED, MANIFEST, SEALED, VERDICT
from regulars.flow.counts import REASONS
from regulars.flow.origins import Origins
from regulars.flow.timing import Times
from regulars.runtime import Services
from regulars.runtime.customers import Customer, Customers
from regulars.runtime.origins import origins_of

_CODES = {
    verdicts.ADMITTED: "admitted",
    verdicts.DUPLICATE: "duplicate",
    verdicts.FAILED: "failed",
    verdicts.REFUSED: "refused",
    verdicts.NOT_OF_SOURCE: "refused",
    verdicts.NO_OWN_CONSENT: "refused",
}
_WHY = {
    "admitted": "counted in the profile and kept for analysis",
    "duplicate": "the same source sent this message id before; it counts once",
    "failed": "it did not pass the tracking plan; see `failure`, mend it and send it again",
    "forgotten": "it came and was counted once, and its record has left the log: what was admitted is in the lake",
    "no_consent": "no consent of this person allows the purpose of this event at its time",
    "not_of_source": "what it is needed for is not among the `purposes` of its source (sources.toml)",
    "no_own_consent": 'its source says consent = "required" and the event brought no yes of its own (sources.toml)',
}
Identifier = Annotated[str, Parameter(description="type:value, for example user_id:42, or a profile name p_…")]


class Moment(msgspec.Struct):
    """An event of a timeline."""

    time: int
    name: str
    source: str
    message_id: str
    subject: str
    properties: dict[str, Any]
    traits: dict[str, Any]
    context: dict[str, Any]


class Timeline(msgspec.Struct):
    """Newest first. `complete` is False where sealed events could not be read."""

    profile: str
    events: list[Moment]
    orders: list[dict[str, Any]]
    complete: bool
    note: str


class Explanation(msgspec.Struct):
    """Why this customer is in these segments and not in others."""

    profile: str
    segments: list[dict[str, Any]]


class Trace(msgspec.Struct, omit_defaults=True):
    """Everything that happened to one event, or why nothing did."""

    message_id: str
    source: str
    status: str
    why: str
    steps: list[dict[str, Any]]
    profile: str = ""
    failure: dict[str, Any] = {}


@get("/v1/profiles/{identifier:str}", guards=[needs("profiles")], tags=["profiles"])
async def profile(
    request: Request[Any, Any, Any], identifier: Identifier, services: Services, customers: Customers
) -> Customer:
    """What is known of one customer."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read profile", identifier)
    return customers.customer(number)


@get("/v1/profiles/{identifier:str}/timeline", guards=[needs("profiles")], tags=["profiles"])
async def timeline(
    request: Request[Any, Any, Any],
    identifier: Identifier,
    services: Services,
    customers: Customers,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
) -> Timeline:
    """The events and orders of one customer, newest first."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read timeline", identifier)
    events, complete = await customers.history(number, limit=limit)
    return Timeline(
        profile=customers.customer(number).profile,
        events=[_moment(event) for event in events],
        orders=customers.orders(number),
        complete=complete,
        note="" if complete else "sealed events could not be read now; these are the events still in the log",
    )


@get("/v1/profiles/{identifier:str}/explain", guards=[needs("profiles")], tags=["profiles"])
async def explain(
    request: Request[Any, Any, Any], identifier: Identifier, services: Services, customers: Customers
) -> Explanation:
    """Each segment, clause by clause, for one customer."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read explanation", identifier)
    return Explanation(customers.customer(number).profile, customers.explain(number))


@get("/v1/profiles/{identifier:str}/origins", guards=[needs("profiles")], tags=["profiles"])
async def origins(
    request: Request[Any, Any, Any],
    identifier: Identifier,
    services: Services,
    customers: Customers,
    language: Annotated[Literal["en", "de"], Parameter(description="of titles")] = "en",
) -> Origins:
    """Where each trait and fact came from, under which purpose, and how much was left out as sensitive."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read origins", identifier)
    return await origins_of(services, customers, number, language)


@get("/v1/trace/{message_id:str}", guards=[needs("profiles")], tags=["operations"], sync_to_thread=True)
def trace(message_id: str, services: Services, customers: Customers, source: str | None = None) -> Trace:
    """Everything that happened to one event. Without `source` every source of the shop is asked."""
    return trace_of(services, customers, message_id, source)


def trace_of(services: Services, customers: Customers, message_id: str, source: str | None = None) -> Trace:
    """Where an event stands; a Problem 404 when it was never folded."""
    sources = [source] if source else [one.id for one in services.definitions.sources]
    for name in sources:
        place = customers.locate(name, message_id)
        if place is not None:
            return _counted(services, customers, name, message_id, *place)
    for name in sources:
        rows = services.state.select(FAILED, {"message_id": message_id, "source": name}, order=("-offset",), limit=1)
        if rows:
            return _failed(rows[0])
    waiting = services.log.head() - services.folded_offset()
    detail = f"no event with message id {message_id!r} was folded from {', '.join(sources)}"
    detail += "; ids are kept for 7 days after receipt, and failed events until they are mended or forgotten"
    detail += f"; {waiting} records are waiting, try again" if waiting else ""
    raise Problem(404, detail, field="message_id", expected="a message id of the last 7 days", got=message_id)


def known(customers: Customers, identifier: str) -> int:
    """The profile number; a Problem 404 when nobody is known so."""
    try:
        return customers.number(identifier)
    except LookupError as error:
        raise Problem(404, str(error), field="identifier", expected="type:value", got=identifier) from None


async def looked(services: Services, customers: Customers, user: str, action: str, identifier: str) -> None:
    """Who looked at whom is a record like everything else, under the one spelling of the identifier."""
    subject = customers.spelled(identifier)
    body = msgspec.json.encode({"user": user, "action": action, "subject": subject})
    await services.append(NewRecord(ACCESS, user, "", services.clock(), body))


def _moment(event: Event) -> Moment:
    return Moment(
        event.time,
        event.name,
        event.source,
        event.message_id,
        event.subject,
        event.properties,
        event.traits,
        event.context,
    )


def _counted(services: Services, customers: Customers, source: str, message_id: str, offset: int, index: int) -> Trace:
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
    return Trace(message_id, source, status, _WHY.get(reason or status, ""), steps, profile)


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
    return Trace(message_id, source, "failed", _WHY["failed"], steps, "", failure)


HANDLERS = (profile, timeline, explain, origins, trace)
