"""What the hot routes have in common: read a request's head, know the source, and answer, by whatever it came."""

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import ClassVar, TypeAlias
from urllib.parse import parse_qs

import structlog

from regulars.api.keys import Keys, allows_origin, key_in
from regulars.api.metrics import Metrics
from regulars.api.problem import CONTENT_TYPE, Problem, problem_of
from regulars.core.definitions import Source
from regulars.core.errors import RegularsError
from regulars.runtime.rates import Rates

HeaderList: TypeAlias = list[tuple[bytes, bytes]]
JSON: HeaderList = [(b"content-type", b"application/json")]
#: Senders that a route remembers, so that a key is not decoded and hashed for each of their requests.
SENDERS = 256
_CREDENTIALS = (b"access-control-allow-credentials", b"true")
_ENCODINGS = (b"", b"gzip", b"x-gzip", b"identity")
#: What pages may send; also what a client adds when it tries again, for without it here no retry comes through.
_ALLOWED = (
    b"authorization, content-type, content-encoding, x-write-key, x-regulars-token, x-retry-count, anonymousid, "
    b"sentat, sp-anonymous, rsa-retry-attempt, rsa-retry-reason, rsa-since-first-attempt, rsa-since-last-attempt, "
    b"rsa-recovered"
)
_LOG = structlog.get_logger("regulars.hot")
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Request:
    """The head of a request, and what is known of its sender."""

    __slots__ = ("address", "began", "headers", "key", "method", "origin", "path", "query", "source")

    def __init__(self, method: str, path: str, query: bytes, headers: HeaderList, address: str = "") -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers  # names in lower case
        self.address = address  # of who is connected: the sender or a proxy
        self.began = time.perf_counter()
        self.origin = b""
        self.key = ""
        self.source: Source | None = None

    def header(self, wanted: bytes) -> bytes:
        """The first header of that name, b"" when it is absent."""
        return next((value for name, value in self.headers if name == wanted), b"")

    def asks(self, name: str) -> str | None:
        """The last value of a parameter of the address; None when it is absent or has no value."""
        found = parse_qs(self.query.decode(errors="replace")).get(name) if self.query else None
        return found[-1] if found else None


class Answer:
    """A whole answer, its bytes made once: `line`, then the server's own headers, then `rest`."""

    __slots__ = ("body", "closes", "headers", "line", "rest", "status")

    def __init__(self, status: int, headers: HeaderList, body: bytes) -> None:
        self.status = status
        self.headers = [*headers, (b"content-length", b"%d" % len(body))] if status != 204 else headers
        self.body = body
        self.closes = (b"connection", b"close") in headers
        self.line = _STATUS_LINES[status]
        self.rest = b"".join([b"%b: %b\r\n" % pair for pair in self.headers]) + b"\r\n" + body


#: Takes the answer, at once or later, on the event loop.
Done: TypeAlias = Callable[[Answer], None]


class Route:
    """One hot path. Whoever parses HTTP calls `open` with the head, then `take` with the body.

    Neither blocks, waits or raises: `take` hands its answer to `done`, at once or when what was asked is stored.
    """

    #: The scope that a key needs.
    scope: ClassVar[str]
    #: What it is asked with.
    methods: ClassVar[tuple[str, ...]] = ("POST",)
    #: Whether clients ask with their cookies, of which nothing is read; without leave they could not read the answer.
    credentials: ClassVar[bool] = False

    def __init__(self, name: str, limit: int, keys: Keys, metrics: Metrics) -> None:
        self.name = name
        self.limit = limit  # bytes of a body
        self._keys = keys
        self._metrics = metrics
        #: Those who may use this route, by what they sent: authorization, X-Write-Key and origin. A dictionary compares
        #: values only when their keyed hashes are the same, so its time tells nothing of a key that is almost right.
        self._senders: dict[tuple[bytes, bytes, bytes], Source] = {}

    def open(self, request: Request) -> Answer | None:
        """The answer when the body need not be read; None when it is wanted."""
        try:
            if request.method not in self.methods:
                return self.counted(request, self._not_post(request))
            self._read_head(request)
        except Exception as error:  # noqa: BLE001 - a client never sees a traceback; defects are logged whole
            return self.refusal(request, error)
        return None

    def take(self, request: Request, body: bytes, done: Done) -> None:
        """Do what the request asks."""
        try:
            self._take(request, body, done)
        except Exception as error:  # noqa: BLE001 - as above
            done(self.refusal(request, error))

    def refusal(self, request: Request, error: Exception) -> Answer:
        """What a failure is answered with."""
        if not isinstance(error, RegularsError | Problem):
            _LOG.error("a defect of a hot route", route=self.name, exc_info=error)
        origin = request.origin or request.header(b"origin")
        return self.counted(request, problem_answer(problem_of(error), origin, credentials=self.credentials))

    def allowed(self, origin: bytes) -> HeaderList:
        """What lets the asking page read the answer."""
        return cors(origin, credentials=self.credentials)

    def counted(self, request: Request, answer: Answer) -> Answer:
        """The answer, counted."""
        self._metrics.request(self.name, answer.status, time.perf_counter() - request.began)
        return answer

    def gone(self, request: Request) -> None:
        """The client went away before its request was whole."""
        self._metrics.request(self.name, 0, time.perf_counter() - request.began)

    def find(self, key: str) -> Source | None:
        """The source of a key."""
        return self._keys.source(key)

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        raise NotImplementedError

    def known(self, request: Request, key: str) -> Source:
        """The source of a key, that may use this route from the request's page; a Problem otherwise."""
        source = self.find(key) if key else None
        if source is None:
            raise self._keys.refused(request.address, request.headers, _unauthorized(key))
        if self.scope not in source.scopes:
            raise self.forbidden(source, f"a key with scope {self.scope}")
        if request.origin and not allows_origin(source, request.origin):
            origin = request.origin.decode(errors="replace")
            raise Problem(
                403,
                f"pages of {origin} may not use source {source.id!r}; add the origin to its `origins` in sources.toml",
                field="Origin",
                expected=", ".join(source.origins),
                got=origin,
            )
        return source

    def forbidden(self, source: Source, wanted: str) -> Problem:
        """What a source without the right is told."""
        return Problem(
            403,
            f"source {source.id!r} may not use /v1/{self.name}; use {wanted}",
            field="Authorization",
            expected=wanted,
            got=f"the {source.kind} key of {source.id!r} with scopes {', '.join(source.scopes)}",
        )

    def _read_head(self, request: Request) -> None:
        """Key, origin and source, once length and encoding are such that the body can be read."""
        authorization = write_key = b""
        for name, value in request.headers:
            if name == b"authorization":
                authorization = value
            elif name == b"origin":
                request.origin = value
            elif name == b"x-write-key":
                write_key = value
            elif name == b"content-length":
                if value.isdigit() and int(value) > self.limit:
                    raise too_large(self.limit, int(value))
            elif name == b"content-encoding" and value.strip().lower() not in _ENCODINGS:
                encoding = value.decode(errors="replace")
                raise Problem(
                    415,
                    f"content encoding {encoding!r} is not understood; send gzip or nothing",
                    field="Content-Encoding",
                    expected="gzip or identity",
                    got=encoding,
                )
        sender = (authorization, write_key, request.origin)
        request.source = self._senders.get(sender)
        if request.source is None and (key := key_in(authorization, write_key)):
            request.source = self.known(request, key)
            if len(self._senders) >= SENDERS:
                self._senders.clear()
            self._senders[sender] = request.source

    def _not_post(self, request: Request) -> Answer:
        origin = request.header(b"origin")
        if request.method != "OPTIONS":
            body = " with a JSON body" if self.methods == ("POST",) else ""
            raise Problem(
                405,
                f"{request.path} takes {' or '.join(self.methods)}" + body,
                field="method",
                expected=" or ".join(self.methods),
                got=request.method,
                headers=((b"allow", f"{', '.join(self.methods)}, OPTIONS".encode()),),
            )
        if not origin or not self._keys.allows_origin(origin):
            raise Problem(
                403,
                "no source may be used from pages of this origin; add it to `origins` in sources.toml",
                field="Origin",
                expected="an origin of sources.toml",
                got=origin.decode(errors="replace") or "nothing",
            )
        allowed = [
            *self.allowed(origin),
            (b"access-control-allow-methods", ", ".join(self.methods).encode()),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", b"86400"),
        ]
        return Answer(204, allowed, b"")


def cors(origin: bytes, *, credentials: bool = False) -> HeaderList:
    """What lets the asking page read the answer; `credentials` where its client cannot do without sending cookies."""
    if not origin:
        return []
    headers = [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
    return [*headers, _CREDENTIALS] if credentials else headers


def problem_answer(problem: Problem, origin: bytes = b"", *, credentials: bool = False) -> Answer:
    """A problem document."""
    allowed = cors(origin, credentials=credentials)
    if allowed and any(name == b"retry-after" for name, _ in problem.headers):
        allowed.append((b"access-control-expose-headers", b"retry-after"))  # a page is told, too, when to come again
    return Answer(
        problem.status, [(b"content-type", CONTENT_TYPE.encode()), *problem.headers, *allowed], problem.body()
    )


def too_large(limit: int, size: int) -> Problem:
    """What a body beyond its limit is answered with; the connection ends, for the rest was not read."""
    return Problem(
        413,
        f"the body is larger than {limit} bytes; send less in one request",
        field="body",
        expected=f"at most {limit} bytes",
        got=f"{size} bytes or more",
        headers=((b"connection", b"close"),),
    )


def within_rate(rates: Rates, source: Source, events: int) -> None:
    """Take the source's tokens for these events; a Problem 429 where it sends more than its rate."""
    wait = rates.wait(source.id, events)
    if wait:
        raise too_many(source.id, events, wait)


def too_many(source: str, events: int, wait: float) -> Problem:
    """What a source that sends more than its rate is answered with."""
    seconds = math.ceil(wait)
    return Problem(
        429,
        f"source {source!r} sends more events than its `rate` in sources.toml; nothing of this request was stored. "
        f"Send it again in {seconds} s",
        field="rate",
        expected="no more than the source's rate",
        got=f"{events} events too early",
        headers=((b"retry-after", str(seconds).encode()),),
    )


def _unauthorized(key: str) -> Problem:
    said = (
        "this key belongs to no source; take one from sources.toml, and restart the server after an edit"
        if key
        else "no key; send one of sources.toml as the user name of Basic authentication, as X-Write-Key, or as "
        "writeKey in the body"
    )
    return Problem(
        401,
        said,
        field="Authorization",
        expected="a key of sources.toml",
        got=(f"{key[:4]}…" if len(key) > 8 else "another key") if key else "nothing",
        headers=((b"www-authenticate", b'Basic realm="regulars"'),),
    )
