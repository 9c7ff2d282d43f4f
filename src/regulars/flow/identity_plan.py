"""What changed rules of identity would merge and split, said before they are applied: nothing is written."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, cast

import msgspec

from regulars.core.identifier import is_device, is_group, usable
from regulars.core.identity_types import Identity
from regulars.core.record import profile_name
from regulars.core.state import IDENTIFIER, LINK, StateReader
from regulars.flow.identity_spelling import Spellings
from regulars.profile.assignment import IdRow
from regulars.profile.identity import Resolution, resolve
from regulars.profile.links import SHARED, Link, links_in
from regulars.profile.rule_changes import stays

#: What more identifiers than this hang together by is not looked into: burned keys and mistakes of some system.
MOST_KEYS = 2_000
_PAGE = 1_000
_EXAMPLES = 10


class Example(msgspec.Struct, frozen=True):
    """Profiles that become one, or one that becomes several; `size` is the number of identifiers."""

    kind: Literal["merge", "split"]
    size: int
    before: list[str]  # names of profiles
    after: list[str]
    identifiers: list[str]


class Plan(msgspec.Struct, kw_only=True):
    """What would change. A profile is a person, or a device that nobody holds."""

    identifiers: int = 0
    profiles_before: int = 0
    profiles_after: int = 0
    merged: int = 0  # profiles after, each made of several of before
    split: int = 0  # profiles before, each of which becomes several
    blocked: int = 0  # identifiers that would identify nobody
    followed: int = 0  # links refused now that would count
    refused: dict[str, int] = {}  # links that count now and would be refused, by reason
    skipped: int = 0  # identifiers in clusters that are too large to be looked into
    examples: list[Example] = []  # the largest
    stays: list[str] = []  # what is left as it was although the rules changed: codes of `profile.rule_changes`


def plan(
    state: StateReader, serving: Identity, edited: Identity, progress: Callable[[int], None] = lambda _: None
) -> Plan:
    """Compare who is who by both rules, cluster by cluster; `progress` is told how many identifiers were looked at."""
    found = Plan(refused={}, examples=[], stays=list(stays(serving, edited)))
    spelt = Spellings(serving, edited)
    twins = _twins(state, spelt)
    large: set[str] = set()
    for row in _identifiers(state):
        key = row[0]
        found.identifiers += 1
        if found.identifiers % _PAGE == 0:
            progress(found.identifiers)
        if is_group(key, serving):
            continue
        cluster = _cluster(key, state, serving, large, twins)
        if cluster is None:
            found.skipped += 1
        elif min(cluster) == key:  # each cluster once, without remembering any
            _compare(cluster, state, serving, edited, found, spelt)
    progress(found.identifiers)
    found.examples.sort(key=lambda one: (-one.size, one.before))
    return found


def _twins(state: StateReader, spelt: Spellings) -> dict[str, list[str]]:
    """Stored keys that the edited rules spell alike, by each of them."""
    alike: dict[str, list[str]] = {}
    for row in _identifiers(state) if spelt else ():
        if spelt.concerns(row[0]) and (new := spelt.of(row[0])) is not None:
            alike.setdefault(new, []).append(row[0])
    return {key: keys for keys in alike.values() if len(keys) > 1 for key in keys}


def _identifiers(state: StateReader) -> Iterator[IdRow]:
    last = ""
    while rows := cast(list[IdRow], state.select(IDENTIFIER, at_least={"key": last}, order=("key",), limit=_PAGE)):
        fresh = [row for row in rows if row[0] != last]
        yield from fresh
        if not fresh:
            return
        last = rows[-1][0]


def links_of_key(key: str, state: StateReader, identity: Identity) -> list[Link]:
    """The rows of the ledger that name the key; too many of them are as good as a cluster that is too large."""
    rows = [row for side in ("a", "b") for row in state.select(LINK, {side: key}, limit=2 * MOST_KEYS)]
    links = (Link(*row) for row in rows)  # type: ignore[arg-type]  # the columns of the table are the fields
    return [link for link in links if not is_group(link.b, identity)]


def named_at_shared(device: str, state: StateReader, identity: Identity) -> bool:
    """Whether somebody was named on the device where devices are shared: listed, or by a source that is."""
    sources, devices = identity.shares
    if device in devices or not sources:
        return device in devices
    return any(str(row[9]) in sources for row in state.select(LINK, {"b": device}, limit=2 * MOST_KEYS))


def _cluster(
    start: str, state: StateReader, identity: Identity, large: set[str], twins: dict[str, list[str]]
) -> dict[str, list[Link]] | None:
    """All that any link or a spelling connects with the key, followed or not; None for too much to be looked into."""
    found: dict[str, list[Link]] = {}
    edge = [start]
    while edge:
        key = edge.pop()
        if key in found:
            continue
        if key in large or len(found) >= MOST_KEYS:
            large.update((start, key))
            return None
        links = found[key] = links_of_key(key, state, identity)
        if len(links) > MOST_KEYS:
            large.update((start, key))
            return None
        edge += [other for link in links for other in (link.a, link.b) if other not in found]
        edge += [other for other in twins.get(key, ()) if other not in found]
    return found


def _compare(
    cluster: dict[str, list[Link]],
    state: StateReader,
    serving: Identity,
    edited: Identity,
    found: Plan,
    spelt: Spellings,
) -> None:
    rows = cast(dict[str, IdRow], state.many(IDENTIFIER, cluster))
    links = {(x.a, x.b, x.time, x.message_id): x for some in cluster.values() for x in some}
    evidence = [x for x in links.values() if not is_device(x.b, serving)]
    for key, row in rows.items():
        if is_device(key, serving):
            evidence += links_in(key, row[3])  # the ledger has the first login of each, the row has all that count
    seen = {key: row[2] for key, row in rows.items()}
    kept = {key: time for key, time in seen.items() if usable(key, edited) and spelt.of(key)}
    before = resolve(evidence, seen, serving)
    found.blocked += len(seen) - len(kept)
    for link in [link for key, time in [*kept.items()] for link in spelt.links(key, time)]:
        evidence.append(link)
        for key in (link.a, link.b):
            kept[key] = min(kept.get(key, link.time), link.time)
    marks = [
        Link(key, key, 0, "", "", 0, SHARED)
        for key in kept
        if is_device(key, edited) and named_at_shared(key, state, edited)
    ]
    after = resolve([*marks, *(x for x in evidence if x.a in kept and x.b in kept)], kept, edited)
    found.profiles_before += len(before.persons)
    found.profiles_after += len(after.persons)
    reasons = [{(link.a, link.b): reason for link, reason in one.refused} for one in (before, after)]
    for pair in reasons[1].keys() - reasons[0].keys():
        found.refused[reasons[1][pair]] = found.refused.get(reasons[1][pair], 0) + 1
    found.followed += sum(pair not in reasons[1] and {*pair} <= kept.keys() for pair in reasons[0])
    was = {key: number for key in kept if (number := _number(key, before)) is not None}
    now = {key: number for key in kept if (number := _number(key, after)) is not None}
    found.merged += _differences("merge", now, was, found)
    found.split += _differences("split", was, now, found)


def _number(key: str, resolution: Resolution) -> int | None:
    holding = resolution.holdings.get(key)
    return resolution.numbers.get((holding.first() if holding else None) or key)


def _differences(kind: Literal["merge", "split"], ones: dict[str, int], others: dict[str, int], found: Plan) -> int:
    """How many profiles of the one side are several of the other; the largest become examples."""
    keys_of: dict[int, list[str]] = {}
    for key, number in ones.items():
        keys_of.setdefault(number, []).append(key)
    count = 0
    for number, keys in keys_of.items():
        several = {others[key] for key in keys if key in others}
        if len(several) < 2:
            continue
        count += 1
        one, more = [profile_name(number)], _names(several)
        before, after = (more, one) if kind == "merge" else (one, more)
        found.examples.append(Example(kind, len(keys), before, after, sorted(keys)))
        found.examples.sort(key=lambda example: -example.size)
        del found.examples[_EXAMPLES:]
    return count


def _names(numbers: Iterable[int]) -> list[str]:
    return sorted(map(profile_name, numbers))
