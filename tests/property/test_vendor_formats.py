"""Laws of other vendors' formats: whatever is sent, each event becomes an event or a failed one that says why."""

import base64
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.collect import Decoder
from regulars.collect.blanking import blanked, readable
from regulars.collect.files import KINDS
from regulars.collect.formats import FORMATS
from regulars.core.definitions import Definitions, Shop, Signals, Source
from regulars.core.errors import Rejected
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, Record

SHOP = "com.snowplowanalytics.snowplow.ecommerce"
DECODER = Decoder(
    Definitions(
        shop=Shop(name="Shop"),
        sources=(Source(id="web", kind="browser", write_key="wk_vendors"), Source(id="till", kind="server")),
        strict_plan=False,
        signals=Signals(segment={"ads": ("marketing",)}),
    )
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _schema(name: str, data: Any, vendor: str = SHOP) -> dict[str, Any]:
    return {"schema": f"iglu:{vendor}/{name}/jsonschema/1-0-0", "data": data}


def _based(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


ACTIONS = st.sampled_from(
    ["product_view", "add_to_cart", "transaction", "refund", "checkout_step", "promo_view", "trns_error", "list_view"]
)
ENTITIES = st.dictionaries(
    st.sampled_from(
        ["product", "transaction", "refund", "cart", "checkout_step", "promotion", "user", "client_session"]
    ),
    st.dictionaries(st.sampled_from(["id", "price", "transaction_id", "revenue", "email", "userId"]), ANYTHING),
)
KNOWN = st.sampled_from(
    ["snowplow_ecommerce_action", "consent_preferences", "site_search", "add_to_cart", "x", "submit_form"]
)


@st.composite
def snowplow(draw: st.DrawFn) -> dict[str, Any]:
    event: dict[str, Any] = {
        "e": draw(st.sampled_from(["pv", "pp", "se", "ue", "tr", "ti"])),
        "duid": "d1",
        "eid": "e1",
    }
    described = _schema(draw(KNOWN), draw(st.builds(lambda kind: {"type": kind}, ACTIONS) | ANYTHING))
    contexts = [_schema(name, data) for name, data in draw(ENTITIES).items()]
    if draw(st.booleans()):
        event |= {"ue_px": _based(_schema("unstruct_event", described)), "cx": _based(_schema("contexts", contexts))}
    else:
        event |= {
            "ue_pr": json.dumps(_schema("unstruct_event", described)),
            "co": json.dumps(_schema("contexts", contexts)),
        }
    return event


def _posthog(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"event": name, "distinct_id": "u1", "uuid": "e1", "properties": {"$device_id": "d1", **properties}}


POSTHOG_NAMES = st.sampled_from(
    ["$pageview", "$identify", "$set", "$create_alias", "$groupidentify", "$autocapture", "$rageclick", "$screen", "x"]
)
POSTHOG = st.builds(
    _posthog,
    POSTHOG_NAMES,
    st.dictionaries(
        st.sampled_from(
            ["alias", "$set", "$group_key", "$elements", "$elements_chain", "$current_url", "$device_id", "a"]
        ),
        ANYTHING,
    ),
)
UNOMI = st.builds(
    lambda kind, held: {"eventType": kind, "scope": "shop", **held},
    st.sampled_from(["view", "login", "modifyConsent", "search", "form", "click", "productViewed"]),
    st.dictionaries(st.sampled_from(["target", "source", "properties", "flattenedProperties", "timeStamp"]), ANYTHING),
)
MENDED = st.builds(
    lambda place, said: {"from": place, "received_at": 1_700_000_000_000, "call": {"messageId": "m", **said}},
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.dictionaries(st.sampled_from(["type", "event", "userId", "anonymousId", "properties", "timestamp"]), ANYTHING),
)
GA4 = st.builds(
    lambda name, params, more: {"name": name, "params": params, **more},
    st.sampled_from(["page_view", "screen_view", "purchase", "refund", "add_to_cart", "search", "view_promotion", "x"]),
    st.dictionaries(
        st.sampled_from(["items", "transaction_id", "value", "tax", "page_location", "search_term", "campaign"]),
        ANYTHING | st.lists(st.dictionaries(st.sampled_from(["item_id", "price", "item_category", "index"]), ANYTHING)),
    ),
    st.dictionaries(st.sampled_from(["timestamp_micros", "user_id", "message_id"]), ANYTHING),
)
ROWS = st.builds(
    lambda kind, rows: {"kind": kind, "rows": rows},
    st.sampled_from([*KINDS, "x"]),
    st.lists(
        st.dictionaries(st.sampled_from(["email", "order_id", "total", "time", "product_id"]), ANYTHING), max_size=2
    ),
)
SENT: dict[str, st.SearchStrategy[Any]] = {
    "snowplow": snowplow(), "posthog": POSTHOG, "unomi": UNOMI, "mended": MENDED, "ga4": GA4, "rows": ROWS,
}  # fmt: skip


def mutated(events: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An event with some field replaced by anything, or anything."""

    def put(event: dict[str, Any], name: str | None, value: Any) -> dict[str, Any]:
        return event if name is None else {**event, name: value}

    names = st.sampled_from(
        [
            None,
            "e",
            "eid",
            "uid",
            "duid",
            "co",
            "cx",
            "ue_px",
            "event",
            "properties",
            "distinct_id",
            "uuid",
            "timestamp",
            "target",
            "name",
            "params",
            "timestamp_micros",
        ]
    )
    return st.builds(put, events, names, ANYTHING) | ANYTHING


def bodies(route: str) -> st.SearchStrategy[bytes]:
    """Bodies of a format, most of them readable."""
    outer = {
        FORMATS[route].events: st.lists(mutated(SENT[route]), max_size=4),
        "sessionId": st.just("s1"),
        "client_id": st.just("c1"),
    }
    return st.fixed_dictionaries(outer).map(lambda body: json.dumps(body).encode())


def record(route: str, body: bytes, source: str = "web") -> Record:
    return Record(7, EVENTS, source, route, 1_700_000_000_000, body)


def read(route: str, body: bytes, source: str = "web") -> list[Event | FailedEvent]:
    found = DECODER.decode(record(route, body, source))
    for index, one in enumerate(found):
        assert one.index == index
        assert isinstance(one, Event) or one.reason
        msgspec.json.encode(one)  # whatever was sent can be stored
    assert found == DECODER.decode(record(route, body, source))
    return found


@pytest.mark.parametrize("route", FORMATS)
@given(data=st.data())
def test_every_event_is_read_or_fails_alone(route: str, data: st.DataObject) -> None:
    body = data.draw(bodies(route))
    events = json.loads(body)[FORMATS[route].events]
    for source in ("web", "till"):
        found = read(route, body, source)
        assert len(found) == len(events)
        assert FORMATS[route].envelope(body).events == len(events)


@pytest.mark.parametrize("route", FORMATS)
@given(body=st.binary(max_size=60) | ANYTHING.map(lambda held: json.dumps(held).encode()))
def test_whatever_comes_is_refused_at_the_door_or_read(route: str, body: bytes) -> None:
    with suppress(Rejected):
        FORMATS[route].envelope(body)
    read(route, body)


@pytest.mark.parametrize("route", FORMATS)
@given(data=st.data())
def test_erasing_one_event_leaves_the_others_as_they_were(route: str, data: st.DataObject) -> None:
    body = json.dumps({FORMATS[route].events: data.draw(st.lists(SENT[route], min_size=1, max_size=3))}).encode()
    before = read(route, body)
    gone = data.draw(st.integers(0, len(before) - 1))
    after = read(route, blanked(body, route, {gone}, ["nobody"]))
    assert isinstance(after[gone], FailedEvent)
    for one, other in zip(before, after, strict=True):
        if one.index != gone and isinstance(one, Event):
            assert other == one


@given(event=snowplow())
def test_a_snowplow_event_is_the_same_by_address_and_by_body(event: dict[str, Any]) -> None:
    by_body = read("snowplow", json.dumps({"data": [event]}).encode())
    by_address = read("snowplow", urlencode(event).encode())
    for one, other in zip(by_body, by_address, strict=True):
        if isinstance(one, Event):
            assert other == one


@given(event=POSTHOG)
def test_a_closing_page_sends_the_same_in_a_form(event: dict[str, Any]) -> None:
    body = json.dumps({"api_key": "wk_vendors", "batch": [event]}).encode()
    form = urlencode({"data": base64.b64encode(body).decode()}).encode()
    assert FORMATS["posthog"].envelope(form) == FORMATS["posthog"].envelope(body)
    for one, other in zip(read("posthog", body), read("posthog", form), strict=True):
        assert other == one


def test_an_erased_customer_is_not_left_inside_base64() -> None:
    contexts = [_schema("user", {"id": "ana-1", "email": "ana@shop.example"})]
    event = {"e": "pv", "duid": "d2", "cx": _based(_schema("contexts", contexts))}
    body = json.dumps({"data": [event]}).encode()
    assert b"ana@shop.example" not in body
    assert b"ana@shop.example" in readable(body, "snowplow")
    left = blanked(body, "snowplow", (), ["ana-1", "ana@shop.example"])
    assert b"ana-1" not in left
    assert b"ana@shop" not in left
    assert b'"cx"' not in left
    assert isinstance(read("snowplow", left)[0], Event)


def test_a_narrower_choice_in_a_banner_is_a_no_to_the_rest() -> None:
    chosen = {"eventType": "allow_selected", "consentScopes": ["analytics"]}
    described = _schema("unstruct_event", _schema("consent_preferences", chosen, "com.snowplowanalytics.snowplow"))
    event = {"e": "ue", "duid": "d1", "ue_pr": json.dumps(described)}
    (found,) = read("snowplow", json.dumps({"data": [event]}).encode())
    assert isinstance(found, Event)
    assert found.context["consent"] == {"categoryPreferences": {"ads": False, "analytics": True}}
