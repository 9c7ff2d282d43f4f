"""Where what is known of one person came from, read when somebody asks."""

import asyncio
from collections.abc import Iterable
from typing import cast

from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.core.record import profile_name
from regulars.core.state import ORDER
from regulars.flow.origins import Origins, Tracing
from regulars.profile import orders
from regulars.runtime.customers import Customers
from regulars.runtime.past import PAGE, PastOf, rows_of
from regulars.runtime.services import Services

#: So many of a person's newest events and orders are read.
MOST = 20_000


async def origins_of(services: Services, customers: Customers, number: int, language: str) -> Origins:
    """The sources of each trait and fact of a profile, and how much was left out as sensitive."""
    engine = customers.engine
    hot, person = customers.records(number)
    name = profile_name(number)
    if hot.version != engine.definitions.record_version:  # it is being built anew: its values are of other traits
        return Origins(name, [], [], 0, complete=False)
    tracing = Tracing(engine, hot, person, language)
    subjects, rows = await asyncio.to_thread(rows_of, services.state, number, engine.definitions.identity)
    complete, left = True, MOST
    try:
        async for events in PastOf(services, customers).events(number, subjects, rows):
            await asyncio.to_thread(_take, tracing, events[:left])
            left -= len(events)
            if left <= 0:
                complete = False
                break
    except Unavailable:
        complete = False
    complete = (
        await asyncio.to_thread(_orders, services, tracing, number, engine.definitions.shop.currency) and complete
    )
    return tracing.told(name, complete=complete)


def _take(tracing: Tracing, events: Iterable[Event]) -> None:
    for event in events:
        tracing.event(event)


def _orders(services: Services, tracing: Tracing, number: int, currency: str) -> bool:
    """Whether these are all orders."""
    for start in range(0, MOST, PAGE):
        rows = services.state.select(ORDER, {"profile": number}, order=("-time",), limit=PAGE, offset=start)
        for row in rows:
            tracing.order(orders.load(cast(str, row[0]), cast(bytes, row[6]), currency=currency))
        if len(rows) < PAGE:
            return True
    return False
