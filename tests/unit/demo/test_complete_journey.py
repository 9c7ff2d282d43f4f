"""The example year becomes events without loss and without invention."""

import json
from itertools import islice
from typing import Any

import pytest

from regulars.demo.complete_journey import CompleteJourney, Day
from regulars.demo.run import bodies

SHARES = {"analytics": 0.92, "marketing_email": 0.65}


@pytest.fixture(scope="module")
def journey() -> CompleteJourney:
    return CompleteJourney()


@pytest.fixture(scope="module")
def days(journey: CompleteJourney) -> list[Day]:
    return list(islice(journey.days(SHARES), 32))


def test_the_data_is_whole(journey: CompleteJourney) -> None:
    counts = journey.counts()
    assert counts == (92_331, 1_469_307, 155_848, 2_469, 27, 6_589, 2_102)


def test_every_household_says_yes_or_no_to_every_purpose_before_its_first_order(days: list[Day]) -> None:
    said = [json.loads(call) for call in days[0].calls]
    assert len(said) == 2_469
    for purpose, share in SHARES.items():
        agreed = sum(call["properties"]["purposes"][purpose] for call in said) / len(said)
        assert agreed == pytest.approx(share, abs=0.02)


def test_the_first_order_of_the_year_is_what_the_data_says(days: list[Day]) -> None:
    order: dict[str, Any] = json.loads(days[1].calls[0])
    assert (order["event"], order["userId"], order["timestamp"]) == (
        "Order Completed",
        "900",
        "2017-01-01T11:53:26.000Z",
    )
    (line,) = order["properties"]["products"]
    assert (line["product_id"], line["quantity"], line["total"], line["discount"]) == ("1095275", 1, 0.5, 0)
    assert order["properties"]["total"] == 0.5


def test_calls_of_a_day_are_in_the_order_of_their_time_and_no_basket_is_cut(days: list[Day]) -> None:
    seen: set[str] = set()
    for day in days[1:]:
        times = [json.loads(call)["timestamp"] for call in day.calls]
        assert times == sorted(times)
        orders = [c["properties"] for c in map(json.loads, day.calls) if c["event"] == "Order Completed"]
        assert not seen & {order["order_id"] for order in orders}
        seen |= {order["order_id"] for order in orders}
        for order in orders:
            assert order["total"] == pytest.approx(sum(line["total"] for line in order["products"]), abs=0.011)
        assert sum(len(order["products"]) for order in orders) == day.lines


def test_requests_hold_all_calls_once_and_stay_below_the_limits(days: list[Day]) -> None:
    calls = days[5].calls * 20
    sent = [json.loads(body)["batch"] for body in bodies(calls)]
    assert sum(map(len, sent)) == len(calls)
    assert max(map(len, sent)) <= 1_000
