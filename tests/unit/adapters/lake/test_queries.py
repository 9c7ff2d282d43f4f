"""Analyses of the lake give what a person counts by hand."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from regulars.adapters.lake import returned
from regulars.adapters.lake.parquet import ParquetLake
from regulars.core.event import Event
from regulars.core.lake import PartFile
from regulars.core.machine import marked
from regulars.profile import orders

DAY_MS = 86_400_000


def event(number: int, name: str, day: int, subject: str = "user_id:ana", **properties: Any) -> Event:
    time = day * DAY_MS + number
    return Event(f"m{number:03}", "web", name, time, time, subject, (subject,), (), properties, {}, {}, number, 0)


class Shop:
    def __init__(self, root: Path) -> None:
        self.lake = ParquetLake(root)
        self.listed: list[PartFile] = []

    def sells(self, *events: Event) -> None:
        self.listed += self.lake.seal(events, days=[e.time // DAY_MS for e in events])

    def ask(self, name: str, **arguments: Any) -> Any:
        return self.lake.query(name, self.listed, arguments)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "lake")


def test_an_empty_lake_answers_every_query_with_nothing(shop: Shop) -> None:
    assert shop.ask("events_per_day") == []
    assert shop.ask("revenue_per_day", currency="EUR") == []
    assert shop.ask("order_lines", currency="EUR") == []
    assert shop.ask("product_events") == []
    assert shop.ask("timeline", subjects=["user_id:ana"]) == []
    assert shop.ask("subjects_per_event") == []
    assert shop.ask("field_use") == []
    assert shop.ask("funnel", steps=["Product Viewed", "Order Completed"]) == [
        (0, "Product Viewed", 0),
        (1, "Order Completed", 0),
    ]


def test_events_are_counted_by_day_and_name(shop: Shop) -> None:
    shop.sells(event(1, "Page Viewed", 3), event(2, "Page Viewed", 3, "user_id:bo"), event(3, "Page Viewed", 4))
    shop.sells(event(4, "Page Viewed", 3), event(5, "Product Viewed", 3))
    assert shop.ask("events_per_day") == [
        (3, "Page Viewed", 3, 2),
        (3, "Product Viewed", 1, 1),
        (4, "Page Viewed", 1, 1),
    ]
    assert shop.ask("events_per_day", since=4) == [(4, "Page Viewed", 1, 1)]


def test_an_order_counts_once_on_its_first_day_with_its_last_total(shop: Shop) -> None:
    shop.sells(
        event(1, "Order Completed", 3, order_id="a", total=10.005),
        event(2, "Order Completed", 3, order_id="a", total=10.005),
        event(3, "Order Updated", 5, order_id="a", total="12.5"),
        event(4, "Order Updated", 6, order_id="a"),
        event(5, "Order Completed", 3, order_id="b", revenue=1200, currency="JPY"),
        event(6, "Order Completed", 4, order_id="c", total=99),
        event(7, "Order Cancelled", 9, order_id="c"),
        event(8, "Order Completed", 4, order_id=17, total=0.1),
        event(9, "Order Completed", 4, total=5),
    )
    assert shop.ask("revenue_per_day", currency="EUR") == [(3, "EUR", 1, 1250), (3, "JPY", 1, 1200), (4, "EUR", 1, 10)]
    assert shop.ask("revenue_per_day", currency="EUR", since=4) == [(4, "EUR", 1, 10)]


def test_order_lines_are_the_products_of_each_order_once(shop: Shop) -> None:
    products = [
        {"product_id": "oats", "quantity": 2, "price": 1.99},
        {"sku": 7, "quantity": "0.4", "price": "12.345"},
        {"id": "milk"},
        {"product_id": "none", "quantity": 0},
        {"name": "no id"},
        "no object",
    ]
    shop.sells(event(1, "Order Completed", 3, order_id="a", products=[{"product_id": "old"}]))
    shop.sells(event(2, "Order Completed", 3, order_id="a", products=products))
    shop.sells(event(3, "Order Completed", 4, order_id="b", products={"product_id": "no list"}))
    assert shop.ask("order_lines", currency="EUR", since=4) == []
    assert shop.ask("order_lines", currency="EUR") == [
        ("user_id:ana", "a", "7", 3 * DAY_MS + 1, 3, 1, 1235),
        ("user_id:ana", "a", "milk", 3 * DAY_MS + 1, 3, 1, None),
        ("user_id:ana", "a", "oats", 3 * DAY_MS + 1, 3, 2, 199),
    ]


def test_what_was_bought_is_part_of_a_visit_once_also_line_by_line(shop: Shop) -> None:
    tea, jam = [{"product_id": "tea"}], [{"product_id": "jam"}]
    shop.sells(
        event(1, "Order Completed", 3, order_id="a", total=9),
        event(2, "Order Updated", 3, order_id="a", one_by_one=True, products=tea),
        event(3, "Order Updated", 3, order_id="a", one_by_one=True, products=jam),
        event(4, "Order Updated", 3, order_id="a", one_by_one=True, products=tea),  # the page is opened again
        event(5, "Order Completed", 3, order_id="a", products=[*tea, *jam]),  # and a pixel tells it, too
        event(6, "Order Updated", 3, order_id="b", products=tea),
        event(7, "Order Completed", 3, products=[*tea, *tea]),
    )
    assert [(row[3], row[4], row[5]) for row in shop.ask("product_events")] == [
        ("m002", 2, "tea"), ("m003", 2, "jam"), ("m007", 2, "tea"), ("m007", 2, "tea"),
    ]  # fmt: skip


#: How good the word of each source is about what was ordered; a browser is no server.
RANKS = {"erp": 10, "shop": 20, "till": 30, "web": 40}


def at(source: str, one: Event) -> Event:
    return msgspec.structs.replace(one, source=source)


def test_an_order_that_is_told_line_by_line_has_all_its_lines_once(shop: Shop) -> None:
    """As Snowplow's trackers tell it: a transaction, then an item each; the page is opened twice."""

    def line(number: int, product: str, quantity: int) -> Event:
        said = [{"product_id": product, "quantity": quantity}]
        return event(number, "Order Updated", 3, order_id="a", one_by_one=True, products=said)

    shop.sells(event(1, "Order Completed", 3, order_id="a", total=9), line(2, "tea", 1), line(3, "jam", 2))
    shop.sells(line(5, "tea", 1), line(6, "jam", 3))
    assert shop.ask("order_lines", currency="EUR") == [
        ("user_id:ana", "a", "jam", 3 * DAY_MS + 1, 3, 3, None),
        ("user_id:ana", "a", "tea", 3 * DAY_MS + 1, 3, 1, None),
    ]


def test_what_is_learned_of_orders_of_many_sources_is_what_the_state_has(shop: Shop) -> None:
    chance = Random(7)
    told: dict[str, list[Event]] = {}
    for number in range(1, 900):
        order, source = f"o{chance.randrange(250)}", chance.choice(["web", "web", "shop", "erp"])
        names = ["Order Completed"] * 6 + ["Order Updated"] * 3 + ["Order Cancelled"] + ["Order Refunded"] * 3
        said: dict[str, Any] = {"order_id": order}
        if chance.random() < 0.8:
            lines = [{"product_id": chance.choice("abcd"), "quantity": chance.randint(1, 3)} for _ in range(2)]
            said["products"] = lines[: chance.randint(1, 2)]
        name = chance.choice(names)
        if name == "Order Refunded":
            source = chance.choice(["web", "shop"])  # of several servers the money decides, see the next test
            said |= chance.choice([{}, {"refund_id": chance.choice("xy")}])
            said |= chance.choice([{}, {"amount": 1}])
        if name == "Order Updated" and "products" in said and chance.random() < 0.5:
            said |= {"one_by_one": True, "products": said["products"][:1]}
        told.setdefault(order, []).append(at(source, event(number, name, 3, **said)))
    shop.sells(*(one for events in told.values() for one in events))
    learned: dict[str, Counter[str]] = {}
    for _, order, product, _, _, quantity, _ in shop.ask("order_lines", currency="EUR", browsers=["web"], ranks=RANKS):
        learned.setdefault(order, Counter())[product] += quantity
    ranks = {source: (rank,) * 4 for source, rank in RANKS.items()}
    for order, events in told.items():
        change = orders.apply(
            order, None, events, currency="EUR", trusts=lambda one: one.source != "web",
            ranks=lambda one: ranks[one.source],
        )  # fmt: skip
        assert dict(learned.get(order, {})) == change.new.lines, events
    assert len(learned) > 100


def test_what_went_back_is_learned_by_nobody_whoever_tells_of_it(shop: Shop) -> None:
    def goods(*sold: tuple[str, int]) -> list[dict[str, Any]]:
        return [{"product_id": product, "quantity": quantity} for product, quantity in sold]

    def back(number: int, order: str, source: str = "shop", **said: Any) -> Event:
        return at(source, event(number, "Order Refunded", 4, order_id=order, **said))

    for number, order in enumerate("abcde"):
        sold = event(number, "Order Completed", 3, order_id=order, products=goods(("tea", 3), ("jam", 1)))
        shop.sells(at("web" if order == "e" else "shop", sold))
    shop.sells(
        back(10, "a", products=goods(("tea", 1)), refund_id="r1"),
        back(11, "a", products=goods(("tea", 1)), refund_id="r1"),  # its webhook is sent twice
        back(12, "a", "erp", products=goods(("tea", 1), ("jam", 1)), refund_id="CN-1"),  # the same and more
        back(13, "b"),  # everything
        back(14, "c", amount=3),  # a discount afterwards
        back(15, "d", "web", products=goods(("tea", 3))),  # anybody can send that
        back(16, "e", "web", products=goods(("jam", 1))),
        msgspec.structs.replace(back(17, "e", "web", products=goods(("tea", 3))), subject="anonymous_id:other"),
    )
    rows = shop.ask("order_lines", currency="EUR", browsers=["web"], ranks=RANKS)
    assert [(row[1], row[2], row[5]) for row in rows] == [
        ("a", "tea", 2), ("c", "jam", 1), ("c", "tea", 3), ("d", "jam", 1), ("d", "tea", 3), ("e", "tea", 3),
    ]  # fmt: skip
    rows = shop.ask("order_lines", currency="EUR", browsers=["web"], except_sources=["erp"])
    assert ("a", "jam", 1) in [(row[1], row[2], row[5]) for row in rows]


def test_where_nothing_went_back_nothing_is_computed_for_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def kept(lines: Any, *_: object, **__: object) -> Any:
        asked.append(lines)
        return lines

    monkeypatch.setattr(returned, "kept", kept)
    products = [{"product_id": "tea", "quantity": 1, "price": 4}]
    shop.sells(event(1, "Order Completed", 1, order_id="a", products=products))
    assert len(shop.ask("order_lines", currency="EUR")) == 1
    assert asked == []
    shop.sells(event(2, "Order Refunded", 2, order_id="a", products=products))
    shop.ask("order_lines", currency="EUR")
    assert len(asked) == 1


def test_lines_of_orders_that_only_machines_told_can_be_left_out(shop: Shop) -> None:
    bot, scraper = "anonymous_id:bot", "anonymous_id:scraper"

    def sold(number: int, order: str, subject: str = "user_id:ana") -> Event:
        return event(number, "Order Completed", 3, subject, order_id=order, products=[{"product_id": order}])

    shop.sells(
        sold(1, "mine"),
        marked(sold(2, "crawled", bot), ["agent:seo"]),
        marked(sold(3, "both", bot), ["agent:seo"]), sold(4, "both"),  # the till told it, too
        sold(5, "before", scraper), marked(event(6, "Page Viewed", 4, scraper), ["fast", "steady"]),
        sold(7, "tested"), marked(event(8, "Page Viewed", 4), ["webdriver"]),
    )  # fmt: skip
    learned = shop.ask("order_lines", currency="EUR", except_machines=True)
    assert sorted({row[1] for row in learned}) == ["both", "mine", "tested"]
    assert len({row[1] for row in shop.ask("order_lines", currency="EUR")}) == 5
    bought = shop.ask("product_events", except_machines=True)
    assert sorted({row[5] for row in bought}) == ["both", "mine", "tested"]


def test_a_timeline_shows_the_newest_first_and_goes_on_where_it_ended(shop: Shop) -> None:
    shop.sells(*(event(n, "Page Viewed", n, n=n) for n in range(1, 6)), event(9, "Page Viewed", 9, "user_id:bo"))
    page = shop.ask("timeline", subjects=["user_id:ana", "anonymous_id:x"], limit=2)
    assert [row[4] for row in page] == ["m005", "m004"]
    assert page[0][5] == '{"n":5}'
    rest = shop.ask("timeline", subjects=["user_id:ana"], limit=9, before=page[-1][0])
    assert [row[4] for row in rest] == ["m003", "m002", "m001"]


def test_a_funnel_counts_who_went_on_in_order_and_in_time(shop: Shop) -> None:
    steps = ["Product Viewed", "Product Added", "Order Completed"]
    shop.sells(*(event(n, name, n) for n, name in enumerate(steps)))  # ana: all three
    shop.sells(event(10, steps[1], 0, "user_id:bo"), event(11, steps[0], 1, "user_id:bo"))  # the wrong way round
    shop.sells(event(12, steps[0], 0, "user_id:cy"), event(13, steps[1], 40, "user_id:cy"))  # too late
    assert shop.ask("funnel", steps=steps) == [(0, steps[0], 3), (1, steps[1], 1), (2, steps[2], 1)]
    assert shop.ask("funnel", steps=steps[:2], within_days=90) == [(0, steps[0], 3), (1, steps[1], 2)]
    assert shop.ask("subjects_per_event")[1] == (steps[0], 3, 3, 0, 1)


def test_fields_are_counted_by_source_and_no_value_is_told(shop: Shop) -> None:
    odd: dict[str, Any] = {"ana@example.org": 1}
    odder: dict[str, Any] = {'a"b': 2}
    shop.sells(
        event(1, "Product Viewed", 3, colour="red", mood=""),
        event(2, "Product Viewed", 3, "user_id:bo", colour="red", products=[], **odd),
        event(3, "Product Viewed", 4, colour="blue", price=0, **odder),
    )
    rows = {(part, field): rest for _, _, part, field, *rest in shop.ask("field_use")}
    assert rows == {
        ("", ""): [3, 0, 2],
        ("properties", "colour"): [3, 2, 2],
        ("properties", "mood"): [0, 0, 1],
        ("properties", "price"): [1, 1, 1],
        ("properties", "products"): [0, 0, 1],
        ("properties", "?"): [2, 1, 2],
    }
    assert {row[:2] for row in shop.ask("field_use")} == {("web", "Product Viewed")}
    assert len(shop.ask("field_use", since=4)) == 4
    assert "ana@" not in str(shop.ask("field_use"))


def test_what_visitors_did_with_products_is_one_row_a_product(shop: Shop) -> None:
    shop.sells(
        event(1, "Product Viewed", 3, product_id="oats"),
        event(2, "Product Added", 3, sku="oats"),
        event(3, "Page Viewed", 3, product_id="not a product's page"),
        event(
            4, "Order Completed", 3, order_id="o1", products=[{"product_id": "oats"}, {"sku": "milk"}, {"name": "?"}]
        ),
        event(5, "Product Viewed", 4, "user_id:bo", product_id="milk"),
    )
    day = 3 * DAY_MS
    assert [row[:2] + row[4:] for row in shop.ask("product_events")] == [
        ("user_id:ana", day + 1, 0, "oats"),
        ("user_id:ana", day + 2, 1, "oats"),
        ("user_id:ana", day + 4, 2, "milk"),
        ("user_id:ana", day + 4, 2, "oats"),
        ("user_id:bo", 4 * DAY_MS + 5, 0, "milk"),
    ]
    assert shop.ask("product_events", except_sources=["web"]) == []
    assert len(shop.ask("product_events", since=4)) == 1
