"""Products and content: read and upsert."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post, put
from litestar.params import Parameter

from regulars.api.access import needs
from regulars.api.asgi import inflate
from regulars.api.problem import Problem
from regulars.catalog import RowError, from_row, parse_rows
from regulars.catalog.stock import Level, parse_level
from regulars.core.catalog import CatalogItem
from regulars.core.errors import Rejected
from regulars.core.log import PRODUCTS, STOCK, NewRecord
from regulars.core.state import PRODUCT
from regulars.flow.stock_places import unknown
from regulars.runtime import Services

#: Bytes of one upsert, and items in it.
BODY_BYTES, ITEMS = 4_000_000, 5_000
_ROWS = msgspec.json.Decoder(list[dict[str, Any]])


class Items(msgspec.Struct):
    """A page of the catalogue, by id; `next` continues it."""

    items: list[CatalogItem]
    next: str | None


class Stored(msgspec.Struct):
    """What an upsert did."""

    success: bool
    items: int
    offset: int


class StockStored(msgspec.Struct):
    """What setting levels did; `unknown` are the first products that the catalogue does not have."""

    success: bool
    levels: int
    unknown: list[str]
    offset: int


@get("/v1/catalog/items", operation_id="ListItems", guards=[needs("catalog")], tags=["catalogue"], sync_to_thread=True)
def items(
    services: Services,
    after: str = "",
    category: str | None = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
) -> Items:
    """Items in the order of their id, of one category path where it is given."""
    where = {"category": category} if category else {}
    rows = services.state.select(PRODUCT, where, at_least={"id": after}, order=("id",), limit=limit + 1)
    rows = [row for row in rows if row[0] != after or not after]
    found = [from_row(row) for row in rows[:limit]]
    return Items(found, found[-1].id if len(rows) > limit else None)


@get(
    "/v1/catalog/items/{item:str}",
    operation_id="GetItem",
    guards=[needs("catalog")],
    tags=["catalogue"],
    sync_to_thread=True,
)
def item(services: Services, item: str) -> CatalogItem:
    """One item."""
    row = services.state.get(PRODUCT, item)
    if row is None:
        raise Problem(404, f"there is no item {item!r} in the catalogue", field="item", expected="a known id", got=item)
    return from_row(row)


@post("/v1/catalog/items", guards=[needs("catalog")], tags=["catalogue"], status_code=200, operation_id="UpsertItems")
async def upsert(request: Request[Any, Any, Any], services: Services) -> Stored:
    """Add or change items: a JSON list of objects, each with an `id`. Nothing is stored when one is wrong."""
    return await _store(await request.body(), request.user.id, services)


@put("/v1/catalog/items/{item:str}", guards=[needs("catalog")], tags=["catalogue"], operation_id="PutItem")
async def upsert_one(request: Request[Any, Any, Any], item: str, services: Services) -> Stored:
    """Add or change one item: a JSON object."""
    body = inflate(await request.body(), BODY_BYTES)
    try:
        row = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error, "an object") from None
    return await _store(msgspec.json.encode([{**row, "id": item}]), request.user.id, services)


@post("/v1/catalog/stock", guards=[needs("catalog")], tags=["catalogue"], status_code=200, operation_id="SetStock")
async def set_stock(request: Request[Any, Any, Any], services: Services) -> StockStored:
    """Set levels: a JSON list of `{"id", "stock"}`, of a variant with `sku`, in one store with `store`.

    A SKU that one product alone has needs no id. With `updated_at`, a level of an earlier moment changes nothing.
    Nothing is stored when one is wrong. Levels of products that the catalogue does not have become failed events.
    """
    body = inflate(await request.body(), BODY_BYTES)
    rows = _decoded(body)
    levels: list[Level] = []
    wrong: list[RowError] = []
    for place, row in enumerate(rows):
        try:
            levels.append(parse_level(row))
        except Rejected as error:
            wrong.append(RowError(place, error.field, error.expected, error.got))
    if wrong:
        raise _wrong_rows(wrong, len(rows), "levels")
    if not levels:
        return StockStored(success=True, levels=0, unknown=[], offset=services.log.head())
    strange = await asyncio.to_thread(unknown, levels, services.state)
    offset = await services.append(NewRecord(PRODUCTS, request.user.id, STOCK, services.clock(), body))
    return StockStored(success=True, levels=len(levels), unknown=strange[:100], offset=offset)


async def _store(body: bytes, source: str, services: Services) -> Stored:
    body = inflate(body, BODY_BYTES)
    rows = _decoded(body)
    parsed = parse_rows(enumerate(rows), currency=services.definitions.shop.currency)
    wrong = [row for row in parsed if isinstance(row, RowError)]
    if wrong:
        raise _wrong_rows(wrong, len(rows), "items")
    if not rows:
        return Stored(success=True, items=0, offset=services.log.head())
    offset = await services.append(NewRecord(PRODUCTS, source, "items", services.clock(), body))
    return Stored(success=True, items=len(rows), offset=offset)


def _decoded(body: bytes) -> list[dict[str, Any]]:
    try:
        rows = _ROWS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error, "a list of objects") from None
    if len(rows) > ITEMS:
        raise Problem(413, f"{len(rows)} items in one request; send at most {ITEMS}", field="body", got=str(len(rows)))
    return rows


def _wrong_rows(wrong: list[RowError], count: int, noun: str) -> Problem:
    return Problem(
        422,
        f"{len(wrong)} of {count} {noun} are wrong and nothing was stored; mend the fields named in `errors`",
        field=f"[{wrong[0].line}].{wrong[0].field}",
        expected=wrong[0].expected,
        got=wrong[0].got,
        errors=[
            {"item": row.line, "field": row.field, "expected": row.expected, "got": row.got} for row in wrong[:100]
        ],
    )


def _malformed(error: Exception, expected: str) -> Problem:
    return Problem(400, f"the body is not {expected}: {error}", field="body", expected=expected, got=str(error))


HANDLERS = (items, item, upsert, upsert_one, set_stock)
