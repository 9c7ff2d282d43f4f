"""The profile is a function of the set of its events: never of their order, their batches, or a merge on the way."""

from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from regulars.core.calendar import DAY_MS
from regulars.core.event import Event
from regulars.core.record import PURCHASES
from regulars.profile import orders
from tests.profiles import (
    ADDED,
    CALENDAR,
    CANCELLED,
    COMPLETED,
    FIRST_DAY,
    REFUNDED,
    UPDATED,
    VIEWED,
    Profile,
    event,
    fold_of,
)

FOLD = fold_of(thresholds={"days_since_order": (5.0, 12.5), "days_since_view": None})
LAST_DAY = 30

keys = st.sampled_from(["a", "b", "c", "d", "e"])
days = st.integers(0, LAST_DAY * 4).map(lambda quarter: quarter / 4)
prices = st.sampled_from([0, 1, 2.5, 9.99, "3.10", None])
products = st.lists(
    st.fixed_dictionaries(
        {"product_id": keys, "category": keys, "price": prices}, optional={"quantity": st.integers(0, 3)}
    ),
    max_size=3,
)
viewed = st.builds(
    lambda day, product, category, price: (
        VIEWED, day, {"product_id": product, "category": [category, "x"], "price": price}
    ),
    days, keys, keys, prices,
)  # fmt: skip
added = st.builds(
    lambda day, product, weight: (ADDED, day, {"product_id": product, "price": 2, "kilograms": weight}),
    days, keys, st.sampled_from([0.25, 1, -0.5, "heavy"]),
)  # fmt: skip
ordered = st.builds(
    lambda name, day, order, bought, total: (
        name, day, {"order_id": order, "products": bought} | ({} if total is None else {"total": total})
    ),
    st.sampled_from([COMPLETED, COMPLETED, UPDATED]), days, st.sampled_from(["o1", "o2", "o3"]), products, prices,
)  # fmt: skip
corrected = st.builds(
    lambda name, day, order, more: (name, day, {"order_id": order} | more),
    st.sampled_from([REFUNDED, REFUNDED, CANCELLED, UPDATED]),
    days,
    st.sampled_from(["o1", "o2", "o3"]),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries({"total": prices}),
        st.builds(lambda bought: {"products": bought}, products),
        st.fixed_dictionaries({"refund_id": st.sampled_from(["r1", "r2"]), "amount": st.just(1)}),
    ),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of one customer with different message ids, in any order."""
    told = draw(st.lists(st.one_of(viewed, added, ordered, ordered, corrected), min_size=1, max_size=25))
    return [event(name, day, properties, f"m{index}") for index, (name, day, properties) in enumerate(told)]


def state(profile: Profile) -> tuple[Any, ...]:
    """All that is stored of a profile, brought to the last day."""
    profile.values(LAST_DAY)
    hot = profile.hot
    assert hot is not None
    return profile.whole(), hot.values, hot.due, hot.first_seen, hot.last_seen, hot.day


def folded_once(events: list[Event], since: dict[str, int]) -> Profile:
    """The reference: everything in one batch, by time."""
    profile = Profile(FOLD, since=since)
    profile.add(sorted(events, key=lambda one: (one.time, one.message_id)))
    return profile


consents = st.sampled_from([{}, {"analytics": 0}, {"analytics": (FIRST_DAY + 11) * DAY_MS}])


@settings(max_examples=150)
@given(histories(), consents, st.randoms(use_true_random=False), st.lists(st.integers(0, 25), max_size=6))
def test_any_order_and_any_batches_give_the_same_profile(
    events: list[Event], since: dict[str, int], shuffle: Any, cuts: list[int]
) -> None:
    shuffled = list(events)
    shuffle.shuffle(shuffled)
    other = Profile(FOLD, since=since)
    bounds = [0, *sorted(min(cut, len(shuffled)) for cut in cuts), len(shuffled)]
    for first, last in pairwise(bounds):
        other.add(shuffled[first:last])
    assert state(other) == state(folded_once(events, since))


@settings(max_examples=100)
@given(histories(), consents, st.lists(st.booleans(), min_size=25, max_size=25))
def test_two_profiles_merged_are_the_profile_of_all_their_events(
    events: list[Event], since: dict[str, int], sides: list[bool]
) -> None:
    left, right = Profile(FOLD, since=since), Profile(FOLD, since=since)
    by_order = {"o1": sides[0], "o2": sides[1], "o3": sides[2]}  # an order belongs to one profile
    for one, side in zip(events, sides, strict=False):
        (left if by_order.get(orders.order_id(one) or "", side) else right).add([one])
    merged = FOLD.merge(left.parts, right.parts)
    reference = folded_once(events, since)
    whole = {part: merged.get(part) or FOLD.zero(part) for part in (*FOLD.parts, PURCHASES)}
    assert whole == reference.whole()
    reference.values(LAST_DAY)
    assert reference.hot is not None
    hot = FOLD.new("anonymous_id:a", events[0].time, FIRST_DAY)
    FOLD.evaluate(hot, merged, FIRST_DAY + LAST_DAY)
    assert (hot.values, hot.due) == (reference.hot.values, reference.hot.due)


@settings(max_examples=100)
@given(histories(), st.integers(0, 45))
def test_between_two_due_days_no_value_changes_but_days_since(events: list[Event], later: int) -> None:
    profile = folded_once(events, {"analytics": 0})
    hot = profile.hot
    assert hot is not None
    FOLD.evaluate(hot, profile.parts, FIRST_DAY + LAST_DAY)
    before, due = list(hot.values), hot.due
    day = FIRST_DAY + LAST_DAY + later
    if due and day >= due:
        return
    FOLD.evaluate(hot, profile.parts, day)
    for name, slot in FOLD.slots.items():
        if name.startswith("days_since") and before[slot] is not None:
            assert hot.values[slot] == before[slot] + later
            if name == "days_since_order":
                assert [before[slot] > at for at in (4, 5, 12.5)] == [hot.values[slot] > at for at in (4, 5, 12.5)]
        else:
            assert hot.values[slot] == before[slot], name


@settings(max_examples=100)
@given(histories())
def test_while_nothing_is_due_folding_alone_keeps_every_value_right(events: list[Event]) -> None:
    profile = Profile(FOLD)
    for one in sorted(events, key=lambda one: (one.time, one.message_id)):
        profile.add([one])
        hot = profile.hot
        assert hot is not None
        if hot.due and hot.due <= hot.day:
            FOLD.evaluate(hot, profile.parts, hot.day)
        shown, due = list(hot.values), hot.due
        assert FOLD.evaluate(hot, profile.parts, hot.day) == set(), one
        assert hot.values == shown
        assert due == 0 or hot.due == 0 or due <= hot.due  # a bound is never late
        assert not hot.due or due, "a due day must not be lost"


@example(events=[event(COMPLETED, 1, {"order_id": "o1", "total": 5}, "m1")])
@given(histories())
def test_withdrawn_consent_leaves_what_those_who_never_agreed_have(events: list[Event]) -> None:
    agreed, never = folded_once(events, {"analytics": 0}), folded_once(events, {})
    FOLD.clear(agreed.parts, {"analytics"})
    assert agreed.whole() == never.whole()
    assert agreed.values(LAST_DAY) == never.values(LAST_DAY)


@settings(max_examples=100)
@given(histories(), st.integers(0, LAST_DAY))
def test_a_new_consent_after_a_withdrawal_starts_from_zero(events: list[Event], again: int) -> None:
    granted = (FIRST_DAY + again) * DAY_MS
    one = Profile(FOLD, since={"analytics": 0})
    one.add([early for early in events if early.time < granted])
    FOLD.clear(one.parts, {"analytics"})
    one.since = {"analytics": granted}
    one.add([late for late in events if late.time >= granted])
    assert state(one) == state(folded_once(events, {"analytics": granted}))


def test_the_histories_cross_the_caps_and_the_windows() -> None:
    events = [
        event(VIEWED, day, {"product_id": f"p{day}", "category": f"c{day}"}, f"m{day}") for day in range(LAST_DAY)
    ]
    profile = folded_once(events, {"analytics": 0})
    values = profile.values(LAST_DAY - 1)
    assert (values["views"], values["views_3d"], values["products"]) == (30, 3, 3)
    assert CALENDAR.day(events[-1].time) == FIRST_DAY + 29
