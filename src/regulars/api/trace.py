"""Everything that happened to one event, over HTTP."""

from litestar import get

from regulars.api.access import needs
from regulars.api.problem import Problem
from regulars.runtime import Services
from regulars.runtime.customers import Customers
from regulars.runtime.traces import Trace, whole_trace


@get("/v1/trace/{message_id:str}", guards=[needs("profiles")], tags=["operations"])
async def trace(message_id: str, services: Services, customers: Customers, source: str | None = None) -> Trace:
    """Everything that happened to one event. Without `source` every source of the shop is asked."""
    try:
        return await whole_trace(services, customers, message_id, source)
    except LookupError as error:
        wanted = "a message id of the last 7 days"
        raise Problem(404, str(error), field="message_id", expected=wanted, got=message_id) from None
