"""What the webhooks of shop systems have in common: what is stored of a delivery, its pieces, and exact money."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from regulars.collect.body import mended
from regulars.collect.call import UNREADABLE, Call, Context, ExternalId
from regulars.collect.plan import Failure
from regulars.collect.wire import Envelope, Fields, Wrong, bounded, decoded, unreadable, wrong
from regulars.core.errors import Rejected
from regulars.core.event import CONSENT
from regulars.core.money import exponent

Headers = Mapping[str, str]
#: A purpose that is meant by its channel: the decoder puts the shop's own purposes in its place.
CHANNEL = "channel:"
_MOST_MONEY = Decimal(9_000_000_000_000)


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored with the verbatim body of a delivery."""

    topic: str
    delivery: str  # the same when the shop sends it again
    shop: str = ""  # its host name
    at: str = ""  # when the shop sent it
    order_id: str = ""  # the field of an order that holds its number; "" is the shop system's usual one
    customer_type: str = "user_id"  # the type of identifier that the shop's customer numbers are


class Privacy(msgspec.Struct, frozen=True):
    """What a customer asked the shop for, by privacy webhook."""

    wish: Literal["access", "erasure", "shop_erasure"]
    identifiers: tuple[str, ...] = ()  # as type:value
    id: str = ""  # of the request, the same when the shop sends it again
    shop: str = ""  # how a shop that is to be erased calls itself


class Piece(msgspec.Struct, omit_defaults=True):
    """One fact of a delivery: an order as it is now, a refund, a customer, what a customer agreed to."""

    kind: str
    id: str
    data: dict[str, Any]
    time: str | int | float | None = None


class _Stored(msgspec.Struct):
    webhook: Head
    body: msgspec.Raw = msgspec.Raw(b"")
    pieces: msgspec.Raw = msgspec.Raw(b"")


_decode_stored = msgspec.json.Decoder(_Stored).decode


def stored(head: Head, body: bytes) -> bytes:
    """What goes into the log: the head, and the body byte by byte as it came."""
    return b'{"webhook":%b,"body":%b}' % (msgspec.json.encode(head), body)


def delivered(body: bytes) -> tuple[Head, dict[str, Any]]:
    """Head and body of what is stored; raises one of UNREADABLE, or Wrong where the body is no object."""
    found = _stored_of(body)
    said = decoded(bytes(found.body))
    if not isinstance(said, dict):
        raise wrong("body", "an object", said)
    return found.webhook, said


def _stored_of(body: bytes) -> "_Stored":
    try:
        return _decode_stored(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_stored(mended(body))


class ShopSystem:
    """The webhooks of one shop system; also a format whose bodies the log keeps (`collect.wire.Format`)."""

    route: str
    key_field = ""
    events = "pieces"
    #: Header of the signature (HMAC-SHA256 over the raw body) and how it is written.
    signature: str
    encoding: Literal["base64", "hex"] = "base64"
    topics: tuple[str, ...] = ()
    product_topics: tuple[str, ...] = ()
    stock_topics: tuple[str, ...] = ()
    privacy_topics: tuple[str, ...] = ()

    def head(self, headers: Headers, body: bytes) -> Head:
        """Topic and delivery; raises Rejected where they are not told."""
        raise NotImplementedError

    def is_test(self, headers: Headers, body: bytes) -> bool:
        """Whether the shop only asks whether anybody answers."""
        return False

    def pieces(self, head: Head, body: Fields) -> list[Piece]:
        """What an events topic tells. Raises Wrong."""
        raise NotImplementedError

    def rows(self, head: Head, body: Fields) -> list[dict[str, Any]]:
        """The rows of the catalogue that a products topic tells. Raises Wrong."""
        raise NotImplementedError

    def level(self, head: Head, body: Fields) -> dict[str, Any]:
        """The level of stock that a stock topic tells, as a row of `catalog.stock`. Raises Wrong."""
        raise NotImplementedError

    def shop_id(self, body: bytes) -> str:
        """The id of the shop that sent it, where shops register by themselves."""
        return ""

    def privacy(self, head: Head, body: Fields) -> Privacy:
        """What a privacy topic asks for. Raises Wrong."""
        raise NotImplementedError

    # As a format of the log ------------------------------------------------------------------------------------------

    def opened(self, body: bytes) -> bytes:
        """The delivery as `{"webhook": …, "pieces": […]}`."""
        try:
            found = _stored_of(body)
            if bytes(found.pieces):
                return body
            said = decoded(bytes(found.body))
            pieces = self._pieces(found.webhook, said)
            return msgspec.json.encode({"webhook": found.webhook, "pieces": pieces})
        except (OverflowError, *UNREADABLE) as error:
            raise unreadable(error, f"a webhook of {self.route}", body) from None

    def envelope(self, body: bytes) -> Envelope:
        """How many facts it tells."""
        found = _decode_pieces(self.opened(body))
        return Envelope("", bounded(len(found.pieces)))

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> Call:
        """One piece."""
        failure = event.get("wrong")
        if isinstance(failure, list) and len(failure) == 4:
            raise Wrong(Failure(*(str(part) for part in failure)))
        try:
            head = msgspec.convert(outer.get("webhook"), Head)
            piece = msgspec.convert(event, Piece)
        except msgspec.ValidationError as error:
            raise Wrong(Failure("malformed", "", "a piece of a webhook", str(error)[:200])) from None
        call = _CALLS.get(piece.kind, _track)(Fields(piece.data), piece.kind)
        call.message_id, call.timestamp = piece.id, piece.time
        _identify(call, Fields(piece.data), head)
        return call

    def unfolded(self, event: Any) -> Any:
        """Nothing is packed inside."""
        return event

    def _known(self, head: Head, said: Any) -> dict[str, Any]:
        """The body, where its topic is one that is translated."""
        if head.topic not in self.topics and not head.topic.startswith(_STATES):
            expected = "a topic that is translated: " + ", ".join(self.topics)
            raise Wrong(Failure("unknown_topic", "topic", expected, head.topic[:200]))
        if not isinstance(said, dict):
            raise wrong("body", "an object", said)
        return said

    def _pieces(self, head: Head, said: Any) -> list[Any]:
        """The pieces; what cannot be read is one that fails with the whole body."""
        try:
            found = self.pieces(head, Fields(self._known(head, said)))
        except Wrong as error:
            why = error.failure
            return [{"wrong": [why.reason, why.field, why.expected, why.got], "topic": head.topic, "body": said}]
        return list(found)


#: Shopware names the states of orders in its topics.
_STATES = ("state_enter.order",)


class _Pieces(msgspec.Struct):
    pieces: list[msgspec.Raw]


_decode_pieces = msgspec.json.Decoder(_Pieces).decode


# Pieces -> calls ---------------------------------------------------------------------------------------------------

#: Kinds of piece by the event that they are.
EVENT_OF = {
    "completed": "Order Completed", "updated": "Order Updated", "refunded": "Order Refunded",
    "cancelled": "Order Cancelled", "cart": "Cart Viewed", "checkout": "Checkout Started",
    "checkout_step": "Checkout Step Completed",
}  # fmt: skip


def _track(said: Fields, kind: str) -> Call:
    return Call(type="track", event=EVENT_OF.get(kind, kind), properties=dict(said.table("properties").held))


def _customer(said: Fields, _kind: str) -> Call:
    return Call(type="identify", traits=dict(said.table("traits").held))


def _consent(said: Fields, _kind: str) -> Call:
    return Call(type="track", event=CONSENT, properties=dict(said.table("properties").held))


_CALLS = {"customer": _customer, "consent": _consent}


def _identify(call: Call, said: Fields, head: Head) -> None:
    """Who: the customer's number, address and phone as far as the shop vouches for them, and the browser's id."""
    who = said.table("who")
    externals = [ExternalId(id=who.text(kind), type=kind) for kind in ("email", "phone") if who.text(kind)]
    number = who.text("customer")
    if number is not None and head.customer_type == "user_id":
        call.user_id = number
    elif number is not None:
        externals.insert(0, ExternalId(id=number, type=head.customer_type))
    call.anonymous_id = who.text("anonymous")
    if externals:
        call.context = Context(external_ids=externals)


def order_pieces(
    order_id: str, properties: dict[str, Any], who: dict[str, Any], *, created: str | None, updated: str | None
) -> list[Piece]:
    """An order as it is now.

    It was completed when it was made, whichever webhook tells of it first; a later state is an update. Both are named
    by what they say, so the set of events depends on no sequence.
    """
    data = {"properties": {"order_id": order_id, **properties}, "who": who}
    steady = {name: value for name, value in properties.items() if not name.endswith("status")}
    first = {"properties": {"order_id": order_id, **steady}, "who": who}
    found = [Piece("completed", f"order:{order_id}:{digest(first)}", first, created or updated)]
    if updated is not None and updated != created:
        found.append(Piece("updated", f"order:{order_id}:{updated}:{digest(data)}", data, updated))
    return found


def consent_piece(channel: str, who: dict[str, Any], *, granted: bool, method: str, time: str | None) -> Piece:
    """What a customer said about messages on a channel."""
    said = {"purposes": {CHANNEL + channel: granted}, "method": method}
    data = {"properties": said, "who": who}
    return Piece("consent", f"consent:{channel}:{digest([data, time])}", data, time)


def digest(value: Any) -> str:
    """A short name of what a piece says."""
    return hashlib.blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=8).hexdigest()


# Money, times, numbers -----------------------------------------------------------------------------------------------


def minor(value: Any, currency: str, field: str = "amount") -> int | None:
    """An amount as a shop writes it, in minor units, without a float in between; None where nothing is said.

    >>> minor("199.99", "EUR"), minor("1.005", "KWD"), minor(12, "JPY"), minor("", "EUR")
    (19999, 1005, 12, None)
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong(field, "an amount of money", value)
    text = str(value).strip()
    try:
        amount = Decimal(text) if len(text) <= 40 and "_" not in text else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > _MOST_MONEY:
        raise wrong(field, "an amount of money as 12.50", value)
    scaled = amount.scaleb(exponent(currency))
    return int(scaled.to_integral_value(rounding="ROUND_HALF_UP"))


def major(amount: int | None, currency: str) -> int | float | None:
    """The same in the units that events are written in; reading it gives the same minor units again.

    >>> major(19999, "EUR"), major(500, "EUR"), major(12, "JPY")
    (199.99, 5, 12)
    """
    if amount is None:
        return None
    scale: int = 10 ** exponent(currency)
    return amount // scale if amount % scale == 0 else amount / scale


def summed(values: Iterable[Any], currency: str, field: str = "amount") -> int | None:
    """The sum of amounts in minor units; None where there are none."""
    found = [amount for value in values if (amount := minor(value, currency, field)) is not None]
    return sum(found) if found else None


def utc(text: Any, field: str = "time") -> str | None:
    """A time as UTC in one spelling, which sorts as the times do.

    >>> utc("2017-11-30T10:00:00+01:00"), utc("2017-11-30T09:00:00"), utc(None)
    ('2017-11-30T09:00:00.000Z', '2017-11-30T09:00:00.000Z', None)
    """
    if text is None or text == "":
        return None
    if isinstance(text, int | float) and not isinstance(text, bool) and 0 < text < 1e11:
        moment = datetime.fromtimestamp(text, UTC)
    else:
        if not isinstance(text, str):
            raise wrong(field, "a time as 2017-11-30T10:00:00Z", text)
        try:
            moment = datetime.fromisoformat(text.strip())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise wrong(field, "a time as 2017-11-30T10:00:00Z", text) from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tables(said: Fields, name: str) -> list[Fields]:
    """A list of objects; anything else in it fails."""
    found: list[Fields] = []
    for place, one in enumerate(said.listed(name)):
        if not isinstance(one, dict):
            raise wrong(f"{name}.{place}", "an object", one)
        found.append(Fields(one, f"{name}.{place}."))
    return found


def needed(said: Fields, *names: str) -> str:
    """A text that must be there."""
    found = said.text(*names)
    if found is None:
        raise wrong(names[0], "a text", None)
    return found


def whole(said: Fields, name: str) -> int | None:
    """A whole number of pieces; a half one is rounded up, for something was bought."""
    number = said.number(name)
    return None if number is None else int(number) if number == int(number) else int(number) + 1


def header(headers: Headers, name: str, *, needs: bool = True) -> str:
    """A header of a delivery; raises Rejected where it is missing."""
    found = headers.get(name, "")
    if needs and not found:
        raise Rejected(
            f"the header {name} is missing", field=name, expected="what the shop system sends", got="nothing"
        )
    return found[:256]
