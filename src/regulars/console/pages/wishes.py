"""What staff note for a customer: wishes, "do not profile me", a fact put right. Each with a reason and a name."""

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath

from regulars.console.pages.customer import refused
from regulars.console.people import number_of, record
from regulars.console.visit import Asked, Missing, Visit, carry_out, fields, needs, see
from regulars.console.wishes import answered
from regulars.core.errors import Rejected
from regulars.core.identifier import subject_of
from regulars.core.record import profile_name
from regulars.flow.facts import preferences_of
from regulars.runtime.preferences import checked
from regulars.runtime.telling import NotKept, correct, prefer

_LENGTH = 500  # characters of a reason


@post("/console/customers/{profile:str}/noted", status_code=200, guards=[needs("consent")])
async def note(request: Request[Any, Any, Any], visit: Asked, profile: FromPath[str]) -> Response[Any]:
    """One of the forms; answers once it holds."""
    data = await visit.form(request)
    number = number_of(visit.house, profile)
    act = _ACTS.get(data.get("do", ""))
    if act is None:
        raise Missing
    action, carry = act
    await visit.looked(action, profile_name(number))
    (reason,) = fields(data, "reason")
    if not reason or len(reason) > _LENGTH:
        return await refused(visit, number, visit.words("noted.why"))
    try:
        await carry(visit, number, data, reason)
    except Rejected as error:
        return await refused(visit, number, str(error))
    return see(f"/console/customers/{profile_name(number)}?done=noted")


async def _wishes(visit: Visit, number: int, data: dict[str, str], reason: str) -> None:
    hot, _ = record(visit.house, number)
    definitions = visit.house.definitions
    said = answered(definitions.preferences, data, preferences_of(hot.facts))
    key = _key(visit, number)
    wanted = checked(definitions, said)
    await prefer(visit.house.services, key, wanted, origin="staff", by=visit.name, reason=reason)


async def _restrict(visit: Visit, number: int, data: dict[str, str], reason: str) -> None:
    wanted = {"yes": True, "no": False}.get(data.get("restricted", ""))
    args = {"identifier": _key(visit, number), "restricted": wanted, "reason": reason, "method": "console"}
    await carry_out(visit, "restrict", args)


async def _rectify(visit: Visit, number: int, data: dict[str, str], reason: str) -> None:
    fact, value = fields(data, "fact", "value")
    if not visit.may("identifiers"):
        raise Missing
    house = visit.house
    try:
        await correct(
            house.services, house.customers, _key(visit, number), {fact: value or None}, by=visit.name, reason=reason
        )
    except NotKept as error:
        raise Rejected(visit.words("noted.not_kept", fact=error.name), field=error.field) from None


def _key(visit: Visit, number: int) -> str:
    _, person = visit.house.customers.records(number)
    key = subject_of(person.identifiers, visit.house.definitions.identity)
    if key is None:
        raise Missing
    return key


_ACTS = {
    "wishes": ("note wishes", _wishes),
    "restrict": ("restrict", _restrict),
    "rectify": ("correct a fact", _rectify),
}
HANDLERS = (note,)
