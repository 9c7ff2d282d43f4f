"""Who is who: why identifiers are one person, and taking a person apart."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter

from regulars.api.access import needs
from regulars.api.commands import Done, done
from regulars.api.problem import Problem
from regulars.api.profiles import Identifier, looked
from regulars.flow.identity_health import Health, health
from regulars.runtime import Services
from regulars.runtime.customers import Customers
from regulars.runtime.whois import Explained, explained, named

Language = Annotated[Literal["en", "de"], Parameter(description="of the sentences")]


class SplitBody(msgspec.Struct, forbid_unknown_fields=True):
    """Identifiers that do not belong to the rest of a profile."""

    profile: str
    keys: list[str]
    reason: str


@get("/v1/profiles/{identifier:str}/identity", guards=[needs("profiles")], tags=["identity"])
async def identity(
    request: Request[Any, Any, Any],
    identifier: Identifier,
    services: Services,
    customers: Customers,
    language: Language = "en",
) -> Explained:
    """Why these identifiers are one person: each link with what said so, what was refused and what was taken back."""
    try:
        number = named(services, customers, identifier)
    except LookupError as error:
        raise Problem(404, str(error), field="identifier", expected="type:value", got=identifier) from None
    await looked(services, customers, request.user.id, "read identity", identifier)
    return await explained(services, customers, number, language)


@post("/v1/privacy/split", guards=[needs("admin")], tags=["privacy"], status_code=200)
async def split(request: Request[Any, Any, Any], data: SplitBody, services: Services) -> Done:
    """Take identifiers out of a profile; the profiles come out as if their links to the rest had never been."""
    return done(await services.command("split", msgspec.to_builtins(data), request.user.id))


@get("/v1/identity/health", guards=[needs("profiles")], tags=["identity"], sync_to_thread=True)
def identity_health(services: Services, customers: Customers) -> Health:
    """How well customers are recognised: stitch rate, identifiers per profile, refusals, sudden changes."""
    engine = customers.engine
    return health(services.state, engine.definitions.identity, engine.calendar.day(services.clock()))


HANDLERS = (identity, split, identity_health)
