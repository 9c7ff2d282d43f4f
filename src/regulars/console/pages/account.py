"""One's own account: language and password."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromQuery

from regulars.console.accounts import authenticate, hash_in_thread, usable
from regulars.console.formats import LANGUAGES
from regulars.console.login import begin
from regulars.console.visit import Asked, carry_out, fields, language_cookie, needs, own_path, see
from regulars.core.errors import Rejected


@get("/console/account", guards=[needs()], sync_to_thread=False)
def account_page(visit: Asked, done: FromQuery[str] = "") -> Response[str]:
    """The page."""
    return visit.html("account.html", active="account", problem="", done=done == "1")


@post("/console/language", status_code=200, guards=[needs()])
async def choose_language(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Show the console in another language in this browser."""
    language, back = fields(await visit.form(request), "language", "back")
    chosen = language if language in LANGUAGES else "en"
    return see(own_path(back), cookies=[language_cookie(chosen, secure=visit.secure)])


@post("/console/account/password", status_code=200, guards=[needs()])
async def change_password(request: Request[Any, Any, Any], visit: Asked) -> Response[Any]:
    """Take a new password; every other session of the account ends."""
    data = await visit.form(request)
    state = visit.house.services.state
    address = request.client.host if request.client is not None else ""
    if visit.house.throttle.wait(visit.name, address) > 0:
        return visit.html("account.html", status=429, active="account", problem="wait", done=False)
    user = await authenticate(state, visit.name, data.get("current", ""))
    if user is None:
        visit.house.throttle.failed(visit.name, address)
        return visit.html("account.html", status=422, active="account", problem="wrong", done=False)
    try:
        usable(data.get("password", ""))
    except Rejected:
        return visit.html("account.html", status=422, active="account", problem="length", done=False)
    hashed = await hash_in_thread(data["password"])
    args = {"name": user.name, "role": user.role, "password": hashed, "language": user.language}
    await carry_out(visit, "put_user", args)
    return see("/console/account?done=1", cookies=[begin(visit, user.name)])


HANDLERS = (account_page, choose_language, change_password)
