"""The console as an ASGI application: pages, static files, security headers, and errors that a person can read."""

import asyncio
import sys
from typing import Any
from urllib.parse import quote

import structlog
from litestar import Litestar, Request, Response, get
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Redirect

from regulars.console import login
from regulars.console.accounts import ADMIN, ensure_admin
from regulars.console.house import STATIC, House, edition
from regulars.console.pages import (
    access,
    account,
    confirm,
    customer,
    customers,
    data_use,
    duplicates,
    erasures,
    failed,
    health,
    me,
    mending,
    models,
    orders,
    overview,
    rules,
    search,
    segments,
    trace,
    tracking,
    users,
    whois,
    wishes,
)
from regulars.console.visit import Forbidden, ForeignForm, LoginNeeded, Missing, provide_visit, visit_of
from regulars.core.errors import Misconfigured, RegularsError, Rejected, Unavailable
from regulars.runtime import Services

_LOG = structlog.get_logger("regulars.console")
#: No script, style, frame or form but our own; nothing of a page is kept by browsers or told to other sites.
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_EVER = "public, max-age=31536000, immutable"


def app(services: Services) -> Litestar:
    """The console of a shop; answers /, /console…, /login, /logout, /confirm/…, /me/… and /static/…."""
    house = House(services)
    console = Litestar(
        route_handlers=[
            home, static, *tracking.HANDLERS, *login.HANDLERS, *overview.HANDLERS, *segments.HANDLERS,
            *customers.HANDLERS,
            *customer.HANDLERS, *failed.HANDLERS, *mending.HANDLERS, *health.HANDLERS, *access.HANDLERS,
            *users.HANDLERS,
            *account.HANDLERS, *confirm.HANDLERS, *me.HANDLERS, *duplicates.HANDLERS, *whois.HANDLERS, *wishes.HANDLERS,
            *data_use.HANDLERS,
            *rules.HANDLERS, *models.HANDLERS, *search.HANDLERS,
            *orders.HANDLERS, *erasures.HANDLERS, *trace.HANDLERS,
        ],
        dependencies={"visit": Provide(provide_visit, sync_to_thread=False)},
        exception_handlers={Exception: _explain},
        openapi_config=None,
        logging_config=None,
        debug=False,
        after_request=_protected,
        request_max_body_size=1_000_000,
    )  # fmt: skip
    console.state["house"] = house
    console.state["announcing"] = _announce(services)
    return console


def _announce(services: Services) -> "asyncio.Task[None] | None":
    """Beside the start: make the first administrator where there is none and print the password, once."""

    async def announce() -> None:
        try:
            password = await ensure_admin(services)
        except RegularsError as error:
            _LOG.warning("the first console user is made at the next start", error=str(error))
            return
        if password is not None:
            sys.stdout.write(f"\n  The console's first user (shown only now): name {ADMIN}, password {password}\n\n")
            sys.stdout.flush()

    try:
        return asyncio.get_running_loop().create_task(announce())
    except RuntimeError:  # nobody serves: a test that looks at the routes
        return None


@get("/", sync_to_thread=False)
def home() -> Redirect:
    """The first page is the console's."""
    return Redirect("/console", status_code=303)


@get("/static/{digest:str}/{name:str}", sync_to_thread=False)
def static(digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A file of the console."""
    path = STATIC / name
    if path.parent != STATIC or path.suffix not in _TYPES or not path.is_file() or digest != edition():
        raise Missing
    headers = {"cache-control": _FOR_EVER}
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers=headers)


async def _protected(response: Response[Any]) -> Response[Any]:
    return _protect(response)


def _protect(response: Response[Any]) -> Response[Any]:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("cache-control", "no-store")
    return response


def _explain(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Any failure as a page that says what to do."""
    return _protect(_page_for(request, error))


def _told(path: str) -> str:
    """A path for the log: an address that is itself a key loses what makes it one.

    >>> _told("/me/eyJhbGciOi.x/data.json"), _told("/console/health")
    ('/me/…', '/console/health')
    """
    first = path.split("/")[1]
    return f"/{first}/…" if first in ("me", "confirm") else path


def _page_for(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    visit = visit_of(request)
    if isinstance(error, LoginNeeded):
        back = "/login?next=" + quote(request.url.path if request.method == "GET" else "/console", safe="/")
        if visit.partial:
            return Response("", status_code=401, headers={"hx-redirect": back})
        return Redirect(back, status_code=303)
    status, key, detail = 500, "defect", ""
    if isinstance(error, Forbidden):
        status, key = 403, "forbidden"
    elif isinstance(error, ForeignForm):
        status, key = 403, "foreign_form"
    elif isinstance(error, Missing):
        status, key = 404, "missing"
    elif isinstance(error, Rejected):
        status, key, detail = 422, "rejected", str(error)
    elif isinstance(error, Unavailable | Misconfigured):
        status, key, detail = 503, "unavailable", str(error)
    elif isinstance(error, HTTPException):
        status, key = error.status_code, "missing" if error.status_code in (404, 405) else "rejected"
    else:
        _LOG.error("a defect of the console", path=_told(request.url.path), exc_info=error)
    template = "_problem.html" if visit.partial else "problem.html"
    return visit.html(template, status=status, key=key, detail=detail)
