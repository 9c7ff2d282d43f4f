"""Declared facts of identify calls (name, city, language): a function of the set of calls, whatever came first."""

from collections.abc import Iterable
from typing import Any

from regulars.core.event import IDENTIFY, Event

#: So many facts are kept for a profile, the first by name: a cut that does not depend on what came first.
MOST_FACTS = 40
FACT_LENGTH = 500  # characters of one
_NAME_LENGTH = 100

#: By name: [time, message id, value].
Facts = dict[str, list[Any]]


def learn_facts(facts: Facts, events: Iterable[Event]) -> None:
    """Take in the identify calls among `events`: of each fact the last in (time, message id) stays."""
    for event in events:
        if event.name == IDENTIFY:
            for name, value in event.traits.items():
                if isinstance(value, str | int | float | bool) and len(name) <= _NAME_LENGTH:
                    kept = value[:FACT_LENGTH] if isinstance(value, str) else value
                    _keep(facts, name, [event.time, event.message_id, kept])
    _cut(facts)


def join_facts(facts: Facts, others: Facts) -> None:
    """Take in what another profile of the same person declared."""
    for name, fact in others.items():
        _keep(facts, name, fact)
    _cut(facts)


def _keep(facts: Facts, name: str, fact: list[Any]) -> None:
    known = facts.get(name)
    if known is None or (fact[0], fact[1]) > (known[0], known[1]):
        facts[name] = fact


def _cut(facts: Facts) -> None:
    for name in sorted(facts)[MOST_FACTS:]:
        del facts[name]
