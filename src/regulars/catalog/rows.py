"""Catalogue items as rows of the state table `product`."""

import msgspec

from regulars.core.catalog import CatalogItem
from regulars.core.state import Row

SEPARATOR = " > "
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CatalogItem).decode


def to_row(item: CatalogItem, updated: int) -> Row:
    """The row of an item; `updated` is the instant (ms) of the change."""
    return (item.id, updated, SEPARATOR.join(item.category), _encode(item))


def from_row(row: Row) -> CatalogItem:
    """The item of a row."""
    data = row[3]
    if not isinstance(data, bytes):
        raise TypeError(f"the column `data` of product {row[0]!r} is not a blob")
    return _decode(data)
