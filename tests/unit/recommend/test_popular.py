import numpy as np
import pytest

from regulars.core.errors import Rejected
from regulars.recommend.model import Shopper
from regulars.recommend.popular import Popular, Popularity, Trending, basket_rate
from tests.unit.recommend.shops import CATALOGUE, lines_of


def test_a_basket_one_half_life_ago_counts_half() -> None:
    lines = lines_of([(1, 100, ["milk"]), (2, 72, ["bread"])])
    rate = basket_rate(lines, len(CATALOGUE), half_life_days=28)
    assert rate[CATALOGUE.position["bread"]] == pytest.approx(rate[CATALOGUE.position["milk"]] / 2)


def test_a_steady_product_has_its_baskets_per_day_as_rate() -> None:
    lines = lines_of([(day % 5, day, ["milk"]) for day in range(60) for _ in range(3)])
    assert basket_rate(lines, len(CATALOGUE), half_life_days=14)[CATALOGUE.position["milk"]] == pytest.approx(3)


def test_fifty_bottles_for_one_caterer_are_one_basket() -> None:
    lines = lines_of([(1, 10, ["milk"])] * 3 + [(2, 10, ["caviar"])], quantity=50)
    best = Popular.fit(lines, CATALOGUE).recommend(Shopper(), n=2, day=11)
    assert [row.item for row in best] == ["milk", "caviar"]


def test_a_product_of_no_shop_wide_fame_is_popular_in_its_category() -> None:
    lines = lines_of([(1, 1, ["milk"])] * 9 + [(1, 1, ["butter"])] * 2 + [(1, 1, ["caviar"])])
    model = Popular.fit(lines, CATALOGUE, Popularity(kept=1))
    reasons = [model.explain(Shopper(), name, day=1)[0].arguments for name in ("milk", "butter")]
    assert reasons == [{"category": ""}, {"category": "dairy"}]
    dairy = np.asarray([CATALOGUE.categories.index("dairy")])
    assert [CATALOGUE.ids[item] for item in model.of_categories(dairy)] == ["milk", "butter"]


def test_candles_trend_before_christmas_and_milk_does_not() -> None:
    baskets = [(person, day, ["milk"]) for day in range(90) for person in range(10)]
    baskets += [(person, day, ["candles"]) for day in range(84, 90) for person in range(5)]
    (row,) = Trending.fit(lines_of(baskets), CATALOGUE).recommend(Shopper(), n=5, day=90)
    assert row.item == "candles"
    assert float(row.reasons[0].arguments["growth"]) > 2


def test_an_unknown_product_cannot_be_explained() -> None:
    with pytest.raises(Rejected, match="do not know product 'unicorn'"):
        Popular.fit(lines_of([(1, 1, ["milk"])]), CATALOGUE).explain(Shopper(), "unicorn", day=1)
