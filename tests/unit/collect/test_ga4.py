"""Google Analytics 4 in its three spellings."""

import json
from typing import Any

import pytest

from regulars.collect import Decoder
from regulars.collect.call import Call
from regulars.collect.ga4 import exported
from regulars.collect.wire import Wrong
from regulars.core.definitions import Definitions, Shop, Source
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, Record

DECODER = Decoder(
    Definitions(
        shop=Shop(name="Shop"),
        sources=(Source(id="web", kind="browser", write_key="wk_vendors"), Source(id="shop", kind="server")),
        strict_plan=False,
    )
)
MICROS = 1_777_888_999_123_456
PURCHASE = {
    "name": "purchase",
    "params": {
        "transaction_id": "T-1", "value": 30.5, "tax": 4.5, "shipping": 5, "currency": "EUR", "coupon": "MAY",
        "session_id": "77", "engagement_time_msec": 100, "gift": True,
        "items": [
            {"item_id": "p1", "item_name": "Bell", "item_brand": "Ding", "item_category": "Bikes",
             "item_category2": "Parts", "price": 10.25, "quantity": 2, "index": 3},
            {"item_id": "p2", "price": "10"},
        ],
    },
}  # fmt: skip


def read(said: dict[str, Any] | bytes, source: str = "shop") -> list[Event | FailedEvent]:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return DECODER.decode(Record(7, EVENTS, source, "ga4", 1_777_889_000_000, body))


def event(said: dict[str, Any] | bytes, source: str = "shop") -> Event:
    (found,) = read(said, source)
    assert isinstance(found, Event), found
    return found


def test_a_purchase_is_an_order_with_its_lines() -> None:
    said = {"client_id": "12.34", "user_id": "ada", "timestamp_micros": str(MICROS), "events": [PURCHASE]}
    found = event(said)
    assert (found.name, found.time) == ("Order Completed", MICROS // 1000)
    assert found.identifiers == ("user_id:ada", "anonymous_id:12.34")
    assert found.properties == {
        "order_id": "T-1", "total": 40, "revenue": 30.5, "tax": 4.5, "shipping": 5, "currency": "EUR",
        "coupon": "MAY", "gift": True,
        "products": [
            {"product_id": "p1", "name": "Bell", "brand": "Ding", "category": "Bikes > Parts", "price": 10.25,
             "quantity": 2, "position": 3},
            {"product_id": "p2", "price": 10, "quantity": 1},
        ],
    }  # fmt: skip
    assert event(said).message_id == found.message_id  # the same whenever it is sent again


def test_consent_and_hashed_addresses_ride_along() -> None:
    found = event(
        {
            "client_id": "1",
            "consent": {"ad_user_data": "GRANTED", "ad_personalization": "DENIED"},
            "user_data": {"sha256_email_address": ["ab" * 32], "address": [{"sha256_first_name": "cd" * 32}]},
            "events": [{"name": "view_item", "params": {"items": [{"item_id": "p1", "price": 2}]}}],
        }
    )
    assert found.context["google_consent"] == {"ad_user_data": "granted", "ad_personalization": "denied"}
    assert found.identifiers == ("anonymous_id:1", f"email_sha256:{'ab' * 32}")
    assert (found.name, found.properties) == ("Product Viewed", {"product_id": "p1", "price": 2})


@pytest.mark.parametrize(
    ("name", "params", "ours", "properties"),
    [
        ("search", {"search_term": "kettle"}, "Products Searched", {"query": "kettle"}),
        ("view_search_results", {"search_term": "x"}, "Products Searched", {"query": "x"}),
        ("add_payment_info", {"payment_type": "card"}, "Payment Info Entered", {"payment_method": "card"}),
        ("begin_checkout", {"value": 3, "items": [{"item_id": "a"}]}, "Checkout Started",
         {"value": 3, "products": [{"product_id": "a"}]}),
        ("refund", {"transaction_id": "T", "value": 9}, "Order Refunded", {"order_id": "T", "total": 9}),
        ("select_promotion", {"promotion_id": "s", "promotion_name": "Summer", "creative_slot": "top"},
         "Promotion Clicked", {"promotion_id": "s", "name": "Summer", "position": "top"}),
        ("page_view", {"page_location": "https://s.example/a?utm_source=news", "page_title": "A"}, "Page Viewed",
         {"url": "https://s.example/a?utm_source=news", "path": "/a", "title": "A"}),
        ("bell_rung", {"times": 2}, "Bell Rung", {"times": 2}),
    ],
)  # fmt: skip
def test_recommended_events_have_the_names_of_the_spec(
    name: str, params: dict[str, Any], ours: str, properties: dict[str, Any]
) -> None:
    found = event({"client_id": "1", "events": [{"name": name, "params": params}]})
    assert (found.name, found.properties) == (ours, properties)


def test_an_order_without_its_number_fails_alone() -> None:
    failed, fine = read({"client_id": "1", "events": [{"name": "purchase"}, {"name": "page_view"}]})
    assert isinstance(failed, FailedEvent)
    assert (failed.reason, failed.field) == ("missing_field", "params.transaction_id")
    assert isinstance(fine, Event)


def test_the_web_tag_shares_parameters_among_the_lines_of_its_body() -> None:
    shared = (
        "v=2&tid=G-SHOP&cid=55.66&_p=9&sid=5&_s=3&ul=de-de&gcs=G111&gcd=13r3r3q3q5"
        "&dl=https%3A%2F%2Fs.example%2Fp%3Futm_campaign%3Dmay%26utm_source%3Dmail&dt=Bell"
    )
    lines = "en=page_view\r\nen=add_to_cart&cu=EUR&epn.value=20.5&ep.size=L&pr1=idp1~nmBell~caBikes~c2Parts~pr10.25~qt2"
    page, added = read(f"{shared}\n{lines}".encode(), "web")
    assert isinstance(page, Event)
    assert isinstance(added, Event)
    assert (page.name, added.name) == ("Page Viewed", "Product Added")
    assert page.context["campaign"] == {"name": "may", "source": "mail"}
    assert page.context["google_consent"] == {"gcs": "G111", "gcd": "13r3r3q3q5"}
    assert added.subject == "anonymous_id:55.66"
    assert added.properties == {
        "value": 20.5, "size": "L", "currency": "EUR", "product_id": "p1", "name": "Bell", "category": "Bikes > Parts",
        "price": 10.25, "quantity": 2,
    }  # fmt: skip
    assert len({page.message_id, added.message_id}) == 2
    assert read(f"{shared}\n{lines}".encode(), "web") == [page, added]


def export_row(**changed: Any) -> dict[str, Any]:
    """As `bq extract` writes it: 64-bit numbers are texts."""
    row: dict[str, Any] = {
        "event_date": "20260504", "event_timestamp": str(MICROS), "event_name": "purchase",
        "event_params": [
            {"key": "currency", "value": {"string_value": "EUR", "int_value": None}},
            {"key": "ga_session_id", "value": {"int_value": "5"}},
            {"key": "page_location", "value": {"string_value": "https://s.example/thanks"}},
        ],
        "user_id": None, "user_pseudo_id": "12.34", "event_bundle_sequence_id": "-7", "batch_event_index": "2",
        "privacy_info": {"analytics_storage": "Yes", "ads_storage": "No", "uses_transient_token": "No"},
        "device": {"category": "mobile", "language": "de-de"},
        "collected_traffic_source": {"manual_campaign_name": "may", "manual_source": "mail"},
        "ecommerce": {"transaction_id": "T-9", "purchase_revenue": 12.5, "tax_value": 2, "shipping_value": None},
        "items": [{"item_id": "p1", "item_name": "Bell", "item_variant": "(not set)", "price": 6.25, "quantity": "2"}],
    }  # fmt: skip
    return row | changed


def test_a_row_of_the_export_is_the_same_order() -> None:
    call = exported(export_row())
    assert (call.event, call.anonymous_id, call.timestamp) == ("Order Completed", "12.34", MICROS // 1000)
    assert call.properties == {
        "order_id": "T-9", "total": 14.5, "revenue": 12.5, "tax": 2, "currency": "EUR",
        "products": [{"product_id": "p1", "name": "Bell", "price": 6.25, "quantity": 2}],
    }  # fmt: skip
    assert call.context is not None
    assert call.context.kept() == {
        "page": {"url": "https://s.example/thanks", "path": "/thanks"}, "device": {"type": "mobile"},
        "locale": "de-de", "campaign": {"name": "may", "source": "mail"},
        "google_consent": {"analytics_storage": "granted", "ad_storage": "denied"},
    }  # fmt: skip


def test_rows_of_parquet_are_read_in_the_older_form_of_lists_too() -> None:
    wrapped = export_row(items={"list": [{"element": one} for one in export_row()["items"]]}, event_timestamp=MICROS)
    first, second = exported(export_row()), exported(wrapped)
    assert first.properties == second.properties


def test_two_events_of_one_export_are_told_apart_and_one_row_stays_one() -> None:
    ids: list[Call] = [exported(export_row()), exported(export_row()), exported(export_row(batch_event_index="3"))]
    assert ids[0].message_id == ids[1].message_id != ids[2].message_id


def test_a_row_of_another_table_says_so() -> None:
    with pytest.raises(Wrong):
        exported({"order": 1})
