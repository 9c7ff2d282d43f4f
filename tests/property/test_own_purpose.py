"""A brand that customers may refuse by itself: after the no it is as if it had never been allowed."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from regulars.core.event import CONSENT
from regulars.core.record import PURCHASES, part_id
from tests.property import test_policy as policy
from tests.property.lakes import Keeping
from tests.property.test_flow import START

HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["regent", "regent", "till"]),
        st.sampled_from(["Product Viewed", "Order Completed", "Identify"]),
        st.integers(120, 300),  # hours; the yes is of 130 and lasts until after the end
        st.booleans(),  # whether the lake is kept afterwards
    ),
    min_size=1,
    max_size=8,
)


def call(message: str, hour: int, **more: Any) -> dict[str, Any]:
    stamp = datetime.fromtimestamp(START / 1000 + hour * 3600, UTC).isoformat()
    return {"type": "track", "userId": "ana", "messageId": message, "timestamp": stamp, **more}


def says(message: str, hour: int, *, granted: bool, purposes: tuple[str, ...]) -> policy.Step:
    said = {"purposes": dict.fromkeys(purposes, granted)}
    return {"step": "till", "call": call(message, hour, event=CONSENT, properties=said)}


def steps(happened: list[tuple[str, str, int, bool]]) -> list[policy.Step]:
    found: list[policy.Step] = []
    for at, (source, name, hour, kept) in enumerate(happened):
        if name == "Identify":
            told = call(f"m{at}", hour, type="identify", traits={f"of_{source}": at})
        elif name == "Order Completed":
            lines = [{"product_id": f"p{at}"}]
            order = {"order_id": f"o{at % 3}", "total": at, "currency": "EUR", "products": lines}
            told = call(f"m{at}", hour, event=name, properties=order)
        else:
            told = call(f"m{at}", hour, event=name, properties={"product_id": "p"})
        found += [{"step": source, "call": told}, *([{"step": "lake"}] if kept else [])]
    return found


def seen(shop: Keeping) -> Any:
    """Traits, facts and what may be recommended from, and the rows of the lake but for what was said of consent."""
    ((number, (hot, person, _)),) = policy.of_profiles(shop).items()
    key = part_id(number, PURCHASES)
    bought = [msgspec.msgpack.decode(data) for data in shop.state.parts([key]).values()]
    rows = sorted((event.source, event.message_id) for event in shop.sealed.values() if event.name != CONSENT)
    return hot.values, person.facts, [one for one in bought if one], rows


@policy.quick
@given(HAPPENINGS)
def test_a_refused_brand_is_as_if_it_had_never_been_allowed(happened: list[tuple[str, str, int, bool]]) -> None:
    theirs = ("analytics", "personalisation")
    yes = says("yes", 130, granted=True, purposes=theirs)
    allowed = says("brand", 130, granted=True, purposes=("regent",))
    refused = says("no", 320, granted=False, purposes=("regent",))
    once = policy.played([yes, allowed, *steps(happened), {"step": "lake"}, refused])
    never = policy.played([yes, *steps(happened)])
    assert seen(once) == seen(never)
    ((hot, person, _),) = policy.of_profiles(once).values()
    assert "of_regent" not in person.facts
    values = dict(zip((trait.name for trait in policy.TRAITS), hot.values, strict=True))
    till = {f"o{at % 3}" for at, one in enumerate(happened) if one[:2] == ("till", "Order Completed")}
    assert values["tastes"] <= len(till)  # what its orders tell of a taste is no contract's
    orders = [e for e in once.sealed.values() if e.source == "regent"]
    assert {event.name for event in orders} <= {"Order Completed"}


@policy.quick
@given(HAPPENINGS)
def test_an_allowed_brand_counts_as_every_other_source(happened: list[tuple[str, str, int, bool]]) -> None:
    yes = says("yes", 130, granted=True, purposes=("analytics", "personalisation", "regent"))
    after = [(source, name, max(hour, 131), kept) for source, name, hour, kept in happened]
    brand = seen(policy.played([yes, *steps(after)]))
    till = seen(policy.played([yes, *steps([("till", name, hour, kept) for _, name, hour, kept in after])]))
    assert brand[0] == till[0]
    assert brand[2] == till[2]
    assert len(brand[3]) == len(till[3])
