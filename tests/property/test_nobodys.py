"""What more people name than can be one is nobody's, in any order of arrival: it is used for nothing."""

import random
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.identifier import is_person
from regulars.core.identity_types import Identity
from regulars.core.record import Hot
from regulars.flow.updater import Updater
from regulars.profile import links, statements
from regulars.profile.fold import Fold
from regulars.profile.identity import burned_keys, resolve
from regulars.profile.links import MAX_PEOPLE, is_burned
from tests.property.test_flow import DAY, ENGINE, picture
from tests.property.test_identity import Shop, all_links, arrive, check, histories, make_event, seen
from tests.property.test_identity_apply import RULES, begin
from tests.property.test_identity_apply import Shop as Applied
from tests.property.test_identity_apply import command as apply
from tests.property.test_unlink import CLOCK, command, mails, quick, record

IDENTITY = Identity()


@pytest.fixture
def two_are_many() -> Iterator[None]:
    with (
        patch.object(links, "MAX_PEOPLE", 1),
        patch.object(links, "HORIZON_MS", 15 * DAY),
        patch.object(statements, "HORIZON_MS", 15 * DAY),
    ):
        yield


def told(batches: list[list[dict[str, Any]]], records: int = 1) -> SqliteState:
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([CLOCK, *(record(batch) for batch in batches)])
    Updater(ENGINE, log, state, records=records).run()
    return state


def hot_of(state: SqliteState, number: int) -> Hot | None:
    row = state.get(tables.PART, number << 4)
    return None if row is None else Fold.decode_hot(row[1])  # type: ignore[arg-type]  # a column of the table


@st.composite
def of_the_till(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What two customers do, some of it under one card: with their logins, with addresses, or with the card alone."""
    found = draw(mails())
    for call in found:
        if draw(st.booleans()):
            call["context"] = {"externalIds": [{"type": "loyalty_card", "id": "till"}]}
            if draw(st.booleans()):
                call.pop("userId", None)
                call.pop("anonymousId", None)
    return found


@pytest.mark.usefixtures("two_are_many")
@settings(quick, max_examples=60)
@given(of_the_till(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_what_is_nobodys_is_so_in_any_order_and_used_for_nothing(
    sent: list[dict[str, Any]], chance: random.Random, size: int
) -> None:
    in_order = sorted(sent, key=lambda call: (call["timestamp"], call["messageId"]))
    once = told([in_order])
    shuffled = sent + chance.sample(sent, len(sent) // 3)
    chance.shuffle(shuffled)
    other = told([shuffled[at : at + size] for at in range(0, len(shuffled), size)], chance.choice([1, 2, 50]))
    assert picture(once) == picture(other)
    for state in (once, other):
        for key, number, _, owners in state.select(tables.IDENTIFIER):
            hot = hot_of(state, int(str(number)))
            if hot is None or not is_person(str(key), IDENTITY):
                continue
            assert hot.restricted is is_burned(owners)  # type: ignore[arg-type]
            if hot.restricted:
                assert hot.segments == []
                assert set(hot.consent) <= {"contract"}


@pytest.mark.usefixtures("two_are_many")
@given(histories(), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_any_order_and_any_batches_burn_the_same(events: list[Any], seed: int) -> None:
    shop = Shop(IDENTITY)
    arrive(shop, events, seed)
    check(shop, events, all_links(events))
    truth = resolve(all_links(events), seen(events), IDENTITY)
    assert {key for key, row in shop.rows.items() if is_burned(row[3]) and is_person(key, IDENTITY)} == truth.nobody


@pytest.mark.parametrize(
    ("key", "other", "most"),
    [
        ("loyalty_card:till", "user_id:{}", MAX_PEOPLE),
        ("phone:+4980055", "user_id:{}", MAX_PEOPLE),
        ("loyalty_card:till", "email:{}@x.org", 5 * MAX_PEOPLE),  # one person has five addresses
        ("user_id:robot", "email:{}@x.org", IDENTITY.max_component),  # a login is somebody's, whatever is typed there
    ],
)
def test_so_many_may_name_it(key: str, other: str, most: int) -> None:
    named = [(key, other.format(n)) for n in range(most + 1)]
    assert burned_keys(named[:-1], IDENTITY) == set()
    assert burned_keys(named, IDENTITY) == {key}


def test_a_browser_of_more_people_than_a_family_is_shared() -> None:
    logins = [make_event(n, n, [f"user_id:{n}", "anonymous_id:x"]) for n in range(1, MAX_PEOPLE + 2)]
    for some, shared in ((logins[:-1], False), (logins, True)):
        truth = resolve(all_links(some), seen(some), IDENTITY)
        assert (truth.numbers.get("anonymous_id:x") is not None) is shared
        shop = Shop(IDENTITY)
        arrive(shop, some, seed=3)
        assert is_burned(shop.rows["anonymous_id:x"][3]) is shared


def test_the_card_of_the_till_takes_no_orders_from_customers_and_gets_nothing() -> None:
    """Everybody's order with the cashier's card and an own login is theirs; one with the card alone is nobody's."""

    def call(number: int, **named: Any) -> dict[str, Any]:
        order = {"order_id": f"o{number}", "total": 10, "category": "tea"}
        return {"type": "track", "event": "Order Completed", "messageId": f"m{number}", "properties": order, **named}

    till = {"context": {"externalIds": [{"type": "loyalty_card", "id": "till"}]}}
    alone = [call(100 + n, **till) for n in range(5)]
    named = [call(n, userId=f"u{n}", **till) for n in range(MAX_PEOPLE + 1)]
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([CLOCK, record(alone), record(named)])
    updater = Updater(ENGINE, log, state, records=1)
    updater.run()
    numbers = {str(row[0]): int(str(row[1])) for row in state.select(tables.IDENTIFIER)}
    assert len(set(numbers.values())) == len(numbers)
    nobody, somebody = hot_of(state, numbers["loyalty_card:till"]), hot_of(state, numbers["user_id:u1"])
    assert nobody is not None
    assert somebody is not None
    assert (nobody.restricted, nobody.segments) == (True, [])
    assert (somebody.restricted, somebody.values) != (True, nobody.values)
    log.append([command("set_consent", identifier="loyalty_card:till", purpose="analytics", granted=True, reason="x")])
    updater.run()
    again = hot_of(state, numbers["loyalty_card:till"])
    assert again is not None
    assert "analytics" not in again.consent


def test_what_an_older_version_took_for_somebody_is_used_for_nothing_once_rules_are_applied() -> None:
    """Records that were folded before burned identifiers were restricted."""
    shop = Applied("usual")
    till = {"context": {"externalIds": [{"type": "loyalty_card", "id": "till"}]}}
    order = {"type": "track", "event": "Order Completed", "timestamp": "2023-11-16T12:00:00.000Z"}
    calls = [{**order, "messageId": f"m{n}", "userId": f"u{n}", **till} for n in range(MAX_PEOPLE + 1)]
    with (
        patch("regulars.flow.grouped.nobodys", return_value=[]),
        patch("regulars.flow.refold.nobodys", return_value=[]),
    ):
        shop.tell([record([{**order, "messageId": "m", "properties": {"order_id": "o", "total": 1}, **till}])])
        shop.tell([record(calls)])
    number = int(str(shop.state.select(tables.IDENTIFIER, {"key": "loyalty_card:till"})[0][1]))
    before = hot_of(shop.state, number)
    assert before is not None
    assert not before.restricted
    shop.tell([begin(RULES["usual"]), apply({}), apply({})])
    after = hot_of(shop.state, number)
    assert after is not None
    assert after.restricted
