"""Who is this: why the identifiers of a customer are one person, and taking them apart."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery
from markupsafe import Markup

from regulars.console.graphs import Edge, graph
from regulars.console.people import cards, number_of
from regulars.console.visit import Asked, Missing, Visit, carry_out, fields, needs, see
from regulars.core.errors import Rejected
from regulars.core.identifier import is_device
from regulars.core.record import profile_name
from regulars.runtime.whois import Explained, explained, named

_LONGEST = 40  # characters of a value in a sentence
_DONE = ("unlinked", "relinked", "split")


@get("/console/customers/{profile:str}/identity", guards=[needs("identifiers")])
async def whois_page(visit: Asked, profile: FromPath[str], done: FromQuery[str] = "") -> Response[Any]:
    """The page, also of an identifier that others were named with and of which nothing else is known."""
    try:
        number = named(visit.house.services, visit.house.customers, profile if profile.startswith("p_") else "")
    except (LookupError, OverflowError, ValueError):
        raise Missing from None
    own = profile_name(number)
    if own != profile:  # it went into another one
        return see(f"/console/customers/{own}/identity")
    await visit.looked("look at identity", own)
    return await _page(visit, number, done=done if done in _DONE else "")


@post("/console/customers/{profile:str}/unlink", status_code=200, guards=[needs("links")])
async def unlink(request: Request[Any, Any, Any], visit: Asked, profile: FromPath[str]) -> Response[Any]:
    """Take one link back."""
    a, b, reason = fields(await visit.form(request), "a", "b", "reason")
    return await _carried_out(visit, profile, "unlink", {"a": a, "b": b, "reason": reason}, "unlinked")


@post("/console/customers/{profile:str}/relink", status_code=200, guards=[needs("links")])
async def relink(request: Request[Any, Any, Any], visit: Asked, profile: FromPath[str]) -> Response[Any]:
    """Let one link count again that was taken back."""
    a, b, reason = fields(await visit.form(request), "a", "b", "reason")
    return await _carried_out(visit, profile, "relink", {"a": a, "b": b, "reason": reason}, "relinked")


@post("/console/customers/{profile:str}/split", status_code=200, guards=[needs("links")])
async def split(request: Request[Any, Any, Any], visit: Asked, profile: FromPath[str]) -> Response[Any]:
    """Take identifiers out of the profile."""
    data = await visit.form(request)
    keys = [value for name, value in sorted(data.items()) if name.startswith("key")]
    args = {"profile": profile, "keys": keys, "reason": data.get("reason", "")}
    return await _carried_out(visit, profile, "split", args, "split")


async def _carried_out(visit: Visit, profile: str, command: str, args: dict[str, Any], done: str) -> Response[Any]:
    number = number_of(visit.house, profile)
    problem = "" if str(args["reason"]).strip() else visit.words("whois.reason_needed")
    if not problem:
        try:
            await carry_out(visit, command, args)
        except Rejected as error:
            problem = str(error)
    if problem:
        return await _page(visit, number, problem=problem, status=422)
    return see(f"/console/customers/{profile_name(number)}/identity?done={done}")


async def _page(visit: Visit, number: int, *, done: str = "", problem: str = "", status: int = 200) -> Response[Any]:
    house = visit.house
    titles = _types(visit)
    found = await explained(
        house.services, house.customers, number, visit.language, key=visit.identifier, when=visit.formats.time,
        naming=lambda key: _title(visit.identifier(key), titles),
    )  # fmt: skip
    return visit.html(
        "whois.html", status=status, active="customers", e=found, done=done, problem=problem,
        picture=_picture(visit, found, titles), words=titles,
        known=bool(cards(visit, [number])),
    )  # fmt: skip


def _types(visit: Visit) -> dict[str, str]:
    """Names of the types of identifiers."""
    types = visit.house.definitions.identity.types
    return {one.id: visit.words.of(dict(one.title), one.id) for one in types}


def _title(key: str, titles: dict[str, str]) -> str:
    """An identifier as a sentence names it: the title of its type, and the value; of a long one its beginning."""
    kind, _, value = key.partition(":")
    return f"{titles.get(kind, kind)} {value if len(value) <= _LONGEST else value[: _LONGEST - 1] + '…'}"


def _picture(visit: Visit, found: Explained, titles: dict[str, str]) -> Markup:
    identity = visit.house.definitions.identity
    own = [one.key for one in found.identifiers]
    left = [key for key in own if not is_device(key, identity)]
    right = [key for key in own if is_device(key, identity)]
    edges = [Edge(one.a, one.b, "held", one.text) for one in found.links]
    others = [one for one in found.devices if one.key not in own]
    edges += [Edge(one.device, one.key, "other", one.text) for one in others]
    for kind, some in (("refused", found.refused), ("withdrawn", found.withdrawn)):
        edges += [Edge(one.a, one.b, kind, one.text) for one in some]
    right += sorted({key for edge in edges for key in (edge.a, edge.b)} - set(own))
    return graph(left, right, edges, label=visit.words("whois.picture"), titles=titles)


HANDLERS = (whois_page, unlink, relink, split)
