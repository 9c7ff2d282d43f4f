"""One customer, for servers and staff, and everything that happened to one event."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get
from litestar.params import Parameter

from regulars.api.access import needs
from regulars.api.problem import Problem
from regulars.core.event import Event
from regulars.core.log import ACCESS, NewRecord
from regulars.flow.origins import Origins
from regulars.runtime import Services
from regulars.runtime.customers import Customer, Customers
from regulars.runtime.origins import origins_of

Identifier = Annotated[str, Parameter(description="type:value, for example user_id:42, or a profile name p_…")]


class Moment(msgspec.Struct):
    """An event of a timeline."""

    time: int
    name: str
    source: str
    message_id: str
    subject: str
    properties: dict[str, Any]
    traits: dict[str, Any]
    context: dict[str, Any]


class Timeline(msgspec.Struct):
    """Newest first. `complete` is False where sealed events could not be read."""

    profile: str
    events: list[Moment]
    orders: list[dict[str, Any]]
    complete: bool
    note: str


class Explanation(msgspec.Struct):
    """Why this customer is in these segments and not in others."""

    profile: str
    segments: list[dict[str, Any]]


@get("/v1/profiles/{identifier:str}", guards=[needs("profiles")], tags=["profiles"])
async def profile(
    request: Request[Any, Any, Any], identifier: Identifier, services: Services, customers: Customers
) -> Customer:
    """What is known of one customer."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read profile", identifier)
    return customers.customer(number)


@get("/v1/profiles/{identifier:str}/timeline", guards=[needs("profiles")], tags=["profiles"])
async def timeline(
    request: Request[Any, Any, Any],
    identifier: Identifier,
    services: Services,
    customers: Customers,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
) -> Timeline:
    """The events and orders of one customer, newest first."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read timeline", identifier)
    events, complete = await customers.history(number, limit=limit)
    return Timeline(
        profile=customers.customer(number).profile,
        events=[_moment(event) for event in events],
        orders=customers.orders(number),
        complete=complete,
        note="" if complete else "sealed events could not be read now; these are the events still in the log",
    )


@get("/v1/profiles/{identifier:str}/explain", guards=[needs("profiles")], tags=["profiles"])
async def explain(
    request: Request[Any, Any, Any], identifier: Identifier, services: Services, customers: Customers
) -> Explanation:
    """Each segment, clause by clause, for one customer."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read explanation", identifier)
    return Explanation(customers.customer(number).profile, customers.explain(number))


@get("/v1/profiles/{identifier:str}/origins", guards=[needs("profiles")], tags=["profiles"])
async def origins(
    request: Request[Any, Any, Any],
    identifier: Identifier,
    services: Services,
    customers: Customers,
    language: Annotated[Literal["en", "de"], Parameter(description="of titles")] = "en",
) -> Origins:
    """Where each trait and fact came from, under which purpose, and how much was left out as sensitive."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read origins", identifier)
    return await origins_of(services, customers, number, language)


def known(customers: Customers, identifier: str) -> int:
    """The profile number; a Problem 404 when nobody is known so."""
    try:
        return customers.number(identifier)
    except LookupError as error:
        raise Problem(404, str(error), field="identifier", expected="type:value", got=identifier) from None


async def looked(services: Services, customers: Customers, user: str, action: str, identifier: str) -> None:
    """Who looked at whom is a record like everything else, under the one spelling of the identifier."""
    subject = customers.spelled(identifier)
    body = msgspec.json.encode({"user": user, "action": action, "subject": subject})
    await services.append(NewRecord(ACCESS, user, "", services.clock(), body))


def _moment(event: Event) -> Moment:
    return Moment(
        event.time,
        event.name,
        event.source,
        event.message_id,
        event.subject,
        event.properties,
        event.traits,
        event.context,
    )


HANDLERS = (profile, timeline, explain, origins)
