"""What one event changed, read from the history of its profile when somebody asks."""

import asyncio

import msgspec

from regulars.core.errors import Unavailable
from regulars.core.event import Event
from regulars.flow.effect import Effect, effect_of
from regulars.runtime.customers import Customers
from regulars.runtime.past import PastOf, rows_of
from regulars.runtime.services import Services

#: A longer history is not read for one event.
MOST = 20_000


async def effect_on(services: Services, customers: Customers, event: Event) -> Effect | str:
    """The effect, or why it is not known any more."""
    try:
        number = customers.number(event.subject, event.time)
    except LookupError:
        return "nobody is known who did it"
    engine = customers.engine
    hot, _ = customers.records(number)
    if hot.version != engine.definitions.record_version:
        return "the records are being built by other definitions; ask again when they are"
    subjects, rows = await asyncio.to_thread(rows_of, services.state, number, engine.definitions.identity)
    history: list[Event] = []
    try:
        async for page in PastOf(services, customers).events(number, subjects, rows):
            history += page
            if len(history) > MOST:
                return f"not known any more: the customer has more than {MOST:,} events"
    except Unavailable:
        return "not known here: the sealed events cannot be read now"
    place = event.source, event.message_id
    if not any((one.source, one.message_id) == place for one in history):
        return "not known any more: the event is in no history of the customer"
    return await asyncio.to_thread(effect_of, engine, msgspec.structs.replace(hot), history, event)
