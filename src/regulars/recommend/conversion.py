"""Orders per look: how often a product that was looked at is bought in the same visit.

What people look at is not what they buy. Models of the running visit foretell the next look; an item's chance of an
order is that of the look times its rate here. It is shrunk to the rate of all products: few looks say little.
"""

import numpy as np

from regulars.core.merchandising import LOOKING
from regulars.recommend.interactions import Float32
from regulars.recommend.sessions.data import Kind, Sessions

#: So many looks at the rate of all products count beside a product's own.
PRIOR_LOOKS = 20.0
#: With fewer orders after looks nothing is said.
LEAST_ORDERS = 30


def orders_per_look(sessions: Sessions, items: int) -> Float32 | None:
    """Rate of each item as a multiple of all products' rate; None with too few orders of what was looked at.

    A visit that looked at an item, however often, is one look; that it ends with an order of the item is one order.

    >>> visit, item, kind = (np.repeat(np.arange(60), 3), np.tile([0, 1, 0], 60), np.tile([0, 0, 2], 60))
    >>> orders_per_look(Sessions.of(visit, item, kind=kind.astype(np.uint8)), 3).round(2).tolist()
    [1.75, 0.25, 1.0]
    """
    pair = sessions.of_event.astype(np.int64) * items + sessions.item
    looked = np.unique(pair[sessions.kind != Kind.BUY])
    bought = np.intersect1d(looked, pair[sessions.kind == Kind.BUY])
    if len(bought) < LEAST_ORDERS:
        return None
    looks, orders = (np.bincount(one % items, minlength=items) for one in (looked, bought))
    rate = len(bought) / len(looked)
    found: Float32 = ((orders + PRIOR_LOOKS * rate) / (looks + PRIOR_LOOKS) / rate).astype(np.float32)
    return found


def by_orders(best: list[tuple[int, float]], model: str, rates: Float32 | None) -> list[tuple[int, float]]:
    """What a model names, ordered by the chance of an order; models that learn from orders foretell that already.

    >>> by_orders([(0, 3.0), (1, 2.0)], "neighbours", np.asarray([0.5, 1.0], np.float32))
    [(1, 2.0), (0, 1.5)]
    """
    if rates is None or model not in LOOKING:
        return best
    worth = [(at, score * float(rates[at]) if at < len(rates) else score) for at, score in best]
    return sorted(worth, key=lambda one: (-one[1], one[0]))
