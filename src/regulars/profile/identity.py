"""Who is who: the persons that a set of links makes, and why.

`resolve` is the definition (decision record 1): a pure function of the set of links, in whatever order they came.
`settlement.settle` gives the same one batch at a time.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from regulars.core.identifier import hashed, is_device, is_person, is_reference, rank
from regulars.core.identity_types import Identity
from regulars.core.record import profile_number
from regulars.profile.links import (
    LIFTED,
    RESTORED,
    REVOKED,
    SHARED,
    SPELLING,
    Holding,
    Link,
    Tie,
    evidence_order,
    hold,
    too_many_people,
)

#: Reasons for which a link is refused.
CONFLICT, LIMIT, TOO_MANY, BURNED_KEY, SHARED_DEVICE = "conflict", "limit", "too_many", "burned", "shared_device"
#: A reference that more persons than this name is no order of anybody: a test, a default of some system.
MAX_NAMERS = 10
Pair = tuple[str, str]
NONE_SAME: Mapping[str, str] = MappingProxyType({})


class Held(msgspec.Struct, frozen=True):
    """A device in a person's hands, from `start` until before `end`, ms; None is without bound."""

    device: str
    start: int | None
    end: int | None


class ResolvedPerson(msgspec.Struct, frozen=True):
    """One customer: the anchor names the profile."""

    anchor: str
    number: int
    keys: tuple[str, ...]  # person keys, sorted
    devices: tuple[Held, ...]


class Resolution(msgspec.Struct, frozen=True):
    """The persons of a set of links, and the links that were not followed."""

    persons: tuple[ResolvedPerson, ...]
    refused: tuple[tuple[Link, str], ...]
    numbers: dict[str, int]  # person key, or device that belongs to nobody -> profile number
    holdings: dict[str, Holding]
    nobody: frozenset[str] = frozenset()  # identifiers that tell nothing; a profile of theirs is no customer's

    def profile(self, key: str, time: int) -> int | None:
        """The profile that an event of `time` (ms) with this subject belongs to."""
        holding = self.holdings.get(key)
        holder = holding.holder(time) if holding else None
        return self.numbers.get(holder or key)


def resolve(links: Iterable[Link], seen: Mapping[str, int], identity: Identity) -> Resolution:
    """The persons of all identifiers in `seen` (key -> first event time, ms) under the links."""
    by_pair: dict[Pair, list[Link]] = {}
    for link in links:
        if link.status in (LIFTED, RESTORED):
            continue  # the withdrawals of before are marked as lifted, so both cancel out
        by_pair.setdefault((link.a, link.b), []).append(link)
    ties: dict[Pair, Tie] = {}
    logins: dict[str, list[Link]] = {}
    for pair, evidence in by_pair.items():
        if is_person(pair[1], identity):
            tie = ties[pair] = Tie(pair[1], -1, "", "")
            for link in sorted(evidence, key=lambda link: link.status != REVOKED):
                tie.learn(link)
        else:
            logins.setdefault(pair[1], []).extend(evidence)
    burned = burned_keys(ties, identity, spellings(ties))
    groups, reasons = connect((key for key in seen if is_person(key, identity)), ties, burned, identity)
    holdings = {device: hold(Holding([], [], {}), evidence) for device, evidence in logins.items()}
    marked = {device for device, evidence in logins.items() if any(link.status == SHARED for link in evidence)}
    marked |= identity.shares[1] & logins.keys()
    shared = marked | {device for device, holding in holdings.items() if holding.shared(identity.limits)}
    holdings = {device: holding for device, holding in holdings.items() if device not in shared}
    refused = [(tie.link(pair), reasons[pair]) for pair, tie in ties.items() if pair in reasons]
    refused += [
        (min(named, key=canonical), SHARED_DEVICE)
        for device in shared
        if (named := [link for link in logins[device] if link.status != SHARED])
    ]
    persons = _persons(groups, holdings, seen, identity)
    numbers = {key: person.number for person in persons for key in person.keys}
    numbers.update((person.anchor, person.number) for person in persons if not person.keys)
    told = tuple(sorted(refused, key=lambda r: canonical(r[0])))
    return Resolution(tuple(persons), told, numbers, holdings, frozenset(burned))


def canonical(link: Link) -> tuple[int, str, str, str]:
    """The order in which links are told."""
    return link.time, link.message_id, link.a, link.b


def spellings(ties: Mapping[Pair, Tie]) -> dict[str, str]:
    """Of values that are stored in several spellings each but the first -> the first: they count as one."""
    found: dict[str, str] = {}
    for a, b in sorted(pair for pair, tie in ties.items() if tie.rule == SPELLING and tie.time >= 0):
        one, other = sorted((found.get(a, a), found.get(b, b)))
        if one != other:
            found.update(dict.fromkeys((other, *(key for key, first in found.items() if first == other)), one))
    return found


def burned_keys(ties: Iterable[Pair], identity: Identity, same: Mapping[str, str] = NONE_SAME) -> set[str]:
    """Keys that tell nothing: the till's own card, a test address, the telephone of the hotline.

    They were tied to more others than a person may have, or to so many values of one type that surely more than
    `MAX_PEOPLE` people named them. The latter is not asked of unique types: two people of one login are two logins.
    `same` says which keys are other spellings of one value.
    """
    counted: set[Pair] = set()
    degree: dict[str, int] = {}
    values: dict[str, dict[str, int]] = {}
    references: set[str] = set()
    limits, hashes = identity.limits, identity.hashes
    for pair in ties:
        for key, other in (pair, pair[::-1]):
            if is_reference(key, identity):
                references.add(key)
            if same:
                value = key, same.get(other, other)
                if value[1] == same.get(key, key) or value in counted:
                    continue
                counted.add(value)
            if is_reference(other, identity):  # a customer may have any number of orders
                continue
            degree[key] = degree.get(key, 0) + 1
            kind = other.partition(":")[0]
            kind = hashes.get(kind, kind)
            if kind in limits and limits.get(key.partition(":")[0]) != 1:
                of_key = values.setdefault(key, {})
                of_key[kind] = of_key.get(kind, 0) + 1
    burned = {
        key for key, others in degree.items() if others > (MAX_NAMERS if key in references else identity.max_component)
    }
    return burned | {key for key, counts in values.items() if too_many_people(counts, limits)}


def connect(
    keys: Iterable[str], ties: Mapping[Pair, Tie], burned: set[str], identity: Identity
) -> tuple[list[list[str]], dict[Pair, str]]:
    """The groups of person keys that the ties join, in canonical order, and the reason of each tie that is refused.

    Canonical: the surest evidence first, then the earliest, then the identifiers of higher priority.
    """
    made = _Groups(keys, identity, spellings(ties))
    refused: dict[Pair, str] = {}
    standing = [(evidence_order(tie), _place(pair, identity), pair) for pair, tie in ties.items() if tie.time >= 0]
    for _, _, pair in sorted(standing):
        reason = BURNED_KEY if pair[0] in burned or pair[1] in burned else made.join(*pair)
        if reason:
            refused[pair] = reason
    return made.all(), refused


class _Groups:
    """Keys that were joined, what limits count of each group, and why a further join is refused."""

    def __init__(self, keys: Iterable[str], identity: Identity, same: Mapping[str, str]) -> None:
        self._identity = identity
        self._parent = {key: key for key in keys}
        self._size = {key: 0 if key in same or is_reference(key, identity) else 1 for key in self._parent}
        self._held: dict[str, dict[str, frozenset[str]]] = {}  # of each limited type the values
        for key in self._parent:
            kind, value = _counted(same.get(key, key), identity)
            if kind in identity.limits:
                self._held[key] = {kind: frozenset((value,))}

    def _root(self, key: str) -> str:
        parent = self._parent
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def join(self, a: str, b: str) -> str:
        """Join two keys; otherwise the reason why not. Keys that are not known here stay as they are."""
        if a not in self._parent or b not in self._parent:
            return ""
        one, other = self._root(a), self._root(b)
        if one == other:
            return ""
        limits, size = self._identity.limits, self._size
        both = _together(self._held.get(one, {}), self._held.get(other, {}))
        beyond = [limits[kind] for kind, values in both.items() if len(values) > limits[kind]]
        if beyond:
            return CONFLICT if 1 in beyond else LIMIT
        if size[one] + size[other] > self._identity.max_component:
            return TOO_MANY
        if size[one] < size[other]:
            one, other = other, one
        self._parent[other] = one
        size[one] += size[other]
        self._held[one] = both
        return ""

    def all(self) -> list[list[str]]:
        """The groups, each sorted."""
        groups: dict[str, list[str]] = {}
        for key in self._parent:
            groups.setdefault(self._root(key), []).append(key)
        return [sorted(group) for group in groups.values()]


def _counted(key: str, identity: Identity) -> tuple[str, str]:
    """Type and value of a key as limits count them: a value and its hashed form are one."""
    kind, _, value = key.partition(":")
    if kind in identity.hashes:
        return identity.hashes[kind], value
    if kind in identity.hashed:
        return kind, hashed(key, identity.hashed[kind]).partition(":")[2]
    return kind, value


def _together(mine: Mapping[str, frozenset[str]], theirs: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    both = dict(mine)
    for kind, values in theirs.items():
        both[kind] = both[kind] | values if kind in both else values
    return both


def _place(pair: Pair, identity: Identity) -> int:
    """Of links of one message those to identifiers of lower priority come last: they are dropped first."""
    return max(rank(pair[0], identity), rank(pair[1], identity))


def _persons(
    groups: list[list[str]], holdings: Mapping[str, Holding], seen: Mapping[str, int], identity: Identity
) -> list[ResolvedPerson]:
    place = {key: index for index, group in enumerate(groups) for key in group}
    anchors: list[list[str]] = [list(group) for group in groups]
    held: list[list[Held]] = [[] for _ in groups]
    alone: list[str] = []
    for device in seen:
        if not is_device(device, identity):
            continue
        holding = holdings.get(device)
        first = holding.first() if holding else None
        if holding is None or first is None:
            alone.append(device)
            continue
        anchors[place[first]].append(device)
        for owner, stretch in _stretches(device, holding, place):
            held[owner].append(stretch)
    persons = []
    for group, candidates, devices in zip(groups, anchors, held, strict=True):
        anchor = min(candidates, key=lambda key: (seen[key], key))
        ordered = tuple(sorted(devices, key=lambda h: (h.device, h.start or 0)))
        persons.append(ResolvedPerson(anchor, profile_number(anchor), tuple(group), ordered))
    persons += [ResolvedPerson(d, profile_number(d), (), (Held(d, None, None),)) for d in alone]
    return sorted(persons, key=lambda person: person.anchor)


def _stretches(device: str, holding: Holding, place: Mapping[str, int]) -> list[tuple[int, Held]]:
    """Who held the device from when until when, by place of the person."""
    found: list[tuple[int, Held]] = []
    for time, key in holding.runs():
        if found and found[-1][0] == place[key]:
            continue
        if found:
            owner, last = found[-1]
            found[-1] = owner, Held(device, last.start, time)
        found.append((place[key], Held(device, time if found else None, None)))
    return found


def explain(number: int, resolution: Resolution, links: Iterable[Link]) -> list[tuple[str, tuple[object, ...]]]:
    """Why the identifiers of a profile are one person: (code, arguments) for the console to word, oldest first.

    `joined` (a, b, rule, time, message id): a link that made the person. `also` (same): one that says it again.
    `held` (device, key, from, to). `refused` (a, b, rule, time, reason). `withdrawn` (a, b, until). `alone` (key,).
    """
    person = next((person for person in resolution.persons if person.number == number), None)
    if person is None:
        return []
    own = set(person.keys) | {held.device for held in person.devices}
    about = sorted((link for link in links if link.a in own or link.b in own), key=canonical)
    reasons = {(link.a, link.b): reason for link, reason in resolution.refused}
    until: dict[Pair, int] = {}
    for link in about:
        if link.status == REVOKED:
            until[link.a, link.b] = max(until.get((link.a, link.b), 0), link.until)
    lines: list[tuple[str, tuple[object, ...]]] = []
    joined: dict[str, set[str]] = {key: {key} for key in own}
    for link in about:
        pair = link.a, link.b
        said: tuple[object, ...] = (link.a, link.b, link.rule, link.time, link.message_id)
        if link.status == REVOKED:
            lines.append(("withdrawn", (link.a, link.b, link.until)))
        elif link.time < until.get(pair, 0):
            continue
        elif pair in reasons:
            lines.append(("refused", (link.a, link.b, link.rule, link.time, reasons[pair])))
        elif link.a not in own or link.b not in own:
            continue
        elif joined[link.a] is joined[link.b]:
            lines.append(("also", said))
        else:
            both = joined[link.a] | joined[link.b]
            joined.update(dict.fromkeys(both, both))
            lines.append(("joined", said))
    for held in person.devices:
        holding = resolution.holdings.get(held.device)
        if holding is not None and len(holding.runs()) > 1:
            key = holding.holder(held.start if held.start is not None else holding.runs()[0][0])
            lines.append(("held", (held.device, key, held.start, held.end)))
    return lines or [("alone", (person.anchor,))]
