"""Decisions: what was chosen for one customer, out of what, how likely, and why not the rest."""

from typing import Any

import msgspec


class Suppression(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An offer that was not shown, and the gate that says why."""

    offer: str
    gate: str  # "consent", "eligibility", "stock", "schedule", "limit", "placement"
    detail: str = ""


class Candidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An offer that passed every gate, with its score and the logged probability of being chosen."""

    offer: str
    score: float
    propensity: float


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A recommended catalogue item with its reasons (code, arguments)."""

    id: str
    score: float
    reasons: list[tuple[str, dict[str, Any]]]


class Choice(msgspec.Struct, frozen=True, array_like=True):
    """What one placement shows."""

    placement: str
    offer: str | None
    propensity: float
    explored: bool
    items: list[Item]
    candidates: list[Candidate]
    suppressions: list[Suppression]
    note: str = ""  # why nothing, or less than asked


class RowRecord(msgspec.Struct, frozen=True, array_like=True):
    """How a row of items came about: enough to fill it again by other rules."""

    place: int  # among the placements of the call
    personal: bool  # whether the customer's own history was used
    store: str  # where the customer is, "" when nobody told
    propensities: list[int]  # millionths, by slot: how likely this item was to stand there; empty: certain
    moved: list[list[int]]  # by slot, the places of the rules that moved the item; empty: none
    notes: list[str]  # codes
    pool: bytes  # what the models named, best first, with what rules look at (flow.pools)


class DecisionRecord(msgspec.Struct, frozen=True, array_like=True):
    """The compact record in the log: enough to recompute the decision; at most 2 KB at 300 offers."""

    id: str
    time: int  # the shop's clock, ms
    profile: int
    anchor: str
    seed: int
    configuration: str  # short hash of the definitions
    models: str  # version of the recommendation models, "" when none
    offset: int  # state offset that was read
    hot: bytes  # the hot record that was read
    riding: list[bytes]  # events that rode along, verbatim
    chosen: list[
        tuple[str, int, float, bool, list[str]]
    ]  # placement, offer index or -1, propensity, explored, item ids
    candidates: list[list[tuple[int, float]]]  # per placement: (offer index, propensity)
    gates: bytes  # one code per offer of the configuration: the gate that removed it, 0 = passed (see decide.gates)
    machine: bool = False  # a machine asked: nothing was explored, reserved or counted
    rows: list[RowRecord] = []  # of the placements that recommend
