"""Files (CSV, NDJSON, Parquet and others) whose rows become the calls that live events are: a module for each kind.

What a kind is, and how one is added, stands in `collect.files.kind`; the line that adds it is here.
"""

from regulars.collect.files import billing, customers, events, google_analytics, orders, receipts
from regulars.collect.files.kind import FileKind
from regulars.collect.files.touch import file_kind
from regulars.collect.files.touches import TOUCHES

KINDS: dict[str, FileKind] = {
    kind.name: kind
    for kind in (
        orders.ORDERS,
        orders.ORDER_LINES,
        receipts.KIND,
        billing.INVOICES,
        billing.PAYMENTS,
        events.KIND,
        customers.KIND,
        google_analytics.KIND,
        *map(file_kind, TOUCHES.values()),
    )
}
