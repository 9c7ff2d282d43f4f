"""Machine or human: what is said of an event, and the little that is kept of a device to tell.

A verdict lies in the context of an event, `{"machine": {"verdict": "machine", "why": ["agent:search-engine"]}}`, and
goes with it into the lake. An event without one is of somebody unknown, which is the usual case.
"""

from typing import Any

import msgspec

from regulars.core.event import ALWAYS_KEPT, Event

#: In the context of an event.
VERDICT = "machine"
MACHINE, HUMAN, UNKNOWN = "machine", "human", "unknown"
#: What the door saw of where a request came from: an address of a data centre, or one of very many requests.
DATA_CENTRE, CROWD = "data_centre", "crowd"
#: What it saw in the head: a browser's name without what browsers send, hints of another browser, a library's name.
BARE, MISMATCH, IN_LIBRARY = "bare", "mismatch", "library"
OF_PLACE, OF_HEAD = frozenset({DATA_CENTRE, CROWD}), frozenset({BARE, MISMATCH, IN_LIBRARY})
#: How long a device that behaved like a machine is one, in days; as many days before are taken back, too.
STANDS_DAYS = 30
#: Said of events of a device that was found out before, or only afterwards.
KNOWN, LATER = "known", "later"


class Pace(msgspec.Struct, array_like=True):
    """What a device did on its newest day (UTC), in numbers: the newest day stays, and what happens on it adds up."""

    day: int
    views: int = 0  # pages, lists and products that were looked at
    acts: int = 0  # anything that a customer does beside looking
    told: int = 0  # views of which the browser said whether a hand was at work
    hand: bool = False  # one was
    hours: int = 0  # of the day, a bit each
    minutes: list[int] = []  # minute of the day << 8 | views in it, ascending, the newest ones
    seen: list[int] = []  # which of 256 boxes held a product that was looked at
    found: int = -STANDS_DAYS  # the last day on which it behaved like a machine
    door: int = 0  # what the door saw that day: 1 of its place, 2 of its head


def verdict_of(event: Event) -> tuple[str, list[str]]:
    """Machine, human or unknown, and what says so."""
    said: dict[str, Any] | None = event.context.get(VERDICT)
    return (UNKNOWN, []) if said is None else (said["verdict"], said["why"])


def is_machine(event: Event) -> bool:
    """Whether a machine did it."""
    said = event.context.get(VERDICT)
    return said is not None and said["verdict"] == MACHINE


def counts(event: Event) -> bool:
    """Whether an event says something about a customer: what is owed to a customer counts whoever typed it."""
    return not is_machine(event) or event.name in ALWAYS_KEPT


def marked(event: Event, why: list[str]) -> Event:
    """The event as one of a machine."""
    context = {**event.context, VERDICT: {"verdict": MACHINE, "why": why}}
    return msgspec.structs.replace(event, context=context)
