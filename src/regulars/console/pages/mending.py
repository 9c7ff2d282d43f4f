"""Mending failed events of one cause: suggestions, a preview, and carrying it out."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery

from regulars.console.timeline import pretty
from regulars.console.visit import Asked, Missing, Visit, fields, needs, see
from regulars.core.errors import Rejected
from regulars.core.mend import Mend
from regulars.runtime.mending import Mending, Preview, StillFailing, parse

_MOST_SHOWN = 3_000  # characters of an event
ACTIONS = ("cast", "rename", "move", "default", "drop", "rename_event")


class Shown(msgspec.Struct, frozen=True):
    """An event before and after."""

    message_id: str
    result: str
    failure: StillFailing | None
    before: str
    after: str


@get("/console/failed/{cause:str}", guards=[needs("mend")])
async def cause_page(
    visit: Asked,
    cause: FromPath[str],
    action: FromQuery[str] = "",
    field: FromQuery[str] = "",
    to: FromQuery[str] = "",
) -> Response[str]:
    """One cause with what would mend it; with `action` what that would do."""
    await visit.looked("look at failed events", "failed events")
    return await _page(visit, cause, action, field.strip(), to.strip())


@post("/console/failed/{cause:str}", status_code=200, guards=[needs("mend")])
async def carry_out(request: Request[Any, Any, Any], visit: Asked, cause: FromPath[str]) -> Response[Any]:
    """Take the events in, mended; each counts once, however often the button is pressed."""
    action, field, to = fields(await visit.form(request), "action", "field", "to")
    try:
        outcome = await _mending(visit).mend(cause, _mend(action, field, to), visit.name)
    except Rejected as error:
        return await _page(visit, cause, action, field, to, problem=str(error), status=422)
    return see(f"/console/failed?admitted={outcome.admitted}&left={outcome.remaining}")


async def _page(
    visit: Visit, cause: str, action: str, field: str, to: str, *, problem: str = "", status: int = 200
) -> Response[str]:
    mending = _mending(visit)
    try:
        group = await asyncio.to_thread(mending.group, cause)
    except Rejected:
        raise Missing from None
    ways = await asyncio.to_thread(mending.suggestions, cause)
    preview: Preview | None = None
    if action and not problem:
        try:
            preview = await asyncio.to_thread(mending.preview, cause, _mend(action, field, to))
        except Rejected as error:
            problem, status = str(error), 422
    return visit.html(
        "mend.html", status=status, active="failed", g=group, ways=ways, preview=preview, problem=problem,
        shown=_shown(preview) if preview is not None else [], actions=ACTIONS,
        chosen={"action": action, "field": field or group.field, "to": to}, written=_written,
    )  # fmt: skip


def _shown(preview: Preview) -> list[Shown]:
    return [
        Shown(one.message_id, one.result, one.failure, _text(one.before), _text(one.after)) for one in preview.examples
    ]


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else pretty(value))[:_MOST_SHOWN]


def _mending(visit: Visit) -> Mending:
    return Mending(visit.house.services, visit.house.customers)


def _mend(action: str, field: str, to: str) -> Mend:
    words = {"rename_event": [action, to], "drop": [action, field]}.get(action, [action, field, to])
    return parse(words)


def _written(mend: Mend) -> str:
    """What stands in the last field of the form."""
    return mend.to if mend.value is None else str(mend.value)


HANDLERS = (cause_page, carry_out)
