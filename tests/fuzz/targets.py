"""What reads bytes of strangers: each reader takes anything and raises nothing but the refusal that it documents."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import IO, Any
from zoneinfo import ZoneInfo

import msgspec

from regulars.api.asgi import inflate
from regulars.api.keys import key_in, key_in_body
from regulars.api.problem import Problem
from regulars.catalog import parse_rows
from regulars.collect import Decoder
from regulars.collect.blanking import blanked
from regulars.collect.body import ROUTES, envelope
from regulars.collect.files import KINDS, cells
from regulars.collect.files.kind import About, FileKind
from regulars.collect.formats import FORMATS, SHOP_SYSTEMS
from regulars.collect.phones import e164
from regulars.collect.webhook import Head, stored
from regulars.core.definitions import Definitions, Shop, Signals, Source
from regulars.core.errors import Rejected
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, Record
from regulars.decide.call import read_call
from regulars.importing.tracks import fit, gpx
from regulars.profile import tcf
from regulars.profile.hearing import hear
from tests.fit_files import fit_file

#: Reads bytes; raises only where it has a defect.
Target = Callable[[bytes], None]
NOW = 1_772_500_000_000
DECODER = Decoder(
    Definitions(
        shop=Shop(name="Shop"),
        sources=(Source(id="web", kind="browser", write_key="wk_fuzz"), Source(id="till", kind="server")),
        strict_plan=False,
        signals=Signals(segment={"ads": ("marketing",)}),
    )
)
_ZONE = ZoneInfo("Europe/Berlin")


def _folded(route: str, body: bytes, source: str = "till") -> None:
    """What folding does with a stored body: an event or a failed one each, which can be stored and says something."""
    for one in DECODER.decode(Record(1, EVENTS, source, route, NOW, body)):
        assert isinstance(one, Event | FailedEvent)
        msgspec.json.encode(one)
        if isinstance(one, Event):
            hear(one, ("ads", "marketing"))
    blanked(body, route, {1}, ["ana"])  # what an erasure does with it


def _segment(route: str) -> Target:
    def target(data: bytes) -> None:
        with suppress(Rejected):
            envelope(data, route)
        _folded(route, data)

    return target


def _vendor(route: str) -> Target:
    def target(data: bytes) -> None:
        with suppress(Rejected):
            FORMATS[route].envelope(data)
        _folded(route, data, "web")

    return target


def _webhook(route: str) -> Target:
    def target(data: bytes) -> None:
        topic, _, body = data.partition(b"\n")
        _folded(route, stored(Head(topic.decode("latin-1"), "d"), body))

    return target


def _inflated(data: bytes) -> None:
    with suppress(Problem):
        assert len(inflate(data, 100_000)) <= max(100_000, len(data))


def _decide(data: bytes) -> None:
    with suppress(Rejected):
        read_call(data)


def _keys(data: bytes) -> None:
    key_in(data, b"").encode(errors="surrogatepass")
    key_in(b"", data)
    key_in_body(data).encode(errors="surrogatepass")


def _consent(data: bytes) -> None:
    with suppress(ValueError):
        tcf.decode(data.decode("latin-1"))


def _cells(data: bytes) -> None:
    text = data.decode(errors="replace")
    for read in (cells.number, cells.ident, lambda field, value: cells.moment(field, value, _ZONE)):
        with suppress(Rejected):
            read("cell", text)
    assert e164(text, "DE") is None or text


def _products(data: bytes) -> None:
    try:
        rows = msgspec.json.decode(data, type=list[dict[str, object]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    list(parse_rows(enumerate(rows), currency="EUR"))


def _track(read: Callable[[IO[bytes], str], Iterator[dict[str, Any]]]) -> Target:
    def target(data: bytes) -> None:
        with suppress(Rejected):
            for row in read(BytesIO(data), "file"):
                msgspec.json.encode(row)

    return target


def _rows(kind: FileKind) -> Target:
    """Rows of a table, as a reader of CSV or JSON gives them: a call or a bad row each, which can be stored."""

    def target(data: bytes) -> None:
        try:
            rows = msgspec.json.decode(data, type=list[dict[str, Any]])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        with suppress(Rejected):
            for call in kind.calls(enumerate(rows, 1), About(now=NOW, types=("email",), purposes=("ads",))):
                msgspec.json.encode(call)

    return target


TARGETS: dict[str, Target] = {
    **{f"segment-{route}": _segment(route) for route in ROUTES},
    **{f"vendor-{route}": _vendor(route) for route in FORMATS},
    **{f"webhook-{route}": _webhook(route) for route in SHOP_SYSTEMS},
    "gzip": _inflated,
    "decide": _decide,
    "keys": _keys,
    "tcf": _consent,
    "cells": _cells,
    "products": _products,
    "gpx": _track(gpx),
    "fit": _track(fit),
    **{f"rows-{name}": _rows(kind) for name, kind in KINDS.items()},
}

_CALL = {
    "type": "track", "event": "Order Completed", "messageId": "m", "userId": "ana", "timestamp": "2026-03-01T10:00:00Z",
    "properties": {"order_id": "1", "total": 4.9, "products": [{"product_id": "p", "quantity": 2}]},
    "context": {"consent": {"categoryPreferences": {"ads": True}}, "tcf": {"tc_string": "CPXx"}, "regulars_token": "a"},
}  # fmt: skip
_SELF = '{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{}}'
_SNOWPLOW = {"e": "ue", "aid": "shop", "duid": "d", "ue_pr": _SELF, "url": "https://shop.example/?utm_source=x"}
_POSTHOG = {"event": "$pageview", "distinct_id": "u", "properties": {"$current_url": "https://shop.example/"}}
_UNOMI = {
    "eventType": "view",
    "scope": "shop",
    "target": {"itemId": "p", "properties": {"pageInfo": {"pagePath": "/"}}},
}
_ORDER = {
    "id": 1, "created_at": "2026-03-01T10:00:00Z", "total_price": "4.90", "currency": "EUR", "status": "processing",
    "date_created_gmt": "2026-03-01T10:00:00", "line_items": [{"product_id": 2, "quantity": 1, "price": "4.90"}],
    "customer": {"id": 7, "email": "ana@example.org"}, "refunds": [],
}  # fmt: skip
_TOPICS = {"shopify": "orders/create", "woocommerce": "order.updated", "shopware": "checkout.order.placed"}


_ROW = {
    "email": "ana@example.org", "time": "2026-03-01 10:00", "order_id": "1", "total": "4,90", "product_id": "p",
    "quantity": "2", "price": "4.90", "rating": "4", "channel": "ARD", "starts": "2026-03-01 20:15", "ends": "21:45",
    "invoice_id": "9", "amount": "4.90", "campaign": "spring", "cost": "12.5", "zone": "entrance", "distance": "5 km",
    "duration": "00:30:00", "query": "bell", "clicks": "3", "store": "s1", "count": "12", "text": "fine",
}  # fmt: skip
_GPX = (
    b'<?xml version="1.0"?><gpx creator="w"><trk><type>run</type><trkseg><trkpt lat="50.9" lon="6.9"><time>'
    b'2026-03-01T10:00:00Z</time></trkpt><trkpt lat="50.91" lon="6.91"/></trkseg></trk></gpx>'
)


def seeds(name: str) -> list[bytes]:
    """Bytes that a target reads, to begin with."""
    kind, _, route = name.partition("-")
    bodies: dict[str, list[object]] = {
        "segment": [_CALL, {"batch": [_CALL, {}]}],
        "vendor": [
            {"data": [_SNOWPLOW]},
            {"api_key": "k", "batch": [_POSTHOG]},
            {"sessionId": "s", "events": [_UNOMI]},
            {"client_id": "1.2", "events": [{"name": "purchase", "params": {"value": 1, "items": [{}]}}]},
        ],
        "webhook": [_ORDER],
        "decide": [{"placements": ["a"], "userId": "ana", "events": [_CALL], "basket": ["p", 1, {"product_id": "x"}]}],
        "keys": [{"writeKey": "wk"}],
        "rows": [[_ROW, {}]],
        "products": [[{"id": "p", "price": "4.90 EUR", "title": "Bell", "categories": ["a > b"], "stock": 3}]],
    }
    found = [json.dumps(one).encode() for one in bodies.get(kind, [])]
    if kind == "webhook":
        return [_TOPICS[route].encode() + b"\n" + one for one in found]
    other = {
        "keys": [b"Basic d2tfOg==", b"Bearer sk_x"],
        "tcf": [b"CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", b"CPXx.YAAA"],
        "cells": [b"1.234,50 \xe2\x82\xac", b"2026-03-01 10:00", b"31198570044", b"+49 30 1234567", b"1e5"],
        "gpx": [_GPX],
        "fit": [fit_file(start=datetime(2026, 3, 1, tzinfo=UTC), seconds=1800, metres=5000)],
        "gzip": [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\xae\x05\x00C\xbf\xa6\xa3\x02\x00\x00\x00"],
    }
    if kind == "segment":  # a name that nobody can read, beside a context that is none
        found.append(b'{"batch": [{"event": "x", "user\x98": 1, "context": {"consent": 1}}]}')
        found.append(b'{"event": "x", "user\x98": 1, "context": {"consent": 1}}')
    if name == "vendor-snowplow":
        found.append(b"e=pv&aid=shop&duid=d&url=https%3A%2F%2Fshop.example%2F&page=Home")
    return found + other.get(kind, [])
