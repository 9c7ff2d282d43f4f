"""Whatever arrives ends as an event, a failed event or a rejection, and the same one each time."""

import gzip
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from regulars.collect import Decoder, envelope
from regulars.collect.body import ROUTES
from regulars.collect.call import Call, Context, ExternalId
from regulars.collect.identifiers import Identifiers
from regulars.core.definitions import Definitions, EventType, Shop, Source
from regulars.core.errors import Rejected
from regulars.core.event import Event, FailedEvent
from regulars.core.identifier import format_key, hashed, subject_of, usable
from regulars.core.identity_types import Identity
from regulars.core.log import Record

PLAN = EventType(
    name="Product Viewed",
    schema={"type": "object", "required": ["product_id"], "properties": {"price": {"type": ["number", "null"]}}},
)
DECODER = Decoder(
    Definitions(
        shop=Shop(name="Bikes"),
        sources=(Source(id="web", kind="browser"), Source(id="till", kind="server")),
        events=(PLAN,),
    )
)

numbers = (
    st.integers() | st.integers(2**62, 2**70) | st.just(10**400) | st.floats(allow_nan=False, allow_infinity=False)
)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=8) | st.sampled_from(["\ud83d", "\x00", "null", "0"])
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=4), v, max_size=4), max_leaves=12
)
FIELDS = (
    "type", "event", "messageId", "userId", "anonymousId", "previousId", "groupId", "properties", "traits", "context",
    "timestamp", "originalTimestamp", "name", "category",
)  # fmt: skip
likely = {
    "type": st.sampled_from(["track", "identify", "page", "group", "alias", "screen"]),
    "event": st.sampled_from(["Product Viewed", "product_viewed", "Nope"]),
    "anonymousId": st.sampled_from(["c1", "c2"]),
    "properties": st.dictionaries(st.sampled_from(["product_id", "price", "x"]), values, max_size=3),
    "context": st.dictionaries(
        st.sampled_from(["page", "externalIds", "locale", "consent", "device"]), values, max_size=3
    ),
}
calls = st.fixed_dictionaries({}, optional={name: likely.get(name, values) | values for name in FIELDS}) | values


def body_of(batch: list[Any]) -> bytes:
    return json.dumps({"batch": batch}).encode()


def settled(body: bytes, route: str, source: str) -> list[Event | FailedEvent]:
    """Decode twice: results are of the two kinds and equal."""
    record = Record(1, "events", source, route, 1_500_000_000_000, body)
    results = DECODER.decode(record)
    assert all(isinstance(result, Event | FailedEvent) for result in results)
    assert DECODER.decode(record) == results
    return results


@settings(max_examples=80, deadline=None)
@given(st.lists(calls, max_size=5), st.sampled_from(["web", "till"]))
def test_a_batch_yields_one_result_per_event_in_order(batch: list[Any], source: str) -> None:
    body = body_of(batch)
    count = envelope(body, "batch")
    results = settled(body, "batch", source)
    assert count == len(results) == len(batch)
    assert [result.index for result in results] == list(range(len(batch)))
    for result in results:
        if isinstance(result, Event):
            assert result.subject in result.identifiers
            assert json.loads(json.dumps(result.properties)) == result.properties


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, min_size=1, max_size=4), st.integers(0, 3))
def test_the_neighbours_of_an_event_do_not_change_it(batch: list[Any], place: int) -> None:
    place %= len(batch)
    alone = settled(body_of([batch[place]]), "batch", "till")[0]
    among = settled(body_of(batch), "batch", "till")[place]
    assert type(alone) is type(among)
    if isinstance(alone, Event) and isinstance(among, Event):
        assert (alone.name, alone.subject, alone.properties, alone.time) == (
            among.name,
            among.subject,
            among.properties,
            among.time,
        )
    elif isinstance(alone, FailedEvent) and isinstance(among, FailedEvent):
        assert (alone.reason, alone.field, alone.body) == (among.reason, among.field, among.body)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80), st.sampled_from(ROUTES), st.booleans())
@example(b'{"batch":[{"a":1e400}]}', "batch", False)
@example(b'{"batch":[{"a":NaN}]}', "batch", False)
@example(b"[" * 100_000, "batch", True)
@example(b'{"a":' * 5_000, "track", False)
@example(b'{"batch":[' + b"9" * 5_000 + b"]}", "batch", False)
@example(b'{"event":"\xff"}', "track", False)
@example(b'{"\\ud800":1}', "track", False)
@example(b'\xef\xbb\xbf{"batch":[]}', "batch", False)
def test_bytes_of_any_kind_are_rejected_or_read(body: bytes, route: str, zipped: bool) -> None:  # noqa: FBT001
    if zipped:
        body = gzip.compress(body)
    try:
        count = envelope(body, route)
    except Rejected:
        count = 1
    assert len(settled(body, route, "web")) == count


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_body_is_rejected_or_read(data: st.DataObject) -> None:
    call = {
        "type": "track",
        "event": "Product Viewed",
        "anonymousId": "c1",
        "properties": {"product_id": "\\ud83d é", "price": 1.5},
    }
    body = bytearray(body_of([call, call]))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    settled(bytes(body), "batch", "till")


@settings(max_examples=150)
@given(
    st.sampled_from(["user_id", "email", "loyalty_card", "anonymous_id", "fax"]),
    st.text(max_size=12) | st.from_regex("[0A-Za-z_-]{1,6}"),
)
@example("user_id", "NULL")
@example("anonymous_id", "0-0")
@example("user_id", " 42\n")
@example("user_id", "x" * 257)
def test_identifiers_are_those_of_the_core(kind: str, value: str) -> None:
    identity = Identity()
    key = format_key(kind, value)
    wanted = key if usable(key, identity) else None
    ids = [{"type": kind, "id": value}]
    call = Call(context=Context(external_ids=[ExternalId(**one) for one in ids]))
    found = Identifiers(identity).of(call, {}, public=False)
    assert found == (
        wanted if wanted is None else subject_of([wanted], identity),
        [] if wanted is None else [wanted, hashed(wanted, "email_sha256")] if kind == "email" else [wanted],
        [],
    )
