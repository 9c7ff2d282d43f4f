"""An order id is one order, whoever tells of it and in whatever sequence."""

from itertools import permutations

import pytest

from regulars.core.event import Event
from regulars.profile import orders
from tests.profiles import CANCELLED, COMPLETED, REFUNDED, UPDATED, VIEWED, event, profile

LINES = [
    {"product_id": "milk", "category": "a", "price": 1.5, "quantity": 2},
    {"product_id": "bread", "category": "b", "price": 3, "quantity": 1},
]


def completed(day: float = 1, message_id: str = "m1", **properties: object) -> Event:
    return event(COMPLETED, day, {"order_id": "o1", "total": 6.0, "products": LINES} | properties, message_id)


def refunded(day: float = 5, message_id: str = "r1", **properties: object) -> Event:
    return event(REFUNDED, day, {"order_id": "o1"} | properties, message_id)


def order(*events: Event) -> orders.Order:
    return orders.apply("o1", None, events, currency="EUR").new


def lines(one: orders.Order) -> dict[str, int]:
    return dict(one.lines)


def test_an_order_says_total_lines_and_status() -> None:
    one = order(completed())
    assert (one.total, one.currency, one.status, lines(one)) == (600, "EUR", "completed", {"milk": 2, "bread": 1})


def test_without_a_total_the_lines_are_added() -> None:
    assert order(completed(total=None)).total == 600
    assert order(completed(total=None, revenue=5.5)).total == 550


def test_the_latest_word_on_each_property_counts() -> None:
    one = order(completed(), event(UPDATED, 2, {"order_id": "o1", "total": 9}, "m2"))
    assert (one.total, lines(one)) == (900, {"milk": 2, "bread": 1})
    assert one.time == completed().time


def test_returned_products_leave_the_order_with_their_price() -> None:
    one = order(completed(), refunded(products=[{"product_id": "milk", "quantity": 1}]))
    assert (one.total, one.status, lines(one)) == (450, "refunded", {"milk": 1, "bread": 1})
    assert one.properties["total"] == 4.5


def test_of_two_sizes_the_one_that_went_back_leaves() -> None:
    both = [{"product_id": "shirt", "sku": f"shirt-{size}", "price": 20, "quantity": 1} for size in "MLS"]
    for size, kept in (("S", "ML"), ("L", "MS"), ("M", "LS")):
        back = refunded(products=[{"product_id": "shirt", "sku": f"shirt-{size}", "quantity": 1}])
        one = order(completed(products=both), back)
        assert [line["sku"] for line in one.properties["products"]] == [f"shirt-{other}" for other in kept]
        assert lines(one) == {"shirt": 2}
    unnamed = order(completed(products=both), refunded(products=[{"product_id": "shirt", "quantity": 2}]))
    assert lines(unnamed) == {"shirt": 1}


def test_a_refund_of_money_alone_leaves_the_products() -> None:
    one = order(completed(), refunded(total=2))
    assert (one.total, lines(one)) == (400, {"milk": 2, "bread": 1})


def test_a_refund_that_names_nothing_takes_everything_back_and_never_more() -> None:
    one = order(completed(), refunded(), refunded(message_id="r2", total=99))
    assert (one.total, lines(one), one.status) == (0, {}, "refunded")


def test_the_same_refund_id_is_one_refund() -> None:
    assert order(completed(), refunded(refund_id="7", total=1), refunded(6, "r2", refund_id="7", total=1)).total == 500


def test_a_cancelled_order_is_nothing_whatever_comes_after() -> None:
    one = order(completed(), event(CANCELLED, 2, {"order_id": "o1"}, "c"), completed(3, "m3", total=50))
    assert (one.total, one.status, one.lines) == (0, "cancelled", {})


def test_before_the_order_itself_a_refund_is_remembered() -> None:
    early = order(refunded(total=2))
    assert (early.known, early.status, early.total) == (False, "unknown", 0)
    assert orders.apply("o1", early, [completed()], currency="EUR").new.total == 400


def test_an_event_told_twice_changes_nothing() -> None:
    once = order(completed(), refunded(total=2))
    twice = orders.apply("o1", once, [refunded(total=2), completed()], currency="EUR").new
    assert twice.data() == once.data()


def test_every_sequence_of_arrival_gives_the_same_order() -> None:
    told = [
        completed(),
        completed(1.2, "m2", total=8, source="app"),
        refunded(3, "r1", products=[{"product_id": "milk", "quantity": 1}]),
        event(UPDATED, 4, {"order_id": "o1", "products": [*LINES, {"product_id": "tea", "price": 2}]}, "m4"),
    ]
    facts = set()
    for sequence in permutations(told):
        one: orders.Order | None = None
        for some in sequence:
            one = orders.apply("o1", one, [some], currency="EUR").new
            one = orders.load("o1", one.data(), currency="EUR")
        assert one is not None
        facts.add((one.total, one.time, one.status, tuple(sorted(one.lines.items())), one.data()))
    assert len(facts) == 1


def test_the_row_holds_what_the_order_is() -> None:
    one = order(completed())
    assert orders.row(one, 42)[:6] == ("o1", 42, completed().time, 600, "EUR", "completed")


def test_yen_have_no_minor_unit() -> None:
    one = order(completed(currency="JPY", total=600), refunded(total=100))
    assert (one.total, one.properties["total"]) == (500, 500)


@pytest.mark.parametrize("properties", [{}, {"order_id": None}, {"order_id": {}}])
def test_an_event_without_an_order_id_is_no_order(properties: dict[str, object]) -> None:
    assert orders.order_id(event(COMPLETED, 1, properties)) is None
    assert orders.order_id(event(VIEWED, 1, {"order_id": "o1"})) is None


def test_a_profile_gets_the_difference() -> None:
    one = profile(completed())
    before = one.values(1)
    assert (before["orders"], before["revenue"], before["bought"]) == (1, 600, {"a": 0.6667, "b": 0.3333})
    one.add([refunded(products=[{"product_id": "milk", "quantity": 2}])])
    after = one.values(5)
    assert (after["orders"], after["revenue"], after["bought"]) == (1, 300, {"b": 1.0})
    one.add([event(CANCELLED, 6, {"order_id": "o1"}, "c")])
    gone = one.values(6)
    assert (gone["orders"], gone["revenue"], gone["bought"], gone["stage"]) == (0, 0, {}, None)
    assert gone["largest_order"] == 600  # what was seen stays seen


def test_two_sources_of_one_order_count_once() -> None:
    one = profile(completed(), completed(1.1, "m2"))
    assert (one.values(2)["orders"], one.values(2)["revenue"]) == (1, 600)


def test_one_sender_cannot_make_an_order_grow_without_end() -> None:
    many = [event(UPDATED, day, {"order_id": "o1", "total": day}, f"m{day:03}") for day in range(80)]
    one = order(*many)
    assert (len(one.versions), one.total) == (orders.MOST_VERSIONS, 7900)
