"""`/v1/search`: products by what somebody types, with errors, compounds and beginnings of words.

`GET` answers the same to all who ask. `POST` answers one customer: who it is stands in the body, not in an address that
proxies write down; the order is a decision of a placement that answers searches, recorded like every other.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import NamedTuple

import msgspec

from regulars.api.asgi import inflate
from regulars.api.decide import BODY_BYTES, failure_of, logged_in, not_explained, refused_token
from regulars.api.hot import JSON, Answer, Done, Request, Route, cors, within_rate
from regulars.api.keys import keys_of
from regulars.api.metrics import Metrics
from regulars.api.problem import Problem
from regulars.catalog.search import Filters, Found
from regulars.core.catalog import CatalogItem
from regulars.core.definitions import Placement, Source
from regulars.core.merchandising import searches
from regulars.core.money import exponent
from regulars.decide.call import SearchCall, read_search
from regulars.decide.words import spoken
from regulars.flow.answers import Price, Reason, ToldRule
from regulars.recommend.search import Search
from regulars.runtime import Services
from regulars.runtime.deciding import Deciding, deciding
from regulars.runtime.searching import searching

PATH = "/v1/search"
_encode = msgspec.json.Encoder().encode
MOST_ASKED = 100
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
    reasons: list[Reason] = []  # for one customer: what was found, and what speaks for it


class Answered(msgspec.Struct, kw_only=True):
    """What a query found, best first. `partly`: no product has all words, these have some."""

    query: str
    count: int
    partly: bool
    products: list[FoundProduct]
    categories: list[Facet]
    brands: list[Facet]


class AnsweredFor(Answered, kw_only=True, omit_defaults=True):
    """The same for one customer."""

    decision_id: str
    placement: str
    language: str
    personal: bool  # whether what is known of the customer could be used
    notes: list[Reason] = []
    rules: msgspec.UnsetType | list[ToldRule] = msgspec.UNSET  # for servers that ask to explain


class _Personal(NamedTuple):
    """A search for one customer, and where its answer goes."""

    flow: Deciding
    request: Request
    call: SearchCall
    placement: Placement
    source: Source
    done: Done


def routes(services: Services, metrics: Metrics) -> dict[str, Route]:
    """The hot route by path."""
    return {PATH: SearchDesk(services, metrics)}


class SearchDesk(Route):
    """Answers queries: by `GET` the same for all who ask, by `POST` through `decide`, where consent is checked."""

    scope = "decide"
    methods = ("GET", "POST")

    def __init__(self, services: Services, metrics: Metrics) -> None:
        super().__init__("search", BODY_BYTES, keys_of(services), metrics)
        self._services = services
        self._languages = services.definitions.shop.languages
        self._exponent = exponent(services.definitions.shop.currency)

    def _take(self, request: Request, body: bytes, done: Done) -> None:
        if request.method == "POST":
            flow = deciding(self._services)
            asyncio.ensure_future(flow.ready()).add_done_callback(partial(self._ready, flow, request, body, done))
            return
        source = request.source or self.known(request, request.asks("write_key") or "")
        within_rate(self._services.rates, source, 1)
        text = (request.asks("q") or "").strip()
        if not text:
            raise Problem(400, "there is nothing to search for", field="q", expected="some words", got="nothing")
        limit = _number(request, "limit") if request.asks("limit") is not None else 20
        if not 1 <= limit <= MOST_ASKED:
            raise Problem(400, "limit is out of range", field="limit", expected=f"1 to {MOST_ASKED}", got=str(limit))
        filters = Filters(
            category=request.asks("category") or "",
            brand=request.asks("brand") or "",
            kind=request.asks("kind") or "product",
            price_from=self._price("price_from", request.asks("price_from")),
            price_to=self._price("price_to", request.asks("price_to")),
            in_stock=(request.asks("in_stock") or "0") not in ("0", "false"),
        )
        # What is still being typed ends without a blank: `q` is taken as it came for that.
        asked = (request.asks("q") or "").lstrip()
        work = searching(self._services).search(asked, n=limit, filters=filters)
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
        now = self._services.clock()
        products = [
            product_of(item, round(hit.score, 3), now)
            for hit in found.hits
            if (item := items.get(hit.id)) is not None and item.active
        ]
        return Answered(
            query=text,
            count=found.count,
            partly=found.partly,
            products=products,
            categories=[Facet(value, count) for value, count in found.categories],
            brands=[Facet(value, count) for value, count in found.brands],
        )

    # For one customer -----------------------------------------------------------------------------------------------

    def _ready(self, flow: Deciding, request: Request, body: bytes, done: Done, ready: "asyncio.Future[None]") -> None:
        failure = failure_of(ready)
        if failure is not None:
            done(self.refusal(request, failure))
            return
        try:
            self._ask(flow, request, body, done)
        except Exception as error:  # noqa: BLE001 - as above
            done(self.refusal(request, error))

    def _ask(self, flow: Deciding, request: Request, body: bytes, done: Done) -> None:
        call = read_search(inflate(body, self.limit))
        call = logged_in(call, request)
        source = request.source or self.known(request, call.write_key or "")
        if call.explain and source.kind != "server":
            raise not_explained(source)
        within_rate(self._services.rates, source, 1 + len(call.events))
        placement = answering_placement(flow.flow.engine.definitions.placements, call.placements)
        most = min(placement.items, MOST_ASKED)
        if call.limit is not None and not 1 <= call.limit <= most:
            shown = f"1 to {most}, the items of placement {placement.id!r}"
            raise Problem(400, "limit is out of range", field="limit", expected=shown, got=str(call.limit))
        call = msgspec.structs.replace(call, placements=[placement.id])
        asked = _Personal(flow, request, call, placement, source, done)
        work = searching(self._services).answering((call.query or "").lstrip(), filters=self._narrowed(call))
        asyncio.ensure_future(work).add_done_callback(partial(self._decide, asked))

    def _narrowed(self, call: SearchCall) -> Filters:
        said = call.filters
        bounds = [
            None if one is None else self._price(name, str(one))
            for name, one in (("filters.price_from", said.price_from), ("filters.price_to", said.price_to))
        ]
        return Filters(
            category=said.category,
            brand=said.brand,
            kind=said.kind or "product",
            price_from=bounds[0],
            price_to=bounds[1],
            in_stock=said.in_stock,
        )

    def _decide(self, asked: _Personal, work: "asyncio.Future[tuple[Search, Found]]") -> None:
        failure = failure_of(work)
        if failure is not None:
            asked.done(self.refusal(asked.request, failure))
            return
        try:
            self._tell_one(asked, *work.result())
        except Exception as error:  # noqa: BLE001 - as above
            asked.done(self.refusal(asked.request, error))

    def _tell_one(self, asked: _Personal, search: Search, found: Found) -> None:
        flow, request, call, placement, source, done = asked
        now = self._services.clock()
        agent = request.header(b"user-agent").decode("latin-1")
        outcome = flow.flow.decide(
            call,
            source,
            now=now,
            agent=agent,
            explain=call.explain,
            search=search._replace(most=call.limit),
        )
        stored = flow.append(outcome)
        language = spoken(call.language, request.header(b"accept-language").decode("latin-1"), self._languages)
        told = flow.teller.tell(outcome.answer, language, verified=source.kind == "server", explain=call.explain)
        slot = told.placements[placement.id]
        items = flow.flow.shelf.items([one.item for one in outcome.answer.rows[0].items])
        told_items = [] if slot.items is msgspec.UNSET else slot.items
        products = [
            product_of(item, round(one.score, 4), now, told_item.reasons)
            for one, told_item in zip(outcome.answer.rows[0].items, told_items, strict=True)
            if (item := items.get(one.item)) is not None and item.active
        ]
        answered = AnsweredFor(
            query=(call.query or "").strip(),
            count=found.count,
            partly=found.partly,
            products=products,
            categories=[Facet(value, count) for value, count in found.categories],
            brands=[Facet(value, count) for value, count in found.brands],
            decision_id=told.decision_id,
            placement=placement.id,
            language=language,
            personal=outcome.answer.rows[0].personal,
            notes=slot.notes,
            rules=slot.rules,
        )
        answer = Answer(200, [*JSON, *cors(request.origin), *refused_token(outcome.token_refused)], _encode(answered))
        if self._services.settings.decide_waits:
            stored.add_done_callback(partial(self._stored, request, answer, done))
        else:
            done(self.counted(request, answer))

    def _stored(self, request: Request, answer: Answer, done: Done, stored: "asyncio.Future[int]") -> None:
        failure = failure_of(stored)
        done(self.counted(request, answer) if failure is None else self.refusal(request, failure))

    def _price(self, name: str, told: str | None) -> int | None:
        """A price that was said, "19.99", in minor units."""
        if told is None:
            return None
        try:
            amount = Decimal(told)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or not 0 <= amount < _HIGHEST:
            raise Problem(400, f"{name} is no amount", field=name, expected="an amount such as 19.99", got=told[:40])
        return int(amount.scaleb(self._exponent).to_integral_value())


def product_of(item: CatalogItem, score: float, now: int, reasons: Sequence[Reason] = ()) -> FoundProduct:
    """A product as it is told of."""
    price = item.price_at(now)
    return FoundProduct(
        item.id,
        item.title,
        score,
        item.brand,
        " > ".join(item.category),
        None if price is None else Price(price, item.currency),
        item.link,
        item.image,
        item.in_stock(),
        list(reasons),
    )


def answering_placement(placements: Sequence[Placement], named: Sequence[str]) -> Placement:
    """The placement that a search names, or the shop's first that answers searches."""
    answering = [one for one in placements if searches(one.recommend)]
    found = next((one for one in answering if not named or one.id == named[0]), None)
    if found is not None:
        return found
    known = ", ".join(one.id for one in answering)
    raise Problem(
        400 if known or named else 404,
        f"{named[0]!r} does not answer searches" if named else "no placement of this shop answers searches",
        field="placements",
        expected=known or 'a placement with recommend = "search" in placements.toml; GET /v1/search needs none',
        got=named[0] if named else "nothing",
    )


def _number(request: Request, name: str) -> int:
    told = request.asks(name) or ""
    if not told.isascii() or not told.isdigit() or len(told) > 9:
        raise Problem(400, f"{name} is no number", field=name, expected="a whole number", got=told[:40])
    return int(told)
