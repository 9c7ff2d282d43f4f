"""Snowplow's tracker protocol -> calls of the Segment spec."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from regulars.collect.call import UNREADABLE, Call, Context, Device, ExternalId, Page
from regulars.collect.plan import shown
from regulars.collect.snowplow_shop import ACTIONS, ECOMMERCE, banner_used, shop_event
from regulars.collect.wire import (
    LOGIN_TOKEN,
    Envelope,
    Fields,
    bounded,
    milliseconds,
    packed_json,
    present,
    unreadable,
    wrong,
)
from regulars.core.errors import Rejected

#: Snowplow's own schemas that are events of the Segment spec under another name.
_NAMES = {
    "link_click": "Link Clicked", "submit_form": "Form Submitted", "change_form": "Form Changed",
    "focus_form": "Form Focused", "social_interaction": "Product Shared", "ad_click": "Ad Clicked",
    "ad_impression": "Ad Shown", "ad_conversion": "Ad Converted", "application_error": "Script Failed",
    "page_ping": "Page Pinged",
}  # fmt: skip
_FORMS = ("submit_form", "change_form", "focus_form")
_DEVICES = {"mob": "mobile", "tv": "tv", "cnsl": "console", "iot": "iot", "srv": "server", "headset": "headset"}
_SCHEMA = re.compile(r"iglu:(?P<vendor>[\w.-]+)/(?P<name>[\w.-]+)/jsonschema/[\w.-]+\Z")
_CAMPAIGN = re.compile(r"utm_(source|medium|campaign|term|content)\Z")


class _Aid(msgspec.Struct, gc=False):
    aid: str | None = None


class _Post(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]


class _Named(msgspec.Struct, gc=False):
    data: list[_Aid]


_decode_named = msgspec.json.Decoder(_Named).decode
_decode_post = msgspec.json.Decoder(_Post).decode
_decode_aid = msgspec.json.Decoder(_Aid).decode


class Snowplow:
    """`POST /com.snowplowanalytics.snowplow/tp2` and the parameters of `GET /i`."""

    route = "snowplow"
    key_field = "aid"
    events = "data"

    def opened(self, body: bytes) -> bytes:
        """A POST is JSON; what came as parameters of an address becomes a POST of one event."""
        if body[:1] == b"{" or body.lstrip()[:1] == b"{":  # the second copies it
            return body
        try:
            given = dict(parse_qsl(body.decode(), max_num_fields=200, strict_parsing=True))
        except ValueError as error:
            raise Rejected(
                f"neither JSON of the tracker protocol nor parameters: {shown(str(error))}",
                field="body",
                expected="payload_data in JSON, or parameters as e=pv&aid=shop",
                got=body[:40].decode(errors="replace") or "nothing",
            ) from None
        return msgspec.json.encode({"data": [given]})

    def envelope(self, body: bytes) -> Envelope:
        """A tracker says in each event which application it is of."""
        body = self.opened(body)
        try:
            # One pass over the body where every event is an object, as trackers write them.
            named = _decode_named(body).data
            return Envelope((named[0].aid or "") if named else "", bounded(len(named)))
        except UNREADABLE:
            pass  # of some event, or of all: found out below
        try:
            raws = _decode_post(body).data
        except UNREADABLE as error:
            raise unreadable(error, "payload_data of Snowplow", body) from None
        key = None
        if raws:
            try:
                key = _decode_aid(raws[0]).aid
            except UNREADABLE:
                key = None
        return Envelope(key or "", bounded(len(raws)))

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> Call:
        """One event, whose self-describing part and contexts are JSON in a text, in base64 or not."""
        fields = Fields(event)
        kind = fields.text("e")
        if kind is None:
            raise wrong("e", "the kind of the event", None)
        contexts = list(_contexts(event))
        call = Call(
            type="track",
            message_id=fields.text("eid"),
            user_id=fields.text("uid"),
            anonymous_id=fields.text("duid") or _of_device(contexts) or fields.text("tnuid", "nuid"),
            timestamp=milliseconds(fields.text("ttm")) or milliseconds(fields.text("dtm")),
            context=_context(fields),
            sent_at=milliseconds(fields.text("stm")),
        )
        _user(call, contexts)
        if kind == "pv":
            call.type = "page"
            call.properties = present(
                url=fields.text("url"), title=fields.text("page"), referrer=fields.text("refr"), path=_path(fields)
            )
        elif kind == "pp":
            call.event = "Page Pinged"
            call.properties = present(url=fields.text("url"), scrolled=fields.number("pp_may"))
        elif kind == "se":
            call.event = fields.text("se_ac")
            call.properties = present(
                category=fields.text("se_ca"), label=fields.text("se_la"), property=fields.text("se_pr"),
                value=fields.number("se_va"),
            )  # fmt: skip
        elif kind == "tr":
            if fields.text("tr_id") is None:
                raise wrong("tr_id", "the order's id", None)
            call.event = "Order Completed"
            call.properties = present(
                order_id=fields.text("tr_id"), affiliation=fields.text("tr_af"), total=fields.number("tr_tt"),
                tax=fields.number("tr_tx"), shipping=fields.number("tr_sh"), currency=fields.text("tr_cu"),
            )  # fmt: skip
        elif kind == "ti":
            call.event, call.properties = "Order Updated", _line_of_order(fields)
        elif kind == "ue":
            _describe(call, _unpacked(event, "ue_pr", "ue_px"), contexts)
        else:
            raise wrong("e", "pv, pp, se, ue, tr or ti", kind)
        return call

    def unfolded(self, event: Any) -> Any:
        """The same with its self-describing part and contexts as objects."""
        if not isinstance(event, dict):
            return event
        found = dict(event)
        for plain, based in (("ue_pr", "ue_px"), ("co", "cx")):
            unpacked = _unpacked(found, plain, based)
            if unpacked is not None:
                found.pop(based, None)
                found[plain] = unpacked
        return found


def _line_of_order(fields: Fields) -> dict[str, Any]:
    """A line of the order that a `tr` tells, before or after; profile.orders puts the lines together."""
    for name, expected in (("ti_id", "the order's id"), ("ti_sk", "the product's SKU")):
        if fields.text(name) is None:
            raise wrong(name, expected, None)
    line = present(
        product_id=fields.text("ti_sk"), name=fields.text("ti_nm"), category=fields.text("ti_ca"),
        price=fields.number("ti_pr"), quantity=fields.number("ti_qu"),
    )  # fmt: skip
    order = present(order_id=fields.text("ti_id"), currency=fields.text("ti_cu"))
    return {**order, "products": [line], "one_by_one": True}


def _unpacked(event: dict[str, Any], plain: str, based: str) -> Any:
    packed = event.get(based)
    if packed:
        return packed_json(packed, based, based=True)
    return packed_json(event.get(plain) or None, plain, based=False)


def _contexts(event: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(vendor, name, data) of each entity; what is no entity is passed over."""
    outer = _unpacked(event, "co", "cx")
    held = outer.get("data") if isinstance(outer, dict) else None
    for one in held if isinstance(held, list) else ():
        if isinstance(one, dict) and isinstance(one.get("data"), dict):
            found = _SCHEMA.match(str(one.get("schema")))
            if found is not None:
                yield found["vendor"], found["name"], one["data"]


def _describe(call: Call, outer: Any, contexts: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Name and properties by the schema of a self-describing event."""
    inner = outer.get("data") if isinstance(outer, dict) else None
    if not isinstance(inner, dict):
        raise wrong("ue_pr", "a self-describing event", outer)
    found = _SCHEMA.match(str(inner.get("schema")))
    if found is None:
        raise wrong("ue_pr.data.schema", "iglu:vendor/name/jsonschema/version", inner.get("schema"))
    vendor, name = found["vendor"], found["name"]
    held = inner.get("data")
    data = Fields(held if isinstance(held, dict) else {}, "ue_pr.data.data.")
    if vendor == ECOMMERCE and name == "snowplow_ecommerce_action":
        call.event, call.properties = shop_event(data, contexts)
        return
    own = vendor.startswith("com.snowplowanalytics.")
    if own and name == "consent_preferences":
        call.event, call.properties, said = banner_used(data)
        if said is not None and call.context is not None:
            call.context.consent = said
    elif own and name == "screen_view":
        call.type, call.name, call.properties = "screen", data.text("name"), present(screen_type=data.text("type"))
    elif own and name == "site_search":
        terms = [str(term) for term in data.listed("terms")]
        call.event, call.properties = (
            "Products Searched",
            present(query=" ".join(terms), results=data.number("totalResults")),
        )
    elif own and name in ACTIONS:
        call.event = ACTIONS[name]
        call.properties = present(
            product_id=data.text("sku"), name=data.text("name"), category=data.text("category"),
            price=data.number("unitPrice"), quantity=data.number("quantity"), currency=data.text("currency"),
        )  # fmt: skip
    elif own and name in _FORMS:
        # What somebody typed is nobody's business here.
        call.event = _NAMES[name]
        call.properties = present(
            form_id=data.text("formId"), element_id=data.text("elementId"), tag=data.text("nodeName")
        )
    else:
        call.event = _NAMES.get(name, name) if own else name
        call.properties = dict(data.held)


def _of_device(contexts: list[tuple[str, str, dict[str, Any]]]) -> str | None:
    """The id that apps give to their installation."""
    for _, name, data in contexts:
        if name == "client_session":
            return Fields(data, "client_session.").text("userId")
    return None


def _user(call: Call, contexts: list[tuple[str, str, dict[str, Any]]]) -> None:
    for vendor, name, data in contexts:
        if name == LOGIN_TOKEN and call.context is not None:
            call.context.regulars_token = Fields(data, f"{LOGIN_TOKEN}.").text("token")
        if vendor == ECOMMERCE and name == "user":
            user = Fields(data, "user.")
            if call.user_id is None and data.get("is_guest") is not True:
                call.user_id = user.text("id")
            email = user.text("email")
            if email is not None and call.context is not None:
                call.context.external_ids = [ExternalId(id=email, type="email")]


def _path(fields: Fields) -> str | None:
    url = fields.text("url")
    found = re.match(r"[a-z][a-z0-9+.-]*://[^/?#]*([^?#]*)", url or "")
    return (found[1] or "/") if found else None


def _context(fields: Fields) -> Context:
    url = fields.text("url")
    page = present(
        url=url, path=_path(fields), referrer=fields.text("refr"), title=fields.text("page"),
    )  # fmt: skip
    device = _DEVICES.get(fields.text("p") or "")
    return Context(
        page=Page(**page) if page else None,
        device=Device(type=device) if device else None,
        user_agent=fields.text("ua"),
        locale=fields.text("lang"),
        campaign=_campaign(url) or None,
    )


def _campaign(url: str | None) -> dict[str, Any]:
    """Snowplow reads the campaign from the address of the page."""
    if url is None or "utm_" not in url:
        return {}
    try:
        given = parse_qsl(url.partition("?")[2].partition("#")[0], max_num_fields=100)
    except ValueError:
        return {}
    found = {match[1]: value for name, value in given if (match := _CAMPAIGN.match(name))}
    if "campaign" in found:
        found["name"] = found.pop("campaign")
    return found
