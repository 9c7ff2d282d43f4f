"""Settle what a batch of events, or a withdrawal, changes about who is who.

    facts = Facts(rows, assignment, events)    # the rows that `assign` had
    while want := wanted(facts, events, given, identity):
        members = {number: state.select(IDENTIFIER, {"profile": number}) for number in want.profiles}
        facts.add(want, state.many(IDENTIFIER, want.keys), members)
    settlement = settle(facts, events, given, identity)

Besides the events there may be links that people or other rules give; those of status "revoked" withdraw. A profile
whose identifiers were never the subject of an event has a number and no record: whoever applies a settlement takes a
missing record for an empty one.

The result is the same as `identity.resolve` over all links ever seen, for whatever order they came in.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from regulars.core.event import Event
from regulars.core.identifier import is_device, is_person, is_reference
from regulars.core.identity_types import Identity
from regulars.core.record import profile_number
from regulars.profile.assignment import IdRow, profile_of
from regulars.profile.effects import Effects, compare
from regulars.profile.evidence import Evidence, Facts, Want
from regulars.profile.identity import SHARED_DEVICE, TOO_MANY, Pair, burned_keys, connect, spellings
from regulars.profile.links import (
    BURNED,
    COMMANDED,
    REVOKED,
    SHARED,
    Link,
    Tie,
    holding_in,
    holding_out,
    is_burned,
    ties_in,
    ties_out,
)

#: So many times `max_component` keys are looked at around a batch; what would need more is refused.
REACH = 5
#: So many links in a row are followed: a chain that is longer comes from no customer.
MAX_STEPS = 64
#: So many orders that several identifiers named are looked at.
MAX_REFERENCES = 2_000


class Settlement(Effects, kw_only=True):
    """What to store, and what it means for the profiles (see `Effects`)."""

    profiles: list[int | None]  # of every event of the batch
    puts: dict[str, IdRow]
    links: list[Link]  # rows of the ledger to put
    links_replaced: list[Link]  # rows of the ledger to delete: an earlier evidence took their place
    refused: list[Link]  # those of `links` that were not followed, and of `turned_away`
    turned_away: list[Link]  # links that were not looked into: a row of the ledger for each pair that has none


def wanted(facts: Facts, events: Sequence[Event], given: Iterable[Link], identity: Identity) -> Want | None:
    """What `settle` still needs; None when it has all. Each round is wider than the one before, up to `REACH`."""
    evidence = facts.evidence(events, given, identity)
    missing = {key for key in evidence.keys if key not in facts.rows}
    around, _ = _around(facts, evidence)
    missing |= {key for key in around if key not in facts.rows}
    evidence.weigh(facts)
    for device in evidence.devices:
        for holding in (holding_in(facts.owners(device)), evidence.holdings[device]):
            missing.update(key for key in (holding.keys if holding else ()) if key not in facts.rows)
    if missing:
        return Want(frozenset(missing), frozenset())
    numbers = _numbers(facts, evidence, around)
    missing_numbers = numbers.difference(facts.members)
    return Want(frozenset(), frozenset(missing_numbers)) if missing_numbers else None


def _around(facts: Facts, evidence: Evidence) -> tuple[set[str], set[str]]:
    """The person keys tied to those of the batch, refused ties included; and the batch's keys that have too many."""
    found: set[str] = set()
    beyond: set[str] = set()
    crowded: set[str] = set()
    for start in sorted(evidence.persons):
        if start in found:
            continue
        # Ties stand on both sides, so whoever has one and was met from there has as many around.
        if start in crowded and facts.tied(start):
            beyond.add(start)
            continue
        met: set[str] = set()
        reached = reached_from(start, facts, evidence.identity, met)
        if reached is None:
            beyond.add(start)
            crowded |= met
        else:
            found |= reached
    return found, beyond


def reached_from(start: str, facts: Facts, identity: Identity, met: set[str] | None = None) -> set[str] | None:
    """Everybody whom ties lead to from a key; None when they are more than can be one person.

    `met` then takes in those who were found, if it was persons that were too many.
    """
    found = {start}
    edge = [start]
    persons = references = 0
    most = REACH * identity.max_component if facts.most is None else facts.most
    for _ in range(MAX_STEPS):
        following: list[str] = []
        for key in edge:
            if is_reference(key, identity):
                references += 1
            else:
                persons += 1
            if persons > most or references > MAX_REFERENCES:
                if met is not None and persons > most:
                    met |= found
                return None
            for other in facts.tied(key):
                if other not in found:
                    found.add(other)
                    following.append(other)
        edge = following
        if not edge:
            return found
    return None


def _numbers(facts: Facts, evidence: Evidence, around: Iterable[str]) -> set[int]:
    """The stored profiles that may change."""
    keys = set(around) | evidence.devices
    firsts = (holding.first() for holding in evidence.holdings.values() if holding)
    keys.update(first for first in firsts if first)
    return {row[1] for key in keys if (row := facts.rows.get(key))}


def settle(facts: Facts, events: Sequence[Event], given: Iterable[Link], identity: Identity) -> Settlement:
    """Apply the unresolved events of the batch and given (links of status "revoked")."""
    evidence = facts.evidence(events, given, identity)
    evidence.weigh(facts)
    around, beyond = _around(facts, evidence)
    numbers = _numbers(facts, evidence, around)
    book = _Ties(facts, evidence, around, beyond)
    groups = book.groups
    # Persons whose ties nobody touched keep their keys, but devices and so their anchor may change.
    grouped = {key for group in groups for key in group}
    for number in sorted(numbers):
        rest = [key for key in facts.members[number] if is_person(key, identity) and key not in grouped]
        groups += _with_their_holders(rest, groups, book.owners, facts, identity)
    after = _rows(facts, evidence, groups, numbers, book.owners)
    before = {key: row for key in after if (row := facts.rows[key])}
    effects = compare(before, after, evidence.devices, _numbers_of(facts, after))
    # Whoever tells nothing now, or tells something again, is used otherwise: see `flow.nobodys`.
    effects.refolds |= {
        row[1]
        for key, row in after.items()
        if is_burned(row[3]) is not is_burned(facts.owners(key)) and is_person(key, identity)
    }
    links, replaced = _ledger(facts, evidence, book)
    away = _turned_away((*book.turned_away, *evidence.turned_away))
    settlement = Settlement(
        **msgspec.structs.asdict(effects),
        profiles=facts.assignment.profiles[:],
        puts={key: row for key, row in after.items() if row != facts.rows[key]},
        links=links,
        links_replaced=replaced,
        refused=[*(link for link in links if link.status.startswith("refused:")), *away],
        turned_away=away,
    )
    _place_events(settlement, facts, events, after, (numbers, evidence.devices))
    return settlement


def _with_their_holders(
    rest: list[str], groups: list[list[str]], owners: Mapping[str, bytes], facts: Facts, identity: Identity
) -> list[list[str]]:
    """Put references that one key named where that key is; the other keys of the profile stay together."""
    place = {key: group for group in groups for key in group}
    together: list[str] = []
    alone: list[list[str]] = []
    for key in rest:
        holder = next((tie.other for tie in ties_in(facts.owners(key)) if tie.time >= 0), None)
        if holder is None or not is_reference(key, identity):
            together.append(key)
        elif is_burned(owners.get(holder, facts.owners(holder))):
            alone.append([key])
        elif holder in place:
            place[holder].append(key)
        else:
            together.append(key)
    return [*alone, together] if together else alone


class _Ties:
    """The ties around the batch with what is new, the groups that they make, and their stored form."""

    def __init__(self, facts: Facts, evidence: Evidence, around: set[str], beyond: set[str]) -> None:
        identity = evidence.identity
        self.stored: dict[Pair, Tie] = {}
        self.ties: dict[Pair, Tie] = {}
        self.owners: dict[str, bytes] = {}
        self.groups: list[list[str]] = []
        self.turned_away: list[Link] = []
        burned = {key for key in around if key in facts.nobody or is_burned(facts.owners(key))}
        for key in around:
            for tie in ties_in(facts.owners(key)):
                pair = min(key, tie.other), max(key, tie.other)
                self.stored[pair] = tie
                self.ties[pair] = tie.copy(pair[1])
        for pair, links in evidence.ties.items():
            if pair[0] in beyond or pair[1] in beyond:
                self.turned_away += [link for link in links if link.status not in COMMANDED]
            elif pair in self.ties or not (pair[0] in burned and pair[1] in burned):
                tie = self.ties.setdefault(pair, Tie(pair[1], -1, "", ""))
                for link in sorted(links, key=lambda link: link.status not in COMMANDED):
                    tie.learn(link)
        burned |= burned_keys(self.ties, identity, spellings(self.ties))
        self.groups, refused = connect(around, self.ties, burned, identity)
        self.groups += [[key] for key in sorted(beyond) if facts.rows[key] is None]
        namers = _namers(self.ties, identity)
        of_key: dict[str, list[Tie]] = {}
        for pair, tie in self.ties.items():
            withdrawn = REVOKED if tie.time < 0 else ""
            tie.status = f"refused:{refused[pair]}" if pair in refused else withdrawn
            for key, other in (pair, pair[::-1]):
                if namers.get(other) == 1 and other not in burned:
                    continue  # a reference that joins nobody burdens nobody's row
                of_key.setdefault(key, []).append(tie.copy(other))
        self.owners = {key: BURNED if key in burned else ties_out(of_key.get(key, ())) for key in around}


def _namers(ties: Iterable[Pair], identity: Identity) -> dict[str, int]:
    """How many keys named each reference."""
    found: dict[str, int] = {}
    for pair in ties:
        for key in pair:
            if is_reference(key, identity):
                found[key] = found.get(key, 0) + 1
    return found


def _rows(
    facts: Facts, evidence: Evidence, groups: list[list[str]], numbers: Iterable[int], owners: Mapping[str, bytes]
) -> dict[str, IdRow]:
    """The rows of everybody concerned, with their profiles."""
    identity = evidence.identity
    group_of = {key: place for place, group in enumerate(groups) for key in group}
    devices = set(evidence.devices)
    for number in numbers:
        devices.update(key for key in facts.members[number] if is_device(key, identity))
    first_seen: dict[str, int] = {}
    for key in (*group_of, *devices):
        row = facts.rows[key]
        times = [time for time in (row[2] if row else None, evidence.seen.get(key)) if time is not None]
        if times:
            first_seen[key] = min(times)
    candidates = [[key for key in group if key in first_seen] for group in groups]
    alone: list[str] = []
    stored: dict[str, bytes] = {}
    for device in devices & first_seen.keys():
        if device in evidence.holdings:
            holding = evidence.holdings[device]
            stored[device] = BURNED if holding is None else holding_out(holding)
        else:
            stored[device] = facts.owners(device)
            holding = holding_in(stored[device])
        first = holding.first() if holding else None
        if first is None:
            alone.append(device)
        else:
            candidates[group_of[first]].append(device)
    rows: dict[str, IdRow] = {}
    for keys in (*candidates, *([device] for device in alone)):
        if keys:
            number = profile_number(min(keys, key=lambda key: (first_seen[key], key)))
            for key in keys:
                rows[key] = (key, number, first_seen[key], stored.get(key, owners.get(key, facts.owners(key))))
    return rows


def _numbers_of(facts: Facts, after: Mapping[str, IdRow]) -> dict[str, int]:
    """The profile of every person key and lone device that is known here, as it is now."""
    numbers = {key: row[1] for key, row in facts.rows.items() if row}
    numbers.update((key, row[1]) for key, row in after.items())
    return numbers


def _turned_away(links: Iterable[Link]) -> list[Link]:
    """Of each pair the first: whoever sends the same two again and again adds nothing to the ledger."""
    first: dict[Pair, Link] = {}
    for link in sorted(links, key=lambda link: (link.time, link.message_id)):
        first.setdefault((link.a, link.b), msgspec.structs.replace(link, status=f"refused:{TOO_MANY}"))
    return list(first.values())


def _ledger(facts: Facts, evidence: Evidence, book: _Ties) -> tuple[list[Link], list[Link]]:
    """The rows to put, and the rows that they replace."""
    links: list[Link] = [link for link in evidence.given if link.status in COMMANDED]
    replaced: list[Link] = []
    for pair, tie in book.ties.items():
        old = book.stored.get(pair)
        before, after = _told(pair, old), _told(pair, tie)
        links += [link for place, link in after.items() if before.get(place) != link]
        replaced += [link for place, link in before.items() if place not in after]
    for device, logins in evidence.logins.items():
        if is_burned(facts.owners(device)):
            continue
        known = set(holding_in(facts.owners(device)).keys)
        status = "" if evidence.holdings[device] else f"refused:{SHARED_DEVICE}"
        for link in sorted(logins, key=lambda link: (link.time, link.message_id)):
            if (
                link.a not in known
                and link.status not in COMMANDED
                and link.status != SHARED
                and link not in evidence.turned_away
            ):
                known.add(link.a)
                links.append(msgspec.structs.replace(link, status=status))
    return links, replaced


def _told(pair: Pair, tie: Tie | None) -> dict[tuple[int, str], Link]:
    """The rows of the ledger that a tie stands for: what counts, and what would if a withdrawal were taken back."""
    found: dict[tuple[int, str], Link] = {}
    if tie is not None and tie.withheld is not None:
        found[tie.withheld.time, tie.withheld.message_id] = tie.withheld_link(pair)
    if tie is not None and tie.time >= 0:
        found[tie.time, tie.message_id] = tie.link(pair, status=tie.status)
    return found


def _place_events(
    settlement: Settlement,
    facts: Facts,
    events: Sequence[Event],
    after: Mapping[str, IdRow],
    settled: tuple[set[int], set[str]],
) -> None:
    """Say the profile of the unresolved events, and anew of those whose profile was settled."""
    rows = {key: row for key, row in facts.rows.items() if row}
    rows.update(facts.assignment.puts)
    rows.update(after)
    unresolved = set(facts.assignment.unresolved)
    numbers, devices = settled
    for place, event in enumerate(events):
        if place in unresolved or settlement.profiles[place] in numbers or event.subject in devices:
            settlement.profiles[place] = profile_of(event.subject, event.time, rows)
