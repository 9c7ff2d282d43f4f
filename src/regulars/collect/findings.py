"""What tracking health is made from and what it says: counts of what came, findings, and how each source is."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

#: Local hours since day 0, or local days -> how many.
Counts: TypeAlias = dict[int, int]
State = Literal["sound", "degraded", "broken", "unknown"]
Code = Literal[
    "silent", "quieter", "flooded", "step_lost", "doubled", "failing", "field_empty", "repeated", "unnamed",
    "orders_unseen", "orders_unbacked", "machines", "undeclared_place",
]  # fmt: skip


class Arrivals(msgspec.Struct):
    """What was counted. Places are tuples of text, hours and days are local."""

    arrived: dict[tuple[str, str], Counts] = {}  # source, event
    empty: dict[tuple[str, str, str], Counts] = {}  # source, event, property
    failed: dict[tuple[str, str, str, str], Counts] = {}  # source, event, reason, property
    again: dict[tuple[str], Counts] = {}  # source
    named: dict[tuple[str], Counts] = {}  # source
    machines: dict[tuple[str], Counts] = {}  # source; they are in none of the others
    skewed: dict[tuple[str], Counts] = {}  # source
    past: dict[tuple[str], Counts] = {}  # source: what came long after it happened
    told: dict[tuple[str, str], Counts] = {}  # source, who told: by day
    told_money: dict[tuple[str, str], Counts] = {}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that arrives otherwise than usual."""

    code: Code
    state: Literal["degraded", "broken"]
    source: str
    event: str = ""
    field: str = ""
    reason: str = ""  # of events that fail: the code of the first reason
    since: int  # local hour in which it began
    counted: float  # in these hours
    expected: float
    share: float  # of the usual; of what fails, is empty or repeated: of all
    usual: float = 1.0  # the same before


class SourceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One source: its state, what it sent and sends usually."""

    source: str
    state: State
    findings: list[Finding]
    day: list[float]  # the last 24 whole hours
    usual: list[float]  # what these hours usually bring
    came: int  # in these hours
    share: float | None  # of the usual
    failed_share: float
    repeated_share: float
    named_share: float | None
    learned_days: int
    imported: bool = False  # it brings the past in bulk: how much comes when says nothing
    machine_share: float = 0.0
    skewed_share: float = 0.0


def worst(states: Iterable[State]) -> State:
    """Of several states the one to go by.

    >>> worst(["sound", "degraded"]), worst([])
    ('degraded', 'unknown')
    """
    order: list[State] = ["broken", "degraded", "unknown", "sound"]
    found = set(states)
    return next((state for state in order if state in found), "unknown")
