"""Rows of files (CSV, NDJSON, Parquet) -> calls of the Segment spec, for the same door as live events.

The rows come as (line, dict). A call gets its message id from its content, so that a file imported twice counts once;
an order that was corrected has other content and is a new version of the order.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from regulars.collect.cells import ident, is_empty, moment, number, plain, wrong
from regulars.collect.columns import EVENT, LINE, ORDER, ORDER_TOTALS, WHEN, WHO, Columns
from regulars.core.errors import Rejected

Rows = Iterable[tuple[int, Mapping[str, Any]]]
_NUMBERS = frozenset(("total", "discount", "shipping", "tax", "quantity", "price", "coupon_discount"))
_IDS = frozenset(("order_id", "store_id", "product_id", "sku"))


class Call(msgspec.Struct, frozen=True):
    """A call made of one row, or of the rows of one order."""

    line: int  # the first one
    rows: int
    payload: dict[str, Any]


class _Part(msgspec.Struct, frozen=True):
    """A row of an order: what it says about the order, and its line."""

    line: int
    head: dict[str, Any]
    product: dict[str, Any]


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot become an event; the other rows are not affected."""

    line: int
    field: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: expected {self.expected}, got {self.got}"


def orders(
    rows: Rows, *, currency: str, time_zone: str, mapping: Mapping[str, str] | None = None
) -> Iterator[Call | BadRow]:
    """One order per row; a column `products` may hold its lines as a list."""
    columns = Columns({**WHO, **WHEN, **ORDER, **ORDER_TOTALS, "products": ("items", "lines")}, mapping)
    zone = ZoneInfo(time_zone)
    for line, row in rows:
        try:
            said = _said(row, columns)
            products = said.pop("products", None)
            lines = [_line(one) for one in products] if isinstance(products, list) else []
            yield Call(line, 1, _order(said, lines, currency, zone))
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got)


def order_lines(
    rows: Rows, *, currency: str, time_zone: str, mapping: Mapping[str, str] | None = None
) -> Iterator[Call | BadRow]:
    """One order per run of rows with the same order id; each row is a line of it.

    An order with a bad line is left out whole: half an order would be a wrong one.
    """
    columns = Columns({**WHO, **WHEN, **ORDER, **LINE, "order_total": ("grand_total",)}, mapping)
    zone = ZoneInfo(time_zone)
    seen: set[str] = set()
    for order_id, group in _grouped(rows, columns):
        problems = [one for one in group if isinstance(one, BadRow)]
        good = [one for one in group if isinstance(one, _Part)]
        first = group[0].line
        if order_id in seen:
            expected = "all rows of an order together; sort the file by order"
            problems.append(BadRow(first, "order_id", expected, f"{order_id!r} again"))
        if not problems:
            try:
                yield Call(first, len(group), _order_of_lines(good, currency, zone))
            except Rejected as error:
                problems.append(BadRow(first, error.field, error.expected, error.got))
        if order_id:
            seen.add(order_id)
        yield from problems


def events(rows: Rows, *, time_zone: str, mapping: Mapping[str, str] | None = None) -> Iterator[Call | BadRow]:
    """One event per row: a call of the Segment spec, or columns, of which the unknown ones are properties."""
    columns = Columns({**WHO, **WHEN, **EVENT}, mapping)
    zone = ZoneInfo(time_zone)
    for line, row in rows:
        try:
            if isinstance(row, dict) and _is_call(row):
                yield Call(line, 1, dict(row) if row.get("messageId") else identified(dict(row)))
            else:
                yield Call(line, 1, _event(_said(row, columns), zone))
        except Rejected as error:
            yield BadRow(line, error.field, error.expected, error.got)


def _is_call(row: Mapping[str, Any]) -> bool:
    if not isinstance(row.get("type"), str):
        return False
    return any(key in row for key in ("event", "properties", "traits", "userId", "anonymousId"))


def _event(said: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    name = said.pop("event", None)
    if not isinstance(name, str):
        raise wrong("event", "the name of the event", name)
    call = _who_and_when(said, zone)
    return identified({"type": "track", "event": name, **call, "properties": {k: plain(k, v) for k, v in said.items()}})


def _order(said: dict[str, Any], lines: list[dict[str, Any]], currency: str, zone: ZoneInfo) -> dict[str, Any]:
    call = _who_and_when(said, zone)
    if "order_id" not in said:
        raise wrong("order_id", "the id of the order", None)
    properties = {k: _value(k, v) for k, v in said.items()}
    if "total" not in properties:
        if not lines:
            raise wrong("total", "what the order costs", None)
        properties["total"] = _sum(lines, "total")
    properties.setdefault("currency", currency)
    if lines:
        properties["products"] = lines
    return identified({"type": "track", "event": "Order Completed", **call, "properties": properties})


def _order_of_lines(group: list[_Part], currency: str, zone: ZoneInfo) -> dict[str, Any]:
    head = dict(group[0].head)
    for part in group[1:]:
        for field in WHO:
            if part.head.get(field) != head.get(field):
                got = f"{part.head.get(field)!r} at line {part.line}"
                raise Rejected(f"{field} differs within an order", field=field, expected=repr(head.get(field)), got=got)
    lines = [part.product for part in group]
    total = head.pop("order_total", None)
    head["total"] = _sum(lines, "total") if total is None else number("order_total", total)
    for field in ("discount", "coupon_discount"):
        if any(field in line for line in lines):
            head[field] = _sum(lines, field)
    return _order(head, lines, currency, zone)


def _line(said: object) -> dict[str, Any]:
    """A line of an order, with its total."""
    if not isinstance(said, Mapping):
        raise wrong("products", "a list of lines", said)
    line = {str(k): _value(str(k), v) for k, v in said.items() if not is_empty(v)}
    if "product_id" not in line:
        raise wrong("product_id", "the id of the product", None)
    line.setdefault("quantity", 1)
    if "total" not in line:
        if "price" not in line:
            raise wrong("total", "what the line costs, or the price of one", None)
        line["total"] = round(line["price"] * line["quantity"] - line.get("discount", 0), 4)
    return line


def _sum(lines: list[dict[str, Any]], field: str) -> float:
    return round(float(sum(line.get(field, 0) for line in lines)), 4)


def _who_and_when(said: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Takes identifiers, time and message id out of `said`."""
    call: dict[str, Any] = {}
    external = [{"type": kind, "id": ident(kind, said.pop(kind))} for kind in _EXTERNAL if kind in said]
    for field, key in (("user_id", "userId"), ("anonymous_id", "anonymousId"), ("message_id", "messageId")):
        if field in said:
            call[key] = ident(field, said.pop(field))
    if external:
        call["context"] = {"externalIds": external}
    if not external and "userId" not in call and "anonymousId" not in call:
        raise wrong("user_id", f"who it was, in one of {', '.join(WHO)}", None)
    call["timestamp"] = moment("timestamp", said.pop("timestamp", None), zone)
    return call


def identified(call: dict[str, Any]) -> dict[str, Any]:
    """The call with a message id made of its content, where it has none."""
    if "messageId" not in call:
        try:
            content = msgspec.json.encode(call, order="deterministic")
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise wrong("row", f"values that JSON can hold ({error})", call) from None
        call["messageId"] = "import-" + hashlib.blake2b(content, digest_size=12).hexdigest()
    return call


def _said(row: object, columns: Columns) -> dict[str, Any]:
    """The cells that say something, by field; other columns by their own name."""
    if not isinstance(row, Mapping):
        raise wrong("row", "an object of fields", row)
    said: dict[str, Any] = {}
    for column, value in row.items():
        if is_empty(value):
            continue
        field = columns.field(str(column))
        said.setdefault(field if field is not None else str(column).removeprefix("properties."), value)
    return said


def _value(field: str, value: Any) -> Any:
    if field in _NUMBERS:
        return number(field, value)
    return ident(field, value) if field in _IDS else plain(field, value)


def _grouped(rows: Rows, columns: Columns) -> Iterator[tuple[str, list[_Part | BadRow]]]:
    """Runs of rows with the same order id; a row without one is a run of its own."""
    group: list[_Part | BadRow] = []
    current = ""
    for line, row in rows:
        order_id = ""
        try:
            said = _said(row, columns)
            order_id = ident("order_id", said.get("order_id"))
            head = {k: said.pop(k) for k in [k for k in said if k in _HEAD_FIELDS]}
            checked: _Part | BadRow = _Part(line, head, _line(said))
        except Rejected as error:
            checked = BadRow(line, error.field, error.expected, error.got)
        if group and (order_id != current or not order_id):
            yield current, group
            group = []
        current = order_id
        group.append(checked)
    if group:
        yield current, group


_EXTERNAL = tuple(kind for kind in WHO if kind not in ("user_id", "anonymous_id"))
_HEAD_FIELDS = frozenset((*WHO, *WHEN, *ORDER, "order_total"))
