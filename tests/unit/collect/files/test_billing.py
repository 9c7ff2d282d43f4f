"""Invoices and payments become events of their order; customer files facts and consents."""

from typing import Any

import pytest

from regulars.collect.files import KINDS
from regulars.collect.files.kind import About, BadRow, Call
from regulars.core.errors import Rejected

BERLIN = About(
    "EUR", "Europe/Berlin", now=1_767_225_600_000, types=("user_id", "email", "crm_id"), purposes=("newsletter", "post")
)


def one(kind: str, row: dict[str, Any], about: About = BERLIN) -> dict[str, Any]:
    (found,) = KINDS[kind].calls([(2, row)], about)
    assert isinstance(found, Call), found
    return found.payload


def test_an_invoice_names_its_order() -> None:
    row = {"Rechnungsnummer": "R1", "Auftrag": "o1", "Rechnungsdatum": "03.02.2026", "Rechnungsbetrag": "1.234,50",
           "Fälligkeit": "17.02.2026", "Kundennummer": "k1"}  # fmt: skip
    call = one("invoices", row)
    assert (call["event"], call["userId"]) == ("Order Invoiced", "k1")
    assert call["properties"] == {
        "invoice_id": "R1", "order_id": "o1", "total": 1234.5, "currency": "EUR",
        "due_date": "2026-02-16T23:00:00+00:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "event", "amount"),
    [
        ({}, "Payment Received", 5),
        ({"amount": "-5"}, "Payment Refunded", 5),
        ({"status": "Erstattet"}, "Payment Refunded", 5),
        ({"status": "declined"}, "Payment Failed", 5),
    ],
)
def test_what_a_payment_is_follows_from_its_state_and_its_sign(said: dict[str, str], event: str, amount: int) -> None:
    call = one("payments", {"payment_id": "z1", "order_id": "o1", "paid_at": "2026-02-03", "amount": "5"} | said)
    assert (call["event"], call["properties"]["amount"], call["anonymousId"]) == (event, amount, "order-o1")


def test_a_payment_on_its_way_tells_nothing() -> None:
    row = {"payment_id": "z1", "order_id": "o1", "paid_at": "2026-02-03", "amount": "5", "status": "authorized"}
    assert list(KINDS["payments"].calls([(2, row)], BERLIN)) == []


# Customers ------------------------------------------------------------------------------------------------------------

MAPPING = {
    "Nr": "record_id", "VIP": "trait:vip_level", "Mail": "email", "Newsletter": "consent:newsletter",
    "seit": "consent_time:newsletter", "Brief": "consent:post", "Bemerkung": "",
}  # fmt: skip
CRM = About(
    "EUR", "Europe/Berlin", now=BERLIN.now, types=BERLIN.types, purposes=BERLIN.purposes, mapping=MAPPING,
    options={"consent_method": "paper form"},
)  # fmt: skip


def test_a_record_is_facts_identifiers_and_a_statement_for_each_purpose() -> None:
    row = {"Nr": "7", "Vorname": "Zoë", "VIP": "gold", "Mail": "zoe@example.org", "Newsletter": "ja",
           "seit": "01.03.2024", "Brief": "nein", "Bemerkung": "nett"}  # fmt: skip
    facts, newsletter, post = (found for found in KINDS["customers"].calls([(2, row)], CRM))
    assert isinstance(facts, Call)
    assert isinstance(newsletter, Call)
    assert isinstance(post, Call)
    assert facts.payload["traits"] == {"first_name": "Zoë", "vip_level": "gold"}
    assert facts.payload["context"]["externalIds"] == [
        {"type": "crm_id", "id": "7"}, {"type": "email", "id": "zoe@example.org"},
    ]  # fmt: skip
    assert newsletter.payload["event"] == "Consent Updated"
    assert newsletter.payload["timestamp"] == "2024-02-29T23:00:00+00:00"
    assert newsletter.payload["properties"] == {"purposes": {"newsletter": True}, "method": "paper form"}
    assert post.payload["properties"]["purposes"] == {"post": False}


def test_a_yes_without_a_time_is_none() -> None:
    """The same file, imported again, would undo a withdrawal in between."""
    _, bad = KINDS["customers"].calls([(2, {"Nr": "7", "Newsletter": "ja"})], CRM)
    assert isinstance(bad, BadRow)
    assert (bad.field, bad.expected, bad.part) == ("consent_time:newsletter", "when the customer agreed", 1)


def test_an_answer_that_is_neither_yes_nor_no_is_not_guessed() -> None:
    _, bad = KINDS["customers"].calls([(2, {"Nr": "7", "Newsletter": "vielleicht", "seit": "2024-01-01"})], CRM)
    assert isinstance(bad, BadRow)
    assert bad.field == "consent:newsletter"


def test_a_purpose_that_there_is_not_stops_the_file() -> None:
    check = KINDS["customers"].check
    assert check is not None
    with pytest.raises(Rejected, match=r"consent:fax.*names no purpose"):
        check(About(types=("crm_id",), purposes=("newsletter",), mapping={"Fax": "consent:fax"}))
