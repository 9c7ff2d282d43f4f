"""Failed events: which, why, how many, and what to do."""

import asyncio
from difflib import get_close_matches

import msgspec
from litestar import Response, get
from litestar.params import FromQuery

from regulars.console.timeline import pretty
from regulars.console.visit import Asked, Visit, needs
from regulars.core.event import FailedEvent
from regulars.core.state import FAILED
from regulars.runtime.mending import Mending, before_of

_EXAMPLES = 2
_MOST_GROUPS = 60
_MOST_BODY = 8_000


class Example(msgspec.Struct, frozen=True):
    """One failed event."""

    received: int
    source: str
    message_id: str
    got: str
    body: str  # "" for those who may not see it


class Group(msgspec.Struct, frozen=True):
    """Failed events of the same kind."""

    cause: str
    reason: str
    name: str
    field: str
    expected: str
    count: int
    oldest: int
    newest: int
    sources: list[str]
    suggestion: str  # a name of the tracking plan that looks like this one
    examples: list[Example]


@get("/console/failed", guards=[needs("failed")])
async def failed_page(visit: Asked, admitted: FromQuery[int | None] = None, left: FromQuery[int] = 0) -> Response[str]:
    """The page; `admitted` and `left` say what a mend did."""
    if visit.may("failed_bodies"):
        await visit.looked("look at failed events", "failed events")
    groups, counts, causes = await asyncio.to_thread(_groups, visit)
    return visit.html(
        "failed.html", active="failed", groups=groups, counts=counts, total=sum(counts.values()),
        capped=causes > len(groups), most=_MOST_GROUPS, admitted=admitted, left=left,
    )  # fmt: skip


def _groups(visit: Visit) -> tuple[list[Group], dict[str, int], int]:
    """The causes with most events, counts by reason, and how many causes there are."""
    house = visit.house
    mending = Mending(house.services, house.customers)
    counts = {str(reason): number for reason, number in house.services.state.count(FAILED, by="reason").items()}
    names = [event.name for event in house.definitions.events]
    found: list[Group] = []
    for one in mending.groups(most=_MOST_GROUPS):
        close = get_close_matches(one.name, names, n=1) if one.reason == "unknown_event" else []
        examples = [_example(visit, failed) for failed in mending.newest(one.cause, _EXAMPLES)]
        found.append(
            Group(
                one.cause, one.reason, one.name, one.field, one.expected, one.count, one.first, one.last,
                [one.source], close[0] if close else "", examples,
            )
        )  # fmt: skip
    return found, dict(sorted(counts.items(), key=lambda item: -item[1])), mending.causes()


def _example(visit: Visit, failed: FailedEvent) -> Example:
    body = ""
    if visit.may("failed_bodies"):
        held = before_of(failed)
        body = held if isinstance(held, str) else pretty(held)
    got = failed.got if body else ""
    return Example(failed.received_at, failed.source, failed.message_id, got, body[:_MOST_BODY])


HANDLERS = (failed_page,)
