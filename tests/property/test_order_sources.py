"""An order that web page, shop system, till and ERP tell of: one order, the best source's word, each return once."""

import json
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.definitions import Source
from regulars.core.event import Event
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from regulars.profile import orders
from regulars.profile.disagreements import differences
from regulars.profile.policy import Policy
from tests.property.test_flow import DAY, ENGINE, START, picture

SOURCES = (
    Source(id="web", kind="browser"),
    Source(id="shop", kind="server", role="shop"),
    Source(id="till", kind="server", role="till", ranks={"products": 5}),
    Source(id="erp", kind="server", role="erp"),
)
RANKED = Engine(msgspec.structs.replace(ENGINE.definitions, sources=SOURCES))
POLICY = Policy(RANKED.definitions)
RECEIVED = START + 15 * DAY
NAMES = ("Order Completed", "Order Updated", "Order Refunded", "Order Cancelled")


@st.composite
def told_events(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """(source, call) of two orders of two customers."""
    found = []
    for place in range(draw(st.integers(2, 8))):
        source = draw(st.sampled_from([one.id for one in SOURCES]))
        name = draw(st.sampled_from((*NAMES[:2], *NAMES[:3], NAMES[3])))
        properties: dict[str, Any] = {"order_id": draw(st.sampled_from(["o1", "o2"]))}
        if draw(st.booleans()):
            properties[draw(st.sampled_from(["total", "revenue"]))] = draw(st.sampled_from([5, 10, 12.5]))
        if draw(st.booleans()):
            item = draw(st.sampled_from(["p1", "p2"]))
            properties["products"] = [{"product_id": item, "quantity": draw(st.integers(1, 3)), "price": 2.5}]
        if name == NAMES[1] and "products" in properties and draw(st.booleans()):
            properties["one_by_one"] = True
        if name == NAMES[2] and draw(st.booleans()):
            properties["refund_id"] = draw(st.sampled_from(["r1", "r2"]))
        call = {
            "type": "track", "event": name, "messageId": f"m{place}", "properties": properties,
            "timestamp": START // 1000 + draw(st.integers(0, 5)) * 3_600, "anonymousId": "d1",
        }  # fmt: skip
        if source != "web":
            call["userId"] = "ana"
        found.append((source, call))
    return found


def folded(sent: list[tuple[str, dict[str, Any]]], records: int) -> dict[str, Any]:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(TICK, "clock", "", RECEIVED, b"")])
    for source, call in sent:
        log.append([NewRecord(EVENTS, source, "batch", RECEIVED, json.dumps({"batch": [call]}).encode())])
    Updater(RANKED, log, state, records=records).run()
    return picture(state)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(told_events(), st.integers(0, 999).map(Random))
def test_orders_and_profiles_are_the_same_whatever_came_first_and_however_often(
    sent: list[tuple[str, dict[str, Any]]], chance: Random
) -> None:
    mixed = [*sent, *chance.sample(sent, len(sent) // 2)]
    chance.shuffle(mixed)
    assert folded(mixed, chance.choice([1, 2, 50])) == folded(sent, 1)


def told(source: str, name: str, place: int, **properties: Any) -> Event:
    subject = "anonymous_id:d" if source == "web" else "user_id:ana"
    held = {"order_id": "o", **properties}
    time = START + place
    return Event(f"m{place}", source, name, time, RECEIVED, subject, (subject,), (), held, {}, {})


def order(*events: Event) -> orders.Order:
    return orders.apply(
        "o", None, events, currency="EUR", trusts=lambda one: one.source != "web", ranks=POLICY.order_ranks
    ).new


TEA = [{"product_id": "tea", "quantity": 2, "price": 4}]
SCANNED = [{"product_id": "tea", "quantity": 1, "price": 4}]


def test_the_best_source_is_believed_field_by_field() -> None:
    found = order(
        told("erp", NAMES[0], 1, revenue=7.5),
        told("shop", NAMES[0], 2, total=8, products=TEA, payment_status="paid", note="gift"),
        told("till", NAMES[1], 3, total=9, products=SCANNED, payment_status="open"),
        told("web", NAMES[0], 4, total=99, coupon="x"),
    )
    assert found.total == 750  # the invoice, though it came first and is called revenue
    assert found.lines == {"tea": 1}  # this shop says that the till knows best what was scanned
    assert (found.properties["payment_status"], found.properties["note"]) == ("paid", "gift")
    assert "coupon" not in found.properties  # anybody can say anything with a browser's key


def line(item: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"products": [{"product_id": item, "quantity": quantity, "price": 4, **more}], "one_by_one": True}


def test_lines_that_are_listed_one_by_one_are_the_lines_of_the_order() -> None:
    whole = told("web", NAMES[0], 5, total=20, currency="EUR")
    lines = [told("web", NAMES[1], 1, **line("tea", 2)), told("web", NAMES[1], 6, **line("cup", variant="red"))]
    again = [told("web", NAMES[1], 8, **line("tea", 2)), told("web", NAMES[1], 9, **line("cup", variant="blue"))]
    assert order(lines[0]).total == 800  # all that is known so far
    for events in ([whole, *lines], [*lines, whole], [lines[1], whole, lines[0]]):
        found = order(*events, *again)
        assert (found.total, found.lines) == (2000, {"tea": 2, "cup": 2})
    shop = told("shop", NAMES[0], 2, total=8, products=TEA)
    assert order(whole, *lines, shop).lines == {"tea": 2}, "the shop system knows better than a browser"
    later = told("web", NAMES[1], 9, products=SCANNED)
    assert order(whole, *lines, later).lines == {"tea": 1}, "all lines told at once, later, take their place"


def test_an_order_of_many_single_lines_keeps_them_all() -> None:
    lines = [told("web", NAMES[1], place, **line(f"p{place}")) for place in range(120)]
    assert len(order(*lines, told("web", NAMES[0], 300, total=480)).lines) == 120


def test_the_latest_word_counts_within_one_source() -> None:
    found = order(
        told("erp", NAMES[0], 1, total=8), told("erp", NAMES[1], 2, total=6), told("shop", NAMES[1], 3, total=5)
    )
    assert found.total == 600


@pytest.mark.parametrize("named", [{}, {"refund_id": "same"}])
def test_a_return_that_two_sources_tell_is_taken_off_once(named: dict[str, str]) -> None:
    both = [told("shop", NAMES[0], 1, total=20), told("shop", NAMES[2], 2, total=5, **named)]
    both.append(told("erp", NAMES[2], 3, revenue=5, **named))
    assert (order(*both).total, order(*both).refunded) == (1500, 500)


def test_returns_that_differ_are_all_taken_off() -> None:
    found = order(
        told("shop", NAMES[0], 1, total=20),
        told("shop", NAMES[2], 2, total=5, refund_id="a"),
        told("shop", NAMES[2], 3, total=5, refund_id="b"),
        told("erp", NAMES[2], 4, total=5, refund_id="CN-1"),
        told("till", NAMES[2], 5, total=3, refund_id="T-1"),
    )
    assert found.refunded == 1300  # two of the shop, of which the ERP knows one, and one more of the till


def test_a_cancellation_of_any_server_counts_once() -> None:
    found = order(told("shop", NAMES[0], 1, total=20), told("till", NAMES[3], 2), told("erp", NAMES[3], 3))
    assert (found.total, found.status) == (0, "cancelled")


@given(told_events())
def test_a_report_never_fails_and_says_nothing_of_an_order_that_one_source_tells(
    sent: list[tuple[str, dict[str, Any]]],
) -> None:
    events = [
        told(source, call["event"], place, **{**call["properties"], "order_id": "o"})
        for place, (source, call) in enumerate(sent)
    ]
    found = list(differences(order(*events), currency="EUR"))
    assert all(one.first != one.second and one.said[0] != one.said[1] for one in found)
    alone = [event for event in events if event.source == "shop"]
    assert not alone or not list(differences(order(*alone), currency="EUR"))


def test_sources_that_disagree_are_named_with_what_lies_between_them() -> None:
    found = order(
        told("erp", NAMES[0], 1, total=8, products=TEA),
        told("web", NAMES[0], 2, total=9.5),
        told("till", NAMES[0], 3, total=8, products=SCANNED),
    )
    told_apart = differences(found, currency="EUR")
    assert [(one.first, one.second, one.field, one.money, one.counts) for one in told_apart] == [
        ("till", "erp", "products", 0, "till"),
        ("erp", "web", "total", 150, "erp"),
        ("till", "web", "total", 150, "till"),
    ]
