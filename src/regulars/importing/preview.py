"""What an import would do, without doing it: the first rows as they would be, and every column that is not used."""

from collections.abc import Iterator
from itertools import islice

import msgspec

from regulars.collect.files.columns import Columns
from regulars.collect.files.kind import BadRow, Call, Row
from regulars.core.definitions import Definitions
from regulars.importing.files import BrokenRow, read
from regulars.importing.job import about_of
from regulars.importing.journal import Given
from regulars.importing.kinds import kind_of

#: Rows that are looked at, and shown.
LOOKED_AT, SHOWN = 1_000, 5


class Preview(msgspec.Struct, kw_only=True):
    """The first rows of a file."""

    kind: str
    rows: int = 0  # that were looked at
    calls: list[Call] = []  # the first ones
    bad: list[BadRow] = []  # all of those that were looked at
    broken: list[BrokenRow] = []
    used: dict[str, str] = {}  # column -> field
    kept: list[str] = []  # columns that go in under their own name
    unused: list[str] = []


def preview(given: Given, definitions: Definitions) -> Preview:
    """Look at the first rows."""
    kind = kind_of(given.kind)
    about = about_of(definitions, given)
    if kind.check is not None:
        kind.check(about)
    found = Preview(kind=kind.name)
    columns: dict[str, None] = {}

    def rows() -> Iterator[Row]:
        for row in islice(read(given), LOOKED_AT):
            found.rows += 1
            if isinstance(row, BrokenRow):
                found.broken.append(row)
            else:
                columns.update(dict.fromkeys(map(str, row[1] if isinstance(row[1], dict) else ())))
                yield row

    for one in kind.calls(rows(), about):
        if isinstance(one, BadRow):
            found.bad.append(one)
        elif len(found.calls) < SHOWN:
            found.calls.append(one)
    known = Columns(kind.columns, given.mapping)
    for column in columns:
        field = known.field(column)
        if field:
            found.used[column] = field
        elif field == "" or not kind.keeps_others:
            found.unused.append(column)
        else:
            found.kept.append(column)
    return found
