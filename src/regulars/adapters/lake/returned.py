"""What went back of orders, as an expression over events: which goods, how many, and which orders as a whole."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
from ibis.expr.api import Table

REFUNDED = "Order Refunded"
ORDERED = ("Order Completed", "Order Updated")
#: How a refund may name its money (`profile.orders`), and what may name a product.
_AMOUNTS = ("total", "revenue", "value", "refund", "amount")
_NAMES = ("product_id", "sku", "id")
_BY_PRODUCT = ["order_id", "product_id"]


@ibis.udf.scalar.builtin
def json_extract_string(document: str, path: str) -> str:  # type: ignore[empty-body]
    """DuckDB's reading of a JSON value as text, NULL where it is missing."""


def any_told(events: Table) -> bool:
    """Whether anything went back at all."""
    return bool(events.filter(events.name == REFUNDED).limit(1).count().to_pyarrow().as_py())


def kept(
    lines: Table,
    events: Table,
    *,
    ranks: Mapping[str, int],
    usual_rank: int,
    browsers: Sequence[str] = (),
    except_sources: Sequence[str] = (),
) -> Table:
    """`lines` (subject, order_id, product_id, quantity, price, ...) without what went back, as `profile.orders` has it.

    A refund counts once, by its id; of what two sources tell of one product the larger quantity counts. One that names
    money alone leaves the goods, one that names neither takes all of them. `browsers` count only where no server told
    of the order, and the same device speaks that did; those of `except_sources` not at all.
    """
    told = events.filter(events.name == REFUNDED)
    told = told.mutate(order_id=_field(told.properties, "order_id"), refund_id=_field(told.properties, "refund_id"))
    told = told.filter(told.order_id.notnull())
    if except_sources:
        told = told.filter(~told.source.isin(list(except_sources)))
    if browsers:
        told = _believed(told, lines, events, list(browsers))
    told = _once(told, ranks, usual_rank)
    amounts = [_field(told.properties, name).try_cast("float64") for name in _AMOUNTS]
    listed: Any = json_extract_string(told.properties, "$.products")
    told = told.mutate(
        goods=(listed.startswith("[") & (listed != "[]")).fill_null(False),
        money=ibis.coalesce(*amounts).notnull(),
    )
    wholly = told.filter(~told.goods & ~told.money).select(whole_order="order_id").distinct()
    left = lines.anti_join(wholly, lines.order_id == wholly.whole_order)
    back = _goods(told.filter(told.goods))
    touched = back.select(touched_order="back_order").distinct()
    untouched = left.anti_join(touched, left.order_id == touched.touched_order)
    left = left.semi_join(touched, left.order_id == touched.touched_order)  # few: a window is dear
    joined = left.left_join(back, (left.order_id == back.back_order) & (left.product_id == back.back_product))
    # Of several lines of a product, the returned pieces leave one line after the other.
    until = joined.quantity.cumsum(group_by=_BY_PRODUCT, order_by=["price", "quantity"])
    taken = joined.back_pieces.fill_null(0) - until + joined.quantity
    rest = joined.mutate(quantity=joined.quantity - ibis.greatest(ibis.least(taken, joined.quantity), 0))
    return untouched.union(rest.filter(rest.quantity > 0).drop("back_order", "back_product", "back_pieces"))


def _believed(told: Table, lines: Table, events: Table, browsers: list[str]) -> Table:
    """What servers say, and of orders that no server told of what the device says that told of them."""
    concerned = told.select(told_order="order_id").distinct()
    spoken = events.filter(events.name.isin(ORDERED) & ~events.source.isin(browsers))
    spoken = spoken.select(served_order=_field(spoken.properties, "order_id"))
    served = spoken.semi_join(concerned, spoken.served_order == concerned.told_order).distinct()
    theirs = lines.semi_join(concerned, lines.order_id == concerned.told_order)
    owners = theirs.anti_join(served, theirs.order_id == served.served_order)
    owners = owners.select(own_order="order_id", owner="subject").distinct()
    joined = told.left_join(owners, told.order_id == owners.own_order)
    by_owner = (joined.owner == joined.subject).fill_null(False)
    return joined.filter(~joined.source.isin(browsers) | by_owner).drop("own_order", "owner")


def _once(told: Table, ranks: Mapping[str, int], usual_rank: int) -> Table:
    """Each refund once: the best source's word of an id."""
    usual = ibis.literal(usual_rank, "int64")
    best: Any = told.source.cases(*ranks.items(), else_=usual_rank) if ranks else usual
    named = told.mutate(
        key=ibis.ifelse(told.refund_id.notnull(), "r" + told.refund_id, "m" + told.message_id), best=best
    )
    order: list[Any] = [named.best, named.time, named.message_id]
    return named.mutate(turn=ibis.row_number().over(group_by=["order_id", "key"], order_by=order)).filter(
        lambda one: one.turn == 0
    )


def _goods(told: Table) -> Table:
    """(back_order, back_product, back_pieces): how many pieces of a product went back."""
    each = told.select(
        "order_id", "source", line=told.properties.cast("json")["products"].array.unnest().cast("string")
    )
    quantity: Any = json_extract_string(each.line, "$.quantity").try_cast("float64")
    pieces = each.select(
        "order_id",
        "source",
        product_id=ibis.coalesce(*(_field(each.line, name) for name in _NAMES)),
        pieces=ibis.ifelse(
            quantity.isnull(), 1, ibis.ifelse(quantity <= 0, 0, ibis.greatest(quantity.round(), 1))
        ).cast("int64"),
    )
    by_source = pieces.group_by("order_id", "product_id", "source").aggregate(pieces=pieces.pieces.sum())
    return by_source.group_by(back_order=by_source.order_id, back_product=by_source.product_id).aggregate(
        back_pieces=by_source.pieces.max()
    )


def _field(document: Any, name: str) -> Any:
    return json_extract_string(document, f"$.{name}").nullif(ibis.literal(""))
