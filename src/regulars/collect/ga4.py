"""Google Analytics 4 -> calls of the Segment spec: the Measurement Protocol, what its web tag sends, and its export.

The same event may come in three spellings: JSON of a server (`/mp/collect`), parameters of an address and lines of a
body (`/g/collect`), and rows of the export to BigQuery. The latter two are brought into the form of the first.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from regulars.collect.call import UNREADABLE, Call, Context, Device, ExternalId, Page
from regulars.collect.ga4_shop import CALLS, name_of, shop_event
from regulars.collect.plan import Failure
from regulars.collect.wire import Envelope, Fields, Wrong, bounded, present, unreadable, wrong
from regulars.core.errors import Rejected

#: What says something about consent; the room `profile` reads it.
_CONSENT = ("gcs", "gcd", "ad_storage", "analytics_storage", "ad_user_data", "ad_personalization")
#: Parameters of the web tag that are event parameters under another name.
_WEB = {"dl": "page_location", "dr": "page_referrer", "dt": "page_title", "ul": "language", "cu": "currency"}
_WEB_ITEM = {
    "id": "item_id", "nm": "item_name", "br": "item_brand", "ca": "item_category", "c2": "item_category2",
    "c3": "item_category3", "c4": "item_category4", "c5": "item_category5", "va": "item_variant", "pr": "price",
    "qt": "quantity", "ds": "discount", "cp": "coupon", "lp": "index", "li": "item_list_id", "ln": "item_list_name",
    "af": "affiliation", "pi": "promotion_id", "pn": "promotion_name",
}  # fmt: skip
_MOST_PARAMETERS = 1_000
_DEVICES = {"mobile": "mobile", "tablet": "tablet", "desktop": "desktop", "smart tv": "tv"}


class _Payload(msgspec.Struct, gc=False):
    events: list[msgspec.Raw]


_decode_payload = msgspec.json.Decoder(_Payload).decode


class GoogleAnalytics:
    """`POST /mp/collect`, and `/g/collect` as its parameters and, after a line break, its body."""

    route = "ga4"
    key_field = "api_secret"
    events = "events"

    def opened(self, body: bytes) -> bytes:
        """The body as `{"client_id": …, "events": [...]}`."""
        if body.lstrip()[:1] == b"{":
            return body
        try:
            lines = [parse_qsl(line, max_num_fields=_MOST_PARAMETERS) for line in body.decode().splitlines()]
        except ValueError as error:
            raise unreadable(error, "parameters of Google's web tag", body) from None
        if not lines or not any(name in ("tid", "en", "cid") for name, _ in lines[0]):
            raise Rejected(
                "neither JSON of the Measurement Protocol nor parameters of Google's web tag",
                field="body",
                expected='{"client_id": …, "events": […]}, or v=2&tid=…&cid=…&en=…',
                got=body[:40].decode(errors="replace") or "nothing",
            )
        return msgspec.json.encode(_of_web(dict(lines[0]), [dict(line) for line in lines[1:] if line]))

    def envelope(self, body: bytes) -> Envelope:
        """The key stands in the address."""
        try:
            raws = _decode_payload(self.opened(body)).events
        except UNREADABLE as error:
            raise unreadable(error, "a body of the Measurement Protocol", body) from None
        return Envelope("", bounded(len(raws)))

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> Call:
        """One event of a payload."""
        fields, around = Fields(event), Fields(outer)
        name, params = fields.text("name"), fields.table("params")
        if name is None:
            raise wrong("name", "the name of the event", None)
        time = _micros(event.get("timestamp_micros", outer.get("timestamp_micros")))
        call = Call(
            type=CALLS.get(name, "track"),
            message_id=fields.text("message_id"),
            user_id=fields.text("user_id") or around.text("user_id"),
            anonymous_id=around.text("client_id", "app_instance_id"),
            timestamp=time,
            context=_context(params, around),
        )
        if call.message_id is None and time is not None:
            # The protocol has no ids; what was done by whom in the same microsecond is the same event.
            call.message_id = _digest(call.user_id, call.anonymous_id, name, fields.held, outer.get("timestamp_micros"))
        items = params.listed("items")
        if call.type == "track":
            call.event = name_of(name)
            call.properties = shop_event(call.event, params, items)
        elif call.type == "page":
            call.properties = shop_event("", params, []) | present(
                url=params.text("page_location"), title=params.text("page_title"),
                referrer=params.text("page_referrer"), path=_path(params.text("page_location")),
            )  # fmt: skip
        else:
            call.name = params.text("screen_name", "firebase_screen", "firebase_screen_class")
            call.properties = shop_event("", params, [])
        return call

    def unfolded(self, event: Any) -> Any:
        """Nothing is packed inside."""
        return event


def exported(row: Mapping[str, Any]) -> Call:
    """One row of a table `events_…` of the export to BigQuery, from JSON or Parquet. Raises Wrong."""
    said = Fields(row)
    name = said.text("event_name")
    if name is None:
        raise wrong("event_name", "the name of the event", None)
    params = _parameters(row.get("event_params"), "event_params")
    ecommerce = said.table("ecommerce")
    params |= present(
        transaction_id=params.get("transaction_id") or ecommerce.text("transaction_id"),
        value=params.get("value", _first(ecommerce, "purchase_revenue", "refund_value")),
        tax=params.get("tax", ecommerce.number("tax_value")),
        shipping=params.get("shipping", ecommerce.number("shipping_value")),
        items=_plain_list(row.get("items")),
    )
    stated = said.number("event_timestamp")
    if stated is None:
        raise wrong("event_timestamp", "microseconds", None)
    place = [said.text(name) for name in ("event_bundle_sequence_id", "batch_page_id", "batch_ordering_id",
                                          "batch_event_index")]  # fmt: skip
    device = said.table("device")
    outer: dict[str, Any] = {
        "client_id": said.text("user_pseudo_id"),
        "user_id": said.text("user_id"),
        "campaign": _campaign_of(said),
        "device": _DEVICES.get(device.text("category") or ""),
        "consent": _privacy(said.table("privacy_info")),
        "language": device.text("language"),
    }
    event = {
        "name": name,
        "params": params,
        "timestamp_micros": stated,
        "message_id": _digest(outer["client_id"], outer["user_id"], name, stated, place, row.get("event_params")),
    }
    return GoogleAnalytics().call(event, outer)


def _of_web(shared: dict[str, str], lines: list[dict[str, str]]) -> dict[str, Any]:
    """The web tag's parameters in the form of the Measurement Protocol."""
    place = [shared.get(name) for name in ("tid", "cid", "sid", "_p", "_s")]
    events = []
    for number, own in enumerate(lines or [{}]):
        given = shared | own
        event: dict[str, Any] = {"name": given.get("en", ""), "params": _web_params(given), "user_id": given.get("uid")}
        if given.get("_p") and given.get("_s"):  # which page, and the how manieth of its requests
            event["message_id"] = _digest(*place, number, event["name"])
        events.append(event)
    return {
        "client_id": shared.get("cid"),
        "consent": present(gcs=shared.get("gcs"), gcd=shared.get("gcd")),
        "events": events,
    }


def _web_params(given: Mapping[str, str]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    items: list[dict[str, str]] = []
    for name, value in given.items():
        if name.startswith("ep."):
            params[name[3:]] = value
        elif name.startswith("epn."):
            params[name[4:]] = Fields({name: value}).number(name) if _is_number(value) else value
        elif name in _WEB:
            params[_WEB[name]] = value
        elif re.fullmatch(r"pr\d{1,3}", name):
            items.append(_web_item(value))
    if items:
        params["items"] = items
    return params


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text) is not None


def _web_item(text: str) -> dict[str, str]:
    return {_WEB_ITEM[one[:2]]: one[2:] for one in text.split("~") if one[:2] in _WEB_ITEM and one[2:]}


def _context(params: Fields, outer: Fields) -> Context:
    url = params.text("page_location")
    page = present(
        url=url, path=_path(url), referrer=params.text("page_referrer"), title=params.text("page_title"),
    )  # fmt: skip
    kind = outer.text("device")
    said = outer.table("consent")
    google = {name: _word(name, word) for name in _CONSENT if (word := said.text(name)) is not None}
    return Context(
        page=Page(**page) if page else None,
        device=Device(type=kind) if kind else None,
        locale=params.text("language") or outer.text("language"),
        campaign=dict(outer.table("campaign").held) or _campaign(params, url) or None,
        google_consent=google or None,
        external_ids=list(_hashed(outer.table("user_data"))) or None,
    )


def _word(name: str, word: str) -> str:
    return word if name in ("gcs", "gcd") else word.lower()


def _hashed(data: Fields) -> Iterator[ExternalId]:
    """Addresses that the sender hashed; what else it says of a person stays in the log."""
    given = data.held.get("sha256_email_address")
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, str) and re.fullmatch(r"[0-9a-fA-F]{64}", one):
            yield ExternalId(id=one, type="email_sha256")


def _campaign(params: Fields, url: str | None) -> dict[str, Any]:
    said = present(
        name=params.text("campaign"), source=params.text("source"), medium=params.text("medium"),
        term=params.text("term"), content=params.text("content"),
    )  # fmt: skip
    if said or url is None or "utm_" not in url:
        return said
    try:
        given = dict(parse_qsl(url.partition("?")[2].partition("#")[0], max_num_fields=100))
    except ValueError:
        return {}
    words = {"name": "campaign", "source": "source", "medium": "medium", "term": "term", "content": "content"}
    return {ours: given[f"utm_{theirs}"] for ours, theirs in words.items() if given.get(f"utm_{theirs}")}


def _path(url: str | None) -> str | None:
    found = re.match(r"[a-z][a-z0-9+.-]*://[^/?#]*([^?#]*)", url or "")
    return (found[1] or "/") if found else None


def _micros(stated: Any) -> int | None:
    """Microseconds, as milliseconds."""
    if stated is None or stated == "":
        return None
    found = Fields({"timestamp_micros": stated}).number("timestamp_micros")
    if found is None or not 0 < found < 2**62:
        raise Wrong(Failure("invalid_value", "timestamp_micros", "microseconds since 1970", str(stated)[:60]))
    return int(found) // 1000


def _digest(*said: Any) -> str:
    content = msgspec.json.encode(said, enc_hook=str, order="deterministic")
    return "ga4-" + hashlib.blake2b(content, digest_size=12).hexdigest()


def _first(said: Fields, *names: str) -> int | float | None:
    return next((found for name in names if (found := said.number(name)) is not None), None)


def _plain_list(given: Any) -> list[Any] | None:
    """A list as JSON has it, or as Parquet's older form of lists wraps it."""
    if isinstance(given, Mapping):
        given = given.get("list")
    if given is None:
        return None
    if not isinstance(given, list):
        raise wrong("items", "a list", given)
    return [one["element"] if isinstance(one, Mapping) and set(one) == {"element"} else one for one in given] or None


def _parameters(given: Any, field: str) -> dict[str, Any]:
    """`[{key, value: {string_value, …}}]` as an object."""
    found: dict[str, Any] = {}
    for one in _plain_list(given) or ():
        if not isinstance(one, Mapping):
            raise wrong(field, "a list of keys and values", one)
        said = Fields(one, f"{field}.")
        name, value = said.text("key"), said.table("value")
        if name is None:
            continue
        text = value.text("string_value")
        number = _first(value, "int_value", "float_value", "double_value")
        if text is not None or number is not None:
            found[name] = text if text is not None else number
    return found


def _campaign_of(said: Fields) -> dict[str, Any]:
    """How this event's session came; the export's older `traffic_source` tells of the first visit instead."""
    source = said.table("collected_traffic_source")
    return present(
        name=source.text("manual_campaign_name"), source=source.text("manual_source"),
        medium=source.text("manual_medium"), term=source.text("manual_term"), content=source.text("manual_content"),
    )  # fmt: skip


def _privacy(said: Fields) -> dict[str, str]:
    words = {"Yes": "granted", "No": "denied"}
    given = {"analytics_storage": said.text("analytics_storage"), "ad_storage": said.text("ads_storage")}
    return {name: words[word] for name, word in given.items() if word in words}
