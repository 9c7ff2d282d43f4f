"""Receipts of tills: one line a row, the rows of a receipt together; with or without a loyalty card.

What was sold is an order. Lines with a quantity below zero are goods that came back: they lessen what the same receipt
sells of the product, and what is left of them is a refund, of the receipt that the row names or else of this one. A
receipt that was voided as a whole cancels its order. The columns of DSFinV-K, the export that German tills must have
(taxonomy 2.3: `lines.csv` and `transactions.csv`), are known by their names.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from regulars.collect.files.cells import ident, number, yes_or_no
from regulars.collect.files.columns import LINE, ORDER, WHEN, WHO, Columns
from regulars.collect.files.kind import About, BadRow, Call, FileKind, Payload, Row, Rows, Said, identified, said_of
from regulars.collect.files.orders import line_of, summed, value_of
from regulars.collect.files.who import who_and_when
from regulars.core.errors import Rejected

SALE, RETURN = 0, 1
COLUMNS: dict[str, tuple[str, ...]] = {
    "receipt_id": ("receipt", "receipt_number", "bon_id", "bon", "bonnummer", "bon_nr", "belegnummer", "kassenbon"),
    "till_id": ("till", "register", "register_id", "pos_id", "terminal_id", "kasse", "kassennummer", "z_kasse_id"),
    "closing": ("closing_number", "z_nr", "tagesabschluss"),
    "original_receipt_id": ("original_receipt", "return_of", "ursprungsbon"),
    "voided": ("receipt_voided", "bon_storno", "storniert"),
    "line_kind": ("gv_typ", "business_case"),
    **WHO,
    "loyalty_card": (*WHO["loyalty_card"], "kunde_id", "customer_card"),
    **WHEN,
    "timestamp": (*WHEN["timestamp"], "receipt_time", "bon_ende", "bon_start", "z_erstellung", "buchungszeit"),
    **{name: names for name, names in ORDER.items() if name != "order_id"},
    **LINE,
    "product_id": (*LINE["product_id"], "art_nr", "plu"),
    "gtin": ("ean", "barcode"),
    "name": (*LINE["name"], "artikeltext", "article"),
    "price": (*LINE["price"], "stk_br"),
    "category": (*LINE["category"], "warengr"),
}
_HEAD = (
    "receipt_id", "till_id", "closing", "original_receipt_id", "voided", *WHO, *WHEN, "currency", "store_id", "coupon",
)  # fmt: skip
#: Lines of DSFinV-K that sell goods; other business cases (tips, deposits into the till) are none.
_GOODS = ("umsatz", "pfand", "pfandrueckzahlung", "rabatt", "aufschlag")
_LESS = ("rabatt",)


class _Line(msgspec.Struct, frozen=True):
    row: Row
    head: Said
    product: Said | None  # None: a line that sells nothing


def receipts(rows: Rows, about: About) -> Iterator[Call | BadRow]:
    """The order of each receipt, and what came back with it. A receipt with a bad line is left out whole."""
    columns = Columns(COLUMNS, about.mapping)
    group: list[_Line | BadRow] = []
    current: tuple[str, ...] = ()
    for line, row in rows:
        name: tuple[str, ...] = ()
        try:
            said = said_of(row, columns)
            head = {field: said.pop(field) for field in _HEAD if field in said}
            name = _name(head)
            checked: _Line | BadRow = _Line((line, row), head, _product(said))
        except Rejected as error:
            checked = BadRow(line, error.field, error.expected, error.got, ((line, row),))
        if group and (name != current or not name):
            yield from _calls(group, about)
            group = []
        current = name
        group.append(checked)
    if group:
        yield from _calls(group, about)


def _calls(group: list[_Line | BadRow], about: About) -> Iterator[Call | BadRow]:
    kept = tuple(one.row if isinstance(one, _Line) else one.kept[0] for one in group)
    bad = [one for one in group if isinstance(one, BadRow)]
    if not bad:
        try:
            found = list(_made([one for one in group if isinstance(one, _Line)], about))
        except Rejected as error:
            bad = [BadRow(kept[0][0], error.field, error.expected, error.got)]
        else:
            for part, payload in found:
                yield Call(kept[0][0], len(group), payload, part)
            return
    for place, one in enumerate(bad):
        yield msgspec.structs.replace(one, kept=() if place else kept)
    if any(isinstance(one, _Line) and one.product is not None and one.product["quantity"] < 0 for one in group):
        yield msgspec.structs.replace(bad[0], kept=kept, part=RETURN)  # what came back is an event of its own


def _made(lines: list[_Line], about: About) -> Iterator[tuple[int, Payload]]:
    head: Said = {}
    for line in lines:
        head.update(line.head)
    order_id = "-".join(_name(head))
    call = who_and_when(dict(head), about, nobody=f"receipt-{order_id}")
    known: Said = {field: value_of(field, head[field]) for field in ("store_id", "currency", "coupon") if field in head}
    said: Said = {"order_id": order_id, "currency": about.currency, **known, "channel": "till"}
    if "till_id" in head:
        said["till_id"] = ident("till_id", head["till_id"])
    if "voided" in head and yes_or_no("voided", head["voided"]):
        told: Said = {"order_id": order_id, "reason": "voided at the till"}
        yield SALE, identified({"type": "track", "event": "Order Cancelled", **call, "properties": told})
        return
    sold, back, less = _balanced([line.product for line in lines if line.product is not None])
    if sold:
        total = round(summed(sold, "total") - less, 4)
        told = {**said, "total": total, "products": sold, **({"discount": less} if less else {})}
        yield SALE, identified({"type": "track", "event": "Order Completed", **call, "properties": told})
    if back:
        original = head.get("original_receipt_id")
        told = {
            "order_id": order_id if original is None else ident("original_receipt_id", original),
            "refund_id": f"{order_id}-return", "total": summed(back, "total"), "currency": said["currency"],
            "products": back,
        }  # fmt: skip
        yield RETURN, identified({"type": "track", "event": "Order Refunded", **call, "properties": told})


def _balanced(lines: list[Said]) -> tuple[list[Said], list[Said], float]:
    """What was sold and what came back, with quantities above zero; and what was taken off the whole receipt.

    A line that the cashier took back at once cancels the one before: it neither sells nor returns.
    """
    sold: list[Said] = []
    back: list[Said] = []
    less = 0.0
    for line in lines:
        if line["quantity"] == 0 or line.pop("less", False):
            less -= line["total"]
            continue
        if line["quantity"] > 0:
            sold.append(line)
            continue
        gone = {**line, "quantity": -line["quantity"], "total": round(-line["total"], 4)}
        same = next((one for one in reversed(sold) if _is_same(one, gone)), None)
        if same is None:
            back.append(gone)
        elif same["quantity"] == gone["quantity"]:
            sold.remove(same)
        else:
            same["quantity"] -= gone["quantity"]
            same["total"] = round(same["total"] - gone["total"], 4)
    return sold, back, round(less, 4)


def _is_same(one: Said, gone: Said) -> bool:
    """Whether a line takes back a part of another: the same product at the same price, and no more of it."""
    per_piece = round(one["total"] / one["quantity"], 4) == round(gone["total"] / gone["quantity"], 4)
    return bool(one["product_id"] == gone["product_id"] and one["quantity"] >= gone["quantity"] and per_piece)


def _product(said: Said) -> Said | None:
    kind = str(said.pop("line_kind", "umsatz")).strip().lower()
    if kind not in _GOODS:
        return None
    if "product_id" not in said:
        for field in ("gtin", "sku", "name"):
            if field in said:
                said["product_id"] = ident("product_id", said[field])
                break
    stated = said.get("quantity", 1)
    if isinstance(stated, str) and "." not in stated:
        stated = stated.replace(",", ".")  # no receipt sells thousands, many sell 1,350 kg
    quantity = number("quantity", stated)
    line: dict[str, Any] = line_of({**said, "quantity": quantity})
    if quantity < 0 < line["total"]:
        line["total"] = -line["total"]  # tills that write what comes back with a price above zero
    if kind in _LESS:
        line["less"] = True
        line["total"] = -abs(line["total"])
    return line


def _name(head: Said) -> tuple[str, ...]:
    """A receipt's number is its till's own, and begins again with each closing of some tills."""
    given = [ident(field, head[field]) for field in ("till_id", "closing") if field in head]
    return (*given, ident("receipt_id", head.get("receipt_id")))


KIND = FileKind(
    name="receipts", title="lines of till receipts, one a row, the rows of a receipt together",
    example="receipts.csv", event="Order Completed", noun="orders and returns", columns=COLUMNS,
    needs=("receipt_id", "product_id|gtin|name", "total|price", "timestamp"), calls=receipts,
)  # fmt: skip
