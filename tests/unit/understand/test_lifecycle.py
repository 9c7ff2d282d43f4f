"""The stage of a customer follows the customer's own rhythm."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.understand.lifecycle import DEFAULT_GAP_DAYS, Lifecycle, shop_gap_days

ORDER = ["new", "active", "waning", "inactive"]
order_days = st.lists(st.integers(0, 800), min_size=1, max_size=20, unique=True).map(lambda d: sorted(d, reverse=True))


def stages(days: list[int], until: int, *, shop: float = 30) -> list[tuple[int, str | None]]:
    """Each (silence in days, stage) at which the stage changes."""
    found: list[tuple[int, str | None]] = []
    for silent in range(until):
        stage = Lifecycle(shop)(days, days[0] + silent)[0]
        if not found or found[-1][1] != stage:
            found.append((silent, stage))
    return found


def every(gap: int, times: int) -> list[int]:
    return [1000 - gap * at for at in range(times)]


def test_who_buys_every_week_is_missed_sooner_than_who_buys_every_quarter() -> None:
    assert stages(every(7, 13), 200) == [(0, "active"), (21, "waning"), (35, "inactive")]
    assert stages(every(90, 13), 400) == [(0, "active"), (159, "waning"), (271, "inactive")]


def test_after_one_order_the_shop_is_the_measure() -> None:
    assert stages([1000], 200) == [(0, "new"), (59, "waning"), (100, "inactive")]
    assert stages([1000], 200, shop=7) == [(0, "new"), (14, "waning"), (24, "inactive")]


def test_one_long_pause_does_not_become_the_rhythm() -> None:
    steady = every(7, 7)
    paused = [*steady, *[day - 300 for day in steady]]
    assert stages(paused, 300)[-1][0] < 60


def test_without_orders_there_is_no_stage() -> None:
    assert Lifecycle()([], 1000) == (None, 0)


@given(order_days, st.integers(1, 200))
def test_the_day_of_the_next_change_is_exact_and_stages_only_move_forward(days: list[int], shop: int) -> None:
    lifecycle, day = Lifecycle(shop), days[0]
    stage, due = lifecycle(days, day)
    seen = [stage]
    while due:
        assert due > day
        assert lifecycle(days, due - 1)[0] == stage
        day = due
        stage, due = lifecycle(days, day)
        assert stage != seen[-1]
        seen.append(stage)
    assert lifecycle(days, day + 10_000) == (stage, 0)
    assert [ORDER.index(str(one)) for one in seen] == sorted(ORDER.index(str(one)) for one in seen)


@given(order_days, st.integers(1, 200))
def test_a_new_order_makes_a_customer_active_at_once(days: list[int], shop: int) -> None:
    assert Lifecycle(shop)([days[0] + 3, *days], days[0] + 3)[0] == "active"


@given(order_days)
def test_the_own_gap_lies_between_the_shop_and_the_gaps_seen(days: list[int]) -> None:
    gaps = [later - earlier for later, earlier in pairwise(days)]
    gap = Lifecycle(30).rhythm(days).gap_days
    assert min([30, *gaps]) <= gap <= max([30, *gaps])


def test_the_shops_gap_is_the_median_of_its_customers() -> None:
    assert shop_gap_days([every(7, 9), every(14, 4), every(60, 2), [5]]) == 14
    assert shop_gap_days([[5]]) == DEFAULT_GAP_DAYS


def test_a_gap_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive number of days"):
        Lifecycle(0)
