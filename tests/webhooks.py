"""Deliveries of shop systems as tests send them: bodies with the fields of their documentation, signed as they sign."""

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx

SECRETS = {"shopify": "hush-shopify", "woocommerce": "hush-woo", "shopware": "hush-shopware"}
SOURCES = {"shopify": "online", "woocommerce": "blog", "shopware": "outlet"}
SOURCES_TOML = "\n".join(
    f"""
    [sources.{source}]
    kind = "server"
    [sources.{source}.webhook]
    shop = "{system}"
    secret = "env:SECRET_{system.upper()}"
    {'stores = {"24826418" = "Graz"}' if system == "shopify" else ""}
    """
    for system, source in SOURCES.items()
)
ENVIRONMENT = {f"SECRET_{system.upper()}": secret for system, secret in SECRETS.items()}


def signature(body: bytes, system: str, secret: str | None = None) -> str:
    """As the shop system writes it."""
    digest = hmac.digest((secret or SECRETS[system]).encode(), body, hashlib.sha256)
    return digest.hex() if system == "shopware" else base64.b64encode(digest).decode()


def headers_of(system: str, topic: str, delivery: str, body: bytes, *, secret: str | None = None) -> dict[str, str]:
    """The headers of a delivery."""
    signed = signature(body, system, secret)
    if system == "shopify":
        return {
            "X-Shopify-Topic": topic, "X-Shopify-Hmac-SHA256": signed, "X-Shopify-Event-Id": delivery,
            "X-Shopify-Webhook-Id": "w-" + delivery, "X-Shopify-Shop-Domain": "corner.myshopify.example",
            "X-Shopify-Triggered-At": "2026-03-02T10:00:00.000Z", "X-Shopify-API-Version": "2026-01",
        }  # fmt: skip
    if system == "woocommerce":
        resource, _, event = topic.partition(".")
        return {
            "X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": signed, "X-WC-Webhook-Delivery-ID": delivery,
            "X-WC-Webhook-Resource": resource, "X-WC-Webhook-Event": event, "X-WC-Webhook-ID": "5",
            "X-WC-Webhook-Source": "https://blog.example/",
        }  # fmt: skip
    return {"shopware-shop-signature": signed, "sw-version": "6.7.0.0"}


def deliver(
    http: httpx.Client, system: str, topic: str, said: dict[str, Any], delivery: str, *, secret: str | None = None
) -> httpx.Response:
    """Send it."""
    if system == "shopware":
        said = shopware(topic, said, delivery)
    body = json.dumps(said).encode()
    headers = {**headers_of(system, topic, delivery, body, secret=secret), "content-type": "application/json"}
    return http.post(f"/v1/webhooks/{system}/{SOURCES[system]}", content=body, headers=headers)


def shopware(event: str, payload: dict[str, Any], delivery: str) -> dict[str, Any]:
    """A body of Shopware's app system."""
    source = {"url": "https://outlet.example", "shopId": "k2", "appVersion": "1.0.0", "eventId": delivery}
    return {"data": {"payload": payload, "event": event}, "source": source, "timestamp": 1_772_445_600}


def shopify_order(number: int = 5001, **changed: Any) -> dict[str, Any]:
    """An order of two lines with discount, tax and shipping: 2 x 19.99 + 8.50 - 4.00 + 4.90 = 49.38."""
    return {
        "id": number, "name": f"#{number}", "order_number": number, "currency": "EUR", "test": False,
        "created_at": "2026-03-02T10:00:00+01:00", "processed_at": "2026-03-02T10:00:00+01:00",
        "updated_at": "2026-03-02T10:00:00+01:00", "cancelled_at": None, "cancel_reason": None,
        "total_price": "49.38", "subtotal_price": "44.48", "total_tax": "7.88", "total_discounts": "4.00",
        "total_shipping_price_set": {"shop_money": {"amount": "4.90", "currency_code": "EUR"}},
        "discount_codes": [{"code": "SPRING", "amount": "4.00", "type": "fixed_amount"}],
        "financial_status": "pending", "fulfillment_status": None, "source_name": "web", "email": "ada@shop.example",
        "customer": {"id": 70001, "email": "ada@shop.example", "verified_email": True, "phone": None},
        "note_attributes": [{"name": "regulars_anonymous_id", "value": "browser-of-ada"}],
        "line_items": [
            {
                "id": 1, "product_id": 9001, "variant_id": 9101, "title": "Kettle", "variant_title": "Red / 1 l",
                "sku": "KET-R", "vendor": "Boil & Co", "price": "19.99", "quantity": 2, "total_discount": "0.00",
                "discount_allocations": [{"amount": "4.00", "discount_application_index": 0}],
                "tax_lines": [{"title": "MwSt", "price": "6.38", "rate": 0.19}],
            },
            {
                "id": 2, "product_id": 9002, "variant_id": 9102, "title": "Tea", "variant_title": None, "sku": "TEA",
                "vendor": "Leaf", "price": "8.50", "quantity": 1, "discount_allocations": [],
                "tax_lines": [{"title": "MwSt", "price": "0.72", "rate": 0.07}],
            },
        ],
        "refunds": [],
    } | changed  # fmt: skip


def shopify_refund(number: int = 5001, refund: int = 801) -> dict[str, Any]:
    """One kettle of two comes back: 17.99."""
    return {
        "id": refund, "order_id": number, "created_at": "2026-03-05T09:00:00+01:00", "note": "wrong colour",
        "processed_at": "2026-03-05T09:00:00+01:00",
        "refund_line_items": [
            {
                "id": 1, "line_item_id": 1, "quantity": 1, "subtotal": "17.99", "total_tax": "2.87",
                "line_item": {"id": 1, "product_id": 9001, "sku": "KET-R", "price": "19.99", "quantity": 2},
            }
        ],
        "transactions": [{"id": 3, "kind": "refund", "status": "success", "amount": "17.99", "currency": "EUR"}],
    }  # fmt: skip


def shopify_customer(**changed: Any) -> dict[str, Any]:
    """A customer who agreed to e-mail, twice asked, and said no to SMS."""
    return {
        "id": 70001, "email": "ada@shop.example", "first_name": "Ada", "last_name": "Byron", "verified_email": True,
        "phone": "+491701234567", "created_at": "2026-01-10T10:00:00Z", "updated_at": "2026-03-01T10:00:00Z",
        "default_address": {"city": "Köln", "zip": "50667", "country_code": "DE"},
        "email_marketing_consent": {
            "state": "subscribed", "opt_in_level": "confirmed_opt_in", "consent_updated_at": "2026-02-01T08:00:00Z",
        },
        "sms_marketing_consent": {
            "state": "unsubscribed", "opt_in_level": "single_opt_in", "consent_updated_at": "2026-02-02T08:00:00Z",
        },
    } | changed  # fmt: skip


def shopify_product(**changed: Any) -> dict[str, Any]:
    """A kettle in two colours."""
    return {
        "id": 9001, "title": "Kettle", "vendor": "Boil & Co", "product_type": "Kitchen", "handle": "kettle",
        "status": "active", "updated_at": "2026-03-01T10:00:00+01:00", "tags": "steel",
        "category": {"full_name": "Home > Kitchen > Kettles"},
        "options": [{"name": "Colour", "position": 1}, {"name": "Size", "position": 2}],
        "variants": [
            {
                "id": 9101, "sku": "KET-R", "price": "19.99", "option1": "Red", "option2": "1 l", "option3": None,
                "inventory_quantity": 7, "inventory_management": "shopify",
            },
            {
                "id": 9103, "sku": "KET-B", "price": "18.49", "option1": "Blue", "option2": "1 l", "option3": None,
                "inventory_quantity": 0, "inventory_management": "shopify",
            },
        ],
        "image": {"src": "https://cdn.example/kettle.jpg"}, "images": [{"src": "https://cdn.example/kettle.jpg"}],
    } | changed  # fmt: skip


def woo_order(number: int = 611, **changed: Any) -> dict[str, Any]:
    """A guest's order: 3 x 6.665 before rounding, with a coupon."""
    return {
        "id": number, "number": str(number), "status": "processing", "currency": "EUR", "customer_id": 0,
        "date_created_gmt": "2026-03-02T09:00:00", "date_modified_gmt": "2026-03-02T09:00:05",
        "discount_total": "2.00", "shipping_total": "3.90", "total": "23.61", "total_tax": "1.71",
        "created_via": "checkout", "billing": {"email": "bo@shop.example", "phone": "", "first_name": "Bo"},
        "line_items": [
            {
                "id": 1, "name": "Soap", "product_id": 31, "variation_id": 0, "quantity": 3, "subtotal": "20.00",
                "total": "18.00", "total_tax": "1.71", "sku": "SOAP", "price": 6,
            }
        ],
        "coupon_lines": [{"id": 2, "code": "clean"}], "refunds": [], "meta_data": [],
    } | changed  # fmt: skip


def woo_product(**changed: Any) -> dict[str, Any]:
    """Soap."""
    return {
        "id": 31, "name": "Soap", "type": "simple", "status": "publish", "permalink": "https://blog.example/soap",
        "sku": "SOAP", "price": "6.67", "regular_price": "6.67", "stock_quantity": 12, "stock_status": "instock",
        "date_modified_gmt": "2026-03-01T09:00:00", "categories": [{"id": 4, "name": "Bath", "slug": "bath"}],
        "images": [{"id": 1, "src": "https://blog.example/soap.jpg"}],
        "attributes": [{"name": "Scent", "options": ["Rose"], "variation": False}],
    } | changed  # fmt: skip


def shopware_order(number: str = "10042", **changed: Any) -> dict[str, Any]:
    """An order of a guest with one promotion; amounts are JSON numbers."""
    return {
        "order": {
            "id": "0a1b", "orderNumber": number, "orderDateTime": "2026-03-02T09:00:00.000+00:00", "updatedAt": None,
            "amountTotal": 35.89, "amountNet": 30.16, "positionPrice": 30.99, "shippingTotal": 4.9,
            "currency": {"isoCode": "EUR"}, "price": {"calculatedTaxes": [{"tax": 5.73, "taxRate": 19}]},
            "orderCustomer": {"email": "cy@shop.example", "customerNumber": "K-9", "customerId": "ff"},
            "stateMachineState": {"technicalName": "open"},
            "lineItems": [
                {
                    "id": "l1", "productId": "p77", "label": "Lamp", "type": "product", "quantity": 1,
                    "unitPrice": 33.99, "totalPrice": 33.99, "payload": {"productNumber": "SW-77", "options": []},
                    "price": {"calculatedTaxes": [{"tax": 5.43}]},
                },
                {
                    "id": "l2", "label": "Hello", "type": "promotion", "quantity": 1, "unitPrice": -3.0,
                    "totalPrice": -3.0, "payload": {"code": "HELLO"}, "price": {"calculatedTaxes": []},
                },
            ],
        }
        | changed
    }  # fmt: skip
