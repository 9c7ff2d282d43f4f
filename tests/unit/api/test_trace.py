"""What a trace says of an event that was refused, whenever one asks."""

from pathlib import Path
from typing import Any

import pytest

from regulars.api.profiles import Trace, trace_of
from regulars.core.state import SEALED, VERDICT, Changes
from regulars.runtime.customers import Customers
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
