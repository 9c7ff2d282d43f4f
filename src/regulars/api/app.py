"""The whole HTTP surface of a gateway: one table of hot routes, mounted parts, and Litestar for the rest."""

import re
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from regulars.api import (
    catalog,
    commands,
    confirmations,
    consent,
    decide,
    documents,
    erasures,
    failed,
    identity,
    intake,
    operations,
    orders,
    profiles,
    requests,
    rights,
    rows,
    rules,
    sdk,
    search,
    shop_apps,
    touchpoints,
    trace,
    tracking,
    vendor_settings,
    vendors,
    webhooks,
    whois,
)
from regulars.api.access import operator_key
from regulars.api.asgi import Handler, Receive, Scope, Send, serve
from regulars.api.hot import Route
from regulars.api.keys import keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import CONTENT_TYPE, Problem, problem_of
from regulars.collect.body import DEPTH
from regulars.core.errors import RegularsError
from regulars.runtime import Services
from regulars.runtime.confirmations import LinkSigner
from regulars.runtime.customers import Customers
from regulars.runtime.tracking import TrackingDesk

#: Every maker of hot routes: `(services, metrics) -> {path: route}`. Their paths are looked up before anything else.
HOT: tuple[Callable[[Services, Metrics], dict[str, Route]], ...] = (
    intake.routes,
    decide.routes,
    search.routes,
    vendors.routes,
    vendor_settings.routes,
    webhooks.routes,
    touchpoints.routes,
    rows.routes,
)
#: Handlers that Litestar serves and documents.
HANDLERS: tuple[ControllerRouterHandler, ...] = (
    *operations.HANDLERS,
    *profiles.HANDLERS,
    trace.trace,
    *orders.HANDLERS,
    *catalog.HANDLERS,
    *commands.HANDLERS,
    *consent.HANDLERS,
    *identity.HANDLERS,
    *erasures.HANDLERS,
    *requests.HANDLERS,
    *shop_apps.HANDLERS,
    *confirmations.HANDLERS,
    *rights.HANDLERS,
    *documents.HANDLERS,
    *whois.HANDLERS,
    *sdk.HANDLERS,
    *failed.HANDLERS,
    *tracking.HANDLERS,
    *rules.HANDLERS,
    *touchpoints.HANDLERS,
)
_LOG = structlog.get_logger("regulars.api")


class Surface:
    """The ASGI application."""

    def __init__(self, services: Services, *, mounts: dict[str, Handler] | None = None) -> None:
        self.metrics = Metrics()
        self.hot: dict[str, Route] = {}
        for make in HOT:
            self.hot |= make(services, self.metrics)
        self._mounts = mounts or {}
        self._rest = litestar_app(services, self.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            hot = self.hot.get(scope["path"])
            if hot is not None:
                await serve(hot, scope, receive, send)
                return
            if self._mounts:
                mounted = self._mounts.get(scope["path"].partition("/")[2].partition("/")[0])
                if mounted is not None:
                    await mounted(scope, receive, send)
                    return
        await self._rest(scope, receive, send)  # type: ignore[arg-type]  # Litestar's own names for the same ASGI types


def litestar_app(services: Services, metrics: Metrics) -> Litestar:
    """What is not hot: operations, profiles, catalogue, privacy, with OpenAPI."""
    customers = Customers(services)
    desk = TrackingDesk(services)
    return Litestar(
        route_handlers=[*HANDLERS],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
            "customers": Provide(lambda: customers, sync_to_thread=False),
            "tracking": Provide(lambda: desk, sync_to_thread=False),
        },
        exception_handlers={Exception: _explain},
        request_max_body_size=catalog.BODY_BYTES,  # none takes more
        openapi_config=OpenAPIConfig(
            title="Regulars", version=version("regulars"), path="/schema", enabled_endpoints=set()
        ),
        on_app_init=[_remember(services)],
        logging_config=None,
        debug=False,
    )


def _remember(services: Services) -> Callable[[AppConfig], AppConfig]:
    def keep(config: AppConfig) -> AppConfig:
        config.state["keys"] = keys_of(services)
        config.state["rates"] = services.rates
        config.state["links"] = LinkSigner(services.folder.secret())
        config.state["operator_key"] = operator_key(services.folder.secret())
        return config

    return keep


def _explain(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Any failure as a problem document."""
    if isinstance(error, HTTPException):
        headers = tuple((k.lower().encode(), v.encode()) for k, v in (error.headers or {}).items())
        details = error.extra if isinstance(error.extra, list) else []
        first = details[0] if details and isinstance(details[0], dict) else {}
        detail = str(first.get("message") or error.detail)
        if error.status_code == 404:
            detail = f"there is nothing at {request.url.path}; see /openapi.json for what there is"
        # The converter names the field at the end of its message, or beside it.
        named = re.search(r"(?:field|at) `(?:\$\.)?([^`]+)`$", detail)
        types = re.match(r"Expected `([^`]+)`, got `([^`]+)`", detail)
        field = named[1] if named else str(first.get("key", ""))
        expected, got = types.groups() if types else ("", "")
        problem = Problem(error.status_code, detail, field=field, expected=expected, got=got, headers=headers)
    elif isinstance(error, UnicodeDecodeError):  # this one and the next come from the decoder of bodies
        problem = Problem(
            400, f"the body is not JSON: {error}", field="body", expected="JSON in UTF-8", got="other bytes"
        )
    elif isinstance(error, RecursionError):
        expected = f"at most {DEPTH} levels"
        problem = Problem(400, "the body nests too deeply; send flatter objects", field="body", expected=expected)
    else:
        problem = problem_of(error)
        if not isinstance(error, RegularsError | Problem):
            _LOG.error("a defect of the API", path=request.url.path, exc_info=error)
    headers_out = {k.decode(): v.decode() for k, v in problem.headers}
    return Response(problem.body(), status_code=problem.status, headers=headers_out, media_type=CONTENT_TYPE)
