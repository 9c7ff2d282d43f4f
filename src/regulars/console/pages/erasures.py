"""Erasures: customers who ask for it, what is under way, and the certificates; and the form that begins one."""

import asyncio
import time
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery

from regulars.console.pages.customer import refused
from regulars.console.people import number_of, record
from regulars.console.visit import Asked, Missing, Visit, carry_out, fields, needs, see
from regulars.core.erasure import DONE, PHASES, Erasure, remaining
from regulars.core.errors import Rejected
from regulars.core.identifier import subject_of
from regulars.core.record import profile_name
from regulars.core.state import ACCESS
from regulars.flow.facts import ASKED_ERASURE
from regulars.runtime import erasures as ledger
from regulars.runtime.requests import requests

_ASKED = "ask to be erased"  # as the own page logs it
_MOST_ASKED = 500
_LENGTH = 500  # characters of a reason


class Wish(msgspec.Struct, frozen=True):
    """A customer who asked, and on which day."""

    profile: str
    day: str


@get("/console/erasures", guards=[needs("erasures")])
async def erasures_page(visit: Asked, begun: FromQuery[str] = "") -> Response[str]:
    """Who asks, what shop systems pass on, and the newest erasures."""
    return await _page(visit, begun=begun)


async def _page(visit: Visit, *, begun: str = "", problem: str = "") -> Response[str]:
    services = visit.house.services
    asked, wanted, found = await asyncio.to_thread(
        lambda: (
            _asked(visit),
            requests(services.state, now=services.clock(), only_open=True),
            ledger.newest(services.state),
        )
    )
    return visit.html(
        "erasures.html", active="erasures", wishes=asked, requests=wanted, erasures=found, begun=begun,
        problem=problem, phases=PHASES, last=DONE,
    )  # fmt: skip


@post("/console/requests/{wanted:str}", status_code=200, guards=[needs("erasures")])
async def close(request: Request[Any, Any, Any], visit: Asked, wanted: FromPath[str]) -> Response[Any]:
    """Note that a request of a shop system was answered, and how; or erase everybody of a shop."""
    note, confirm, erase = fields(await visit.form(request), "note", "confirm", "erase")
    try:
        args = {"id": wanted, "note": note, "confirm": confirm, "erase": erase == "yes"}
        await carry_out(visit, "close_request", args)
    except Rejected as error:
        return await _page(visit, problem=str(error))
    return see("/console/erasures")


@get("/console/erasures/{erasure:str}", guards=[needs("erasures")])
async def certificate_page(visit: Asked, erasure: FromPath[str]) -> Response[str]:
    """One erasure: how far it is, or its certificate, to be printed."""
    found = await asyncio.to_thread(ledger.erasure, visit.house.services.state, erasure)
    if found is None:
        raise Missing
    return visit.html(
        "erasure.html", active="erasures", e=found, remains=remaining(found), done=found.phase == DONE,
        rest=_rest(found), phases=PHASES, now=time.time_ns() // 1_000_000,
    )  # fmt: skip


@post("/console/customers/{profile:str}/erase", status_code=200, guards=[needs("erasures")])
async def erase(request: Request[Any, Any, Any], visit: Asked, profile: FromPath[str]) -> Response[Any]:
    """Erase a customer whose number was typed, with a reason; answers once the profile is gone."""
    data = await visit.form(request)
    number = number_of(visit.house, profile)
    name = profile_name(number)
    reason, typed = fields(data, "reason", "typed")
    if not reason or len(reason) > _LENGTH:
        return await refused(visit, number, visit.words("noted.why"))
    if typed != name:
        return await refused(visit, number, visit.words("erasures.typed_wrong", profile=name))
    _, person = visit.house.customers.records(number)
    key = subject_of(person.identifiers, visit.house.definitions.identity)
    if key is None:
        raise Missing
    await visit.looked("erase", name)
    try:
        done = await carry_out(visit, "erase", {"identifier": key, "reason": reason})
    except Rejected as error:
        return await refused(visit, number, str(error))
    return see(f"/console/erasures?begun={done['id']}")


def _asked(visit: Visit) -> list[Wish]:
    """Customers whose wish stands: the newest that the own page has logged, without those who are gone."""
    state = visit.house.services.state
    rows = state.select(ACCESS, {"action": _ASKED}, order=("-offset",), limit=_MOST_ASKED)
    found: dict[str, Wish] = {}
    for row in rows:
        try:
            number = number_of(visit.house, str(row[4]))
            hot, _ = record(visit.house, number)
        except Missing:
            continue
        if day := str(hot.facts.get(ASKED_ERASURE) or ""):
            name = profile_name(number)
            found[name] = Wish(name, day)
    return sorted(found.values(), key=lambda one: (one.day, one.profile))


def _rest(erasure: Erasure) -> list[str]:
    """Phases that are still to come."""
    return [phase for phase in PHASES[PHASES.index(erasure.phase) :] if phase != DONE]


HANDLERS = (erasures_page, certificate_page, erase, close)
