"""Consent: the words that banners show, what one customer said, and a new statement."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter

from regulars.api.access import needs
from regulars.api.commands import Done, done
from regulars.api.profiles import known, looked
from regulars.core.record import profile_name
from regulars.runtime import Services
from regulars.runtime.consents import Asked, Said, Standing, asked, history, language_of, standings
from regulars.runtime.customers import Customers

#: Banners of any page may read the words; they are the same for everybody.
_PUBLIC = {"access-control-allow-origin": "*", "cache-control": "public, max-age=60"}


class ConsentBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a customer said about one purpose, noted by staff or a backend, with what proves it."""

    identifier: str
    purpose: str
    granted: bool
    reason: str
    method: str = ""  # "form", "phone", ...; "double_opt_in" when the addressee confirmed it, with `proof`
    text_version: str = ""
    proof: str = ""  # id of a message or a document that the sender keeps


class Texts(msgspec.Struct):
    """What customers are asked, in one language."""

    language: str
    languages: tuple[str, ...]
    purposes: list[Asked]


class Consents(msgspec.Struct):
    """What holds for a customer now, and everything that was said, newest first."""

    profile: str
    now: list[Standing]
    history: list[Said]


@get("/v1/consent/texts", tags=["privacy"], sync_to_thread=False)
def texts(services: Services, language: Annotated[str, Parameter(description="de or en")] = "") -> Response[Texts]:
    """The purposes with their words, for banners; nothing is chosen beforehand. No key is needed."""
    definitions = services.definitions
    chosen = language_of(definitions, language)
    found = Texts(chosen, definitions.shop.languages, asked(definitions, chosen))
    return Response(found, headers=_PUBLIC)


@get("/v1/privacy/consent/{identifier:str}", guards=[needs("privacy")], tags=["privacy"])
async def said(request: Request[Any, Any, Any], identifier: str, services: Services, customers: Customers) -> Consents:
    """What one customer allows now and what was said when, with the evidence."""
    number = known(customers, identifier)
    await looked(services, customers, request.user.id, "read consent", identifier)
    hot, person = customers.records(number)
    return Consents(
        profile_name(number),
        standings(customers.engine, hot, person, services.clock()),
        history(services.state, person.identifiers),
    )


@post("/v1/privacy/consent", guards=[needs("privacy")], tags=["privacy"], status_code=200)
async def note(request: Request[Any, Any, Any], data: ConsentBody, services: Services) -> Done:
    """Note a consent or its withdrawal; answers once it holds everywhere."""
    return done(await services.command("set_consent", msgspec.to_builtins(data), request.user.id))


HANDLERS = (texts, said, note)
