"""The body of a request before its events are looked at: gzip, bounds, the outer shape."""

import re
import zlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from regulars.core.errors import Rejected

#: Bytes of a body after unpacking; Segment's own limit is 500 kB, RudderStack's 4 MB.
BODY_BYTES = 4_000_000
#: Events of one body.
BODY_EVENTS = 5_000
#: Bytes of one event: 32 kB as Segment from browsers; servers send receipts of two hundred lines.
EVENT_BYTES = {"browser": 32_768, "server": 262_144}
#: Objects and lists within one another, the batch included.
DEPTH = 32
ROUTES = ("track", "identify", "page", "screen", "group", "alias", "batch", "import")
BATCHES = ("batch", "import")

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)


class _Outer(msgspec.Struct, gc=False):
    batch: list[msgspec.Raw]


_OUTER = msgspec.json.Decoder(_Outer)
T = TypeVar("T")

_SINGLE = msgspec.json.Decoder(dict[str, msgspec.Raw])


def envelope(body: bytes, route: str) -> int:
    """The number of events in a body, checked as far as is cheap before it is stored.

    Raises Rejected naming field, expected and got: not gzip, not JSON, not the shape of the route, too large, too deep.
    """
    if route not in ROUTES:
        raise Rejected(f"there is no route {route!r}", field="route", expected=", ".join(ROUTES), got=route)
    return len(split(plain(body), route))


def plain(body: bytes) -> bytes:
    """The body unpacked if it is gzip (by its first two bytes), and bounded in size and depth."""
    if body[:2] == b"\x1f\x8b":
        body = _unpacked(body)
    if len(body) > BODY_BYTES:
        raise _too_large(f"{len(body)} bytes")
    # A recursive decoder would give up at a depth that depends on the stack below it: decide it here, always the same.
    if _is_deeper(body, DEPTH) and _is_deeper(_STRING.sub(b"", body), DEPTH):
        raise Rejected(
            f"the body nests objects and lists deeper than {DEPTH} levels; send flatter events",
            field="body",
            expected=f"at most {DEPTH} levels",
            got="more",
        )
    return body


def split(body: bytes, route: str) -> list[msgspec.Raw]:
    """The verbatim events of an unpacked body; raises Rejected when the outer shape is wrong."""
    if route not in BATCHES:
        _tried(_SINGLE.decode, body, "an object")
        return [msgspec.Raw(mended(body))] if b"\\ud" in body.lower() else [msgspec.Raw(body)]
    batch = _tried(_OUTER.decode, body, 'an object {"batch": [...]}').batch
    if len(batch) > BODY_EVENTS:
        raise Rejected(
            f"{len(batch)} events in one body; send at most {BODY_EVENTS}",
            field="batch",
            expected=f"at most {BODY_EVENTS} events",
            got=str(len(batch)),
        )
    return batch


def mended(body: bytes) -> bytes:
    r"""The body with halves of surrogate pairs replaced, as browsers do when they encode a cut emoji as UTF-8.

    >>> mended(b'"\\ud83d ok \\ud83d\\ude00"')
    b'"\\ufffd ok \\ud83d\\ude00"'
    """
    return _ESCAPE.sub(lambda m: rb"\ufffd" if m[1] else m[0], body)


def may_hold_large_number(body: bytes) -> bool:
    """Whether some integer could be beyond 64 bits: nineteen digits in a row.

    A float is finite, or no decoder takes it.
    """
    return b"0" * 19 in body.translate(_DIGITS_ALIKE)


def _tried(decode: Callable[[bytes], T], body: bytes, expected: str) -> T:
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise _malformed(error, body, expected) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        better = mended(body)
        if better == body:
            raise _malformed(error, body, expected) from None
        return _tried(decode, better, expected)


def _malformed(error: Exception, body: bytes, expected: str) -> Rejected:
    if isinstance(error, msgspec.ValidationError):
        at = re.search(r"at `\$\.?([^`]*)`", str(error))
        field = at[1] if at else ("batch" if "`batch`" in str(error) else "")
        return Rejected(
            f"the body is not {expected}: {error}", field=field or "body", expected=expected, got=str(error)
        )
    got = body[:40].decode(errors="replace") or "nothing"
    return Rejected(f"the body is not JSON: {error}", field="body", expected="JSON in UTF-8, " + expected, got=got)


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(31)
    try:
        content = unpacker.decompress(body, BODY_BYTES + 1)
    except zlib.error as error:
        raise Rejected(f"the body is not gzip: {error}", field="body", expected="gzip", got="broken gzip") from None
    if len(content) > BODY_BYTES:
        raise _too_large("more, unpacked")
    if not unpacker.eof:
        raise Rejected("the gzip body is cut off", field="body", expected="complete gzip", got=f"{len(body)} bytes")
    return content


def _too_large(got: str) -> Rejected:
    return Rejected(
        f"the body is larger than {BODY_BYTES} bytes; send smaller batches",
        field="body",
        expected=f"at most {BODY_BYTES} bytes",
        got=got,
    )


def _is_deeper(body: bytes, depth: int) -> bool:
    """Whether brackets nest deeper; brackets within strings count, so True may be wrong and False never is."""
    brackets = body.translate(None, _NOT_BRACKETS)
    for _ in range(depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)
