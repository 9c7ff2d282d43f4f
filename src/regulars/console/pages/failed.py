"""Failed events: which, why, how many, and what to do."""

import asyncio
from collections import defaultdict
from difflib import get_close_matches
from typing import cast

import msgspec
from litestar import Response, get

from regulars.console.timeline import pretty
from regulars.console.visit import Asked, Visit, needs
from regulars.core.state import FAILED, Row

_LATEST = 300  # of each reason are looked at
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

    reason: str
    name: str
    field: str
    expected: str
    count: int
    newest: int
    sources: list[str]
    suggestion: str  # a name of the tracking plan that looks like this one
    examples: list[Example]


@get("/console/failed", guards=[needs("failed")])
async def failed_page(visit: Asked) -> Response[str]:
    """The page."""
    if visit.may("failed_bodies"):
        await visit.looked("look at failed events", "failed events")
    groups, counts, capped = await asyncio.to_thread(_groups, visit)
    total = sum(counts.values())
    return visit.html(
        "failed.html", active="failed", groups=groups, counts=counts, total=total, capped=capped, latest=_LATEST
    )


def _groups(visit: Visit) -> tuple[list[Group], dict[str, int], bool]:
    state = visit.house.services.state
    counts = {str(reason): number for reason, number in state.count(FAILED, by="reason").items()}
    names = [event.name for event in visit.house.definitions.events]
    found: list[Group] = []
    capped = False
    for reason, number in sorted(counts.items(), key=lambda item: -item[1]):
        rows = state.select(FAILED, {"reason": reason}, order=("-offset",), limit=_LATEST)
        capped |= number > len(rows)
        groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in rows:
            groups[str(row[5]), str(row[7]), str(row[8])].append(row)
        for (name, field, expected), held in groups.items():
            close = get_close_matches(name, names, n=1) if reason == "unknown_event" else []
            found.append(
                Group(
                    reason, name, field, expected, len(held), max(cast(int, row[3]) for row in held),
                    sorted({str(row[2]) for row in held}), close[0] if close else "",
                    [_example(visit, row) for row in held[:_EXAMPLES]],
                )
            )  # fmt: skip
    found.sort(key=lambda group: (-group.count, group.reason, group.name))
    return found[:_MOST_GROUPS], counts, capped


def _example(visit: Visit, row: Row) -> Example:
    body = ""
    if visit.may("failed_bodies"):
        raw = row[10] if isinstance(row[10], bytes) else b""
        try:
            body = pretty(msgspec.json.decode(raw))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            body = raw.decode(errors="replace")
    return Example(cast(int, row[3]), str(row[2]), str(row[4]), str(row[9]) if body else "", body[:_MOST_BODY])


HANDLERS = (failed_page,)
