"""Failed events by cause: what would mend them, what a mend would do, and carrying it out."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter

from regulars.api.access import needs
from regulars.api.problem import Problem
from regulars.core.errors import Rejected
from regulars.core.log import ACCESS, NewRecord
from regulars.core.mend import Action, Mend
from regulars.runtime import Services
from regulars.runtime.customers import Customers
from regulars.runtime.mending import Group, Mending, Outcome, Preview, before_of

_SUGGESTED = 20  # causes of a list that come with a suggestion
_FEW = 40  # events that those are tried on


class MendBody(msgspec.Struct, forbid_unknown_fields=True):
    """A mend: "cast" FIELD to a type, "rename" or "move" FIELD to another, "default", "drop", or "rename_event"."""

    action: Action
    field: str = ""
    to: str = ""
    value: str | int | float | bool | None = None

    def mend(self) -> Mend:
        """As it is carried out; its source is that of the cause."""
        return Mend(source="?", action=self.action, field=self.field, to=self.to, value=self.value)


class Suggested(msgspec.Struct):
    """A mend that helps: `mended` of the `tried` newest events would pass."""

    action: str
    field: str
    to: str
    value: str | int | float | bool | None
    mended: int
    tried: int


class Cause(msgspec.Struct):
    """Failed events that can be mended together."""

    group: Group
    suggestions: list[Suggested]


class Causes(msgspec.Struct):
    """The causes with most events; `causes` says how many there are."""

    groups: list[Cause]
    causes: int


class Broken(msgspec.Struct):
    """A failed event as it came."""

    message_id: str
    received_at: int
    offset: int
    index: int
    got: str
    body: Any


class CauseInFull(msgspec.Struct):
    """A cause, what would mend it, and its newest events."""

    group: Group
    suggestions: list[Suggested]
    events: list[Broken]


@get("/v1/failed", guards=[needs("admin")], tags=["operations"], sync_to_thread=True)
def listed(services: Services, customers: Customers, limit: Annotated[int, Parameter(ge=1, le=1000)] = 100) -> Causes:
    """Failed events by cause: counts, first and last, and what would mend them. No event's content is in it."""
    mending = Mending(services, customers)
    groups = mending.groups(most=limit)
    found = [
        Cause(group, suggested(mending, group.cause, _FEW) if place < _SUGGESTED else [])
        for place, group in enumerate(groups)
    ]
    return Causes(found, mending.causes())


@get("/v1/failed/{cause:str}", guards=[needs("admin")], tags=["operations"])
async def one(
    request: Request[Any, Any, Any],
    cause: str,
    services: Services,
    customers: Customers,
    limit: Annotated[int, Parameter(ge=1, le=100)] = 20,
) -> CauseInFull:
    """One cause with its newest events as they came."""
    mending = Mending(services, customers)
    group = known(mending, cause)
    await looked(services, request.user.id)
    events = [
        Broken(e.message_id, e.received_at, e.offset, e.index, e.got, before_of(e))
        for e in await asyncio.to_thread(mending.newest, cause, limit)
    ]
    return CauseInFull(group, await asyncio.to_thread(suggested, mending, cause), events)


@post("/v1/failed/{cause:str}/preview", guards=[needs("admin")], tags=["operations"], status_code=200)
async def preview(
    request: Request[Any, Any, Any], cause: str, data: MendBody, services: Services, customers: Customers
) -> Preview:
    """What a mend would do: how many events would come in, the first of them before and after, which still fail."""
    mending = Mending(services, customers)
    known(mending, cause)
    await looked(services, request.user.id)
    return await asyncio.to_thread(mending.preview, cause, data.mend())


@post("/v1/failed/{cause:str}/mend", guards=[needs("admin")], tags=["operations"], status_code=200)
async def mend(
    request: Request[Any, Any, Any], cause: str, data: MendBody, services: Services, customers: Customers
) -> Outcome:
    """Carry a mend out. Every event that passes comes in exactly once, however often this is asked for."""
    mending = Mending(services, customers)
    known(mending, cause)
    return await mending.mend(cause, data.mend(), request.user.id)


def known(mending: Mending, cause: str) -> Group:
    """The cause; a Problem 404 where nothing is left of it."""
    try:
        return mending.group(cause)
    except Rejected as error:
        raise Problem(404, str(error), field="cause", expected=error.expected, got=cause) from None


async def looked(services: Services, user: str) -> None:
    """Failed events may hold anything: who looks at them is noted."""
    body = msgspec.json.encode({"user": user, "action": "look at failed events", "subject": "failed events"})
    await services.append(NewRecord(ACCESS, user, "", services.clock(), body))


def suggested(mending: Mending, cause: str, sample: int = 200) -> list[Suggested]:
    """What would mend a cause, the best first."""
    found = mending.suggestions(cause, sample=sample)
    return [Suggested(s.mend.action, s.mend.field, s.mend.to, s.mend.value, s.mended, s.tried) for s in found]


HANDLERS = (listed, one, preview, mend)
