"""The record of processing and the use of data, told from the configuration: what, what for, how long, by whom."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from regulars.core.condition import Condition, compile_condition
from regulars.core.definitions import CONTRACT, Definitions, EventType, Source, Trait
from regulars.core.event import ALWAYS_KEPT, DECISION_SHOWN, ORDER_EVENTS
from regulars.core.schema import Rows

#: Properties from which an order becomes a fact of its own, whatever traits read.
OF_ORDERS = frozenset({"order_id", "total", "revenue", "value", "currency", "products", "refund_id"})
#: Properties from which recommendations are learned and made, where a placement shows some.
OF_RECOMMENDATIONS = frozenset({"product_id", "products"})
#: Properties that say which decision was seen, and where.
OF_DECISIONS = frozenset({"decision_id", "placement", "offer_id"})
#: Properties from which a visit to a zone is put together.
OF_VISITS = frozenset({"zone", "store_id", "dwell_seconds", "seen_seconds"})
#: Who sees data of persons in the console.
ROLES = {"agent": "one customer", "marketer": "numbers of groups", "privacy": "one customer", "admin": "everything"}


def data_use(definitions: Definitions, language: str = "en") -> dict[str, Any]:
    """What `regulars report privacy` says of the configuration, in the language where titles have it."""
    uses = Uses(definitions)
    bases = {CONTRACT: "contract"} | {purpose.id: str(purpose.basis) for purpose in definitions.purposes}
    return {
        "controller": definitions.shop.name,
        "configuration": definitions.version,
        "purposes": [
            {
                "id": one.id, "title": said(one.title, one.id, language), "basis": one.basis, "channel": one.channel,
                "expires_days": one.expires_days, "double_opt_in": one.double_opt_in, "sensitive": one.sensitive,
            }
            for one in definitions.purposes
        ],
        "recipients": sorted(one.partner for one in definitions.purposes if one.partner),
        "sources": [
            {
                "id": one.id, "title": said(one.title, one.id, language), "kind": one.kind, "may": list(one.scopes),
                "purposes": _at_most(one), "consent": one.consent, "partner": one.partner,
                "own_purpose": one.own_purpose,
            }
            for one in definitions.sources
        ],
        "events": [_event(one, definitions, uses, bases, language) for one in definitions.events],
        "traits": [
            {
                "name": one.name, "title": said(one.title, one.name, language), "purpose": one.purpose,
                "basis": bases.get(one.purpose, ""), "reads": list(one.events), "fields": sorted(fields_of(one)),
                "days": one.window_days, "keep_days": one.keep_days, "used_in": uses.used_in.get(one.name, []),
            }
            for one in definitions.traits
        ],
        "retention": msgspec.structs.asdict(definitions.retention),
        "seen_by": ROLES,
        "measures": measures(definitions),
    }  # fmt: skip


def measures(definitions: Definitions) -> list[dict[str, Any]]:
    """Technical and organisational measures, by code and figures: those that always hold, and those that are set."""
    sources, purposes, rules = definitions.sources, definitions.purposes, definitions.retention
    servers = [one for one in sources if one.kind == "server"]
    browsers = [one for one in sources if one.kind == "browser"]
    partners = [one for one in sources if one.partner]
    confirmed = [one for one in purposes if one.double_opt_in]
    own = definitions.sensitive
    found: list[tuple[str, int, int]] = [
        ("consent_gates", 4, 0),
        ("public_keys", len(browsers), 0),
        ("roles", len(ROLES), 0),
        ("access_log", rules.access_days or 0, 0),
        ("erasure", 0, 0),
        ("sensitive", len(own.words) + len(own.categories), 0),
    ]
    set_up = [
        ("server_keys", len(servers), 0),
        ("origins", sum(bool(one.origins) for one in browsers), len(browsers)),
        ("tokens", sum(bool(one.token_keys) for one in browsers), len(browsers)),
        ("shared", sum(one.shared for one in sources), 0),
        ("partners", len(partners), 0),
        ("double_opt_in", len(confirmed), len(purposes)),
        ("inactive", rules.inactive_profile_days or 0, 0),
    ]
    found += [one for one in set_up if one[1]]
    return [{"code": code, "count": count, "of": of} for code, count, of in found]


def _at_most(source: Source) -> list[str] | None:
    """The purposes that events of a source may be used for; None: whatever customers allow."""
    if source.partner:
        return [f"partners:{source.partner}"]
    return None if source.purposes is None else list(source.purposes)


class Uses:
    """What properties of events are used for."""

    def __init__(self, definitions: Definitions) -> None:
        self.used_in = _used_in(definitions)
        self._traits = definitions.traits
        self._recommends = sorted(placement.id for placement in definitions.placements if placement.recommend)
        self._goals = [(goal.id, goal.event, _heads(goal.where)) for goal in definitions.goals]
        self._identifying = {one.property for one in definitions.identity.types if one.property}

    def readers(self, event: str) -> list[Trait]:
        """The traits that read an event."""
        return [trait for trait in self._traits if event in trait.events]

    def of(self, event: str, field: str) -> list[str]:
        """Traits that read the property and what asks for them, goals, orders and the rest; [] when nothing does."""
        traits = [trait.name for trait in self.readers(event) if field in fields_of(trait)]
        uses = [f"trait {trait}" for trait in traits]
        uses += sorted({use for trait in traits for use in self.used_in.get(trait, [])})
        uses += ["orders"] if event in ORDER_EVENTS and field in OF_ORDERS else []
        if field in OF_RECOMMENDATIONS:
            uses += [f"recommendations at {placement}" for placement in self._recommends]
        uses += [f"goal {goal}" for goal, of, fields in self._goals if of == event and field in fields]
        uses += ["decisions"] if event == DECISION_SHOWN and field in OF_DECISIONS else []
        return [*uses, "identifiers"] if field in self._identifying else uses


def _event(
    event: EventType, definitions: Definitions, uses: Uses, bases: Mapping[str, str], language: str
) -> dict[str, Any]:
    """What an event is used for, property by property; a property that nothing reads is said to be unused."""
    purpose = CONTRACT if event.name in ALWAYS_KEPT else event.purpose
    readers = uses.readers(event.name)
    names = event.schema.get("properties", {})
    fields = [
        {"name": name, "used_for": used, "unused": not used} for name in names for used in [uses.of(event.name, name)]
    ]
    return {
        "name": event.name,
        "title": said(event.title, event.name, language),
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
    return _heads(paths) | (OF_VISITS if trait.kind == "visits" else set())


def _heads(paths: Iterable[str]) -> set[str]:
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


def said(titles: Mapping[str, str], name: str, language: str) -> str:
    """A title in the language, else in any, else the name."""
    return titles.get(language) or next(iter(titles.values()), name)
