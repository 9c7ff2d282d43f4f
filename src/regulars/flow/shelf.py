"""The shelf: what deciding needs of the catalogue, held in memory and refreshed as products change."""

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.catalog.rows import from_row
from regulars.core.catalog import CatalogItem
from regulars.core.state import FOLDED, PRODUCT, StateReader
from regulars.recommend.interactions import Catalogue

#: Rows of one read while the whole catalogue is looked through.
CHUNK = 2_000
#: Items whose titles and prices are kept ready.
MOST_ITEMS = 20_000


class _Availability(msgspec.Struct):
    """The fields of a catalogue item that say whether it can be bought."""

    active: bool = True
    stock: int | None = None
    variants: list["_Stock"] = []


class _Stock(msgspec.Struct):
    stock: int | None = None


_availability = msgspec.msgpack.Decoder(_Availability).decode


class Shelf:
    """Answers at once what it has seen; `refresh` looks for changes, some rows at a time."""

    def __init__(self, state: StateReader) -> None:
        self._state = state
        self._unavailable: set[str] = set()
        self._items: dict[str, CatalogItem | None] = {}
        self._after = ""  # of the first look through the whole catalogue: the last id seen
        self._complete = False
        self._newest = -1  # ms
        self._folded = -1
        self._rest = 0
        self.version = 0  # grows when availability changed
        self.changes = 0  # grows when anything may have changed
        self._mask: tuple[int, Catalogue, NDArray[np.bool_]] | None = None

    def refresh(self) -> bool:
        """Look at what changed; whether there is more to look at now."""
        if not self._complete:
            return self._look_through()
        folded = cast(int, self._state.meta(FOLDED) or 0)
        if self._rest or folded == self._folded:
            self._rest = max(self._rest - 1, 0)
            return False
        rows = self._state.select(PRODUCT, at_least={"updated": self._newest}, order=("updated",))
        self._take((cast(str, row[0]), cast(int, row[1]), cast(bytes, row[3])) for row in rows)
        self._folded = folded
        # What carries the newest time is read again each time: after a large import of one instant, less often.
        self._rest = len(rows) // CHUNK
        return False

    def items(self, ids: Iterable[str]) -> dict[str, CatalogItem]:
        """Those of the items that the catalogue has."""
        wanted = list(ids)
        missing = [one for one in wanted if one not in self._items]
        if missing:
            if len(self._items) + len(missing) > MOST_ITEMS:
                self._items.clear()
                missing = wanted
            found = self._state.many(PRODUCT, missing)
            for one in missing:
                row = found.get(one)
                self._items[one] = None if row is None else from_row(row)
        known = self._items
        return {one: item for one in wanted if (item := known.get(one)) is not None}

    def in_stock(self, ids: Iterable[str]) -> Mapping[str, bool | None]:
        """Whether products can be bought: False also for those that were taken out of the range."""
        return {one: item.in_stock() if item.active else False for one, item in self.items(ids).items()}

    def allowed(self, catalogue: Catalogue) -> NDArray[np.bool_] | None:
        """Which items of a model's catalogue may be shown; None: all of them."""
        if not self._unavailable:
            return None
        if self._mask is None or self._mask[0] != self.version or self._mask[1] is not catalogue:
            mask = np.ones(len(catalogue), np.bool_)
            mask[catalogue.encode(self._unavailable)] = False
            self._mask = self.version, catalogue, mask
        return self._mask[2]

    def _look_through(self) -> bool:
        rows = self._state.select(PRODUCT, at_least={"id": self._after}, order=("id",), limit=CHUNK)
        self._take((cast(str, row[0]), cast(int, row[1]), cast(bytes, row[3])) for row in rows)
        if len(rows) < CHUNK:
            self._complete = True
            return False
        self._after = cast(str, rows[-1][0])
        return True

    def _take(self, rows: Iterable[tuple[str, int, bytes]]) -> None:
        unavailable = set(self._unavailable)
        self.changes += 1
        for identifier, updated, data in rows:
            self._newest = max(self._newest, updated)
            self._items.pop(identifier, None)
            if _is_available(_availability(data)):
                unavailable.discard(identifier)
            else:
                unavailable.add(identifier)
        if unavailable != self._unavailable:
            # Another thread may be reading: replaced whole, never changed in place.
            self._unavailable = unavailable
            self.version += 1


def _is_available(item: _Availability) -> bool:
    """As CatalogItem.in_stock has it; unknown stock is available."""
    if not item.active:
        return False
    known = [variant.stock for variant in item.variants if variant.stock is not None]
    if known:
        return any(stock > 0 for stock in known)
    return item.stock is None or item.stock > 0
