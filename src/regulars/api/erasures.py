"""Erasing a person, and the certificate of it."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from regulars.api.access import needs
from regulars.api.commands import done
from regulars.api.problem import Problem
from regulars.core.erasure import DONE, Erasure, Remaining, remaining
from regulars.runtime import Services
from regulars.runtime import erasures as ledger


class EraseBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to erase: any one identifier of the person, as type:value."""

    identifier: str
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Begun(msgspec.Struct):
    """The erasure is under way; ask at `certificate` how far."""

    id: str
    known: bool  # whether a profile was there
    phase: str
    certificate: str


class Certificate(msgspec.Struct):
    """What was removed, what remains and why, and what the search found. `done` says whether it is final."""

    done: bool
    erasure: Erasure
    remains: list[Remaining]


@post("/v1/privacy/erase", guards=[needs("privacy")], tags=["privacy"], status_code=202)
async def erase(request: Request[Any, Any, Any], data: EraseBody, services: Services) -> Response[Begun]:
    """Erase a person. The profile is gone when this answers; lake, log and files follow within seconds."""
    answer = done(await services.command("erase", msgspec.to_builtins(data), request.user.id))
    result = answer.result
    place = f"/v1/privacy/erasures/{result['id']}"
    body = Begun(result["id"], bool(result["known"]), str(result["phase"]), place)
    return Response(body, status_code=202, headers={"location": place})


@get("/v1/privacy/erasures", guards=[needs("privacy")], tags=["privacy"], sync_to_thread=True)
def listed(services: Services) -> list[Certificate]:
    """The newest erasures first, at most 200."""
    return [certificate(one) for one in ledger.newest(services.state)]


@get("/v1/privacy/erasures/{erasure:str}", guards=[needs("privacy")], tags=["privacy"], sync_to_thread=True)
def one(services: Services, erasure: FromPath[str]) -> Certificate:
    """How far an erasure is; its certificate once it is done."""
    found = ledger.erasure(services.state, erasure)
    if found is None:
        raise Problem(404, f"there is no erasure {erasure!r}", field="erasure", expected="an id", got=erasure)
    return certificate(found)


def certificate(erasure: Erasure) -> Certificate:
    """The certificate of an erasure."""
    return Certificate(erasure.phase == DONE, erasure, remaining(erasure))


HANDLERS = (erase, listed, one)
