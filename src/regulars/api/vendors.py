"""Events of other vendors' clients, at the paths that these know: same keys, limits and durability as everywhere."""

import time
from typing import Any, ClassVar

import msgspec

from regulars.api.asgi import inflate
from regulars.api.hot import JSON, SENDERS, Answer, Done, HeaderList, Request, Route
from regulars.api.intake import BATCH_BYTES, Door
from regulars.api.keys import Keys, keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem
from regulars.collect import Decoder
from regulars.collect.formats import FORMATS
from regulars.collect.wire import Format
from regulars.core.definitions import Source
from regulars.core.log import EVENTS, NewRecord, Record
from regulars.runtime import Services

#: Bytes of a body. PostHog's servers' client sends more at once than others.
BYTES = {"posthog": 4_000_000, "snowplow": 1_000_000, "unomi": 500_000, "ga4": 500_000, "rows": 4_000_000}
_TEXT: HeaderList = [(b"content-type", b"text/plain")]
_GIF: HeaderList = [(b"content-type", b"image/gif"), (b"cache-control", b"no-store")]
#: One transparent point.
_PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_POSTHOG = ("/batch", "/e", "/capture", "/i/v0/e")


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """The hot routes of other vendors' clients, by path."""
    keys = keys_of(services)
    posthog, snowplow = PostHogDoor(services, keys, metrics), SnowplowDoor(services, keys, metrics)
    return {
        **{path + end: posthog for path in _POSTHOG for end in ("", "/")},
        "/com.snowplowanalytics.snowplow/tp2": snowplow,
        "/i": PixelDoor(services, keys, metrics),
        "/cxs/eventcollector": UnomiDoor(services, keys, metrics),
        "/cxs/context.json": ContextDoor(services, keys, metrics),
        "/mp/collect": MeasurementDoor(services, keys, metrics),
        "/debug/mp/collect": MeasurementDebugDoor(services, keys, metrics),
        "/g/collect": WebTagDoor(services, keys, metrics),
    }


class VendorDoor(Door):
    """The door of one vendor's format. The body is stored as it came; it is read when it is folded."""

    form: ClassVar[str]
    #: What a client is told whose events are stored.
    content: ClassVar[HeaderList] = JSON
    told: ClassVar[bytes] = b'{"success":true}'

    def __init__(self, services: Services, keys: Keys, metrics: Metrics, form: Format | None = None) -> None:
        super().__init__(self.form, services, keys, metrics)
        self.limit = BYTES.get(self.form, BATCH_BYTES)
        self._format = FORMATS[self.form] if form is None else form
        self._answer = Answer(200, self.content, self.told)
        #: As `_senders`, by the key in the body and the origin.
        self._named: dict[tuple[str, bytes], Source] = {}

    def find(self, key: str) -> Source | None:
        """The source of a key, or of an application's name."""
        return self._keys.named(key)

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        self._keep(request, body, done)

    def _keep(self, request: Request, body: bytes, done: Done) -> None:
        envelope = self._format.envelope(inflate(body, self.limit))
        source = request.source or self._source_named(request, envelope.key)
        received = self._services.clock() if self._follows_records else time.time_ns() // 1_000_000
        signs = self._doorman.signs(request, source)
        record = NewRecord(EVENTS, source.id, self._format.route, received, body, signs)
        if request.query and request.asks("strict") is not None:
            self._strict(request, source, record, done)
            return
        answer = self._told(request, body, envelope.events)
        if envelope.events:
            self._store(request, source, record, envelope.events, answer, done)
        else:
            done(self.counted(request, answer))

    def _told(self, request: Request, body: bytes, events: int) -> Answer:
        if not request.origin:
            return self._answer
        return Answer(200, [*self.content, *self.allowed(request.origin)], self.told)

    def _source_named(self, request: Request, key: str) -> Source:
        source = self._named.get((key, request.origin))
        if source is None:
            source = self.known(request, key)
            if len(self._named) >= SENDERS:
                self._named.clear()
            self._named[key, request.origin] = source
        return source


class PostHogDoor(VendorDoor):
    """`/batch/`, `/e/` and their like."""

    form = "posthog"
    told = b'{"status":1}'


class SnowplowDoor(VendorDoor):
    """The tracker protocol by POST. No cookie is set: a tracker works without the collector's own."""

    form = "snowplow"
    credentials = True
    content = _TEXT
    told = b"ok"


class PixelDoor(SnowplowDoor):
    """The tracker protocol by GET: the event stands in the address, the answer is a picture of one point."""

    methods = ("GET",)
    content = _GIF
    told = _PIXEL

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        if not request.query:
            raise Problem(400, "no event in the address", field="query", expected="e=pv&aid=shop", got="nothing")
        self._keep(request, request.query, done)


class UnomiDoor(VendorDoor):
    """Events alone."""

    form = "unomi"
    credentials = True

    def _told(self, request: Request, body: bytes, events: int) -> Answer:
        return self._told_json(request, {"updated": events})

    def _told_json(self, request: Request, said: dict[str, Any]) -> Answer:
        return Answer(200, [*JSON, *self.allowed(request.origin)], msgspec.json.encode(said))


class _Asked(msgspec.Struct, rename="camel", gc=False):
    session_id: str | None = None
    profile_id: str | None = None


_decode_asked = msgspec.json.Decoder(_Asked).decode


class ContextDoor(UnomiDoor):
    """Events, and what a page asks of the visitor's profile. A browser is told nothing but its own ids."""

    def _told(self, request: Request, body: bytes, events: int) -> Answer:
        try:
            asked = _decode_asked(inflate(body, self.limit))
        except (msgspec.DecodeError, UnicodeDecodeError):
            asked = _Asked()
        session = asked.session_id or (request.asks("sessionId") if request.query else None)
        said: dict[str, Any] = {
            "profileId": asked.profile_id or session,
            "sessionId": session,
            "processedEvents": events,
            "profileProperties": {},
            "sessionProperties": {},
            "profileSegments": [],
            "filteringResults": {},
            "personalizations": {},
            "personalizationResults": {},
            "trackedConditions": [],
            "anonymousBrowsing": False,
            "consents": {},
        }
        return self._told_json(request, said)


class MeasurementDoor(VendorDoor):
    """Google's Measurement Protocol: the secret in the address is the key of a source."""

    form = "ga4"
    content: ClassVar[HeaderList] = []
    told = b""
    named_by: ClassVar[str] = "api_secret"

    def __init__(self, services: Services, keys: Keys, metrics: Metrics) -> None:
        super().__init__(services, keys, metrics)
        self._answer = Answer(204, [], b"")

    def _keep(self, request: Request, body: bytes, done: Done) -> None:
        key = request.asks(self.named_by)
        if request.source is None and key:
            request.source = self._source_named(request, key)
        super()._keep(request, body, done)

    def _told(self, request: Request, body: bytes, events: int) -> Answer:
        return Answer(204, self.allowed(request.origin), b"") if request.origin else self._answer


class MeasurementDebugDoor(MeasurementDoor):
    """The same with the verdict on each event, and nothing is stored."""

    def _keep(self, request: Request, body: bytes, done: Done) -> None:
        key = request.asks(self.named_by)
        source = request.source or self._source_named(request, key or "")
        self._format.envelope(inflate(body, self.limit))
        if self._decoder is None:
            self._decoder = Decoder(self._services.definitions)
        record = Record(0, EVENTS, source.id, self.form, time.time_ns() // 1_000_000, body)
        messages = [
            {
                "fieldPath": f"events.{one.index}.{one.field}".rstrip("."),
                "description": f"{one.field or 'the event'}: expected {one.expected}, got {one.got}",
                "validationCode": one.reason.upper(),
            }
            for one in self._decoder.verdict(record)
            if not one.ok
        ]
        told = msgspec.json.encode({"validationMessages": messages})
        done(self.counted(request, Answer(200, [*JSON, *self.allowed(request.origin)], told)))


class WebTagDoor(MeasurementDoor):
    """What Google's web tag sends to its `server_container_url`: shared parameters in the address, events in the body.

    Which source it is, the measurement id says, by `app_ids`.
    """

    methods = ("GET", "POST")
    credentials = True
    named_by = "tid"

    def _keep(self, request: Request, body: bytes, done: Done) -> None:
        if not request.query:
            raise Problem(400, "no event in the address", field="query", expected="v=2&tid=G-…&cid=…", got="nothing")
        super()._keep(request, request.query + b"\n" + inflate(body, self.limit), done)
