"""`POST /v1/decide`: what should this customer see now, in several placements, each with reasons."""

import time
from urllib.parse import parse_qs

import msgspec
import structlog

from regulars.api.asgi import (
    Disconnected,
    Handler,
    HeaderList,
    Receive,
    Scope,
    Send,
    answer,
    answer_problem,
    inflate,
    read_body,
)
from regulars.api.intake import cors, header
from regulars.api.keys import Keys, allows_origin, key_in
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem, problem_of
from regulars.core.definitions import Source
from regulars.core.errors import RegularsError
from regulars.decide.call import Call, read_call
from regulars.decide.words import spoken
from regulars.runtime import Services
from regulars.runtime.deciding import Deciding, deciding

PATH = "/v1/decide"
#: Bytes of a call.
BODY_BYTES = 500_000
_JSON: HeaderList = [(b"content-type", b"application/json")]
_LOG = structlog.get_logger("regulars.decide")
_encode = msgspec.json.Encoder().encode


def routes(services: Services, metrics: Metrics) -> dict[str, Handler]:
    """The hot route by path."""
    return {PATH: Desk(services, metrics).serve}


class Desk:
    """Answers calls."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._keys = Keys(services.definitions.sources)
        self._languages = services.definitions.shop.languages
        self._waits = services.settings.decide_waits
        self._flow: Deciding | None = None

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is told as a problem."""
        began = time.perf_counter()
        status = 0
        try:
            status = await self._serve(scope, receive, send)
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001 - a client never sees a traceback; defects are logged whole
            problem = problem_of(error)
            status = problem.status
            if not isinstance(error, RegularsError | Problem):
                _LOG.error("a defect of deciding", exc_info=error)
            await answer_problem(send, problem, cors(scope))
        finally:
            self._metrics.request("decide", status, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        if scope["method"] != "POST":
            return await self._not_post(scope, send)
        body = inflate(await read_body(receive, BODY_BYTES), BODY_BYTES)
        origin = header(scope, b"origin")
        key = key_in(header(scope, b"authorization"), header(scope, b"x-write-key"))
        source = self._source(key, origin) if key else None
        call = read_call(body)
        if source is None:
            source = self._source(call.write_key or "", origin)
        explain = _explains(scope, call)
        if explain and source.kind != "server":
            raise Problem(
                403,
                "explanations tell what is known of a customer: ask with a server key",
                field="explain",
                expected="a server key",
                got=f"the browser key of {source.id!r}",
            )
        flow = self._flow
        if flow is None:
            flow = deciding(self._services)
            await flow.ready()
            self._flow = flow
        outcome = flow.flow.decide(call, source, now=self._services.clock(), explain=explain)
        stored = flow.append(outcome)
        language = spoken(call.language, header(scope, b"accept-language").decode("latin-1"), self._languages)
        told = flow.teller.tell(outcome.answer, language, verified=source.kind == "server", explain=explain)
        if self._waits:
            await stored
        self._metrics.events += len(call.events)
        await answer(send, 200, [*_JSON, *cors(scope)] if origin else _JSON, _encode(told))
        return 200

    def _source(self, key: str, origin: bytes) -> Source:
        source = self._keys.source(key) if key else None
        if source is None:
            raise Problem(
                401,
                "no key of this shop; send a write key of sources.toml as the user name of Basic authentication, as "
                "X-Write-Key, or as writeKey in the body",
                field="Authorization",
                expected="a key of sources.toml",
                got="another key" if key else "nothing",
                headers=((b"www-authenticate", b'Basic realm="regulars"'),),
            )
        if "decide" not in source.scopes:
            raise Problem(
                403,
                f"source {source.id!r} may not decide; add the scope to it in sources.toml",
                field="Authorization",
                expected="a key with scope decide",
                got=f"scopes {', '.join(source.scopes)}",
            )
        if origin and not allows_origin(source, origin):
            raise Problem(
                403,
                f"pages of {origin.decode(errors='replace')} may not use source {source.id!r}; add the origin to its "
                "`origins` in sources.toml",
                field="Origin",
                expected=", ".join(source.origins),
                got=origin.decode(errors="replace"),
            )
        return source

    async def _not_post(self, scope: Scope, send: Send) -> int:
        origin = header(scope, b"origin")
        if scope["method"] == "OPTIONS" and origin and self._keys.allows_origin(origin):
            allowed = [
                *cors(scope),
                (b"access-control-allow-methods", b"POST"),
                (b"access-control-allow-headers", b"authorization, content-type, content-encoding, x-write-key"),
                (b"access-control-max-age", b"86400"),
            ]
            await answer(send, 204, allowed, b"")
            return 204
        raise Problem(
            405,
            f"{PATH} takes POST with a JSON body",
            field="method",
            expected="POST",
            got=scope["method"],
            headers=((b"allow", b"POST, OPTIONS"),),
        )


def _explains(scope: Scope, call: Call) -> bool:
    if call.explain:
        return True
    query = scope["query_string"]
    return bool(query) and parse_qs(query.decode(errors="replace")).get("explain", ["0"])[-1] not in ("0", "false")
