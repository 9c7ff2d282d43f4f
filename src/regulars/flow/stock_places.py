"""Which product and variant a level of stock is of: by id, by SKU alone, or by a shop system's number of its stock.

The table `sku` holds the codes of every item (`core.catalog.codes_of`); it is written with the items.
"""

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from regulars.catalog import from_row
from regulars.catalog.stock import Level
from regulars.collect.plan import Failure
from regulars.core.catalog import CatalogItem, codes_of
from regulars.core.state import PRODUCT, SKU, Changes, StateReader

Place = tuple[str, str]  # product, SKU of its variant or ""
_decode = msgspec.msgpack.Decoder(list[Place]).decode
_encode = msgspec.msgpack.Encoder().encode


class Shelf:
    """Items by id and by code: as the state has them, with what a batch changed so far."""

    def __init__(self, state: StateReader, ids: Iterable[str], levels: Iterable[Level]) -> None:
        """`ids` are of the items that will be asked for; those that `levels` mean are read with them."""
        self._state = state
        self._places: dict[str, list[Place]] = {}
        self._own: dict[str, dict[str, str]] = {}  # by code: the items of this batch that have it
        self._changed: set[str] = set()
        wanted = set(ids)
        codes: set[str] = set()
        for level in levels:
            wanted.add(level.id or level.sku)
            codes.update(_codes(level))
        self._places = self._read(codes)
        wanted.update(product for places in self._places.values() for product, _ in places)
        wanted.discard("")
        self.stored = {str(key): from_row(row) for key, row in state.many(PRODUCT, wanted).items()}
        self.items: dict[str, CatalogItem] = dict(self.stored)

    def set(self, item: CatalogItem) -> None:
        """An item as it is from now on."""
        before = self.items.get(item.id)
        self.items[item.id] = item
        for code in codes_of(before) if before is not None else ():
            self._own.get(code, {}).pop(item.id, None)
        for code, sku in codes_of(item).items():
            self._own.setdefault(code, {})[item.id] = sku
        self._changed.add(item.id)

    def place(self, level: Level) -> tuple[CatalogItem, Level] | Failure:
        """The item, and the level with its id and SKU; or why nobody knows. A SKU of several products is none."""
        if level.id in self.items and not level.stock_id:
            item = self.items[level.id]
            if level.sku and all(one.sku != level.sku for one in item.variants):
                if codes_of(item).get(f"sku:{level.sku}") == "":
                    return item, msgspec.structs.replace(level, sku="")
                return Failure("invalid_value", "sku", "a variant of the product", level.sku)
            return item, level
        found = self._found(level)
        if len(found) > 1:
            found = [one for one in found if self.items[one[0]].active] or found
        if len(found) == 1:
            (product, sku), *_ = found
            return self.items[product], msgspec.structs.replace(level, id=product, sku=sku)
        if found:
            named = ", ".join(sorted({product for product, _ in found}))[:200]
            return Failure("invalid_value", _named(level)[0], "a SKU of one product", f"{_named(level)[1]} of {named}")
        if not level.id and level.sku in self.items:
            return self.items[level.sku], msgspec.structs.replace(level, id=level.sku, sku="")
        field, got = _named(level)
        expected = "a product of the catalogue" if field == "id" else "a SKU of the catalogue"
        return Failure("invalid_value", field, expected, got)

    def write(self, changes: Changes) -> None:
        """Put the codes of what changed."""
        edits: dict[str, list[tuple[str, str | None]]] = {}
        for product in self._changed:
            before = codes_of(self.stored[product]) if product in self.stored else {}
            after = codes_of(self.items[product])
            for code in before.keys() | after.keys():
                if before.get(code) != after.get(code):
                    edits.setdefault(code, []).append((product, after.get(code)))
        stored = self._read(edits)
        for code, moves in edits.items():
            places = dict(stored.get(code, ()))
            for product, sku in moves:
                places.pop(product, None)
                if sku is not None:
                    places[product] = sku
            if places:
                changes.put(SKU, (code, _encode(sorted(places.items()))))
            else:
                changes.delete(SKU, code)

    def _found(self, level: Level) -> list[Place]:
        places: dict[str, str] = {}
        for code in _codes(level):
            kept = {product: sku for product, sku in self._places.get(code, ()) if product not in self._changed}
            places |= kept | self._own.get(code, {})
            if places:
                break
        return [(product, sku) for product, sku in places.items() if product in self.items]

    def _read(self, codes: Iterable[str]) -> dict[str, list[Place]]:
        rows = self._state.many(SKU, codes)
        return {str(code): _decode(cast(bytes, row[1])) for code, row in rows.items()}


def unknown(levels: Iterable[Level], state: StateReader) -> list[str]:
    """What these levels name that the catalogue does not have, or has several times."""
    levels = list(levels)
    shelf = Shelf(state, (), levels)
    return sorted({_named(level)[1] for level in levels if isinstance(shelf.place(level), Failure)})


def _codes(level: Level) -> list[str]:
    """By what it may be found, the surest first."""
    if level.stock_id:
        return [f"stock:{level.stock_id}"]
    if level.id:
        return [] if level.sku else [f"sku:{level.id}"]  # a feed's id may be that of a variant
    return [f"sku:{level.sku}"]


def _named(level: Level) -> Place:
    """The field by which it names its product, and what stands there."""
    named: Mapping[str, str] = {"stock_id": level.stock_id, "id": level.id, "sku": level.sku}
    return next((field, value) for field, value in named.items() if value)
