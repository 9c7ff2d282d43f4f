"""What every placement would show a customer now, and why not the rest. Nothing of it is recorded or reserved."""

import asyncio
from typing import Any

import msgspec

from regulars.console.clauses import Clause, Reader
from regulars.console.visit import Visit
from regulars.core.condition import Explanation
from regulars.core.merchandising import searches
from regulars.flow.answers import ToldItem, ToldOffer, ToldSlot
from regulars.runtime.deciding import deciding


class Withheld(msgspec.Struct, frozen=True):
    """An offer that is not shown."""

    title: str
    gate: str
    text: str
    clause: Clause | None


class Chance(msgspec.Struct, frozen=True):
    """An offer that could have been chosen."""

    title: str
    score: float  # minor units
    propensity: float


class Shown(msgspec.Struct, frozen=True):
    """One placement."""

    id: str
    title: str
    channel: str
    offer: ToldOffer | None
    reasons: list[str]
    items: list[ToldItem]
    notes: list[str]
    chances: list[Chance]
    withheld: list[Withheld]


async def preview(visit: Visit, number: int, *, seconds: float) -> list[Shown] | None:
    """Every placement of the shop; None when models and catalogue are not read within `seconds`."""
    services = visit.house.services
    flow = deciding(services)
    try:
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(flow.ready())), seconds)
    except TimeoutError:
        return None
    placements = [one for one in visit.house.definitions.placements if not searches(one.recommend)]  # they need words
    if not placements:
        return []
    # On the loop: reservations of running calls are looked at, and nothing here waits.
    answer = flow.flow.preview(number, [one.id for one in placements], now=services.clock())
    told = flow.teller.tell(answer, visit.language, verified=True, explain=True)
    reader = Reader(visit.house.definitions, visit.words, visit.formats)
    titles = {offer.id: visit.words.of(offer.title, offer.id) for offer in visit.house.definitions.offers}
    purposes = {purpose.id: visit.words.of(purpose.title, purpose.id) for purpose in visit.house.definitions.purposes}
    found = []
    for placement in placements:
        slot = told.placements[placement.id]
        found.append(
            Shown(
                id=placement.id,
                title=visit.words.of(placement.title, placement.id),
                channel=placement.channel,
                offer=_set(slot.offer, None),
                reasons=[reason.text for reason in slot.reasons],
                items=_set(slot.items, []),
                notes=[reason.text for reason in slot.notes],
                chances=[Chance(titles[c.offer], c.score, c.propensity) for c in _set(slot.candidates, [])],
                withheld=_withheld(visit, slot, reader, titles, purposes),
            )
        )
    return found


def _withheld(
    visit: Visit, slot: ToldSlot, reader: Reader, titles: dict[str, str], purposes: dict[str, str]
) -> list[Withheld]:
    found = []
    for one in _set(slot.suppressions, []):
        if one.gate == "placement":  # made for elsewhere: nothing to explain
            continue
        clause = None if one.clauses is None else reader.read(msgspec.convert(one.clauses, Explanation))
        text = one.text
        if clause is not None:
            text = visit.words("customer.not_eligible")
        elif one.gate == "consent":
            text = visit.words("customer.no_consent", purpose=purposes.get(one.detail, one.detail))
        found.append(Withheld(titles[one.offer], one.gate, text, clause))
    return found


def _set(value: Any, otherwise: Any) -> Any:
    return otherwise if value is msgspec.UNSET else value
