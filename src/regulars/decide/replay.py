"""Recompute a recorded decision, for proof and for explanation."""

from collections.abc import Sequence

import msgspec

from regulars.core.decision import Candidate, Choice, DecisionRecord, Item, Suppression
from regulars.core.errors import Rejected
from regulars.core.record import Hot
from regulars.decide.arbitration import propensities
from regulars.decide.decide import Decided, Facts, decide
from regulars.decide.gates import Gate
from regulars.decide.reach import Tally
from regulars.decide.records import candidates_of, codes_of
from regulars.decide.table import OfferTable, Plan

_decode_hot = msgspec.msgpack.Decoder(Hot).decode
#: What the record says of these gates is taken from it: stock, reach and the catalogue of that moment (which
#: brand, which category) are not kept elsewhere.
RECORDED = (Gate.STOCK, Gate.LIMIT, Gate.NOT_WANTED)


def replay(record: DecisionRecord, table: OfferTable, scores: Sequence[float] | None = None) -> list[Choice]:
    """The choices of a recorded decision, computed again from the customer as recorded, and held equal.

    `scores` are those of that time, by offer; without them the recorded best candidate is taken for the best. Items are
    those of the record. Raises Rejected when the definitions are not those of the decision, ValueError when the
    decision comes out differently.
    """
    if record.configuration != table.version:
        raise Rejected(
            f"decision {record.id} was made with configuration {record.configuration!r}, this is {table.version!r}; "
            "check that version out of the shop folder's history",
            field="configuration",
            expected=record.configuration,
            got=table.version,
        )
    names = [slot[0] for slot in record.chosen]
    plan = table.plan(names, table.calendar.day(record.time))
    codes = codes_of(record, table)
    facts = Facts(_decode_hot(record.hot), record.time, Tally([], (), now=record.time))
    ranked = [0.0] * len(table.offers) if scores is None else scores
    bests = [listed[0][0] if listed else -1 for listed in record.candidates] if scores is None else None
    plan, blocked = _without(plan, codes)
    decided = decide(table, ranked, plan, facts, record.id, bests=bests)
    again = bytes(
        code if at >= len(blocked) or not blocked[at] else blocked[at] for at, code in enumerate(decided.codes)
    )
    decided = decided._replace(codes=again)
    if again != codes:
        differing = [at for at, (old, new) in enumerate(zip(codes, again, strict=True)) if old != new]
        raise ValueError(f"decision {record.id}: gates of the offers at {differing} come out differently")
    chosen = [
        (slot.placement, slot.chosen.offer, slot.chosen.propensity, slot.chosen.explored) for slot in decided.slots
    ]
    recorded = [(slot[0], slot[1], slot[2], slot[3]) for slot in record.chosen]
    if chosen != recorded:
        raise ValueError(f"decision {record.id}: recorded {recorded}, comes out as {chosen}")
    if [sorted(one) for one in candidates_of(record, table)] != [
        sorted(propensities(slot.candidates, slot.chosen)) for slot in decided.slots
    ]:
        raise ValueError(f"decision {record.id}: candidates come out differently")
    return choices(table, decided, ranked, [slot[4] for slot in record.chosen])


def choices(
    table: OfferTable, decided: Decided, scores: Sequence[float], items: Sequence[Sequence[str]]
) -> list[Choice]:
    """A decision in words of the shop: offers by id, every suppression with its gate."""
    found = []
    for place, (slot, shown) in enumerate(zip(decided.slots, items, strict=True)):
        chosen = slot.chosen
        found.append(
            Choice(
                placement=slot.placement,
                offer=table.offers[chosen.offer].id if chosen.offer >= 0 else None,
                propensity=chosen.propensity,
                explored=chosen.explored,
                items=[Item(one, 0.0, []) for one in shown],
                candidates=[
                    Candidate(table.offers[at].id, scores[at], propensity)
                    for at, propensity in propensities(slot.candidates, chosen)
                ],
                suppressions=suppressions(table, decided, place),
            )
        )
    return found


def suppressions(table: OfferTable, decided: Decided, place: int) -> list[Suppression]:
    """The offers made for a placement that it did not get to choose from, and why."""
    name = decided.slots[place].placement
    momentary = {at: position for position, at in enumerate(table.per_placement)}
    base = len(table.offers) + place * len(momentary)
    before = {slot.chosen.offer for slot in decided.slots[:place]}
    found = []
    for at, offer in enumerate(table.offers):
        if name not in offer.placements:
            continue
        code = decided.codes[base + momentary[at]] if at in momentary else decided.codes[at]
        if code:
            found.append(Suppression(offer.id, Gate(code).name.lower(), _detail(table, at, code)))
        elif name in decided.closed and at not in table.everybodys:
            found.append(Suppression(offer.id, Gate.TOO_CLOSE.name.lower(), f"placement:{name}"))
        elif at in before:
            found.append(Suppression(offer.id, "placement", "chosen for a placement before"))
    return found


def _detail(table: OfferTable, at: int, code: int) -> str:
    offer = table.offers[at]
    match code:
        case Gate.SCHEDULE:
            return f"{offer.starts or ''}..{offer.ends or ''}"
        case Gate.CONSENT:
            return offer.purpose
        case Gate.ELIGIBILITY:
            return offer.when
        case Gate.STOCK:
            return offer.product or ""
        case Gate.LIMIT:
            return f"{offer.limit.times} in {offer.limit.days} days" if offer.limit else ""
        case _:
            return ""


def _without(plan: Plan, codes: bytes) -> tuple[Plan, bytes]:
    """The plan without the offers that stock or limit removed, and their codes by offer (0: not removed by these)."""
    blocked = bytes(code if code in RECORDED else 0 for code in codes[: len(plan.template)])
    members = tuple(frozenset(at for at in some if not blocked[at]) for some in plan.members)
    return plan._replace(members=members, stocked=(), limited=()), blocked
