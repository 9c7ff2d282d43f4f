"""An order that several customers and sources tell of: one order, one owner, whatever came first."""

import json
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.flow.updater import Updater
from tests.property.test_flow import DAY, ENGINE, START, calls, picture

RECEIVED = START + 15 * DAY


def told(batches: list[tuple[str, list[dict[str, Any]]]], records: int) -> dict[str, Any]:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(TICK, "clock", "", RECEIVED, b"")])
    for source, batch in batches:
        log.append([NewRecord(EVENTS, source, "batch", RECEIVED, json.dumps({"batch": batch}).encode())])
    Updater(ENGINE, log, state, records=records).run()
    return picture(state)


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(calls(), st.integers(0, 999).map(Random))
def test_the_owner_of_an_order_does_not_depend_on_what_came_first(sent: list[dict[str, Any]], chance: Random) -> None:
    for call in sent:
        properties = call.get("properties", {})
        if "order_id" in properties:
            properties["order_id"] = properties["order_id"][-1]  # ana and ben use the same numbers
    sources = {call["messageId"]: "till" if chance.random() < 0.7 else "web" for call in sent}
    for call in sent:
        if sources[call["messageId"]] == "web":
            call.setdefault("anonymousId", chance.choice(["d1", "d2", "d3"]))
    one_by_one = [(sources[call["messageId"]], [call]) for call in sent]
    in_order = sorted(one_by_one, key=lambda batch: (batch[1][0]["timestamp"], batch[1][0]["messageId"]))
    chance.shuffle(one_by_one)
    assert told(one_by_one, chance.choice([1, 3, 50])) == told(in_order, 1)
