"""What becomes of the calls that clients send."""

import gzip
import json
from hashlib import sha256
from typing import Any

import pytest

from regulars.collect import Decoder, envelope
from regulars.collect.body import BODY_BYTES, BODY_EVENTS, EVENT_BYTES
from regulars.core.definitions import Definitions, EventType, Shop, Source
from regulars.core.errors import Rejected
from regulars.core.event import Event, FailedEvent
from regulars.core.log import Record

RECEIVED = 1_512_000_000_000  # 2017-11-30T00:00:00Z
LINE = {"product_id": "p1", "quantity": 1}
ORDER = EventType(
    name="Order Completed",
    purpose="contract",
    schema={
        "type": "object",
        "required": ["order_id", "total"],
        "properties": {"total": {"type": "number", "minimum": 0}, "products": {"type": "array"}},
    },
)
SHOP = Definitions(
    shop=Shop(name="Bikes"),
    sources=(Source(id="web", kind="browser", write_key="wk_123456"), Source(id="till", kind="server")),
    events=(ORDER, EventType(name="Product Viewed")),
)
LENIENT = Definitions(shop=SHOP.shop, sources=SHOP.sources, events=SHOP.events, strict_plan=False)


def record(body: Any, *, route: str = "batch", source: str = "till", offset: int = 7) -> Record:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Record(offset, "events", source, route, RECEIVED, content)


def decode(*calls: Any, source: str = "till", definitions: Definitions = SHOP) -> list[Event | FailedEvent]:
    return Decoder(definitions).decode(record({"batch": list(calls)}, source=source))


def event(call: dict[str, Any], *, source: str = "till", definitions: Definitions = SHOP) -> Event:
    (found,) = decode(call, source=source, definitions=definitions)
    assert isinstance(found, Event), found
    return found


def failure(call: Any, *, source: str = "till") -> FailedEvent:
    (found,) = decode(call, source=source)
    assert isinstance(found, FailedEvent), found
    return found


def order(**changes: Any) -> dict[str, Any]:
    properties = {"order_id": "o1", "total": 12.5, "products": [LINE]}
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": "ana",
        "messageId": "m1",
        "properties": properties,
    } | changes


def test_an_order_from_the_till_is_an_event_of_a_verified_person() -> None:
    found = event(order(timestamp="2017-11-29T10:00:00.250+01:00", anonymousId="c1"))
    assert found.name == "Order Completed"
    assert found.subject == "user_id:ana"
    assert found.identifiers == ("user_id:ana", "anonymous_id:c1")
    assert found.claims == ()
    assert found.time == 1_511_946_000_250
    assert (found.message_id, found.source, found.offset, found.index) == ("m1", "till", 7, 0)
    assert found.properties["total"] == 12.5


def test_a_browser_only_claims_to_be_a_person() -> None:
    found = event(order(anonymousId="c1"), source="web")
    assert found.subject == "anonymous_id:c1"
    assert found.identifiers == ("anonymous_id:c1",)
    assert found.claims == ("user_id:ana",)


def test_a_browser_that_sends_claims_alone_is_nobody() -> None:
    failed = failure(order(), source="web")
    assert (failed.reason, failed.field) == ("no_identifier", "anonymousId")


def test_an_unknown_source_is_trusted_as_little_as_a_browser() -> None:
    assert event(order(anonymousId="c1"), source="forgotten").claims == ("user_id:ana",)


def test_a_bad_event_fails_alone_and_keeps_its_bytes() -> None:
    body = b'{"batch": [%s, {"type":"track",  "event":"Order Completed","userId":"ben","properties":{"total":1}}, 5]}'
    first, second, third = Decoder(SHOP).decode(record(body % json.dumps(order()).encode()))
    assert isinstance(first, Event)
    assert isinstance(second, FailedEvent)
    assert (second.reason, second.field, second.index) == ("missing_field", "properties.order_id", 1)
    assert second.body == b'{"type":"track",  "event":"Order Completed","userId":"ben","properties":{"total":1}}'
    assert isinstance(third, FailedEvent)
    assert third.body == b"5"


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"properties": {"order_id": "o", "total": "12"}}, "wrong_type", "properties.total"),
        ({"properties": {"order_id": "o", "total": -1}}, "invalid_value", "properties.total"),
        ({"properties": {"order_id": "o", "total": 2**64}}, "number_out_of_range", "properties.total"),
        ({"properties": "none"}, "wrong_type", "properties"),
        ({"properties": None}, "missing_field", "properties.order_id"),
        ({"event": "Ordr Completed"}, "unknown_event", "event"),
        ({"event": ""}, "missing_field", "event"),
        ({"event": None}, "missing_field", "event"),
        ({"event": 5}, "wrong_type", "event"),
        ({"type": "tracks"}, "unknown_type", "type"),
        ({"type": None}, "unknown_type", "type"),
        ({"userId": None}, "no_identifier", "userId"),
        ({"userId": "null"}, "no_identifier", "userId"),
        ({"userId": "00000000-0000-0000-0000-000000000000"}, "no_identifier", "userId"),
        ({"userId": {"$oid": 1}}, "wrong_type", "userId"),
        ({"userId": 10**400}, "number_out_of_range", "userId"),
        ({"messageId": "x" * 300}, "invalid_value", "messageId"),
        ({"messageId": "a\x00b"}, "invalid_value", "messageId"),
        ({"context": {"library": "x" * EVENT_BYTES["server"]}}, "too_large", ""),
    ],
)
def test_a_failed_event_says_what_is_wrong(changes: dict[str, Any], reason: str, field: str) -> None:
    failed = failure(order(**changes))
    assert (failed.reason, failed.field) == (reason, field)
    assert failed.expected
    assert failed.got


def test_a_browser_may_send_less_at_once_than_a_till() -> None:
    large = order(anonymousId="c1", context={"library": "x" * EVENT_BYTES["browser"]})
    assert failure(large, source="web").reason == "too_large"
    assert isinstance(event(large), Event)


@pytest.mark.parametrize("name", ["Completed Order", "order_completed", "OrderCompleted", "order completed"])
def test_other_spellings_of_a_known_event_are_understood(name: str) -> None:
    assert event(order(event=name)).name == "Order Completed"


def test_an_unplanned_event_passes_where_the_plan_is_not_strict() -> None:
    assert event(order(event="Bike Rented"), definitions=LENIENT).name == "Bike Rented"


def test_each_kind_of_call_has_its_canonical_name_and_facts() -> None:
    page = event({"type": "page", "userId": "ana", "name": "Home", "properties": {"path": "/"}})
    assert (page.name, page.properties) == ("Page Viewed", {"name": "Home", "path": "/"})
    identify = event({"type": "identify", "userId": "ana", "traits": {"email": "Ana@Example.org", "city": "Graz"}})
    assert (identify.name, identify.traits["city"]) == ("Identify", "Graz")
    assert identify.identifiers[:2] == ("user_id:ana", "email:ana@example.org")
    assert identify.identifiers[2] == f"email_sha256:{sha256(b'ana@example.org').hexdigest()}"
    group = event({"type": "group", "userId": "ana", "groupId": 4, "traits": {"name": "Club"}})
    assert (group.name, group.properties) == ("Group", {"group_id": "4", "name": "Club"})
    alias = event({"type": "alias", "userId": "ana", "previousId": "c1"})
    assert (alias.name, alias.identifiers) == ("Alias", ("user_id:ana", "anonymous_id:c1"))


def test_an_email_that_a_browser_sends_is_a_claim() -> None:
    found = event({"type": "identify", "anonymousId": "c1", "traits": {"email": "a@b.de"}}, source="web")
    assert (found.identifiers, found.claims) == (("anonymous_id:c1",), ("email:a@b.de",))


def test_external_ids_count_when_their_type_is_declared() -> None:
    ids = [{"type": "loyalty_card", "id": 77}, {"type": "fax", "id": "1"}, {"type": None, "id": None}]
    found = event({"type": "page", "context": {"externalIds": ids}})
    assert found.identifiers == ("loyalty_card:77",)


def test_the_context_keeps_what_is_used_and_forgets_the_address() -> None:
    context = {
        "ip": "10.0.0.1",
        "locale": "de-AT",
        "page": {"path": "/p", "tab": 3},
        "device": {"id": "x", "type": "mobile"},
    }
    found = event(order(context=context))
    assert found.context == {"page": {"path": "/p"}, "device": {"type": "mobile"}, "locale": "de-AT"}


def test_a_broken_part_of_the_context_does_not_cost_the_event() -> None:
    found = event(order(context={"page": 5, "locale": "de"}))
    assert found.context == {"locale": "de"}
    assert event(order(context="none")).context == {}


@pytest.mark.parametrize("stated", ["soon", "2099-01-01", "1970-01-01T00:00:00Z", -5, 1e300, None])
def test_a_clock_that_cannot_be_right_gives_way_to_the_receipt(stated: object) -> None:
    assert event(order(timestamp=stated)).time == RECEIVED


def test_a_missing_message_id_is_made_from_place_and_content() -> None:
    twice = decode(order(messageId=None), order(messageId=None))
    again = decode(order(messageId=None), order(messageId=None))
    ids = [found.message_id for found in twice]
    assert len(set(ids)) == 2
    assert ids == [found.message_id for found in again]


def test_gzip_is_recognised_by_its_first_bytes() -> None:
    body = gzip.compress(json.dumps({"batch": [order()]}).encode())
    assert envelope(body, "batch") == 1
    assert isinstance(Decoder(SHOP).decode(record(body))[0], Event)


def test_a_cut_emoji_does_not_cost_the_batch() -> None:
    body = b'{"batch": [{"type":"page","userId":"ana","name":"\\ud83d"}, {"type":"page","userId":"ben"}]}'
    first, second = Decoder(SHOP).decode(record(body))
    assert isinstance(first, Event)
    assert first.properties["name"] == "�"
    assert isinstance(second, Event)
    assert envelope(body, "batch") == 2


@pytest.mark.parametrize(
    ("body", "route", "field"),
    [
        (b"", "batch", "body"),
        (b"[]", "batch", "body"),
        (b'{"batch": 5}', "batch", "batch"),
        (b"{}", "batch", "batch"),
        (b'{"batch": [NaN]}', "batch", "body"),
        (b"5", "track", "body"),
        (b"\x1f\x8bnot gzip", "track", "body"),
        (gzip.compress(b'{"a": 1}' * 100, mtime=0)[:-9], "track", "body"),
        (gzip.compress(b" " * (BODY_BYTES + 1), mtime=0), "track", "body"),
        (b" " * (BODY_BYTES + 1), "track", "body"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "track", "body"),
        (b"[" * 1_000_000, "batch", "body"),
        (b'{"batch":[' + b"1," * BODY_EVENTS + b"1]}", "batch", "batch"),
        (b"{}", "tracks", "route"),
    ],
)
def test_a_body_of_the_wrong_shape_is_rejected_before_it_is_stored(body: bytes, route: str, field: str) -> None:
    with pytest.raises(Rejected) as rejected:
        envelope(body, route)
    assert rejected.value.field == field
    assert rejected.value.expected
    assert rejected.value.got


def test_a_stored_body_that_cannot_be_read_is_one_failed_event() -> None:
    (failed,) = Decoder(SHOP).decode(record(b'{"batch": [', route="batch"))
    assert isinstance(failed, FailedEvent)
    assert (failed.reason, failed.body) == ("malformed", b'{"batch": [')


def test_brackets_in_a_text_are_not_depth() -> None:
    assert envelope(json.dumps({"event": "[" * 100}).encode(), "track") == 1


def test_strict_mode_says_what_becomes_of_each_event() -> None:
    good, bad = Decoder(SHOP).verdict(record({"batch": [order(), order(event="Ordr")]}))
    assert (good.ok, good.subject) == (True, "user_id:ana")
    assert (bad.ok, bad.reason, bad.got) == (False, "unknown_event", "'Ordr'")
