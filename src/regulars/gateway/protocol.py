"""HTTP on one connection: hot routes are answered without a task of their own, everything else by uvicorn."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from regulars.api.hot import Answer, Request, Route, problem_answer, too_large
from regulars.api.problem import Problem
from regulars.gateway.arriving import Arriving, PageBody
from regulars.gateway.refusals import HEAD_BYTES, head_too_large, not_whole, too_many_connections
from regulars.gateway.stamp import Stamp

_LOG = structlog.get_logger("regulars.http")
_CLOSE = b"connection: close\r\n"
#: Connections at once; each costs some 20 kB even when it says nothing.
MOST_CONNECTIONS = 4_096
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def protocol(hot: Mapping[str, Route]) -> type["HotProtocol"]:
    """A protocol class for uvicorn that answers these routes by itself."""
    routes = {path.encode(): route for path, route in hot.items()}
    return type("Protocol", (HotProtocol,), {"routes": routes, "stamp": Stamp(), "arriving": Arriving()})


class Exchange:
    """One request of a hot route and its answer; to uvicorn's connection what its own cycle is."""

    __slots__ = (
        "body", "chunks", "connection", "expects", "keep_alive", "refused", "request", "response_complete", "route",
        "since", "size", "started", "whole",
    )  # fmt: skip

    def __init__(self, connection: "HotProtocol", route: Route | None, request: Request) -> None:
        self.connection = connection
        self.route = route
        self.request = request
        self.keep_alive = True
        self.expects = False  # the client waits for "100 Continue" before it sends the body
        self.body = b""
        self.chunks: list[bytes] = []  # after the first
        self.size = 0
        self.since = 0.0  # when the first bytes of the body came
        self.whole = False
        self.started = False  # all answers before this one are sent
        self.refused: Answer | None = None  # the answer, known before the body is whole
        self.response_complete = False

    def start(self) -> None:
        """Go on: every answer before this one is sent."""
        self.started = True
        if self.refused is not None:
            self.connection.send(self, self.refused)
        elif self.whole:
            self._take()
        elif self.expects and not self.size:
            self.connection.transport.write(_CONTINUE)

    def received(self, chunk: bytes) -> None:
        """A piece of the body."""
        if self.response_complete or self.refused is not None or self.route is None:
            return
        if self.size:
            self.chunks.append(chunk)
        else:
            self.body = chunk
            self.since = self.connection.loop.time()
        self.size += len(chunk)
        self.connection.arriving.came(self, len(chunk))
        if self.size > self.route.limit:
            self.refuse(too_large(self.route.limit, self.size))

    def end(self) -> None:
        """The body is whole."""
        self.whole = True
        self.connection.arriving.gone(self)
        if self.started and self.refused is None and not self.response_complete:
            self._take()

    def refuse(self, problem: Problem) -> None:
        """Answer without the rest of the body."""
        self.connection.arriving.gone(self)
        self.body, self.chunks = b"", []
        route = self.route
        self.refused = problem_answer(problem) if route is None else route.refusal(self.request, problem)
        if self.started:
            self.connection.send(self, self.refused)

    def leave(self) -> None:
        """The client is gone: a request that was not whole or not begun is not answered by anybody."""
        self.connection.arriving.gone(self)
        if self.route is not None and self.refused is None and not (self.started and self.whole):
            self.route.gone(self.request)

    def _take(self) -> None:
        body = b"".join([self.body, *self.chunks]) if self.chunks else self.body
        self.body, self.chunks = b"", []
        if self.route is not None:
            self.route.take(self.request, body, self._done)

    def _done(self, answer: Answer) -> None:
        self.connection.send(self, answer)


class HotProtocol(HttpToolsProtocol):
    """One connection. Requests are answered one after the other, in their order, whoever answers them."""

    routes: ClassVar[Mapping[bytes, Route]] = {}
    stamp: ClassVar[Stamp] = Stamp()
    arriving: ClassVar[Arriving] = Arriving()
    most_connections: ClassVar[int] = MOST_CONNECTIONS
    #: How long a request may take to arrive whole; seconds.
    request_seconds: ClassVar[float] = 120.0
    #: How often a connection is looked at for silence and slowness; seconds.
    look_seconds: ClassVar[float] = 15.0
    #: How long a client that is refused while it sends may take to read why; seconds.
    linger_seconds: ClassVar[float] = 2.0
    #: The newest request: an Exchange, or uvicorn's own.
    cycle: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        super().connection_made(transport)  # type: ignore[arg-type]  # as a server of streams gives it
        self._hung_up = False  # the last answer is written, and nothing follows it
        self._ended = False  # nothing more is read: what came is not HTTP
        self._in_head = False  # a request has begun whose head is not whole
        self._only_head = False  # the packet began and ended within the head of one request
        self._head_bytes = 0  # of the packets that held nothing but a part of this request's head
        self._packet_bytes = 0  # of the last packet
        self._advancing = False
        self._arriving_since = 0.0  # when the request that is not whole yet began; 0 when there is none
        self._page: PageBody | None = None  # the body that arrives for uvicorn's newest request
        self._quiet_since = self.loop.time()  # of the last answer
        self._looking = self.loop.call_later(self.look_seconds, self._look)
        if len(self.connections) > self.most_connections:
            self._refuse_all(too_many_connections(self.most_connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._looking.cancel()
        waiting: list[Any] = [cycle for cycle, _ in self.pipeline]
        for cycle in {*waiting, self.cycle}:
            if isinstance(cycle, Exchange) and not cycle.response_complete:
                cycle.leave()
        self.pipeline.clear()
        self._page_gone()
        if isinstance(self.cycle, Exchange):
            self.cycle = None
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # true keeps the connection for the answer
        """The client sends no more; answers that it waits for are still sent."""
        cycle = self.cycle
        if isinstance(cycle, Exchange) and cycle.whole and not cycle.response_complete:
            cycle.keep_alive = False
            return True
        return None

    def data_received(self, data: bytes) -> None:
        """Bytes of any size, at any border."""
        if self._ended:
            return
        self._only_head = self._in_head
        self._packet_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            _LOG.error("a defect of the HTTP protocol", exc_info=error.__context__ or error)
            self.transport.abort()
        except httptools.HttpParserError as error:
            self._not_http(str(error))
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        if self._only_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse_all(head_too_large())

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        self._head_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._arriving_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """The head is whole: choose who answers."""
        self._in_head = self._only_head = False
        if self._ended:
            self.cycle = Exchange(self, None, Request("", "", b"", []))  # that nobody answers
            return
        if self._head_bytes + self._packet_bytes > HEAD_BYTES and self._head_size() > HEAD_BYTES:
            self._refuse_all(head_too_large())
            return
        path, _, query = self.url.partition(b"?")
        route = self.routes.get(path)
        if route is None or self.parser.get_method() != b"POST" or self.parser.should_upgrade():
            self._to_uvicorn()
            return
        address = self.client[0] if self.client else ""
        exchange = Exchange(self, route, Request("POST", path.decode(), query, self.headers, address))
        exchange.keep_alive = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        exchange.expects = self.expect_100_continue
        exchange.refused = route.open(exchange.request)
        self._queue(exchange)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        cycle = self.cycle
        if isinstance(cycle, Exchange):
            cycle.received(body)
            return
        if self._ended or cycle.response_complete:
            self._page_gone()
            return
        super().on_body(body)
        if self._page is None:
            self._page = PageBody(self.arriving, partial(self._refuse_page, cycle))
        self._page.received(len(body))

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._arriving_since = 0.0
        if isinstance(self.cycle, Exchange):
            self.cycle.end()
        else:
            self._page_gone()
            super().on_message_complete()

    def send(self, exchange: Exchange, answer: Answer) -> None:
        """Write an answer whose turn it is, and go on to the next request."""
        if exchange.response_complete:
            return
        exchange.response_complete = True
        if self._over():
            return
        closes = answer.closes or not exchange.keep_alive
        close = _CLOSE if closes and not answer.closes else b""
        stamp = self.stamp.of(self.server_state.default_headers)
        self.transport.write(b"".join((answer.line, stamp, close, answer.rest)))
        if closes:
            self._hang_up(whole=exchange.whole)
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """An answer is written: begin the next request that waits."""
        self.server_state.total_requests += 1
        self._quiet_since = self.loop.time()
        if self._advancing:
            return  # the loop below, further up the stack, goes on
        self._advancing = True
        try:
            while self.pipeline and not self._over():
                cycle, app = self.pipeline.pop()
                self._start_asgi_task(cycle, app)
                if not cycle.response_complete:
                    break
        finally:
            self._advancing = False
        self._read_on()

    def pause_writing(self) -> None:
        """The client reads its answers too slowly: read no more of its requests."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._read_on()

    def _read_on(self) -> None:
        if not (self.pipeline or self._ended or self.flow.write_paused or self._over()):
            self.flow.resume_reading()

    def _to_uvicorn(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = headers
        try:
            super().on_headers_complete()
        except httptools.HttpParserInvalidURLError as error:
            self._not_http(f"an address that cannot be read, {error}")

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, Exchange):
            cycle.start()
        else:
            super()._start_asgi_task(cycle, app)

    def _queue(self, exchange: Exchange) -> None:
        """Start it, or let it wait for the answers before it."""
        before = self.cycle
        self.cycle = exchange
        if self._over():
            return  # it came after a request that ended the connection
        if before is None or before.response_complete:
            exchange.start()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, None))  # type: ignore[arg-type]

    def _not_http(self, why: str) -> None:
        """Answer what is no HTTP, after the answers to what was, and end."""
        headers = ((b"connection", b"close"),)
        self._refuse_all(
            Problem(400, f"this is not HTTP: {why}", field="request", expected="HTTP/1.1", headers=headers)
        )

    def _refuse_all(self, problem: Problem) -> None:
        """Read nothing more, and answer the request that is not whole after the answers to those before it."""
        self._ended = True
        self._arriving_since = 0.0
        self.flow.pause_reading()
        cycle = self.cycle
        if isinstance(cycle, Exchange) and not cycle.whole and not cycle.response_complete:
            cycle.refuse(problem)
            return
        exchange = Exchange(self, None, Request("", "", b"", []))
        exchange.refused = problem_answer(problem)
        if cycle is None or isinstance(cycle, Exchange) or cycle.response_complete or not cycle.more_body:
            self._queue(exchange)
            return
        # The rest of that body will never come: whoever reads it hears that its client is gone, and lets go of it.
        self._page_gone()
        self.cycle = exchange
        waiting = next((pair for pair in self.pipeline if pair[0] is cycle), None)
        if waiting is not None:
            self.pipeline[self.pipeline.index(waiting)] = (exchange, None)  # type: ignore[assignment]
            return
        cycle.disconnected = True
        cycle.message_event.set()
        exchange.start()

    def _refuse_page(self, cycle: Any, problem: Problem) -> None:
        """Answer a request of uvicorn's without the rest of its body."""
        if cycle.response_started:
            self.transport.close()
        else:
            self._refuse_all(problem)

    def _page_gone(self) -> None:
        if self._page is not None:
            self._page.gone()
            self._page = None

    def _over(self) -> bool:
        """Whether no further answer is written."""
        return self._hung_up or self.transport.is_closing()

    def _hang_up(self, *, whole: bool) -> None:
        """End the connection; where the client still sends, only once it has had the time to read the answer.

        The kernel answers bytes that come to a closed socket with a reset, at which the client's kernel throws away
        what was not read yet: it would never learn that its request is too large, and send it again for ever.
        """
        if whole:
            self.transport.close()
            return
        self._ended = self._hung_up = True  # what still comes is read and thrown away
        self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(self.linger_seconds, self.transport.close)

    def _look(self) -> None:
        """Close what is silent, and answer who sends too slowly."""
        if self.transport.is_closing():
            return
        self._looking = self.loop.call_later(self.look_seconds, self._look)
        now = self.loop.time()
        cycle = self.cycle
        idle = cycle is None or cycle.response_complete
        if self._arriving_since:
            if now - self._arriving_since > self.request_seconds:
                self._too_slow(None if idle else cycle)
        elif idle and now - self._quiet_since > self.timeout_keep_alive:
            self.transport.close()

    def _too_slow(self, cycle: Any) -> None:
        if cycle is None:
            self.transport.close()
        elif not isinstance(cycle, Exchange):
            if cycle.response_started:
                self.transport.close()
            else:
                self._refuse_all(not_whole(self.request_seconds))
        elif cycle.started and not cycle.whole:
            cycle.refuse(not_whole(self.request_seconds))
