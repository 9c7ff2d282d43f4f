"""The catalogue as it can be searched: read once, then kept as fresh as the shelf that decisions see."""

from collections import deque
from typing import cast

import msgspec

from regulars.catalog.search import Filters, Found, ProductIndex
from regulars.core.catalog import CatalogItem
from regulars.core.state import PRODUCT, StateReader
from regulars.flow.shelf import Shelf

#: Products of one step: short enough that customers are answered between two of them.
STEP = 500
_decode = msgspec.msgpack.Decoder(CatalogItem).decode


class ProductSearch:
    """Call `step` in one thread until it says that nothing is left, then now and then; `search` in any."""

    def __init__(self, state: StateReader, shelf: Shelf) -> None:
        self._state = state
        self._index = ProductIndex()
        self._after = ""
        self._learning = True  # the first reading: the words of all products, so that compounds are taken apart
        self.complete = False  # everything that was there at the beginning can be found
        self.read = 0
        self._changed: deque[bytes] = deque()
        shelf.watch = self._watch

    def search(self, text: str, *, n: int = 20, filters: Filters = Filters()) -> Found:
        """The best products for a text; see `ProductIndex.search`."""
        return self._index.search(text, n=n, filters=filters)

    def step(self) -> bool:
        """Read on; whether there is more to read now."""
        if self.complete:
            return self._follow()
        rows = self._state.select(PRODUCT, at_least={"id": self._after}, order=("id",), limit=STEP + 1)
        items = [_decode(cast(bytes, row[3])) for row in rows if row[0] != self._after or not self._after]
        if self._learning:
            self._index.learn(items)
        else:
            self._index.put(items, learned=True)
            self.read += len(items)
        if len(rows) > STEP:
            self._after = cast(str, rows[-1][0])
            return True
        self._after = ""
        if self._learning:
            self._learning = False
        else:
            self._index.commit()
            self.complete = True
        return not self.complete or bool(self._changed)

    def _follow(self) -> bool:
        """Products that changed since they were read."""
        items: list[CatalogItem] = []
        while self._changed and len(items) < STEP:
            items.append(_decode(self._changed.popleft()))
        if items:
            self._index.put(items)
            if not self._changed:
                self._index.commit()
        return bool(self._changed)

    def _watch(self, _: str, data: bytes) -> None:
        self._changed.append(data)
