"""What a customer sees who follows a confirmation link: what is asked, and one button.

Looking changes nothing, for mail scanners look as well; only the button does.
"""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery

from regulars.console.consents import versions
from regulars.console.formats import LANGUAGES
from regulars.console.house import House
from regulars.console.visit import Visit
from regulars.core.identifier import parse
from regulars.runtime.confirmations import CONSENT, OWN_PAGE, Confirmation, InvalidLink, LinkSigner

_USED, _EXPIRED, _BROKEN, _REFUSED, _DONE, _ASK = "used", "expired", "broken", "refused", "done", "ask"
_STATUS = {_BROKEN: 404, _EXPIRED: 410, _USED: 409, _REFUSED: 422}


@get("/confirm/{token:str}", sync_to_thread=False)
def ask(request: Request[Any, Any, Any], token: FromPath[str], language: FromQuery[str] = "") -> Response[str]:
    """What the link asks."""
    house: House = request.app.state["house"]
    try:
        link = _link(house, token)
    except InvalidLink as error:
        return _page(request, None, error.reason, language)
    return _page(request, link, _ASK, language)


@post("/confirm/{token:str}", status_code=200)
async def confirm(
    request: Request[Any, Any, Any], token: FromPath[str], language: FromQuery[str] = ""
) -> Response[str]:
    """The button was pressed: whoever holds the link may, so no session and no other token is asked for."""
    house: House = request.app.state["house"]
    try:
        link = _link(house, token)
    except InvalidLink as error:
        return _page(request, None, error.reason, language)
    said = {**msgspec.structs.asdict(link), "shown": versions(house.definitions)}
    answer = await house.services.command("confirm", said, "confirmation link")
    if answer.ok:
        return _page(request, link, _DONE, language)
    field = answer.body.get("field") if isinstance(answer.body, dict) else ""
    return _page(request, link, {"id": _USED, "expires": _EXPIRED}.get(str(field), _REFUSED), language)


def _link(house: House, token: str) -> Confirmation:
    link = LinkSigner(house.services.folder.secret()).read(token, now=house.services.clock())
    if link.action == OWN_PAGE:
        raise InvalidLink("broken", "this link opens a page and confirms nothing")
    return link


def _page(request: Request[Any, Any, Any], link: Confirmation | None, state: str, language: str) -> Response[str]:
    house: House = request.app.state["house"]
    visit = Visit(house, request, None, "")
    chosen = next((one for one in (language, link.language if link else "") if one in LANGUAGES), visit.language)
    visit.language, visit.words, visit.formats = chosen, house.words(chosen), house.formats(chosen)
    purposes = []
    if link is not None and link.action == CONSENT:
        known = {purpose.id: purpose for purpose in house.definitions.purposes}
        purposes = [known[one] for one in link.purposes if one in known]
    return visit.html(
        "confirm.html", status=_STATUS.get(state, 200), link=link, state=state, purposes=purposes,
        shown=parse(link.identifier)[1] if link is not None else "",
    )  # fmt: skip


HANDLERS = (ask, confirm)
