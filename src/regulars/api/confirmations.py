"""Links by which customers confirm who they are or what they agree to; the shop's backend asks for them."""

from typing import Any

import msgspec
from litestar import Request, post

from regulars.api.access import needs
from regulars.api.problem import Problem
from regulars.core.identifier import is_device, is_person
from regulars.runtime import Services
from regulars.runtime.confirmations import CONSENT, IDENTIFIER, OWN_PAGE, Action, Confirmation, LinkSigner, new_id
from regulars.runtime.customers import Customers

_HOUR = 3_600_000
LONGEST_HOURS = 30 * 24


class LinkBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be confirmed, and by whom: the link goes to the person behind `identifier` and to nobody else."""

    action: Action
    identifier: str
    anonymous_id: str = ""  # of the browser that asked; for confirm_identifier
    purposes: list[str] = []  # for consent
    text_version: str = ""
    language: str = ""
    hours: int = 48  # how long it holds


class LinkAnswer(msgspec.Struct):
    """The address to send; `expires` in UTC ms."""

    url: str
    token: str
    expires: int


@post("/v1/privacy/links", guards=[needs("profiles")], tags=["privacy"], status_code=200)
async def link(request: Request[Any, Any, Any], data: LinkBody, services: Services, customers: Customers) -> LinkAnswer:
    """A confirmation link. It changes nothing by itself, and once when the customer presses the button of its page."""
    definitions = services.definitions
    person = _key(data.identifier, "identifier", customers)
    if not is_person(person, definitions.identity):
        raise _wrong("identifier", "an identifier of a person, as email:ana@example.org", data.identifier)
    device = ""
    if data.action == IDENTIFIER:
        device = _key(f"anonymous_id:{data.anonymous_id}", "anonymous_id", customers)
        if not is_device(device, definitions.identity):
            raise _wrong("anonymous_id", "the id of the browser that asked", data.anonymous_id)
    known = {purpose.id for purpose in definitions.purposes}
    if data.action == CONSENT and (not data.purposes or not known.issuperset(data.purposes)):
        raise _wrong("purposes", ", ".join(sorted(known)), ", ".join(data.purposes) or "none")
    if data.action != CONSENT and data.purposes:
        raise _wrong("purposes", "none, or the action consent", ", ".join(data.purposes))
    if not 1 <= data.hours <= LONGEST_HOURS:
        raise _wrong("hours", f"1 to {LONGEST_HOURS}", str(data.hours))
    for field, text, most in (("text_version", data.text_version, 100), ("language", data.language, 10)):
        if len(text) > most:
            raise _wrong(field, f"at most {most} characters", f"{len(text)} characters")
    now = services.clock()
    asked = Confirmation(
        action=data.action,
        identifier=person,
        id=new_id(),
        asked_at=now,
        expires=now + data.hours * _HOUR,
        by=request.user.id,
        device=device,
        purposes=tuple(dict.fromkeys(data.purposes)),
        text_version=data.text_version,
        language=data.language,
    )
    signer: LinkSigner = request.app.state["links"]
    token = signer.sign(asked)
    page = "me" if data.action == OWN_PAGE else "confirm"
    return LinkAnswer(f"{services.settings.public_address}/{page}/{token}", token, asked.expires)


def _key(value: str, field: str, customers: Customers) -> str:
    kind, _, rest = value.partition(":")
    key = customers.engine.identifiers.key(kind, rest)
    if key is None:
        raise _wrong(field, "type:value, as email:ana@example.org" if field == "identifier" else "an id", value)
    return key


def _wrong(field: str, expected: str, got: str) -> Problem:
    return Problem(422, f"{field} cannot be used", field=field, expected=expected, got=got[:200])


HANDLERS = (link,)
