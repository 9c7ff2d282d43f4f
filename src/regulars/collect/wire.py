"""What the formats of other vendors have in common: the events of a body, and fields that may be of any type."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from regulars.collect.body import BODY_EVENTS, mended, plain
from regulars.collect.call import UNREADABLE, Call
from regulars.collect.plan import Failure, shown
from regulars.core.errors import Rejected

#: In what stands around the events of a body: when it was received, ms.
RECEIVED = "(received)"
#: What a field is called, in whatever format, that holds a token which verifies a login (`collect.tokens`).
LOGIN_TOKEN = "regulars_token"  # noqa: S105 - a name
#: Of a text that says what was clicked or looked for.
LONGEST_TEXT = 500
_decode = msgspec.json.Decoder().decode


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What the door wants to know of a body."""

    key: str  # that it carries; "" for none
    events: int


@runtime_checkable
class Format(Protocol):
    """How one vendor's clients write events. One file, one entry in `collect.formats`."""

    #: The log's name for it: the route of a record.
    route: str
    #: Where the key stands in a body, for messages.
    key_field: str
    #: What the list of events is called in a body that `opened` gives.
    events: str

    def opened(self, body: bytes) -> bytes:
        """An unpacked body as JSON: an object with the list of events. Raises Rejected where it cannot be read."""
        ...

    def envelope(self, body: bytes) -> Envelope:
        """Key and number of events of an unpacked body; raises Rejected where its shape is wrong."""
        ...

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> Call:
        """One event as a call of the Segment spec; `outer` is the body without its events. Raises Wrong."""
        ...

    def unfolded(self, event: Any) -> Any:
        """The same with everything that is packed inside unpacked; `call` reads it as before."""
        ...


class Wrong(Exception):
    """A field that cannot be read; turns one event into a failed one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.field)
        self.failure = failure


def wrong(field: str, expected: str, got: Any) -> Wrong:
    """A field of a wrong type, or missing."""
    if got is None:
        return Wrong(Failure("missing_field", field, expected, "nothing"))
    return Wrong(Failure("wrong_type", field, expected, shown(got)))


class Fields:
    """Fields of an event that anybody may have written.

    >>> Fields({"a": 1, "b": {"c": "x"}}).text("a"), Fields({"b": {"c": "x"}}).table("b").text("c")
    ('1', 'x')
    """

    __slots__ = ("_at", "held")

    def __init__(self, held: Mapping[str, Any], at: str = "") -> None:
        self.held = held
        self._at = at

    def text(self, *names: str) -> str | None:
        """The first of these fields that is there, as text; numbers are texts, too, and an empty text is nothing."""
        for name in names:
            value = self.held.get(name)
            if value is None or value == "":
                continue
            if isinstance(value, str):
                return value
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise wrong(self._at + name, "text", value)
            return str(value)
        return None

    def table(self, name: str) -> "Fields":
        """An object; empty where it is absent."""
        value = self.held.get(name)
        if value is None:
            return Fields({}, f"{self._at}{name}.")
        if not isinstance(value, dict):
            raise wrong(self._at + name, "an object", value)
        return Fields(value, f"{self._at}{name}.")

    def number(self, name: str) -> int | float | None:
        """A number, also one that was written as text; anything else fails."""
        value = self.held.get(name)
        if value is None or value == "":
            return None
        found = as_number(value)
        if found is None:
            raise wrong(self._at + name, "a number", value)
        return found

    def listed(self, name: str) -> list[Any]:
        """A list; empty where it is absent."""
        value = self.held.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong(self._at + name, "a list", value)
        return value


def as_number(value: Any) -> int | float | None:
    """A finite number of at most 64 bits; None for what is none.

    >>> as_number("9.50"), as_number("12"), as_number("nan"), as_number(True)
    (9.5, 12, None, None)
    """
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 40 or not text.isascii() or "_" in text:
            return None
        try:
            value = int(text)
        except ValueError:
            try:
                value = float(text)
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -(2**63) <= value < 2**63 else None  # false for what is not a number


def milliseconds(text: str | None) -> int | None:
    """A time written as whole milliseconds.

    >>> milliseconds("1512032400250"), milliseconds("soon")
    (1512032400250, None)
    """
    return int(text) if text is not None and len(text) <= 16 and text.isascii() and text.isdecimal() else None


def present(**given: Any) -> dict[str, Any]:
    """Those that are not None.

    >>> present(a=1, b=None)
    {'a': 1}
    """
    return {name: value for name, value in given.items() if value is not None}


def unbased(text: str) -> bytes:
    """Base64, of addresses or plain, with or without its end; raises ValueError."""
    try:
        cleaned = text.strip().replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(cleaned + "=" * (-len(cleaned) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None


def packed_json(value: Any, field: str, *, based: bool) -> Any:
    """JSON inside a text field, bounded like a body; an object is taken as it is."""
    if value is None or isinstance(value, dict | list):
        return value
    if not isinstance(value, str):
        raise wrong(field, "JSON in a text", value)
    try:
        return decoded(plain(unbased(value) if based else value.encode(errors="surrogatepass")))
    except (ValueError, Rejected, *UNREADABLE):
        raise wrong(field, "JSON" + (" in base64" if based else ""), value) from None


def decoded(raw: bytes) -> Any:
    """JSON of any shape; halves of surrogate pairs are replaced. Raises one of UNREADABLE."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        better = mended(raw)
        if better == raw:
            raise
        return _decode(better)


def bounded(events: int) -> int:
    """The number of events, where it is not too large."""
    if events > BODY_EVENTS:
        raise Rejected(
            f"{events} events in one body; send at most {BODY_EVENTS}",
            field="body",
            expected=f"at most {BODY_EVENTS} events",
            got=str(events),
        )
    return events


def unreadable(error: Exception, expected: str, body: bytes) -> Rejected:
    """What a body is answered with that is not of the format."""
    got = body[:40].decode(errors="replace") or "nothing"
    return Rejected(f"the body is not {expected}: {error}", field="body", expected=expected, got=got)
