"""What a customer finds who searches: the order for this customer beside everybody's, and why."""

import asyncio

import msgspec
from litestar import Response, get
from litestar.params import FromPath, FromQuery

from regulars.console.people import number_of
from regulars.console.visit import Asked, Visit, needs
from regulars.core.errors import RegularsError
from regulars.core.merchandising import searches
from regulars.decide.call import LONGEST_QUERY
from regulars.flow.answers import ToldItem
from regulars.runtime.deciding import deciding
from regulars.runtime.searching import searching


class Line(msgspec.Struct, frozen=True):
    """A product found, in the customer's order."""

    item: ToldItem
    everybodys: int | None  # its place in everybody's order, from 1; None: not among these


class Searched(msgspec.Struct, frozen=True):
    """What a query finds."""

    query: str
    lines: list[Line] = []
    notes: list[str] = []
    count: int = 0
    problem: str = ""  # code of why there is nothing to show


@get("/console/customers/{profile:str}/search", guards=[needs("customers")])
async def customer_search(visit: Asked, profile: FromPath[str], q: FromQuery[str] = "") -> Response[str]:
    """The page, or the part of the customer's page that answers. Nothing of it is recorded or reserved."""
    number = number_of(visit.house, profile)
    await visit.looked("search as a customer", profile)
    found = await _searched(visit, number, q)
    template = "_search.html" if visit.partial else "search.html"
    return visit.html(template, active="customers", profile=profile, found=found)


async def _searched(visit: Visit, number: int, query: str) -> Searched:
    text = query.lstrip()[:LONGEST_QUERY]
    places = [one.id for one in visit.house.definitions.placements if searches(one.recommend)]
    if not places:
        return Searched(text, problem="no_placement")
    if not text.strip():
        return Searched(text, problem="no_query")
    services = visit.house.services
    flow = deciding(services)
    try:
        await flow.ready()
        search, whole = await searching(services).answering(text)
    except RegularsError:  # the catalogue is being read; the page asks again by itself
        return Searched(text, problem="not_ready")
    await asyncio.sleep(0)  # running calls are answered between
    now = services.clock()
    own = flow.flow.preview(number, places[:1], now=now, search=search)
    everybodys = flow.flow.preview(number, places[:1], now=now, search=search, nobodys=True)
    told = flow.teller.tell(own, visit.language, verified=True, explain=True).placements[places[0]]
    order = {one.item: at for at, one in enumerate(everybodys.rows[0].items, 1)}
    items = [] if told.items is msgspec.UNSET else told.items
    return Searched(
        text,
        [Line(one, order.get(one.id)) for one in items],
        [one.text for one in told.notes],
        whole.count,
    )


HANDLERS = (customer_search,)
