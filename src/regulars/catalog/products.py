"""Rows of products and content (from JSON, NDJSON, CSV or Parquet) -> what is to change in the catalogue."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, get_args

import msgspec

from regulars.catalog.columns import ALIASES, VARIANT_ALIASES, field_of
from regulars.core.catalog import ItemKind, Sale, Variant
from regulars.core.errors import Rejected
from regulars.core.money import to_minor

KINDS: tuple[str, ...] = get_args(ItemKind)
_TRUE = ("true", "yes", "1", "ja", "active", "enabled", "published")
_FALSE = ("false", "no", "0", "nein", "inactive", "disabled", "draft", "archived")
_LONGEST = {"id": 200, "title": 1_000, "brand": 200, "link": 2_000, "image": 2_000}


class ProductRow(msgspec.Struct, frozen=True):
    """What a row says about one item: only the fields that it has. A null clears a field, a missing one keeps it."""

    id: str
    changes: dict[str, Any]  # by field of core.catalog.CatalogItem


class RowError(msgspec.Struct, frozen=True):
    """A row that cannot be used."""

    line: int
    field: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: expected {self.expected}, got {self.got}"


def parse_rows(
    rows: Iterable[tuple[int, Mapping[str, Any]]], *, currency: str, source: str = "rows"
) -> Iterator[ProductRow | RowError]:
    """Each row (with its line number) as a change, or the reason why not; one bad row does not stop the others.

    `currency` is the shop's, for rows that name none. `source` is "csv" where an empty cell means "not said".
    """
    for line, row in rows:
        try:
            yield parse(row, currency=currency, empty_is_absent=source == "csv")
        except Rejected as error:
            yield RowError(line, error.field, error.expected, error.got)


def parse(row: Mapping[str, Any], *, currency: str, empty_is_absent: bool = False) -> ProductRow:
    """One row as a change; raises Rejected with field, expected and got.

    Columns that are no field of an item become attributes. Prices are in major units ("12.50", "12,50 EUR").

    >>> parse({"product_id": 7, "name": "Bell", "price": "4.90", "Colour": "red"}, currency="EUR").changes
    {'title': 'Bell', 'price': 490, 'currency': 'EUR', 'attributes': {'Colour': 'red'}}
    """
    if not isinstance(row, Mapping):
        raise _wrong("row", "an object of fields", row)
    said: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for column, value in row.items():
        if (empty_is_absent and value in ("", None)) or _is_nan(value):
            continue
        field = _field(str(column))
        if field is None or (column != field and (field in said or field in row)):
            extra[str(column)] = value  # the field's own name wins over an alias, and the first alias over the next
        else:
            said[field] = value
    if said.get("id") in (None, ""):
        raise Rejected("a product needs an id", field="id", expected="the id of the product", got="nothing")
    item_id = _text("id", said.pop("id"))
    money = _currency(said, currency)
    changes = {field: _READ[field](field, value, money) for field, value in said.items() if field in _READ}
    if not _SALE.isdisjoint(said):
        changes["sale"] = _sale("", said, money)
    if not _MONEY.isdisjoint(changes) or "currency" in said:
        changes["currency"] = money
    if extra:
        attributes = {k: v for k, v in extra.items() if v not in ("", None)}
        changes["attributes"] = {**attributes, **(changes.get("attributes") or {})}
    if changes.get("kind", "product") == "product" and (changes.get("products") or changes.get("interests")):
        got = "kind product"
        raise Rejected(
            "only content refers to products", field="kind", expected="article, tip, video or tutorial", got=got
        )
    return ProductRow(item_id, changes)


def category_path(value: object) -> tuple[str, ...]:
    """A path from a list, or from text with ">" or "/" between its names.

    >>> category_path("Sport > Bikes / Road"), category_path("Home/Kitchen"), category_path(["A/B", "C"])
    (('Sport', 'Bikes / Road'), ('Home', 'Kitchen'), ('A/B', 'C'))
    """
    if value is None:
        return ()
    if isinstance(value, str):
        names: Iterable[Any] = value.split(">") if ">" in value else value.split("/")
    elif isinstance(value, list | tuple):
        names = value
    else:
        raise _wrong("category", 'a path as "Sport > Bikes" or a list', value)
    if not all(isinstance(name, str) for name in names):
        raise _wrong("category", "a list of names", value)
    return tuple(name.strip()[:200] for name in names if name.strip())[:10]


@lru_cache(maxsize=4096)
def _field(column: str) -> str | None:
    return field_of(column, ALIASES)


@lru_cache(maxsize=1024)
def _variant_field(column: str) -> str | None:
    return field_of(column, VARIANT_ALIASES)


def _currency(said: dict[str, Any], currency: str) -> str:
    given = said.get("currency")
    if given in (None, ""):
        price = said.get("price")
        named = re.search(r"\b[A-Z]{3}\b", price) if isinstance(price, str) else None
        return named[0] if named else currency
    if not isinstance(given, str) or not re.fullmatch("[A-Z]{3}", given):
        raise _wrong("currency", "three capital letters as in EUR", given)
    return given


def _price(field: str, value: object, currency: str) -> int | None:
    if value is None:
        return None
    given = value
    if isinstance(value, str):
        text = re.sub(r"[^\d,.\-]", "", value)
        # A comma before the last one or two digits is the decimal sign of most of Europe.
        if re.search(r",\d{1,2}$", text):
            text = text.replace(".", "").replace(",", ".")
        value = text.replace(",", "")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong(field, "a price in major units as 12.50", value)
    try:
        minor = to_minor(value, currency)
    except Rejected:
        raise _wrong(field, "a price in major units as 12.50", given) from None
    if minor < 0:
        raise _wrong(field, "a price of 0 or more", value)
    return minor


def _stock(field: str, value: object, _: str) -> int | None:
    if value is None:
        return None
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e12:
        raise _wrong(field, "a number of pieces", value)
    return max(0, math.floor(number))  # shops that oversell report less than none


def _text(field: str, value: object, _: str = "") -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(field, "text", value)
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    if len(text) > _LONGEST[field] or (field == "id" and not text.isprintable()):
        raise _wrong(field, f"at most {_LONGEST[field]} printable characters", text)
    return text


def _kind(field: str, value: object, _: str) -> str:
    if value in (None, ""):
        return "product"
    kind = value.strip().lower() if isinstance(value, str) else ""
    if kind not in KINDS:
        raise _wrong(field, f"one of {', '.join(KINDS)}", value)
    return kind


def _active(field: str, value: object, _: str) -> bool:
    if value is None or isinstance(value, bool):
        return value is not False
    word = str(value).strip().lower()
    if word not in (*_TRUE, *_FALSE):
        raise _wrong(field, "true or false", value)
    return word in _TRUE


def _since(field: str, value: object, _: str) -> str:
    if value in (None, ""):
        return ""
    try:
        return date.fromisoformat(str(value).strip()[:10]).isoformat()
    except ValueError:
        raise _wrong(field, "a date as 2024-05-31", value) from None


def _names(field: str, value: object, _: str) -> tuple[str, ...]:
    if value is None:
        return ()
    listed = _parsed(value) if isinstance(value, str) and value.lstrip().startswith("[") else value
    if isinstance(listed, str):
        listed = re.split(r"[|;,]", listed)
    if not isinstance(listed, list | tuple) or not all(isinstance(v, str | int) for v in listed):
        raise _wrong(field, "a list of ids", value)
    return tuple(dict.fromkeys(str(v).strip() for v in listed if str(v).strip()))


def _attributes(field: str, value: object, _: str) -> dict[str, Any]:
    held = _parsed(value) if isinstance(value, str) else value
    if held is None:
        return {}
    if not isinstance(held, Mapping):
        raise _wrong(field, "an object of attributes", value)
    return {str(k): v for k, v in held.items()}


def _variants(field: str, value: object, currency: str) -> tuple[Variant, ...]:
    held = _parsed(value) if isinstance(value, str) else value
    if held is None:
        return ()
    if not isinstance(held, list | tuple):
        raise _wrong(field, "a list of variants", value)
    variants = [_variant(f"{field}.{place}", one, currency) for place, one in enumerate(held)]
    skus = [variant.sku for variant in variants]
    if len(set(skus)) < len(skus):
        raise _wrong(field, "each sku once", skus)
    return tuple(variants)


def _variant(place: str, value: object, currency: str) -> Variant:
    if not isinstance(value, Mapping):
        raise _wrong(place, "an object with a sku", value)
    said: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for column, held in value.items():
        field = _variant_field(str(column))
        if field is not None:
            said.setdefault(field, held)
        elif held is not None:
            extra[str(column)] = str(held)
    if said.get("sku") in (None, ""):
        raise _wrong(f"{place}.sku", "the sku of the variant", said.get("sku"))
    attributes = _attributes(f"{place}.attributes", said.get("attributes"), "")
    stock = _stock(f"{place}.stock", said.get("stock"), currency)
    if said.get("available") is False:
        stock = 0
    return Variant(
        sku=_text("id", said["sku"]),
        attributes={**extra, **{k: str(v) for k, v in attributes.items()}},
        price=_price(f"{place}.price", said.get("price"), currency),
        stock=stock,
        sale=_sale(f"{place}.", said, currency),
        stock_id=_text("id", said.get("stock_id")),
    )


def _sale(place: str, said: Mapping[str, Any], currency: str) -> Sale | None:
    price = _price(f"{place}sale_price", said.get("sale_price") or None, currency)
    if price is None:
        return None
    since, until = (instant(f"{place}{name}", said.get(name)) for name in ("sale_from", "sale_until"))
    if since is not None and until is not None and until <= since:
        raise _wrong(f"{place}sale_until", "a time after sale_from", said.get("sale_until"))
    return Sale(price, since, until)


def instant(field: str, value: object) -> int | None:
    """A time with its offset as UTC milliseconds; without one it is UTC."""
    if value in (None, ""):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**14:
        return value
    try:
        found = datetime.fromisoformat(str(value).strip())
        return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise _wrong(field, "a time as 2026-11-27T00:00+01:00", value) from None


def _one_variant(field: str, value: object, currency: str) -> Variant:
    return _variant(field, value, currency)


def _available(field: str, value: object, _: str) -> bool | None:
    return None if value is None else _active(field, value, "")


def _category(_: str, value: object, __: str) -> tuple[str, ...]:
    return category_path(value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        return text


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)  # how tables of Parquet and pandas write "not said"


def _wrong(field: str, expected: str, got: object) -> Rejected:
    shown = "nothing" if got is None else repr(got)
    shown = shown if len(shown) <= 120 else shown[:119] + "…"
    return Rejected(f"{field}: expected {expected}, got {shown}", field=field, expected=expected, got=shown)


_READ: dict[str, Callable[[str, Any, str], Any]] = {
    "kind": _kind,
    "title": _text,
    "category": _category,
    "brand": _text,
    "price": _price,
    "stock": _stock,
    "attributes": _attributes,
    "variants": _variants,
    "link": _text,
    "image": _text,
    "products": _names,
    "interests": _names,
    "active": _active,
    "cost": _price,
    "since": _since,
    "variant": _one_variant,
    "drop_variants": _names,
    "available": _available,
}
_SALE = frozenset(("sale_price", "sale_from", "sale_until"))
#: Changes that hold money.
_MONEY = frozenset(("price", "variants", "variant", "sale", "cost"))
