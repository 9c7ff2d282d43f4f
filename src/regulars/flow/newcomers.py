"""Products that the serving models were not trained on, as the shelf reads them."""

import threading
from collections.abc import Iterable

import msgspec

from regulars.catalog.words import Lexicon
from regulars.core.catalog import CatalogItem
from regulars.core.item_rows import SEPARATOR
from regulars.flow.goods_told import good_of
from regulars.recommend.assortment import Good
from regulars.recommend.newer import newer_of
from regulars.recommend.training import TrainedSet

_decode = msgspec.msgpack.Decoder(CatalogItem).decode


class Newcomers:
    """One per process; used by the thread beside."""

    def __init__(self) -> None:
        self._trained: TrainedSet | None = None
        self._items: dict[str, CatalogItem] = {}
        self._changed = False
        self._version = 0
        self._grown: TrainedSet | None = None
        self._lock = threading.Lock()

    def follow(self, trained: TrainedSet | None) -> bool:
        """Go by these models; whether every product has to be read again for that."""
        with self._lock:
            if trained is self._trained:
                return False
            self._trained, self._grown, self._changed = trained, trained, False
            self._items.clear()
            return trained is not None

    def take(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """Products as they are now; those that the models were trained on are passed over."""
        with self._lock:
            if self._trained is None:
                return
            known = self._trained.catalogue.position
            for identifier, data in rows:
                if identifier not in known:
                    self._items.pop(identifier, None)  # what changed last stands last
                    self._items[identifier] = _decode(data)
                    self._changed = True

    def known(self, day: int) -> TrainedSet | None:
        """The models with what is newer than them; what tells of no day counts as new on this one."""
        with self._lock:
            trained = self._trained
            if trained is None or not self._changed:
                return self._grown
            self._changed = False
            self._version += 1
            lexicon = Lexicon(one.title for one in self._items.values())
            told = {one.id: (SEPARATOR.join(one.category), _dated(good_of(one, lexicon), day))
                    for one in self._items.values()}  # fmt: skip
            self._grown = msgspec.structs.replace(trained, newer=newer_of(trained.more, told, self._version))
            return self._grown


def _dated(good: Good, day: int) -> Good:
    return good if good.since is not None else msgspec.structs.replace(good, since=day)
