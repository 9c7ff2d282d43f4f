"""What is suggested for failed events, and what mends do to calls."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect.mends import mended
from regulars.collect.segment import Decoder
from regulars.collect.suggesting import suggest, tried
from regulars.core.definitions import Definitions, EventType, Shop, Source
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, Record
from regulars.core.mend import Mend, pattern_of

PLAN = Definitions(
    shop=Shop(name="Corner", currency="EUR"),
    sources=(Source(id="web", kind="browser"), Source(id="till", kind="server")),
    events=(
        EventType(
            name="Order Completed",
            purpose="contract",
            schema={
                "type": "object",
                "required": ["order_id", "total", "currency"],
                "additionalProperties": False,
                "properties": {
                    "order_id": {"type": "string"},
                    "total": {"type": "number"},
                    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                    "gift": {"type": ["boolean", "null"]},
                    "products": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"price": {"type": "number"}}},
                    },
                },
            },
        ),
        EventType(name="Product Viewed"),
    ),
)
DECODER = Decoder(PLAN)
DEVICE = "0189a8a4-7c5e-7d6f-8b6f-9c1c1c1c1c1c"
GOOD = {"order_id": "o1", "total": 5, "currency": "EUR"}


def failures(*calls: dict[str, Any], source: str = "till", route: str = "batch") -> list[FailedEvent]:
    body = json.dumps({"batch": list(calls)} if route == "batch" else calls[0]).encode()
    results = DECODER.decode(Record(9, EVENTS, source, route, 1_600_000_000_000, body))
    return [one for one in results if isinstance(one, FailedEvent)]


def order(number: int = 1, **changed: Any) -> dict[str, Any]:
    properties = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    call = {"type": "track", "event": "Order Completed", "messageId": f"m{number}", "userId": "ana"}
    return {**call, "properties": properties}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (order(total="12,50 €"), "cast properties.total number"),
        (order(order_id=17), "cast properties.order_id string"),
        (order(currency="€"), "cast properties.currency currency"),
        (order(gift="ja"), "cast properties.gift boolean"),
        (order(gift="perhaps"), "drop properties.gift"),
        (order(currency=None), "default properties.currency 'EUR'"),
        (order(order_id=None, orderId="o1"), "rename properties.orderId properties.order_id"),
        (order(total=None, revenue=5), "rename properties.revenue properties.total"),
        (order(voucher="x"), "drop properties.voucher"),
        (order(products=[{"price": 1}, {"price": "2,50"}]), "cast properties.products.*.price number"),
        ({**order(), "event": "Order Complete"}, "rename_event Order Completed"),
        ({**order(), "userId": None, "context": {"customer_id": "ana"}}, "move context.customer_id userId"),
        ({**order(), "userId": ["ana"]}, "drop userId"),
    ],
)
def test_the_mend_that_is_suggested_first_is_the_one_a_person_would_take(call: dict[str, Any], told: str) -> None:
    if told == "drop userId":
        call["anonymousId"] = "a1"
    failed = failures(call)
    found = suggest(failed, PLAN, DECODER)
    assert found[0].mend.told() == told
    assert (found[0].mended, found[0].tried) == (1, 1)


def test_the_share_says_how_many_events_a_mend_would_let_in() -> None:
    failed = failures(*(order(number, total=str(number) if number % 4 else "free") for number in range(40)))
    best = suggest(failed, PLAN, DECODER)[0]
    assert (best.mend.told(), best.mended, best.tried) == ("cast properties.total number", 30, 40)
    assert best.share == 0.75


def test_an_event_of_a_single_call_is_read_as_its_route_says() -> None:
    (failed,) = failures(
        {"event": "Order Completed", "userId": "ana", "properties": {**GOOD, "total": "5"}}, route="track"
    )
    mend = Mend(source="till", action="cast", field="properties.total", to="number")
    (event,) = tried([failed], mend, DECODER)
    assert isinstance(event, Event)
    assert (event.name, event.properties["total"], event.received_at) == ("Order Completed", 5, 1_600_000_000_000)


def test_what_another_vendor_sent_is_mended_as_the_call_it_means() -> None:
    call = {"event": "Product Veiwed", "properties": {"distinct_id": DEVICE, "$device_id": DEVICE}, "uuid": "u1"}
    body = json.dumps({"api_key": "phc", "batch": [call]}).encode()
    (failed,) = DECODER.decode(Record(9, EVENTS, "web", "posthog", 1_600_000_000_000, body))
    assert isinstance(failed, FailedEvent)
    assert failed.reason == "unknown_event"
    best = suggest([failed], PLAN, DECODER)[0]
    assert best.mend.told() == "rename_event Product Viewed"
    assert best.mended == 1


def test_a_standing_mend_changes_later_events_of_its_source_alone() -> None:
    mend = Mend(
        id="total", source="till", event="Order Completed", action="cast", field="properties.total", to="number"
    )
    decoder = Decoder(Definitions(shop=PLAN.shop, sources=PLAN.sources, events=PLAN.events, mends=(mend,)))
    body = json.dumps({"batch": [order(1, total="5"), order(2)]}).encode()
    applied: dict[int, list[Mend]] = {}
    results = decoder.decode(Record(9, EVENTS, "till", "batch", 1_600_000_000_000, body), None, applied)
    assert [one.properties["total"] for one in results if isinstance(one, Event)] == [5, 5]
    assert applied == {0: [mend], 1: []}
    elsewhere = decoder.decode(Record(9, EVENTS, "web", "batch", 1_600_000_000_000, body))
    assert isinstance(elsewhere[0], FailedEvent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "properties", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)
PATHS = st.lists(st.sampled_from(["a", "b", "x", "*", "0"]), min_size=1, max_size=3).map(
    lambda p: "properties." + ".".join(p)
)


@given(
    st.dictionaries(st.sampled_from(["event", "properties", "type"]), JSON, max_size=3),
    st.sampled_from(["rename", "move", "cast", "default", "drop"]), PATHS, PATHS,
    st.sampled_from(["number", "integer", "boolean", "string", "date", "currency"]),
)  # fmt: skip
def test_a_mend_never_fails_never_changes_what_it_was_given_and_is_done_once(
    call: dict[str, Any], action: Any, field: str, other: str, to: str
) -> None:
    mend = Mend(source="s", action=action, field=field, to=to if action == "cast" else other, value=1)
    before = json.dumps(call)
    once, done = mended(call, [mend])
    assert json.dumps(call) == before
    assert bool(done) == (once is not call)
    if action in ("cast", "default", "drop"):
        assert json.dumps(mended(once, [mend])[0]) == json.dumps(once)


def test_places_in_lists_make_no_causes_of_their_own() -> None:
    assert pattern_of("properties.products.12.price") == "properties.products.*.price"
