"""How well customers are recognised, counted and told."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.identifier import is_device
from regulars.flow.identity_health import DAYS, KNOWN, LINKS_REFUSED, STITCHED, UNKNOWN, differs, health
from tests.property.test_flow import ENGINE
from tests.property.test_unlink import RECEIVED, mails, quick, record, told
from tests.unit.flow.test_identity_commands import identify

IDENTITY = ENGINE.definitions.identity
TODAY = ENGINE.calendar.day(RECEIVED)


@quick
@given(mails())
def test_every_admitted_event_is_of_somebody_known_or_not(sent: list[dict[str, Any]]) -> None:
    state = told([record(sent)])
    rows = {str(row[2]): int(str(row[3])) for row in state.select(tables.COUNTER, {"name": STITCHED})}
    assert sum(rows.values()) == len({call["messageId"] for call in sent})
    found = health(state, IDENTITY, TODAY)
    assert found.complete
    assert found.stitch_rate == rows.get(KNOWN, 0) / sum(rows.values())
    assert sum(count for _, count in found.identifiers_per_profile) == found.profiles
    assert found.profiles == len({row[1] for row in state.select(tables.IDENTIFIER)})
    devices = [row for row in state.select(tables.IDENTIFIER) if is_device(str(row[0]), IDENTITY)]
    assert (found.devices_held is None) == (not devices)


def test_a_refused_link_is_counted_by_its_reason() -> None:
    state = told([identify("1", "ana", ("loyalty_card", "7")), identify("2", "ben", ("loyalty_card", "7"))])
    found = health(state, IDENTITY, TODAY)
    assert found.refused == {"conflict": 1}
    assert found.refused_by_day[-1] == (TODAY, 1)
    assert found.largest[0][1] == 2


def test_a_day_unlike_the_two_weeks_before_is_told() -> None:
    state = SqliteState(":memory:")
    changes = tables.Changes()
    for back in range(1, DAYS):
        changes.add(STITCHED, TODAY - back, KNOWN, 900 + back)
        changes.add(STITCHED, TODAY - back, UNKNOWN, 100)
        changes.add(LINKS_REFUSED, TODAY - back, "conflict", 3)
    changes.add(STITCHED, TODAY, KNOWN, 50)
    changes.add(STITCHED, TODAY, UNKNOWN, 900)
    changes.add(LINKS_REFUSED, TODAY, "burned", 400)
    state.commit(changes)
    assert health(state, IDENTITY, TODAY).sudden == ["refused", "stitch_rate"]
    assert health(state, IDENTITY, TODAY - 1).sudden == []


@given(st.floats(-1e6, 1e6), st.lists(st.floats(-1e6, 1e6), max_size=14))
def test_few_days_prove_nothing_and_a_usual_day_is_usual(value: float, before: list[float]) -> None:
    assert not differs(value, before[:4], least=0)
    assert not differs(sorted(before)[len(before) // 2] if len(before) % 2 else 0.0, before, least=2e6)
