"""A plan says what changed rules would do, and that is what those rules do."""

from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.identity_types import Identity
from regulars.flow.engine import Engine
from regulars.flow.identity_plan import plan
from regulars.flow.updater import Updater
from tests.property.test_flow import ENGINE
from tests.property.test_unlink import CLOCK, mails, quick, record
from tests.unit.flow.test_identity_commands import identify

SERVING = ENGINE.definitions.identity


def changed(**of: Any) -> Identity:
    """The rules with other limits: `email=1`."""
    types = tuple(msgspec.structs.replace(one, limit=of.get(one.id, one.limit)) for one in SERVING.types)
    return msgspec.structs.replace(SERVING, types=types)


def folded(calls: list[dict[str, Any]], identity: Identity) -> SqliteState:
    definitions = msgspec.structs.replace(ENGINE.definitions, identity=identity)
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([CLOCK, *(record([call]) for call in calls)])
    Updater(Engine(definitions), log, state, records=1).run()
    return state


def profiles(state: SqliteState) -> int:
    return len({row[1] for row in state.select(tables.IDENTIFIER) if not str(row[0]).startswith("household")})


@settings(quick, max_examples=12)
@given(mails(), st.integers(0, 999).map(Random))
def test_a_plan_is_what_the_rules_would_have_made_of_the_same_messages(
    sent: list[dict[str, Any]], chance: Random
) -> None:
    chance.shuffle(sent)
    edited = changed(email=1)
    found = plan(folded(sent, SERVING), SERVING, edited)
    assert found.profiles_before == profiles(folded(sent, SERVING))
    assert found.profiles_after == profiles(folded(sent, edited))
    assert found.skipped == 0
    assert bool(found.merged + found.split) == bool(found.examples)
    assert found.profiles_after <= found.profiles_before or found.split
    unchanged = plan(folded(sent, SERVING), SERVING, SERVING)
    assert (unchanged.merged, unchanged.split, unchanged.refused, unchanged.examples) == (0, 0, {}, [])


def test_what_a_lower_limit_refuses_a_higher_one_follows_again() -> None:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([CLOCK, identify("1", "ana", ("loyalty_card", "7")), identify("2", "ana", ("loyalty_card", "8"))])
    log.append([identify("3", None, ("loyalty_card", "8"))])
    Updater(ENGINE, log, state, records=1).run()
    lower = plan(state, SERVING, changed(loyalty_card=1))
    assert (lower.split, lower.merged, lower.refused) == (1, 0, {"conflict": 1})
    (example,) = lower.examples
    assert (example.kind, example.size) == ("split", 3)
    assert example.identifiers == ["loyalty_card:7", "loyalty_card:8", "user_id:ana"]


def test_values_that_are_blocked_now_are_counted() -> None:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([CLOCK, identify("1", "ana", ("loyalty_card", "7"))])
    Updater(ENGINE, log, state, records=1).run()
    edited = msgspec.structs.replace(SERVING, blocked=(*SERVING.blocked, "7"))
    found = plan(state, SERVING, edited)
    assert (found.blocked, found.profiles_before, found.profiles_after) == (1, 1, 1)
