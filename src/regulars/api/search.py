"""`GET /v1/search`: products by what somebody types, with errors, compounds and beginnings of words."""

import asyncio
from decimal import Decimal, InvalidOperation
from functools import partial

import msgspec

from regulars.api.decide import failure_of
from regulars.api.hot import JSON, Answer, Done, Request, Route, cors, within_rate
from regulars.api.keys import keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem
from regulars.catalog.search import Filters, Found
from regulars.core.money import exponent
from regulars.flow.answers import Price
from regulars.runtime import Services
from regulars.runtime.deciding import deciding
from regulars.runtime.searching import Searching

PATH = "/v1/search"
_encode = msgspec.json.Encoder().encode
_MOST_ASKED = 100
_HIGHEST = 10**12


class Facet(msgspec.Struct):
    """A value that narrows the search, and how many of the products found have it."""

    value: str
    count: int


class FoundProduct(msgspec.Struct, omit_defaults=True):
    """A product found. `score` compares products of one answer only."""

    id: str
    title: str
    score: float
    brand: str = ""
    category: str = ""
    price: Price | None = None
    link: str = ""
    image: str = ""
    in_stock: bool | None = None  # absent: nobody told


class Answered(msgspec.Struct):
    """What a query found, best first. `partly`: no product has all words, these have some."""

    query: str
    count: int
    partly: bool
    products: list[FoundProduct]
    categories: list[Facet]
    brands: list[Facet]


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """The hot route by path."""
    return {PATH: SearchDesk(services, metrics)}


class SearchDesk(Route):
    """Answers queries, the same for all who ask: what is personal goes through `decide`, where consent is checked."""

    scope = "decide"
    method = "GET"

    def __init__(self, services: Services, metrics: Metrics) -> None:
        super().__init__("search", 0, keys_of(services), metrics)
        self._services = services
        self._searching = Searching(services)
        self._exponent = exponent(services.definitions.shop.currency)

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        source = request.source or self.known(request, request.asks("write_key") or "")
        within_rate(self._services.rates, source, 1)
        text = (request.asks("q") or "").strip()
        if not text:
            raise Problem(400, "there is nothing to search for", field="q", expected="some words", got="nothing")
        limit = _number(request, "limit") if request.asks("limit") is not None else 20
        if not 1 <= limit <= _MOST_ASKED:
            raise Problem(400, "limit is out of range", field="limit", expected=f"1 to {_MOST_ASKED}", got=str(limit))
        filters = Filters(
            category=request.asks("category") or "",
            brand=request.asks("brand") or "",
            kind=request.asks("kind") or "product",
            price_from=self._price(request, "price_from"),
            price_to=self._price(request, "price_to"),
            in_stock=(request.asks("in_stock") or "0") not in ("0", "false"),
        )
        # What is still being typed ends without a blank: `q` is taken as it came for that.
        asked = (request.asks("q") or "").lstrip()
        work = self._searching.search(asked, n=limit, filters=filters)
        asyncio.ensure_future(work).add_done_callback(partial(self._tell, request, text, done))

    def _tell(self, request: Request, text: str, done: Done, found: "asyncio.Future[Found]") -> None:
        failure = failure_of(found)
        if failure is not None:
            done(self.refusal(request, failure))
            return
        try:
            answer = self._answer(text, found.result())
        except Exception as error:  # noqa: BLE001 - a client never sees a traceback; defects are logged whole
            done(self.refusal(request, error))
            return
        done(self.counted(request, Answer(200, [*JSON, *cors(request.origin)], _encode(answer))))

    def _answer(self, text: str, found: Found) -> Answered:
        items = deciding(self._services).flow.shelf.items([hit.id for hit in found.hits])
        products = [
            FoundProduct(
                item.id,
                item.title,
                round(hit.score, 3),
                item.brand,
                " > ".join(item.category),
                None if item.price is None else Price(item.price, item.currency),
                item.link,
                item.image,
                item.in_stock(),
            )
            for hit in found.hits
            if (item := items.get(hit.id)) is not None and item.active
        ]
        return Answered(
            text,
            found.count,
            found.partly,
            products,
            [Facet(value, count) for value, count in found.categories],
            [Facet(value, count) for value, count in found.brands],
        )

    def _price(self, request: Request, name: str) -> int | None:
        """A price of the address, "19.99", in minor units."""
        told = request.asks(name)
        if told is None:
            return None
        try:
            amount = Decimal(told)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or not 0 <= amount < _HIGHEST:
            raise Problem(400, f"{name} is no amount", field=name, expected="an amount such as 19.99", got=told[:40])
        return int(amount.scaleb(self._exponent).to_integral_value())


def _number(request: Request, name: str) -> int:
    told = request.asks(name) or ""
    if not told.isascii() or not told.isdigit() or len(told) > 9:
        raise Problem(400, f"{name} is no number", field=name, expected="a whole number", got=told[:40])
    return int(told)
