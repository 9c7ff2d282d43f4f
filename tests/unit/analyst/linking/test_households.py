"""Whether a file holds families is told by the file: where people live together, some of them are twins."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.analyst.linking import Households, Pair, find, households, verdict
from regulars.analyst.linking.households import ENOUGH, alike, together
from regulars.core.proposal import Reason
from regulars.profile.particulars import Particulars, particulars
from tests.unit.analyst.linking.people import person, records

NOBODY = Households(no_twins=True, no_undated=True, no_namesakes=True, no_alike=True, no_unnamed=True)
Rows = list[tuple[str, Particulars]]


def singles(count: int) -> Rows:
    return records([person(random.Random(seed)) for seed in range(count)])


def family(place: int) -> Rows:
    """A couple and a child."""
    one = person(random.Random(90_000 + place))
    members = [
        one,
        {**one, "first": "Xaver", "birth": "1961-02-03"},
        {**one, "first": "Quirin", "birth": "1999-11-12"},
    ]
    return [(f"f{place}-{at}", particulars(said)) for at, said in enumerate(members)]


def pairs(first: str, birth: str, count: int, *, probability: float = 0.999) -> list[Pair]:
    reasons = (Reason("first", first, 1.0), Reason("birth", birth, 1.0))
    return [Pair(f"a{at}", f"b{at}", probability, -12.0, reasons) for at in range(count)]


def test_a_file_of_single_customers_has_no_twins_and_no_namesakes() -> None:
    told = households(
        singles(ENOUGH), None, [*pairs("differs", "same", 40), *pairs("same", "differs", 40)], automatic=0.99
    )
    assert told == NOBODY


def test_in_a_file_with_families_staff_are_asked_about_both() -> None:
    rows = [*singles(ENOUGH), *(one for place in range(30) for one in family(place))]
    assert together(rows)[0] >= 60
    found = [*pairs("differs", "same", 100), *pairs("same", "part", 100)]
    told = households(rows, None, found, automatic=0.99)
    assert msgspec.structs.replace(told, relatives=frozenset()) == Households()
    assert {key for key, _ in rows if key.startswith("f")} <= told.relatives


def test_twins_of_the_only_family_of_a_file_are_shown_to_staff() -> None:
    """A few families in a file of thousands are too few for the figure, and still families."""
    home = family(0)
    twin = ("f0-3", msgspec.structs.replace(home[2][1], first="ottilie"))
    alone = pairs("differs", "same", 200)
    told = households([*singles(ENOUGH), *home, twin], None, alone, automatic=0.99)
    assert told.no_twins
    of_family = msgspec.structs.replace(alone[0], a="f0-2", b="f0-3")
    for pair, expected in ((of_family, "review"), (alone[0], "link")):
        assert verdict(pair, automatic=0.99, review=0.85, families="learn", file=told) == expected


@pytest.mark.parametrize(
    "rows", [singles(ENOUGH - 1), records([{"first": f"A{at}", "email": f"{at}@x.example"} for at in range(ENOUGH)])]
)
def test_a_small_file_and_one_without_addresses_tell_nothing(rows: Rows) -> None:
    assert households(rows, None, pairs("differs", "same", 1_000), automatic=0.99) == Households()


def test_a_few_pairs_are_never_enough_to_know() -> None:
    """Nobody was seen to live with somebody, and three may still be: so many pairs must speak against it."""
    rows = singles(ENOUGH)
    assert not households(rows, None, pairs("differs", "same", 8), automatic=0.99).no_twins
    assert households(rows, None, pairs("differs", "same", 10), automatic=0.99).no_twins
    assert not households(rows, None, pairs("differs", "same", 500, probability=0.98), automatic=0.99).no_twins


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 400), st.integers(0, 400))
def test_more_families_and_fewer_pairs_only_ever_ask_more(few: int, more: int, twins: int, namesakes: int) -> None:
    rows = singles(ENOUGH)
    found = [*pairs("differs", "same", twins), *pairs("swapped", "differs", namesakes)]
    homes = [one for place in range(few + more) for one in family(place)]
    with_few = households([*rows, *homes[: 3 * few]], None, found, automatic=0.99)
    with_more = households(rows, homes, found[::2], automatic=0.99)
    assert with_few.no_twins >= with_more.no_twins
    assert with_few.no_namesakes >= with_more.no_namesakes
    assert with_few.no_undated >= with_more.no_undated
    assert with_few.no_unnamed >= with_more.no_unnamed


@pytest.mark.parametrize(
    ("first", "birth", "known", "told", "expected"),
    [
        ("differs", "same", Households(no_twins=True), "learn", "link"),
        ("differs", "near", Households(no_twins=True), "learn", "link"),
        ("differs", "same", Households(no_twins=True), "ask", "review"),
        ("differs", "same", Households(no_namesakes=True), "learn", "review"),
        ("same", "differs", Households(no_namesakes=True), "learn", "link"),
        ("near", "differs", Households(no_namesakes=True), "learn", "review"),
        ("near", "differs", Households(no_alike=True), "learn", "link"),
        ("differs", "missing", Households(no_twins=True, no_unnamed=True), "learn", "review"),
        ("differs", "missing", Households(no_undated=True), "learn", "link"),
        ("missing", "differs", Households(no_alike=True, no_undated=True), "learn", "review"),
        ("missing", "differs", Households(no_unnamed=True), "learn", "link"),
        ("missing", "missing", NOBODY, "learn", "review"),
        ("differs", "differs", NOBODY, "learn", "drop"),
    ],
)
def test_what_the_file_tells_decides_one_difference_and_never_two(
    first: str, birth: str, known: Households, told: str, expected: str
) -> None:
    (pair,) = pairs(first, birth, 1)
    assert verdict(pair, automatic=0.99, review=0.85, families=told, file=known) == expected  # type: ignore[arg-type]
    (unsure,) = pairs(first, birth, 1, probability=0.95)
    assert verdict(unsure, automatic=0.99, review=0.85, families=told, file=known) != "link"  # type: ignore[arg-type]


def test_where_many_say_no_first_name_or_birth_date_more_pairs_must_speak_against_families() -> None:
    """Of two people of a household one may not have said what tells them apart."""
    rows = singles(2 * ENOUGH)
    silent = [
        (key, msgspec.structs.replace(said, **{field: None}) if at % 5 == 0 else said)
        for field in ("first", "birth")
        for at, (key, said) in enumerate(rows)
    ]
    unnamed, undated = silent[: len(rows)], silent[len(rows) :]
    found = [*pairs("differs", "same", 60), *pairs("same", "differs", 60)]
    assert households(rows, None, found, automatic=0.99) == NOBODY
    of_unnamed = households(unnamed, None, found, automatic=0.99)
    assert (of_unnamed.no_namesakes, of_unnamed.no_unnamed, of_unnamed.no_undated) == (True, False, True)
    of_undated = households(undated, None, found, automatic=0.99)
    assert (of_undated.no_twins, of_undated.no_undated, of_undated.no_unnamed) == (True, False, True)


def test_first_names_look_alike_by_chance_as_often_as_in_this_file() -> None:
    assert 0.48 < alike(["anna", "xaver"]) < 0.52  # the same one, half of the time
    assert 0.54 < alike(["johanna", "johanne", "xaver"]) < 0.57
    assert alike([]) == 1.0


@pytest.mark.slow
def test_twins_in_a_file_of_families_are_never_linked() -> None:
    rows = [*singles(300), *(one for place in range(100) for one in family(place))]
    twins = []
    for place in range(0, 100, 20):
        key, child = rows[300 + 3 * place + 2]
        other = msgspec.structs.replace(child, first="balduin")
        twins.append((key, f"{key}-twin"))
        rows.append((f"{key}-twin", other))
    found = find(rows, least=0.85)
    told = households(rows, None, found, automatic=0.99)
    linked = {
        (pair.a, pair.b)
        for pair in found
        if verdict(pair, automatic=0.99, review=0.85, families="learn", file=told) == "link"
    }
    assert not linked & set(twins)
    assert set(twins) <= {(pair.a, pair.b) for pair in found}
