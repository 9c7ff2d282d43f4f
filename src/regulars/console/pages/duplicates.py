"""Possible duplicates: two records beside one another, what speaks for and against one person, and an answer."""

import asyncio
from typing import Any, cast

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery
from markupsafe import Markup

from regulars.console import plots
from regulars.console.people import name_of
from regulars.console.visit import Asked, Visit, carry_out, fields, needs, see
from regulars.core.definitions import CONTRACT
from regulars.core.errors import Rejected
from regulars.core.identity_types import PARTICULARS
from regulars.core.proposal import LATER, OPEN, Proposal, read
from regulars.core.record import profile_name
from regulars.core.state import IDENTIFIER, PROPOSAL
from regulars.flow.facts import usable_for
from regulars.profile.particulars import stated

_SHOWN = 5
_MOST = 400  # rows that are looked through for pairs that are still two people
_LONGEST = 120  # characters of a value


class Side(msgspec.Struct, frozen=True):
    """One of the two."""

    identifier: str
    profile: str
    name: str
    first_seen: int
    last_seen: int
    said: dict[str, str]


class Weighed(msgspec.Struct, frozen=True):
    """One field: what both say, how near that is, and the bar of its weight."""

    field: str
    left: str
    right: str
    level: str
    weight: float
    bar: Markup


class Pair(msgspec.Struct, frozen=True):
    """A question to staff."""

    a: Side
    b: Side
    score: float
    time: int
    later: bool
    why: str  # what makes the machine ask: "first", "birth", "neither" or "" (not sure enough)
    before: Markup  # the bar of what was known before anything was compared
    fields: list[Weighed]


@get("/console/duplicates", guards=[needs("duplicates")])
async def duplicates_page(visit: Asked, later: FromQuery[str] = "", done: FromQuery[str] = "") -> Response[str]:
    """The first pairs that wait; with `later` those that were put off."""
    return await _page(visit, later=later == "true", done=done)


@post("/console/duplicates", status_code=200, guards=[needs("duplicates")])
async def answer(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Accept, reject or put off a pair; carried out as a command under the user's name."""
    a, b, said = fields(await visit.form(request), "a", "b", "answer")
    try:
        await carry_out(visit, "review", {"a": a, "b": b, "answer": said})
    except Rejected as error:
        return await _page(visit, problem=str(error), status=422)
    return see(f"/console/duplicates?done={said}")


async def _page(
    visit: Visit, *, later: bool = False, done: str = "", problem: str = "", status: int = 200
) -> Response[str]:
    pairs, counts = await asyncio.to_thread(_pairs, visit, LATER if later else OPEN)
    for side in (side for pair in pairs for side in (pair.a, pair.b)):
        await visit.looked("look at possible duplicate", side.profile)
    return visit.html(
        "duplicates.html",
        status=status,
        active="duplicates",
        pairs=pairs,
        counts=counts,
        later=later,
        words={one.id: visit.words.of(dict(one.title), one.id) for one in visit.house.definitions.identity.types},
        done=done if done in ("accept", "reject", "later") else "",
        problem=problem,
    )


def _pairs(visit: Visit, status: str) -> tuple[list[Pair], dict[str, int]]:
    """The surest pairs of this status that are still two people, and how many wait."""
    state = visit.house.services.state
    counts = {str(found): number for found, number in state.count(PROPOSAL, by="status").items()}
    found = []
    for row in state.select(PROPOSAL, {"status": status}, order=("-score",), limit=_MOST):
        proposal = read(row[4])
        rows = state.many(IDENTIFIER, (proposal.a, proposal.b))
        numbers = [cast(int, rows[key][1]) for key in (proposal.a, proposal.b) if key in rows]
        if len(set(numbers)) == 2:
            sides = [_side(visit, key, number) for key, number in zip((proposal.a, proposal.b), numbers, strict=True)]
            if sides[0] is not None and sides[1] is not None:
                found.append(_pair(proposal, sides[0], sides[1], cast(int, row[6]), later=status == LATER))
        if len(found) == _SHOWN:
            break
    return found, counts


def _side(visit: Visit, key: str, number: int) -> Side | None:
    try:
        hot, person = visit.house.customers.records(number)
    except LookupError:
        return None
    linking = visit.house.definitions.linking
    if linking.purpose != CONTRACT and linking.purpose not in hot.consent:
        return None  # the consent ended while the pair waited
    names = {**PARTICULARS, **linking.facts}
    facts = usable_for(person.facts, linking.purpose, visit.house.engine.policy.consents_of)
    said = stated(facts, person.identifiers, names)
    if "name" in said and not {"first", "last"} & said.keys():
        said["last"] = said["name"]
    shown = {field: str(value)[:_LONGEST] for field, value in said.items()}
    return Side(key, profile_name(number), name_of(visit, hot), hot.first_seen, hot.last_seen, shown)


def _pair(proposal: Proposal, a: Side, b: Side, time: int, *, later: bool) -> Pair:
    """The bars are a waterfall: each begins where the one before it ended."""
    ends = [proposal.prior]
    for one in proposal.reasons:
        ends.append(ends[-1] + one.weight)
    low, high = min(0.0, *ends), max(0.0, *ends)
    weighed = [
        Weighed(
            one.field,
            a.said.get(one.field, ""),
            b.said.get(one.field, ""),
            one.level,
            one.weight,
            plots.step(ends[place], ends[place + 1], low, high, title=f"{one.weight:+.1f}"),
        )
        for place, one in enumerate(proposal.reasons)
    ]
    before = plots.step(0.0, proposal.prior, low, high, title=f"{proposal.prior:+.1f}")
    return Pair(a, b, proposal.score, time, later, _why(dict(proposal.told())), before, weighed)


def _why(levels: dict[str, str]) -> str:
    """Which of what tells the people of a household apart speaks against one person."""
    if levels.get("first") == "differs":
        return "first"
    if levels.get("birth") in ("differs", "part"):
        return "birth"
    return "neither" if {levels.get("first", "missing"), levels.get("birth", "missing")} == {"missing"} else ""


HANDLERS = (duplicates_page, answer)
