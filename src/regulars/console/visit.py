"""One request of the console: who asks, in which language, and what the answer looks like."""

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.response import Redirect
from litestar.types import Guard

from regulars.console.accounts import User
from regulars.console.formats import LANGUAGES, Formats
from regulars.console.house import House
from regulars.console.rights import Right, masked, may
from regulars.console.sessions import COOKIE
from regulars.core.errors import Rejected
from regulars.core.log import ACCESS, NewRecord

LANGUAGE_COOKIE = "regulars_language"
MOST_FORM_BYTES = 16_384
_YEAR = 365 * 86_400
_HTML = "text/html; charset=utf-8"


class LoginNeeded(Exception):
    """Nobody is logged in."""


class Forbidden(Exception):
    """The role does not have the right."""


class ForeignForm(Exception):
    """A form without the session's token: it may come from another site."""


class Missing(Exception):
    """There is no such page or customer."""


class Visit:
    """What a handler works with; `request.scope["visit"]`."""

    def __init__(
        self, house: House, request: "ASGIConnection[Any, Any, Any, Any]", user: User | None, session: str
    ) -> None:
        self.house = house
        self.user = user
        self._session = session
        self.language = self._language(request)
        self.words = house.words(self.language)
        self.formats: Formats = house.formats(self.language)
        self.path = request.scope["path"]
        self.secure = request.url.scheme == "https"
        self.partial = request.headers.get("hx-request") == "true"

    @property
    def name(self) -> str:
        """The user's name."""
        return self.user.name if self.user is not None else ""

    @property
    def role(self) -> str:
        """The user's role."""
        return self.user.role if self.user is not None else ""

    def may(self, right: Right) -> bool:
        """Whether the user has a right."""
        return may(self.role, right)

    def identifier(self, key: str) -> str:
        """An identifier as this user may see it."""
        return key if self.may("identifiers") else masked(key)

    @property
    def token(self) -> str:
        """What forms carry."""
        return self.house.sessions.form_token(self._session)

    async def looked(self, action: str, subject: str) -> None:
        """Log who looks at whom; before anything is shown."""
        services = self.house.services
        body = msgspec.json.encode({"user": self.name, "action": action, "subject": subject})
        await services.append(NewRecord(ACCESS, self.name, "console", services.clock(), body))

    def html(self, template: str, /, *, status: int = 200, **context: Any) -> Response[str]:
        """A rendered page."""
        return Response(self.text(template, **context), status_code=status, media_type=_HTML)

    def text(self, template: str, /, **context: Any) -> str:
        """A rendered template."""
        shop = self.house.definitions.shop
        return self.house.templates.get_template(template).render(
            v=self, t=self.words, f=self.formats, shop=shop, csrf=self.token, **context
        )

    async def form(self, request: Request[Any, Any, Any]) -> dict[str, str]:
        """The fields of a form of this session; raises ForeignForm for any other."""
        return await read_form(request, lambda token: self.house.sessions.token_fits(token, self._session))

    def _language(self, request: "ASGIConnection[Any, Any, Any, Any]") -> str:
        accepted = request.headers.get("accept-language", "")
        user = self.user.language if self.user is not None else ""
        wanted = [request.cookies.get(LANGUAGE_COOKIE, ""), user]
        wanted += [part.split(";")[0].strip()[:2].lower() for part in accepted[:200].split(",")]
        return next((language for language in wanted if language in LANGUAGES), "en")


async def read_form(request: Request[Any, Any, Any], fits: Any) -> dict[str, str]:
    """The fields of a form whose token fits and which does not say that it comes from another site."""
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    foreign = origin is not None and urlsplit(origin).netloc != host
    if foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForeignForm
    body = await request.body()
    if len(body) > MOST_FORM_BYTES:
        raise ForeignForm
    fields = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=100))
    if not fits(fields.pop("csrf", "")):
        raise ForeignForm
    return fields


def needs(right: Right | None = None) -> Guard:
    """A guard that lets logged-in users with this right through (None: everybody who is logged in)."""

    def guard(connection: "ASGIConnection[Any, Any, Any, Any]", _: BaseRouteHandler) -> None:
        visit = visit_of(connection)
        if visit.user is None:
            raise LoginNeeded
        if right is not None and not visit.may(right):
            raise Forbidden
        connection.scope["visit"] = visit  # type: ignore[typeddict-unknown-key]

    return guard


def visit_of(connection: "ASGIConnection[Any, Any, Any, Any]") -> Visit:
    """Who asks, by the session cookie; nobody when there is none that fits."""
    house: House = connection.app.state["house"]
    cookie = connection.cookies.get(COOKIE, "")
    found = house.sessions.read(cookie, house.services.state) if cookie else None
    if found is None:
        return Visit(house, connection, None, "")
    session, user = found
    return Visit(house, connection, user, session.id)


#: What handlers ask for: the visit that the guard has let through.
Asked: TypeAlias = NamedDependency[Visit]


def provide_visit(request: Request[Any, Any, Any]) -> Visit:
    """The visit that the guard has let through."""
    visit: Visit = request.scope["visit"]  # type: ignore[typeddict-item]
    return visit


def cookie(name: str, value: str, *, secure: bool, seconds: int | None) -> Cookie:
    """A cookie that scripts cannot read and other sites cannot make browsers send with forms."""
    return Cookie(key=name, value=value, path="/", max_age=seconds, httponly=True, samesite="lax", secure=secure)


async def carry_out(visit: Visit, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """A command in the user's name; its result once it is folded. Raises Rejected with the reason of a refusal."""
    answer = await visit.house.services.command(name, args, visit.name)
    said: dict[str, Any] = answer.body if isinstance(answer.body, dict) else {}
    if not answer.ok:
        raise Rejected(str(said.get("error", name)), field=str(said.get("field", "")))
    return said


def language_cookie(language: str, *, secure: bool) -> Cookie:
    """Remembers the language that somebody chose."""
    return cookie(LANGUAGE_COOKIE, language, secure=secure, seconds=_YEAR)


def see(path: str, *, cookies: list[Cookie] | None = None) -> Redirect:
    """After a form: look at this page."""
    return Redirect(path, status_code=303, cookies=cookies)


def own_path(path: str) -> str:
    """A path of the console to go back to; anything else becomes its first page.

    >>> own_path("/console/health"), own_path("https://example.org/console"), own_path("/console//x")
    ('/console/health', '/console', '/console')
    """
    plain = path.startswith("/console") and "//" not in path and "\\" not in path and path.isprintable()
    return path if plain and len(path) < 500 else "/console"


def fields(data: Mapping[str, str], *names: str) -> list[str]:
    """The named fields of a form, stripped; "" for those that are missing."""
    return [data.get(name, "").strip() for name in names]
