"""Consent with terms, through log and updater: what time takes away is gone whenever the clock came, and for good."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.definitions import Purpose, Trait
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.core.record import HOT, Hot, part_id
from regulars.core.state import IDENTIFIER
from regulars.flow.customer import Customers
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from tests.property.test_flow import DAY, DEFINITIONS, START, calls, picture

LAST = START + 40 * DAY
TERMS = (
    Purpose(id="analytics", expires_days=4),
    Purpose(id="personalisation", expires_days=6),
    Purpose(id="stock", basis="legitimate_interest"),
)
STOCK = Trait(name="stock_views", kind="count", events=("Product Viewed",), purpose="stock")
ENGINE = Engine(msgspec.structs.replace(DEFINITIONS, purposes=TERMS, traits=(*DEFINITIONS.traits, STOCK)))
quick = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def folded(records: list[NewRecord], *, at_once: int) -> SqliteState:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append(records)
    Updater(ENGINE, log, state, records=at_once).run()
    return state


def tick(time: int) -> NewRecord:
    return NewRecord(TICK, "clock", "", time, b"")


def record(call: dict[str, Any], received: int) -> NewRecord:
    return NewRecord(EVENTS, "till", "batch", received, json.dumps({"batch": [call]}).encode())


def _time(call: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(call["timestamp"]).astimezone(UTC).timestamp() * 1000)


def timeless(state: SqliteState) -> Any:
    """The records without the values that a reader brings up to the day: days since, and the stage of life."""
    parts = picture(state)["parts"]
    for held in parts.values():
        values = held[HOT][3]
        for slot, trait in enumerate(ENGINE.definitions.traits):
            if trait.kind in ("days_since", "lifecycle"):
                values[slot] = None
    return parts


@quick
@given(calls(), st.lists(st.integers(0, 30), max_size=6), st.integers(15, 40), st.integers(1, 9))
def test_a_lapse_is_the_same_whether_the_clock_came_in_between_or_only_at_the_end(
    sent: list[dict[str, Any]], ticks: list[int], last: int, at_once: int
) -> None:
    in_order = sorted(sent, key=_time)
    moments: list[tuple[int, int, NewRecord]] = [(_time(c), 1, record(c, _time(c))) for c in in_order]
    moments += [(START + day * DAY, 0, tick(START + day * DAY)) for day in ticks if day < last]
    live = [one for _, _, one in sorted(moments, key=lambda m: m[:2])] + [tick(START + last * DAY)]
    at_the_end = [tick(START + last * DAY), *(record(call, START + 15 * DAY) for call in sent)]
    assert timeless(folded(live, at_once=1)) == timeless(folded(at_the_end, at_once=at_once))


@quick
@given(calls(), st.integers(0, 30))
def test_nothing_that_rests_on_a_lapsed_grant_is_left(sent: list[dict[str, Any]], day: int) -> None:
    state = folded([*(record(call, START + 15 * DAY) for call in sent), tick(START + (14 + day) * DAY)], at_once=4)
    numbers = {int(str(row[1])) for row in state.select(IDENTIFIER)}
    hots = [msgspec.msgpack.decode(d, type=Hot) for d in state.parts([part_id(n, HOT) for n in numbers]).values()]
    for hot in hots:
        assert hot.lapses == 0 or hot.lapses > hot.day or hot.day < ENGINE.calendar.day(START + (14 + day) * DAY)
        if day > 6:
            assert hot.consent.keys() <= {"stock"}
        for slot, trait in enumerate(ENGINE.definitions.traits):
            if trait.purpose != "contract" and trait.purpose not in hot.consent:
                assert not hot.values[slot], trait.name
        for segment in ENGINE.definitions.segments:
            if segment.purpose != "contract" and segment.purpose not in hot.consent:
                assert segment.id not in hot.segments


@quick
@given(calls(), st.integers(7, 30))
def test_a_decision_after_a_lapse_uses_nothing_of_it_before_any_tick_came(
    sent: list[dict[str, Any]], days: int
) -> None:
    state = folded([tick(START + 14 * DAY), *(record(call, START + 14 * DAY) for call in sent)], at_once=4)
    now = START + (14 + days) * DAY
    customers = Customers(ENGINE, state)
    for row in state.select(IDENTIFIER):
        number = int(str(row[1]))
        customer = customers.of(
            number, usable_record=True, key=str(row[0]), events=(), now=now, day=ENGINE.calendar.day(now)
        )
        assert customer.hot.consent.keys() <= {"stock"}
        for slot, trait in enumerate(ENGINE.definitions.traits):
            if trait.purpose not in ("contract", "stock"):
                assert not customer.hot.values[slot], trait.name
        assert not set(customer.hot.segments) & {"lookers", "bikers"}


@quick
@given(calls(), calls(), st.integers(0, 14))
def test_a_withdrawal_ends_for_good_what_was_before_whatever_comes_after(
    sent: list[dict[str, Any]], more: list[dict[str, Any]], day: int
) -> None:
    """Also what comes late, by other identifiers, with merges and later grants."""
    said = {"analytics": False, "personalisation": False, "stock": False}
    at = START + day * DAY
    stamp = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    no = {
        "type": "track", "event": "Consent Updated", "messageId": "no", "timestamp": stamp, "userId": "ana",
        "properties": {"purposes": said},
    }  # fmt: skip
    later = [{**call, "messageId": f"later-{call['messageId']}"} for call in more]
    received = START + 15 * DAY
    records = [record(call, received) for call in [*sent, no, *later]]
    state = folded([tick(received), *records], at_once=3)
    rows = {str(row[0]): int(str(row[1])) for row in state.select(IDENTIFIER)}
    data = state.parts([part_id(rows["user_id:ana"], HOT)])
    hot = msgspec.msgpack.decode(next(iter(data.values())), type=Hot)
    assert all(since > at for since in hot.consent.values())
    counted = sum(call.get("event") == "Product Viewed" and _time(call) > at for call in [*sent, *later])
    assert (hot.values[ENGINE.fold.slots["stock_views"]] or 0) <= counted
