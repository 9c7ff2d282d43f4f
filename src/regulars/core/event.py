"""Events as the rooms see them, and events that failed at the door."""

from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something a customer did, in the canonical vocabulary (Segment spec names).

    Identifiers are keys `type:value`, for example `user_id:42`. `subject` is the event's own anchor: the verified
    identifier of the highest priority. `claims` are identifiers sent with a public key: unverified, never linked.
    """

    message_id: str
    source: str
    name: str
    time: int  # corrected, UTC ms
    received_at: int  # UTC ms
    subject: str
    identifiers: tuple[str, ...]  # verified keys, subject included
    claims: tuple[str, ...]
    properties: dict[str, Any]
    traits: dict[str, Any]  # facts of an identify call
    context: dict[str, Any]
    offset: int = 0  # of the log record that carried it
    index: int = 0  # within the record


class FailedEvent(msgspec.Struct, frozen=True, array_like=True):
    """An event that did not pass the tracking plan or could not be read: kept whole, to be mended and replayed."""

    source: str
    received_at: int
    offset: int
    index: int
    message_id: str
    name: str
    reason: str  # code: "unknown_event", "missing_field", "wrong_type", "no_identifier", "too_large", "malformed", ...
    field: str
    expected: str
    got: str
    body: bytes  # the verbatim event
    route: str = ""  # how the body is read; "": a call of a batch, which says itself what it is
    call: bytes = b""  # JSON of the call, where the body is of another vendor's format and could be translated
    signs: str = ""  # what the door saw of its sender (core.log.Record.signs)


#: Canonical names of calls that are not `track`.
IDENTIFY, PAGE, SCREEN, GROUP, ALIAS = "Identify", "Page Viewed", "Screen Viewed", "Group", "Alias"
#: In the context of an event: the id of the key that signed who sent it. Only a token that held leaves it there.
VOUCHED_BY = "vouchedBy"
#: Source of the events that staff make in the console and with the rights of a customer; no key is of this source.
STAFF = "@staff"
#: Regulars' own events.
CONSENT = "Consent Updated"  # properties: {"purposes": {purpose: bool}, "method": str, "text_version": str}
CORRECTED = "Fact Corrected"  # properties: {"facts": {fact: value or null}, "by": str, "reason": str}
PREFERENCE = "Preference Declared"  # properties: {"preferences": {preference: value, list or null}}
ORDER_EVENTS = ("Order Completed", "Order Updated", "Order Refunded", "Order Cancelled")
#: What became of an order afterwards, as an ERP and payment providers tell it.
INVOICED = "Order Invoiced"  # properties: invoice_id, order_id, total, currency, due_date
PAID = "Payment Received"  # properties: payment_id, order_id or invoice_id, amount, currency, method
PAYMENT_FAILED, PAYMENT_REFUNDED = "Payment Failed", "Payment Refunded"
BILLING_EVENTS = (INVOICED, PAID, PAYMENT_FAILED, PAYMENT_REFUNDED)
#: What these events say belongs to the account and its proof; no consent is asked for keeping them.
ALWAYS_KEPT = (IDENTIFY, ALIAS, CONSENT, CORRECTED, PREFERENCE, *ORDER_EVENTS, *BILLING_EVENTS)
DECISION_SHOWN = "Decision Shown"  # properties: {"decision_id": str, "placement": str, "offer_id": str}
#: Facts of the shop, told by its servers: they are about nobody, so no profile and no consent is concerned.
ADVERTISING = "Advertising Reported"  # cost, clicks of a day, channel and campaign
SEARCHES = "Search Queries Reported"  # clicks, impressions, position of a day, query and page
PROGRAMME = "Programme Scheduled"  # what is on air from `starts` to `ends`
FOOTFALL = "Footfall Counted"  # who went in and out of a store, as numbers
SHOP_FACTS = (ADVERTISING, SEARCHES, PROGRAMME, FOOTFALL)
#: The subject of facts of the shop; no type of identifier is called so.
NOBODY = "@shop:fact"
#: These tell where somebody is. Only the purpose `location` admits them, whatever the tracking plan says.
ZONE_ENTERED, ZONE_LEFT = "Zone Entered", "Zone Left"
#: Times in one zone no further apart than this are one visit; no visit is told to be longer than a day.
VISIT_GAP_S, LONGEST_VISIT_S = 120, 86_400
LOCATION_EVENTS = (ZONE_ENTERED, ZONE_LEFT)
LOCATION = "location"
#: What somebody said word by word; only the purpose `conversations` admits it.
CHAT_TRANSCRIBED = "Chat Transcribed"
TEXT_EVENTS = (CHAT_TRANSCRIBED,)
CONVERSATIONS = "conversations"
#: Admitted by these purposes alone, whatever the tracking plan says.
FIXED_PURPOSES = dict.fromkeys(LOCATION_EVENTS, LOCATION) | dict.fromkeys(TEXT_EVENTS, CONVERSATIONS)
#: A server may tell these of somebody whom nobody knows; they are facts of the shop then.
REVIEWED, SOCIAL = "Product Reviewed", "Social Reaction Received"
OF_ANYBODY = (REVIEWED, SOCIAL)
#: Exist in every shop, whether its tracking plan lists them or not.
BUILT_IN_EVENTS = (
    IDENTIFY, PAGE, SCREEN, GROUP, ALIAS, CONSENT, CORRECTED, PREFERENCE, DECISION_SHOWN, *ORDER_EVENTS, *SHOP_FACTS,
    *FIXED_PURPOSES, *BILLING_EVENTS,
)  # fmt: skip
