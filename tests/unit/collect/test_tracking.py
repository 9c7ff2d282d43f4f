"""Tracking health on simulated weeks of a shop: each fault is found in time, and quiet weeks raise no alarm."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from regulars.collect.findings import Arrivals, Finding
from regulars.collect.tracking import Watch

DAY_0 = 20_000  # a Wednesday
WEEKS = 11
#: Visitors by hour of the day, and what they do.
HOURS = (
    0.3, 0.2, 0.1, 0.1, 0.1, 0.2, 0.5, 1, 1.5, 2, 2.2, 2.3, 2.2, 2, 2, 2, 2.1, 2.3, 2.6, 3, 3.2, 2.8, 1.8, 0.8,
)  # fmt: skip
STEPS = {"Page Viewed": 1.0, "Product Viewed": 0.6, "Product Added": 0.12, "Checkout Started": 0.05}
STEPS["Order Completed"] = 0.03
#: Changes a count: source, event, hour, count -> count.
Fault: TypeAlias = Callable[[str, str, int, int], int]
#: The hour in which faults begin: ten in the morning of a Thursday in the eleventh week.
BEGINS = (DAY_0 + 71) * 24 + 10


def closed(source: str, day: int) -> bool:
    return source == "till" and day in (DAY_0 + 30, DAY_0 + 50)


def weeks(seed: int, *, visitors: float = 60.0, fault: Fault | None = None) -> Arrivals:
    """A web shop and a till: weekends, days that differ, holidays at a third, sales at almost twice, closed days."""
    random = np.random.default_rng(seed)
    found = Arrivals()

    def came(source: str, event: str, hour: int, expected: float) -> int:
        count = int(random.poisson(max(expected, 0)))
        count = fault(source, event, hour, count) if fault is not None else count
        if count:
            found.arrived.setdefault((source, event), {})[hour] = count
        return count

    for day in range(DAY_0, DAY_0 + 7 * WEEKS):
        weekday = (day + 3) % 7
        busy = {5: 1.15, 6: 1.3}.get(weekday, 1.0) * random.normal(1, 0.08)
        busy *= 0.35 if day % 23 == 11 else 1.8 if day % 29 == 13 else 1.0
        for at, weight in enumerate(HOURS):
            hour = day * 24 + at
            here = visitors * busy * weight * random.gamma(60, 1 / 60)
            for name, share in STEPS.items():
                came("web", name, hour, here * share)
            if weekday != 6 and 8 <= at < 20 and not closed("till", day):
                came("till", "Order Completed", hour, visitors * 0.4 * busy * random.gamma(40, 1 / 40))
    return found


def found_after(arrivals: Arrivals, hours: int) -> list[Finding]:
    return Watch(arrivals, now=BEGINS + hours, closed=closed).findings()


def codes(findings: list[Finding]) -> set[tuple[str, str, str]]:
    return {(one.code, one.source, one.event) for one in findings}


@pytest.mark.parametrize("visitors", [6.0, 60.0])
def test_eight_quiet_weeks_raise_no_alarm(visitors: float) -> None:
    arrivals = weeks(1, visitors=visitors)
    for hour in range((DAY_0 + 21) * 24, (DAY_0 + 77) * 24, 7):
        assert codes(Watch(arrivals, now=hour, closed=closed).findings()) == set()


def test_a_silent_source_is_found_within_two_hours() -> None:
    arrivals = weeks(2, fault=lambda source, _event, hour, count: 0 if source == "web" and hour >= BEGINS else count)
    (one,) = found_after(arrivals, 2)
    assert (one.code, one.state, one.source, one.since) == ("silent", "broken", "web", BEGINS)
    assert one.counted == 0
    assert one.expected > 100


def test_what_is_left_is_told_as_a_share_of_the_usual() -> None:
    arrivals = weeks(
        3, fault=lambda source, _e, hour, count: count // 8 if source == "web" and hour >= BEGINS else count
    )
    one = next(one for one in found_after(arrivals, 4) if one.code == "silent")
    assert one.since == BEGINS
    assert one.share == pytest.approx(0.12, abs=0.05)


def test_half_of_a_source_is_missed_while_the_other_is_as_usual() -> None:
    half = weeks(4, fault=lambda source, _e, hour, count: count // 3 if source == "web" and hour >= BEGINS else count)
    assert ("quieter", "web", "") in codes(found_after(half, 6))


def test_a_quiet_day_of_the_whole_shop_is_none() -> None:
    quiet = weeks(5, fault=lambda _s, _e, hour, count: count // 3 if hour >= BEGINS else count)
    assert codes(found_after(quiet, 12)) == set()


@pytest.mark.parametrize(("step", "hours"), [("Product Viewed", 2), ("Product Added", 3), ("Checkout Started", 6)])
def test_a_lost_step_is_found_while_its_neighbours_go_on(step: str, hours: int) -> None:
    lost = weeks(6, fault=lambda _s, event, hour, count: 0 if event == step and hour >= BEGINS else count)
    found = found_after(lost, hours)
    assert ("step_lost", "web", step) in codes(found)
    assert [one.since for one in found if one.event == step] == [BEGINS]
    assert not [one for one in found if one.event not in ("", step)]


def test_orders_that_the_browser_lost_are_found_within_half_a_day() -> None:
    def fault(source: str, event: str, hour: int, count: int) -> int:
        return 0 if (source, event) == ("web", "Order Completed") and hour >= BEGINS else count

    assert codes(found_after(weeks(7, fault=fault), 12)) == {("step_lost", "web", "Order Completed")}


def test_an_event_that_fires_twice_is_found_within_a_day() -> None:
    twice = weeks(
        8, fault=lambda _s, event, hour, count: 2 * count if event == "Product Added" and hour >= BEGINS else count
    )
    assert codes(found_after(twice, 12)) == {("doubled", "web", "Product Added")}


def test_sudden_machines_are_found_and_blame_no_step() -> None:
    def fault(_source: str, event: str, hour: int, count: int) -> int:
        return count + 900 if event in ("Page Viewed", "Product Viewed") and hour >= BEGINS else count

    found = codes(found_after(weeks(9, fault=fault), 3))
    assert ("flooded", "web", "") in found
    assert not [one for one in found if one[0] == "step_lost"]


def test_a_sale_is_no_flood() -> None:
    sale = weeks(10, fault=lambda _s, _e, hour, count: 4 * count if hour >= BEGINS else count)
    assert codes(found_after(sale, 12)) == set()


def test_a_field_that_comes_empty_is_found_within_two_hours() -> None:
    arrivals = weeks(11)
    random = np.random.default_rng(1)
    counts = arrivals.empty.setdefault(("web", "Product Viewed", "category"), {})
    for hour, count in arrivals.arrived["web", "Product Viewed"].items():
        counts[hour] = count if hour >= BEGINS else int(random.binomial(count, 0.02))
    assert found_after(arrivals, 0) == []
    (one,) = found_after(arrivals, 2)
    assert (one.code, one.state, one.event, one.field, one.since) == (
        "field_empty", "broken", "Product Viewed", "category", BEGINS,
    )  # fmt: skip
    assert one.share == 1.0
    assert one.usual < 0.05


def test_a_field_that_was_always_empty_is_no_news() -> None:
    arrivals = weeks(12)
    arrivals.empty["web", "Product Viewed", "note"] = dict(arrivals.arrived["web", "Product Viewed"])
    assert found_after(arrivals, 5) == []


def test_a_renamed_field_makes_events_fail() -> None:
    def fault(_source: str, event: str, hour: int, count: int) -> int:
        return 0 if event == "Product Viewed" and hour >= BEGINS else count

    arrivals = weeks(13, fault=fault)
    arrivals.failed["web", "Product Viewed", "missing_field", "product_id"] = {BEGINS: 80, BEGINS + 1: 70}
    found = {one.code: one for one in found_after(arrivals, 2)}
    assert set(found) == {"failing", "step_lost"}
    assert (found["failing"].field, found["failing"].reason) == ("product_id", "missing_field")
    assert found["failing"].state == "broken"


def test_logins_that_are_no_longer_told_are_found() -> None:
    arrivals = weeks(14)
    total: dict[int, int] = {}
    for (source, _), counts in arrivals.arrived.items():
        for hour, count in counts.items():
            total[hour] = total.get(hour, 0) + (count if source == "web" else 0)
    arrivals.named["web",] = {hour: count * 2 // 5 for hour, count in total.items() if hour < BEGINS}
    assert codes(found_after(arrivals, 3)) == {("unnamed", "web", "")}


def test_orders_of_the_back_end_that_no_browser_told_are_found_by_the_next_day() -> None:
    arrivals = weeks(15)
    random = np.random.default_rng(2)
    lone, both = arrivals.told.setdefault(("erp", "server"), {}), arrivals.told.setdefault(("erp", "both"), {})
    for day in range(DAY_0, DAY_0 + 72):
        orders = int(random.poisson(40))
        lone[day] = int(random.binomial(orders, 0.6 if day >= DAY_0 + 71 else 0.04))
        both[day] = orders - lone[day]
    assert found_after(arrivals, -24) == []
    (one,) = found_after(arrivals, 10)
    assert (one.code, one.source) == ("orders_unseen", "erp")


def test_too_little_history_says_unknown() -> None:
    young = Arrivals(arrived={("web", "Page Viewed"): {BEGINS - hour: 9 for hour in range(200)}})
    (one,) = Watch(young, now=BEGINS).health()
    assert (one.state, one.findings, one.share) == ("unknown", [], None)
