"""Finding a customer: by an identifier, or among those who were there last."""

import asyncio
from typing import Any

from litestar import Request, Response, get, post

from regulars.console.people import cards
from regulars.console.visit import Asked, Visit, fields, needs, see
from regulars.core.event import Event
from regulars.core.log import EVENTS
from regulars.core.record import profile_name

_RECENT = 12
_LOOK_BACK = 60  # records of the log
_MOST_BYTES = 400_000  # of their bodies; a page must not decode a whole import


@get("/console/customers", guards=[needs("customers")])
async def customers_page(visit: Asked) -> Response[str]:
    """The search and the recently active."""
    recent = await asyncio.to_thread(_recent, visit)
    return visit.html("customers.html", active="customers", recent=recent, wanted="", found=None)


@post("/console/customers", status_code=200, guards=[needs("customers")])
async def search(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Look a customer up. The identifier travels in the body, so that it is in no address and in no server's log."""
    (wanted,) = fields(await visit.form(request), "identifier")
    numbers = _find(visit, wanted)
    if len(numbers) == 1:
        return see(f"/console/customers/{profile_name(numbers[0])}")
    recent = await asyncio.to_thread(_recent, visit) if not numbers else []
    status = 200 if numbers or not wanted else 404
    return visit.html(
        "customers.html", status=status, active="customers", recent=recent, wanted=wanted,
        found=cards(visit, numbers) if wanted else None,
    )  # fmt: skip


def _find(visit: Visit, wanted: str) -> list[int]:
    """Profiles known by this: type:value, a profile name, or a value of any type of identifier."""
    if not wanted or len(wanted) > 300:
        return []
    identity = visit.house.definitions.identity
    kinds = (*identity.person, *identity.device)
    kind, colon, _ = wanted.partition(":")
    names = [wanted] if wanted.startswith("p_") or (colon and kind in kinds) else [f"{k}:{wanted}" for k in kinds]
    found: dict[int, None] = {}
    for name in names:
        try:
            found[visit.house.customers.number(name)] = None
        except (LookupError, ValueError, OverflowError):
            continue
    return list(found)


def _recent(visit: Visit) -> list[Any]:
    """Who was there last, read from the end of the log."""
    house = visit.house
    log = house.services.log
    head = log.head()
    subjects: dict[str, None] = {}
    size = 0
    offsets = list(range(head, max(head - _LOOK_BACK, log.first() - 1), -1))
    for offset in offsets:
        record = log.get([offset]).get(offset)
        if record is None or record.kind != EVENTS:
            continue
        size += len(record.body)
        if size > _MOST_BYTES and subjects:
            break
        events = [event for event in house.engine.decoder.decode(record) if isinstance(event, Event)]
        for event in sorted(events, key=lambda event: -event.time):
            subjects.setdefault(event.subject)
        if len(subjects) >= 3 * _RECENT:
            break
    numbers: dict[int, None] = {}
    for subject in subjects:
        try:
            numbers[house.customers.number(subject)] = None
        except LookupError:  # not folded yet
            continue
        if len(numbers) >= _RECENT:
            break
    return cards(visit, list(numbers))


HANDLERS = (customers_page, search)
