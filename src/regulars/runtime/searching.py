"""Search in a gateway process: an index in memory, begun with the first question and kept fresh beside the answers."""

import asyncio
import time
from weakref import WeakKeyDictionary

import structlog

from regulars.catalog.search import MOST_HITS, Filters, Found
from regulars.core.errors import RegularsError, Unavailable
from regulars.flow.search import ProductSearch
from regulars.recommend.search import FoundItem, Search
from regulars.runtime.deciding import deciding
from regulars.runtime.services import Services

_LOG = structlog.get_logger("regulars.search")
#: How often changes of products are taken in, s; with the shelf's own look, a change is found within a second or two.
LOOK_SECONDS = 0.25
#: How long the first question waits for the index.
PATIENCE_SECONDS = 2.0
_PAUSE = 0.002  # s between two steps, in which customers are answered
_RETRY_SECONDS = 3


#: Products that rows of a search are made from.
MOST_FOUND = MOST_HITS
_SEARCHING: "WeakKeyDictionary[Services, Searching]" = WeakKeyDictionary()


def searching(services: Services) -> "Searching":
    """The one of these services, made when it is first asked for."""
    found = _SEARCHING.get(services)
    if found is None:
        found = _SEARCHING[services] = Searching(services)
    return found


class Searching:
    """The search of one gateway."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._search: ProductSearch | None = None
        self._following: asyncio.Task[None] | None = None
        self._built = asyncio.Event()
        self.built_in = 0.0  # s

    async def answering(self, text: str, *, filters: Filters = Filters(kind="product")) -> tuple[Search, Found]:
        """What a row is made from that answers a customer's words, and the whole of what was found."""
        found = await self.search(text, n=MOST_FOUND, filters=filters)
        return Search([FoundItem(hit.id, hit.score, hit.exact) for hit in found.hits], found.partly), found

    async def search(self, text: str, *, n: int, filters: Filters) -> Found:
        """The best products for a text; raises Unavailable while a large catalogue is read for the first time."""
        if self._following is None or self._following.done():
            flow = deciding(self._services)
            await flow.ready()
            if self._search is None:
                self._search = ProductSearch(self._services.state, flow.flow.shelf)
            self._following = asyncio.create_task(self._follow(self._search))
        if not self._built.is_set():
            try:
                await asyncio.wait_for(self._built.wait(), PATIENCE_SECONDS)
            except TimeoutError:
                read = 0 if self._search is None else self._search.read
                raise Unavailable(
                    f"the search is reading the catalogue ({read} products so far); ask again in some seconds",
                ) from None
        assert self._search is not None  # noqa: S101 - set before the event
        return await asyncio.to_thread(self._search.search, text, n=n, filters=filters)

    async def _follow(self, search: ProductSearch) -> None:
        began = time.monotonic()
        while True:
            try:
                more = await asyncio.to_thread(search.step)
            except RegularsError as error:
                _LOG.warning("the catalogue could not be read for the search", error=str(error))
                more = False
            if search.complete and not self._built.is_set():
                self.built_in = time.monotonic() - began
                self._built.set()
                _LOG.info("the catalogue can be searched", products=search.read, seconds=round(self.built_in, 1))
            await asyncio.sleep(_PAUSE if more else LOOK_SECONDS)
