"""What the description of the API says of the hot routes, which Litestar does not know."""

from typing import Any

import msgspec

from regulars.api.decide import BODY_BYTES, PATH
from regulars.api.intake import BATCH_BYTES, IMPORT_BYTES, ROUTES
from regulars.api.search import MOST_ASKED, Answered, AnsweredFor
from regulars.api.search import PATH as SEARCH_PATH
from regulars.api.touchpoints import BYTES as TOUCH_BYTES
from regulars.api.vendors import BYTES
from regulars.api.webhooks import BYTES as DELIVERY_BYTES
from regulars.collect.files.touches import TOUCHES
from regulars.collect.formats import SHOP_SYSTEMS
from regulars.decide.call import Call, SearchCall

EVENT = {
    "type": "object",
    "description": "A call of the Segment spec. What is wrong inside one fails that event alone, after it was stored.",
    "properties": {
        "type": {"description": "In a batch: track, identify, page, screen, group or alias."},
        "event": {"description": "Name of a tracked event, as the tracking plan has it."},
        "messageId": {"description": "Unique per source; a repeated one counts once."},
        "userId": {"description": "Who, as the shop knows them: text or a number."},
        "anonymousId": {"description": "Who, as a browser or an app knows itself."},
        "properties": {"description": "An object."},
        "traits": {"description": "An object."},
        "context": {"description": "An object."},
        "timestamp": {"description": "ISO 8601, or milliseconds."},
        "writeKey": {"description": "Where no header carries it."},
    },
}
_OBJECT: dict[str, Any] = {"type": "object"}
_OBJECTS = {"type": "array", "items": _OBJECT}
#: Paths of other vendors' formats: the format, what its body holds at least, what it is told.
_VENDORS: dict[str, tuple[str, dict[str, Any], str]] = {
    "/batch/": ("posthog", {"required": ["batch"], "properties": {"batch": _OBJECTS}}, "application/json"),
    "/i/v0/e/": ("posthog", {"required": ["event"], "properties": {"event": {"type": "string"}}}, "application/json"),
    "/com.snowplowanalytics.snowplow/tp2": (
        "snowplow", {"required": ["data"], "properties": {"data": _OBJECTS}}, "text/plain"
    ),
    "/cxs/eventcollector": ("unomi", {"required": ["events"], "properties": {"events": _OBJECTS}}, "application/json"),
    "/cxs/context.json": ("unomi", {"properties": {"events": _OBJECTS}}, "application/json"),
}  # fmt: skip
_STRICT = {
    "name": "strict",
    "in": "query",
    "schema": {"type": "string"},
    "description": "`1`: check every event now, store all or nothing, and answer with each verdict.",
}


def hot_paths() -> dict[str, Any]:
    """Paths and their operations."""
    paths = {f"/v1/{path}": {"post": _intake(path, route)} for path, route in ROUTES.items()}
    paths[PATH] = {"post": _decide()}
    paths[SEARCH_PATH] = {"get": _search(), "post": _search_for()}
    for path, (vendor, body, told) in _VENDORS.items():
        operation = _post("events", f"Events of {vendor}'s clients", {"type": "object", **body}, BYTES[vendor], told)
        paths[path] = {"post": {**operation, "operationId": "Vendor" + "".join(filter(str.isalnum, path.title()))}}
    paths["/v1/webhooks/{system}/{source}"] = {"post": _webhook()}
    paths["/v1/touchpoints/{kind}"] = {"post": _touchpoint()}
    paths["/mp/collect"] = {"post": _measurement()}
    return paths


def hot_schemas() -> dict[str, Any]:
    """What they refer to."""
    shown = (Call, SearchCall, Answered, AnsweredFor)
    _, calls = msgspec.json.schema_components(shown, ref_template="#/components/schemas/{name}")
    return {"Event": EVENT, **calls}


def _post(tag: str, summary: str, body: dict[str, Any], limit: int, told: str = "application/json") -> dict[str, Any]:
    return {
        "tags": [tag],
        "summary": summary,
        "description": f"Stored durably before the answer. At most {limit} bytes; gzip is understood.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "Stored.",
                "content": {told: {"schema": _OBJECT if told == "application/json" else {"type": "string"}}},
            }
        },
    }


def _intake(path: str, route: str) -> dict[str, Any]:
    one: dict[str, Any] = {"$ref": "#/components/schemas/Event"}
    # A member of a batch that is no event at all fails as one: it never costs the others.
    many = {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": one}}}
    several = route in ("batch", "import")
    limit = IMPORT_BYTES if route == "import" else BATCH_BYTES
    summary = f"{route} events" if several else f"One {route} call"
    operation = _post("events", summary, many if several else one, limit)
    return {**operation, "operationId": f"Intake{path.title()}", "parameters": [_STRICT]}


def _decide() -> dict[str, Any]:
    said = "What this customer should see, for several placements"
    explain = {"name": "explain", "in": "query", "schema": {"type": "string"}, "description": "Server keys only."}
    operation = _post("decisions", said, {"$ref": "#/components/schemas/Call"}, BODY_BYTES)
    told = {"200": {"description": "The decision.", "content": {"application/json": {"schema": _OBJECT}}}}
    about = {"description": "Each placement with its offer or none, items and reasons."}
    return {**operation, **about, "operationId": "Decide", "parameters": [explain], "responses": told}


def _search() -> dict[str, Any]:
    asked: dict[str, tuple[dict[str, Any], str]] = {
        "q": ({"type": "string", "minLength": 1}, "What somebody types; a last word without a blank may go on."),
        "limit": ({"type": "integer", "minimum": 1, "maximum": MOST_ASKED}, "Products of the answer; 20 by default."),
        "category": ({"type": "string"}, "Of this category or below it."),
        "brand": ({"type": "string"}, "Of this brand."),
        "kind": ({"type": "string"}, "Of the catalogue's kinds; `product` by default."),
        "price_from": ({"type": "number", "minimum": 0}, "In the shop's currency."),
        "price_to": ({"type": "number", "minimum": 0}, "In the shop's currency."),
        "in_stock": ({"type": "string"}, "`1`: what is in stock."),
    }
    at = [
        {"name": name, "in": "query", "required": name == "q", "schema": schema, "description": text}
        for name, (schema, text) in asked.items()
    ]
    return {
        "tags": ["catalog"],
        "summary": "Products by what somebody types",
        "description": "With typing errors, within compounds; the order is the same for everybody. Nothing is stored.",
        "operationId": "Search",
        "parameters": at,
        "responses": _found("Answered"),
    }


def _search_for() -> dict[str, Any]:
    operation = _post("catalog", "What one customer finds", {"$ref": "#/components/schemas/SearchCall"}, BODY_BYTES)
    about = {"description": "In an order for the customer, by the shop's rules, recorded as a decision."}
    return {**operation, **about, "operationId": "SearchFor", "responses": _found("AnsweredFor")}


def _found(name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"200": {"description": "What was found.", "content": {"application/json": {"schema": schema}}}}


def _webhook() -> dict[str, Any]:
    operation = _post("events", "A delivery of a shop system", _OBJECT, DELIVERY_BYTES)
    texts: dict[str, Any] = {"system": {"type": "string", "enum": sorted(SHOP_SYSTEMS)}, "source": {"type": "string"}}
    at = [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in texts.items()]
    signed = "Signed over the raw body with the secret of its source. " + operation["description"]
    return {**operation, "description": signed, "operationId": "Webhook", "parameters": at, "security": []}


def _touchpoint() -> dict[str, Any]:
    operation = _post(
        "events", "Rows of a touchpoint: one, a list, or `rows`", _OBJECT | {"type": ["object", "array"]}, TOUCH_BYTES
    )
    kinds = {"type": "string", "enum": sorted(TOUCHES)}
    at = [{"name": "kind", "in": "path", "required": True, "schema": kinds}]
    return {**operation, "operationId": "Touchpoint", "parameters": at}


def _measurement() -> dict[str, Any]:
    body = {"type": "object", "required": ["events"], "properties": {"events": _OBJECTS}}
    operation = _post("events", "Events of Google's Measurement Protocol", body, BYTES["ga4"])
    secret = {"name": "api_secret", "in": "query", "schema": {"type": "string"}, "description": "The key of a source."}
    told = {"204": {"description": "Stored."}}
    return {**operation, "operationId": "MeasurementProtocol", "parameters": [secret], "responses": told}
