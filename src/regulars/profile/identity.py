"""Who is who: the persons that a set of links makes, and why.

`resolve` is the definition (decision record 1): a pure function of the set of links, in whatever order they came.
`settlement.settle` gives the same one batch at a time.
"""

from collections.abc import Iterable, Mapping

import msgspec

from regulars.core.definitions import Identity
from regulars.core.identifier import is_device, is_person
from regulars.core.record import profile_number
from regulars.profile.links import REVOKED, Holding, Link, Tie, evidence_order, hold

#: Reasons for which a link is refused.
CONFLICT, TOO_MANY, BURNED_KEY, SHARED_DEVICE = "conflict", "too_many", "burned", "shared_device"
Pair = tuple[str, str]


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

    def profile(self, key: str, time: int) -> int | None:
        """The profile that an event of `time` (ms) with this subject belongs to."""
        holding = self.holdings.get(key)
        holder = holding.holder(time) if holding else None
        return self.numbers.get(holder or key)


def resolve(links: Iterable[Link], seen: Mapping[str, int], identity: Identity) -> Resolution:
    """The persons of all identifiers in `seen` (key -> first event time, ms) under the links."""
    by_pair: dict[Pair, list[Link]] = {}
    for link in links:
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
    burned = burned_keys(ties, identity)
    groups, reasons = connect((key for key in seen if is_person(key, identity)), ties, burned, identity)
    holdings = {device: hold(Holding([], [], {}), evidence) for device, evidence in logins.items()}
    shared = {device for device, holding in holdings.items() if holding.shared()}
    holdings = {device: holding for device, holding in holdings.items() if device not in shared}
    refused = [(tie.link(pair), reasons[pair]) for pair, tie in ties.items() if pair in reasons]
    refused += [(min(logins[d], key=canonical), SHARED_DEVICE) for d in shared]
    persons = _persons(groups, holdings, seen, identity)
    numbers = {key: person.number for person in persons for key in person.keys}
    numbers.update((person.anchor, person.number) for person in persons if not person.keys)
    return Resolution(tuple(persons), tuple(sorted(refused, key=lambda r: canonical(r[0]))), numbers, holdings)


def canonical(link: Link) -> tuple[int, str, str, str]:
    """The order in which links are told."""
    return link.time, link.message_id, link.a, link.b


def burned_keys(ties: Iterable[Pair], identity: Identity) -> set[str]:
    """Person keys that were tied to more others than a person may have: the till's own card, a test address."""
    degree: dict[str, int] = {}
    for a, b in ties:
        degree[a] = degree.get(a, 0) + 1
        degree[b] = degree.get(b, 0) + 1
    return {key for key, others in degree.items() if others > identity.max_component}


def connect(
    keys: Iterable[str], ties: Mapping[Pair, Tie], burned: set[str], identity: Identity
) -> tuple[list[list[str]], dict[Pair, str]]:
    """The groups of person keys that the ties join, in canonical order, and the reason of each tie that is refused."""
    parent = {key: key for key in keys}
    size = dict.fromkeys(parent, 1)
    # The value of each unique type in a group: two different ones never meet.
    unique: dict[str, dict[str, str]] = {k: {t: k} for k in parent if (t := k.partition(":")[0]) in identity.unique}
    refused: dict[Pair, str] = {}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    standing = [(evidence_order(tie), pair) for pair, tie in ties.items() if tie.time >= 0]
    for _, pair in sorted(standing):
        if pair[0] in burned or pair[1] in burned:
            refused[pair] = BURNED_KEY
            continue
        if pair[0] not in parent or pair[1] not in parent:
            continue
        one, other = root(pair[0]), root(pair[1])
        if one == other:
            continue
        mine, theirs = unique.get(one, {}), unique.get(other, {})
        if any(theirs.get(kind, value) != value for kind, value in mine.items()):
            refused[pair] = CONFLICT
        elif size[one] + size[other] > identity.max_component:
            refused[pair] = TOO_MANY
        else:
            if size[one] < size[other]:
                one, other = other, one
            parent[other] = one
            size[one] += size[other]
            unique[one] = {**mine, **theirs}
    groups: dict[str, list[str]] = {}
    for key in parent:
        groups.setdefault(root(key), []).append(key)
    return [sorted(group) for group in groups.values()], refused


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
            key = holding.holder(held.start if held.start is not None else holding.logins[0][0])
            lines.append(("held", (held.device, key, held.start, held.end)))
    return lines or [("alone", (person.anchor,))]
