"""Linking by likeness: doubles are found, families and namesakes are not taken for one person."""

import random

import pytest

from regulars.analyst.linking import Pair, find, verdict
from regulars.analyst.linking.model import COMPARISONS
from regulars.core.proposal import Reason
from tests.unit.analyst.linking.people import file, person, records


def placed(pair: Pair) -> tuple[int, int]:
    return int(pair.a[-6:]), int(pair.b[-6:])


def decided(pair: Pair) -> str:
    return verdict(pair, automatic=0.99, review=0.85)


@pytest.mark.slow
def test_doubles_in_a_file_are_found_without_any_example() -> None:
    rows, truth = file(900, 90)
    found = find(records(rows), least=0.85)
    linked = {placed(pair) for pair in found if decided(pair) == "link"}
    assert linked <= truth
    assert len(linked) >= 0.95 * len(truth)
    assert [pair.probability for pair in found] == sorted((pair.probability for pair in found), reverse=True)


def test_a_file_too_small_to_learn_from_is_judged_by_fixed_weights() -> None:
    rows, truth = file(60, 6)
    linked = {placed(pair) for pair in find(records(rows), least=0.85) if decided(pair) == "link"}
    assert linked == truth


def test_a_family_at_one_address_is_not_one_person() -> None:
    dice = random.Random(3)
    rows = [person(dice) for _ in range(60)]
    for place in range(20):
        other = person(random.Random(1000 + place))
        rows.append({**rows[place], "first": f"Xy{other['first'][::-1]}", "birth": other["birth"]})
    found = [pair for pair in find(records(rows), least=0.85) if placed(pair)[1] >= 60]
    assert len(found) >= 18, "the model alone takes couples for one person"
    assert [pair for pair in found if decided(pair) == "link"] == []


def test_twins_are_shown_to_staff_and_never_linked() -> None:
    rows = [person(random.Random(seed)) for seed in range(50)]
    rows.append({**rows[0], "first": "Xenia"})
    (pair,) = [pair for pair in find(records(rows), least=0.85) if placed(pair) == (0, 50)]
    assert pair.level("first") == "differs"
    assert pair.probability > 0.99
    assert decided(pair) == "review"


def test_records_of_two_files_are_compared_across_and_not_within() -> None:
    rows, _ = file(60, 0)
    one, other = records(rows[:40] + rows[:1]), [(f"x{key}", said) for key, said in records(rows[5:30])]
    found = find(one, other, least=0.85)
    assert len(found) == 25
    assert all(pair.a.startswith("crm") and pair.b.startswith("xcrm") for pair in found)


def test_nothing_to_compare_finds_nothing() -> None:
    assert find([], least=0.5) == []
    assert find(records([{}, {}, {"city": "Bonn"}]), least=0.5) == []


def test_the_evidence_adds_up_to_the_probability() -> None:
    rows, _ = file(60, 6)
    for pair in find(records(rows), least=0.85):
        bits = pair.prior + sum(one.weight for one in pair.evidence)
        assert 1 / (1 + 2**-bits) == pytest.approx(pair.probability, abs=1e-4)
        assert all(one.weight == 0 for one in pair.evidence if one.level == "missing")


@pytest.mark.parametrize(
    ("first", "birth", "probability", "expected"),
    [
        ("same", "same", 0.999, "link"),
        ("same", "missing", 0.999, "link"),
        ("swapped", "near", 0.999, "link"),
        ("same", "same", 0.95, "review"),
        ("same", "differs", 0.999999, "review"),
        ("missing", "missing", 0.999999, "review"),
        ("differs", "differs", 0.999999, "drop"),
        ("same", "same", 0.8, "drop"),
    ],
)
def test_what_becomes_of_a_pair(first: str, birth: str, probability: float, expected: str) -> None:
    pair = Pair("a", "b", probability, -12.0, (Reason("first", first, 1.0), Reason("birth", birth, 1.0)))
    assert decided(pair) == expected


def test_levels_of_a_comparison_share_out_what_can_happen() -> None:
    for one in COMPARISONS:
        assert sum(level.m for level in one.levels) == pytest.approx(1)
        assert sum(level.u for level in one.levels) == pytest.approx(1, abs=0.01)
        assert one.levels[0].m > one.levels[0].u
        assert one.levels[-1].m < one.levels[-1].u


def test_where_a_file_holds_no_households_the_probability_decides_alone() -> None:
    def pair(probability: float, first: str, birth: str) -> Pair:
        return Pair("a", "b", probability, -10.0, (Reason("first", first, -2.0), Reason("birth", birth, 9.0)))

    for first, birth in (("differs", "same"), ("same", "part"), ("missing", "missing"), ("differs", "differs")):
        assert verdict(pair(0.995, first, birth), automatic=0.99, review=0.85) in ("review", "drop")
        said = [
            verdict(pair(p, first, birth), automatic=0.99, review=0.85, families="trust") for p in (0.995, 0.9, 0.5)
        ]
        assert said == ["link", "review", "drop"]
