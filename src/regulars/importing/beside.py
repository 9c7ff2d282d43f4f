"""Products that lie in a file beside other data: read whole, into no shop."""

from pathlib import Path
from typing import Any

from regulars.catalog import parse
from regulars.catalog.merge import merged
from regulars.collect.files.kind import About, BadRow
from regulars.core.catalog import CatalogItem
from regulars.core.errors import Rejected
from regulars.importing.files import BrokenRow, columns_of, format_of, read
from regulars.importing.journal import Given
from regulars.importing.kinds import KINDS

#: The name of the file, whatever its ending.
NAME = "products"
_OF_CATALOGUE = ("products", "merchant")


def products_beside(folder: Path, *, currency: str) -> tuple[Path, list[CatalogItem]] | None:
    """The products of the one file `products.*` in a folder, in any format that an import reads; None without one.

    A row that cannot be used is Rejected with its line: figures of half a catalogue would look like those of a whole.
    """
    files = sorted(one for one in folder.glob(f"{NAME}.*") if one.is_file())
    if not files:
        return None
    if len(files) > 1:
        raise Rejected(
            f"{folder} holds {len(files)} files of products: {', '.join(one.name for one in files)}; leave one",
            field="--path",
            expected="one file products.*",
        )
    (path,) = files
    given = Given(path=path, kind=NAME, format=format_of(path))
    columns = columns_of(given)
    likeness = {name: KINDS[name].likeness(columns, {}) for name in _OF_CATALOGUE}
    kind = max(likeness, key=lambda name: (likeness[name], name == NAME))
    if not likeness[kind]:
        raise Rejected(
            f"{path} holds no products by its columns",
            field="--path",
            expected="an id, and a title or a price; best also category, brand and attributes",
            got=", ".join(columns[:20]) or "no columns",
        )
    items: dict[str, CatalogItem] = {}
    for payload in _payloads(given, kind, About(currency=currency)):
        row = parse(payload, currency=currency)
        items[row.id] = merged(items.get(row.id), row)
    return path, list(items.values())


def _payloads(given: Given, kind: str, about: About) -> list[dict[str, Any]]:
    rows = []
    for row in read(given):
        if isinstance(row, BrokenRow):
            raise _useless(given, row.line, row.expected, row.got)
        rows.append(row)
    found: list[dict[str, Any]] = []
    for one in KINDS[kind].calls(rows, about):
        if isinstance(one, BadRow):
            raise _useless(given, one.line, f"{one.field}: {one.expected}", one.got)
        found.append(one.payload)
    return found


def _useless(given: Given, line: int, expected: str, got: str) -> Rejected:
    return Rejected(
        f"{given.name}:{line}: expected {expected}, got {got}; mend the row or take it out",
        field="--path",
        expected=expected,
        got=got,
    )
