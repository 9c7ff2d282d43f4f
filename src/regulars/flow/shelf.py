"""The shelf: what deciding needs of the catalogue, held in memory and refreshed as products change."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from regulars.catalog.rows import from_row
from regulars.core.catalog import CatalogItem
from regulars.core.state import CLOCK, FOLDED, PRODUCT, Cell, Row, StateReader
from regulars.flow.merchandise import Merchandise
from regulars.flow.newcomers import Newcomers
from regulars.recommend.interactions import Catalogue

#: Rows of one read while the whole catalogue is looked through.
CHUNK = 2_000
#: Rows of one read of what was seen already, in passing: answering customers goes on beside it.
FEW = 250
#: How far the shop's clock is ahead of an instant that nothing comes to any more; ms.
SETTLED_MS = 10_000
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

    def __init__(self, state: StateReader, merchandise: Merchandise | None = None) -> None:
        """`merchandise` is told of every product that is read."""
        self._state = state
        self._merchandise = merchandise
        self.newcomers = Newcomers()
        self._unavailable: set[str] = set()
        self._items: OrderedDict[str, CatalogItem | None] = OrderedDict()
        self._after = ""  # the last id seen, where rows are read list by list
        self._complete = False
        self._newest = -1  # ms: everything of an instant before it was seen
        self._folded = -1
        self._again: deque[int] = deque()  # instants that may have got more rows since they were read
        self._behind = False  # many rows are new
        self._whole = False  # nothing can come to the newest instant any more
        self.version = 0  # grows when availability changed
        self.changes = 0  # grows when anything may have changed
        self._mask: tuple[int, Catalogue, NDArray[np.bool_]] | None = None
        self.watch: Callable[[str, bytes], None] | None = None  # told each row that is read, by the thread that reads

    def refresh(self) -> bool:
        """Look at what changed; whether there is more to look at now."""
        if not self._complete:
            return self._look_through()
        folded = cast(int, self._state.meta(FOLDED) or 0)
        if folded == self._folded and not self._again:
            return False
        self._folded = folded
        clock = cast(int, self._state.meta(CLOCK) or 0)
        newer = self._read({}, {"updated": self._newest + 1}, "updated", CHUNK)
        if newer:
            last = cast(int, newer[-1][1])
            # The instant before is whole now, and may have got rows after it was read; the last one may get more.
            self._again.extend(one for one in (self._newest, last) if one not in self._again)
            if self._again[0] == self._newest:
                self._after = ""
            self._newest, self._whole = last, False
            self._behind = self._behind or len(newer) == CHUNK
        elif not self._again:
            if self._whole:
                return False
            self._again.append(self._newest)
            self._whole = clock > self._newest + SETTLED_MS
        return self._look_again()

    @property
    def unavailable(self) -> set[str]:
        """Products that cannot be bought; replaced whole when one changes."""
        return self._unavailable

    def read_again(self) -> None:
        """Look through the whole catalogue once more with the next refreshes."""
        self._complete, self._after, self._newest = False, "", -1
        self._again.clear()

    def items(self, ids: Iterable[str]) -> dict[str, CatalogItem]:
        """Those of the items that the catalogue has."""
        wanted = list(ids)
        missing = [one for one in wanted if one not in self._items]
        if missing:
            found = self._state.many(PRODUCT, missing)
            for one in missing:
                row = found.get(one)
                self._items[one] = None if row is None else from_row(row)
        known = self._items
        told = {one: item for one in wanted if (item := known.get(one)) is not None}
        while len(known) > MOST_ITEMS:
            known.popitem(last=False)  # what was read first: to let go of all of them at once kept everybody waiting
        return told

    def goods(self, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Category path and brand of those of the products that the catalogue has."""
        return {one: (" > ".join(item.category), item.brand) for one, item in self.items(ids).items()}

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
        if self._newest < 0:
            # What changes from here on is newer, wherever the look through the catalogue has come.
            newest = self._state.select(PRODUCT, order=("-updated",), limit=1)
            self._newest = cast(int, newest[0][1]) if newest else 0
        rows = self._read({}, {"id": self._after}, "id", CHUNK)
        if len(rows) < CHUNK:
            self._complete, self._after = True, ""
            return False
        self._after = cast(str, rows[-1][0])
        return True

    def _look_again(self) -> bool:
        """Rows of instants already seen, up to a full list: a large import of one instant is not read at once."""
        most = CHUNK if self._behind else FEW
        while self._again:
            rows = self._read({"updated": self._again[0]}, {"id": self._after}, "id", most)
            if len(rows) == most:
                self._after = cast(str, rows[-1][0])
                return self._behind
            self._again.popleft()
            self._after = ""
        self._behind = False
        return False

    def _read(self, where: Mapping[str, Cell], at_least: Mapping[str, Cell], order: str, most: int) -> list[Row]:
        rows = self._state.select(PRODUCT, where, at_least=at_least, order=(order,), limit=most)
        if rows:
            read = [(cast(str, row[0]), cast(bytes, row[3])) for row in rows]
            self._take(read)
            self.newcomers.take(read)
            if self._merchandise is not None:
                self._merchandise.take(read)
        return rows

    def _take(self, rows: Iterable[tuple[str, bytes]]) -> None:
        unavailable = set(self._unavailable)
        self.changes += 1
        for identifier, data in rows:
            self._items.pop(identifier, None)
            if self.watch is not None:
                self.watch(identifier, data)
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
