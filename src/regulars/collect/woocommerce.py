"""WooCommerce's webhooks: orders, customers and products, as its REST API of version 3 writes them."""

from typing import Any

from regulars.collect.webhook import (
    Head,
    Headers,
    Piece,
    Privacy,
    ShopSystem,
    digest,
    header,
    major,
    minor,
    needed,
    order_pieces,
    tables,
    utc,
    whole,
)
from regulars.collect.wire import Fields, present, wrong
from regulars.core.errors import Rejected

#: An order that nobody paid for yet, or whose payment failed: it may still become one.
_NOT_YET = ("pending", "failed", "checkout-draft", "auto-draft")
_NOTED = ("regulars_anonymous_id", "_regulars_anonymous_id")


class WooCommerce(ShopSystem):
    """`X-WC-Webhook-…`."""

    route = "woocommerce"
    signature = "x-wc-webhook-signature"
    topics = ("order.created", "order.updated", "customer.created", "customer.updated")
    product_topics = ("product.created", "product.updated", "product.deleted")

    def head(self, headers: Headers, body: bytes) -> Head:
        """From the headers. Two changes within one second carry the same delivery id: what changed goes along."""
        topic = header(headers, "x-wc-webhook-topic")
        delivery = header(headers, "x-wc-webhook-delivery-id", needs=False)
        shop = header(headers, "x-wc-webhook-source", needs=False)
        return Head(topic, delivery or digest(body.hex()), shop.partition("://")[2].rstrip("/"))

    def is_test(self, headers: Headers, body: bytes) -> bool:
        """The ping with which a webhook is saved: a form without topic and signature."""
        number = body.partition(b"webhook_id=")[2]
        return body.startswith(b"webhook_id=") and number.isdigit() and len(number) < 20

    def pieces(self, head: Head, body: Fields) -> list[Piece]:
        """By topic."""
        return _order(head, body) if head.topic.startswith("order.") else [_customer(head, body)]

    def rows(self, head: Head, body: Fields) -> list[dict[str, Any]]:
        """One product."""
        identifier = needed(body, "id")
        if head.topic == "product.deleted":
            return [{"id": identifier, "active": False}]
        if body.text("type") == "variation":
            raise wrong("type", "a product; its variations come with a feed", "variation")
        return [_product(identifier, body)]

    def privacy(self, head: Head, body: Fields) -> Privacy:
        """WooCommerce has no such topics."""
        raise Rejected("there are no privacy webhooks", field="topic", expected="another topic", got=head.topic)


def _order(head: Head, body: Fields) -> list[Piece]:
    order_id = needed(body, head.order_id or "id")
    currency = body.text("currency") or ""
    status = body.text("status") or ""
    properties = present(
        total=_money(body, "total", currency),
        tax=_money(body, "total_tax", currency),
        shipping=_money(body, "shipping_total", currency),
        discount=_money(body, "discount_total", currency),
        currency=currency or None,
        coupon=", ".join(code for one in tables(body, "coupon_lines") if (code := one.text("code"))) or None,
        products=[_line(one, currency) for one in tables(body, "line_items")],
        order_number=body.text("number"),
        channel=body.text("created_via"),
        order_status=status or None,
    )
    who = _who_of_order(body, order_id)
    created = utc(body.held.get("date_created_gmt"), "date_created_gmt")
    updated = utc(body.held.get("date_modified_gmt"), "date_modified_gmt")
    if status in _NOT_YET:
        data = {"properties": {"order_id": order_id, **properties}, "who": who}
        return [Piece("checkout", f"checkout:{order_id}:{digest(data)}", data, created)]
    found = order_pieces(order_id, properties, who, created=created, updated=updated)
    for one in tables(body, "refunds"):
        amount = minor(one.held.get("total"), currency, "refunds.total")
        said = present(
            order_id=order_id, refund_id=needed(one, "id"), total=major(abs(amount or 0), currency),
            currency=currency or None, reason=one.text("reason"),
        )  # fmt: skip
        data = {"properties": said, "who": who}
        found.append(Piece("refunded", f"refund:{said['refund_id']}:{digest(said)}", data, created))
    if status in ("cancelled", "trash"):
        data = {"properties": {"order_id": order_id}, "who": who}
        found.append(Piece("cancelled", f"cancelled:{order_id}", data, created))
    return found


def _line(line: Fields, currency: str) -> dict[str, Any]:
    """A line's `subtotal` is before and its `total` after discounts, both without tax and for all its pieces."""
    quantity = whole(line, "quantity")
    subtotal = minor(line.held.get("subtotal"), currency, "subtotal")
    total = minor(line.held.get("total"), currency, "total")
    price = subtotal
    if subtotal is not None and quantity:
        price = (2 * subtotal + quantity) // (2 * quantity)  # to the nearest unit; the exact sums stand beside it
    return present(
        product_id=line.text("product_id", "sku", "id"),
        sku=line.text("sku"),
        variant_id=None if line.text("variation_id") in (None, "0") else line.text("variation_id"),
        name=line.text("name"),
        price=major(price, currency),
        quantity=quantity,
        discount=None if subtotal is None or total is None else major(subtotal - total, currency),
        tax=_money(line, "total_tax", currency),
        line_total=major(total, currency),
    )


def _who_of_order(body: Fields, order_id: str) -> dict[str, Any]:
    """A registered customer by number; a guest by the address that the order was confirmed to."""
    number = body.text("customer_id")
    billing = body.table("billing")
    if number is not None and number != "0":
        who = {"customer": number}
    else:
        who = present(email=billing.text("email"), phone=billing.text("phone"))
    for one in body.listed("meta_data"):
        if isinstance(one, dict) and one.get("key") in _NOTED and isinstance(one.get("value"), str):
            who["anonymous"] = one["value"]
    return who or {"anonymous": f"order-{order_id}"}


def _customer(head: Head, body: Fields) -> Piece:
    number = needed(body, "id")
    billing = body.table("billing")
    who = present(customer=number, email=body.text("email"), phone=billing.text("phone"))
    traits = present(
        firstName=body.text("first_name"), lastName=body.text("last_name"), email=body.text("email"),
        phone=billing.text("phone"), city=billing.text("city"), zip=billing.text("postcode"),
        country=billing.text("country"), createdAt=utc(body.held.get("date_created_gmt"), "date_created_gmt"),
    )  # fmt: skip
    updated = utc(body.held.get("date_modified_gmt"), "date_modified_gmt")
    return Piece("customer", f"{head.topic}:{head.delivery}:{number}", {"traits": traits, "who": who}, updated)


def _product(identifier: str, body: Fields) -> dict[str, Any]:
    path = [name for one in tables(body, "categories") if (name := one.text("name"))]
    attributes: dict[str, Any] = {}
    for one in tables(body, "attributes"):
        name, options = one.text("name"), [str(o) for o in one.listed("options")]
        if name is not None and options:
            attributes[name] = options[0] if len(options) == 1 else options
    images = [src for one in tables(body, "images") if (src := one.text("src"))]
    stock = whole(body, "stock_quantity")
    if stock is None and body.text("stock_status") == "outofstock":
        stock = 0
    updated = utc(body.held.get("date_modified_gmt"), "date_modified_gmt")
    return present(
        id=identifier,
        title=body.text("name"),
        category=path[:1] or None,
        price=body.text("price", "regular_price"),
        stock=stock,
        image=images[0] if images else None,
        link=body.text("permalink"),
        active=body.text("status") in (None, "publish"),
        attributes={**attributes, **present(sku=body.text("sku"), updated_at=updated)},
    )


def _money(said: Fields, name: str, currency: str) -> int | float | None:
    return major(minor(said.held.get(name), currency, name), currency)
