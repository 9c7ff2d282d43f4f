"""Link the customers of a shop: read their particulars, find pairs, and say what becomes of each."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import msgspec

from regulars.analyst.linking.evidence import Pair, verdict
from regulars.analyst.linking.finding import Progress, find
from regulars.analyst.linking.households import households
from regulars.core.definitions import CONTRACT, Definitions
from regulars.core.identifier import is_person, parse, subject_of
from regulars.core.identity_types import PARTICULARS, Identity
from regulars.core.proposal import REJECTED, Proposal, read
from regulars.core.record import HOT, PERSON, Hot, Person
from regulars.core.state import IDENTIFIER, LINK, PROPOSAL, StateReader
from regulars.flow import generation
from regulars.flow.facts import usable_for
from regulars.profile.links import FOREVER, REVOKED
from regulars.profile.particulars import Particulars, particulars, stated
from regulars.profile.policy import Policy

_HOT, _PERSON = msgspec.msgpack.Decoder(Hot), msgspec.msgpack.Decoder(Person)
_ROWS = 20_000  # rows of the state read at a time
_LONGEST_RULE = 100


class Customer(msgspec.Struct, frozen=True):
    """A profile that takes part: the identifier that stands for it, and what keeps it apart from others."""

    number: int
    key: str
    limited: frozenset[tuple[str, str]]  # type and value of the identifiers of which a person has only so many
    said: Particulars


class Outcome(msgspec.Struct):
    """What a run found."""

    customers: int = 0
    without_consent: int = 0
    links: list[dict[str, object]] = []  # as the command `link` takes them
    proposals: list[Proposal] = []
    apart: int = 0  # pairs with more values of an identifier than one person may have: two people, whatever they share
    answered: int = 0  # pairs that staff rejected or took back, and nothing about them has changed


def run(
    state: StateReader, definitions: Definitions, *, threads: int = 2, progress: Progress = lambda *_: None
) -> Outcome:
    """Look at every profile of the state; nothing is changed."""
    outcome = Outcome()
    progress("reading", 0, 1)
    known = {one.key: one for one in customers(state, definitions, outcome)}
    outcome.customers = len(known)
    linking = definitions.linking
    records = [(key, one.said) for key, one in sorted(known.items())]
    pairs = find(records, least=linking.review, threads=threads, progress=progress)
    answered = _answered(state)
    file = households(records, None, pairs, automatic=linking.automatic)
    for pair in pairs:
        what = verdict(pair, automatic=linking.automatic, review=linking.review, families=linking.families, file=file)
        if what != "drop":
            if _too_many(known[pair.a], known[pair.b], limits_of(definitions.identity)):
                outcome.apart += 1
            else:
                _sort(pair, known, answered, outcome, automatic=what == "link")
    return outcome


def customers(state: StateReader, definitions: Definitions, outcome: Outcome) -> Iterator[Customer]:
    """Profiles with a person's identifier and something to compare, of people who allow what linking needs.

    What a partner told is compared for that partner's purpose alone, and so is what a brand or a store told that asks
    for a consent of its own: a link would stay when that consent ends.
    """
    consents_of = Policy(definitions).consents_of
    identity, purpose = definitions.identity, definitions.linking.purpose
    limits = limits_of(identity)
    names = {**PARTICULARS, **definitions.linking.facts}
    for number, hot, person in _profiles(state):
        keys = [key for key in person.identifiers if is_person(key, identity)]
        key = subject_of(keys, identity)
        if key is None:
            continue
        if purpose != CONTRACT and purpose not in hot.consent:
            outcome.without_consent += 1
            continue
        said = particulars(stated(usable_for(person.facts, purpose, consents_of), keys, names))
        if said != Particulars():
            limited = frozenset(parse(one) for one in keys if parse(one)[0] in limits)
            yield Customer(number, key, limited, said)


def _profiles(state: StateReader) -> Iterator[tuple[int, Hot, Person]]:
    low, part = 0, generation.tables(state).part
    hot: tuple[int, Hot] | None = None
    while rows := state.select(part, at_least={"id": low}, order=("id",), limit=_ROWS):
        for row in rows:
            place, data = cast(int, row[0]), cast(bytes, row[1])
            if place & 15 == HOT:
                hot = place >> 4, _HOT.decode(data)
            elif place & 15 == PERSON and hot is not None and hot[0] == place >> 4:
                yield hot[0], hot[1], _PERSON.decode(data)
        low = cast(int, rows[-1][0]) + 1


def limits_of(identity: Identity) -> dict[str, int]:
    """How many identifiers of a type one person has at most, for the types that say so."""
    return identity.limits


def _too_many(one: Customer, other: Customer, limits: Mapping[str, int]) -> bool:
    """Whether both together would have more identifiers of a type than one person has."""
    counts = Counter(kind for kind, _ in one.limited | other.limited)
    return any(number > limits[kind] for kind, number in counts.items())


def _sort(
    pair: Pair,
    known: dict[str, Customer],
    answered: Callable[[int, int], tuple[tuple[str, str], ...] | None],
    outcome: Outcome,
    *,
    automatic: bool,
) -> None:
    one, other = known[pair.a], known[pair.b]
    proposal = Proposal(pair.a, pair.b, pair.probability, pair.prior, pair.evidence)
    before = answered(one.number, other.number)
    if before is not None and before in ((), proposal.told()):
        outcome.answered += 1
    elif automatic:
        score = min(pair.probability, 1.0)
        outcome.links.append({"a": pair.a, "b": pair.b, "score": score, "rule": pair.rule[:_LONGEST_RULE]})
    else:
        outcome.proposals.append(proposal)


def _answered(state: StateReader) -> Callable[[int, int], tuple[tuple[str, str], ...] | None]:
    """What staff said no to, by the profiles of today: what was compared then, () for a link taken back for good."""
    rejected = [(str(r[0]), str(r[1]), read(r[4]).told()) for r in state.select(PROPOSAL, {"status": REJECTED})]
    taken_back: list[tuple[str, str, tuple[tuple[str, str], ...]]] = [
        (str(r[0]), str(r[1]), ()) for r in state.select(LINK) if r[6] == REVOKED and r[5] == FOREVER
    ]
    rows = state.many(IDENTIFIER, {key for a, b, _ in (*rejected, *taken_back) for key in (a, b)})
    numbers = {str(key): cast(int, row[1]) for key, row in rows.items()}
    said: dict[frozenset[int], tuple[tuple[str, str], ...]] = {}
    for a, b, told in (*rejected, *taken_back):
        if a in numbers and b in numbers:
            said[frozenset((numbers[a], numbers[b]))] = told
    return lambda one, other: said.get(frozenset((one, other)))
