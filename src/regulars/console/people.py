"""Single customers as the pages show them: the record as of the shop's today, a name, and links."""

import msgspec

from regulars.console.house import House
from regulars.console.visit import Missing, Visit
from regulars.core.record import HOT, PURCHASES, Hot, Person, part_id, profile_name

_NAMES = ("name", "full_name", "fullName")
_FIRST, _LAST = ("first_name", "firstName"), ("last_name", "lastName")
_HOT = msgspec.msgpack.Decoder(Hot)


class Card(msgspec.Struct, frozen=True):
    """A customer in a list."""

    profile: str
    name: str
    stage: str
    last_seen: int


def number_of(house: House, profile: str) -> int:
    """The number behind a profile name of an address; a page that is missing for anything else."""
    if not profile.startswith("p_"):
        raise Missing
    try:
        return house.customers.number(profile)
    except (LookupError, OverflowError, ValueError):
        raise Missing from None


def record(house: House, number: int) -> tuple[Hot, Person]:
    """The record with its values as of the shop's today."""
    hot, person = house.customers.records(number)
    fold = house.engine.fold
    if hot.version == fold.version:
        stored = house.services.state.parts([part_id(number, part) for part in (*fold.parts, PURCHASES)])
        parts = {key & 15: fold.decode_part(data) for key, data in stored.items()}
        fold.evaluate(hot, parts, house.today)
    return hot, person


def cards(visit: Visit, numbers: list[int]) -> list[Card]:
    """Customers for a list, in the order given; those that are gone are left out."""
    house = visit.house
    stored = house.services.state.parts([part_id(number, HOT) for number in numbers])
    slot = house.engine.lifecycle_slot
    found = []
    for number in numbers:
        data = stored.get(part_id(number, HOT))
        if data is None:
            continue
        hot = _HOT.decode(data)
        stage = hot.values[slot] if slot is not None and slot < len(hot.values) else None
        found.append(Card(profile_name(number), name_of(visit, hot), str(stage or ""), hot.last_seen))
    return found


def name_of(visit: Visit, hot: Hot) -> str:
    """What to call a customer: the name they told, else the identifier, as far as the user may see either."""
    if visit.may("identifiers"):
        told = next((str(hot.facts[key]) for key in _NAMES if hot.facts.get(key)), "")
        if not told:
            parts = [next((str(hot.facts[k]) for k in keys if hot.facts.get(k)), "") for keys in (_FIRST, _LAST)]
            told = " ".join(part for part in parts if part)
        if told:
            return told[:80]
    return visit.identifier(hot.anchor)
