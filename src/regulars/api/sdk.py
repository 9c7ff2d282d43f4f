"""The browser SDK as files that any page may load."""

from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from regulars.sdk import files

#: A page asks again after an hour; under its edition a file never changes.
_AN_HOUR, _FOR_EVER = "public, max-age=3600, stale-while-revalidate=86400", "public, max-age=31536000, immutable"


@get("/sdk/{name:str}", include_in_schema=False, sync_to_thread=False)
def newest(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """A file as it is now."""
    return _answer(request, name, _AN_HOUR)


@get("/sdk/{edition:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def edition_of(request: Request[Any, Any, Any], edition: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A file of one edition, which may be kept for ever; one of another edition is not there."""
    one = files().get(name)
    return _answer(request, name if one is not None and one.edition == edition else "", _FOR_EVER)


def _answer(request: Request[Any, Any, Any], name: str, keep: str) -> Response[bytes]:
    one = files().get(name)
    if one is None:
        raise NotFoundException
    packed = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{one.edition}{"-gzip" if packed else ""}"'
    headers = {
        "etag": tag,
        "cache-control": keep,
        "vary": "accept-encoding",
        # It is the same for everybody and holds nothing of anybody: also pages that isolate themselves may load it.
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
        "x-regulars-edition": one.edition,
    }
    known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(b"", status_code=304, headers=headers)
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(one.packed if packed else one.content, headers=headers, media_type=one.media_type)


HANDLERS = (newest, edition_of)
