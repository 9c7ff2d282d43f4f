"""Declared facts and preferences are a function of the set of events that tell them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regulars.core.event import CORRECTED, IDENTIFY, PREFERENCE, Event
from regulars.flow.facts import Facts, join_facts, learn_facts, now_known

VALUE = st.none() | st.sampled_from(("a", "b", 7, True)) | st.lists(st.sampled_from(("x", "y")), max_size=2)


@st.composite
def told(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from((IDENTIFY, CORRECTED, PREFERENCE)))
    facts = draw(st.dictionaries(st.sampled_from(("city", "name", "pref.city")), VALUE, max_size=3))
    properties: dict[str, Any] = {"facts": facts} if kind == CORRECTED else {"preferences": facts}
    return Event(
        message_id=draw(st.uuids()).hex, source="s", name=kind, time=draw(st.integers(0, 5)), received_at=9,
        subject="user_id:a", identifiers=("user_id:a",), claims=(), properties={} if kind == IDENTIFY else properties,
        traits=facts if kind == IDENTIFY else {}, context={},
    )  # fmt: skip


@given(st.lists(told(), max_size=8), st.randoms(use_true_random=False), st.integers(0, 8))
def test_any_order_and_any_split_gives_the_same_facts(events: list[Event], random: Any, at: int) -> None:
    whole: Facts = {}
    learn_facts(whole, events)
    shuffled = random.sample(events, len(events))
    one: Facts = {}
    other: Facts = {}
    learn_facts(one, shuffled[:at])
    learn_facts(other, shuffled[at:])
    join_facts(one, other)
    assert one == whole
    assert not any(value is None for value in now_known(whole).values())


@given(st.lists(told(), max_size=8))
def test_a_correction_wins_over_all_that_was_told_before(events: list[Event]) -> None:
    facts: Facts = {}
    correction = Event(
        message_id="c", source="@staff", name=CORRECTED, time=6, received_at=9, subject="user_id:a",
        identifiers=("user_id:a",), claims=(), properties={"facts": {"city": "Bern", "name": None}}, traits={},
        context={},
    )  # fmt: skip
    learn_facts(facts, [correction, *events])
    assert now_known(facts).get("city") == "Bern"
    assert "name" not in now_known(facts)
