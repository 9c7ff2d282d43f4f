"""Orders as Shopify, WooCommerce and Shopware deliver them, each signed over its raw body, for the load generator."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

SYSTEMS = ("shopify", "woocommerce", "shopware")
SECRET = "benchmark-secret"  # noqa: S105 - of a shop that is measured and thrown away
ENVIRONMENT = {"BENCHMARK_WEBHOOK_SECRET": SECRET}
SOURCES = "".join(
    f'\n[sources.{system}]\nkind = "server"\n[sources.{system}.webhook]\nshop = "{system}"\n'
    'secret = "env:BENCHMARK_WEBHOOK_SECRET"\n'
    for system in SYSTEMS
)
#: Signature, topic and delivery id: the names of the headers, "" where it stands in the body.
_HEADERS = {
    "shopify": ("X-Shopify-Hmac-SHA256", "X-Shopify-Topic", "X-Shopify-Event-Id"),
    "woocommerce": ("X-WC-Webhook-Signature", "X-WC-Webhook-Topic", "X-WC-Webhook-Delivery-ID"),
    "shopware": ("shopware-shop-signature", "", ""),
}
_TOPICS = {"shopify": "orders/create", "woocommerce": "order.created", "shopware": "checkout.order.placed"}
#: Different orders of a load; afterwards they come again.
DELIVERIES = 20_000


def write(file: Path, system: str, deliveries: int = DELIVERIES) -> None:
    """A line for each delivery, as `webhooks.lua` reads it."""
    signature, topic, delivery = _HEADERS[system]
    with file.open("w", encoding="utf-8") as lines:
        for number in range(deliveries):
            body = json.dumps(order(system, number))
            digest = hmac.digest(SECRET.encode(), body.encode(), hashlib.sha256)
            signed = digest.hex() if system == "shopware" else base64.b64encode(digest).decode()
            told = _TOPICS[system] if topic else ""
            lines.write(f"{signature}\t{signed}\t{topic}\t{told}\t{delivery}\t{body}\n")


def order(system: str, number: int) -> dict[str, Any]:
    """An order of three lines in the fields that the shop system documents."""
    if system == "shopify":
        lines = [_shopify_line(number, line) for line in range(3)]
        return {
            "id": 5_000_000 + number, "name": f"#{number}", "currency": "EUR", "total_price": "59.97",
            "created_at": "2026-03-02T10:00:00+01:00", "processed_at": "2026-03-02T10:00:00+01:00",
            "updated_at": "2026-03-02T10:00:00+01:00", "email": f"c{number}@shop.example", "line_items": lines,
            "customer": {"id": 70_000 + number, "email": f"c{number}@shop.example", "verified_email": True},
            "refunds": [], "total_tax": "9.57", "total_discounts": "0.00", "financial_status": "paid",
        }  # fmt: skip
    if system == "woocommerce":
        items = [
            {
                "id": line,
                "name": "Soap",
                "product_id": number % 977 + line,
                "quantity": 1,
                "total": "19.99",
                "price": 19.99,
            }
            for line in range(3)
        ]
        return {
            "id": 5_000_000 + number, "status": "processing", "currency": "EUR", "customer_id": number + 1,
            "date_created_gmt": "2026-03-02T09:00:00", "date_modified_gmt": "2026-03-02T09:00:05", "total": "59.97",
            "billing": {"email": f"c{number}@shop.example", "first_name": "Bo"}, "line_items": items, "refunds": [],
        }  # fmt: skip
    payload = {
        "id": f"{number:032x}", "orderNumber": str(5_000_000 + number), "amountTotal": 59.97,
        "orderDateTime": "2026-03-02T09:00:00.000+00:00", "currency": {"isoCode": "EUR"},
        "orderCustomer": {"email": f"c{number}@shop.example", "customerNumber": f"K-{number}"},
        "lineItems": [_shopware_line(number, line) for line in range(3)],
    }  # fmt: skip
    source = {"url": "https://shop.example", "shopId": "k2", "appVersion": "1.0.0", "eventId": f"d-{number}"}
    event = {"payload": {"order": payload}, "event": _TOPICS["shopware"]}
    return {"data": event, "source": source, "timestamp": 1_772_445_600}


def _shopify_line(number: int, line: int) -> dict[str, Any]:
    return {
        "id": line, "product_id": number % 977 + line, "variant_id": number % 977 + line, "title": "Kettle",
        "price": "19.99", "quantity": 1, "total_discount": "0.00", "discount_allocations": [],
        "tax_lines": [{"title": "MwSt", "price": "3.19", "rate": 0.19}],
    }  # fmt: skip


def _shopware_line(number: int, line: int) -> dict[str, Any]:
    return {
        "id": f"l{line}", "productId": f"p{number % 977 + line}", "label": "Lamp", "type": "product", "quantity": 1,
        "unitPrice": 19.99, "totalPrice": 19.99, "payload": {"productNumber": f"SW-{line}", "options": []},
        "price": {"calculatedTaxes": [{"tax": 3.19}]},
    }  # fmt: skip
