import numpy as np
import pytest

from regulars.recommend.buy_again import TIMES, BuyAgain, Rhythm
from regulars.recommend.model import ReasonCode, Shopper, visit_of
from tests.unit.recommend.shops import CATALOGUE, grocer, lines_of


@pytest.fixture(scope="module")
def model() -> BuyAgain:
    return BuyAgain.fit(grocer(), CATALOGUE)


def weekly(product: str, *, last: int, times: int, every: int = 7) -> list[list[object]]:
    return [[product, last - every * number, 1] for number in range(times)]


def test_milk_is_due_after_a_week_and_detergent_after_a_month(model: BuyAgain) -> None:
    milk = weekly("milk", last=200, times=8)
    just_washed = Shopper(purchases=milk + weekly("detergent", last=189, times=5, every=28))
    out_of_it = Shopper(purchases=milk + weekly("detergent", last=173, times=5, every=28))
    assert [row.item for row in model.recommend(just_washed, n=2, day=206)] == ["milk", "detergent"]
    assert [row.item for row in model.recommend(out_of_it, n=2, day=201)] == ["detergent", "milk"]


def test_the_chance_rises_towards_the_own_rhythm_and_falls_long_after(model: BuyAgain) -> None:
    shopper = Shopper(purchases=weekly("milk", last=100, times=8))
    after = {days: model.recommend(shopper, n=1, day=100 + days)[0].score for days in (1, 7, 70)}
    assert after[1] < after[7]
    assert after[70] < after[7]


def test_the_reason_names_the_own_rhythm(model: BuyAgain) -> None:
    shopper = Shopper(purchases=weekly("milk", last=100, times=3, every=9))
    (reason,) = model.explain(shopper, "milk", day=106)
    assert (reason.code, reason.arguments) == (ReasonCode.OWN_RHYTHM, {"gap_days": 9.0, "days_since": 6, "times": 3})


def test_one_purchase_makes_no_rhythm(model: BuyAgain) -> None:
    shopper = Shopper(purchases=[["milk", 100, 1]])
    assert model.explain(shopper, "milk", day=106)[0].code is ReasonCode.BOUGHT_OFTEN
    assert model.explain(shopper, "bread", day=106) == ()


def test_the_expected_gap_lies_between_the_shoppers_and_the_products(model: BuyAgain) -> None:
    usual = float(model.gap[CATALOGUE.position["milk"]])
    visit = visit_of(CATALOGUE, Shopper(purchases=weekly("milk", last=100, times=5, every=20)), 110)
    assert 7 < usual < 12  # once a week, a little less for those who prefer butter
    assert model.expected_gaps(visit)[0] == pytest.approx((4 * 20 + 2 * usual) / (4 + 2))


def test_two_purchases_on_one_day_are_one(model: BuyAgain) -> None:
    once = model.recommend(Shopper(purchases=[["milk", 90, 1], ["milk", 97, 1]]), n=1, day=100)
    twice = model.recommend(Shopper(purchases=[["milk", 90, 1], ["milk", 97, 1], ["milk", 97, 4]]), n=1, day=100)
    assert once == twice


def test_what_went_back_was_not_bought(model: BuyAgain) -> None:
    assert model.recommend(Shopper(purchases=[["milk", 90, 0]]), n=1, day=100) == []


def test_a_product_that_nobody_buys_twice_is_not_due_again() -> None:
    baskets = [(person, day, ["milk"]) for person in range(40) for day in range(0, 70, 7)]
    baskets += [(person, 35, ["candles"]) for person in range(40)]
    model = BuyAgain.fit(lines_of(baskets), CATALOGUE)
    shopper = Shopper(purchases=[["milk", 62, 1], ["candles", 62, 1]])
    milk, candles = model.recommend(shopper, n=2, day=69)
    assert milk.item == "milk"
    assert milk.score > 5 * candles.score


def test_open_gaps_count_as_waiting_in_the_life_table() -> None:
    # One customer, gaps of 10 days, watched for 5 days after the last purchase. Prior off, expected gap = 10.
    exact = Rhythm(own_prior_gaps=1e9, item_prior_gaps=1e-9, category_prior_gaps=1e-9)
    model = BuyAgain.fit(lines_of([(0, 0, ["milk"]), (0, 10, ["milk"]), (1, 14, ["bread"])]), CATALOGUE, exact)
    # Waiting in expected gaps: 1 (closed) for the class "once", 0.5 for "twice", 1 / 10 for bread (open, "once").
    overall = (1 + 1) / (1 + 0.5 + 0.1 + 1)
    in_gap = model.hazard[0, 6]  # pace 0.85 to 1.0 of customers who bought once: only waiting, 0.15
    assert in_gap == pytest.approx(1 / (0.15 + 1 / overall), rel=1e-3)
    closed = model.hazard[0, 7]  # pace 1.0 to 1.2: the purchase, at the very start of the class
    assert closed == pytest.approx(2 / (0 + 1 / overall), rel=1e-3)


def test_a_shop_without_orders_can_be_fitted() -> None:
    model = BuyAgain.fit(lines_of([]), CATALOGUE)
    assert model.recommend(Shopper(purchases=[["milk", 1, 1]]), n=3, day=9)[0].item == "milk"
    assert model.hazard.shape[0] == len(TIMES)
    assert np.isfinite(model.hazard).all()
