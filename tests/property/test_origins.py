"""The origins of a trait are true: without the sources that they do not name, its value would be the same."""

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.definitions import Preference, Source
from regulars.core.event import CORRECTED, IDENTIFY, PREFERENCE, STAFF, Event
from regulars.core.record import Hot, Person
from regulars.flow.engine import Engine
from regulars.flow.facts import learn_facts, now_known
from regulars.flow.origins import Origins, Tracing
from regulars.profile import orders
from regulars.profile.orders import Change, Order
from tests.profiles import ADDED, COMPLETED, DEFINITIONS, FIRST_DAY, REFUNDED, UPDATED, VIEWED, event

SOURCES = ("till", "web", "acme")
SHOP = msgspec.structs.replace(
    DEFINITIONS,
    sources=tuple(Source(id=one, kind="server", title={"de": one.upper()}) for one in SOURCES),
    preferences=(Preference(id="topics", kind="many"),),
)
ENGINE = Engine(SHOP)
CONSENT = {"analytics": int((FIRST_DAY + 2) * 86_400_000)}
TODAY = FIRST_DAY + 12
categories = st.sampled_from(["a", "b", "halal", "diabetes"])


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    found = []
    for at in range(draw(st.integers(0, 12))):
        name = draw(st.sampled_from([VIEWED, ADDED, COMPLETED, UPDATED, REFUNDED]))
        price, category = draw(st.integers(0, 9)), draw(categories)
        properties: dict[str, Any] = {"product_id": category, "category": category, "price": price, "kilograms": price}
        if name in (COMPLETED, UPDATED, REFUNDED):
            lines = [{"category": category, "quantity": price}]
            properties = {"order_id": draw(st.sampled_from("xy")), "total": price, "products": lines}
        one = event(name, draw(st.integers(0, 12)), properties, f"m{at}")
        found.append(msgspec.structs.replace(one, source=draw(st.sampled_from(SOURCES))))
    return sorted(found, key=lambda one: (one.time, one.message_id))


def orders_of(events: Iterable[Event]) -> list[Order]:
    told: dict[str, list[Event]] = {}
    for one in events:
        identifier = orders.order_id(one)
        if identifier is not None:
            told.setdefault(identifier, []).append(one)
    return [orders.apply(name, None, some, currency="EUR").new for name, some in told.items()]


def admitted(events: Iterable[Event]) -> list[Event]:
    return [one for one in events if ENGINE.admits_event(one, CONSENT)]


def folded(events: list[Event]) -> Hot:
    hot = ENGINE.fold.new("user_id:ana", FIRST_DAY * 86_400_000, TODAY)
    hot.consent = CONSENT
    mine = admitted(events)
    changes = [Change(None, order) for order in orders_of(mine)]
    ENGINE.fold.fold(hot, {}, mine, changes, since=CONSENT, day=TODAY)
    return hot


def traced(events: list[Event], hot: Hot, facts: dict[str, list[Any]] | None = None) -> Origins:
    tracing = Tracing(ENGINE, hot, Person([], facts or {}, []), "de")
    for one in reversed(events):
        tracing.event(one)
    for order in orders_of(admitted(events)):
        tracing.order(order)
    return tracing.told("p_1", complete=True)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_value_stays_without_the_sources_that_are_not_named(events: list[Event]) -> None:
    hot, nothing = folded(events), folded([])
    told = {one.trait: one for one in traced(events, hot).traits}
    for slot, trait in enumerate(SHOP.traits):
        origins = told.get(trait.name)
        named = {one.source for one in origins.sources} if origins is not None else set()
        if hot.values[slot] != nothing.values[slot]:
            assert named, trait.name
        if trait.events == (COMPLETED,):
            continue  # what an order says depends on all that told of it, and they are all named
        kept = [one for one in events if one.source in named]
        assert folded(kept).values[slot] == hot.values[slot], trait.name


@settings(max_examples=40, deadline=None)
@given(histories())
def test_what_was_left_out_is_counted_and_never_named(events: list[Event]) -> None:
    told = traced(events, folded(events))
    sensitive = [one for one in admitted(events) if one.properties.get("category") in ("halal", "diabetes")]
    counted = {one.trait: one.left_out for one in told.traits}
    viewed = [one for one in sensitive if one.name == VIEWED]
    assert counted.get("last_product", 0) == len(viewed)
    assert counted.get("interest", 0) == len(viewed)
    assert counted.get("products", 0) == sum(one.name in (VIEWED, ADDED) for one in sensitive)
    assert counted.get("views", 0) == counted.get("revenue", 0) == 0
    assert not {b"halal", b"diabetes"} & {one for one in (b"halal", b"diabetes") if one in msgspec.json.encode(told)}


def test_facts_and_wishes_tell_who_said_them() -> None:
    told = msgspec.structs.replace(event(IDENTIFY, 1, {}, "i1"), source="web", traits={"city": "Bern"})
    wish = msgspec.structs.replace(
        event(PREFERENCE, 2, {"preferences": {"topics": ["Tea", "Halal"]}}, "w1"), source="till"
    )
    corrected = msgspec.structs.replace(event(CORRECTED, 3, {"facts": {"zip": "3000"}}, "c1"), source=STAFF)
    facts: dict[str, list[Any]] = {}
    events = [told, wish, corrected]
    learn_facts(facts, events, ENGINE.policy.origins, ENGINE.unwanted)
    hot = folded([])
    hot.facts = now_known(facts)
    found = traced(events[:2], hot, facts)
    assert {one.name: (one.value, one.source, one.title, one.purpose) for one in found.facts} == {
        "city": ("Bern", "web", "WEB", "contract"),
        "pref.topics": (["Tea"], "till", "TILL", "contract"),
        "zip": ("3000", "", "", "contract"),
    }
    assert found.wishes_left_out == 1


def test_facts_that_are_not_kept_for_their_names_are_told_with_the_reason_and_without_the_value() -> None:
    told = msgspec.structs.replace(
        event(IDENTIFY, 1, {}, "i1"),
        source="web",
        traits={"city": "Bern", "religion": "secret-1", "healthScore": 77077},
    )
    corrected = msgspec.structs.replace(
        event(CORRECTED, 3, {"facts": {"religion": "secret-2", "is_pregnant": None}}, "c1"), source=STAFF
    )
    facts: dict[str, list[Any]] = {}
    learn_facts(facts, [told, corrected], ENGINE.policy.origins, ENGINE.unwanted)
    found = traced([told, corrected], folded([]), facts)
    assert [(one.name, one.why, one.events, one.sources) for one in found.facts_left_out] == [
        ("healthScore", "health", 1, ["web"]),
        ("religion", "faith", 2, [STAFF, "web"]),
    ]
    assert not [one for one in (b"secret", b"77077") if one in msgspec.json.encode(found)]
