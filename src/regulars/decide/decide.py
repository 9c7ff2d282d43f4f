"""Decide: which offer each placement of a call shows to one customer, and why not the others.

The whole decision is a function of its inputs: the same customer, instant, reach, stock, responses and id give the same
answer. `replay.py` holds recorded decisions to that.
"""

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import msgspec

from regulars.core.preferences import too_close, unwanted
from regulars.core.record import Hot
from regulars.decide.arbitration import NOBODY, Chosen, arbitrate
from regulars.decide.gates import Gate, allows, closeness_gate, unwanted_gate
from regulars.decide.identity import draw, seed_of
from regulars.decide.reach import Tally
from regulars.decide.table import OfferTable, Plan

# Plain numbers: an attribute of an enum costs more than the comparison.
_PER_PLACEMENT, _NOT_ELIGIBLE = int(Gate.PER_PLACEMENT), int(Gate.ELIGIBILITY)
_NOT_NOW = (int(Gate.PLACEMENT), int(Gate.SCHEDULE))
_OPEN = (int(Gate.PASSED), _PER_PLACEMENT)
_NOTHING: Mapping[str, Any] = {}
_PASSED = bytes([1]) + bytes(255)  # from a code to whether it lets through


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What a decision rests on beside the definitions."""

    hot: Hot
    now: int  # the shop's clock, ms
    tally: Tally
    in_stock: Mapping[str, bool | None] = {}  # products of offers; absent or None: nobody told
    goods: Mapping[str, tuple[str, str]] = {}  # category and brand of products of offers, where somebody refuses some


class Slot(NamedTuple):
    """What one placement got: the choice, and the candidates it was made among."""

    placement: str
    chosen: Chosen
    candidates: Sequence[int]


class Decided(NamedTuple):
    """The choices of a call, and one gate code per offer (then those of offers whose condition reads the placement)."""

    slots: list[Slot]
    codes: bytes
    unknown_stock: tuple[int, ...]  # offers that passed the stock gate because it had no data
    seed: int
    closed: frozenset[str] = frozenset()  # placements that came too close: nothing personal there


def decide(
    table: OfferTable,
    scores: Sequence[float],
    plan: Plan,
    facts: Facts,
    identifier: str,
    *,
    bests: Sequence[int] | None = None,
) -> Decided:
    """Pass the gates once, then fill the placements in their order. `scores` are by offer, minor units.

    `bests` says which candidate is the best of each placement, where the scores of the time are not known any more.
    """
    codes, unknown = _pass_gates(table, plan, facts)
    closed = closed_to(facts.hot)
    seed = seed_of(identifier)
    slots: list[Slot] = []
    taken: set[int] = set()
    extra = len(table.offers)
    passed = list(compress(range(extra), codes.translate(_PASSED)))
    for place, placement in enumerate(plan.placements):
        members = plan.members[place]
        if placement.id in closed:
            members &= table.everybodys
        candidates = [at for at in passed if at in members and at not in taken] if members else []
        if table.per_placement:
            first = extra + place * len(table.per_placement)
            candidates += [
                at
                for position, at in enumerate(table.per_placement)
                if codes[at] == _PER_PLACEMENT and not codes[first + position] and at in members and at not in taken
            ]
            candidates.sort()
        if not candidates:
            slots.append(Slot(placement.id, NOBODY, ()))
            continue
        # Of equal scores the offer that stands first in the definitions.
        best = max(candidates, key=scores.__getitem__) if bests is None else bests[place]
        # Nothing is learned from what a machine does with a choice.
        exploration = 0.0 if facts.hot.machine else placement.exploration
        chosen = arbitrate(candidates, best, exploration=exploration, draw=draw(seed, placement.id))
        taken.add(chosen.offer)
        slots.append(Slot(placement.id, chosen, candidates))
    return Decided(slots, bytes(codes), unknown, seed, closed)


def _pass_gates(table: OfferTable, plan: Plan, facts: Facts) -> tuple[bytearray, tuple[int, ...]]:
    consent, now = facts.hot.consent, facts.now
    row = row_of(table, facts)
    standing, tested = plan.standing(tuple([allows(consent, purpose, now) for purpose, _ in plan.by_purpose]))
    failed = tested & ~table.sieve.holding(row)
    codes = bytearray((standing | failed * _NOT_ELIGIBLE).to_bytes(len(table.offers), "little"))
    if facts.hot.restricted:
        for at in table.personal:
            if codes[at] not in _NOT_NOW:
                codes[at] = Gate.RESTRICTED
    if facts.hot.machine:
        for at in table.of_people:
            if codes[at] not in _NOT_NOW:
                codes[at] = Gate.MACHINE
    _pass_wishes(table, facts, codes)
    unknown = _pass_stock(plan, facts, codes)
    _pass_limit(plan, facts, codes)
    if table.per_placement:
        codes += _per_placement(table, plan, row, codes)
    return codes, unknown


def closed_to(hot: Hot) -> frozenset[str]:
    """The placements where the customer wants nothing personal any more."""
    close = too_close(hot.facts)
    return frozenset() if close is None else close.placements


def _pass_wishes(table: OfferTable, facts: Facts, codes: bytearray) -> None:
    """What the customer does not want; most have said nothing of the kind."""
    refused, close = unwanted(facts.hot.facts), too_close(facts.hot.facts)
    if refused is not None:
        for at, offer in enumerate(table.offers):
            if codes[at] in _OPEN and unwanted_gate(offer, refused, *facts.goods.get(offer.product or "", ())):
                codes[at] = Gate.NOT_WANTED
    if close is not None:
        for at, offer in enumerate(table.offers):
            if codes[at] in _OPEN and closeness_gate(offer, close, table.rests_on[at]):
                codes[at] = Gate.TOO_CLOSE


def _pass_stock(plan: Plan, facts: Facts, codes: bytearray) -> tuple[int, ...]:
    unknown: list[int] = []
    for at, product in plan.stocked:
        if codes[at] in _OPEN:
            known = facts.in_stock.get(product)
            if known is None:
                unknown.append(at)
            elif not known:
                codes[at] = Gate.STOCK
    return tuple(unknown)


def _pass_limit(plan: Plan, facts: Facts, codes: bytearray) -> None:
    if not facts.tally:
        return
    used = facts.tally.used
    for at, identifier, times, first in plan.limited:
        if codes[at] in _OPEN and used(identifier, first) >= times:
            codes[at] = Gate.LIMIT


def _per_placement(table: OfferTable, plan: Plan, row: list[object], codes: bytearray) -> bytes:
    """Codes of the offers whose condition reads the placement; eligibility there, what holds everywhere otherwise."""
    tests = dict(plan.per_placement)
    names = table.rows.schema.names
    channel, where = names["context.channel"].slot, names["context.placement"].slot
    found = bytearray()
    for placement in plan.placements:
        row[channel], row[where] = placement.channel, placement.id
        for at in table.per_placement:
            if codes[at] != Gate.PER_PLACEMENT:
                found.append(codes[at])
            elif not placement.offers or placement.id not in table.offers[at].placements:
                found.append(Gate.PLACEMENT)
            else:
                found.append(Gate.PASSED if tests[at](row) else Gate.ELIGIBILITY)
    return bytes(found)


def row_of(table: OfferTable, facts: Facts, placement: str | None = None, channel: str | None = None) -> list[object]:
    """The row that conditions are tested on, at the shop's hour and weekday."""
    hour, weekday = table.calendar.hour_and_weekday(facts.now)
    hot = facts.hot
    return table.rows.row(
        hot.values,
        frozenset(hot.segments),
        hot.facts,
        channel=channel,
        placement=placement,
        hour=hour,
        weekday=weekday,
        machine=hot.machine,
        moment=hot.moment or _NOTHING,
    )
