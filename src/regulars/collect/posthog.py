"""PostHog's events -> calls of the Segment spec."""

import re
from typing import Any
from urllib.parse import parse_qs

import msgspec

from regulars.collect.call import UNREADABLE, Call, Context, Device, ExternalId, Page
from regulars.collect.plan import Failure
from regulars.collect.wire import (
    LOGIN_TOKEN,
    LONGEST_TEXT,
    Envelope,
    Fields,
    Wrong,
    bounded,
    present,
    unbased,
    unreadable,
    wrong,
)
from regulars.core.errors import Rejected

#: PostHog's own events that are calls; the rest of its own are tracked under the names below.
_CALLS = {
    "$pageview": "page", "$screen": "screen", "$identify": "identify", "$set": "identify",
    "$create_alias": "alias", "$merge_dangerously": "alias", "$groupidentify": "group",
}  # fmt: skip
_NAMES = {
    "$pageleave": "Page Left", "$rageclick": "Rage Clicked", "$dead_click": "Dead Clicked",
    "$exception": "Script Failed",
    "$feature_flag_called": "Feature Flag Called", "$web_vitals": "Web Vitals Measured",
    "$copy_autocapture": "Text Copied",
    "$opt_in": "Tracking Opted In",
}  # fmt: skip
_AUTOCAPTURED = {"click": "Element Clicked", "change": "Element Changed", "submit": "Form Submitted"}
#: Of PostHog's own properties, those that say something of an event; the others are the client's book-keeping.
_OWN = {
    "Page Left": {
        "$prev_pageview_pathname": "path", "$prev_pageview_duration": "seconds",
        "$prev_pageview_max_scroll_percentage": "scrolled",
    },
    "Feature Flag Called": {"$feature_flag": "feature_flag", "$feature_flag_response": "response"},
    "Web Vitals Measured": {
        "$web_vitals_LCP_value": "lcp", "$web_vitals_CLS_value": "cls", "$web_vitals_FCP_value": "fcp",
        "$web_vitals_INP_value": "inp",
    },
    "Script Failed": {"$exception_type": "type", "$exception_message": "message"},
}  # fmt: skip
_CAMPAIGN = {
    "utm_source": "source", "utm_medium": "medium", "utm_campaign": "name", "utm_term": "term",
    "utm_content": "content",
}  # fmt: skip
#: The key, who, and what verifies a login: nothing that an event keeps.
_NO_PROPERTIES = ("token", "distinct_id", LOGIN_TOKEN)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


class _Token(msgspec.Struct, gc=False):
    token: str | None = None


class _First(msgspec.Struct, gc=False):
    api_key: str | None = None
    token: str | None = None
    properties: _Token | None = None


class _Batch(msgspec.Struct, gc=False):
    api_key: str | None = None
    token: str | None = None
    batch: list[msgspec.Raw] | None = None
    properties: _Token | None = None


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_first = msgspec.json.Decoder(_First).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class PostHog:
    """The format of PostHog's clients: a batch, a bare list or one event; from a closing page a form with base64."""

    route = "posthog"
    key_field = "api_key"
    events = "batch"

    def opened(self, body: bytes) -> bytes:
        """The body as `{"batch": [...]}`."""
        body = _unformed(body)
        if body[:1] == b"[":
            return b'{"batch":%b}' % body
        try:
            batch = _decode_batch(body).batch
        except UNREADABLE as error:
            raise unreadable(error, "a batch of PostHog", body) from None
        return body if batch is not None else b'{"batch":[%b]}' % body

    def envelope(self, body: bytes) -> Envelope:
        """The key stands outside, or in each event."""
        body = _unformed(body)
        try:
            if body[:1] == b"[":
                key, raws = None, _decode_list(body)
            else:
                batch = _decode_batch(body)
                key = batch.api_key or batch.token or (batch.properties.token if batch.properties else None)
                if batch.batch is None:
                    return Envelope(key or "", 1)
                raws = batch.batch
        except UNREADABLE as error:
            raise unreadable(error, "a batch of PostHog", body) from None
        if not key and raws:
            try:
                first = _decode_first(raws[0])
                key = first.api_key or first.token or (first.properties.token if first.properties else None)
            except UNREADABLE:
                key = None
        return Envelope(key or "", bounded(len(raws)))

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> Call:
        """One captured event."""
        fields = Fields(event)
        said = fields.table("properties")
        name = fields.text("event")
        if name is None:
            raise wrong("event", "the name of the event", None)
        kind = _CALLS.get(name, "track")
        call = Call(
            type=kind,
            message_id=fields.text("uuid") or said.text("$insert_id"),
            timestamp=_timestamp(event.get("timestamp", said.held.get("$time"))),
            context=_context(said),
            sent_at=outer.get("sent_at"),
        )
        _identify(call, fields, said, name)
        if kind == "track":
            call.event, call.properties = _tracked(name, said)
        elif kind == "page":
            call.properties = _kept(said) | present(
                url=said.text("$current_url"), path=said.text("$pathname"), referrer=_referrer(said),
                title=said.text("title", "$title"),
            )  # fmt: skip
        elif kind == "screen":
            call.name, call.properties = said.text("$screen_name"), _kept(said)
        elif kind == "identify":
            call.traits = _facts(fields, said)
        elif kind == "group":
            call.group_id = said.text("$group_key")
            call.traits = present(group_type=said.text("$group_type")) | dict(said.table("$group_set").held)
        return call

    def unfolded(self, event: Any) -> Any:
        """Nothing is packed inside."""
        return event


def _unformed(body: bytes) -> bytes:
    """The JSON in a form's field `data`; any other body as it is."""
    body = body.strip()
    if body[:1] in (b"{", b"["):
        return body
    try:
        form = parse_qs(body.decode(), max_num_fields=100)
        data = form["data"][0]
        return data.strip().encode() if data.lstrip()[:1] in ("{", "[") else unbased(data).strip()
    except (ValueError, KeyError) as error:
        raise Rejected(
            "the body is neither JSON nor a form with JSON in base64; other compressions than gzip are not understood",
            field="body",
            expected="JSON, gzip, or data= with base64",
            got=body[:40].decode(errors="replace") or "nothing",
        ) from error


def _identify(call: Call, fields: Fields, said: Fields, name: str) -> None:
    """Say who: before a login the id is the device's, afterwards the shop's own and the device's stands beside it."""
    who = fields.text("distinct_id", "$distinct_id") or said.text("distinct_id")
    device = said.text("$device_id")
    if name in ("$create_alias", "$merge_dangerously"):
        _alias(call, who, said)
        call.anonymous_id = device or call.anonymous_id
        return
    if name == "$groupidentify" and device is None and said.held.get("$is_server") is True:
        group = f"${said.text('$group_type')}_{said.text('$group_key')}"
        if who is not None and (who == group or _UUID.match(who)):
            # What a server says of a company is not said by any customer; its client makes up an id for it.
            raise Wrong(Failure("no_identifier", "distinct_id", "the customer who belongs to the group", who))
    anonymous = said.text("$anon_distinct_id")
    if device is None and said.held.get("$process_person_profile") is False and anonymous is None:
        call.anonymous_id = who  # made up for one event that is nobody's
        return
    call.anonymous_id = device or anonymous
    if call.anonymous_id is None or (who != call.anonymous_id and said.held.get("$is_identified") is not False):
        call.user_id = who
    if anonymous is not None and anonymous not in (call.anonymous_id, call.user_id):
        call.previous_id = anonymous
    for kind in ("email", "phone"):  # also with events that are no identify
        value = said.table("$set").held.get(kind) if name not in ("$identify", "$set") else None
        if isinstance(value, str) and call.context is not None:
            call.context.external_ids = [*(call.context.external_ids or ()), ExternalId(id=value, type=kind)]


def _alias(call: Call, who: str | None, said: Fields) -> None:
    other = said.text("alias")
    if other is None:
        raise wrong("properties.alias", "the other id", None)
    # Clients make ids of this form for those who are not logged in. Where neither is one, the Python client names the
    # earlier id first and all others name it second.
    turned = said.text("$lib") == "posthog-python"
    earlier, user = (who, other) if turned else (other, who)
    if user is not None and _UUID.match(user) and not (earlier and _UUID.match(earlier)):
        earlier, user = user, earlier
    call.user_id, call.previous_id, call.anonymous_id = user, earlier, earlier


def _tracked(name: str, said: Fields) -> tuple[str, dict[str, Any]]:
    properties = _kept(said)
    if name == "$autocapture":
        kind = said.text("$event_type") or "click"
        return _AUTOCAPTURED.get(kind, "Element Used"), properties | _element(said)
    if not name.startswith("$"):
        return name, properties
    known = _NAMES.get(name) or name.lstrip("$").replace("_", " ").title() or "$"
    if known in ("Rage Clicked", "Dead Clicked"):
        properties |= _element(said)
    own = _OWN.get(known, {})
    return known, properties | {ours: said.held[theirs] for theirs, ours in own.items() if theirs in said.held}


def _element(said: Fields) -> dict[str, Any]:
    """The innermost element, without what somebody typed into it."""
    elements = said.listed("$elements")
    first = Fields(elements[0]) if elements and isinstance(elements[0], dict) else Fields({})
    chain = (said.text("$elements_chain") or "").partition(";")[0]
    tag = first.text("tag_name") or re.split(r"[.:]", chain, maxsplit=1)[0] or None
    text = said.text("$el_text") or first.text("$el_text", "text")
    href = first.text("attr__href", "href") or _in_chain(chain, "href")
    identifier = first.text("attr__id", "attr_id") or _in_chain(chain, "attr_id")
    found = {"tag": tag, "text": text, "href": href, "element_id": identifier}
    return {name: value[:LONGEST_TEXT] for name, value in found.items() if value is not None}


def _in_chain(chain: str, name: str) -> str | None:
    found = re.search(rf'{name}="([^"]*)"', chain)
    return found[1] if found else None


def _kept(said: Fields) -> dict[str, Any]:
    """The shop's own properties."""
    return {k: v for k, v in said.held.items() if not k.startswith("$") and k not in _NO_PROPERTIES}


def _facts(fields: Fields, said: Fields) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for given in ("$set_once", "$set"):
        for held in (said, fields):
            facts.update(held.table(given).held)
    return {name: value for name, value in facts.items() if not name.startswith("$") and value is not None}


def _timestamp(stated: Any) -> str | int | float | None:
    if stated is None or isinstance(stated, str | float) or type(stated) is int:
        return stated
    raise wrong("timestamp", "a time", stated)


def _referrer(said: Fields) -> str | None:
    referrer = said.text("$referrer")
    return None if referrer == "$direct" else referrer


def _context(said: Fields) -> Context:
    page = present(
        url=said.text("$current_url"), path=said.text("$pathname"), referrer=_referrer(said), title=said.text("title"),
    )  # fmt: skip
    device = said.text("$device_type")
    campaign = {ours: said.held[theirs] for theirs, ours in _CAMPAIGN.items() if isinstance(said.held.get(theirs), str)}
    return Context(
        page=Page(**page) if page else None,
        device=Device(type=device.lower()) if device else None,
        user_agent=said.text("$raw_user_agent", "$user_agent"),
        locale=said.text("$browser_language", "$locale"),
        campaign=campaign or None,
        regulars_token=said.text(LOGIN_TOKEN),
    )
