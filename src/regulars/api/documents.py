"""The description of the API: /openapi.json for programs, /docs for people. The hot routes stand in both."""

import html
from functools import lru_cache
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, get

from regulars.api.hot_routes import hot_paths, hot_schemas

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457, with the field, what was expected and what came.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "expected": {"type": "string"},
        "got": {"type": "string"},
    },
}
_ANSWERS = {
    "400": "the body or a parameter cannot be read, or is not of this route's shape",
    "401": "no key, or an unknown one",
    "403": "the key or the page's origin may not do this",
    "404": "nobody and nothing is known so",
    "409": "the shop's settings do not allow it",
    "413": "larger than this route takes",
    "415": "an encoding other than gzip",
    "422": "read, and refused: a strict event, a wrong product, a command",
    "429": "more than the source's rate, or too many refused keys; try again after Retry-After seconds",
    "503": "the disk is full or slow; send it again after Retry-After seconds",
}
#: Of those, what a question without a body may be answered with; 404 where its address names something.
_OF_QUESTIONS = ("400", "401", "403", "429", "503")
#: What anybody may ask without a key.
_OPEN = ("/health", "/ready", "/metrics", "/v1/consent/texts")
_ITEM = {
    "type": "object",
    "description": "A product as the catalogue reads it.",
    "required": ["id"],
    "properties": {"id": {"description": "The item's own id."}},
}

_LEVEL = {
    "type": "object",
    "description": "How much there is of a product, or of a variant.",
    "required": ["stock"],
    "properties": {
        "id": {"description": "The product's id; may be left out where `sku` is there."},
        "sku": {"type": "string"},
        "stock": {"type": "integer"},
        "store": {"type": "string", "description": "Of this store alone."},
        "updated_at": {"type": "string", "description": "As of when: ISO 8601."},
    },
}
#: Structs that are written as lists, whose description the framework gives as that of objects.
_PRICE_SPAN = {
    "type": "array",
    "description": "A price of the past: minor units, from and until when (UTC ms; nothing until now).",
    "prefixItems": [{"type": "integer"}, {"type": "integer"}, {"type": ["integer", "null"]}],
}


@get("/openapi.json", include_in_schema=False, sync_to_thread=True)
def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The description in the form of OpenAPI 3.1."""
    return Response(_document(request.app), media_type="application/json")


@get("/docs", include_in_schema=False, sync_to_thread=True, media_type=MediaType.HTML)
def docs(request: Request[Any, Any, Any]) -> str:
    """The same as one page, without scripts."""
    document = msgspec.json.decode(_document(request.app))
    rows = "".join(
        f"<tr><td><code>{method.upper()}</code></td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(one.get('summary', ''))}<br>"
        f"<small>{html.escape(one.get('description', ''))}</small></td></tr>"
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Regulars: HTTP API</title>'
        "<style>body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}"
        "td{padding:.5rem .8rem;border-top:1px solid #ccc;vertical-align:top}table{border-collapse:collapse}</style>"
        '<h1>Regulars: HTTP API</h1><p>For programs: <a href="/openapi.json">/openapi.json</a>. Keys stand in '
        f"<code>sources.toml</code>. A bad request is answered with the field, what was expected and what came.</p>"
        f"<table>{rows}</table></html>"
    )


@lru_cache(maxsize=1)
def _document(app: Litestar) -> bytes:
    document = app.openapi_schema.to_schema()
    document["paths"] = {**hot_paths(), **document.get("paths", {})}
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {**hot_schemas(), "Item": _ITEM, "PriceSpan": _PRICE_SPAN, "Problem": _PROBLEM}
    items = document["paths"]["/v1/catalog/items"]["post"], document["paths"]["/v1/catalog/items/{item}"]["put"]
    for operation, schema in zip(
        items, ({"type": "array", "items": {"$ref": "#/components/schemas/Item"}}, {"type": "object"}), strict=True
    ):
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    levels = {"required": True, "content": {"application/json": {"schema": {"type": "array", "items": _LEVEL}}}}
    document["paths"]["/v1/catalog/stock"]["post"]["requestBody"] = levels
    page = {"text/html": {"schema": {"type": "string", "description": "For reading: with `format=html`."}}}
    document["paths"]["/v1/privacy/access/{identifier}"]["get"]["responses"]["200"]["content"] |= page
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "basic", "description": "The key is the user name; no password."},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    document["security"] = [{"key": []}, {"bearer": []}]
    return msgspec.json.encode(_any_of(document))


def _any_of(said: Any) -> Any:
    """The same with "one of" as "any of": a whole number is an integer and a number at once."""
    if isinstance(said, dict):
        return {"anyOf" if name == "oneOf" else name: _any_of(one) for name, one in said.items()}
    return [_any_of(one) for one in said] if isinstance(said, list) else said


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say of an operation how it may be refused, always as a problem, and whether it needs a key."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers = operation["responses"]
    statuses: tuple[str, ...] = tuple(_ANSWERS)
    if method == "get":
        statuses = (*_OF_QUESTIONS, "404") if "{" in path else _OF_QUESTIONS
    if path in _OPEN:
        operation["security"] = []
        statuses = ("400", "503")
    for status in statuses:
        answers[status] = {"description": _ANSWERS[status], "content": problem}
    for status in ("429", "503"):
        if status in answers:
            seconds = {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
            answers[status] = {**answers[status], "headers": {"Retry-After": seconds}}
    if path == "/ready":  # which tells the same when it is not
        answers["503"] = {"description": "It is not ready; `reasons` say why.", "content": answers["200"]["content"]}


HANDLERS = (openapi, docs)
