"""After an erasure the others, whose devices were their own, are as if the person had never been."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.erasure import TABLES
from regulars.core.log import COMMAND, EVENTS, TICK, NewRecord
from regulars.core.record import profile_name, profile_number
from regulars.flow.updater import Updater
from tests.property.test_flow import DAY, ENGINE, START, calls, picture

RECEIVED = START + 15 * DAY


def _state(sent: list[dict[str, Any]], *, erased: bool) -> dict[str, Any]:
    found = picture(_folded(sent, erased=erased))
    found.pop("counters")  # sums over many days and people stay
    return found


def _folded(sent: list[dict[str, Any]], *, erased: bool) -> SqliteState:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(TICK, "clock", "", RECEIVED, b"")])
    for call in sent:
        log.append([NewRecord(EVENTS, "till", "batch", RECEIVED, json.dumps({"batch": [call]}).encode())])
    if erased:
        body = json.dumps({"name": "erase", "args": {"identifier": "user_id:ana"}, "by": "admin"}).encode()
        log.append([NewRecord(COMMAND, "admin", "erase", RECEIVED, body)])
    Updater(ENGINE, log, state).run()
    return state


def _devices(sent: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Whose each device was."""
    found: dict[str, set[str]] = {}
    for call in sent:
        if "anonymousId" in call:
            found.setdefault(call["anonymousId"], set()).update({call["userId"]} if "userId" in call else ())
    return found


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls())
def test_others_are_as_if_the_person_had_never_been(sent: list[dict[str, Any]]) -> None:
    devices = _devices(sent)
    shared = {device for device, users in devices.items() if len(users) > 1}
    sent = [call for call in sent if call.get("anonymousId") not in shared]
    hers = {device for device, users in devices.items() if users == {"ana"}}
    others = [call for call in sent if call.get("userId") != "ana" and call.get("anonymousId") not in hers]
    assert _state(sent, erased=True) == _state(others, erased=False)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls())
def test_nothing_that_goes_at_once_names_the_person_whoever_shared_a_device(sent: list[dict[str, Any]]) -> None:
    state = _folded(sent, erased=True)
    number = profile_number("user_id:ana")
    names = (b"user_id:ana", str(number).encode(), profile_name(number).encode())
    for table in tables.TABLES:
        if TABLES[table.name][0] != "fold":
            continue
        for row in state.select(table):
            cells = [cell if isinstance(cell, bytes) else str(cell).encode() for cell in row]
            assert not any(name in cell for name in names for cell in cells), (table.name, row)
            assert not (table.name == "part" and int(str(row[0])) >> 4 == number)
