"""What is forgotten after its days changes nothing that is still counted, whatever is said and folded again later."""

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.core.definitions import EventType, Retention
from regulars.core.log import EVENTS, NewRecord
from regulars.core.state import ACCESS, ANSWER, FAILED, SEALED, Changes
from regulars.flow.engine import Engine
from regulars.flow.retention import forget
from tests.property.lakes import Keeping
from tests.property.test_consent_flow import record, tick
from tests.property.test_flow import DAY, DEFINITIONS, START, calls, picture

#: Traits that count views for three days at most; orders are counted for ever, and kept.
BOUND = msgspec.structs.replace(
    DEFINITIONS,
    traits=tuple(t for t in DEFINITIONS.traits if "Product Viewed" not in t.events or t.window_days == 3),
    segments=DEFINITIONS.segments[:1],
)
FORGETTING = msgspec.structs.replace(
    BOUND,
    events=tuple(
        EventType(name=e.name, purpose=e.purpose, keep_days=3 if e.name == "Product Viewed" else None)
        for e in BOUND.events
    ),
    retention=Retention(events_days=5, failed_days=2, access_days=2, decisions_days=2),
)


def lived(engine: Engine, sent: list[dict[str, Any]], until: int) -> Keeping:
    """Days pass with the calls; every night the lake is kept and the log forgets what is sealed."""
    shop = Keeping(engine)
    by_day: dict[int, list[dict[str, Any]]] = {}
    for call in sent:
        by_day.setdefault(int(call["timestamp"][8:10]), []).append(call)
    for number in range(until):
        now = START + number * DAY
        shop.log.append([tick(now)])
        for call in by_day.get(14 + number, ()):
            shop.log.append([record(call, now + DAY - 1)])
        shop.updater.run()
        shop.keep()
        sealed = shop.state.meta(SEALED)
        assert isinstance(sealed, int)
        shop.log.trim(sealed)
    return shop


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(calls(), st.integers(1, 20))
def test_forgetting_changes_no_record(sent: list[dict[str, Any]], until: int) -> None:
    kept, forgot = lived(Engine(BOUND), sent, until), lived(Engine(FORGETTING), sent, until)
    assert picture(forgot.state)["parts"] == picture(kept.state)["parts"]
    first = forgot.engine.calendar.start(forgot.engine.calendar.day(START + (until - 1) * DAY) - 3)
    views = {place for place, event in kept.sealed.items() if event.name == "Product Viewed" and event.time < first}
    assert forgot.sealed.keys() == kept.sealed.keys() - views


def test_failed_events_and_accesses_go_after_their_days_and_answers_with_the_log() -> None:
    shop = Keeping(Engine(FORGETTING))
    day = shop.engine.calendar.day(START)
    begins = shop.engine.calendar.start(day - 2)
    changes = Changes()
    for offset, time in ((1, begins - 1), (2, begins)):
        changes.put(FAILED, (offset, 0, "web", time, "m", "n", "r", "f", "e", "g", b"", "c", "", b"", ""))
        changes.put(ACCESS, (offset, time, "carla", "look", "user_id:ana"))
        changes.put(ANSWER, (offset, 1, b"{}"))
    shop.state.commit(changes)
    for _ in range(2):  # again, and nothing more goes
        shop.state.commit(forget(shop.engine, shop.state, day=day, offset=9, oldest_record=2))
        for table in (FAILED, ACCESS, ANSWER):
            assert [row[0] for row in shop.state.select(table)] == [2], table.name


def test_the_first_tick_of_a_day_forgets_and_the_next_ones_have_nothing_to_do() -> None:
    shop = Keeping(Engine(FORGETTING))
    body = json.dumps({"batch": [{"type": "track", "event": "Unheard Of", "userId": "ana", "messageId": "x"}]}).encode()
    shop.log.append([NewRecord(EVENTS, "till", "batch", START, body)])
    shop.updater.run()
    assert shop.state.count(FAILED) == {None: 1}
    for hours in (24, 47, 48):
        shop.log.append([tick(START + hours * DAY // 24)])
        shop.updater.run()
        assert shop.state.count(FAILED) == {None: 1}
    shop.log.append([tick(START + 49 * DAY // 24)])
    shop.updater.run()
    assert shop.state.count(FAILED).get(None, 0) == 0
