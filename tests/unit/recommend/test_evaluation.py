import numpy as np
import pytest

from regulars.core.errors import Rejected
from regulars.recommend.baselines import OverallPopularity, OwnMostBought
from regulars.recommend.evaluation import Asking, Case, NewOnly, activity_levels, evaluate, next_baskets
from regulars.recommend.model import Scored, Shopper
from regulars.recommend.popular import Popular
from regulars.recommend.visit import Visit
from tests.unit.recommend.shops import CATALOGUE, grocer, lines_of


class Clairvoyant:
    """Knows the basket: answers with what its cases bought, for as many of them as it is told."""

    def __init__(self, cases: list[Case], known: int) -> None:
        self._bought = {id(case.visit): case.bought for case in cases[:known]}

    def best(self, visit: Visit, *, n: int) -> Scored:
        items = self._bought.get(id(visit), np.empty(0, np.int32))[:n]
        return Scored(items, np.ones(len(items)))


def items(*products: str) -> list[int]:
    return sorted(CATALOGUE.position[product] for product in products)


def test_the_first_basket_after_the_cut_is_foretold_from_the_days_before() -> None:
    lines = lines_of([(7, 1, ["milk"]), (7, 10, ["bread", "rolls"]), (7, 10, ["caviar"]), (7, 12, ["pasta"])])
    (case,) = next_baskets(lines, since=5)
    assert (case.person, case.bought.tolist(), case.visit.own.tolist()) == (7, items("bread", "rolls"), items("milk"))
    assert case.visit.day == 10


def test_a_later_basket_knows_those_before_it_but_not_those_of_its_day() -> None:
    lines = lines_of([(7, 1, ["milk"]), (7, 10, ["bread"]), (7, 10, ["caviar"]), (7, 12, ["pasta"])])
    first, second, third = next_baskets(lines, since=5, asking=Asking(per_person=3))
    assert second.visit.own.tolist() == first.visit.own.tolist() == items("milk")
    assert third.visit.own.tolist() == items("milk", "bread", "caviar")


def test_a_household_that_is_new_is_a_case_without_history() -> None:
    (case,) = next_baskets(lines_of([(7, 10, ["bread"])]), since=5)
    assert not len(case.visit.own)


def test_a_household_that_does_not_come_back_is_no_case() -> None:
    assert list(next_baskets(lines_of([(7, 1, ["bread"])]), since=5)) == []


def test_a_newsletter_is_asked_on_the_day_of_the_cut() -> None:
    lines = lines_of([(7, 1, ["milk"]), (7, 10, ["bread"])])
    (case,) = next_baskets(lines, since=5, asking=Asking(at_cut=True))
    assert case.visit.day == 5


def test_of_a_basket_what_was_never_bought_before_is_new() -> None:
    lines = lines_of([(1, 3, ["milk", "bread"]), (1, 6, ["milk", "pasta"]), (2, 2, ["milk"]), (2, 7, ["milk"])])
    (case,) = next_baskets(lines, since=5, asking=Asking(new_only=True))
    assert (case.person, [CATALOGUE.ids[item] for item in case.bought]) == (1, ["pasta"])
    model = Popular.fit(lines, CATALOGUE)
    named = [CATALOGUE.ids[item] for item in NewOnly(model).best(case.visit, n=5).items]
    assert named == ["pasta"], "milk and bread are known"


def test_of_a_basket_begun_in_hand_the_rest_is_foretold() -> None:
    lines = lines_of([(7, 10, ["milk", "bread", "pasta"]), (8, 10, ["milk"])])
    (case,) = next_baskets(lines, since=5, asking=Asking(in_hand=True))
    assert case.visit.basket.tolist() == items("milk", "pasta")
    assert case.bought.tolist() == items("bread")


def test_a_long_history_is_cut_to_what_a_profile_keeps() -> None:
    lines = lines_of([(7, 1, ["milk"]), (7, 2, ["butter"]), (7, 3, ["rolls"]), (7, 10, ["bread"])])
    (case,) = next_baskets(lines, since=5, asking=Asking(history_lines=2))
    assert case.visit.own.tolist() == items("butter", "rolls")


def test_hit_rate_and_precision_are_those_counted_by_hand() -> None:
    cases = list(next_baskets(grocer(people=10), since=130))
    half = Clairvoyant(cases, known=5)
    evaluation = evaluate({"half": half, "none": Clairvoyant(cases, 0)}, cases, leader="half", k=10)
    bought = sum(len(case.bought) for case in cases[:5])
    assert evaluation.figures["half"]["hit_rate"].mean == 0.5
    assert evaluation.figures["half"]["precision"].mean == pytest.approx(bought / 10 / 10)
    assert evaluation.figures["none"]["hit_rate"].mean == 0
    assert evaluation.lead["none"] == evaluation.figures["half"]  # the lead over nothing is the figure itself
    assert evaluation.coverage == {}  # nobody told how many products there are


def test_two_equal_recommenders_have_no_lead_at_all() -> None:
    cases = list(next_baskets(grocer(people=10), since=130))
    twins = {name: Clairvoyant(cases, known=5) for name in ("one", "other")}
    lead = evaluate(twins, cases, leader="one").lead["other"]["precision"]
    assert (lead.mean, lead.low, lead.high) == (0, 0, 0)


def test_an_interval_is_about_two_standard_errors_wide() -> None:
    cases = list(next_baskets(grocer(people=60), since=130))
    hit = evaluate({"half": Clairvoyant(cases, known=30)}, cases, leader="half").figures["half"]["hit_rate"]
    assert hit.high - hit.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 60), rel=0.1)


def test_households_are_compared_with_those_as_active() -> None:
    levels = activity_levels(np.asarray([0, 1, 2, 3, 4, 5, 6]))
    assert [chosen.tolist() for chosen in levels.values()] == [[0], [1, 2], [3, 4], [5, 6]]


def test_without_cases_there_is_nothing_to_evaluate() -> None:
    with pytest.raises(Rejected, match="choose an earlier cut"):
        evaluate({}, [], leader="blend")


def test_the_baselines_are_what_they_say() -> None:
    overall = OverallPopularity(CATALOGUE, lines_of([(1, 1, ["milk", "bread"]), (2, 2, ["milk"]), (3, 3, ["rolls"])]))
    shopper = Shopper(purchases=[["caviar", 1, 1], ["pasta", 2, 1], ["pasta", 3, 1], ["sauce", 4, 1]])
    own = OwnMostBought(overall)
    assert [row.item for row in overall.recommend(shopper, n=2, day=9)] == ["milk", "bread"]
    assert [row.item for row in own.recommend(shopper, n=4, day=9)] == ["pasta", "sauce", "caviar", "milk"]
