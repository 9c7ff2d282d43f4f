"""Snowplow's schemas of shops and of consent -> events of the Segment spec."""

from typing import Any

from regulars.collect.wire import Fields, present, wrong

ECOMMERCE = "com.snowplowanalytics.snowplow.ecommerce"
#: The two schemas of before.
ACTIONS = {"add_to_cart": "Product Added", "remove_from_cart": "Product Removed"}
_NAMES = {
    "product_view": "Product Viewed", "list_click": "Product Clicked", "list_view": "Product List Viewed",
    "promo_view": "Promotion Viewed", "promo_click": "Promotion Clicked", "checkout_step": "Checkout Step Viewed",
    "transaction": "Order Completed", "refund": "Order Refunded", "trns_error": "Payment Failed", **ACTIONS,
}  # fmt: skip
#: Of one product; in these the product stands outside, as the spec has it.
_SINGLE = ("product_view", "list_click", *ACTIONS)
_PRODUCT = {"id": "product_id", "position": "position", "creative_id": "creative_id"}
_STEP = (
    "step", "coupon_code", "payment_method", "delivery_method", "delivery_provider", "account_type",
)  # fmt: skip
#: A choice in a consent banner.
BANNER = "Consent Banner Used"
_ALLOWED = ("allow_all", "allow_selected")
_REFUSED = ("deny_all", "withdrawn", "expired")


def shop_event(action: Fields, contexts: list[tuple[str, str, dict[str, Any]]]) -> tuple[str, dict[str, Any]]:
    """Name and properties of an e-commerce action, whose facts stand in its contexts."""
    kind = action.text("type")
    name = _NAMES.get(kind or "")
    if kind is None or name is None:
        raise wrong("ue_pr.data.data.type", "an action of Snowplow's e-commerce schema", kind)
    found: dict[str, list[dict[str, Any]]] = {}
    for vendor, entity, data in contexts:
        if vendor == ECOMMERCE:
            found.setdefault(entity, []).append(data)
    products = [_product(data) for data in found.get("product", ())]
    properties = present(list_id=action.text("name"))
    if kind in _SINGLE and products:
        properties |= products[0]
    if products and not (kind in _SINGLE and len(products) == 1):
        properties["products"] = products
    cart = Fields(_first(found, "cart"), "cart.")
    properties |= present(
        cart_id=cart.text("cart_id"), cart_total=cart.number("total_value"), currency=cart.text("currency")
    )
    if kind in ("transaction", "trns_error"):
        properties |= _transaction(found, required=kind == "transaction")
    if kind == "trns_error":
        error = Fields(_first(found, "transaction_error"), "transaction_error.")
        properties |= present(
            reason=error.text("error_shortcode", "error_code"), message=error.text("error_description")
        )
    if kind == "refund":
        refund = Fields(_first(found, "refund"), "refund.")
        order_id = refund.text("transaction_id")
        if order_id is None:
            raise wrong("refund.transaction_id", "the order's id", None)
        properties |= present(
            order_id=order_id, total=refund.number("refund_amount"), currency=refund.text("currency"),
            reason=refund.text("refund_reason"),
        )  # fmt: skip
    if kind == "checkout_step":
        step = _first(found, "checkout_step")
        properties |= {name: step[name] for name in _STEP if step.get(name) is not None}
    if "promotion" in found:
        promotion = Fields(found["promotion"][0], "promotion.")
        properties |= present(
            promotion_id=promotion.text("id"), name=promotion.text("name"), creative=promotion.text("creative_id"),
            position=promotion.text("slot", "position"),
        )  # fmt: skip
    return name, properties


def banner_used(data: Fields) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """What somebody chose in a banner: name, properties, and the statement for the context.

    What does not say yes or no in so many words is no statement. The scopes are read as categories of a consent
    manager; `others` says what holds for those that the shop knows and the banner does not name.
    """
    kind = data.text("eventType") or ""
    scopes = [str(scope) for scope in data.listed("consentScopes")]
    properties = present(kind=kind or None, scopes=scopes or None, text_version=data.text("consentVersion"))
    if kind not in (*_ALLOWED, *_REFUSED):
        return BANNER, properties, None
    said: dict[str, Any] = {"categoryPreferences": dict.fromkeys(scopes, kind in _ALLOWED)}
    if kind != "allow_all":
        said["others"] = False
    return BANNER, properties, said | present(version=properties.get("text_version"))


def _first(found: dict[str, list[dict[str, Any]]], entity: str) -> dict[str, Any]:
    return found.get(entity, [{}])[0]


def _product(data: dict[str, Any]) -> dict[str, Any]:
    held = {_PRODUCT.get(name, name): value for name, value in data.items() if value is not None}
    if "product_id" in held:
        held["product_id"] = Fields(data, "product.").text("id")
    return held


def _transaction(found: dict[str, list[dict[str, Any]]], *, required: bool) -> dict[str, Any]:
    data = Fields(_first(found, "transaction"), "transaction.")
    order_id = data.text("transaction_id")
    if required and order_id is None:
        raise wrong("transaction.transaction_id", "the order's id", None)
    return present(
        order_id=order_id, total=data.number("revenue"), currency=data.text("currency"), tax=data.number("tax"),
        shipping=data.number("shipping"), discount=data.number("discount_amount"), coupon=data.text("discount_code"),
        payment_method=data.text("payment_method"),
    )  # fmt: skip
