"""Who may use the routes that read or change what the shop knows: server keys with the right scope."""

import hashlib
import hmac

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from regulars.api.hot import within_rate
from regulars.api.keys import Keys, key_in
from regulars.api.problem import Problem
from regulars.core.definitions import Source
from regulars.runtime.rates import Rates

#: Whoever may read the data folder: the command line on the server's own machine.
OPERATOR = Source(id="operator", kind="server", scopes=("profiles", "catalog", "privacy", "admin"))


def operator_key(secret: bytes) -> str:
    """The key of the command line, known to those who can read the installation's secret."""
    return "op_" + hmac.new(secret, b"operator", hashlib.sha256).hexdigest()


def needs(scope: str) -> Guard:
    """A guard that lets server keys with this scope through and remembers the source as `request.user`."""

    def guard(connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        connection.scope["user"] = authorised(connection, scope)

    return guard


def authorised(connection: ASGIConnection, scope: str) -> Source:  # type: ignore[type-arg]
    """The source behind the request's key, if it may."""
    headers = connection.headers
    key = key_in(headers.get("authorization", "").encode(), headers.get("x-write-key", "").encode())
    keys: Keys = connection.app.state["keys"]
    operator: str = connection.app.state["operator_key"]
    source = keys.source(key) if key else None
    if key and hmac.compare_digest(key.encode(), operator.encode()):
        source = OPERATOR
    if source is None:
        unknown = Problem(
            401,
            "this needs a server key; send it as `Authorization: Bearer …` or as the user name of Basic authentication",
            field="Authorization",
            expected=f"a server key with scope {scope}",
            got="another key" if key else "nothing",
            headers=((b"www-authenticate", b'Basic realm="regulars"'),),
        )
        client = connection.client
        raise keys.refused(client.host if client is not None else "", [], unknown)
    if source.kind != "server" or scope not in source.scopes:
        raise Problem(
            403,
            f"source {source.id!r} may not do this; use a server key with scope {scope} (sources.toml)",
            field="Authorization",
            expected=f"a server key with scope {scope}",
            got=f"the {source.kind} key of {source.id!r} with scopes {', '.join(source.scopes)}",
        )
    rates: Rates = connection.app.state["rates"]
    within_rate(rates, source, 1)
    return source
