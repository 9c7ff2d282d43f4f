"""The record of processing and the use of data, told from the configuration: what, what for, how long, by whom."""

from collections.abc import Iterable, Mapping
from typing import Any

from regulars.core.condition import Condition, compile_condition
from regulars.core.definitions import CONTRACT, Definitions, EventType, Trait
from regulars.core.event import ALWAYS_KEPT, ORDER_EVENTS
from regulars.core.schema import Rows

#: Properties from which an order becomes a fact of its own, whatever traits read.
OF_ORDERS = frozenset({"order_id", "total", "revenue", "value", "currency", "products", "refund_id"})
#: Properties from which recommendations are learned and made, where a placement shows some.
OF_RECOMMENDATIONS = frozenset({"product_id", "products"})
#: Who sees data of persons in the console.
ROLES = {"agent": "one customer", "marketer": "numbers of groups", "privacy": "one customer", "admin": "everything"}


def data_use(definitions: Definitions, language: str = "en") -> dict[str, Any]:
    """What `regulars report privacy` says, in the language where titles have it."""
    used_in = _used_in(definitions)
    bases = {CONTRACT: "contract"} | {purpose.id: str(purpose.basis) for purpose in definitions.purposes}
    recommends = sorted(placement.id for placement in definitions.placements if placement.recommend)
    rules = definitions.retention
    return {
        "controller": definitions.shop.name,
        "configuration": definitions.version,
        "purposes": [
            {
                "id": one.id, "title": _said(one.title, one.id, language), "basis": one.basis, "channel": one.channel,
                "expires_days": one.expires_days, "double_opt_in": one.double_opt_in, "sensitive": one.sensitive,
            }
            for one in definitions.purposes
        ],
        "recipients": sorted(one.partner for one in definitions.purposes if one.partner),
        "sources": [
            {"id": one.id, "title": _said(one.title, one.id, language), "kind": one.kind, "may": list(one.scopes)}
            for one in definitions.sources
        ],
        "events": [_event(one, definitions, used_in, bases, recommends, language) for one in definitions.events],
        "traits": [
            {
                "name": one.name, "title": _said(one.title, one.name, language), "purpose": one.purpose,
                "basis": bases.get(one.purpose, ""), "reads": list(one.events), "fields": sorted(fields_of(one)),
                "days": one.window_days, "used_in": used_in.get(one.name, []),
            }
            for one in definitions.traits
        ],
        "retention": {
            "events_days": rules.events_days, "decisions_days": rules.decisions_days,
            "failed_days": rules.failed_days, "access_days": rules.access_days,
        },
        "seen_by": ROLES,
    }  # fmt: skip


def _event(
    event: EventType,
    definitions: Definitions,
    used_in: Mapping[str, list[str]],
    bases: Mapping[str, str],
    recommends: list[str],
    language: str,
) -> dict[str, Any]:
    """What an event is used for, property by property; a property that nothing reads is said to be unused."""
    order = event.name in ORDER_EVENTS
    purpose = CONTRACT if event.name in ALWAYS_KEPT else event.purpose
    readers = [trait for trait in definitions.traits if event.name in trait.events]
    fields = []
    for name in event.schema.get("properties", {}):
        traits = [trait.name for trait in readers if name in fields_of(trait)]
        uses = [f"trait {trait}" for trait in traits]
        uses += sorted({use for trait in traits for use in used_in.get(trait, [])})
        uses += ["orders"] if order and name in OF_ORDERS else []
        if name in OF_RECOMMENDATIONS:
            uses += [f"recommendations at {placement}" for placement in recommends]
        fields.append({"name": name, "used_for": uses, "unused": not uses})
    return {
        "name": event.name,
        "title": _said(event.title, event.name, language),
        "purpose": purpose,
        "basis": bases.get(purpose, ""),
        "keep_days": definitions.retention.days_of(event),
        "counted_by": [trait.name for trait in readers],
        "unused": not readers and event.name not in ALWAYS_KEPT and not any(field["used_for"] for field in fields),
        "fields": fields,
    }


def fields_of(trait: Trait) -> set[str]:
    """The properties that a trait reads, by their first element.

    >>> sorted(fields_of(Trait(name="t", kind="sum", events=("A",), of="products.price", where={"kind": "x"})))
    ['kind', 'products']
    """
    paths = [trait.of, *trait.where, *([trait.weight] if isinstance(trait.weight, str) else [])]
    return {path.partition(".")[0] for path in paths if path}


def _used_in(definitions: Definitions) -> dict[str, list[str]]:
    """Trait -> segments and offers that ask for it, also through other segments."""
    schema = Rows(definitions).schema
    interests = [trait.name for trait in definitions.traits if trait.interest]
    segments = {one.id: compile_condition(one.when, schema) for one in definitions.segments}
    asking: list[tuple[str, Condition]] = [(f"segment {name}", one) for name, one in segments.items()]
    asking += [(f"offer {one.id}", compile_condition(one.when, schema)) for one in definitions.offers if one.when]
    found: dict[str, list[str]] = {}
    for who, condition in asking:
        for name in sorted(_traits(condition, segments, interests)):
            found.setdefault(name, []).append(who)
    return found


def _traits(condition: Condition, segments: Mapping[str, Condition], interests: Iterable[str]) -> set[str]:
    names: set[str] = set()
    waiting, met = [condition], set[str]()
    while waiting:
        one = waiting.pop()
        names |= one.names
        names.update(interests if one.interests else ())
        waiting += [segments[name] for name in one.segments - met if name in segments]
        met |= one.segments
    return names


def _said(titles: Mapping[str, str], name: str, language: str) -> str:
    return titles.get(language) or next(iter(titles.values()), name)
