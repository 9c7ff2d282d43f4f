"""What people and backends decide: identity repairs, and the clock of shops that follow their records."""

from typing import Any

import msgspec
from litestar import Request, post

from regulars.api.access import OPERATOR, needs
from regulars.api.problem import Problem
from regulars.core.log import TICK, NewRecord
from regulars.core.state import USER
from regulars.runtime import Services
from regulars.runtime.services import Answer


class UnlinkBody(msgspec.Struct, forbid_unknown_fields=True):
    """Two identifiers that do not belong to one person."""

    a: str
    b: str
    reason: str


class ClockBody(msgspec.Struct, forbid_unknown_fields=True):
    """The shop's clock, UTC milliseconds; it never goes back. Without `wait` the answer comes once that is stored."""

    time: int
    wait: bool = True


class ReplayBody(msgspec.Struct, forbid_unknown_fields=True):
    """Definitions to build records with, as `regulars replay` sends them: base64 of MessagePack."""

    definitions: str
    again: bool = False


class PasswordBody(msgspec.Struct, forbid_unknown_fields=True):
    """A console user and the hash of a new password, as `regulars password` sends them."""

    name: str
    password: str


class Done(msgspec.Struct):
    """The command was carried out, and everything that is read from now on shows it."""

    success: bool
    offset: int
    result: Any


@post("/v1/privacy/unlink", guards=[needs("admin")], tags=["privacy"], status_code=200)
async def unlink(request: Request[Any, Any, Any], data: UnlinkBody, services: Services) -> Done:
    """Take a link of two identifiers back; the profiles come out as if it had never been."""
    return done(await services.command("unlink", msgspec.to_builtins(data), request.user.id))


@post("/v1/privacy/relink", guards=[needs("admin")], tags=["privacy"], status_code=200)
async def relink(request: Request[Any, Any, Any], data: UnlinkBody, services: Services) -> Done:
    """Let a link count again that was taken back; the profiles come out as if it always had."""
    return done(await services.command("relink", msgspec.to_builtins(data), request.user.id))


@post("/v1/clock", guards=[needs("admin")], tags=["operations"], status_code=200)
async def clock(request: Request[Any, Any, Any], data: ClockBody, services: Services) -> Done:
    """Move the shop's clock on; only in shops whose clock is "records"."""
    if services.definitions.shop.clock != "records":
        raise Problem(
            409,
            'this shop follows the wall\'s clock; set clock = "records" in shop.toml to let records move it',
            field="shop.clock",
            expected="records",
            got=services.definitions.shop.clock,
        )
    offset = await services.append(NewRecord(TICK, request.user.id, "", data.time, b""))
    if data.wait:
        await services.folded(offset)
    return Done(success=True, offset=offset, result={"clock": data.time})


@post("/v1/replay", guards=[needs("admin")], tags=["operations"], status_code=200)
async def replay(request: Request[Any, Any, Any], data: ReplayBody, services: Services) -> Done:
    """Build the records anew by changed definitions, beside the live ones; answers when that has begun."""
    return done(await services.command("replay", msgspec.to_builtins(data), request.user.id))


@post("/v1/users/password", guards=[needs("admin")], tags=["operations"], status_code=200)
async def password(request: Request[Any, Any, Any], data: PasswordBody, services: Services) -> Done:
    """Give a console user a new password; only for the command line on the server's own machine."""
    if request.user.id != OPERATOR.id:
        raise Problem(403, "only `regulars password` on the server's own machine may do this", got=request.user.id)
    user = services.state.get(USER, data.name)
    if user is None or not data.password.startswith("scrypt$"):
        raise Problem(
            422,
            f"nobody named {data.name!r} may log in; the console's page of users lists who may",
            field="name",
            expected="a console user",
            got=data.name,
        )
    args = {"name": data.name, "role": user[1], "password": data.password, "language": user[3]}
    answer = done(await services.command("put_user", args, request.user.id))
    return Done(success=True, offset=answer.offset, result={"name": data.name})


def done(answer: Answer) -> Done:
    """The result, or the refusal as a problem."""
    if answer.ok:
        return Done(success=True, offset=answer.offset, result=answer.body)
    said = answer.body if isinstance(answer.body, dict) else {}
    raise Problem(
        422,
        str(said.get("error", "the command was refused")),
        field=str(said.get("field", "")),
        expected=str(said.get("expected", "")),
        got=str(said.get("got", "")),
    )


HANDLERS = (unlink, relink, clock, replay, password)
