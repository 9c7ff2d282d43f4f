"""Orders that disagree: where the sources of an order tell it otherwise, and how much money lies between them."""

import asyncio

from litestar import Response, get

from regulars.console.visit import Asked, needs
from regulars.flow.order_report import disagreements

_DAYS = 30
_MOST = 3_000  # orders: a page opens at once
_DAY_MS = 86_400_000


@get("/console/orders", guards=[needs("orders")])
async def orders_page(visit: Asked) -> Response[str]:
    """The page."""
    services = visit.house.services
    currency = visit.house.definitions.shop.currency
    since = services.clock() - _DAYS * _DAY_MS
    report = await asyncio.to_thread(disagreements, services.state, currency=currency, since=since, most=_MOST)
    return visit.html("orders.html", active="orders", report=report, days=_DAYS)


HANDLERS = (orders_page,)
