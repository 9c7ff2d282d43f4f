"""Orders on which their sources disagree."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from regulars.api.access import needs
from regulars.flow.order_report import OrderReport, disagreements
from regulars.runtime import Services

DAY_MS = 86_400_000


@get("/v1/orders/disagreements", guards=[needs("profiles")], tags=["orders"], sync_to_thread=True)
def order_disagreements(services: Services, days: Annotated[int, Parameter(ge=1, le=3650)] = 30) -> OrderReport:
    """By pair of sources and field: how many of the newest orders, how much money, and examples."""
    since = services.clock() - days * DAY_MS
    return disagreements(services.state, currency=services.definitions.shop.currency, since=since)


HANDLERS = (order_disagreements,)
