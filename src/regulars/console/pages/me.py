"""The customer's own page: what the shop knows, where it came from, what it was used for, and what one may change.

Whoever holds the signed link is the customer. Looking changes nothing; forms carry a token that fits this link alone.
A customer who is logged in to the shop comes with a token of its backend, which opens the page once and becomes a link.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast
from urllib.parse import parse_qsl

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from regulars.collect.entry import Entry
from regulars.collect.tokens import EXPIRED, MALFORMED, TOO_LARGE
from regulars.console.consents import Agreement, agreements, versions
from regulars.console.formats import LANGUAGES
from regulars.console.house import House
from regulars.console.timeline import Moment, moments
from regulars.console.visit import MOST_FORM_BYTES, Missing, Visit, read_form, see
from regulars.console.wishes import answered, wishes
from regulars.core.definitions import Preference
from regulars.core.errors import Rejected
from regulars.core.identifier import is_person, is_reference, parse
from regulars.core.log import ACCESS, NewRecord
from regulars.core.preferences import Interest
from regulars.core.record import profile_name
from regulars.core.state import ORDER
from regulars.flow.facts import ASKED_ERASURE, preferences_of, without_preferences
from regulars.runtime.access import Access, as_json
from regulars.runtime.confirmations import OWN_PAGE, Confirmation, InvalidLink, LinkSigner, new_id
from regulars.runtime.consents import Asked, asked
from regulars.runtime.fact_names import FactNames
from regulars.runtime.preferences import checked
from regulars.runtime.telling import correct, prefer

_ORDERS, _EVENTS, _INTERESTS, _DECISIONS = 5, 8, 6, 6
_STATUS = {"broken": 404, "expired": 410, "unknown": 404, "used": 410}
_LOG = structlog.get_logger("regulars.console")
#: How long the page stays open for whoever came in with a token, ms.
_VISIT_MS = 3_600_000
#: Says to a developer why a token opened nothing, as the answers of decisions do.
_REASON = "x-regulars-token"
_BY = "customer"
#: The address is the key: no other site is told it. With "no-referrer" browsers would send forms with `Origin: null`.
_KEEP = {"referrer-policy": "same-origin"}


class Own(msgspec.Struct, frozen=True):
    """What the page shows."""

    facts: list[tuple[str, str]]
    orders: list[tuple[str, int, int, str]]  # id, time, total, currency
    interests: list[Interest]
    segments: list[str]
    agreements: list[tuple[Agreement, Asked]]
    wishes: list[tuple[Preference, Any]]
    restricted: bool
    events: list[Moment]
    decisions: list[tuple[int, list[tuple[str, str]]]]  # time, (what was shown where, why), newest first


class _Guest(msgspec.Struct):
    """Who holds the link, and what answers are written with."""

    visit: Visit
    link: Confirmation | None
    number: int
    problem: str  # "broken", "expired", "unknown" or ""
    token: str

    @property
    def csrf(self) -> str:
        return self.visit.house.sessions.form_token(f"me {self.token}")


@get("/me/{token:str}")
async def own_page(
    request: Request[Any, Any, Any], token: FromPath[str], language: FromQuery[str] = "", done: FromQuery[str] = ""
) -> Response[str]:
    """The page."""
    guest = _guest(request, token, language)
    if guest.problem:
        return _nobody(guest)
    await _looked(guest, "look at own page")
    return await _show(guest, done=done if done in _DONE else "")


@get("/me", sync_to_thread=False)
def no_page(request: Request[Any, Any, Any], language: FromQuery[str] = "") -> Response[str]:
    """Without a link there is no page, and nothing in an address opens one."""
    return _nobody(_guest(request, "", language))


@post("/me", status_code=200)
async def enter(request: Request[Any, Any, Any], language: FromQuery[str] = "") -> Response[Any]:
    """The way in from the shop: a form with a `token` of its backend, which opens the page once.

    The token stands in the body, so that no address, history, log or referrer has it. No field says where to go next.
    """
    guest = _guest(request, "", language)
    house, sent = guest.visit.house, await request.body()
    found: Entry | str = TOO_LARGE
    if len(sent) <= MOST_FORM_BYTES:
        try:
            form = dict(parse_qsl(sent.decode(errors="replace"), max_num_fields=20))
        except ValueError:
            form = {}
        language = language or form.get("language", "")
        guest = _guest(request, "", language)
        found = house.entries.check(form.get("token", ""), now=house.services.clock())
    identity = house.definitions.identity
    if isinstance(found, Entry) and (is_reference(found.key, identity) or not is_person(found.key, identity)):
        found = MALFORMED  # an order number or a browser is nobody who could be logged in
    if isinstance(found, str):
        return _not_in(guest, found)
    try:
        house.customers.number(found.key)
    except LookupError:
        return _not_in(guest, "unknown_customer", state="unknown")
    # Only now: a token of somebody who is not known yet can be used when the account has arrived.
    answer = await house.services.command("enter", {"id": found.id, "expires": found.expires}, _BY)
    said = answer.body if isinstance(answer.body, dict) else {}
    if not answer.ok or said.get("id") != found.id:
        return _not_in(guest, "used" if said.get("field") == "id" else EXPIRED)
    now = house.services.clock()
    link = Confirmation(action=OWN_PAGE, identifier=found.key, id=new_id(), asked_at=now, expires=now + _VISIT_MS,
                        by=found.source, language=guest.visit.language)  # fmt: skip
    page = see(f"/me/{LinkSigner(house.services.folder.secret()).sign(link)}")
    page.headers.update(_KEEP)
    return cast(Response[Any], page)


def _not_in(guest: _Guest, reason: str, *, state: str = "") -> Response[str]:
    _LOG.info("a token did not open the customer's own page", reason=reason)
    page = _nobody(guest, state or (reason if reason in _STATUS else "broken"))
    page.headers[_REASON] = reason
    return page


@get("/me/{token:str}/data.json")
async def data(request: Request[Any, Any, Any], token: FromPath[str]) -> Stream | Response[str]:
    """Everything, to take away."""
    guest = _guest(request, token, "")
    if guest.problem or guest.link is None:
        return _nobody(guest)
    await _looked(guest, "read everything")
    house = guest.visit.house
    sections = Access(house.services, house.customers).of(guest.number, guest.link.identifier, guest.visit.language)
    pieces: AsyncIterator[bytes] = as_json(sections)
    headers = {"content-disposition": 'attachment; filename="my-data.json"', **_KEEP}
    return Stream(pieces, media_type="application/json", headers=headers)


@post("/me/{token:str}", status_code=200)
async def change(request: Request[Any, Any, Any], token: FromPath[str], language: FromQuery[str] = "") -> Response[Any]:
    """One of the forms: a consent, the wishes, the profile, or the wish to be erased."""
    guest = _guest(request, token, language)
    if guest.problem or guest.link is None:
        return _nobody(guest)
    form = await read_form(request, lambda sent: guest.visit.house.sessions.token_fits(sent, f"me {token}"))
    if form.get("do") == "erase":
        return await _erase(guest, form)
    act = _ACTS.get(form.get("do", ""))
    if act is None:
        raise Missing
    if act is _consent and _read_other_words(guest.visit.house, form):
        return await _show(guest, problem=guest.visit.words("me.words_changed"))
    try:
        told = await act(guest.visit.house, guest.link.identifier, form)
    except Rejected as error:
        return await _show(guest, problem=_refusal(guest, error))
    return cast(Response[Any], see(f"/me/{token}?language={guest.visit.language}&done={told}"))


def _read_other_words(house: House, form: dict[str, str]) -> bool:
    """Whether somebody agrees to words that the shop has changed since the page was opened."""
    read = form.get("text_version", "")
    return (
        bool(read) and form.get("granted") == "yes" and read != versions(house.definitions).get(form.get("purpose", ""))
    )


async def _consent(house: House, key: str, form: dict[str, str]) -> str:
    one = next((a for a in asked(house.definitions, "en") if a.id == form.get("purpose")), None)
    answer = {"yes": True, "no": False}.get(form.get("granted", ""))
    args: dict[str, Any] = {"identifier": key, "purpose": form.get("purpose"), "granted": answer}
    args |= {"reason": "own page", "method": "own_page", "text_version": one.version if one is not None else ""}
    await _command(house, "set_consent", args)
    return "consent"


async def _restrict(house: House, key: str, form: dict[str, str]) -> str:
    wanted = {"yes": True, "no": False}.get(form.get("restricted", ""))
    await _command(
        house, "restrict", {"identifier": key, "restricted": wanted, "reason": "own page", "method": "own_page"}
    )
    return "profile"


async def _wishes(house: House, key: str, form: dict[str, str]) -> str:
    hot, _ = house.customers.records(house.customers.number(key))
    said = answered(_asked_here(house), form, preferences_of(hot.facts))
    if said:
        await prefer(house.services, key, checked(house.definitions, said), origin=_BY)
    return "wishes"


def _asked_here(house: House) -> list[Preference]:
    return [one for one in house.definitions.preferences if one.ask]


_ACTS = {"consent": _consent, "profile": _restrict, "wishes": _wishes}
_DONE = frozenset((*_ACTS, "erase"))


async def _erase(guest: _Guest, form: dict[str, str]) -> Response[Any]:
    """The first press asks again, the second, with a token that only that question holds, erases or asks staff to."""
    assert guest.link is not None  # noqa: S101 - only called with one
    house, key = guest.visit.house, guest.link.identifier
    if not house.sessions.token_fits(form.get("sure", ""), f"erase {guest.token}"):
        return await _show(guest, erasing=True)
    try:
        if house.definitions.shop.erase_requests == "at_once":
            await _command(house, "erase", {"identifier": key, "reason": "own page"})
            return _nobody(guest, "erased")
        now = house.services.clock()
        asked = {ASKED_ERASURE: house.engine.calendar.local(now).date().isoformat()}
        await correct(house.services, house.customers, key, asked, by=_BY, reason="own page")
        await _looked(guest, "ask to be erased")
    except Rejected as error:
        return await _show(guest, problem=_refusal(guest, error))
    return cast(Response[Any], see(f"/me/{guest.token}?language={guest.visit.language}&done=erase"))


def _refusal(guest: _Guest, error: Rejected) -> str:
    """Why not, in the customer's language."""
    words = guest.visit.words
    wish = next((one for one in _asked_here(guest.visit.house) if one.id == error.field), None)
    if wish is None:
        return words("me.refused")
    return words("me.wish_refused", wish=words.of(wish.title, wish.id))


async def _command(house: House, name: str, args: dict[str, Any]) -> None:
    answer = await house.services.command(name, args, _BY)
    if not answer.ok:
        said = answer.body if isinstance(answer.body, dict) else {}
        raise Rejected(str(said.get("error", name)), field=str(said.get("field", "")))


def _guest(request: Request[Any, Any, Any], token: str, language: str) -> _Guest:
    house: House = request.app.state["house"]
    visit = Visit(house, request, None, "")
    link, number, problem = None, 0, ""
    try:
        link = LinkSigner(house.services.folder.secret()).read(token, now=house.services.clock())
        if link.action != OWN_PAGE:
            link, problem = None, "broken"
        else:
            number = house.customers.number(link.identifier)
    except InvalidLink as error:
        problem = error.reason
    except LookupError:
        problem = "unknown"
    chosen = next((one for one in (language, link.language if link else "") if one in LANGUAGES), visit.language)
    visit.language, visit.words, visit.formats = chosen, house.words(chosen), house.formats(chosen)
    return _Guest(visit, link, number, problem, token)


def _nobody(guest: _Guest, state: str = "") -> Response[str]:
    """A page for a link that opens nothing, or nothing any more."""
    state = state or guest.problem
    page = guest.visit.html("me.html", status=_STATUS.get(state, 200), me=None, state=state, token="", who="",
                            done="", problem="", form_token="", sure="")  # fmt: skip
    page.headers.update(_KEEP)
    return page


async def _show(guest: _Guest, *, done: str = "", problem: str = "", erasing: bool = False) -> Response[str]:
    assert guest.link is not None  # noqa: S101 - only called with one
    house = guest.visit.house
    events, _ = await house.customers.history(guest.number, limit=_EVENTS)
    read = Access(house.services, house.customers)
    decided = await read.latest_decisions(guest.number, guest.visit.language, limit=_DECISIONS)
    own = await asyncio.to_thread(_own, guest, events, decided)
    page = guest.visit.html(
        "me.html", status=422 if problem else 200, me=own, state="", token=guest.token,
        who=parse(guest.link.identifier)[1], done=done, problem=problem, form_token=guest.csrf,
        sure=house.sessions.form_token(f"erase {guest.token}") if erasing else "",
    )  # fmt: skip
    page.headers.update(_KEEP)
    return page


def _own(guest: _Guest, events: list[Any], decided: list[dict[str, Any]]) -> Own:
    visit, house = guest.visit, guest.visit.house
    hot, person = house.customers.records(guest.number)
    definitions = house.engine.definitions
    rows = house.services.state.select(ORDER, {"profile": guest.number}, order=("-time",), limit=_ORDERS)
    words = {one.id: one for one in asked(definitions, visit.language)}
    titles = {one.id: visit.words.of(one.title, "") for one in definitions.segments}
    names = FactNames(definitions, visit.language)
    return Own(
        facts=[
            (names(name), _told(visit, value)[:200]) for name, value in sorted(without_preferences(hot.facts).items())
        ],
        orders=[(str(r[0]), cast(int, r[2]), cast(int, r[3]), str(r[4])) for r in rows if r[2] is not None],
        interests=house.customers.interests(hot)[:_INTERESTS],
        segments=[titles[one] for one in hot.segments if titles.get(one)],
        agreements=[(one, words[one.id]) for one in agreements(visit, hot, person) if one.id in words],
        wishes=wishes(_asked_here(house), hot.facts),
        restricted=hot.restricted,
        events=moments(visit, events),
        decisions=[(one["time"], [(place["in_words"], place["why"]) for place in one["shown"]]) for one in decided],
    )


def _told(visit: Visit, value: Any) -> str:
    return visit.words("clause.yes" if value else "clause.no") if isinstance(value, bool) else str(value)


async def _looked(guest: _Guest, action: str) -> None:
    services = guest.visit.house.services
    body = msgspec.json.encode({"user": _BY, "action": action, "subject": profile_name(guest.number)})
    await services.append(NewRecord(ACCESS, _BY, "own page", services.clock(), body))


HANDLERS = (own_page, no_page, enter, data, change)
