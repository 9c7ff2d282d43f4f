"""The rights of a person over what the shop knows: to read all of it, to correct it, not to be profiled."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import MediaType, Request, get, post
from litestar.params import Parameter, QueryParameter
from litestar.response import Stream

from regulars.api.access import needs
from regulars.api.access_page import page
from regulars.api.commands import Done, done
from regulars.api.problem import Problem
from regulars.api.profiles import known, looked
from regulars.runtime import Services
from regulars.runtime.access import Access, as_json
from regulars.runtime.consents import language_of
from regulars.runtime.customers import Customers
from regulars.runtime.preferences import checked
from regulars.runtime.telling import correct, prefer


class RestrictBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Whether the person's data may be used for contract and law only."""

    identifier: str
    restricted: bool
    reason: str
    method: str = ""
    proof: str = ""


class RectifyBody(msgspec.Struct, forbid_unknown_fields=True):
    """Facts as they are right; null takes one away."""

    identifier: str
    facts: dict[str, str | int | float | bool | None]
    reason: str


class PreferencesBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a customer wishes for, noted by staff; null clears."""

    identifier: str
    preferences: dict[str, str | int | float | list[str] | None]
    reason: str


@get("/v1/privacy/access/{identifier:str}", guards=[needs("privacy")], tags=["privacy"])
async def access(
    request: Request[Any, Any, Any],
    identifier: str,
    services: Services,
    customers: Customers,
    form: Annotated[Literal["json", "html"], QueryParameter(name="format", description="html is for reading")] = "json",
    language: Annotated[str, Parameter(description="de or en")] = "",
) -> Stream:
    """Everything about one customer: what is known, where it came from, what it was used for. Sent in pieces."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read everything", identifier)
    chosen = language_of(services.definitions, language)
    sections = Access(services, customers).of(number, identifier, chosen)
    if form == "html":
        shown = page(sections, services.definitions, customers.engine.calendar, chosen)
        return Stream(shown, media_type=MediaType.HTML, headers=_PAGE)
    return Stream(as_json(sections), media_type="application/json", headers=_PRIVATE)


@post("/v1/privacy/restrict", guards=[needs("privacy")], tags=["privacy"], status_code=200)
async def restrict(request: Request[Any, Any, Any], data: RestrictBody, services: Services) -> Done:
    """Stop profiling a person, or begin anew; the account, orders and consents stay. Answers once it holds."""
    return done(await services.command("restrict", {"method": "", **msgspec.to_builtins(data)}, request.user.id))


@post("/v1/privacy/rectify", guards=[needs("privacy")], tags=["privacy"], status_code=200)
async def rectify(request: Request[Any, Any, Any], data: RectifyBody, services: Services, customers: Customers) -> Done:
    """Put declared facts of a person right; answers once they hold. What was told before stays as evidence."""
    number = known(customers, data.identifier)
    offset = await correct(services, customers, data.identifier, data.facts, by=request.user.id, reason=data.reason)
    return Done(success=True, offset=offset, result={"facts": customers.customer(number).facts})


@post("/v1/privacy/preferences", guards=[needs("profiles")], tags=["privacy"], status_code=200)
async def preferences(
    request: Request[Any, Any, Any], data: PreferencesBody, services: Services, customers: Customers
) -> Done:
    """Note what a customer wishes for; answers once it holds."""
    number = known(customers, data.identifier)
    said = checked(services.definitions, data.preferences)
    if not data.reason.strip():
        raise Problem(422, "say why: who asked for it, and how", field="reason", expected="a text", got="nothing")
    offset = await prefer(services, data.identifier, said, origin="staff", by=request.user.id, reason=data.reason[:500])
    return Done(success=True, offset=offset, result={"preferences": customers.customer(number).preferences})


_PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_PAGE = {**_PRIVATE, "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
HANDLERS = (access, restrict, rectify, preferences)
