"""Hot routes as plain ASGI, and bodies that come packed."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from regulars.api.hot import Answer, HeaderList, Request, Route, too_large
from regulars.api.problem import Problem

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
#: Answers one request: `(scope, receive, send)`.
Handler: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Disconnected(Exception):
    """The client went away before its request was whole."""


async def serve(route: Route, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request of a hot route for a server that speaks ASGI."""
    headers: HeaderList = list(scope["headers"])
    client = scope.get("client")
    request = Request(scope["method"], scope["path"], scope["query_string"], headers, client[0] if client else "")
    answer = route.open(request)
    if answer is None:
        try:
            body = await read_body(receive, route.limit)
        except Disconnected:
            route.gone(request)
            return
        except Problem as problem:
            answer = route.refusal(request, problem)
        else:
            answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            route.take(request, body, lambda answer: None if answered.done() else answered.set_result(answer))
            answer = await answered
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def read_body(receive: Receive, limit: int) -> bytes:
    """The body as it was sent; a Problem 413 beyond `limit` bytes."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit, size)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def inflate(body: bytes, limit: int) -> bytes:
    """The body unpacked where it is gzip (by its first two bytes), never growing beyond `limit` bytes."""
    if body[:2] != b"\x1f\x8b":
        return body
    unpacker = zlib.decompressobj(31)
    try:
        content = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise Problem(400, f"the body is not gzip: {error}", field="body", expected="gzip", got="broken gzip") from None
    if len(content) > limit:
        raise too_large(limit, len(content))
    if not unpacker.eof:
        raise Problem(400, "the gzip body is cut off", field="body", expected="complete gzip", got=f"{len(body)} bytes")
    return content
