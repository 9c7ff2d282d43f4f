"""Files of orders: one order per row, or one line of an order per row.

An order gets its message id from its content: one that was corrected has other content and is a new version of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from regulars.collect.files.cells import ident, is_empty, number, plain, wrong
from regulars.collect.files.columns import LINE, ORDER, ORDER_TOTALS, WHEN, WHO, Columns
from regulars.collect.files.kind import (
    About,
    BadRow,
    Call,
    FileKind,
    Payload,
    Row,
    Rows,
    Said,
    identified,
    per_row,
    said_of,
)
from regulars.collect.files.who import who_and_when
from regulars.core.errors import Rejected

_NUMBERS = frozenset(("total", "discount", "shipping", "tax", "quantity", "price", "coupon_discount"))
_IDS = frozenset(("order_id", "store_id", "product_id", "sku"))
_HEAD_FIELDS = frozenset((*WHO, *WHEN, *ORDER, "order_total"))
_WHOLE = {**WHO, **WHEN, **ORDER, **ORDER_TOTALS, "products": ("items", "lines")}
_LINES = {**WHO, **WHEN, **ORDER, **LINE, "order_total": ("grand_total",)}


class _Part(msgspec.Struct, frozen=True):
    """A row of an order: what it says about the order, and its line."""

    row: Row
    head: Said
    product: Said


def _whole(said: Said, about: About) -> Payload:
    """One order per row; a column `products` may hold its lines as a list."""
    products = said.pop("products", None)
    lines = [line_of(one) for one in products] if isinstance(products, list) else []
    return order_of(said, lines, about)


def order_lines(rows: Rows, about: About) -> Iterator[Call | BadRow]:
    """One order per run of rows with the same order id; each row is a line of it.

    An order with a bad line is left out whole: half an order would be a wrong one.
    """
    columns = Columns(_LINES, about.mapping)
    seen: set[str] = set()
    for order_id, group in _grouped(rows, columns):
        problems = [one for one in group if isinstance(one, BadRow)]
        good = [one for one in group if isinstance(one, _Part)]
        kept = tuple(one.row if isinstance(one, _Part) else one.kept[0] for one in group)
        first = kept[0][0]
        if order_id in seen:
            expected = "all rows of an order together; sort the file by order"
            problems.append(BadRow(first, "order_id", expected, f"{order_id!r} again"))
        if not problems:
            try:
                yield Call(first, len(group), _order_of_lines(good, about))
            except Rejected as error:
                problems.append(BadRow(first, error.field, error.expected, error.got))
        if order_id:
            seen.add(order_id)
        for place, problem in enumerate(problems):
            yield msgspec.structs.replace(problem, kept=() if place else kept)


def order_of(said: Said, lines: list[Said], about: About) -> Payload:
    """The order that a row tells, or the rows of its lines."""
    call = who_and_when(said, about)
    if "order_id" not in said:
        raise wrong("order_id", "the id of the order", None)
    properties = {k: value_of(k, v) for k, v in said.items()}
    if "total" not in properties:
        if not lines:
            raise wrong("total", "what the order costs", None)
        properties["total"] = summed(lines, "total")
    properties.setdefault("currency", about.currency)
    if lines:
        properties["products"] = lines
    return identified({"type": "track", "event": "Order Completed", **call, "properties": properties})


def line_of(said: object) -> Said:
    """A line of an order, with its total."""
    if not isinstance(said, Mapping):
        raise wrong("products", "a list of lines", said)
    line = {str(k): value_of(str(k), v) for k, v in said.items() if not is_empty(v)}
    if "product_id" not in line:
        raise wrong("product_id", "the id of the product", None)
    line.setdefault("quantity", 1)
    if "total" not in line:
        if "price" not in line:
            raise wrong("total", "what the line costs, or the price of one", None)
        line["total"] = round(line["price"] * line["quantity"] - line.get("discount", 0), 4)
    return line


def summed(lines: list[Said], field: str) -> float:
    """A field of all lines together."""
    return round(float(sum(line.get(field, 0) for line in lines)), 4)


def value_of(field: str, value: Any) -> Any:
    """A cell of an order or of a line."""
    if field in _NUMBERS:
        return number(field, value)
    return ident(field, value) if field in _IDS else plain(field, value)


def _order_of_lines(group: list[_Part], about: About) -> Payload:
    head = dict(group[0].head)
    for part in group[1:]:
        for field in WHO:
            if part.head.get(field) != head.get(field):
                got = f"{part.head.get(field)!r} at line {part.row[0]}"
                raise Rejected(f"{field} differs within an order", field=field, expected=repr(head.get(field)), got=got)
    lines = [part.product for part in group]
    total = head.pop("order_total", None)
    head["total"] = summed(lines, "total") if total is None else number("order_total", total)
    for field in ("discount", "coupon_discount"):
        if any(field in line for line in lines):
            head[field] = summed(lines, field)
    return order_of(head, lines, about)


def _grouped(rows: Rows, columns: Columns) -> Iterator[tuple[str, list[_Part | BadRow]]]:
    """Runs of rows with the same order id; a row without one is a run of its own."""
    group: list[_Part | BadRow] = []
    current = ""
    for line, row in rows:
        order_id = ""
        try:
            said = said_of(row, columns)
            order_id = ident("order_id", said.get("order_id"))
            head = {k: said.pop(k) for k in [k for k in said if k in _HEAD_FIELDS]}
            checked: _Part | BadRow = _Part((line, row), head, line_of(said))
        except Rejected as error:
            checked = BadRow(line, error.field, error.expected, error.got, ((line, row),))
        if group and (order_id != current or not order_id):
            yield current, group
            group = []
        current = order_id
        group.append(checked)
    if group:
        yield current, group


ORDERS = FileKind(
    name="orders", title="orders, one a row", example="orders.csv", event="Order Completed", noun="orders",
    columns=_WHOLE, needs=("order_id", "total|products"), calls=per_row(_WHOLE, _whole),
)  # fmt: skip
ORDER_LINES = FileKind(
    name="order-lines", title="lines of orders, one a row, the rows of an order together", example="order-lines.csv",
    event="Order Completed", noun="orders",
    columns=_LINES, needs=("order_id", "product_id", "total|price"), calls=order_lines,
)  # fmt: skip
