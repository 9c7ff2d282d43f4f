"""What each kind of trait says of a customer."""

from collections.abc import Mapping

import msgspec
import pytest

from regulars.core.calendar import Calendar
from regulars.core.definitions import Definitions, Shop, Trait
from regulars.core.errors import Misconfigured
from regulars.profile.fold import Fold
from regulars.profile.traits import compile_trait
from tests.profiles import ADDED, COMPLETED, FIRST_DAY, VIEWED, event, fold_of, profile

VIEW = (VIEWED,)


def value(trait: Trait, *told: tuple[float, Mapping[str, object]], on: int = 30, name: str = VIEWED) -> object:
    """The value of one trait after events (day, properties), in the order given."""
    events = [event(name, day, properties, f"m{at}") for at, (day, properties) in enumerate(told)]
    return profile(*events, fold=fold_of([trait])).values(on)[trait.name]


def test_a_count_counts_events_and_with_a_path_what_it_finds() -> None:
    assert value(Trait(name="t", kind="count", events=VIEW), (1, {}), (2, {})) == 2
    lines = {"products": [{"sku": "a"}, {"sku": "b"}, {}]}
    assert value(Trait(name="t", kind="count", events=VIEW, of="products.sku"), (1, lines), (2, {})) == 2


def test_a_filter_holds_for_the_same_element_as_the_path() -> None:
    trait = Trait(name="t", kind="sum", events=VIEW, of="products.price", where={"products.brand": "Acme"})
    lines = {"products": [{"brand": "Acme", "price": 2}, {"brand": "Other", "price": 50}]}
    assert value(trait, (1, lines)) == 200


def test_a_filter_may_allow_several_values_and_read_the_context() -> None:
    trait = Trait(name="t", kind="count", events=VIEW, where={"colour": ["red", "blue"], "context.channel": "app"})
    told = event(VIEWED, 1, {"colour": "red"})
    in_app = msgspec.structs.replace(told, message_id="m2", context={"channel": "app"})
    assert profile(told, in_app, fold=fold_of([trait])).values(2)["t"] == 1


def test_money_is_summed_in_minor_units_and_other_numbers_as_they_are() -> None:
    assert (
        value(Trait(name="t", kind="sum", events=VIEW, of="price"), (1, {"price": 1.1}), (2, {"price": "2.2"})) == 330
    )
    weight = Trait(name="t", kind="sum", events=VIEW, of="kilograms")
    assert value(weight, (1, {"kilograms": 0.1}), (2, {"kilograms": 0.2})) == 0.3
    assert value(weight, (1, {"kilograms": 2})) == 2


def test_amounts_in_another_currency_are_never_added() -> None:
    told = ((1, {"price": 10, "currency": "CHF"}), (2, {"price": 5, "currency": "EUR"}), (3, {"price": 1}))
    assert value(Trait(name="t", kind="sum", events=VIEW, of="price"), *told) == 600
    assert value(Trait(name="t", kind="sum", events=VIEW, of="price", where={"currency": "CHF"}), *told) == 1000


@pytest.mark.parametrize("nonsense", ["free", None, [], {}, float("nan"), float("inf"), 1e300, "1e999"])
def test_what_is_no_usable_number_adds_nothing(nonsense: object) -> None:
    for of in ("price", "kilograms"):
        assert value(Trait(name="t", kind="sum", events=VIEW, of=of), (1, {of: 3}), (2, {of: nonsense})) in (300, 3)


def test_a_window_forgets_the_day_that_leaves_it() -> None:
    trait = Trait(name="t", kind="count", events=VIEW, window_days=7)
    told: list[tuple[float, dict[str, object]]] = [(1, {}), (3, {}), (3.5, {})]
    assert [value(trait, *told, on=day) for day in (3, 7, 8, 9, 10)] == [3, 3, 2, 2, 0]


def test_a_window_reaches_back_from_the_newest_event_too() -> None:
    trait = Trait(name="t", kind="count", events=VIEW, window_days=7)
    assert value(trait, (20, {}), (13, {}), (14, {}), on=20) == 2


def test_first_and_last_go_by_time_and_then_by_message_id() -> None:
    told: list[tuple[float, dict[str, str]]] = [
        (2, {"product_id": "b"}), (1, {"product_id": "a"}), (2, {"product_id": "c"}), (1.5, {}),
    ]  # fmt: skip
    assert value(Trait(name="t", kind="last", events=VIEW, of="product_id", type="text"), *told) == "c"
    assert value(Trait(name="t", kind="first", events=VIEW, of="product_id", type="text"), *told) == "a"
    assert value(Trait(name="t", kind="last", events=VIEW, of="price"), (1, {"price": 9.99})) == 999


def test_a_max_keeps_the_largest() -> None:
    trait = Trait(name="t", kind="max", events=VIEW, of="products.price")
    assert value(trait, (1, {"products": [{"price": 3}, {"price": 8}]}), (2, {"products": [{"price": 5}]})) == 800
    assert value(trait, (1, {})) is None


def test_distinct_counts_keys_once_and_forgets_the_oldest_beyond_the_cap() -> None:
    told = tuple((day, {"product_id": f"p{day % 5}"}) for day in range(10))
    assert value(Trait(name="t", kind="distinct", events=VIEW, of="product_id"), *told) == 5
    assert value(Trait(name="t", kind="distinct", events=VIEW, of="product_id", cap=3), *told) == 3
    assert value(Trait(name="t", kind="distinct", events=VIEW, of="product_id", window_days=3), *told, on=10) == 2


def test_days_since_counts_days_of_the_shop_and_is_null_before_the_first_event() -> None:
    trait = Trait(name="t", kind="days_since", events=VIEW)
    assert value(trait, (3.9, {}), (1, {}), on=5) == 2
    assert value(trait, (1, {}), name=ADDED) is None


def test_days_since_is_due_where_a_condition_changes_its_answer() -> None:
    trait = Trait(name="t", kind="days_since", events=VIEW)
    never, sometimes, always = (
        compile_trait(trait, currency="EUR", computed={}, thresholds=at) for at in ((), (20.0, 60.5), None)
    )
    assert [never.due(100, 100), always.due(100, 100), always.due(None, 100)] == [0, 101, 0]
    assert [sometimes.due(100, day) for day in (100, 119, 120, 121, 160, 161)] == [120, 120, 121, 161, 161, 0]


def test_an_affinity_is_a_share_that_halves_with_each_half_life() -> None:
    trait = Trait(name="t", kind="affinity", events=VIEW, of="category", half_life_days=14)
    told = ((0, {"category": "bikes"}), (14, {"category": "shoes"}))
    assert value(trait, *told) == {"shoes": 0.6667, "bikes": 0.3333}
    assert value(trait, *told, on=300) == {"shoes": 0.6667, "bikes": 0.3333}


def test_an_affinity_weighs_by_a_property_of_the_same_element() -> None:
    trait = Trait(name="t", kind="affinity", events=VIEW, of="products.category", weight="products.quantity")
    lines = {"products": [{"category": "a", "quantity": 3}, {"category": "b", "quantity": 1}, {"category": "c"}]}
    assert value(trait, (1, lines)) == {"a": 0.75, "b": 0.25}


def test_an_affinity_shows_the_twenty_largest_shares_of_at_least_one_per_cent() -> None:
    trait = Trait(name="t", kind="affinity", events=VIEW, of="category", weight="n", cap=100)
    many = tuple((1, {"category": f"c{at:02}", "n": 30 + at}) for at in range(30))
    shares = value(trait, *many)
    assert isinstance(shares, dict)
    assert list(shares) == [f"c{at:02}" for at in range(29, 9, -1)]
    assert value(trait, (1, {"category": "a", "n": 995}), (1, {"category": "b", "n": 5})) == {"a": 0.995}


def test_the_leading_elements_of_a_category_path_are_the_key() -> None:
    for category in (["Sport", "Bikes", "Road"], "Sport > Bikes > Road", "Sport/Bikes/Road"):
        for level, key in ((1, "Sport"), (2, "Sport > Bikes"), (9, "Sport > Bikes > Road")):
            trait = Trait(name="t", kind="affinity", events=VIEW, of="category", level=level)
            assert value(trait, (1, {"category": category})) == {key: 1.0}
    slash = Trait(name="t", kind="affinity", events=VIEW, of="category")
    assert value(slash, (1, {"category": ["MEAT/FISH", "Frozen"]})) == {"MEAT/FISH": 1.0}


def test_keys_that_python_takes_for_equal_stay_apart() -> None:
    trait = Trait(name="t", kind="affinity", events=VIEW, of="category")
    told = [(1, {"category": category}) for category in (1, True, [1.0], ["1"])]
    assert value(trait, *told) == {"1": 0.5, "1.0": 0.25, "true": 0.25}


def test_the_lifecycle_stage_follows_the_days_of_orders() -> None:
    trait = Trait(name="t", kind="lifecycle", events=(COMPLETED,))
    bought = [event(COMPLETED, day, {"order_id": f"o{day}"}, f"m{day}") for day in (1, 8, 15)]
    one = profile(*bought, fold=fold_of([trait]))
    assert [one.values(day)["t"] for day in (15, 28, 29, 39)] == ["active", "active", "waning", "inactive"]
    assert one.hot is not None
    assert one.hot.due == 0
    assert profile(event(VIEWED, 1, {}), fold=fold_of([trait])).values(2)["t"] is None


@pytest.mark.parametrize("kind", ["sum", "max", "distinct", "affinity"])
def test_a_trait_without_the_path_that_it_needs_is_misconfigured(kind: str) -> None:
    trait = Trait(name="spend", kind=kind, events=VIEW)  # type: ignore[arg-type]  # one of the literals
    with pytest.raises(Misconfigured, match=r"trait 'spend': .* needs `of`"):
        compile_trait(trait, currency="EUR", computed={})


def test_days_are_those_of_the_shop() -> None:
    trait = Trait(name="t", kind="count", events=VIEW, window_days=1)
    shop = Definitions(shop=Shop(name="Corner", time_zone="Europe/Berlin"), traits=(trait,))
    fold = Fold(shop, Calendar("Europe/Berlin"), {})
    late = event(VIEWED, 3 + 23.5 / 24, {})  # half past midnight in Berlin
    hot, parts = fold.new("anonymous_id:a", late.time, FIRST_DAY + 4), {1: fold.zero(1)}
    fold.fold(hot, parts, [late], since={}, day=FIRST_DAY + 4)
    assert (parts, hot.values) == ({1: [[FIRST_DAY + 4, 1]]}, [1])
