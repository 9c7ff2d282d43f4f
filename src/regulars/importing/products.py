"""Files of the catalogue: products and content, feeds for Google, levels of stock; and what a full feed leaves out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from regulars.catalog import parse
from regulars.catalog.columns import ALIASES, field_of
from regulars.catalog.merchant import COLUMNS as MERCHANT
from regulars.catalog.merchant import product_of
from regulars.catalog.stock import COLUMNS as STOCK
from regulars.catalog.stock import parse_level
from regulars.collect.files.cells import moment
from regulars.collect.files.kind import About, BadRow, Call, FileKind, Rows
from regulars.core.errors import Rejected


def products(rows: Rows, about: About) -> Iterator[Call | BadRow]:
    """One item a row. An empty cell of a table says nothing, where a null of NDJSON clears a field."""
    for line, row in rows:
        try:
            named = _named(row, about)
            parse(named, currency=about.currency)
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got, ((line, row),))
        else:
            yield Call(line, 1, named)


def merchant(rows: Rows, about: About) -> Iterator[Call | BadRow]:
    """One item or variant a row."""
    for line, row in rows:
        try:
            item = product_of(_named(row, about))
            parse(item, currency=about.currency)
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got, ((line, row),))
        else:
            yield Call(line, 1, item)


def stock(rows: Rows, about: About) -> Iterator[Call | BadRow]:
    """One level a row; a time without its offset is the shop's."""
    zone = ZoneInfo(about.time_zone)
    for line, row in rows:
        try:
            named = _named(row, about)
            when = {name: moment("updated_at", value, zone) for name, value in named.items() if _says_when(name)}
            level = parse_level(named | when)
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got, ((line, row),))
        else:
            said = {
                "id": level.id, "sku": level.sku, "store": level.store, "stock_id": level.stock_id,
                "updated_at": level.time,
            }  # fmt: skip
            yield Call(line, 1, {**{k: v for k, v in said.items() if v}, "stock": level.stock})


def _says_when(column: str) -> bool:
    return field_of(column, STOCK) == "updated_at"


def _named(row: object, about: About) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise Rejected("a row is an object", field="row", expected="an object of fields", got=repr(row)[:120])
    named = {about.mapping.get(str(name), str(name)): value for name, value in row.items() if value != ""}
    named.pop("", None)  # a column that is mapped to nothing
    return named


class Seen:
    """Which products and variants a file names, so that a full one can tell which are gone."""

    def __init__(self) -> None:
        self.items: dict[str, set[str]] = {}
        self.stated: set[str] = set()  # of which the file says itself whether they are active
        self.unknown = 0  # rows that name a product nobody can read

    def note(self, one: Call | BadRow) -> None:
        """One row."""
        if isinstance(one, Call):
            read = parse(one.payload, currency="EUR")
            skus = self.items.setdefault(read.id, set())
            if "active" in read.changes:
                self.stated.add(read.id)
            variant = one.payload.get("variant")
            if isinstance(variant, Mapping):
                skus.add(str(variant.get("sku")))
            return
        self.unknown += 1

    def gone(self, held: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
        """Rows that take out what is missing of the products of the catalogue, and how many of these were active."""
        rows: list[dict[str, Any]] = []
        count = 0
        for item in held:
            identifier = str(item["id"])
            skus = self.items.get(identifier)
            if item.get("kind", "product") != "product":
                continue
            if item.get("active") is False:
                if skus is not None and identifier not in self.stated:
                    rows.append({"id": identifier, "active": True})  # it is sold again
                continue
            count += 1
            if skus is None:
                rows.append({"id": identifier, "active": False})
            elif skus and (missing := [one["sku"] for one in item.get("variants", ()) if one["sku"] not in skus]):
                rows.append({"id": identifier, "drop_variants": missing})
        return rows, count


def checked(rows: list[dict[str, Any]], count: int, seen: Seen, *, force: bool) -> list[dict[str, Any]]:
    """The rows, where it is safe to take these products out; raises Rejected."""
    out = sum(row.get("active") is False for row in rows)
    if force:
        return rows
    if seen.unknown:
        raise Rejected(
            f"{seen.unknown} rows could not be read, and the products that they name would become inactive; mend them "
            "and import again, or say --force. What could be read is in",
            field="--complete",
            expected="a file without bad rows",
            got=f"{seen.unknown} bad rows",
        )
    if 2 * out > count:
        raise Rejected(
            f"{out} of {count} active products would become inactive; is the file whole? Say --force if it is. "
            "What it names is in",
            field="--complete",
            expected="at most half of the products missing",
            got=f"{out} of {count}",
        )
    return rows


KINDS = (
    FileKind(
        name="products", title="products and content, one a row", example="products.csv", event="products",
        noun="items", columns=ALIASES, needs=("id", "title|price"), calls=products, into="products",
    ),
    FileKind(
        name="merchant", title="items of a Google product feed (TSV or XML)", example="feed.xml --complete",
        event="products", noun="items", columns=MERCHANT, needs=("id", "title", "price", "availability|image_link"),
        calls=merchant, into="products", keeps_others=False,
    ),
    FileKind(
        name="stock", title="levels of stock, of a product, a variant, in a store", example="stock.csv",
        event="stock", noun="levels", columns=STOCK, needs=("id|sku|stock_id", "stock"), calls=stock, into="stock",
        keeps_others=False,
    ),
)  # fmt: skip
