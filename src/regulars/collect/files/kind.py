"""What a kind of file is: how it is recognised, and how its rows become calls of the Segment spec.

A kind is a module of this package with a `KIND`, and a line in `collect.files`. Most rows stand alone: a function takes
what the row says (by field, empty cells left out) and returns the call, or None where there is nothing to tell.

    def _review(said: Said, about: About) -> Payload | None:
        call = who_and_when(said, about)  # takes identifiers, time and message id out of `said`
        told = {"product_id": ident("product_id", said["product_id"]), "rating": number("rating", said["rating"])}
        return {"type": "track", "event": "Product Reviewed", **call, "properties": told}

    KIND = FileKind(
        name="reviews", title="reviews of products, one a row", example="reviews.csv", event="Product Reviewed",
        columns={**WHO, **WHEN, "product_id": LINE["product_id"], "rating": ("stars", "sterne")},
        needs=("product_id", "rating"), calls=per_row(_review),
    )

What is wrong with a cell is raised (`cells.wrong`); the row is then kept as a failed event that can be mended, and the
others go on. The message id is made of the call's content, so that a file imported twice counts once: nothing in a
call may depend on when the file is read (`about.now`). A file that is no table gets a reader in `importing.readers`.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from regulars.collect.files.cells import is_empty, wrong
from regulars.collect.files.columns import Columns
from regulars.core.errors import Rejected

#: What a row says, by field; columns of no field by their own name.
Said = dict[str, Any]
#: A call of the Segment spec.
Payload = dict[str, Any]
#: A row with the line (or number) that it stands on.
Row = tuple[int, Mapping[str, Any]]
Rows = Iterable[Row]


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """What there is to know of a file beside its rows: the shop's ways, and what the caller says."""

    currency: str = "EUR"
    time_zone: str = "UTC"
    now: int = 0  # ms
    types: tuple[str, ...] = ()  # of identifiers of a person
    purposes: tuple[str, ...] = ()
    mapping: dict[str, str] = {}  # column -> field
    options: dict[str, str] = {}  # of the kind, by name


class Call(msgspec.Struct, frozen=True):
    """A call made of one row, or of the rows of one order."""

    line: int  # the first one
    rows: int
    payload: Payload
    part: int = 0  # which of the functions of `per_row`


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot become an event; the other rows are not affected.

    `kept` is what has to be read again once it is mended: the row, or all rows of the order. It is empty where another
    bad row of the same order has them.
    """

    line: int
    field: str
    expected: str
    got: str
    kept: tuple[Row, ...] = ()
    part: int = 0  # which of the functions of `per_row`

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: expected {self.expected}, got {self.got}"


class FileKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of file."""

    name: str  # as in --kind
    title: str  # what a row of it is
    example: str  # a file of it, with the options that it needs: for the help
    event: str  # under which bad rows are listed
    noun: str = "events"
    columns: Mapping[str, tuple[str, ...]]  # field -> other names of its column
    needs: tuple[str, ...]  # fields that a file of this kind has; "total|price" is one of two
    calls: Callable[[Rows, About], Iterator[Call | BadRow]]
    formats: tuple[str, ...] = ()  # that are of this kind alone, as gpx; none: tables
    options: Mapping[str, str] = {}  # of `--set NAME=VALUE`: name -> what it says
    keeps_others: bool = True  # columns that are no field go in under their own name
    others: str = ""  # what a column may be mapped to besides the fields
    into: str = "events"  # where the payloads go: see `importing.sinks`
    check: Callable[[About], None] | None = None  # raises Rejected where the shop's files lack something

    def likeness(self, columns: Iterable[str], mapping: Mapping[str, str]) -> int:
        """How many of the columns are fields of this kind; 0 where one is missing that it needs."""
        known = Columns(self.columns, mapping)
        found = {field for column in columns if (field := known.field(column)) is not None}
        return len(found) if all(any(one in found for one in need.split("|")) for need in self.needs) else 0


def per_row(
    columns: Mapping[str, tuple[str, ...]], *makes: Callable[[Said, About], Payload | None]
) -> Callable[[Rows, About], Iterator[Call | BadRow]]:
    """Rows that stand alone. With several functions a row becomes several calls, and each of these may fail alone."""

    def calls(rows: Rows, about: About) -> Iterator[Call | BadRow]:
        known = Columns(columns, about.mapping)
        for line, row in rows:
            for part, make in enumerate(makes):
                try:
                    payload = make(said_of(row, known), about)
                except Rejected as error:
                    yield BadRow(line, error.field, error.expected, error.got, ((line, row),), part)
                    continue
                if payload is not None:
                    yield Call(line, 1, identified(payload), part)

    return calls


def said_of(row: object, columns: Columns) -> Said:
    """The cells that say something, by field; other columns by their own name."""
    if not isinstance(row, Mapping):
        raise wrong("row", "an object of fields", row)
    said: Said = {}
    for column, value in row.items():
        if is_empty(value):
            continue
        field = columns.field(str(column))
        if field == "":
            continue
        said.setdefault(field if field is not None else str(column).removeprefix("properties."), value)
    return said


def identified(call: Payload) -> Payload:
    """The call with a message id made of its content, where it has none."""
    if "messageId" not in call:
        try:
            content = msgspec.json.encode(call, order="deterministic")
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise wrong("row", f"values that JSON can hold ({error})", call) from None
        call["messageId"] = "import-" + hashlib.blake2b(content, digest_size=12).hexdigest()
    return call
