"""Traits: from their definitions to monoids.

*Tallies* (count, sum, affinity, lifecycle) are sums of amounts at places, so that what an order added can be taken
back when the order changes (see `profile.orders`). The others are joins: an event once seen stays seen.

Windows and caps truncate by place, never by value (see `profile.cells`). The window bounds counts and sums; the cap
bounds the keys of `distinct`, the cells of `affinity` and `visits`, and the order days of `lifecycle`.
"""

from collections.abc import Callable, Mapping

from regulars.core.definitions import Trait
from regulars.profile import joins, tallies, visits
from regulars.profile.monoid import Computed, Monoid, Thresholds

TALLIES = frozenset({"count", "sum", "affinity", "lifecycle"})


def is_tally(trait: Trait) -> bool:
    """Whether orders reach this trait as facts that can change, not as raw events."""
    return trait.kind in TALLIES


def compile_trait(
    trait: Trait,
    *,
    currency: str,
    computed: Mapping[str, Computed],
    thresholds: Thresholds = None,
    unwanted: Callable[[str], bool] | None = None,
) -> Monoid:
    """The monoid of a trait; `currency` is the shop's. Raises Misconfigured when the definition lacks something.

    No key or text of which `unwanted` says yes is counted or kept.
    """
    if is_tally(trait):
        return tallies.compile_tally(trait, currency=currency, computed=computed, unwanted=unwanted)
    if trait.kind == "visits":
        return visits.compile_visits(trait, currency=currency, unwanted=unwanted)
    return joins.compile_join(trait, currency=currency, thresholds=thresholds, unwanted=unwanted)
