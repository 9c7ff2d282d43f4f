"""What a customer is interested in, and how firmly."""

from regulars.understand.interests import top_interests


def test_the_largest_shares_come_first_and_a_single_look_is_not_firm() -> None:
    cells = [2500, {"Bikes": 4000, "Shoes": 1000}, 2498, {"Bikes": 2000}]
    found = top_interests({"Shoes": 0.2, "Bikes": 0.8}, cells)
    assert [(one.key, one.share, one.evidence, one.weeks, one.firm) for one in found] == [
        ("Bikes", 0.8, 6.0, 2, True),
        ("Shoes", 0.2, 1.0, 1, False),
    ]


def test_at_most_the_wanted_number_and_ties_by_name() -> None:
    assert [one.key for one in top_interests({"c": 0.3, "a": 0.3, "b": 0.4}, [], limit=2)] == ["b", "a"]
