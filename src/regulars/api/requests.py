"""Requests of customers that shop systems pass on: to see them, and to say that they are answered."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath

from regulars.api.access import needs
from regulars.api.commands import Done, done
from regulars.runtime import Services
from regulars.runtime.requests import Wanted, requests


class CloseBody(msgspec.Struct, forbid_unknown_fields=True):
    """How a request was answered; where it is about a whole shop `confirm` names its source, and `erase` begins."""

    note: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    confirm: str = ""
    erase: bool = False


@get("/v1/privacy/requests", guards=[needs("privacy")], tags=["privacy"], sync_to_thread=True)
def listed(services: Services, status: Literal["open", "all"] = "open") -> list[Wanted]:
    """Open requests, the oldest first; or all, the newest first. At most 500."""
    return requests(services.state, now=services.clock(), only_open=status == "open")


@post("/v1/privacy/requests/{wanted:str}", guards=[needs("privacy")], tags=["privacy"], status_code=200)
async def close(request: Request[Any, Any, Any], wanted: FromPath[str], data: CloseBody, services: Services) -> Done:
    """Say that a request was answered, and how; or erase everybody of the shop that it names."""
    args = {"id": wanted, "note": data.note, "confirm": data.confirm, "erase": data.erase}
    return done(await services.command("close_request", args, request.user.id))


HANDLERS = (listed, close)
