"""Rows of files in the log: those that could not become events wait there to be mended, whole and with their file.

A row that is sent this way is read as `regulars import` would read it. So the rows of an order that has a bad line are
one event, which fails with the column that is wrong; mended, it is read again.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from regulars.collect import call as calls
from regulars.collect.call import UNREADABLE
from regulars.collect.files import KINDS
from regulars.collect.files.columns import Columns
from regulars.collect.files.kind import About, BadRow, FileKind
from regulars.collect.plan import Failure
from regulars.collect.wire import Envelope, Wrong, bounded, unreadable, wrong
from regulars.core.log import ROWS


class Entry(msgspec.Struct, omit_defaults=True, rename={"message_id": "messageId"}):
    """Rows of a file that belong together."""

    kind: str
    rows: list[dict[str, Any]]
    lines: list[int] = []
    file: str = ""  # its name
    part: int = 0  # which call of the row
    about: About = About()
    message_id: str = ""
    event: str = ""
    #: Reason, field, expected and got, where nothing reads the row again: a product.
    wrong: tuple[str, str, str, str] | None = None


class _Rows(msgspec.Struct):
    rows: list[msgspec.Raw]


_decode_rows = msgspec.json.Decoder(_Rows).decode


def entry_of(bad: BadRow, kind: FileKind, about: About, file: str) -> bytes:
    """A bad row as it goes into the log. Its message id is made of what it says, so that it waits there once."""
    rows = [_object(row) for _, row in bad.kept]
    entry = Entry(kind.name, rows, [line for line, _ in bad.kept], file, bad.part, about, event=kind.event)
    if kind.into != "events":
        why = _failure(bad, kind, about)
        entry.wrong = (why.reason, why.field, why.expected, why.got)
    steady = msgspec.structs.replace(entry, lines=[], about=msgspec.structs.replace(about, now=0))
    content = msgspec.json.encode(steady, order="deterministic")
    entry.message_id = "row-" + hashlib.blake2b(content, digest_size=12).hexdigest()
    return msgspec.json.encode(entry)


class RowsOfFiles:
    """The form of rows of files; `regulars import` sends it, and whoever has the rows of a file."""

    route = ROWS
    key_field = ""
    events = "rows"

    def opened(self, body: bytes) -> bytes:
        """The body as it is."""
        return body

    def envelope(self, body: bytes) -> Envelope:
        """No key stands in it."""
        try:
            return Envelope("", bounded(len(_decode_rows(body).rows)))
        except UNREADABLE as error:
            raise unreadable(error, 'an object {"rows": [...]}', body) from None

    def call(self, event: dict[str, Any], outer: dict[str, Any]) -> calls.Call:
        """The call that the rows make."""
        del outer
        try:
            entry = msgspec.convert(event, Entry)
        except msgspec.ValidationError as error:
            raise Wrong(Failure("malformed", "", "kind and rows of a file", str(error)[:200])) from None
        if entry.wrong is not None:
            raise Wrong(Failure(*entry.wrong))
        kind = KINDS.get(entry.kind)
        if kind is None:
            raise Wrong(Failure("invalid_value", "kind", "one of " + ", ".join(KINDS), entry.kind[:120]))
        payload = msgspec.json.encode(_payload(entry, kind))
        found = calls.read_call(payload)
        if isinstance(found, Failure):
            raise Wrong(found)
        return found

    def unfolded(self, event: Any) -> Any:
        """Nothing is packed inside."""
        return event


def _object(row: object) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()} if isinstance(row, Mapping) else {"row": row}


def _payload(entry: Entry, kind: FileKind) -> dict[str, Any]:
    made: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    try:
        for one in kind.calls(list(enumerate(entry.rows)), entry.about):
            if isinstance(one, BadRow):
                if one.part == entry.part:
                    raise Wrong(_failure(one, kind, entry.about, entry.rows))
            else:
                (made if one.part == entry.part else others).append(one.payload)
    except (KeyError, ValueError) as error:  # a time zone that there is not
        raise Wrong(Failure("invalid_value", "about", "the ways of a shop", str(error)[:120])) from None
    made = made or others  # a receipt that only took goods back sells nothing
    if len(made) != 1:
        raise wrong("rows", "rows that make one event", f"{len(made)} events")
    return made[0]


def _failure(bad: BadRow, kind: FileKind, about: About, rows: list[dict[str, Any]] | None = None) -> Failure:
    """What is wrong with a row, by the name that its column has in the file."""
    known = Columns(kind.columns, about.mapping)
    place = bad.line if rows is not None else 0
    row = bad.kept[0][1] if rows is None else rows[place] if place < len(rows) else {}
    column = bad.field
    if isinstance(row, Mapping):
        column = next((str(name) for name in row if known.field(str(name)) == bad.field), bad.field)
    reason = "missing_field" if bad.got == "nothing" else "invalid_value"
    return Failure(reason, f"rows.{place}.{column}", bad.expected, bad.got)
