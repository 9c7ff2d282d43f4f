"""Laws of shop systems' webhooks: whatever a body holds, whatever sequence deliveries come in."""

import contextlib
import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.api.webhooks import is_signed, secrets_of
from regulars.collect.blanking import blanked, readable
from regulars.collect.formats import SHOP_SYSTEMS
from regulars.collect.segment import Decoder
from regulars.collect.webhook import Head, delivered, major, minor, stored
from regulars.collect.wire import Fields, Wrong
from regulars.core.definitions import Definitions, Purpose, Shop, Source, Webhook
from regulars.core.event import Event, FailedEvent
from regulars.core.log import EVENTS, Record
from regulars.core.money import to_minor
from regulars.profile import orders
from tests import webhooks as sent

DEFINITIONS = Definitions(
    shop=Shop(name="s"),
    sources=tuple(
        Source(id=source, kind="server", webhook=Webhook(shop=system, secret="env:X"))  # type: ignore[arg-type]
        for system, source in sent.SOURCES.items()
    ),
    purposes=(Purpose(id="news", channel="email"), Purpose(id="mail", channel="email"), Purpose(id="txt")),
)
DECODER = Decoder(DEFINITIONS)
SENT: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "shopify": [
        ("orders/create", sent.shopify_order(refunds=[sent.shopify_refund()])),
        ("refunds/create", sent.shopify_refund()),
        ("customers/update", sent.shopify_customer()),
        ("products/update", sent.shopify_product()),
        ("checkouts/create", {"token": "t", "line_items": []}),
    ],
    "woocommerce": [
        ("order.updated", sent.woo_order(refunds=[{"id": 4, "total": "-1.00"}])),
        ("customer.created", {"id": 4, "email": "a@b.example", "billing": {}}),
        ("product.updated", sent.woo_product()),
    ],
    "shopware": [
        ("checkout.order.placed", {"data": {"payload": sent.shopware_order()}}),
        ("checkout.customer.register", {"data": {"payload": {"customer": {"customerNumber": "1", "email": "a@b.c"}}}}),
        ("newsletter.confirm", {"data": {"payload": {"newsletterRecipient": {"email": "a@b.c"}}}}),
    ],
}
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def record(system: str, head: Head, body: bytes, *, offset: int = 1) -> Record:
    """As the log gives it back."""
    return Record(offset, EVENTS, sent.SOURCES[system], system, 1_772_500_000_000, stored(head, body))


def decode(system: str, topic: str, said: Any, delivery: str = "d") -> list[Event | FailedEvent]:
    """What a delivery tells."""
    return DECODER.decode(record(system, Head(topic, delivery), json.dumps(said).encode()))


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        found += _places(inner, (*at, name))
    return found


def _changed(said: Any, place: tuple[Any, ...], into: Any) -> Any:
    copied = json.loads(json.dumps(said))
    held = copied
    for name in place[:-1]:
        held = held[name]
    held[place[-1]] = into
    return copied


@given(st.data())
def test_a_field_of_any_type_fails_one_piece_and_never_more(data: st.DataObject) -> None:
    system = data.draw(st.sampled_from(sorted(SENT)))
    topic, said = data.draw(st.sampled_from(SENT[system]))
    hostile = _changed(said, data.draw(st.sampled_from(_places(said))), data.draw(anything))
    shop, head = SHOP_SYSTEMS[system], Head(topic, "d")
    one = record(system, head, json.dumps(hostile).encode())
    if topic in shop.product_topics:
        with contextlib.suppress(Wrong):
            shop.rows(head, Fields(delivered(one.body)[1]))
        return
    first = DECODER.decode(one)
    assert first
    assert DECODER.decode(one) == first
    rewritten = blanked(one.body, system, {0}, ["ada@shop.example"])
    again = DECODER.decode(msgspec.structs.replace(one, body=rewritten))
    assert len(again) == len(first)
    assert isinstance(again[0], FailedEvent)
    assert readable(rewritten, system)


@given(st.sampled_from(sorted(SENT)), st.binary(max_size=200), st.text(max_size=40))
def test_any_bytes_are_read_without_an_exception(system: str, body: bytes, topic: str) -> None:
    found = DECODER.decode(record(system, Head(topic, "d"), body))
    assert all(isinstance(one, Event | FailedEvent) for one in found)


@given(
    st.sampled_from(sorted(SENT)), st.binary(max_size=100), st.text(max_size=100), st.binary(min_size=1, max_size=20)
)
def test_only_the_secret_signs(system: str, body: bytes, given_signature: str, flipped: bytes) -> None:
    shop, secret = SHOP_SYSTEMS[system], sent.SECRETS[system].encode()
    good = sent.signature(body, system)
    assert is_signed(body, good, [b"old", secret], shop.encoding)
    assert not is_signed(body + flipped, good, [secret], shop.encoding)
    assert given_signature == good or not is_signed(body, given_signature, [secret], shop.encoding)
    assert not is_signed(body, good, [], shop.encoding)


def test_several_secrets_hold_while_one_is_changed_for_another() -> None:
    webhook = Webhook(shop="shopify", secret="env:TWO")
    assert secrets_of(webhook, {"TWO": "new\n old \n\n"}) == [b"new", b"old"]
    assert secrets_of(webhook, {}) == []
    assert secrets_of(Webhook(shop="shopify", secret="file:/no/such/file"), {}) == []


@given(st.integers(min_value=-(10**12), max_value=10**12), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_money_is_exact_from_text_to_minor_units(amount: int, currency: str) -> None:
    places = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount)).rjust(places + 1, "0")
    text = sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
    assert minor(text, currency) == amount
    written = major(amount, currency)
    assert written is not None
    assert to_minor(written, currency) == amount


@pytest.mark.parametrize("amount", ["NaN", "1e400", "12,50", "1_0", "Infinity", "9" * 30])
def test_what_is_no_amount_of_money_is_said_to_be_none(amount: str) -> None:
    with pytest.raises(Wrong, match="amount"):
        minor(amount, "EUR")


SHOPIFY = [
    ("orders/create", sent.shopify_order()),
    ("orders/paid", sent.shopify_order(updated_at="2026-03-02T10:00:09+01:00", financial_status="paid")),
    ("refunds/create", sent.shopify_refund()),
    ("orders/updated", sent.shopify_order(updated_at="2026-03-05T09:00:01+01:00", refunds=[sent.shopify_refund()])),
]


@given(st.permutations([*range(4), *range(4)]))
def test_an_order_is_the_same_whatever_came_first_and_however_often(sequence: list[int]) -> None:
    found: orders.Order | None = None
    seen: set[str] = set()
    for place in sequence:
        for event in decode("shopify", *SHOPIFY[place], delivery=str(place)):
            assert isinstance(event, Event)
            if event.message_id not in seen and orders.order_id(event):
                seen.add(event.message_id)
                found = orders.apply("5001", found, [event], currency="EUR").new
    assert found is not None
    assert (found.total, found.refunded, found.lines) == (4938 - 1799, 1799, {"9001": 1, "9002": 1})
    assert found.properties["payment_status"] == "pending"  # the latest update says so
    assert found.time == 1_772_442_000_000


def test_consent_means_all_purposes_of_its_channel() -> None:
    found = decode("shopify", "customers/update", sent.shopify_customer())
    said = [
        event.properties["purposes"] for event in found if isinstance(event, Event) and event.name.startswith("Con")
    ]
    assert said == [{"news": True, "mail": True}, {}]


def test_two_changes_within_a_second_are_two_though_woocommerce_names_them_alike() -> None:
    both = [decode("woocommerce", "customer.updated", {"id": n, "billing": {}}, "same") for n in (1, 2)]
    assert len({event.message_id for event in itertools.chain(*both)}) == 2


def test_an_address_that_nobody_verified_names_nobody() -> None:
    said = sent.shopify_order()
    said["customer"] = {"id": 70001, "email": "not-hers@shop.example", "verified_email": False}
    found = decode("shopify", "orders/create", said)
    assert isinstance(found[0], Event)
    assert found[0].identifiers == ("user_id:70001", "anonymous_id:browser-of-ada")
