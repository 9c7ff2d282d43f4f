"""Declared facts: the last word by time, whatever came first, and a bound that does not depend on arrival."""

from itertools import permutations

from regulars.core.event import IDENTIFY, Event
from regulars.flow.facts import ASKED_ERASURE, FACT_LENGTH, MOST_FACTS, Facts, join_facts, learn_facts


def identify(time: int, **traits: object) -> Event:
    key = "user_id:ana"
    return Event(f"m{time}", "till", IDENTIFY, time, time, key, (key,), (), {}, traits, {})


def learned(*events: Event) -> Facts:
    facts: Facts = {}
    for event in events:
        learn_facts(facts, [event])
    return facts


def test_the_last_word_by_time_stays() -> None:
    said = [identify(1, city="Ulm"), identify(3, city="Jena"), identify(2, city="Bonn", name="Ana")]
    found = [learned(*order) for order in permutations(said)]
    assert found[0] == {"city": [3, "m3", "Jena"], "name": [2, "m2", "Ana"]}
    assert all(facts == found[0] for facts in found)


def test_more_facts_than_are_kept_are_cut_the_same_whatever_came_first() -> None:
    said = [identify(n, **{f"fact{n:03}": n, f"more{n:03}": n}) for n in range(MOST_FACTS)]
    facts = learned(*said)
    assert facts == learned(*reversed(said))
    assert sorted(facts) == [f"fact{n:03}" for n in range(MOST_FACTS)]
    learn_facts(facts, [identify(999, **{ASKED_ERASURE: "2026-01-01", "a": 1, "b": 2})])
    assert facts[ASKED_ERASURE][2] == "2026-01-01"
    assert len(facts) == MOST_FACTS + 1


def test_joining_two_profiles_is_learning_from_both() -> None:
    one, two = identify(1, city="Ulm", text="x" * 2 * FACT_LENGTH), identify(2, city="Jena")
    joined = learned(one)
    join_facts(joined, learned(two))
    assert joined == learned(two, one)
    assert len(joined["text"][2]) == FACT_LENGTH
