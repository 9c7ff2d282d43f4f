"""Shopware 6: webhooks of its app system, and of flows that call an address, with whole orders and customers inside."""

from typing import Any

import msgspec

from regulars.collect.call import UNREADABLE
from regulars.collect.webhook import (
    Head,
    Headers,
    Piece,
    Privacy,
    ShopSystem,
    consent_piece,
    digest,
    header,
    major,
    minor,
    needed,
    order_pieces,
    summed,
    tables,
    utc,
    whole,
)
from regulars.collect.wire import Fields, present, wrong
from regulars.core.errors import Rejected

_CUSTOMERS = (
    "checkout.customer.register", "checkout.customer.guest_register", "checkout.customer.login",
    "checkout.customer.double_opt_in_registration",
)  # fmt: skip
_NEWSLETTER = ("newsletter.confirm", "newsletter.unsubscribe")
_CANCELLED = "state_enter.order.state.cancelled"
_REFUNDED = "state_enter.order_transaction.state.refunded"


class _Source(msgspec.Struct, frozen=True, rename="camel"):
    url: str = ""
    shop_id: str = ""
    event_id: str = ""


class _Data(msgspec.Struct, frozen=True):
    event: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"")


class _Outer(msgspec.Struct):
    data: _Data = _Data()
    source: _Source = _Source()
    timestamp: int | float | None = None


_decode_outer = msgspec.json.Decoder(_Outer).decode


class Shopware(ShopSystem):
    """`shopware-shop-signature`."""

    route = "shopware"
    signature = "shopware-shop-signature"
    encoding = "hex"
    topics = ("checkout.order.placed", "state_enter.order…", *_CUSTOMERS, *_NEWSLETTER)

    def head(self, headers: Headers, body: bytes) -> Head:
        """Everything stands in the body: the event, and an id that a retry keeps."""
        try:
            found = _decode_outer(body)
        except UNREADABLE as error:
            raise Rejected(
                f"the body is not a webhook of Shopware: {error}", field="body", expected='{"data": {"event": …}}',
                got=body[:40].decode(errors="replace"),
            ) from None  # fmt: skip
        if not found.data.event:
            raise Rejected("the body names no event", field="data.event", expected="an event", got="nothing")
        sent = utc(found.timestamp) or "" if found.timestamp is not None else ""
        delivery = found.source.event_id or header(headers, "x-shopware-event-id", needs=False) or digest(body.hex())
        return Head(found.data.event[:256], delivery[:200], found.source.url.partition("://")[2], sent)

    def shop_id(self, body: bytes) -> str:
        """As the shop registered."""
        try:
            return _decode_outer(body).source.shop_id
        except UNREADABLE:
            return ""

    def pieces(self, head: Head, body: Fields) -> list[Piece]:
        """By event."""
        payload = body.table("data").table("payload")
        if head.topic in _NEWSLETTER:
            return [_newsletter(head, payload.table("newsletterRecipient"))]
        if head.topic in _CUSTOMERS:
            return [_customer(head, payload.table("customer"))]
        order = payload.table("order")
        if not order.held:
            raise wrong("data.payload.order", "the whole order", None)
        return _order(head, order)

    def rows(self, head: Head, body: Fields) -> list[dict[str, Any]]:
        """Shopware's product events name what changed and not how it is now: products come with a feed."""
        raise wrong("data.payload", "a product; take a product feed", "entity.written")

    def privacy(self, head: Head, body: Fields) -> Privacy:
        """Shopware has no such events."""
        raise Rejected("there are no privacy webhooks", field="data.event", expected="another event", got=head.topic)


def _order(head: Head, order: Fields) -> list[Piece]:
    order_id = needed(order, head.order_id or "orderNumber")
    currency = order.table("currency").text("isoCode") or ""
    lines, promotions = [], []
    for one in tables(order, "lineItems"):
        if one.text("type") in ("promotion", "discount", "credit"):
            promotions.append(one)
        else:
            lines.append(_line(one, currency))
    taxes = [one.held.get("tax") for one in tables(order.table("price"), "calculatedTaxes")]
    discounts = summed((one.held.get("totalPrice") for one in promotions), currency, "lineItems.totalPrice")
    state = order.table("stateMachineState").text("technicalName")
    properties = present(
        total=_money(order, "amountTotal", currency),
        subtotal=_money(order, "positionPrice", currency),
        tax=major(summed(taxes, currency, "price.calculatedTaxes"), currency),
        shipping=_money(order, "shippingTotal", currency),
        discount=None if discounts is None else major(-discounts, currency),
        currency=currency or None,
        coupon=", ".join(code for one in promotions if (code := one.table("payload").text("code"))) or None,
        products=lines,
        order_status=state,
    )
    customer = order.table("orderCustomer")
    who = present(
        customer=customer.text("customerNumber", "customerId"),
        email=customer.text("email") if customer.text("customerNumber", "customerId") is None else None,
    ) or {"anonymous": f"order-{order_id}"}
    created = utc(order.held.get("orderDateTime") or order.held.get("createdAt"), "orderDateTime")
    later = head.at if head.topic != "checkout.order.placed" and head.at else None
    updated = utc(order.held.get("updatedAt"), "updatedAt") or later or created
    found = order_pieces(order_id, properties, who, created=created, updated=updated)
    said = {"properties": {"order_id": order_id}, "who": who}
    if head.topic == _CANCELLED or state == "cancelled":
        found.append(Piece("cancelled", f"cancelled:{order_id}", said, created))
    if head.topic == _REFUNDED:
        said = {"properties": {"order_id": order_id, "refund_id": "whole"}, "who": who}
        found.append(Piece("refunded", f"refund:{order_id}", said, created))
    return found


def _line(line: Fields, currency: str) -> dict[str, Any]:
    payload = line.table("payload")
    taxes = [one.held.get("tax") for one in tables(line.table("price"), "calculatedTaxes")]
    options = payload.held.get("options")
    chosen = (
        [Fields(one).text("option") for one in options if isinstance(one, dict)] if isinstance(options, list) else []
    )
    return present(
        product_id=line.text("productId", "referencedId", "identifier", "id"),
        sku=payload.text("productNumber"),
        variant=" / ".join(one for one in chosen if one) or None,
        name=line.text("label"),
        price=_money(line, "unitPrice", currency),
        quantity=whole(line, "quantity"),
        tax=major(summed(taxes, currency, "price.calculatedTaxes"), currency),
        line_total=_money(line, "totalPrice", currency),
    )


def _customer(head: Head, customer: Fields) -> Piece:
    number = needed(customer, "customerNumber", "id")
    at = customer.table("defaultBillingAddress")
    email = customer.text("email")
    traits = present(
        firstName=customer.text("firstName"), lastName=customer.text("lastName"), email=email,
        city=at.text("city"), zip=at.text("zipcode"), birthday=customer.text("birthday"),
        createdAt=utc(customer.held.get("createdAt"), "createdAt"),
    )  # fmt: skip
    who = present(customer=number, email=email)
    updated = utc(customer.held.get("updatedAt"), "updatedAt") or head.at or None
    return Piece("customer", f"{head.topic}:{head.delivery}", {"traits": traits, "who": who}, updated)


def _newsletter(head: Head, recipient: Fields) -> Piece:
    """Shopware's newsletter asks twice: who confirms has followed a link in a message."""
    yes = head.topic == "newsletter.confirm"
    when = utc(recipient.held.get("confirmedAt"), "confirmedAt") if yes else None
    time = when or utc(recipient.held.get("updatedAt"), "updatedAt") or head.at or None
    who = {"email": needed(recipient, "email")}
    return consent_piece(
        "email", who, granted=yes, method="shopware confirmed_opt_in" if yes else "shopware", time=time
    )


def _money(said: Fields, name: str, currency: str) -> int | float | None:
    return major(minor(said.held.get(name), currency, name), currency)
