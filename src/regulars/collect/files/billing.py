"""Invoices and payments of an ERP or a payment provider, one a row: what became of an order after it was placed."""

from typing import Any
from zoneinfo import ZoneInfo

from regulars.collect.files.cells import ident, moment, number, plain, wrong
from regulars.collect.files.columns import ORDER, WHEN, WHO
from regulars.collect.files.kind import About, FileKind, Payload, Said, per_row
from regulars.collect.files.who import who_and_when
from regulars.core.event import INVOICED, PAID, PAYMENT_FAILED, PAYMENT_REFUNDED

_MONEY = ("total", "tax", "shipping", "discount", "amount", "fee")
_IDS = ("order_id", "invoice_id", "payment_id")
_AMOUNTS = ("grand_total", "gross_amount", "gross", "betrag", "summe", "brutto")
INVOICE = {
    **WHO,
    **WHEN,
    "timestamp": (*WHEN["timestamp"], "invoice_date", "invoiced_at", "rechnungsdatum", "belegdatum"),
    "invoice_id": ("invoice_number", "invoice", "invoice_no", "rechnungsnummer", "rechnung", "rechnungsnr"),
    "order_id": (*ORDER["order_id"], "order", "auftragsnummer", "auftrag"),
    "currency": ORDER["currency"],
    "total": ("amount", *_AMOUNTS, "invoice_total", "rechnungsbetrag"),
    "tax": ORDER["tax"],
    "due_date": ("due", "due_at", "payment_due", "faellig", "fällig", "faelligkeit", "fälligkeit"),
    "status": ("invoice_status",),
}
PAYMENT = {
    **WHO,
    **WHEN,
    "timestamp": (*WHEN["timestamp"], "paid_at", "payment_date", "booked_at", "value_date", "zahlungsdatum", "valuta"),
    "payment_id": ("payment", "payment_number", "transaction", "zahlungsnummer", "zahlung"),
    "invoice_id": INVOICE["invoice_id"],
    "order_id": ("order", "order_number", "bestellnummer", "auftragsnummer", "auftrag"),
    "currency": ORDER["currency"],
    "amount": ("total", "paid_amount", "payment_amount", *_AMOUNTS, "zahlbetrag"),
    "method": ("payment_method", "payment_type", "gateway", "zahlart", "zahlungsart"),
    "status": ("payment_status", "state"),
}
_FAILED = frozenset(("failed", "declined", "error", "cancelled", "canceled", "voided", "abgelehnt", "fehlgeschlagen"))
_REFUNDED = frozenset(("refund", "refunded", "chargeback", "returned", "erstattet", "erstattung", "ruecklastschrift"))
#: Of a payment that is on its way nothing is told: its row comes again when it is through.
_WAITING = frozenset(("pending", "authorized", "authorised", "open", "created", "offen"))


def _invoice(said: Said, about: About) -> Payload:
    properties = _properties(said, about, "invoice_id", "total")
    if "due_date" in said:
        properties["due_date"] = moment("due_date", said.pop("due_date"), ZoneInfo(about.time_zone))
    return _called(INVOICED, said, properties, about)


def _payment(said: Said, about: About) -> Payload | None:
    properties = _properties(said, about, "payment_id", "amount")
    status = str(said.pop("status", "")).strip().lower().replace("ü", "ue")
    if status in _WAITING:
        return None
    event = PAID
    if status in _FAILED:
        event = PAYMENT_FAILED
    elif status in _REFUNDED or properties["amount"] < 0:
        event = PAYMENT_REFUNDED
        properties["amount"] = abs(properties["amount"])
    if status:
        properties["status"] = status
    return _called(event, said, properties, about)


def _properties(said: Said, about: About, name: str, amount: str) -> dict[str, Any]:
    properties: dict[str, Any] = {field: ident(field, said.pop(field)) for field in _IDS if field in said}
    if name not in properties:
        raise wrong(name, "its number", None)
    if "order_id" not in properties and "invoice_id" not in properties:
        raise wrong("order_id", "the order that it is for, or the invoice", None)
    if amount not in said:
        raise wrong(amount, "an amount of money", None)
    properties |= {field: number(field, said.pop(field)) for field in _MONEY if field in said}
    properties["currency"] = str(said.pop("currency", about.currency))
    return properties


def _called(event: str, said: Said, properties: dict[str, Any], about: About) -> Payload:
    """Whoever the row does not name is the unnamed buyer of the order, as with the webhooks of shop systems."""
    nobody = "order-" + str(properties.get("order_id", properties.get("invoice_id")))
    call = who_and_when(said, about, nobody=nobody)
    others = {field: plain(field, value) for field, value in said.items()}
    return {"type": "track", "event": event, **call, "properties": {**others, **properties}}


INVOICES = FileKind(
    name="invoices", title="invoices of an ERP, one a row", example="invoices.csv", event=INVOICED, noun="invoices",
    columns=INVOICE, needs=("invoice_id", "total", "timestamp"), calls=per_row(INVOICE, _invoice),
)  # fmt: skip
PAYMENTS = FileKind(
    name="payments", title="payments, one a row", example="payments.csv", event=PAID, noun="payments",
    columns=PAYMENT, needs=("payment_id", "amount", "timestamp"), calls=per_row(PAYMENT, _payment),
)  # fmt: skip
