"""Whose order it is: a server's word counts, a browser's only where no server says what was ordered."""

import json
from typing import Any

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.log import EVENTS, NewRecord
from regulars.core.record import profile_number
from regulars.flow.updater import Updater
from tests.property.test_flow import ENGINE, START

ANA, BEN = profile_number("user_id:ana"), profile_number("user_id:ben")
STRANGER = profile_number("anonymous_id:stranger")


def order(name: str, message: str, hour: int, **who_and_what: Any) -> dict[str, Any]:
    who = {key: value for key, value in who_and_what.items() if key in ("userId", "anonymousId")}
    what = {key: value for key, value in who_and_what.items() if key not in who}
    call = {"type": "track", "event": name, "messageId": message, "timestamp": f"2023-11-14T{hour:02}:00:00.000Z"}
    return {**call, **who, "properties": {"order_id": "A", **what}}


def told(*calls: tuple[str, dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(profile, total, status) of the orders once these calls came, each in a batch of its own."""
    log, state = MemoryLog(), SqliteState(":memory:")
    for source, call in calls:
        log.append([NewRecord(EVENTS, source, "batch", START, json.dumps({"batch": [call]}).encode())])
    Updater(ENGINE, log, state, records=1).run()
    return [(row[1], row[3], row[5]) for row in state.select(tables.ORDER)]


SERVER = ("till", order("Order Completed", "m1", 12, userId="ana", total=40))


def test_a_browser_cannot_cancel_or_refund_what_a_server_told() -> None:
    cancelled = ("web", order("Order Cancelled", "m2", 13, anonymousId="stranger"))
    refunded = ("web", order("Order Refunded", "m3", 14, anonymousId="stranger"))
    assert told(SERVER, cancelled, refunded) == [(ANA, 4000, "completed")]
    assert told(cancelled, refunded, SERVER) == [(ANA, 4000, "completed")]


def test_a_browser_cannot_take_an_order_by_an_earlier_time() -> None:
    claimed = ("web", order("Order Completed", "m0", 2, anonymousId="stranger", userId="ana", total=999))
    assert told(SERVER, claimed) == [(ANA, 4000, "completed")]
    assert told(claimed, SERVER) == [(ANA, 4000, "completed")]


def test_an_order_that_only_a_browser_told_of_is_its_own() -> None:
    own = ("web", order("Order Completed", "m0", 2, anonymousId="stranger", total=7))
    other = ("web", order("Order Cancelled", "m4", 3, anonymousId="another"))
    assert told(own, other) == [(STRANGER, 700, "completed")]


def test_a_server_takes_back_what_a_browser_told() -> None:
    own = ("web", order("Order Completed", "m0", 2, anonymousId="stranger", total=7))
    refunded = ("till", order("Order Refunded", "m5", 3, anonymousId="stranger", total=2))
    assert told(own, refunded) == [(STRANGER, 500, "refunded")]
    assert told(refunded, own) == [(STRANGER, 500, "refunded")]


def test_an_order_that_two_customers_tell_of_belongs_to_the_first_by_time() -> None:
    later = ("till", order("Order Completed", "m6", 15, userId="ben", total=40))
    assert told(SERVER, later) == [(ANA, 4000, "completed")]
    assert told(later, SERVER) == [(ANA, 4000, "completed")]
