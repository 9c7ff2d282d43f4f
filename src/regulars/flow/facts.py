"""Declared facts and preferences of a person: a function of the set of events that tell them, whatever came first.

An identify call tells facts (name, city, language), `Fact Corrected` puts them right or takes them away, and
`Preference Declared` tells preferences, which are facts in a namespace of their own: `pref.channel`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from regulars.core.event import CORRECTED, IDENTIFY, PREFERENCE, STAFF, Event
from regulars.core.preferences import MOST, NAMESPACE

#: The events that tell facts.
TELLING = frozenset({IDENTIFY, CORRECTED, PREFERENCE})
#: So many facts, and so many preferences, are kept for a profile, the first by name: a cut that no order changes.
MOST_FACTS = 40
FACT_LENGTH = 500  # characters of one
_NAME_LENGTH = 100
_LIST_LENGTH = MOST
_ORIGINS = ("customer", "staff", "brand")

#: By name: [time, message id, value, origin]; the origin is missing where a sender told the fact in an identify call.
Facts = dict[str, list[Any]]
NO_PARTNERS: Mapping[str, str] = {}


def learn_facts(facts: Facts, events: Iterable[Event], partners: Mapping[str, str] = NO_PARTNERS) -> None:
    """Take in what `events` tell: of each fact the last in (time, message id) stays; None takes it away.

    `partners` says which sources are other companies', and how their facts are marked.
    """
    for event in events:
        if event.name == IDENTIFY:
            for name, value in event.traits.items():
                if isinstance(value, str | int | float | bool) and _fits(name):
                    origin = [partners[event.source]] if event.source in partners else []
                    _keep(facts, name, [event.time, event.message_id, _cut_value(value), *origin])
        elif event.name in TELLING:
            _learn_told(facts, event)
    _cut(facts)


def join_facts(facts: Facts, others: Facts) -> None:
    """Take in what another profile of the same person declared."""
    for name, fact in others.items():
        _keep(facts, name, fact)
    _cut(facts)


def now_known(facts: Facts) -> dict[str, Any]:
    """The values that hold.

    >>> now_known({"city": [5, "m1", "Bern"], "zip": [6, "m2", None, "staff"]})
    {'city': 'Bern'}
    """
    return {name: fact[2] for name, fact in facts.items() if fact[2] is not None}


def usable_for(facts: Facts, purpose: str) -> dict[str, Any]:
    """The values that hold and may serve a purpose: what a partner told serves that partner's alone.

    >>> usable_for({"city": [5, "m1", "Bern"], "zip": [6, "m2", "3000", "partners:acme"]}, "contract")
    {'city': 'Bern'}
    """
    own = {*_ORIGINS, purpose}
    return {name: value for name, value in now_known(facts).items() if own.issuperset(facts[name][3:])}


def preferences_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The preferences among facts, by their own names."""
    return {name[len(NAMESPACE) :]: value for name, value in facts.items() if name.startswith(NAMESPACE)}


def without_preferences(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that are no preferences."""
    return {name: value for name, value in facts.items() if not name.startswith(NAMESPACE)}


def _learn_told(facts: Facts, event: Event) -> None:
    """What a correction or a declaration tells: values, or None for what is no longer so."""
    corrects = event.name == CORRECTED
    told = event.properties.get("facts" if corrects else "preferences")
    if not isinstance(told, dict):
        return
    claimed = event.properties.get("origin")
    if event.source == STAFF:
        origin = claimed if claimed in _ORIGINS else "staff"
    else:
        origin = "brand" if claimed == "brand" else "customer"
    for name, value in told.items():
        held = value if value is None or isinstance(value, str | int | float | bool) else _listed(value)
        if (value is not None and held is None) or not _fits(name):
            continue
        _keep(facts, name if corrects else NAMESPACE + name, [event.time, event.message_id, _cut_value(held), origin])


def _listed(value: Any) -> list[str] | None:
    """A list of texts; None for anything else."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return None
    return sorted({one[:FACT_LENGTH] for one in value})[:_LIST_LENGTH]


def _fits(name: str) -> bool:
    return 0 < len(name) <= _NAME_LENGTH and not name.startswith(NAMESPACE)


def _cut_value(value: Any) -> Any:
    return value[:FACT_LENGTH] if isinstance(value, str) else value


def _keep(facts: Facts, name: str, fact: list[Any]) -> None:
    known = facts.get(name)
    if known is None or (fact[0], fact[1]) > (known[0], known[1]):
        facts[name] = fact


def _cut(facts: Facts) -> None:
    if len(facts) <= MOST_FACTS:
        return
    names = sorted(facts)
    for some in ([n for n in names if n.startswith(NAMESPACE)], [n for n in names if not n.startswith(NAMESPACE)]):
        for name in some[MOST_FACTS:]:
            del facts[name]
