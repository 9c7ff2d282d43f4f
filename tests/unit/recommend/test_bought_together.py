import numpy as np
import pytest

from regulars.recommend.bought_together import BoughtTogether, Together, log_likelihood_ratio
from regulars.recommend.model import ReasonCode, Shopper
from tests.unit.recommend.shops import CATALOGUE, lines_of

SMALL = Together(least_baskets=2, least_together=2)


def test_the_ratio_is_that_of_dunnings_example() -> None:
    # "the swiss" in Dunning 1993, table of bigrams: 110, 2442, 111, 29114 gives 270.72.
    ratio = log_likelihood_ratio(np.asarray([110]), np.asarray([2552]), np.asarray([221]), 31777)
    assert ratio[0] == pytest.approx(270.72, abs=0.01)


def shop_with_a_bestseller() -> BoughtTogether:
    """Milk is in every basket; pasta and sauce go together in a tenth of them."""
    baskets = [(number, number, ["milk"] + (["pasta", "sauce"] if number % 10 == 0 else [])) for number in range(200)]
    baskets += [(number, number, ["milk", "bread"] if number % 2 else ["milk"]) for number in range(200)]
    return BoughtTogether.fit(lines_of(baskets), CATALOGUE, SMALL)


def test_what_is_in_every_basket_is_no_neighbour_of_anything() -> None:
    model = shop_with_a_bestseller()
    pasta, sauce, milk = (CATALOGUE.position[name] for name in ("pasta", "sauce", "milk"))
    assert model.neighbours(pasta).items.tolist() == [sauce]
    assert not len(model.neighbours(milk).items)


def test_pasta_in_the_basket_recommends_sauce_and_names_the_pasta() -> None:
    (row,) = shop_with_a_bestseller().recommend(Shopper(basket=["pasta"]), n=5, day=300)
    assert row.item == "sauce"
    assert [(reason.code, reason.arguments) for reason in row.reasons] == [
        (ReasonCode.BOUGHT_TOGETHER, {"item": "pasta", "from": "basket"})
    ]


def test_a_product_viewed_counts_less_than_one_in_the_basket() -> None:
    model = shop_with_a_bestseller()
    viewed = model.recommend(Shopper(viewed=["pasta"]), n=1, day=300)
    basket = model.recommend(Shopper(basket=["pasta"]), n=1, day=300)
    assert viewed[0].score == pytest.approx(basket[0].score / 2)


def test_lift_is_shrunk_to_what_chance_would_give() -> None:
    # 20 baskets hold both of 400; each alone 20: chance gives 1. (20 + 5) / (1 + 5)
    model = shop_with_a_bestseller()
    assert model.neighbours(CATALOGUE.position["pasta"]).scores[0] == pytest.approx(np.log(25 / 6), rel=1e-5)


def test_a_wholesale_basket_is_thinned_to_a_spread_of_its_items() -> None:
    names = [name for name, _ in zip(CATALOGUE.ids, range(8), strict=False)]
    lines = lines_of([(0, day, names) for day in range(3)] + [(1, day, ["caviar"]) for day in range(30)])
    model = BoughtTogether.fit(lines, CATALOGUE, Together(least_baskets=2, least_together=2, largest_basket=4))
    assert sum(len(model.neighbours(item).items) for item in range(len(CATALOGUE))) == 4 * 3


def test_a_shop_without_orders_has_no_neighbours() -> None:
    model = BoughtTogether.fit(lines_of([]), CATALOGUE)
    assert model.recommend(Shopper(basket=["milk"], purchases=[["bread", 3, 1]]), n=5, day=9) == []
