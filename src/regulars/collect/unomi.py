"""Apache Unomi's events -> calls of the Segment spec."""

import re
from typing import Any

import msgspec

from regulars.collect.call import UNREADABLE, Call, Context, Page
from regulars.collect.wire import LOGIN_TOKEN, Envelope, Fields, bounded, present, unreadable, wrong
from regulars.core.event import CONSENT

#: Unomi's own kinds under the names of the spec; `view` and `login` are calls.
_NAMES = {
    "search": "Products Searched", "form": "Form Submitted", "click": "Element Clicked", "video": "Video Used",
    "download": "File Downloaded",
}  # fmt: skip


class _Item(msgspec.Struct, gc=False):
    scope: str | None = None


class _Scoped(msgspec.Struct, gc=False):
    scope: str | None = None
    source: _Item | None = None


class _Body(msgspec.Struct, gc=False):
    events: list[msgspec.Raw] | None = None
    source: _Item | None = None


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_scoped = msgspec.json.Decoder(_Scoped).decode


class Unomi:
    """`POST /cxs/eventcollector` and the events that ride along with `POST /cxs/context.json`."""

    route = "unomi"
    key_field = "scope"
    events = "events"

    def opened(self, body: bytes) -> bytes:
        """It is JSON as it comes."""
        return body

    def envelope(self, body: bytes) -> Envelope:
        """The scope says of which site."""
        try:
            found = _decode_body(body)
            raws = found.events or []
            scope = found.source.scope if found.source is not None else None
        except UNREADABLE as error:
            raise unreadable(error, 'an object {"events": [...]}', body) from None
        if scope is None and raws:
            try:
                first = _decode_scoped(raws[0])
                scope = first.scope or (first.source.scope if first.source is not None else None)
            except UNREADABLE:
                scope = None
        return Envelope(scope or "", bounded(len(raws)))

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> Call:
        """One event. The browser is known by the profile that it names, else by its session."""
        fields, around = Fields(event), Fields(outer)
        kind = fields.text("eventType")
        if kind is None:
            raise wrong("eventType", "the kind of the event", None)
        target, source = fields.table("target"), fields.table("source")
        page = (target if kind == "view" else source).table("properties").table("pageInfo")
        call = Call(
            type="track",
            message_id=fields.text("itemId"),
            anonymous_id=around.text("profileId") or fields.text("profileId") or around.text("sessionId"),
            timestamp=fields.text("timeStamp"),
            context=Context(page=_page(page), regulars_token=fields.table("properties").text(LOGIN_TOKEN)),
        )
        said = {name: value for name, value in fields.table("properties").held.items() if name != LOGIN_TOKEN}
        flat = fields.table("flattenedProperties").held
        if kind == "view":
            call.type, call.name = "page", page.text("pageName")
            call.properties = said | present(
                url=page.text("destinationURL"), path=page.text("pagePath"), referrer=page.text("referringURL"),
                page_id=page.text("pageID"),
            )  # fmt: skip
        elif kind == "login":
            call.type, call.user_id = "identify", target.text("itemId")
            call.traits = dict(target.table("properties").held)
        elif kind == "modifyConsent":
            call.event, call.properties = CONSENT, _consent(fields.table("properties").table("consent"))
        elif kind == "search":
            call.event, call.properties = "Products Searched", present(query=fields.table("properties").text("keyword"))
        elif kind == "form":
            # What somebody typed is nobody's business here; the names of the fields are enough.
            names = flat.get("fields")
            call.event = _NAMES[kind]
            call.properties = present(
                form_id=target.text("itemId"), fields=sorted(names) if isinstance(names, dict) else None
            )
        else:
            call.event = _NAMES.get(kind) or _words(kind)
            call.properties = dict(target.table("properties").held) | said | dict(flat)
            identifier = target.text("itemId")
            if identifier is not None:
                named = "product_id" if target.text("itemType") == "product" else "item_id"
                call.properties.setdefault(named, identifier)
        return call

    def unfolded(self, event: Any) -> Any:
        """Nothing is packed inside."""
        return event


def _words(kind: str) -> str:
    """An event's name in words.

    >>> _words("productViewed"), _words("wishlist_shared")
    ('Product Viewed', 'Wishlist Shared')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", kind.replace("_", " ").replace("-", " "))
    return spaced.title() if spaced.strip() else kind


def _consent(said: Fields) -> dict[str, Any]:
    purpose, status = said.text("typeIdentifier"), said.text("status")
    if purpose is None:
        raise wrong("properties.consent.typeIdentifier", "the purpose", None)
    return {"purposes": {purpose: status == "GRANTED"}, "method": "unomi"}


def _page(page: Fields) -> Page | None:
    held = present(
        url=page.text("destinationURL"), path=page.text("pagePath"), referrer=page.text("referringURL"),
        title=page.text("pageName"), search=page.text("destinationSearch"),
    )  # fmt: skip
    return Page(**held) if held else None
