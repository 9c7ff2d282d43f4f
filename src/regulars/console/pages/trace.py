"""What happened to one event: a box for its message id, its steps, and what it changed."""

from typing import Any

from litestar import Response, get
from litestar.params import FromQuery

from regulars.console.formats import Formats
from regulars.console.visit import Asked, needs
from regulars.console.words import Words
from regulars.runtime.traces import Trace, whole_trace

_LONGEST = 256  # of a message id
_TIMES = ("time", "first_time", "stated")


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


def _facts(formats: Formats, words: Words, step: dict[str, Any]) -> list[tuple[str, str]]:
    """What a step says, in the shop's time and the visitor's words."""
    return [
        (words.known(f"trace.fact.{name}", name), formats.time(value) if name in _TIMES else _shown(words, name, value))
        for name, value in step.items()
        if name != "step"
    ]


def _shown(words: Words, name: str, value: Any) -> str:
    """A fact in words where it is a code; a sign with a colon, such as `agent:seo`, stands as it is."""
    if isinstance(value, list):
        return ", ".join(_shown(words, name, one) for one in value)
    text = str(value)
    match name:
        case "verdict":
            text = words.known(f"trace.verdict.{text}", text)
        case "why":
            text = words.known(f"trace.sign.{text}", text)
        case "reason":
            text = words.known(f"trace.why.{text}", text)
        case "failed_for":
            text = words.known(f"failed.reason.{text}", text)
        case "differs":
            text = words.known(f"trace.fact.{text}", text)
        case "note":
            text = words.known(f"trace.note.{text}", text)
    return text


HANDLERS = (trace_page,)
