"""Events in: authenticate, check the envelope, store the verbatim body durably, answer."""

import time
from functools import partial
from http import HTTPStatus

import msgspec

from regulars.api.asgi import inflate
from regulars.api.hot import JSON, Answer, Done, Request, Route, cors, problem_answer, too_large, within_rate
from regulars.api.keys import Keys, key_in_body, keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem, problem_of
from regulars.api.senders import senders_of
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

#: Where clients of other makers send calls of the same spec: Jitsu's, from browsers and from servers.
ELSEWHERE = {
    f"/api/s/{place}{name}": name for place in ("", "s2s/") for name in ROUTES if len(name) > 1 and name != "import"
}

_SUCCESS = b'{"success":true}'
_STORED = Answer(200, JSON, _SUCCESS)


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """The hot routes of intake by path."""
    keys = keys_of(services)
    doors = {name: Door(name, services, keys, metrics) for name in set(ROUTES.values())}
    beacon = Beacon("batch", services, keys, metrics)
    return {
        **{f"/v1/{path}": doors[name] for path, name in ROUTES.items()},
        **{path: doors[name] for path, name in ELSEWHERE.items()},
        "/beacon/v1/batch": beacon,
    }


class Door(Route):
    """The door through which events of one route come."""

    scope = "collect"

    def __init__(self, name: str, services: Services, keys: Keys, metrics: Metrics) -> None:
        super().__init__(name, IMPORT_BYTES if name == "import" else BATCH_BYTES, keys, metrics)
        self._services = services
        self._doorman = senders_of(services)
        # In a shop whose clock follows its records, live events happen at that clock.
        self._follows_records = services.definitions.shop.clock == "records" and name != "import"
        self._decoder: Decoder | None = None

    def known(self, request: Request, key: str) -> Source:
        """As for every route; whole histories come from servers only."""
        source = super().known(request, key)
        if self.name == "import" and source.kind != "server":
            raise self.forbidden(source, "a server key")
        return source

    def refusal(self, request: Request, error: Exception) -> Answer:
        """As for every route, with the two members that clients in Python look for, or they try again in vain."""
        if isinstance(error, RegularsError | Problem):
            problem = error = problem_of(error)
            code = HTTPStatus(problem.status).phrase.lower().replace(" ", "-")
            problem.more = {"code": code, "message": problem.detail, **problem.more}
        return super().refusal(request, error)

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        plain = inflate(body, self.limit) if body[:2] == b"\x1f\x8b" else body
        source = request.source or self.known(request, key_in_body(plain))
        if self.name not in BATCHES and len(plain) > EVENT_BYTES[source.kind]:
            raise too_large(EVENT_BYTES[source.kind], len(plain))
        events = count_events(plain, self.name)
        received = self._services.clock() if self._follows_records else time.time_ns() // 1_000_000
        record = NewRecord(EVENTS, source.id, self.name, received, body, self._doorman.signs(request, source))
        if request.query and request.asks("strict") is not None:
            self._strict(request, source, record, done)
            return
        answer = Answer(200, [*JSON, *cors(request.origin)], _SUCCESS) if request.origin else _STORED
        if events:
            self._store(request, source, record, events, answer, done)
        else:
            done(self.counted(request, answer))

    def _strict(self, request: Request, source: Source, record: NewRecord, done: Done) -> None:
        """All or nothing, with the verdict on each event."""
        if self._decoder is None:
            self._decoder = Decoder(self._services.definitions)
        results = self._decoder.verdict(Record(0, *msgspec.structs.astuple(record)))
        bad = [result for result in results if not result.ok]
        if not bad:
            body = msgspec.json.encode({"success": True, "stored": True, "events": results})
            answer = Answer(200, [*JSON, *cors(request.origin)], body)
            self._store(request, source, record, len(results), answer, done)
            return
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
        done(self.counted(request, problem_answer(problem, request.origin)))

    def _store(
        self, request: Request, source: Source, record: NewRecord, events: int, answer: Answer, done: Done
    ) -> None:
        within_rate(self._services.rates, source, events)
        self._services.intake.hand_in(record, partial(self._stored, request, events, answer, done))

    def _stored(self, request: Request, events: int, answer: Answer, done: Done, outcome: int | Exception) -> None:
        if isinstance(outcome, Exception):
            done(self.refusal(request, outcome))
            return
        self._metrics.events += events
        done(self.counted(request, answer))


class Beacon(Door):
    """Where RudderStack's browser client sends what is left when a page closes; its key stands in the address."""

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        key = request.asks("writeKey")
        if request.source is None and key:
            request.source = self.known(request, key)
        super()._take(request, body, done)


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
