"""How well customers are recognised, counted and told."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regulars.adapters.state.sqlite import SqliteState
from regulars.api import operations
from regulars.core import state as tables
from regulars.core.identifier import is_device
from regulars.core.record import profile_name
from regulars.flow.identity_health import (
    BURNED_THAT_DAY,
    DAYS,
    KNOWN,
    LINKS_REFUSED,
    MERGED,
    STITCHED,
    UNKNOWN,
    differs,
    health,
    watch,
)
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


def test_merges_of_an_hour_and_burned_identifiers_are_watched() -> None:
    state = SqliteState(":memory:")
    changes = tables.Changes()
    for back in range(1, DAYS):
        changes.add(STITCHED, TODAY - back, KNOWN, 900)
        changes.add(MERGED, TODAY - back, "09", 10 + back % 3)
        changes.add(MERGED, TODAY - back, "10", 4)
    changes.add(STITCHED, TODAY, KNOWN, 900)
    changes.add(MERGED, TODAY, "03", 500)
    changes.add(BURNED_THAT_DAY, TODAY, "", 30)
    state.commit(changes)
    found = {one.name: one for one in watch(state, TODAY)}
    assert [name for name, one in found.items() if one.sudden] == ["burned", "merges_per_hour"]
    merges = found["merges_per_hour"]
    assert (merges.value, merges.usual, merges.threshold) == (500, 11, 20)
    assert not any(one.sudden for one in watch(state, TODAY - 1))


def test_every_watched_figure_is_a_metric() -> None:
    assert {one.name for one in watch(SqliteState(":memory:"), TODAY)} == operations._SUDDEN.keys()  # noqa: SLF001


def test_merges_and_burned_identifiers_are_counted_when_they_come() -> None:
    joined = [
        identify("1", "ana"),
        identify("2", None, ("loyalty_card", "7")),
        identify("3", "ana", ("loyalty_card", "7")),
    ]
    state = told(joined)
    (row,) = state.select(tables.COUNTER, {"name": MERGED})
    assert row[3] == 1
    many = [identify(f"c{n}", f"u{n}", ("email", "till@example.org")) for n in range(IDENTITY.max_component + 2)]
    state = told(many)
    assert sum(int(str(row[3])) for row in state.select(tables.COUNTER, {"name": BURNED_THAT_DAY})) >= 1
    assert health(state, IDENTITY, TODAY).burned >= 1


def test_the_largest_profiles_are_found_among_all() -> None:
    state = SqliteState(":memory:")
    changes = tables.Changes()
    for number in range(25_000):
        changes.put(tables.IDENTIFIER, (f"user_id:{number}", number, 5, b""))
    for number in range(7):
        changes.put(tables.IDENTIFIER, (f"email:{number}@example.org", 24_999, 5, b""))
    state.commit(changes)
    found = health(state, IDENTITY, TODAY)
    assert (found.profiles, found.largest) == (25_000, [(profile_name(24_999), 8)])
    assert dict(found.identifiers_per_profile)[1] == 24_999


@given(st.floats(-1e6, 1e6), st.lists(st.floats(-1e6, 1e6), max_size=14))
def test_few_days_prove_nothing_and_a_usual_day_is_usual(value: float, before: list[float]) -> None:
    assert not differs(value, before[:4], least=0)
    assert not differs(sorted(before)[len(before) // 2] if len(before) % 2 else 0.0, before, least=2e6)
