"""Shopify's webhooks: orders, refunds, customers, carts, products and the privacy topics, as its REST resources."""

from typing import Any

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

_ORDERS = (
    "orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/fulfilled",
    "orders/partially_fulfilled", "orders/edited",
)  # fmt: skip
_CUSTOMERS = (
    "customers/create", "customers/update", "customers/enable", "customers/disable",
    "customers_email_marketing_consent/update", "customers_marketing_consent/update",
)  # fmt: skip
#: Whether somebody agreed, by Shopify's words; "not_subscribed" and "pending" say nothing.
_SAID = {"subscribed": True, "unsubscribed": False, "redacted": False}
#: Where a page may leave the browser's id, so that its order is known to be of that browser.
_NOTED = ("regulars_anonymous_id", "_regulars_anonymous_id")


_MOST_REDACTED = 1_000


class Shopify(ShopSystem):
    """`X-Shopify-…`."""

    route = "shopify"
    signature = "x-shopify-hmac-sha256"
    topics = (
        *_ORDERS, "refunds/create", *_CUSTOMERS, "carts/create", "carts/update", "checkouts/create", "checkouts/update",
    )  # fmt: skip
    product_topics = ("products/create", "products/update", "products/delete")
    stock_topics = ("inventory_levels/update", "inventory_levels/connect", "inventory_levels/disconnect")
    privacy_topics = ("customers/data_request", "customers/redact", "shop/redact")

    def head(self, headers: Headers, body: bytes) -> Head:
        """From the headers. The event's id names what happened, so two subscriptions to one topic tell it once."""
        topic = header(headers, "x-shopify-topic")
        delivery = header(headers, "x-shopify-event-id", needs=False) or header(headers, "x-shopify-webhook-id")
        return Head(
            topic, delivery, header(headers, "x-shopify-shop-domain", needs=False),
            header(headers, "x-shopify-triggered-at", needs=False),
        )  # fmt: skip

    def is_test(self, headers: Headers, body: bytes) -> bool:
        """A delivery that somebody asked for on Shopify's pages."""
        return header(headers, "x-shopify-test", needs=False).lower() == "true"

    def pieces(self, head: Head, body: Fields) -> list[Piece]:
        """By topic."""
        if head.topic in _ORDERS:
            return _order(head, body)
        if head.topic == "refunds/create":
            order = Fields({"id": body.held.get("order_id")})
            return [_refund(body, needed(order, "id"), body.text("currency") or "", _of_order(body))]
        if head.topic in _CUSTOMERS:
            return _customer(head, body)
        return [_cart(head, body)]

    def rows(self, head: Head, body: Fields) -> list[dict[str, Any]]:
        """One product with its variants."""
        identifier = needed(body, "id")
        if head.topic == "products/delete":
            return [present(id=identifier, active=False, updated_at=utc(head.at, "X-Shopify-Triggered-At"))]
        return [_product(identifier, head, body)]

    def level(self, head: Head, body: Fields) -> dict[str, Any]:
        """How many can be sold at one location; where nothing is counted there (any more), nobody knows."""
        counted = head.topic != "inventory_levels/disconnect"
        when = utc(body.held.get("updated_at"), "updated_at") or utc(head.at, "X-Shopify-Triggered-At")
        return {
            "stock_id": needed(body, "inventory_item_id"),
            "store": needed(body, "location_id"),
            "stock": body.number("available") if counted else None,
            "updated_at": when,
        }

    def privacy(self, head: Head, body: Fields) -> Privacy:
        """The three topics that every app must answer."""
        if head.topic == "shop/redact":
            return Privacy("shop_erasure", id=f"shop-{head.delivery}", shop=body.text("shop_domain") or "")
        customer = body.table("customer")
        named = [(head.customer_type, customer.text("id")), ("email", customer.text("email"))]
        named.append(("phone", customer.text("phone")))
        identifiers = tuple(f"{kind}:{value}" for kind, value in named if value)
        if not identifiers:
            raise wrong("customer.id", "whom it is about", None)
        if head.topic == "customers/data_request":
            asked = body.table("data_request").text("id")
            return Privacy("access", identifiers, f"request-{asked or head.delivery}")
        # A guest's order and a refund are of nobody but their order.
        orders = [one for one in body.listed("orders_to_redact") if isinstance(one, str | int)]
        return Privacy("erasure", (*identifiers, *(f"anonymous_id:order-{one}" for one in orders[:_MOST_REDACTED])))


def _order(head: Head, body: Fields) -> list[Piece]:
    """The order as it stands, each refund that it names, and whether it is cancelled."""
    order_id = needed(body, head.order_id or "id")
    currency = body.text("currency") or ""
    lines = [_line(one, currency) for one in tables(body, "line_items")]
    shipping = body.table("total_shipping_price_set").table("shop_money").held.get("amount")
    if shipping is None:
        shipping = major(summed((one.held.get("price") for one in tables(body, "shipping_lines")), currency), currency)
    properties = present(
        total=_money(body, "total_price", currency),
        subtotal=_money(body, "subtotal_price", currency),
        tax=_money(body, "total_tax", currency),
        shipping=major(minor(shipping, currency, "total_shipping_price_set"), currency),
        discount=_money(body, "total_discounts", currency),
        currency=currency or None,
        coupon=", ".join(code for one in tables(body, "discount_codes") if (code := one.text("code"))) or None,
        products=lines,
        order_number=body.text("name", "order_number"),
        channel=body.text("source_name"),
        payment_status=body.text("financial_status"),
        fulfilment_status=body.text("fulfillment_status"),
    )
    if body.held.get("test") is True:
        raise wrong("test", "an order that is no test", True)
    who = _who_of_order(body, order_id)
    created = utc(body.held.get("processed_at") or body.held.get("created_at"), "created_at")
    updated = utc(body.held.get("updated_at"), "updated_at")
    found = order_pieces(order_id, properties, who, created=created, updated=updated)
    found += [_refund(one, order_id, currency, who) for one in tables(body, "refunds")]
    cancelled = utc(body.held.get("cancelled_at"), "cancelled_at")
    if cancelled is not None:
        said = present(order_id=order_id, reason=body.text("cancel_reason"))
        found.append(Piece("cancelled", f"cancelled:{order_id}", {"properties": said, "who": who}, cancelled))
    return found


def _line(line: Fields, currency: str) -> dict[str, Any]:
    """One line: what a piece costs before discounts, and what was taken off and added for the whole line."""
    discounts = [one.held.get("amount") for one in tables(line, "discount_allocations")]
    taxes = [one.held.get("price") for one in tables(line, "tax_lines")]
    return present(
        product_id=line.text("product_id", "sku", "id"),
        sku=line.text("sku"),
        variant_id=line.text("variant_id"),
        variant=line.text("variant_title"),
        name=line.text("title", "name"),
        brand=line.text("vendor"),
        price=_money(line, "price", currency),
        quantity=whole(line, "quantity"),
        discount=major(summed(discounts, currency, "discount_allocations"), currency),
        tax=major(summed(taxes, currency, "tax_lines"), currency),
    )


def _refund(body: Fields, order_id: str, currency: str, who: dict[str, Any]) -> Piece:
    """What went back: the money of the transactions, else what the lines were worth."""
    refund_id = needed(body, "id")
    money: list[Any] = []
    for one in tables(body, "transactions"):
        if one.text("kind") == "refund" and one.text("status") not in ("failure", "error"):
            money.append(one.held.get("amount"))
            currency = currency or one.text("currency") or ""
    products, worth = [], []
    for one in tables(body, "refund_line_items"):
        line = one.table("line_item")
        products.append(
            present(
                product_id=line.text("product_id", "sku", "id"), sku=line.text("sku"), quantity=whole(one, "quantity"),
                price=_money(line, "price", currency),
            )
        )  # fmt: skip
        worth += [one.held.get("subtotal"), one.held.get("total_tax")]
    amount = summed(money, currency, "transactions")
    amount = summed(worth, currency, "refund_line_items") if amount is None else amount
    said = present(
        order_id=order_id,
        refund_id=refund_id,
        total=major(0 if amount is None else amount, currency),
        currency=currency or None,
        products=[one for one in products if one.get("product_id")] or None,
        reason=body.text("note"),
    )
    data = {"properties": said, "who": who}
    time = utc(body.held.get("processed_at") or body.held.get("created_at"), "created_at")
    return Piece("refunded", f"refund:{refund_id}:{digest(said)}", data, time)


def _customer(head: Head, body: Fields) -> list[Piece]:
    """Who somebody is, and what they said about messages, each with its own time."""
    number = needed(body, "customer_id", "id")
    who = _who(body, number)
    found = []
    if not head.topic.startswith("customers_"):
        at = body.table("default_address")
        traits = present(
            firstName=body.text("first_name"), lastName=body.text("last_name"), email=who.get("email"),
            phone=who.get("phone"), city=at.text("city"), zip=at.text("zip"), country=at.text("country_code"),
            language=body.text("locale"), createdAt=utc(body.held.get("created_at"), "created_at"),
        )  # fmt: skip
        updated = utc(body.held.get("updated_at"), "updated_at")
        found.append(Piece("customer", f"{head.topic}:{head.delivery}", {"traits": traits, "who": who}, updated))
    for channel in ("email", "sms"):
        said = body.table(f"{channel}_marketing_consent")
        state = said.text("state")
        if state in _SAID:
            when = utc(said.held.get("consent_updated_at"), "consent_updated_at")
            level = said.text("opt_in_level") or "unknown"
            found.append(
                consent_piece(
                    channel, who, granted=_SAID[state], method=f"shopify {level}", time=when or _updated(body)
                )
            )
        elif not said.held and channel == "email" and isinstance(body.held.get("accepts_marketing"), bool):
            when = utc(body.held.get("accepts_marketing_updated_at"), "accepts_marketing_updated_at")
            level = body.text("marketing_opt_in_level") or "unknown"
            yes = body.held["accepts_marketing"] is True
            if yes or when is not None:  # a no that was never asked for is no statement
                found.append(
                    consent_piece("email", who, granted=yes, method=f"shopify {level}", time=when or _updated(body))
                )
    return found or [Piece("customer", f"{head.topic}:{head.delivery}", {"traits": {}, "who": who}, _updated(body))]


def _updated(body: Fields) -> str | None:
    return utc(body.held.get("updated_at"), "updated_at")


def _cart(head: Head, body: Fields) -> Piece:
    token = needed(body, "token", "id")
    currency = body.text("currency", "presentment_currency") or ""
    lines = [_line(one, currency) for one in tables(body, "line_items")]
    said = present(
        cart_id=body.text("cart_token") or token, total=_money(body, "total_price", currency),
        currency=currency or None, products=lines, step=None,
    )  # fmt: skip
    who = _who(body.table("customer"), body.table("customer").text("id"))
    who["anonymous"] = _noted(body) or f"cart-{body.text('cart_token') or token}"
    kind = {"checkouts/create": "checkout", "checkouts/update": "checkout_step"}.get(head.topic, "cart")
    return Piece(kind, f"{head.topic}:{head.delivery}", {"properties": said, "who": who}, _updated(body))


def _who(customer: Fields, number: str | None) -> dict[str, Any]:
    """An address that nobody has shown to be theirs names nobody."""
    email = customer.text("email") or customer.text("email_address")
    proven = customer.held.get("verified_email") is not False
    return present(customer=number, email=email if proven else None, phone=customer.text("phone"))


def _who_of_order(body: Fields, order_id: str) -> dict[str, Any]:
    customer = body.table("customer")
    number = customer.text("id")
    who = _who(customer, number)
    if number is None:
        who = present(email=body.text("email", "contact_email"), phone=body.text("phone"))
    noted = _noted(body)
    if noted is not None:
        who["anonymous"] = noted
    elif not who:
        who["anonymous"] = f"order-{order_id}"
    return who


def _of_order(body: Fields) -> dict[str, Any]:
    """A refund tells no customer: it is of its order."""
    return {"anonymous": f"order-{body.text('order_id')}"}


def _noted(body: Fields) -> str | None:
    for one in body.listed("note_attributes"):
        if isinstance(one, dict) and one.get("name") in _NOTED:
            return Fields(one, "note_attributes.").text("value")
    return None


def _product(identifier: str, head: Head, body: Fields) -> dict[str, Any]:
    names = {number: one.text("name") or f"option{number}" for number, one in enumerate(tables(body, "options"), 1)}
    variants: list[dict[str, Any]] = []
    skus: set[str] = set()
    for one in tables(body, "variants"):
        sku = one.text("sku")
        sku = sku if sku is not None and sku not in skus else needed(one, "id")
        skus.add(sku)
        options = {names.get(n, f"option{n}"): one.text(f"option{n}") for n in (1, 2, 3)}
        attributes = {name: value for name, value in options.items() if value not in (None, "Default Title")}
        counted = one.held.get("inventory_management") is not None or "inventory_management" not in one.held
        stock = whole(one, "inventory_quantity") if counted else None
        variants.append(
            present(
                sku=sku, price=one.text("price"), stock=stock, attributes=attributes or None,
                stock_id=one.text("inventory_item_id"),
            )
        )  # fmt: skip
    prices = [(amount, one["price"]) for one in variants if (amount := minor(one.get("price"), "KWD", "price"))]
    stocks = [one["stock"] for one in variants if "stock" in one]
    path = body.table("category").text("full_name") or body.text("product_type")
    images = [src for one in tables(body, "images") if (src := one.text("src"))]
    handle = body.text("handle")
    return present(
        id=identifier,
        title=body.text("title"),
        brand=body.text("vendor"),
        category=[part.strip() for part in path.split(" > ")] if path else None,
        price=min(prices)[1] if prices else None,
        stock=sum(stocks) if stocks and len(stocks) == len(variants) else None,
        variants=variants,
        image=body.table("image").text("src") or (images[0] if images else None),
        link=f"https://{head.shop}/products/{handle}" if head.shop and handle else None,
        active=body.text("status") in (None, "active"),
        tags=body.text("tags"),
        updated_at=_updated(body),
    )


def _money(said: Fields, name: str, currency: str) -> int | float | None:
    return major(minor(said.held.get(name), currency, name), currency)
