"""Logging in and out."""

import secrets
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromQuery, QueryParameter

from regulars.console.accounts import authenticate, find
from regulars.console.formats import LANGUAGES
from regulars.console.sessions import COOKIE, LIFETIME, VISIT_COOKIE
from regulars.console.visit import (
    Asked,
    LoginNeeded,
    Visit,
    cookie,
    fields,
    language_cookie,
    needs,
    own_path,
    read_form,
    see,
    visit_of,
)
from regulars.core.state import USER

_TEN_MINUTES = 600


@get("/login", sync_to_thread=False)
def login_page(
    request: Request[Any, Any, Any],
    after: Annotated[str, QueryParameter(name="next")] = "",
    language: FromQuery[str] = "",
) -> Response[Any]:
    """The form."""
    if language in LANGUAGES:
        chosen = language_cookie(language, secure=request.url.scheme == "https")
        return see("/login" + (f"?next={own_path(after)}" if after else ""), cookies=[chosen])
    visit = visit_of(request)
    if visit.user is not None:
        return see(own_path(after))
    return _form(request, visit, after=own_path(after) if after else "")


@post("/login", status_code=200)
async def log_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """Check name and password, and begin a session."""
    visit = visit_of(request)
    house = visit.house
    ticket = request.cookies.get(VISIT_COOKIE, "")
    data = await read_form(request, lambda token: house.sessions.token_fits(token, f"visit:{ticket}" if ticket else ""))
    name, after = fields(data, "name", "next")
    address = request.client.host if request.client is not None else ""
    wait = house.throttle.wait(name, address)
    if wait > 0:
        return _form(request, visit, after=after, name=name, problem="wait", wait=wait, status=429)
    # Counted before it is checked, so that tries at the same time do not slip through together.
    house.throttle.failed(name, address)
    user = await authenticate(house.services.state, name, data.get("password", ""))
    if user is None:
        return _form(request, visit, after=after, name=name, problem="wrong", status=401)
    house.throttle.succeeded(name, address)
    return see(
        own_path(after), cookies=[begin(visit, user.name), cookie(VISIT_COOKIE, "", secure=visit.secure, seconds=0)]
    )


@post("/logout", status_code=200, guards=[needs()])
async def log_out(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """End the session in this browser."""
    await visit.form(request)
    return see("/login", cookies=[cookie(COOKIE, "", secure=visit.secure, seconds=0)])


def begin(visit: Visit, name: str) -> Cookie:
    """The cookie of a new session of this user."""
    user = find(visit.house.services.state, name)
    if user is None:  # removed in this moment
        raise LoginNeeded
    return cookie(COOKIE, visit.house.sessions.begin(user), secure=visit.secure, seconds=LIFETIME)


def _form(
    request: Request[Any, Any, Any], visit: Visit, *, after: str, name: str = "", problem: str = "", wait: float = 0,
    status: int = 200,
) -> Response[Any]:  # fmt: skip
    ticket = request.cookies.get(VISIT_COOKIE, "") or secrets.token_urlsafe(16)
    response = visit.html(
        "login.html", status=status, after=after, name=name, problem=problem, wait=wait,
        ticket=visit.house.sessions.form_token(f"visit:{ticket}"),
        nobody=not visit.house.services.state.select(USER, limit=1),
    )  # fmt: skip
    response.cookies.append(cookie(VISIT_COOKIE, ticket, secure=visit.secure, seconds=_TEN_MINUTES * 6))
    return response


HANDLERS = (login_page, log_in, log_out)
