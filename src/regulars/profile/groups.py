"""Trait groups: which traits are stored together, so that an event rewrites few bytes.

Traits that the same events touch share a part. There are at most ten parts; beyond that, and where a part of its own
costs more than it saves, two groups are joined: greedily the pair whose union costs least, where the cost is the
bytes that each event reads and writes, summed over events. The result depends on the definitions alone.
"""

from collections.abc import Sequence

from regulars.core.definitions import Trait
from regulars.core.event import ORDER_EVENTS
from regulars.core.record import FIRST_GROUP, PURCHASES
from regulars.profile.traits import is_tally

ORDERED = "Order Completed"
MOST = PURCHASES - FIRST_GROUP
_PART_COST = 60  # bytes that reading and writing one more part is worth: its key, its row, its place in the tree
_ORDER_RATE = 0.05  # order events for each other event: shops see some tens of views for an order
_KEY_BYTES = 14
_USUAL_DAYS = 12  # days with activity in a long window
_USUAL_KEYS = 30


def takes_orders(trait: Trait) -> bool:
    """Whether a trait receives orders as facts, replaced when they change, and not "Order Completed" events."""
    return ORDERED in trait.events and is_tally(trait)


def touching(trait: Trait) -> frozenset[str]:
    """The events that may change a trait. Any order event may change the order, and so a tally of orders."""
    return frozenset(trait.events) | (frozenset(ORDER_EVENTS) if takes_orders(trait) else frozenset())


def group(traits: Sequence[Trait], *, most: int = MOST) -> list[tuple[int, ...]]:
    """The indexes of the traits by group: every trait in one group, at most `most` groups, ordered by first index."""
    by_events: dict[frozenset[str], list[int]] = {}
    for index, trait in enumerate(traits):
        by_events.setdefault(touching(trait), []).append(index)
    groups = [(events, tuple(indexes)) for events, indexes in by_events.items()]
    size = {indexes: sum(_bytes(traits[index]) for index in indexes) for _, indexes in groups}
    while len(groups) > 1:
        pairs = [(left, right) for at, left in enumerate(groups) for right in groups[at + 1 :]]
        cost, left, right = min(
            ((_extra(a, b, size), a, b) for a, b in pairs), key=lambda pair: (pair[0], pair[1][1], pair[2][1])
        )
        if cost > 0 and len(groups) <= most:
            break
        joined = tuple(sorted(left[1] + right[1]))
        size[joined] = size[left[1]] + size[right[1]]
        groups = [kept for kept in groups if kept not in (left, right)] + [(left[0] | right[0], joined)]
    return sorted(indexes for _, indexes in groups)


_Group = tuple[frozenset[str], tuple[int, ...]]


def _extra(left: _Group, right: _Group, size: dict[tuple[int, ...], int]) -> float:
    """Bytes more (or less) for one event of each kind when two groups become one part."""
    more = _rate(left[0] - right[0]) * size[right[1]] + _rate(right[0] - left[0]) * size[left[1]]
    return more - _rate(left[0] & right[0]) * _PART_COST


def _rate(events: frozenset[str]) -> float:
    return sum(_ORDER_RATE if event in ORDER_EVENTS else 1.0 for event in events)


def _bytes(trait: Trait) -> int:
    """About how many bytes a state takes for a customer with some history."""
    match trait.kind:
        case "count" | "sum":
            return 4 if trait.window_days is None else 6 * min(trait.window_days, _USUAL_DAYS)
        case "lifecycle":
            return 5 * min(trait.cap, _USUAL_DAYS)
        case "first" | "last":
            return 40
        case "max" | "days_since":
            return 6
        case "distinct":
            return (_KEY_BYTES + 4) * min(trait.cap, _USUAL_KEYS)
        case "affinity" | "visits":
            return (_KEY_BYTES + 4) * min(trait.cap, _USUAL_KEYS)
