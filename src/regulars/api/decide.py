"""`POST /v1/decide`: what should this customer see now, in several placements, each with reasons."""

import asyncio
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from regulars.api.asgi import inflate
from regulars.api.hot import JSON, Answer, Done, HeaderList, Request, Route, cors, within_rate
from regulars.api.keys import keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem
from regulars.api.senders import senders_of
from regulars.catalog.search import Found
from regulars.core.definitions import Source
from regulars.core.errors import Unavailable
from regulars.decide.call import LOGIN, Call, read_call
from regulars.decide.words import spoken
from regulars.recommend.search import Search
from regulars.runtime import Services
from regulars.runtime.deciding import Deciding, deciding
from regulars.runtime.searching import searching

PATH = "/v1/decide"
#: Bytes of a call.
BODY_BYTES = 500_000
_encode = msgspec.json.Encoder().encode
CallKind = TypeVar("CallKind", bound=Call)


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """The hot route by path."""
    return {PATH: Desk(services, metrics)}


class _Asked(NamedTuple):
    """A call, and where its answer goes."""

    flow: Deciding
    request: Request
    call: Call
    source: Source
    explain: bool
    done: Done


class Desk(Route):
    """Answers calls."""

    scope = "decide"

    def __init__(self, services: Services, metrics: Metrics) -> None:
        super().__init__("decide", BODY_BYTES, keys_of(services), metrics)
        self._services = services
        self._languages = services.definitions.shop.languages
        self._doorman = senders_of(services)
        self._waits = services.settings.decide_waits
        self._flow: Deciding | None = None

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        if self._flow is not None:
            self._decide(self._flow, request, body, done)
            return
        flow = deciding(self._services)
        asyncio.ensure_future(flow.ready()).add_done_callback(partial(self._ready, flow, request, body, done))

    def _ready(self, flow: Deciding, request: Request, body: bytes, done: Done, ready: "asyncio.Future[None]") -> None:
        failure = failure_of(ready)
        if failure is not None:
            done(self.refusal(request, failure))
            return
        self._flow = flow
        self.take(request, body, done)

    def _decide(self, flow: Deciding, request: Request, body: bytes, done: Done) -> None:
        call = read_call(inflate(body, self.limit))
        call = logged_in(call, request)
        source = request.source or self.known(request, call.write_key or "")
        explain = call.explain or (request.asks("explain") or "0") not in ("0", "false")
        if explain and source.kind != "server":
            raise not_explained(source)
        within_rate(self._services.rates, source, 1 + len(call.events))
        asked = _Asked(flow, request, call, source, explain, done)
        if call.query is not None and call.query.strip():
            work = searching(self._services).answering(call.query)
            asyncio.ensure_future(work).add_done_callback(partial(self._found, asked))
            return
        self._answer(asked._replace(call=msgspec.structs.replace(call, query=None)))

    def _found(self, asked: "_Asked", work: "asyncio.Future[tuple[Search, Found]]") -> None:
        failure = failure_of(work)
        if failure is not None:
            asked.done(self.refusal(asked.request, failure))
            return
        try:
            self._answer(asked, work.result()[0])
        except Exception as error:  # noqa: BLE001 - a client never sees a traceback; defects are logged whole
            asked.done(self.refusal(asked.request, error))

    def _answer(self, asked: "_Asked", search: Search | None = None) -> None:
        flow, request, call, source, explain, done = asked
        agent = request.header(b"user-agent").decode("latin-1")
        signs, now = self._doorman.signs(request, source), self._services.clock()
        outcome = flow.flow.decide(call, source, now=now, agent=agent, signs=signs, explain=explain, search=search)
        stored = flow.append(outcome)
        language = spoken(call.language, request.header(b"accept-language").decode("latin-1"), self._languages)
        told = flow.teller.tell(outcome.answer, language, verified=source.kind == "server", explain=explain)
        headers = [*JSON, *cors(request.origin), *refused_token(outcome.token_refused)]
        answer = Answer(200, headers, _encode(told))
        events = len(call.events)
        if self._waits:
            stored.add_done_callback(partial(self._stored, request, events, answer, done))
        else:
            self._metrics.events += events
            done(self.counted(request, answer))

    def _stored(self, request: Request, events: int, answer: Answer, done: Done, stored: "asyncio.Future[int]") -> None:
        failure = failure_of(stored)
        if failure is not None:
            done(self.refusal(request, failure))
            return
        self._metrics.events += events
        done(self.counted(request, answer))


def refused_token(reason: str) -> HeaderList:
    """What tells a developer why the token was not believed; the decision is that of a browser without one."""
    if not reason:
        return []
    return [(b"x-regulars-token", reason.encode()), (b"access-control-expose-headers", b"x-regulars-token")]


def logged_in(call: CallKind, request: Request) -> CallKind:
    """The call with the token of its header, which says who is logged in."""
    token = request.header(b"x-regulars-token")
    if not token:
        return call
    return msgspec.structs.replace(call, context={**call.context, LOGIN: token.decode("latin-1")})


def not_explained(source: Source) -> Problem:
    """What a browser that asks to explain is told."""
    return Problem(
        403,
        "explanations tell what is known of a customer: ask with a server key",
        field="explain",
        expected="a server key",
        got=f"the browser key of {source.id!r}",
    )


def failure_of(done: "asyncio.Future[Any]") -> Exception | None:
    """Why a future that is done has no result."""
    try:
        done.result()
    except asyncio.CancelledError:
        return Unavailable("the server is stopping; send the call again to the process that follows")
    except Exception as error:  # noqa: BLE001 - told to the caller, whatever it is
        return error
    return None
