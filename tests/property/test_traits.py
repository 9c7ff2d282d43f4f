"""Every kind of trait is a commutative monoid whose state is a function of the set of events."""

from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.definitions import Trait
from regulars.core.event import Event
from regulars.profile import cells
from regulars.profile.monoid import Monoid
from regulars.profile.traits import compile_trait
from regulars.understand.lifecycle import Lifecycle
from tests.profiles import CALENDAR, FIRST_DAY, TRAITS, VIEWED, event

by_name = pytest.mark.parametrize("trait", TRAITS, ids=lambda trait: trait.name)


def compiled(trait: Trait) -> Monoid:
    return compile_trait(trait, currency="EUR", computed={"lifecycle": Lifecycle(7)}, thresholds=(3.0,))


def seen(trait: Trait, days: list[tuple[int, str, int]]) -> list[Event]:
    """Events of the trait's kind with every property that the traits read."""
    return [
        event(
            trait.events[0], day,
            {"product_id": key, "category": key, "price": amount, "total": amount, "kilograms": amount / 4,
             "products": [{"category": key, "quantity": amount}]},
            f"m{index}",
        )
        for index, (day, key, amount) in enumerate(days)
    ]  # fmt: skip


moments = st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abcdef"), st.integers(0, 9)), max_size=18)


def state_of(monoid: Monoid, events: list[Event]) -> Any:
    state = monoid.zero()
    for one in events:
        state = monoid.add(state, one, CALENDAR.day(one.time))
    return state


@by_name
@settings(max_examples=20)
@given(moments, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(trait: Trait, days: list[tuple[int, str, int]], shuffle: Any) -> None:
    monoid, events = compiled(trait), seen(trait, days)
    expected = state_of(monoid, events)
    shuffle.shuffle(events)
    assert state_of(monoid, events) == expected


@by_name
@settings(max_examples=20)
@given(moments, st.integers(0, 18), st.integers(0, 18))
def test_merging_is_associative_commutative_and_folds_the_union(
    trait: Trait, days: list[tuple[int, str, int]], one: int, two: int
) -> None:
    monoid, events = compiled(trait), seen(trait, days)
    first, last = sorted((one, two))
    a, b, c = (state_of(monoid, part) for part in (events[:first], events[first:last], events[last:]))
    whole = state_of(monoid, events)
    assert monoid.merge(monoid.merge(a, b), c) == whole
    assert monoid.merge(a, monoid.merge(b, c)) == whole
    assert monoid.merge(c, monoid.merge(b, a)) == whole
    assert monoid.merge(whole, monoid.zero()) == monoid.merge(monoid.zero(), whole) == whole


@by_name
@settings(max_examples=10)
@given(moments)
def test_a_state_survives_its_bytes_and_merging_leaves_both_sides_alone(
    trait: Trait, days: list[tuple[int, str, int]]
) -> None:
    monoid, events = compiled(trait), seen(trait, days)
    state = state_of(monoid, events)
    data = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.decode(data) == state
    merged = monoid.merge(state, monoid.zero())
    for one in events:
        merged = monoid.add(merged, one, FIRST_DAY + 50)
    assert msgspec.msgpack.encode(state) == data


@by_name
@settings(max_examples=20)
@given(moments, st.integers(0, 60), st.integers(1, 30))
def test_no_value_changes_before_its_due_day(
    trait: Trait, days: list[tuple[int, str, int]], now: int, later: int
) -> None:
    monoid, today = compiled(trait), FIRST_DAY + now
    state = state_of(monoid, seen(trait, days))
    due = monoid.due(state, today)
    assert due == 0 or due > today
    if trait.kind == "days_since" or (due and today + later >= due):
        return
    assert monoid.value(state, today + later) == monoid.value(state, today)


places = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abcde"), st.integers(-3, 3)), max_size=30)


@given(places, st.integers(1, 8), st.integers(1, 6))
def test_keyed_cells_are_the_first_places_of_all_that_was_added(
    added: list[tuple[int, str, int]], width: int, cap: int
) -> None:
    kept: cells.Keyed = []
    for period, key, amount in added:
        cells.add_key(kept, period, key, amount, width=width, cap=cap)
    newest = max((period for period, _, _ in added), default=0)
    whole = sorted({(period, key) for period, key, _ in added if period > newest - width}, key=lambda p: (-p[0], p[1]))
    expected = {place: sum(n for period, key, n in added if (period, key) == place) for place in whole[:cap]}
    assert {
        (period, key): n for period, held in zip(kept[::2], kept[1::2], strict=True) for key, n in held.items()
    } == (expected)
    assert kept[::2] == sorted(kept[::2], reverse=True)


@given(places, st.integers(1, 8), st.integers(1, 5))
def test_latest_cells_are_the_first_keys_of_all_that_was_added(
    added: list[tuple[int, str, int]], width: int, cap: int
) -> None:
    kept: cells.Latest = {}
    latest: dict[str, int] = {}
    for day, key, _ in added:
        cells.add_latest(kept, [key], day, width=width, cap=cap)
        latest[key] = max(day, latest.get(key, day))
    newest = max(latest.values(), default=0)
    order = sorted((key for key in latest if latest[key] > newest - width), key=lambda key: (-latest[key], key))
    assert kept == {key: latest[key] for key in order[:cap]}


@given(places, st.integers(1, 8), st.integers(-2, 14))
def test_days_sum_what_the_window_holds(added: list[tuple[int, str, int]], width: int, after: int) -> None:
    kept: cells.Days = []
    for day, _, amount in added:
        cells.add_day(kept, day, amount, width)
    newest = max((day for day, _, _ in added), default=0)
    held = [(day, amount) for day, _, amount in added if day > newest - width]
    assert cells.sum_days(kept, after) == sum(amount for day, amount in held if day > after)
    assert kept[::2] == sorted({day for day, _ in held}, reverse=True)
    assert cells.oldest_day(kept, after) == min((day for day, _ in held if day > after), default=None)


def test_reduce_over_single_events_is_the_fold() -> None:
    trait = next(trait for trait in TRAITS if trait.name == "interest")
    monoid = compiled(trait)
    events = [event(VIEWED, day, {"category": "abcd"[day % 4]}, f"m{day}") for day in range(30)]
    assert reduce(monoid.merge, (state_of(monoid, [one]) for one in events)) == state_of(monoid, events)


@by_name
@settings(max_examples=15)
@given(moments, st.integers(0, 60))
def test_value_and_due_day_in_one_go_are_the_same(trait: Trait, days: list[tuple[int, str, int]], now: int) -> None:
    monoid, today = compiled(trait), FIRST_DAY + now
    state = state_of(monoid, seen(trait, days))
    assert monoid.now(state, today) == (monoid.value(state, today), monoid.due(state, today))
