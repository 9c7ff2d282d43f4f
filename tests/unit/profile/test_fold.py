"""What an event reads and writes of a profile, and what consent lets through."""

import msgspec
import pytest

from regulars.core.calendar import DAY_MS
from regulars.core.definitions import Definitions, Shop, Trait
from regulars.core.record import FIRST_GROUP, PURCHASES
from regulars.profile import groups, purchases
from regulars.profile.fold import Fold
from tests.profiles import (
    ADDED,
    CALENDAR,
    CANCELLED,
    COMPLETED,
    DEFINITIONS,
    FIRST_DAY,
    REFUNDED,
    TRAITS,
    VIEWED,
    Profile,
    event,
    fold_of,
    profile,
)


def test_a_view_touches_what_views_touch_and_not_the_orders() -> None:
    fold = fold_of()
    views, ordered = set(fold.touched(VIEWED)), set(fold.touched(COMPLETED))
    assert PURCHASES in ordered
    assert not views & ordered
    assert fold.touched("Newsletter Read") == ()


def test_any_order_event_touches_what_orders_touch() -> None:
    fold = fold_of()
    assert set(fold.touched(CANCELLED)) <= set(fold.touched(COMPLETED)) | set(fold.touched(REFUNDED))
    assert PURCHASES in fold.touched(CANCELLED)


def test_every_trait_is_in_one_of_at_most_ten_groups() -> None:
    many = [Trait(name=f"t{at}", kind="count", events=(f"Event {at}", f"Event {at * 7 % 30}")) for at in range(30)]
    for traits in (many, TRAITS, []):
        found = groups.group(traits)
        assert sorted(slot for members in found for slot in members) == list(range(len(traits)))
        assert len(found) <= groups.MOST
        assert found == groups.group(traits)
    assert max(fold_of(many).parts) < PURCHASES


def test_small_groups_that_the_same_events_touch_are_one_part() -> None:
    traits = [Trait(name=f"t{at}", kind="count", events=(VIEWED,)) for at in range(20)]
    assert groups.group(traits) == [tuple(range(20))]


def test_a_large_history_of_orders_stays_out_of_the_part_of_views() -> None:
    traits = [
        Trait(name="views", kind="count", events=(VIEWED,)),
        Trait(name="bought", kind="affinity", events=(COMPLETED,), of="products.category"),
    ]
    assert groups.group(traits) == [(0,), (1,)]


def test_an_event_counts_from_the_consent_of_the_trait_on() -> None:
    since = {"analytics": (FIRST_DAY + 2) * DAY_MS}
    told = [event(VIEWED, day, {"category": "a", "price": day}, f"m{day}") for day in (1, 2, 3)]
    assert profile(*told, since=since).values(3)["best_price"] == 300
    assert profile(*told, since=since).values(3)["views"] == 3
    assert profile(*told, since={}).values(3)["best_price"] is None
    assert profile(*told, since={}).values(3)["recent"] == {}


def test_an_order_before_the_consent_is_not_counted_even_when_it_changes_later() -> None:
    since = {"analytics": (FIRST_DAY + 2) * DAY_MS}
    one = Profile(fold_of(), since=since)
    one.add([event(COMPLETED, 1, {"order_id": "o1", "total": 5}, "m1")])
    one.add([event(REFUNDED, 3, {"order_id": "o1", "total": 2}, "m2")])
    values = one.values(3)
    assert (values["revenue"], values["revenue_9d"]) == (300, 0)


def test_folding_tells_which_values_changed() -> None:
    one = profile(event(VIEWED, 1, {"product_id": "a", "category": "x", "price": 5}))
    names = one.fold.names
    changed = {names[slot] for slot in one.add([event(VIEWED, 1.1, {"product_id": "a", "price": 5}, "m2")])}
    assert changed == {"views", "views_3d"}


def test_a_new_day_moves_days_since_in_parts_that_are_not_read() -> None:
    one = profile(event(COMPLETED, 1, {"order_id": "o1"}))
    one.add([event(VIEWED, 4, {})])
    assert one.hot is not None
    assert one.hot.values[one.fold.slots["days_since_order"]] == 3


def test_the_day_of_a_record_never_goes_back() -> None:
    one = profile(event(VIEWED, 9, {}))
    one.add([event(VIEWED, 2, {}, "m2")], day=2)
    assert one.hot is not None
    assert (one.hot.day, one.hot.first_seen, one.hot.last_seen) == (
        FIRST_DAY + 9, (FIRST_DAY + 2) * DAY_MS, (FIRST_DAY + 9) * DAY_MS,
    )  # fmt: skip
    assert one.values(9)["views_3d"] == 1


def test_purchases_are_listed_newest_first() -> None:
    bought = [{"product_id": "b", "quantity": 2}, {"product_id": "a"}]
    one = profile(
        event(COMPLETED, 1, {"order_id": "o1", "products": bought}, "m1"),
        event(COMPLETED, 3, {"order_id": "o2", "products": bought[:1]}, "m2"),
    )
    day = FIRST_DAY
    assert one.parts[PURCHASES] == [day + 3, {"b": 2}, day + 1, {"a": 1, "b": 2}]
    assert sorted(purchases.triples(one.parts[PURCHASES])) == [("a", day + 1, 1), ("b", day + 1, 2), ("b", day + 3, 2)]


def test_purchases_keep_the_newest_thousand() -> None:
    kept: list[object] = []
    for day in range(30):
        kept = purchases.add(kept, day, {f"p{item:02}": 1 for item in range(51)})
    listed = list(purchases.triples(kept))
    assert len(listed) == purchases.CAP
    assert listed[0] == ("p00", 29, 1)
    assert max(item for item, day, _ in listed if day == 10) == "p30"


def test_purchases_need_the_purpose_that_they_are_kept_for() -> None:
    fold = Fold(DEFINITIONS, CALENDAR, {"lifecycle": lambda *_: (None, 0)}, purchases_purpose="analytics")
    order = event(COMPLETED, 1, {"order_id": "o1", "products": [{"product_id": "a"}]})
    assert PURCHASES not in profile(order, fold=fold, since={}).parts
    agreed = profile(order, fold=fold)
    assert fold.clear(agreed.parts, {"analytics"}) >= {PURCHASES}
    assert agreed.parts[PURCHASES] == []


def test_a_record_survives_its_bytes() -> None:
    one = profile(event(VIEWED, 1, {"product_id": "a", "category": "x"}), event(COMPLETED, 2, {"order_id": "o"}, "m2"))
    assert one.hot is not None
    assert Fold.decode_hot(Fold.encode(one.hot)) == one.hot
    assert {part: Fold.decode_part(Fold.encode(states)) for part, states in one.parts.items()} == one.parts


def test_a_shop_without_traits_still_knows_when_a_customer_was_seen() -> None:
    fold = Fold(Definitions(shop=Shop(name="Bare", time_zone="UTC")), CALENDAR, {})
    one = profile(event(VIEWED, 1, {}), fold=fold)
    assert one.hot is not None
    assert (one.hot.values, one.parts) == ([], {})


@pytest.mark.parametrize(
    "properties",
    [
        {"products": "three"}, {"products": [None, 3, {"category": {}}]}, {"category": {"deep": [1]}}, {"price": []},
        {"category": [], "product_id": ["a", None]}, {"order_id": "o", "products": {"product_id": 5}, "total": "?"},
        {"order_id": 7, "products": [{"product_id": 1.5, "quantity": "many", "price": {}}]},
    ],
)  # fmt: skip
def test_odd_properties_never_stop_the_fold(properties: dict[str, object]) -> None:
    for name in (VIEWED, ADDED, COMPLETED, REFUNDED, CANCELLED):
        one = profile(event(name, 1, properties))
        one.values(2)
        msgspec.msgpack.encode([one.hot, list(one.parts.items())])
    assert fold_of().parts.start == FIRST_GROUP
