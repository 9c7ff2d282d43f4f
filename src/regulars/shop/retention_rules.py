"""What must hold for how long things are kept: nothing is forgotten that a trait still counts."""

import math

import msgspec

from regulars.core.definitions import Trait
from regulars.core.event import ALWAYS_KEPT
from regulars.shop.draft import Draft
from regulars.shop.mistake import listed

#: Half-lives after which what is left of a score is within its tolerance.
HALF_LIVES = 10
#: Kinds of trait that hold one value, whatever the day: forgetting it would need the next one, which is not held.
WITHOUT_DAYS = ("first", "max")


def check_retention(draft: Draft) -> None:
    """A record that is built anew from what is kept must be the record that stood before."""
    file = draft.places.get(("retention", ""))
    for key, days in msgspec.structs.asdict(draft.retention).items():
        if file is not None and days is not None and days < 1:
            file.report(("retention", key), f"expected at least 1, got {days}")
    for name, event in draft.events.items():
        if event.keep_days is None:
            continue
        if event.keep_days < 1:
            draft.report("events", name, "keep_days", f"expected at least 1, got {event.keep_days}")
        elif name in ALWAYS_KEPT:
            message = f"{listed(ALWAYS_KEPT)} are kept: orders, accounts and the proof of consent rest on them"
            draft.report("events", name, "keep_days", message)
    for trait in draft.traits.values():
        if trait.keep_days is not None:
            _check_term(draft, trait, trait.keep_days)
        _check_trait(draft, trait)


def _check_trait(draft: Draft, trait: Trait) -> None:
    """The events that a trait reads are kept at least as long as the trait counts them."""
    needed = needed_days(trait)
    for name in trait.events:
        if name in ALWAYS_KEPT:
            continue
        event = draft.events.get(name)
        kept = draft.retention.events_days if event is None else draft.retention.days_of(event)
        if kept is None or (needed is not None and needed <= kept):
            continue
        counts = "for ever" if needed is None else f"for {needed} days"
        way_out = f"give it window_days of at most {kept}, or keep the event longer"
        message = f"counts {name!r} {counts}, and that is kept for {kept} days: built anew it would shrink; {way_out}"
        draft.report("traits", trait.name, "window_days", message)


def _check_term(draft: Draft, trait: Trait, days: int) -> None:
    """A term is possible where the record knows the day of what it holds, and leaves the window whole."""
    if days < 1:
        draft.report("traits", trait.name, "keep_days", f"expected at least 1, got {days}")
    elif trait.kind in WITHOUT_DAYS:
        message = f"a {trait.kind} has no days that could be forgotten one by one; count, sum, distinct and last have"
        draft.report("traits", trait.name, "keep_days", message)
    elif trait.window_days is not None and days < trait.window_days:
        message = f"counts {trait.window_days} days, so it cannot forget after {days}; shorten window_days as well"
        draft.report("traits", trait.name, "keep_days", message)


def needed_days(trait: Trait) -> int | None:
    """For how many days an event matters to a trait; None: for ever.

    >>> needed_days(Trait(name="views", kind="count", events=("Page Viewed",), window_days=30))
    30
    """
    if trait.window_days is not None:
        return trait.window_days
    if trait.keep_days is not None:
        return trait.keep_days
    if trait.kind == "affinity" and trait.half_life_days is not None:
        return math.ceil(HALF_LIVES * trait.half_life_days)
    return None
