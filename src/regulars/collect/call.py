"""The calls of the Segment spec as they come over the wire, and reading them without raising."""

import re
from typing import Any

import msgspec

from regulars.collect.plan import Failure, shown


class Page(msgspec.Struct, omit_defaults=True, gc=False):
    """Where in the shop."""

    path: str | None = None
    url: str | None = None
    referrer: str | None = None
    title: str | None = None
    search: str | None = None


class Device(msgspec.Struct, omit_defaults=True, gc=False):
    """On what."""

    type: str | None = None


class ExternalId(msgspec.Struct, gc=False):
    """A further identifier."""

    id: str | int | None = None
    type: str | None = None


class Context(msgspec.Struct, rename="camel", gc=False):
    """The parts of a context that later rooms use; the IP address and the rest are not even decoded."""

    page: Page | None = None
    device: Device | None = None
    user_agent: str | None = None
    locale: str | None = None
    campaign: dict[str, Any] | None = None
    consent: dict[str, Any] | None = None
    google_consent: dict[str, Any] | str | None = msgspec.field(default=None, name="google_consent")
    tcf: dict[str, Any] | str | None = None
    external_ids: list[ExternalId] | None = None
    traits: dict[str, Any] | None = None
    regulars_token: str | None = msgspec.field(default=None, name="regulars_token")
    webdriver: bool | None = None  # the browser says that it is remote-controlled
    hand: bool | None = None  # our SDK says whether mouse, keys or screen were used on the page

    def kept(self) -> dict[str, Any]:
        """As an event keeps it."""
        kept: dict[str, Any] = {}
        if self.page is not None:
            kept["page"] = msgspec.to_builtins(self.page)
        if self.device is not None and self.device.type is not None:
            kept["device"] = {"type": self.device.type}
        if self.user_agent is not None:
            kept["userAgent"] = self.user_agent
        if self.locale is not None:
            kept["locale"] = self.locale
        if self.campaign:
            kept["campaign"] = self.campaign
        if self.consent:
            kept["consent"] = self.consent
        if self.google_consent:
            kept["google_consent"] = self.google_consent
        if self.tcf:
            kept["tcf"] = self.tcf
        return kept


class Call(msgspec.Struct, rename="camel", gc=False):
    """One call: track, identify, page, screen, group or alias."""

    type: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    message_id: str | int | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    previous_id: str | int | None = None
    group_id: str | int | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: Context | None = None
    timestamp: str | int | float | None = None
    original_timestamp: str | int | float | None = None
    #: By the device's clock. Anything: it fails no event, and is no part of what a message id is made of.
    sent_at: Any = msgspec.UNSET


class BatchContext(msgspec.Struct, gc=False):
    """What holds for all events of a batch that do not say otherwise."""

    regulars_token: str | None = None


class Batch(msgspec.Struct, gc=False):
    """The body of a batch."""

    batch: list[Call]
    context: BatchContext | None = None
    sent_at: Any = msgspec.field(default=None, name="sentAt")


class _Outside(msgspec.Struct, gc=False):
    context: BatchContext | None = None
    sent_at: Any = msgspec.field(default=None, name="sentAt")


decode_call = msgspec.json.Decoder(Call).decode
decode_batch = msgspec.json.Decoder(Batch).decode
_decode_outside = msgspec.json.Decoder(_Outside).decode
_decode_loose = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
UNREADABLE = (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def around(body: bytes) -> tuple[str | None, Any]:
    """Token and time of sending of a batch whose events are read one by one; None for what cannot be read."""
    try:
        outside = _decode_outside(body)
    except UNREADABLE:
        return None, None
    return outside.context.regulars_token if outside.context is not None else None, outside.sent_at


def read_call(raw: bytes) -> Call | Failure:
    """One call. Parts of the context that are of a wrong type are left out; anything else of a wrong type fails."""
    try:
        return decode_call(raw)
    except msgspec.ValidationError as error:
        if "`$.context" not in str(error):
            return _failure(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Failure("malformed", "", "JSON in UTF-8", str(error))
    try:
        parts = _decode_loose(raw)
        context = parts.pop("context")
        call = decode_call(msgspec.json.encode(parts))
    except msgspec.ValidationError as error:
        return _failure(error)
    except UNREADABLE as error:  # the name of a member that the call does not have, which nobody read before
        return Failure("malformed", "", "JSON in UTF-8", str(error))
    call.context = _readable_parts(bytes(context))
    return call


def spelled(call: Call) -> bytes:
    """A call as JSON, without what it does not say.

    >>> spelled(Call(type="track", event="Order Completed"))
    b'{"type":"track","event":"Order Completed"}'
    """
    held: dict[str, Any] = msgspec.to_builtins(call)
    context = held.get("context")
    if isinstance(context, dict):
        held["context"] = {name: value for name, value in context.items() if value is not None}
    return msgspec.json.encode({name: value for name, value in held.items() if value is not None})


def outline(raw: bytes) -> tuple[str, str]:
    """Message id and name of an unreadable call, as far as they can be read."""
    try:
        parts = _decode_loose(raw)
    except UNREADABLE:
        return "", ""
    found = []
    for key in ("messageId", "event"):
        try:
            found.append(str(msgspec.json.decode(parts[key], type=str))[:200])
        except (KeyError, *UNREADABLE):
            found.append("")
    return found[0], found[1]


def _readable_parts(raw: bytes) -> Context:
    context = Context()
    try:
        parts = _decode_loose(raw)
    except UNREADABLE:
        return context
    for field in msgspec.structs.fields(Context):
        if field.encode_name in parts:
            try:
                setattr(context, field.name, msgspec.json.decode(parts[field.encode_name], type=field.type))
            except UNREADABLE:
                continue
    return context


def _failure(error: msgspec.ValidationError) -> Failure:
    message, _, at = str(error).partition(" - at `$")
    if message in ("Number out of range", "Integer value out of range"):
        return Failure("number_out_of_range", at.strip("`."), "a number of 64 bits", "a larger one")
    wanted = re.match(r"Expected `?(.*?)`?, got `?(.*?)`?$", message)
    if wanted is None:
        return Failure("malformed", at.strip("`."), "a call of the Segment spec", shown(message))
    return Failure("wrong_type", at.strip("`.") or "(the event)", wanted[1].replace("`", ""), wanted[2])
