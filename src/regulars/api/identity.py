"""Who is who, said by a backend or the command line: links by another rule than being named together, and proposals."""

from typing import Any

import msgspec
from litestar import Request, post

from regulars.api.access import needs
from regulars.api.commands import Done, done
from regulars.core.proposal import Proposal
from regulars.runtime import Services


class OneLink(msgspec.Struct, forbid_unknown_fields=True):
    """Two identifiers that belong together, how sure that is, and by which rule."""

    a: str
    b: str
    score: float
    rule: str


class LinksBody(msgspec.Struct, forbid_unknown_fields=True):
    """Up to 500 links and why."""

    links: list[OneLink]
    reason: str


class ProposalsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Up to 500 pairs that may be one person."""

    proposals: list[Proposal]


class ApplyBody(msgspec.Struct, forbid_unknown_fields=True):
    """Definitions whose rules of identity are to be applied to the past: base64 of MessagePack. Empty: go on."""

    definitions: str = ""


@post("/v1/identity/apply", guards=[needs("admin")], tags=["identity"], status_code=200)
async def apply(request: Request[Any, Any, Any], data: ApplyBody, services: Services) -> Done:
    """Begin to apply changed rules to the past, or go on by one stretch; the result says how far it is."""
    args = {"definitions": data.definitions} if data.definitions else {}
    return done(await services.command("apply_identity", args, request.user.id))


@post("/v1/identity/links", guards=[needs("admin")], tags=["identity"], status_code=200)
async def links(request: Request[Any, Any, Any], data: LinksBody, services: Services) -> Done:
    """Link identifiers; the result says of each link whether it stands."""
    return done(await services.command("link", msgspec.to_builtins(data), request.user.id))


@post("/v1/identity/proposals", guards=[needs("admin")], tags=["identity"], status_code=200)
async def proposals(request: Request[Any, Any, Any], data: ProposalsBody, services: Services) -> Done:
    """Put pairs before staff, on the console's page "Possible duplicates"."""
    return done(await services.command("propose", msgspec.to_builtins(data), request.user.id))


HANDLERS = (apply, links, proposals)
