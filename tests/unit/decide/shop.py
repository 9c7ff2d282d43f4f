"""A corner shop with offers for every gate."""

from collections.abc import Sequence

import msgspec

from regulars.core.calendar import Calendar
from regulars.core.condition import compile_condition
from regulars.core.definitions import Definitions, Offer, Placement, Purpose, Segment, Shop, Trait
from regulars.core.record import Hot
from regulars.core.schema import Rows
from regulars.decide.decide import Decided, Facts, decide
from regulars.decide.identity import decision_id
from regulars.decide.reach import Reach, Tally
from regulars.decide.scoring import Responses, scores
from regulars.decide.table import OfferTable

NOW = 1_700_000_000_000  # 14 November 2023, 23:13 in Berlin, a Tuesday
SHOP = Shop(name="Corner", time_zone="Europe/Berlin")
TRAITS = (Trait(name="orders", kind="count", events=("Order Completed",)),)


def offer(name: str, **more: object) -> Offer:
    settings: dict[str, object] = {"placements": ("hero",), "purpose": "contract", "value": 100, **more}
    return Offer(id=name, **settings)  # type: ignore[arg-type]  # what a test says


def table_of(*offers: Offer, placements: Sequence[Placement] = ()) -> OfferTable:
    definitions = Definitions(
        shop=SHOP,
        traits=TRAITS,
        segments=(Segment(id="regulars", when="orders >= 3"),),
        purposes=(Purpose(id="personalisation"),),
        offers=offers,
        placements=tuple(placements) or (Placement(id="hero", exploration=0.0), Placement(id="foot", exploration=0.0)),
        version="v1",
    )
    rows = Rows(definitions)
    conditions = {one.id: compile_condition(one.when, rows.schema) for one in offers if one.when}
    return OfferTable(definitions, conditions, rows, Calendar(SHOP.time_zone))


def customer(*, orders: int = 0, consent: Sequence[str] = (), segments: Sequence[str] = ()) -> Hot:
    return Hot(
        "anonymous_id:a", NOW - 1, NOW - 1, 19_675, [orders], dict.fromkeys(consent, 0), list(segments), {}, 0, ""
    )


def decided(
    table: OfferTable,
    hot: Hot | None = None,
    *,
    placements: Sequence[str] = ("hero",),
    reach: Reach | None = None,
    own: Sequence[tuple[str, str]] = (),
    in_stock: dict[str, bool | None] | None = None,
    identifier: str = "",
    now: int = NOW,
) -> Decided:
    plan = table.plan(placements, table.calendar.day(now))
    facts = Facts(hot or customer(), now, Tally(reach or [], own, now=now), in_stock or {})
    return decide(table, scores(table.offers, Responses()), plan, facts, identifier or decision_id(now, bytes(10)))


def shown(table: OfferTable, one: Decided) -> list[str | None]:
    return [table.offers[slot.chosen.offer].id if slot.chosen.offer >= 0 else None for slot in one.slots]


def encoded(hot: Hot) -> bytes:
    return msgspec.msgpack.encode(hot)
