"""Whatever the order, the batches and the restarts: the same events give the same profiles."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.definitions import (
    Definitions,
    EventType,
    Limit,
    Offer,
    Placement,
    Purpose,
    Segment,
    Shop,
    Source,
    Trait,
)
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.core.record import PERSON, Person
from regulars.flow import generation
from regulars.flow import members as noted
from regulars.flow.arrivals import COUNTED
from regulars.flow.counts import CAME, SOURCE_REFUSED
from regulars.flow.engine import Engine
from regulars.flow.identity_health import ARRIVALS
from regulars.flow.updater import Updater
from regulars.flow.visits import REVISED
from regulars.profile import links, statements
from regulars.profile.fold import Fold

DAY = 86_400_000
START = 1_700_000_000_000
VIEWED = ("Product Viewed",)
ORDERED = ("Order Completed",)

DEFINITIONS = Definitions(
    shop=Shop(name="Corner", currency="EUR", time_zone="Europe/Berlin"),
    sources=(Source(id="till", kind="server"), Source(id="web", kind="browser", write_key="wk")),
    events=(
        EventType(name="Product Viewed", purpose="analytics"),
        EventType(name="Order Completed", purpose="contract"),
        EventType(name="Order Refunded", purpose="contract"),
        EventType(name="Consent Updated", purpose="contract"),
    ),
    purposes=(Purpose(id="analytics"), Purpose(id="personalisation")),
    traits=(
        Trait(name="views", kind="count", events=("Product Viewed",), purpose="analytics"),
        Trait(name="views_3d", kind="count", events=("Product Viewed",), window_days=3, purpose="analytics"),
        Trait(name="last_viewed", kind="last", events=VIEWED, of="product_id", type="text", purpose="analytics"),
        Trait(name="seen", kind="distinct", events=VIEWED, of="product_id", cap=3, purpose="personalisation"),
        Trait(
            name="interests", kind="affinity", events=("Product Viewed", "Order Completed"), of="category", cap=3,
            half_life_days=14, interest=True, purpose="personalisation",
        ),
        Trait(name="orders", kind="count", events=ORDERED),
        Trait(name="revenue", kind="sum", events=ORDERED, of="total"),
        Trait(name="orders_5d", kind="count", events=ORDERED, window_days=5),
        Trait(name="largest", kind="max", events=ORDERED, of="total"),
        Trait(name="first_order", kind="first", events=ORDERED, of="order_id", type="text"),
        Trait(name="days_since_order", kind="days_since", events=ORDERED),
        Trait(name="lifecycle", kind="lifecycle", events=ORDERED),
    ),
    segments=(
        Segment(id="buyers", when="orders >= 2"),
        Segment(id="lookers", when="views_3d >= 2 and not in_segment('buyers')", purpose="analytics"),
        Segment(id="bikers", when="interest('bikes') > 0.4", purpose="personalisation"),
    ),
    offers=(Offer(id="o", placements=("p",), purpose="personalisation", value=1, limit=Limit(times=1, days=1)),),
    placements=(Placement(id="p"),),
)  # fmt: skip

ENGINE = Engine(DEFINITIONS)
users = st.sampled_from(["ana", "ben"])
devices = st.sampled_from(["d1", "d2", "d3"])


@pytest.fixture(autouse=True, scope="module")
def _moves_are_often_put_in_place() -> Iterator[None]:
    with patch.multiple(noted, ROWS=2, ROW_BYTES=40):
        yield


@st.composite
def calls(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What two customers on three devices do in a fortnight, in the wire format, each with its own message id."""
    found = []
    for number in range(draw(st.integers(1, 14))):
        time = START + draw(st.integers(0, 14 * 24)) * 3_600_000
        call: dict[str, Any] = {"type": "track", "messageId": f"m{number}", "timestamp": _iso(time)}
        who = draw(st.sampled_from(["user", "device", "both"]))
        user = draw(users)
        kind = draw(st.sampled_from(["view", "view", "view", "order", "refund", "consent", "consent"]))
        if who != "device" or kind in {"order", "refund"}:
            call["userId"] = user
        if who != "user":
            call["anonymousId"] = draw(devices)
        if kind == "view":
            product = draw(st.sampled_from("abcde"))
            call |= {"event": "Product Viewed", "properties": {"product_id": product, "category": draw(categories)}}
        elif kind == "order":
            order = {
                "order_id": f"{user}-{draw(orders)}",
                "total": draw(st.integers(1, 9)),
                "category": draw(categories),
            }
            call |= {"event": "Order Completed", "properties": order}
        elif kind == "refund":
            call |= {
                "event": "Order Refunded",
                "properties": {"order_id": f"{user}-{draw(orders)}", "total": draw(st.integers(1, 4))},
            }
        else:
            purposes = draw(
                st.dictionaries(st.sampled_from(["analytics", "personalisation"]), st.booleans(), min_size=1)
            )
            call |= {"event": "Consent Updated", "properties": {"purposes": purposes}}
        found.append(call)
    return found


categories = st.sampled_from(["bikes", "shoes", "books", "tea", "jam"])
orders = st.sampled_from(["A", "B", "C"])


def _iso(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def folded(batches: list[list[dict[str, Any]]], *, records: int = 1, restart: bool = False) -> dict[str, Any]:
    """The state after the calls came in these batches."""
    log, state = MemoryLog(), SqliteState(":memory:")
    received = START + 15 * DAY
    log.append([NewRecord(TICK, "clock", "", received, b"")])
    for batch in batches:
        log.append([NewRecord(EVENTS, "till", "batch", received, json.dumps({"batch": batch}).encode())])
    updater = Updater(ENGINE, log, state, records=records)
    while updater.step():
        if restart:
            updater = Updater(ENGINE, log, state, records=records)
    return picture(state)


def picture(state: SqliteState) -> dict[str, Any]:
    """Everything that the fold leaves behind for people and decisions, in comparable form."""
    parts: dict[int, dict[int, Any]] = {}
    for key, data in state.select(tables.PART):
        number, part = int(key) >> 4, int(key) & 15  # type: ignore[arg-type]  # columns of the table
        value: Any = msgspec.msgpack.decode(data)  # type: ignore[arg-type]
        if part == PERSON:
            person = msgspec.msgpack.decode(data, type=Person)  # type: ignore[arg-type]
            value = (person.identifiers, sorted(person.facts.items()))
        elif part == 0:
            hot = Fold.decode_hot(data)  # type: ignore[arg-type]
            value = (hot.anchor, hot.first_seen, hot.last_seen, hot.values, hot.consent, hot.segments, hot.facts)
        elif not any(value):
            continue
        parts.setdefault(number, {})[part] = value
    # These count what came and how often visits were looked at anew, not what is.
    arrivals = {"events", "refused", CAME, SOURCE_REFUSED, REVISED, *ARRIVALS, *COUNTED}
    counters = {(r[0], r[1], r[2]): r[3] for r in state.select(tables.COUNTER) if r[3] and r[0] not in arrivals}
    return {
        "parts": parts,
        "orders": sorted((r[0], r[1], r[3], r[5]) for r in state.select(tables.ORDER)),
        "members": [(s.id, n) for s in DEFINITIONS.segments for n, _ in noted.members(state, generation.A, s.id)],
        "identifiers": sorted((r[0], r[1], r[2]) for r in state.select(tables.IDENTIFIER)),
        "counters": counters,
    }


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(calls(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_batches_duplicates_and_restarts_do_not_matter(
    sent: list[dict[str, Any]], chance: Any, size: int
) -> None:
    in_order = sorted(sent, key=lambda call: (call["timestamp"], call["messageId"]))
    # All of them come within the horizon, which here is as long as what they tell of.
    with patch.object(links, "HORIZON_MS", 15 * DAY), patch.object(statements, "HORIZON_MS", 15 * DAY):
        once = folded([in_order])
        _comes_otherwise(sent, chance, size, once)


def _comes_otherwise(sent: list[dict[str, Any]], chance: Any, size: int, once: dict[str, Any]) -> None:
    shuffled = sent + chance.sample(sent, len(sent) // 3)
    chance.shuffle(shuffled)
    batches = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
    assert folded(batches, records=chance.choice([1, 2, 50]), restart=chance.random() < 0.3) == once


def test_logins_count_in_any_order_as_late_as_the_horizon() -> None:
    """Ana's second login is told after a later third, and Ben's between them comes last of all."""

    def login(user: str, day: float) -> dict[str, Any]:
        named = {"userId": user, "anonymousId": "d1", "messageId": f"{user}-{day}", "timestamp": _iso(_at(day))}
        return {"type": "track", "event": "Product Viewed", "properties": {"product_id": "a"}, **named}

    def _at(day: float) -> int:
        return START + int(day * DAY)

    for last, same in ((10.0, True), (12.0, False)):
        calls = [login("ana", 1), login("ana", last), login("ana", 4), login("ben", 3)]
        alone = {**login("ana", 4.5), "messageId": "alone"}
        del alone["userId"]
        late, in_order = ([[call] for call in order] for order in (calls, sorted(calls, key=lambda c: c["timestamp"])))
        assert (folded([*late, [alone]]) == folded([*in_order, [alone]])) is same
