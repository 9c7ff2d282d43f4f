"""The access log: who looked at whom, and when. It is itself part of the log, so nobody can take a line out."""

import asyncio
from typing import cast

import msgspec
from litestar import Response, get
from litestar.params import FromQuery

from regulars.console.visit import Asked, Visit, needs
from regulars.core.state import ACCESS

_PAGE = 100


class Look(msgspec.Struct, frozen=True):
    """One look."""

    offset: int
    time: int
    user: str
    action: str
    subject: str
    link: str


@get("/console/access", guards=[needs("access_log")])
async def access_page(
    visit: Asked, user: FromQuery[str] = "", subject: FromQuery[str] = "", before: FromQuery[int | None] = None
) -> Response[str]:
    """The newest looks, of one user or at one customer where that is asked."""
    looks, following = await asyncio.to_thread(_looks, visit, user.strip(), subject.strip(), before)
    return visit.html("access.html", active="access", looks=looks, following=following, user=user, subject=subject)


def _looks(visit: Visit, user: str, subject: str, before: int | None) -> tuple[list[Look], int]:
    where = {name: value for name, value in (("user", user), ("subject", subject)) if value}
    below = {} if before is None else {"offset": before}
    rows = visit.house.services.state.select(ACCESS, where, below=below, order=("-offset",), limit=_PAGE + 1)
    found = []
    for row in rows[:_PAGE]:
        about = str(row[4])
        link = f"/console/customers/{about}" if about.startswith("p_") else ""
        found.append(Look(cast(int, row[0]), cast(int, row[1]), str(row[2]), str(row[3]), about, link))
    return found, found[-1].offset if len(rows) > _PAGE else 0


HANDLERS = (access_page,)
