"""Events in: authenticate, check the envelope, store the verbatim body durably, answer."""

import time
from functools import partial
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
    too_large,
)
from regulars.api.keys import Keys, allows_origin, key_in, key_in_body
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem, problem_of
from regulars.collect import Decoder
from regulars.collect.body import BATCHES, EVENT_BYTES, envelope, split
from regulars.core.definitions import Source
from regulars.core.errors import RegularsError
from regulars.core.log import EVENTS, NewRecord, Record
from regulars.runtime import Services

ROUTES = {
    **{name: name for name in ("track", "identify", "page", "screen", "group", "alias", "batch", "import")},
    # The short forms of browsers' SDKs.
    "t": "track",
    "i": "identify",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
    "b": "batch",
}
#: Bytes of a body: Segment's limits.
BATCH_BYTES, IMPORT_BYTES = 500_000, 4_000_000

_JSON: HeaderList = [(b"content-type", b"application/json")]
_SUCCESS = b'{"success":true}'
_SUCCESS_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [*_JSON, (b"content-length", str(len(_SUCCESS)).encode())],
}
_SUCCESS_BODY = {"type": "http.response.body", "body": _SUCCESS}
_ENCODINGS = (b"", b"gzip", b"x-gzip", b"identity")
_LOG = structlog.get_logger("regulars.intake")


def routes(services: Services, metrics: Metrics) -> dict[str, Handler]:
    """The hot routes of intake by path."""
    door = Door(services, metrics)
    return {f"/v1/{path}": partial(door.serve, route) for path, route in ROUTES.items()}


class Door:
    """The door through which every event comes."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._keys = Keys(services.definitions.sources)
        self._follows_records = services.definitions.shop.clock == "records"
        self._decoder: Decoder | None = None

    async def serve(self, route: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is told as a problem."""
        began = time.perf_counter()
        status = 0
        try:
            status = await self._serve(route, scope, receive, send)
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001 - a client never sees a traceback; defects are logged whole
            problem = problem_of(error)
            status = problem.status
            if not isinstance(error, RegularsError | Problem):
                _LOG.error("a defect of intake", route=route, exc_info=error)
            await answer_problem(send, problem, cors(scope))
        finally:
            self._metrics.request(route, status, time.perf_counter() - began)

    async def _serve(self, route: str, scope: Scope, receive: Receive, send: Send) -> int:
        if scope["method"] != "POST":
            return await self._not_post(scope, send)
        limit = IMPORT_BYTES if route == "import" else BATCH_BYTES
        authorization, write_key, origin = _headers(scope, limit)
        key = key_in(authorization, write_key)
        source = self._source(key, route, origin) if key else None
        body = await read_body(receive, limit)
        plain = inflate(body, limit) if body[:2] == b"\x1f\x8b" else body
        if source is None:
            source = self._source(key_in_body(plain), route, origin)
        if route not in ("batch", "import") and len(plain) > EVENT_BYTES[source.kind]:
            raise too_large(EVENT_BYTES[source.kind], len(plain))
        events = count_events(plain, route)
        record = NewRecord(EVENTS, source.id, route, self._received_at(route), body)
        if scope["query_string"] and "strict" in parse_qs(scope["query_string"].decode(errors="replace")):
            return await self._strict(record, send, scope)
        if events:
            await self._services.intake.append(record)
            self._metrics.events += events
        if origin:
            await answer(send, 200, [*_JSON, *cors(scope)], _SUCCESS)
        else:
            await send(_SUCCESS_START)
            await send(_SUCCESS_BODY)
        return 200

    async def _strict(self, record: NewRecord, send: Send, scope: Scope) -> int:
        """All or nothing, with the verdict on each event."""
        if self._decoder is None:
            self._decoder = Decoder(self._services.definitions)
        results = self._decoder.verdict(Record(0, *msgspec.structs.astuple(record)))
        good = all(result.ok for result in results)
        if good:
            await self._services.intake.append(record)
            self._metrics.events += len(results)
            body = msgspec.json.encode({"success": True, "stored": True, "events": results})
            await answer(send, 200, [*_JSON, *cors(scope)], body)
            return 200
        bad = [result for result in results if not result.ok]
        problem = Problem(
            422,
            f"{len(bad)} of {len(results)} events would fail; nothing was stored because of ?strict=1. "
            "Mend the fields named in `events`, or send without strict to keep the good ones",
            field=bad[0].field,
            expected=bad[0].expected,
            got=bad[0].got,
            stored=False,
            events=msgspec.to_builtins(results),
        )
        await answer_problem(send, problem, cors(scope))
        return 422

    def _source(self, key: str, route: str, origin: bytes) -> Source:
        if not key:
            raise Problem(
                401,
                "no write key; send it as the user name of Basic authentication, as X-Write-Key, or as writeKey in the "
                "body",
                field="Authorization",
                expected="a write key of sources.toml",
                got="nothing",
                headers=((b"www-authenticate", b'Basic realm="regulars"'),),
            )
        source = self._keys.source(key)
        if source is None:
            raise Problem(
                401,
                "this write key belongs to no source; take it from sources.toml, and restart the server after an edit",
                field="Authorization",
                expected="a write key of sources.toml",
                got=f"{key[:4]}…" if len(key) > 8 else "another key",
                headers=((b"www-authenticate", b'Basic realm="regulars"'),),
            )
        if "collect" not in source.scopes or (route == "import" and source.kind != "server"):
            wanted = "a server key" if "collect" in source.scopes else "a key with scope collect"
            raise Problem(
                403,
                f"source {source.id!r} may not use /v1/{route}; use {wanted}",
                field="Authorization",
                expected=wanted,
                got=f"the {source.kind} key of {source.id!r} with scopes {', '.join(source.scopes)}",
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

    def _received_at(self, route: str) -> int:
        """Receipt, UTC ms. In a shop whose clock follows its records, live events happen at that clock."""
        if self._follows_records and route != "import":
            return self._services.clock()
        return time.time_ns() // 1_000_000

    async def _not_post(self, scope: Scope, send: Send) -> int:
        if scope["method"] == "OPTIONS":
            origin = header(scope, b"origin")
            if origin and self._keys.allows_origin(origin):
                allowed = [
                    *cors(scope),
                    (b"access-control-allow-methods", b"POST"),
                    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, x-write-key"),
                    (b"access-control-max-age", b"86400"),
                ]
                await answer(send, 204, allowed, b"")
                return 204
            raise Problem(
                403,
                "no source may be used from pages of this origin; add it to `origins` in sources.toml",
                field="Origin",
                expected="an origin of sources.toml",
                got=origin.decode(errors="replace") or "nothing",
            )
        raise Problem(
            405,
            f"{scope['path']} takes POST with a JSON body",
            field="method",
            expected="POST",
            got=scope["method"],
            headers=((b"allow", b"POST, OPTIONS"),),
        )


class _Object(msgspec.Struct, gc=False):
    """An object of which nothing is kept: that it is JSON is all that is asked."""


_decode_object = msgspec.json.Decoder(_Object).decode


def count_events(body: bytes, route: str) -> int:
    """The number of events in an unpacked body; raises Rejected when its outer shape is wrong.

    Only the outer shape is looked at: what is wrong inside one event fails that event when it is folded.
    """
    try:
        if route in BATCHES:
            return len(split(body, route))
        _decode_object(body)
    except (msgspec.DecodeError, RecursionError):
        return envelope(body, route)  # the thorough check, which finds the words
    return 1


def header(scope: Scope, wanted: bytes) -> bytes:
    """The first header of that name, b"" when it is absent."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return b""


def cors(scope: Scope) -> HeaderList:
    """What lets the asking page read the answer; nothing is given to cookies."""
    origin = header(scope, b"origin")
    return [(b"access-control-allow-origin", origin), (b"vary", b"origin")] if origin else []


def _headers(scope: Scope, limit: int) -> tuple[bytes, bytes, bytes]:
    """Authorization, X-Write-Key and Origin, once length and encoding are such that the body can be read."""
    authorization = write_key = origin = b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value
        elif name == b"origin":
            origin = value
        elif name == b"x-write-key":
            write_key = value
        elif name == b"content-length":
            if value.isdigit() and int(value) > limit:
                raise too_large(limit, int(value))
        elif name == b"content-encoding" and value.strip().lower() not in _ENCODINGS:
            encoding = value.decode(errors="replace")
            raise Problem(
                415,
                f"content encoding {encoding!r} is not understood; send gzip or nothing",
                field="Content-Encoding",
                expected="gzip or identity",
                got=encoding,
            )
    return authorization, write_key, origin
