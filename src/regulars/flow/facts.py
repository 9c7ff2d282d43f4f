"""Declared facts and preferences of a person: a function of the set of events that tell them, whatever came first.

An identify call tells facts (name, city, language), `Fact Corrected` puts them right or takes them away, and
`Preference Declared` tells preferences, which are facts in a namespace of their own: `pref.channel`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from regulars.core.definitions import NOT_AGAIN, TOO_CLOSE
from regulars.core.event import CORRECTED, IDENTIFY, PREFERENCE, STAFF, Event
from regulars.core.preferences import MOST, NAMESPACE
from regulars.core.sensitive import Detector

#: The events that tell facts.
TELLING = frozenset({IDENTIFY, CORRECTED, PREFERENCE})
#: So many facts, and so many preferences, are kept for a profile, the first by name: a cut that no order changes.
MOST_FACTS = 40
FACT_LENGTH = 500  # characters of one
#: The fact that a customer asked to be erased, and when: kept however many others there are.
ASKED_ERASURE = "erasure_requested"
_NAME_LENGTH = 100
_LISTED = Detector()  # the words of every shop; those that a shop adds come with `unwanted`
_LIST_LENGTH = MOST
_ORIGINS = ("customer", "staff", "brand")
_PARTNERS = "partners:"

#: By name: [time, message id, value, origin]; the origin is missing where a sender told the fact in an identify call.
Facts = dict[str, list[Any]]
NO_ORIGINS: Mapping[str, str] = {}
NO_CONSENTS: Mapping[str, Collection[str]] = {}


#: Wishes that may name what is sensitive: nothing is inferred from leaving it out, and without it it would be shown.
_REFUSALS = frozenset((NAMESPACE + NOT_AGAIN, NAMESPACE + TOO_CLOSE))


def learn_facts(
    facts: Facts,
    events: Iterable[Event],
    origins: Mapping[str, str] = NO_ORIGINS,
    unwanted: Callable[[str], bool] | None = None,
) -> None:
    """Take in what `events` tell: of each fact the last in (time, message id) stays; None takes it away.

    `origins` says how the facts of sources are marked that are a partner's, a brand's or a store's. Of wishes, no text
    stays of which `unwanted` says yes; of other facts, none whose name tells of something sensitive.
    """
    for event in events:
        if event.name == IDENTIFY:
            for name, value in event.traits.items():
                if not _fits(name) or tells_sensitive(name, unwanted):
                    continue
                if isinstance(value, str | int | float | bool):
                    origin = [origins[event.source]] if event.source in origins else []
                    _keep(facts, name, [event.time, event.message_id, _cut_value(value), *origin])
        elif event.name in TELLING:
            _learn_told(facts, event, unwanted)
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


def usable_for(facts: Facts, purpose: str, consents_of: Mapping[str, Collection[str]] = NO_CONSENTS) -> dict[str, Any]:
    """The values that hold and may serve a purpose: what a partner told serves that partner's alone.

    What brands and stores of the shop told is the shop's own, unless they ask for a consent of their own
    (`consents_of`, by mark): it serves nothing that would outlast that.

    >>> known = {"city": [5, "m1", "Bern"], "zip": [6, "m2", "3000", "partners:acme"], "cut": [7, "m3", 3, "brand:A"]}
    >>> usable_for(known, "contract"), usable_for(known, "contract", {"brand:A": ["brand_a"]})
    ({'city': 'Bern', 'cut': 3}, {'city': 'Bern'})
    """
    return {
        name: value
        for name, value in now_known(facts).items()
        if all(_serves(mark, purpose, consents_of) for mark in facts[name][3:])
    }


def without_consents(facts: Facts, ended: Collection[str], consents_of: Mapping[str, Collection[str]]) -> Facts:
    """Facts without those that rest on consents that have ended; what was told before them is found by folding.

    >>> without_consents({"cut": [7, "m3", 3, "brand:A"]}, {"brand_a"}, {"brand:A": ["brand_a"]})
    {}
    """
    return {
        name: fact
        for name, fact in facts.items()
        if not any(one in ended for mark in fact[3:] for one in consents_of.get(mark, ()))
    }


def _serves(mark: str, purpose: str, consents_of: Mapping[str, Collection[str]]) -> bool:
    asked = consents_of.get(mark, ())
    return mark == purpose or (not mark.startswith(_PARTNERS) and all(one == purpose for one in asked))


def preferences_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The preferences among facts, by their own names."""
    return {name[len(NAMESPACE) :]: value for name, value in facts.items() if name.startswith(NAMESPACE)}


def without_preferences(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that are no preferences."""
    return {name: value for name, value in facts.items() if not name.startswith(NAMESPACE)}


def left_out(name: str, value: Any, unwanted: Callable[[str], bool] | None) -> Any:
    """The value of a fact without what is unwanted in a wish; None where nothing is left of it.

    >>> left_out("pref.topics", ["Tea", "Diabetes"], {"Diabetes"}.__contains__)
    ['Tea']
    >>> left_out("pref.size", "Diabetes", {"Diabetes"}.__contains__), left_out("city", "Bern", str.isalpha)
    (None, 'Bern')
    """
    if unwanted is None or not name.startswith(NAMESPACE) or name in _REFUSALS:
        return value
    if isinstance(value, str):
        return None if unwanted(value) else value
    if isinstance(value, list | tuple):
        return [one for one in value if not (isinstance(one, str) and unwanted(one))] or None
    return value


def tells_sensitive(name: str, unwanted: Callable[[str], bool] | None) -> bool:
    """Whether a fact is not kept for its name: facts have no purpose that customers could be asked for explicitly.

    What its value says is left alone (a surname, a street). A wish is judged by its values instead.

    >>> tells_sensitive("healthScore", str.isspace), tells_sensitive("religion", str.isspace)
    (True, True)
    >>> tells_sensitive("city", str.isspace), tells_sensitive("city", None)
    (False, False)
    """
    if unwanted is None or name.startswith(NAMESPACE):
        return False
    return unwanted(name) or _LISTED.unwanted_name(name)


def without_unwanted(facts: Facts, unwanted: Callable[[str], bool] | None) -> Facts:
    """Facts that were learnt before this was unwanted, as they would have been learnt."""
    return {
        name: [*fact[:2], left_out(name, fact[2], unwanted), *fact[3:]]
        for name, fact in facts.items()
        if not tells_sensitive(name, unwanted)
    }


def cuttable(name: str) -> bool:
    """Whether a name counts among the facts of which only so many are kept."""
    return not name.startswith(NAMESPACE) and name != ASKED_ERASURE


def _learn_told(facts: Facts, event: Event, unwanted: Callable[[str], bool] | None) -> None:
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
        full = name if corrects else NAMESPACE + name
        if tells_sensitive(full, unwanted):
            continue
        _keep(facts, full, [event.time, event.message_id, left_out(full, _cut_value(held), unwanted), origin])


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
    for some in ([n for n in names if n.startswith(NAMESPACE)], [n for n in names if cuttable(n)]):
        for name in some[MOST_FACTS:]:
            del facts[name]
