"""What a trace says of an event that was refused, whenever one asks."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from regulars.core.state import COUNTER, SEALED, VERDICT, Changes
from regulars.runtime.customers import Customers
from regulars.runtime.traces import Trace, trace_of, whole_trace
from tests.unit.console.corner import Corner


def viewed(message_id: str, minute: int = 30, **who: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Viewed", "messageId": message_id, "properties": {"product_id": "bell"},
        "timestamp": f"2024-03-15T11:{minute:02}:00.000Z", **who,
    }  # fmt: skip


def agrees(user: str, minute: int) -> dict[str, Any]:
    said = {"event": "Consent Updated", "properties": {"purposes": {"analytics": True}}}
    return viewed(f"yes-{user}", minute, userId=user) | said


def traced(corner: Corner, message_id: str) -> Trace:
    return trace_of(corner.services, Customers(corner.services), message_id)


def seal(corner: Corner) -> None:
    """The sealer has been here: verdicts are kept no longer."""
    changes = Changes()
    for row in corner.state.select(VERDICT):
        changes.delete(VERDICT, int(str(row[0])))
    corner.state.commit(changes, meta={SEALED: corner.log.head()})


def told(trace: Trace) -> tuple[str, list[str], bool]:
    return trace.status, [str(step["step"]) for step in trace.steps], "admitted" in str(trace.steps)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_refused_event_is_never_called_admitted(tmp_path: Path, sealed: bool) -> None:  # noqa: FBT001
    with Corner(tmp_path) as corner:
        corner.happened(viewed("early", 20, userId="ana"), agrees("ana", 25), viewed("late", 30, userId="ana"))
        if sealed:
            seal(corner)
        assert told(traced(corner, "early")) == ("refused", ["stored", "read", "folded"], False)
        assert "consent" in traced(corner, "early").why
        assert traced(corner, "late").status == "admitted"


def test_what_the_log_has_forgotten_is_told_so(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened(viewed("early", 20, userId="ana"))
        seal(corner)
        corner.log.trim(corner.log.head() + 1)
        assert told(traced(corner, "early")) == ("forgotten", ["stored"], False)


def test_an_event_of_a_device_is_judged_by_who_held_it_then(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened(agrees("ana", 5))
        corner.happened(viewed("login-ana", 10, userId="ana", anonymousId="d1"))
        corner.happened(viewed("hers", 20, anonymousId="d1"))
        corner.happened(viewed("login-ben", 40, userId="ben", anonymousId="d1"))
        corner.happened(viewed("his", 50, anonymousId="d1"))
        seal(corner)
        found = {name: traced(corner, name) for name in ("hers", "his")}
        assert (found["hers"].status, found["his"].status) == ("admitted", "refused")
        assert found["hers"].profile == corner.profile("user_id:ana")
        assert found["his"].profile == corner.profile("user_id:ben")


def whole(corner: Corner, message_id: str) -> Trace:
    return asyncio.run(whole_trace(corner.services, Customers(corner.services), message_id))


def test_what_is_sent_again_with_another_time_and_body_counts_once_and_the_trace_tells_both(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened(agrees("ana", 5), viewed("m1", 20, userId="ana"))
        corner.happened(viewed("m1", 45, userId="ana") | {"properties": {"product_id": "horn"}})
        found = whole(corner, "m1")
        first = next(step for step in found.steps if step["step"] == "stored")
        (again,) = (step for step in found.steps if step["step"] == "came again")
        assert (again["first_offset"], again["first_time"]) == (first["offset"], first["time"])
        assert again["offset"] > first["offset"]
        assert again["differs"] == ["time", "properties"]
        assert again["verdict"] == "duplicate"
        counted = [row for row in corner.state.select(COUNTER, {"name": "events"}) if row[2] == "Product Viewed"]
        assert [row[3] for row in counted] == [1]


def test_a_trace_tells_which_traits_and_segments_an_event_changed(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened(agrees("ana", 5), viewed("m1", 20, userId="ana"), viewed("m2", 21, userId="ana"))
        changed = whole(corner, "m2").changed
        assert changed["traits"]
        for name, (without, now) in changed["traits"].items():
            assert without != now, name
            customers = Customers(corner.services)
            assert customers.customer(customers.number("user_id:ana")).traits[name] == now
        assert whole(corner, "yes-ana").changed["left"] == []


def test_the_same_id_of_two_sources_is_told_for_each(tmp_path: Path) -> None:
    with Corner(tmp_path) as corner:
        corner.happened(agrees("ana", 5), viewed("m1", 20, userId="ana"))
        corner.happened(viewed("m1", 22, anonymousId="d9"), source="web")
        found = whole(corner, "m1")
        assert sorted([found.source, *(one.source for one in found.others)]) == ["till", "web"]
