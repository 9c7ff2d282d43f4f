"""What touchpoints and Google Analytics send fits the tracking plan that a new shop begins with."""

import json
from typing import Any

import pytest

from regulars.collect import Decoder
from regulars.core.event import Event
from regulars.core.log import EVENTS, Record
from regulars.shop import load
from regulars.shop.init import init

AT = "2026-05-04T10:00:00Z"
ITEM = {"item_id": "p1", "item_name": "Bell", "price": 10, "quantity": 1}
SENT: list[tuple[str, Any, list[str]]] = [
    ("touch:calls", {"phone": "+491701112223", "dnis": "0800", "time": AT, "agent": 7}, ["Call Received"]),
    ("touch:sightings", [
        {"beacon": "b1", "zone": "shoes", "time": AT, "event": "entered"},
        {"beacon": "b1", "zone": "shoes", "time": "2026-05-04T10:05:00Z", "event": "left"},
    ], ["Zone Entered", "Zone Left"]),
    ("touch:activities", {"user_id": "ana", "start": AT, "sport": "run", "duration": 600, "distance_m": 2000},
     ["Activity Recorded"]),
    ("touch:reviews", {"user_id": "ana", "product_id": "p1", "stars": 4, "text": "Fine", "time": AT},
     ["Product Reviewed"]),
    ("touch:chats", {"user_id": "ana", "chat_id": "c", "time": AT, "messages": ["Hello"]},
     ["Chat Ended", "Chat Transcribed"]),
    ("touch:footfall", {"store": "Bonn", "time": AT, "in": 3}, ["Footfall Counted"]),
    ("ga4", {"client_id": "1", "events": [
        {"name": "page_view", "params": {"page_location": "https://s.example/"}},
        {"name": "view_item", "params": {"items": [ITEM]}},
        {"name": "add_to_cart", "params": {"items": [ITEM], "value": 10}},
        {"name": "begin_checkout", "params": {"items": [ITEM], "value": 10}},
        {"name": "purchase", "params": {"transaction_id": "T", "value": 10, "currency": "EUR", "items": [ITEM]}},
        {"name": "search", "params": {"search_term": "bell"}},
    ]}, ["Page Viewed", "Product Viewed", "Product Added", "Checkout Started", "Order Completed", "Products Searched"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    folder = tmp_path_factory.mktemp("new") / "shop"
    init(folder, name="Corner")
    return Decoder(load(folder))


@pytest.mark.parametrize(("route", "said", "names"), SENT, ids=[route for route, _, _ in SENT])
def test_a_new_shop_takes_it_in(decoder: Decoder, route: str, said: Any, names: list[str]) -> None:
    record = Record(7, EVENTS, "backend", route, 1_778_000_000_000, json.dumps(said).encode())
    found = decoder.decode(record)
    assert [(type(one), one.name) for one in found] == [(Event, name) for name in names], found
