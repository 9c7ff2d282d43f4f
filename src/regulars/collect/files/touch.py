"""Rows of touchpoints that speak no vendor's language -> calls of the Segment spec, from files and over HTTP alike.

A kind of row (`Touch`) says which columns it has, what one row becomes, and, where several rows make one fact, how
they are brought together first. It is one module of this package and one entry in `touches`: `regulars import` reads
it from CSV, NDJSON and Parquet, and `POST /v1/touchpoints/{kind}` takes it as JSON.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from regulars.collect.call import UNREADABLE, Call, read_call
from regulars.collect.files import cells
from regulars.collect.files.columns import WHO, Columns
from regulars.collect.files.kind import About, BadRow, FileKind, Said, identified, said_of
from regulars.collect.files.kind import Call as FileCall
from regulars.collect.files.kind import Rows as FileRows
from regulars.collect.plan import Failure
from regulars.collect.wire import RECEIVED, Envelope, Wrong, bounded, decoded, unreadable
from regulars.core.errors import Rejected

UTC = ZoneInfo("UTC")
#: Who it was: beside the usual ones the ids of apps and of what carries a beacon.
WHOM: dict[str, tuple[str, ...]] = {
    **WHO,
    "device_token": ("push_token", "app_id"),
    "beacon_device": ("beacon", "tag", "tag_id"),
    "order_id": ("bestellnummer", "order_number"),
}
WHEN: dict[str, tuple[str, ...]] = {
    "timestamp": ("time", "date", "datetime", "at", "occurred_at", "zeit", "zeitpunkt", "datum", "uhrzeit"),
    "message_id": ("event_id",),
}
_DIRECT = {"user_id": "userId", "anonymous_id": "anonymousId"}


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of row."""

    name: str
    columns: Mapping[str, tuple[str, ...]]
    #: A row as a call of the Segment spec; times without an offset are of that zone. Raises Rejected.
    call: Callable[[Said, ZoneInfo], dict[str, Any]]
    #: Several rows as fewer or more; a row that cannot be read stays as it is and fails by itself.
    gather: Callable[[list[Said], ZoneInfo], list[Said]] | None = None
    #: Fields that are not taken in: a body with one is refused before it is stored.
    never: frozenset[str] = frozenset()
    title: str  # what a row of it is
    example: str
    event: str
    needs: tuple[str, ...]  # fields that a file of this kind has
    formats: tuple[str, ...] = ()  # of files that are of this kind alone
    #: The call once its message id is made, with what depends on when it was received (ms).
    judge: Callable[[dict[str, Any], int], dict[str, Any]] | None = None
    #: A row as it may lie in the log, where some of what comes may not.
    clean: Callable[[dict[str, Any], Columns], dict[str, Any]] | None = None
    options: Mapping[str, str] = {}  # fields that hold for a whole file, by `--set`


def file_kind(touch: Touch) -> FileKind:
    """The same rows as a file."""
    columns = touch.columns

    def calls(rows: FileRows, about: About) -> Iterator[FileCall | BadRow]:
        zone, known = ZoneInfo(about.time_zone), Columns(columns, about.mapping)
        whole = {name: value for name, value in about.options.items() if name in touch.options}
        read = ((line, {**whole, **said_of(row, known)}) for line, row in rows)
        for line, row in read if touch.gather is None else _gathered(touch, read, zone):
            try:
                call = identified(touch.call(dict(row), zone))
                yield FileCall(line, 1, call if touch.judge is None else touch.judge(call, about.now))
            except Rejected as error:
                yield BadRow(line, error.field, error.expected, error.got, ((line, _kept(touch, row, known)),))

    return FileKind(
        name=touch.name, title=touch.title, example=touch.example, event=touch.event, columns=columns,
        needs=touch.needs, calls=calls, keeps_others=False, formats=touch.formats, options=touch.options,
    )  # fmt: skip


def _gathered(touch: Touch, read: Iterable[tuple[int, Said]], zone: ZoneInfo) -> Iterator[tuple[int, Said]]:
    marked = [{**said, _LINE: line} for line, said in read]
    for said in touch.gather(marked, zone) if touch.gather is not None else marked:
        line = said.pop(_LINE, 0)
        yield int(line), said


def _kept(touch: Touch, row: Said, known: Columns) -> Said:
    """A row that waits to be mended, without what may not lie in the log."""
    row = {name: value for name, value in row.items() if name.casefold() not in touch.never}
    return row if touch.clean is None else touch.clean(row, known)


#: Under which name a row's line goes along while rows are brought together.
_LINE = "(line)"


class Rows:
    """The rows of a kind over HTTP; also a format whose bodies the log keeps (`collect.wire.Format`).

    A body is one row, a list of rows, or `{"rows": [...]}`.
    """

    key_field = ""
    events = "rows"

    def __init__(self, touch: Touch) -> None:
        self.touch = touch
        self.route = ROUTE + touch.name
        self._columns = Columns(touch.columns)

    def opened(self, body: bytes) -> bytes:
        """The rows as they are translated."""
        try:
            found = decoded(body)
            if isinstance(found, dict) and found.get("gathered") is True and isinstance(found.get("rows"), list):
                return body
            rows = found.get("rows", [found]) if isinstance(found, dict) else found
            if not isinstance(rows, list):
                raise Rejected("rows is no list", field="rows", expected="a list of rows", got=type(rows).__name__)
            if self.touch.gather is not None:
                bounded(len(rows))
                rows = self._gathered(rows)
            return msgspec.json.encode({"gathered": True, "rows": rows})
        except (OverflowError, *UNREADABLE) as error:
            raise unreadable(error, f"rows of {self.touch.name} in JSON", body) from None

    def stored(self, body: bytes) -> bytes:
        """The body as it may lie in the log."""
        if self.touch.clean is None:
            return body
        found = decoded(self.opened(body))
        found["rows"] = [
            self.touch.clean(row, self._columns) if isinstance(row, dict) else row for row in found["rows"]
        ]
        return msgspec.json.encode(found)

    def envelope(self, body: bytes) -> Envelope:
        """How many events the rows are."""
        held = decoded(self.opened(body))["rows"]
        for row in held:
            if isinstance(row, dict):
                self._refuse(row)
        return Envelope("", bounded(len(held)))

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> Call:
        """One row."""
        try:
            payload = self.touch.call(said_of(event, self._columns), UTC)
            if payload.get("timestamp") is not None:
                payload = identified(payload)
            if self.touch.judge is not None:
                payload = self.touch.judge(payload, int(outer.get(RECEIVED, 0)))
        except Rejected as error:
            reason = "missing_field" if error.got == "nothing" else "invalid_value"
            raise Wrong(Failure(reason, error.field, error.expected, error.got)) from None
        found = read_call(msgspec.json.encode(payload))
        if isinstance(found, Failure):
            raise Wrong(found)
        return found

    def unfolded(self, event: Any) -> Any:
        """Nothing is packed inside."""
        return event

    def _gathered(self, rows: list[Any]) -> list[Any]:
        read = [said_of(row, self._columns) for row in rows if isinstance(row, dict)]
        unread = [row for row in rows if not isinstance(row, dict)]
        return [*(self.touch.gather(read, UTC) if self.touch.gather is not None else read), *unread]

    def _refuse(self, row: Mapping[str, Any]) -> None:
        named = {str(name).casefold() for name in row} & self.touch.never
        if named:
            listed = ", ".join(sorted(named))
            raise Rejected(
                f"rows of {self.touch.name} must not hold {listed}: nothing of this request was stored",
                field=min(named),
                expected="no positions",
                got=listed,
            )


#: What the routes of such bodies in the log begin with.
ROUTE = "touch:"


# What kinds have in common -------------------------------------------------------------------------------------------


def track(said: Said, event: str, properties: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """A call of somebody; takes who and when out of `said`."""
    call: dict[str, Any] = {"type": "track", "event": event, **who(said), **when(said, zone)}
    call["properties"] = {name: value for name, value in properties.items() if value is not None}
    return call


def who(said: Said) -> dict[str, Any]:
    """Takes the identifiers out of `said`; Rejected where there is none."""
    call: dict[str, Any] = {}
    external = []
    for kind in WHOM:
        if kind not in said or kind == "order_id":
            continue
        value = cells.ident(kind, said.pop(kind))
        if kind in _DIRECT:
            call[_DIRECT[kind]] = value
        else:
            external.append({"type": kind, "id": value})
    if external:
        call["context"] = {"externalIds": external}
    if not call:
        raise cells.wrong("user_id", f"who it was, in one of {', '.join(k for k in WHOM if k != 'order_id')}", None)
    return call


def when(said: Said, zone: ZoneInfo, field: str = "timestamp") -> dict[str, Any]:
    """Takes time and message id out of `said`; over HTTP the receipt is the time of what has none."""
    found: dict[str, Any] = {}
    if "message_id" in said:
        found["messageId"] = cells.ident("message_id", said.pop("message_id"))
    if field in said:
        found["timestamp"] = cells.moment(field, said.pop(field), zone)
    return found


def text(said: Said, name: str, *, most: int = 500) -> str | None:
    """A text, cut to `most` characters; a number is a text, too."""
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise cells.wrong(name, "text", value)
    return str(value).strip()[:most] or None


def needed_text(said: Said, name: str, expected: str) -> str:
    """A text that must be there."""
    found = text(said, name)
    if found is None:
        raise cells.wrong(name, expected, None)
    return found


def number(said: Said, name: str, *, least: float = 0, most: float = 1e12) -> int | float | None:
    """A number within bounds."""
    value = said.get(name)
    if value is None:
        return None
    found = cells.number(name, value)
    if not least <= found <= most:
        raise cells.wrong(name, f"a number from {least:g} to {most:g}", value)
    return found


def texts(said: Said, name: str, *, most: int = 50) -> list[str] | None:
    """A list of texts, also written as one text with commas or semicolons."""
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        value = [one for one in value.replace(";", ",").split(",") if one.strip()]
    if not isinstance(value, list) or not all(
        isinstance(one, str | int) and not isinstance(one, bool) for one in value
    ):
        raise cells.wrong(name, "a list of texts", value)
    return [str(one).strip()[:256] for one in value[:most]] or None
