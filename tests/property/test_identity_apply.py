"""Changed rules of identity, applied to the past: as if they had always been."""

import base64
import json
from random import Random
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core import state as tables
from regulars.core.definitions import Source
from regulars.core.identity_types import Identity
from regulars.core.log import COMMAND, NewRecord
from regulars.core.record import PERSON
from regulars.flow import identity_apply
from regulars.flow.engine import Engine
from regulars.flow.identity_apply import applying, settled_by
from regulars.flow.identity_plan import plan
from regulars.flow.updater import Updater
from tests.property.test_flow import ENGINE, picture
from tests.property.test_unlink import CLOCK, RECEIVED, mails, quick, record

SERVING = ENGINE.definitions.identity
KIOSK = Source(id="kiosk", kind="server")
replaced = msgspec.structs.replace


def limited(**of: Any) -> Identity:
    return replaced(SERVING, types=tuple(replaced(one, limit=of.get(one.id, one.limit)) for one in SERVING.types))


RULES = {
    "usual": SERVING,
    "one address": limited(email=1),
    "one card": limited(loyalty_card=1, email=2),
    "small": replaced(SERVING, max_component=2),
    "listed": replaced(SERVING, shared_devices=("anonymous_id:d1",)),
    "kiosk": replaced(SERVING, shared_sources=("kiosk",)),
    "both": replaced(limited(email=1), shared_sources=("kiosk",), shared_devices=("anonymous_id:d2",)),
}
#: Where a device was shared its logins were not kept: these rules are only ever newly declared.
WITHOUT_SHARING = ("usual", "one address", "one card", "small")


def definitions(identity: Identity) -> Any:
    return replaced(ENGINE.definitions, identity=identity, sources=(*ENGINE.definitions.sources, KIOSK))


ENGINES = {name: Engine(definitions(rules)) for name, rules in RULES.items()}


def begin(rules: Identity) -> NewRecord:
    encoded = base64.b64encode(msgspec.msgpack.encode(definitions(rules))).decode()
    return command({"definitions": encoded})


def command(args: dict[str, Any]) -> NewRecord:
    return NewRecord(COMMAND, "eva", "a", RECEIVED, json.dumps({"name": "apply_identity", "args": args}).encode())


def sent_from(call: dict[str, Any]) -> NewRecord:
    return record([call], "kiosk" if call.get("anonymousId") == "d3" else "till")


class Shop:
    """A shop whose rules change."""

    def __init__(self, rules: str | Engine) -> None:
        self.log, self.state = MemoryLog(), SqliteState(":memory:")
        engine = ENGINES[rules] if isinstance(rules, str) else rules
        self.updater = Updater(engine, self.log, self.state, records=1)
        self.tell([CLOCK])

    def tell(self, records: list[NewRecord]) -> None:
        if records:
            self.log.append(records)
            self.updater.run()

    def killed(self) -> None:
        self.updater = Updater(self.updater.engine, self.log, self.state, records=1)


@settings(quick, max_examples=60)
@given(
    mails(),
    st.sampled_from(WITHOUT_SHARING),
    st.sampled_from(sorted(RULES)),
    st.integers(0, 999).map(Random),
)
def test_applied_rules_are_as_if_they_had_always_been(
    sent: list[dict[str, Any]], before: str, after: str, chance: Random
) -> None:
    place = chance.randint(0, len(sent))
    shop, other = Shop(before), Shop(after)
    shop.tell([sent_from(call) for call in sent[:place]])
    later = [sent_from(call) for call in sent[place:]]
    with patch.multiple(identity_apply, LOOKED=3, SETTLES=chance.choice([1, 2, 50]), REFOLDS=chance.choice([1, 8])):
        shop.tell([begin(RULES[after])])
        for _ in range(500):
            progress = applying(shop.state)
            assert progress is not None
            if progress.done:
                break
            if later and chance.random() < 0.5:
                shop.tell([later.pop(0)])  # live traffic goes on
            if chance.random() < 0.3:
                shop.killed()
            shop.tell([command({})])
        else:
            pytest.fail("it does not end")
    shop.tell(later)
    other.tell([sent_from(call) for call in sent])
    assert picture(shop.state) == picture(other.state)
    assert settled_by(shop.state, SERVING) == RULES[after]
    found = plan(shop.state, RULES[after], RULES[after])
    assert (found.merged, found.split) == (0, 0)


#: Without limits, so that only the size of a person and of what hangs together decides.
FREE = tuple(replaced(one, limit=None, unique=False) for one in SERVING.types)
SIZES = {size: Engine(definitions(replaced(SERVING, types=FREE, max_component=size))) for size in (2, 5, 200)}


@settings(quick, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=3, max_size=20),
    st.sampled_from([(2, 200), (200, 2), (5, 2), (2, 5), (5, 200), (200, 5)]),
)
def test_keys_that_were_burned_join_again_and_those_of_a_large_person_part(
    named: list[tuple[int, int]], sizes: tuple[int, int]
) -> None:
    before, after = (SIZES[size] for size in sizes)
    calls = [
        {"type": "identify", "messageId": f"m{n}", "userId": f"u{a}", "traits": {"email": f"e{b}@example.org"}}
        | {"timestamp": f"2023-11-16T12:{n:02}:00.000Z"}
        for n, (a, b) in enumerate(named)
    ]
    shop, other = Shop(before), Shop(after)
    for one in (shop, other):
        one.tell([record([call]) for call in calls])
    kept = {(row[0], row[1]) for row in shop.state.select(tables.LINK)}
    # What two keys were named together for that identified nobody by then was not kept.
    assume(all((f"email:e{b}@example.org", f"user_id:u{a}") in kept for a, b in named))
    shop.tell([begin(after.definitions.identity), *(command({}) for _ in range(40))])
    assert (progress := applying(shop.state)) is not None
    assert progress.done
    assert picture(shop.state) == picture(other.state)


def refused(shop: Shop, sent: NewRecord) -> str:
    shop.tell([sent])
    row = shop.state.get(tables.ANSWER, shop.updater.offset)
    assert row is not None
    assert row[1] == 0
    return str(json.loads(row[2])["error"])  # type: ignore[arg-type]  # the body is JSON


def test_what_cannot_be_applied_is_refused_and_changes_nothing() -> None:
    shop = Shop("usual")
    assert "begin with the edited definitions" in refused(shop, command({}))
    assert "cannot be used" in refused(shop, command({"definitions": "AAAA"}))
    turned = tuple(replaced(one, kind="device") if one.id == "email" else one for one in SERVING.types)
    assert "another kind of email" in refused(shop, begin(replaced(SERVING, types=turned)))
    assert applying(shop.state) is None
    shop.tell([begin(RULES["small"])])
    shop.updater = Updater(ENGINES["usual"], shop.log, shop.state, records=1)  # started again with other rules
    assert "begin again" in refused(shop, command({}))


def test_a_device_that_was_shared_stays_nobodys_and_that_is_said() -> None:
    """What passers-by did there would go to the next who logs in."""
    shop = Shop("listed")
    viewed = {"type": "track", "event": "Product Viewed", "anonymousId": "d1", "properties": {"product_id": "a"}}
    times = [f"2023-11-1{day}T12:00:00.000Z" for day in (3, 4, 5)]
    for number, (time, user) in enumerate(zip(times, ("ana", None, "ben"), strict=True)):
        if number == 2:
            assert plan(shop.state, RULES["listed"], RULES["usual"]).stays == ["shared"]
            shop.tell([begin(RULES["usual"]), command({}), command({})])
            progress = applying(shop.state)
            assert progress is not None
            assert (progress.done, progress.stays) == (True, ["shared"])
        shop.tell(
            [sent_from({**viewed, "messageId": f"m{number}", "timestamp": time} | ({"userId": user} if user else {}))]
        )
    numbers = {str(row[0]): row[1] for row in shop.state.select(tables.IDENTIFIER)}
    assert len({*numbers.values()}) == len(numbers) == 3


def test_what_rules_of_before_settled_is_known_until_others_are_applied() -> None:
    shop = Shop("usual")
    shop.tell([record([{"type": "identify", "messageId": "1", "userId": "ana", "traits": {"email": "x@example.org"}}])])
    shop.updater = Updater(ENGINES["small"], shop.log, shop.state, records=1)
    assert settled_by(shop.state, RULES["small"]) == RULES["usual"]


def test_beginning_again_goes_on_where_it_was_left() -> None:
    shop = Shop("usual")
    named = {"type": "identify", "timestamp": "2023-11-16T12:00:00.000Z"}
    shop.tell([record([{**named, "messageId": f"{n}", "userId": f"u{n}"}]) for n in range(9)])
    with patch.multiple(identity_apply, LOOKED=4):
        shop.tell([begin(RULES["small"]), command({}), begin(RULES["small"])])
        assert (half := applying(shop.state)) is not None
        assert (half.looked, half.total, half.done) == (4, 9, False)
        shop.tell([begin(RULES["one card"])])
        assert (anew := applying(shop.state)) is not None
        assert anew.looked == 0


def cards(normalise: str, limit: int) -> Identity:
    """Rules by which two logins never are one person, and cards are spelled so."""
    changed: dict[str, dict[str, Any]] = {
        "loyalty_card": {"normalise": (normalise,), "limit": limit},
        "email": {"limit": 2},
    }
    return replaced(SERVING, types=tuple(replaced(one, **changed.get(one.id, {})) for one in SERVING.types))


CARDS = {
    (rule, limit): Engine(definitions(cards(rule, limit)))
    for rule in ("trim", "lower", "digits")
    for limit in (1, 2, 5)
}


def people(state: SqliteState, rules: Engine) -> list[str]:
    """Who everybody is by these rules, and what is known of them, whatever the name of their profile."""
    told = []
    for parts in picture(state)["parts"].values():
        keys, facts = parts.pop(PERSON, ([], []))
        anchor, _, last_seen, *known = parts.pop(0)
        names = sorted({str(rules.identifiers.key(*key.split(":", 1))) for key in keys or [anchor]})
        told.append(repr((names, facts, last_seen, known, sorted(parts.items()))))
    return sorted(told)


@settings(quick, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["u1", "u2", ""]),
            st.sampled_from(["AB-1", "ab-1", "Ab-1", "c2", "C2"]),
            st.sampled_from(["", "e1", "e2", "e3"]),
            st.booleans(),
        ),
        min_size=2,
        max_size=12,
    ),
    st.sampled_from([("lower", 1), ("lower", 2), ("lower", 5), ("digits", 5), ("digits", 1)]),
    st.integers(0, 999).map(Random),
)
def test_two_spellings_become_one_value_as_if_the_rules_had_always_said_so(
    named: list[tuple[str, str, str, bool]], rule: tuple[str, int], chance: Random
) -> None:
    calls = []
    for n, (user, card, mail, viewed) in enumerate(named):
        call: dict[str, Any] = {"messageId": f"m{n}", "timestamp": f"2023-11-16T12:{n:02}:00.000Z"}
        call |= {"context": {"externalIds": [{"type": "loyalty_card", "id": card}]}}
        call |= {"userId": user} if user else {}
        call["traits"] = {"email": f"{mail}@example.org"} if mail else {}
        call |= {"type": "identify"}
        calls.append(call)
        if viewed:
            view = {"type": "track", "event": "Product Viewed", "properties": {"product_id": "a"}, "messageId": f"v{n}"}
            calls.append({**call, **view, "traits": {}})
    place = chance.randint(1, len(calls))
    before, after = CARDS["trim", rule[1]], CARDS[rule]
    shop, other = Shop(before), Shop(after)
    shop.tell([record([call]) for call in calls[:place]])
    planned = plan(shop.state, before.definitions.identity, after.definitions.identity)
    assert planned.stays == []
    held = len({row[1] for row in shop.state.select(tables.IDENTIFIER)})
    assert planned.profiles_before == held
    with patch.multiple(identity_apply, LOOKED=3, SETTLES=chance.choice([1, 2, 50]), REFOLDS=chance.choice([1, 8])):
        shop.tell([begin(after.definitions.identity)])
        for _ in range(200):
            if (progress := applying(shop.state)) is not None and progress.done:
                break
            if chance.random() < 0.3:
                shop.killed()
            shop.tell([command({})])
        else:
            pytest.fail("it does not end")
    assert len({row[1] for row in shop.state.select(tables.IDENTIFIER)}) == planned.profiles_after
    shop.tell([record([call]) for call in calls[place:]])
    other.tell([record([call]) for call in calls])
    assert people(shop.state, after) == people(other.state, after)
