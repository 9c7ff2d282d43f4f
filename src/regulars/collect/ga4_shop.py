"""Google Analytics 4's recommended events and items -> names and properties of the Segment spec."""

from collections.abc import Mapping
from typing import Any

from regulars.collect.wire import Fields, present, wrong

#: Calls that are not `track`.
CALLS = {"page_view": "page", "screen_view": "screen"}
#: Recommended events, and those that its tags make by themselves.
NAMES = {
    "view_item": "Product Viewed", "view_item_list": "Product List Viewed", "select_item": "Product Clicked",
    "add_to_cart": "Product Added", "remove_from_cart": "Product Removed", "view_cart": "Cart Viewed",
    "add_to_wishlist": "Product Added to Wishlist", "begin_checkout": "Checkout Started",
    "add_shipping_info": "Checkout Step Completed", "add_payment_info": "Payment Info Entered",
    "purchase": "Order Completed", "in_app_purchase": "Order Completed", "ecommerce_purchase": "Order Completed",
    "refund": "Order Refunded", "search": "Products Searched", "view_search_results": "Products Searched",
    "view_promotion": "Promotion Viewed", "select_promotion": "Promotion Clicked", "share": "Product Shared",
    "login": "Signed In", "sign_up": "Signed Up", "generate_lead": "Lead Generated", "join_group": "Group Joined",
    "click": "Link Clicked", "file_download": "File Downloaded", "scroll": "Page Scrolled",
    "form_start": "Form Started", "form_submit": "Form Submitted", "session_start": "Session Started",
    "user_engagement": "Page Engaged", "first_visit": "First Visit", "first_open": "Application Installed",
    "app_remove": "Application Uninstalled", "app_update": "Application Updated", "app_exception": "Script Failed",
    "exception": "Script Failed",
}  # fmt: skip
#: Of one product, which stands outside, as the spec has it.
_SINGLE = ("Product Viewed", "Product Clicked", "Product Added", "Product Removed", "Product Added to Wishlist")
_PROMOTIONS = ("Promotion Viewed", "Promotion Clicked")
_PROMOTION = {"promotion_name": "name", "creative_name": "creative", "creative_slot": "position"}
#: Parameters that the spec names otherwise.
_RENAMED = {
    "Products Searched": {"search_term": "query"},
    "Checkout Step Completed": {"shipping_tier": "shipping_method"},
    "Payment Info Entered": {"payment_type": "payment_method"},
    "Product List Viewed": {"item_list_id": "list_id", "item_list_name": "category"},
    "Script Failed": {"description": "message"},
    "Link Clicked": {"link_url": "url"},
    **dict.fromkeys(_PROMOTIONS, _PROMOTION),
}
_ITEM = {
    "item_id": "product_id", "item_name": "name", "item_brand": "brand", "item_variant": "variant",
    "index": "position", "item_list_id": "list_id", "item_list_name": "list", "affiliation": "affiliation",
    "coupon": "coupon", "promotion_id": "promotion_id", "promotion_name": "promotion",
}  # fmt: skip
_NUMBERS = ("price", "quantity", "discount")
_CATEGORIES = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")
#: Parameters that are the tag's book-keeping or stand elsewhere in a call.
_BOOKKEEPING = frozenset((
    "items", "engagement_time_msec", "session_id", "ga_session_id", "ga_session_number", "session_engaged",
    "engaged_session_event", "debug_mode", "page_location", "page_referrer", "page_title", "page_path", "language",
    "ignore_referrer", "batch_ordering_id", "batch_page_id", "entrances", "timestamp_micros", "campaign",
    "campaign_id", "source", "medium", "term", "content", "user_agent", "ip_override",
))  # fmt: skip
#: What BigQuery writes where there is nothing.
_NOTHING = ("(not set)", "(none)")
_SEPARATOR = " > "


def name_of(name: str) -> str:
    """The canonical name of an event.

    >>> name_of("add_to_cart"), name_of("wheel_fitted"), name_of("Wheel Fitted")
    ('Product Added', 'Wheel Fitted', 'Wheel Fitted')
    """
    known = NAMES.get(name)
    if known is not None:
        return known
    return name.replace("_", " ").strip().title() if "_" in name or name.islower() else name


def shop_event(name: str, params: Fields, items: list[Any]) -> dict[str, Any]:
    """The properties of an event of that canonical name."""
    products = [_product(one, place) for place, one in enumerate(items)]
    renamed = _RENAMED.get(name, {})
    kept = {
        renamed.get(k, k): v
        for k, v in params.held.items()
        if k not in _BOOKKEEPING and not k.startswith("_") and v is not None
    }
    if name in ("Order Completed", "Order Refunded"):
        return _order(name, params, kept, products)
    for said in ("query", "message", "name", "category"):
        if said in renamed.values() and said in kept:
            kept[said] = Fields(kept, "params.").text(said)
    if products and (name in _SINGLE or name in _PROMOTIONS):
        kept = {**products[0], **kept}
        if name in _SINGLE and len(products) == 1:
            return kept
    if products:
        kept["products"] = products
    return kept


def _order(name: str, params: Fields, kept: dict[str, Any], products: list[dict[str, Any]]) -> dict[str, Any]:
    """An order or a refund. Google's `value` is the goods without tax and shipping, and the customer pays all three."""
    order_id = params.text("transaction_id")
    if order_id is None or order_id in _NOTHING:
        raise wrong("params.transaction_id", "the order's id", None)
    value, tax, shipping = params.number("value"), params.number("tax"), params.number("shipping")
    for used in ("transaction_id", "value", "tax", "shipping", "coupon"):
        kept.pop(used, None)
    kept |= present(order_id=order_id, tax=tax, shipping=shipping, coupon=params.text("coupon"))
    if value is not None:
        whole = value if name == "Order Refunded" else round(value + (tax or 0) + (shipping or 0), 4)
        kept["total"] = whole
        if name == "Order Completed":
            kept["revenue"] = value
    if products:
        kept["products"] = [{"quantity": 1, **one} for one in products]
    return kept


def _product(item: Any, place: int) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise wrong(f"params.items.{place}", "an item", item)
    said = Fields(item, f"params.items.{place}.")
    found: dict[str, Any] = {}
    for theirs, ours in _ITEM.items():
        text = said.text(theirs)
        if text is not None and text not in _NOTHING:
            found[ours] = text
    position = said.number("index") if "position" in found else None
    if position is not None:
        found["position"] = int(position)
    found |= present(**{name: said.number(name) for name in _NUMBERS})
    categories = [text for name in _CATEGORIES if (text := said.text(name)) and text not in _NOTHING]
    if categories:
        found["category"] = _SEPARATOR.join(categories)
    return found
