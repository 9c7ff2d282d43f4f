"""The plain ASGI that hot routes speak."""

import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from regulars.api.problem import CONTENT_TYPE, Problem

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
#: Answers one request of a hot route: `(scope, receive, send)`.
Handler: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderList: TypeAlias = list[tuple[bytes, bytes]]


class Disconnected(Exception):
    """The client went away before its request was whole."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """The body as it was sent; a Problem 413 beyond `limit` bytes."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise too_large(limit, len(body))
        return body
    chunks, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit, size)
        chunks.append(chunk)
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


def too_large(limit: int, size: int) -> Problem:
    """What a body beyond its limit is answered with; the connection ends, for the rest was not read."""
    return Problem(
        413,
        f"the body is larger than {limit} bytes; send less in one request",
        field="body",
        expected=f"at most {limit} bytes",
        got=f"{size} bytes or more",
        headers=((b"connection", b"close"),),
    )


async def answer(send: Send, status: int, headers: HeaderList, body: bytes) -> None:
    """Send a whole answer."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_problem(send: Send, problem: Problem, cors: HeaderList) -> None:
    """Send a problem document."""
    headers = [(b"content-type", CONTENT_TYPE.encode()), *problem.headers, *cors]
    await answer(send, problem.status, headers, problem.body())
