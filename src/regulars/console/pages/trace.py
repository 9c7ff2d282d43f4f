"""What happened to one event: a box for its message id, its steps, and what it changed."""

from typing import Any

from litestar import Response, get
from litestar.params import FromQuery

from regulars.console.formats import Formats
from regulars.console.visit import Asked, needs
from regulars.runtime.traces import Trace, whole_trace

_LONGEST = 256  # of a message id


@get("/console/trace", guards=[needs("failed_bodies")])
async def trace_page(visit: Asked, id: FromQuery[str] = "") -> Response[str]:  # noqa: A002 - the name in the address
    """The page; who looks at a customer's event is noted as every look is."""
    asked, found, missing = id.strip()[:_LONGEST], list[Trace](), ""
    if asked:
        try:
            first = await whole_trace(visit.house.services, visit.house.customers, asked)
            found = [first, *first.others]
        except LookupError:
            missing = asked
    for one in found:
        if one.profile:
            await visit.looked("trace event", one.profile)
    return visit.html("trace.html", active="tracking", asked=asked, found=found, missing=missing, facts=_facts)


def _facts(formats: Formats, step: dict[str, Any]) -> list[tuple[str, str]]:
    """What a step says, in the shop's time."""
    return [
        (name, formats.time(value) if name in ("time", "first_time", "stated") else _shown(value))
        for name, value in step.items()
        if name != "step"
    ]


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


HANDLERS = (trace_page,)
