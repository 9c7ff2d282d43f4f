"""A trait with a term holds nothing that is older, whatever came when, and is what a fold of everything would give."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.errors import Misconfigured
from regulars.core.event import Event
from regulars.core.record import PURCHASES
from regulars.profile.keeping import keeper
from regulars.shop.retention_rules import WITHOUT_DAYS
from tests.profiles import CALENDAR, FIRST_DAY, TRAITS, VIEWED, Profile, event, fold_of
from tests.property.test_fold import histories

TERM = 10
#: Every kind that knows days, with a term at least as long as its window.
KEEPING = tuple(
    msgspec.structs.replace(one, keep_days=max(TERM, one.window_days or 0)) for one in TRAITS
    if one.kind not in WITHOUT_DAYS
)  # fmt: skip
FOLD = fold_of(KEEPING)
LAST = 45


def oldest(kind: str, state: Any) -> int | None:
    """The oldest day that a state tells of, read from its bytes and not by the code that forgets."""
    match kind:
        case "count" | "sum" | "lifecycle":
            return min(state[::2], default=None)
        case "affinity":
            return min((week * 7 - 3 for week in state[::2]), default=None)
        case "distinct":
            return min(state.values(), default=None)
        case "days_since":
            return state  # type: ignore[no-any-return]
        case _:
            return CALENDAR.day(state[0]) if state else None


def states(profile: Profile) -> dict[str, Any]:
    """Trait -> what is stored of it."""
    whole = profile.whole()
    by_slot = {slot: whole[1 + at][place] for at, group in enumerate(FOLD.groups) for place, slot in enumerate(group)}
    return {trait.name: by_slot[slot] for slot, trait in enumerate(KEEPING)}


def arrive(told: list[tuple[int, Event]], *, ticks: bool) -> Profile:
    """Each event is folded on the day on which it comes; time passes on every due day between them, or not at all."""
    profile = Profile(FOLD)
    for day, one in sorted(told, key=lambda pair: pair[0]):
        if profile.hot is not None and ticks:
            while profile.hot.due and profile.hot.due <= FIRST_DAY + day:
                before = profile.hot.due
                FOLD.pass_time(profile.hot, profile.parts, before)
                assert profile.hot.due == 0 or profile.hot.due > before
        profile.add([one], day)
    return profile


arrivals = st.lists(st.integers(0, LAST), min_size=25, max_size=25)


@settings(max_examples=200, deadline=None)
@given(histories(), arrivals, st.randoms(use_true_random=False))
def test_after_the_tick_nothing_is_older_than_its_term_whatever_the_order(
    events: list[Event], days: list[int], shuffle: Any
) -> None:
    shuffled = list(events)
    shuffle.shuffle(shuffled)
    # A clock never shows a time of tomorrow: an event arrives on its day or later.
    told = [
        (max(day, CALENDAR.day(one.time) - FIRST_DAY), one) for day, one in zip(days, shuffled, strict=False)
    ]  # fmt: skip
    one, other = arrive(told, ticks=True), arrive(told, ticks=False)
    at_once = Profile(FOLD)
    at_once.add(sorted(events, key=lambda e: (e.time, e.message_id)), LAST)
    for profile in (one, other, at_once):
        assert profile.hot is not None
        FOLD.pass_time(profile.hot, profile.parts, FIRST_DAY + LAST)
        for trait in KEEPING:
            assert trait.keep_days is not None
            found = oldest(trait.kind, states(profile)[trait.name])
            assert found is None or found > FIRST_DAY + LAST - trait.keep_days, trait.name
    assert states(one) == states(other) == states(at_once)
    assert one.values(LAST) == other.values(LAST) == at_once.values(LAST)


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(1, 30))
def test_what_is_due_is_known_before_it_is_too_old(events: list[Event], later: int) -> None:
    profile = Profile(FOLD)
    profile.add(sorted(events, key=lambda e: (e.time, e.message_id)), 30)
    hot = profile.hot
    assert hot is not None
    FOLD.evaluate(hot, profile.parts, FIRST_DAY + 30)
    if hot.due and hot.due <= FIRST_DAY + 30 + later:
        return
    for trait in KEEPING:
        found = oldest(trait.kind, states(profile)[trait.name])
        assert found is None or found > FIRST_DAY + 30 + later - (trait.keep_days or 0), trait.name


def test_a_count_without_a_window_counts_what_it_keeps_and_says_which_parts_changed() -> None:
    profile = Profile(FOLD)
    profile.add([event(VIEWED, 0, {"product_id": "a"}, "m1"), event(VIEWED, 5, {"product_id": "b"}, "m2")])
    assert profile.values(5)["views"] == 2
    written: set[int] = set()
    assert profile.hot is not None
    FOLD.pass_time(profile.hot, profile.parts, FIRST_DAY + TERM, written)
    assert profile.hot.values[FOLD.slots["views"]] == 1
    assert written
    assert PURCHASES not in written
    FOLD.pass_time(profile.hot, profile.parts, FIRST_DAY + TERM + 30)
    assert profile.hot.values[FOLD.slots["days_since_view"]] is None
    assert (profile.hot.values[FOLD.slots["last_product"]], profile.hot.due) == (None, 0)


def test_a_first_value_cannot_be_forgotten_by_its_day() -> None:
    first = next(one for one in TRAITS if one.kind == "first")
    with pytest.raises(Misconfigured, match="no days that could be forgotten"):
        keeper(msgspec.structs.replace(first, keep_days=3), CALENDAR)
