"""What a call holds, whatever its kind: its facts, its message id, its numbers; and a call that fails."""

import hashlib
from typing import Any

import msgspec

from regulars.collect.body import BATCHES
from regulars.collect.call import Call, outline, spelled
from regulars.collect.formats import format_of
from regulars.collect.numbers import out_of_range
from regulars.collect.plan import Failure, failed, shown
from regulars.core.event import ALIAS, GROUP, IDENTIFY, PAGE, SCREEN, FailedEvent
from regulars.core.log import Record

NAMES = {"identify": IDENTIFY, "page": PAGE, "screen": SCREEN, "group": GROUP, "alias": ALIAS}
LONGEST_NAME = 200
LONGEST_MESSAGE_ID = 256


def facts_of(kind: str | None, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """Properties and traits of a call, as its kind spells them."""
    properties = call.properties if call.properties is not None else {}
    if kind == "track":
        return properties, {}
    if kind == "identify":
        # RudderStack's servers send the facts inside the context.
        facts = call.traits
        if facts is None and call.context is not None:
            facts = call.context.traits
        return properties, facts if facts is not None else {}
    if kind in ("page", "screen"):
        given = {"name": call.name, "category": call.category}
        return {**{k: v for k, v in given.items() if v is not None}, **properties}, {}
    if kind == "group":
        group = {} if call.group_id is None else {"group_id": str(call.group_id)}
        return {**group, **(call.traits or {}), **properties}, {}
    return properties, {}


def message_id_of(record: Record, index: int, call: Call) -> str | Failure:
    """What the sender calls the event; without that a name of its place and content."""
    given = call.message_id
    if given is None or given == "":
        # Place and content: the same whenever the record is read, and no two events of the log share it.
        if call.sent_at is not msgspec.UNSET:
            call = msgspec.structs.replace(call, sent_at=msgspec.UNSET)
        content = hashlib.blake2b(msgspec.msgpack.encode(call), digest_size=10).hexdigest()
        return f"{record.offset}-{index}-{content}"
    text = str(given)
    if len(text) > LONGEST_MESSAGE_ID or not text.isprintable():
        return Failure("invalid_value", "messageId", f"at most {LONGEST_MESSAGE_ID} printable characters", shown(text))
    return text


def failed_call(
    record: Record, index: int, failure: Failure, raw: bytes | msgspec.Raw, call: Call | None
) -> FailedEvent:
    """The failed event of a call, with its verbatim bytes; `call` where it could be read."""
    body = bytes(raw)
    if call is not None:
        message_id, name = str(call.message_id or ""), call.event or NAMES.get(call.type or record.route, "")
    else:
        message_id, name = outline(body)
    form = format_of(record.route)
    found = failed(
        failure,
        source=record.source,
        received_at=record.time,
        offset=record.offset,
        index=index,
        message_id=message_id[:LONGEST_MESSAGE_ID],
        name=name[:LONGEST_NAME],
        body=body,
    )
    if record.route in BATCHES:
        return found if not record.signs else msgspec.structs.replace(found, signs=record.signs)
    translated = spelled(call) if form is not None and call is not None else b""
    return msgspec.structs.replace(found, route=record.route, call=translated, signs=record.signs)


def too_long(limit: int, size: int) -> Failure:
    """Why an event of so many bytes fails."""
    return Failure("too_large", "", f"at most {limit} bytes", f"{size} bytes")


def beyond_numbers(call: Call) -> Failure | None:
    """The first number that no store keeps."""
    for field, held in (("properties", call.properties), ("traits", call.traits), ("", _contents(call))):
        found = out_of_range(held, field)
        if found:
            return Failure("number_out_of_range", found.lstrip("."), "a number of 64 bits", "a larger one")
    return None


def _contents(call: Call) -> dict[str, Any]:
    context = call.context
    held: dict[str, Any] = {
        "userId": call.user_id,
        "anonymousId": call.anonymous_id,
        "messageId": call.message_id,
        "previousId": call.previous_id,
        "groupId": call.group_id,
    }
    if context is not None:
        ids = [external.id for external in context.external_ids or ()]
        held |= {"campaign": context.campaign, "consent": context.consent, "traits": context.traits, "externalIds": ids}
        held |= {"google_consent": context.google_consent, "tcf": context.tcf}
    return held
