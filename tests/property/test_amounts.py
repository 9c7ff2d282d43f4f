"""A number counts exactly or its event fails: nothing is dropped without a word, and nothing stops the updater."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.collect.amounts import Amounts
from regulars.core.definitions import Definitions, EventType, Shop, Source, Trait
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.core.record import HOT
from regulars.core.state import FAILED, ORDER
from regulars.flow import generation
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from regulars.profile.fold import Fold

PAID, ORDERED = "Bill Paid", ("Order Completed",)
SHOP = Definitions(
    shop=Shop(name="Corner", time_zone="UTC", clock="records"),
    sources=(Source(id="till", kind="server", key_sha256="0" * 64), Source(id="web", kind="browser", write_key="wk")),
    events=(EventType(name=PAID, purpose="contract"),),
    traits=(
        Trait(name="paid", kind="sum", events=(PAID,), of="amount"),
        Trait(name="weight", kind="sum", events=(PAID,), of="grams"),
        Trait(name="ends", kind="last", events=(PAID,), of="ends_at"),
        Trait(name="bought", kind="affinity", events=ORDERED, of="products.category", weight="products.quantity"),
        Trait(name="spent", kind="sum", events=ORDERED, of="total"),
        Trait(name="lines", kind="sum", events=ORDERED, of="products.price"),
    ),
    strict_plan=False,
    record_version="v",
)


def folded(name: str, properties: dict[str, Any], *, source: str = "till") -> tuple[dict[str, Any], list[Any]]:
    """The traits of Ana after one event, and what failed."""
    log, state = MemoryLog(), SqliteState(":memory:")
    who = {"userId": "ana"} if source == "till" else {"anonymousId": "ana"}
    said = {"type": "track", **who, "event": name, "messageId": "m1", "properties": properties}
    log.append(
        [NewRecord(TICK, "clock", "", 1_000, b""), NewRecord(EVENTS, source, "track", 1_000, json.dumps(said).encode())]
    )
    Updater(SHOP, log, state).run()
    rows = [row for row in state.select(generation.tables(state).part) if not int(row[0] or 0) & 15]
    assert HOT == 0
    values = Fold.decode_hot(rows[0][1]).values if rows else []  # type: ignore[arg-type]
    return dict(zip((one.name for one in SHOP.traits), values, strict=False)), list(state.select(FAILED))


amounts = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [1e9, 1e9 - 0.01, 10**9, 10**10, 10**10 - 1, 9_999_999_999.99, 2**53, 2**53 - 1, -(10**10), 1.7e12]
    ),
)


@settings(max_examples=120, deadline=None)
@given(amounts, st.sampled_from([float, int, str, None]))
@example(10**10, None)
@example(9_999_999_999.99, str)
def test_money_counts_to_the_cent_or_the_event_fails(amount: float, form: Any) -> None:
    amount = form(amount) if form in (int, float) else amount
    traits, failed = folded(PAID, {"amount": str(amount) if form is str else amount})
    if abs(amount) >= 10**10:
        told = {(row[6], row[8]) for row in failed}
        limits = {
            ("too_large_amount", "an amount below 10,000,000,000"),
            ("number_out_of_range", "a number of 64 bits"),
        }
        assert len(told) == 1
        assert told <= limits
        assert not traits
    else:
        assert not failed
        assert math.isclose(traits["paid"], amount * 100, rel_tol=1e-9, abs_tol=0.51)


@settings(max_examples=60, deadline=None)
@given(amounts)
def test_other_numbers_are_summed_or_kept_or_fail(number: float) -> None:
    traits, failed = folded(PAID, {"grams": number})
    assert bool(failed) == (abs(number) >= 10**9)
    assert failed or math.isclose(traits["weight"], number, rel_tol=1e-9, abs_tol=0.001)
    traits, failed = folded(PAID, {"ends_at": number})
    assert bool(failed) == (abs(number) >= 2**53)
    assert failed or traits["ends"] == number


anything = st.recursive(
    st.none() | st.booleans() | amounts | st.sampled_from(["", "x", "1e400", "inf", "nan", "9e9", "7"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["price", "quantity", "a"]), inner),
    max_leaves=6,
)
lines = st.lists(
    st.fixed_dictionaries({"product_id": st.just("p")}, optional={"price": anything, "quantity": anything}), max_size=4
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"]),
    st.fixed_dictionaries(
        {"order_id": st.just("o1")},
        optional={"total": anything, "revenue": anything, "currency": anything, "products": lines | anything},
    ),
    st.sampled_from(["till", "web"]),
)
@example("Order Completed", {"order_id": "o1", "products": 5}, "web")
@example(
    "Order Completed", {"order_id": "o1", "products": [{"product_id": "p", "price": 9e9, "quantity": 9e11}]}, "web"
)
@example(
    "Order Completed", {"order_id": "o1", "products": [{"product_id": "p", "price": 9e9, "quantity": 2}] * 9}, "web"
)
def test_no_order_stops_the_updater(name: str, properties: dict[str, Any], source: str) -> None:
    """Not even one that anybody sends with the key of the shop's pages, in a shop without a plan for orders."""
    folded(name, properties, source=source)


def test_several_words_about_one_order_stay_within_a_column() -> None:
    """Each event alone is within the limits; a price of one and a quantity of another may not be, together."""
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(TICK, "clock", "", 1_000, b"")])
    said_of: list[dict[str, Any]] = [{"price": 9e9}, {"quantity": 900_000_000}, {"price": 9e9, "quantity": 1}]
    for at, line in enumerate(said_of):
        said = {"type": "track", "userId": "ana", "event": "Order Updated", "messageId": f"m{at}",
                "properties": {"order_id": "o1", "products": [{"product_id": "p"} | line] * 3}}  # fmt: skip
        log.append([NewRecord(EVENTS, "till", "track", 1_000 + at, json.dumps(said).encode())])
    Updater(SHOP, log, state).run()
    (row,) = state.select(ORDER)
    assert isinstance(row[3], int)
    assert row[3] <= 10**12


def test_what_was_taken_in_before_is_read_again_whatever_it_says() -> None:
    said = {"type": "track", "userId": "ana", "event": PAID, "messageId": "m", "properties": {"amount": 1e12}}
    records = MemoryLog()
    records.append([NewRecord(EVENTS, "till", "track", 1_000, json.dumps(said).encode())])
    (record,) = records.read(0)
    engine = Engine(SHOP)
    assert type(engine.decoder.decode(record)[0]).__name__ == "FailedEvent"
    assert type(engine.plain_decoder.decode(record)[0]).__name__ == "Event"


@pytest.mark.parametrize(("currency", "most"), [("EUR", 10**10), ("JPY", 10**12), ("KWD", 10**9), (None, 10**10)])
def test_the_limit_is_that_of_the_currency(currency: str | None, most: int) -> None:
    check = Amounts(SHOP)
    more = {} if currency is None else {"currency": currency}
    assert check.failure(PAID, {"amount": most - 1, **more}) is None
    assert check.failure(PAID, {"amount": most, **more}) is not None
    other = msgspec.structs.replace(SHOP, shop=msgspec.structs.replace(SHOP.shop, currency="JPY"))
    assert Amounts(other).failure(PAID, {"amount": 10**11}) is None


class Walking(Amounts):
    """Looks at every line path by path."""

    def _plain_lines(self, properties: Any, leaves: Any) -> bool:
        return False


values = st.one_of(amounts, st.none(), st.booleans(), st.sampled_from(["12.5", "1e11", "many", [1], {"price": 2}]))
lines = st.one_of(
    st.lists(
        st.one_of(st.none(), st.dictionaries(st.sampled_from(["price", "quantity", "category"]), values)), max_size=4
    ),
    values,
)


@settings(max_examples=300, deadline=None)
@given(lines, values, st.sampled_from(["EUR", "JPY", None, 7]))
@example([{"price": 9e9, "quantity": 2}], None, "EUR")
@example([{"price": True, "quantity": 1}], None, "EUR")
def test_lines_seen_at_a_glance_are_judged_as_those_walked_path_by_path(said: Any, total: Any, currency: Any) -> None:
    properties = {"products": said, "total": total, "currency": currency}
    properties = {name: value for name, value in properties.items() if value is not None}
    assert Amounts(SHOP).failure(ORDERED[0], properties) == Walking(SHOP).failure(ORDERED[0], properties)
