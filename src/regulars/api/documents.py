"""The description of the API: /openapi.json for programs, /docs for people. The hot routes stand in both."""

import html
from functools import lru_cache
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, get

from regulars.api.intake import BATCH_BYTES, IMPORT_BYTES, ROUTES

_EVENT = {
    "type": "object",
    "description": "A call of the Segment spec.",
    "properties": {
        "type": {"type": "string", "description": "In a batch: track, identify, page, screen, group or alias."},
        "event": {"type": "string", "description": "Name of a tracked event, as the tracking plan has it."},
        "messageId": {"type": "string", "description": "Unique per source; a repeated one counts once."},
        "userId": {"type": "string"},
        "anonymousId": {"type": "string"},
        "properties": {"type": "object"},
        "traits": {"type": "object"},
        "context": {"type": "object"},
        "timestamp": {"type": "string", "format": "date-time"},
        "writeKey": {"type": "string", "description": "Where no header carries it."},
    },
}
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
    "400": "the body is not JSON, or not of this route's shape",
    "401": "no key, or an unknown one",
    "403": "the key or the page's origin may not do this",
    "413": "larger than this route takes",
    "415": "an encoding other than gzip",
    "422": "with strict: at least one event would fail, and nothing was stored",
    "503": "the disk is full or slow; send it again after Retry-After seconds",
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
    paths = {f"/v1/{path}": {"post": _intake(path, route)} for path, route in ROUTES.items()}
    document["paths"] = {**paths, **document.get("paths", {})}
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {"Event": _EVENT, "Problem": _PROBLEM}
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "basic", "description": "The key is the user name; no password."},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    document["security"] = [{"key": []}, {"bearer": []}]
    return msgspec.json.encode(document)


def _intake(path: str, route: str) -> dict[str, Any]:
    one: dict[str, Any] = {"$ref": "#/components/schemas/Event"}
    many = {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": one}}}
    limit = IMPORT_BYTES if route == "import" else BATCH_BYTES
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "tags": ["events"],
        "operationId": f"Intake{path.title()}",
        "summary": f"{route} events" if route in ("batch", "import") else f"One {route} call",
        "description": f"Stored durably before the answer. At most {limit} bytes; gzip is understood.",
        "parameters": [
            {
                "name": "strict",
                "in": "query",
                "schema": {"type": "string", "enum": ["1"]},
                "description": "Check every event now, store all or nothing, and answer with each verdict.",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": many if route in ("batch", "import") else one}},
        },
        "responses": {
            "200": {
                "description": "Stored.",
                "content": {
                    "application/json": {"schema": {"type": "object", "properties": {"success": {"type": "boolean"}}}}
                },
            },
            **{status: {"description": text, "content": problem} for status, text in _ANSWERS.items()},
        },
    }


HANDLERS = (openapi, docs)
