"""Groups of persons, such as households: who belongs to which, from when until when. They never join anybody.

A person key keeps, per type of group, when it was named with which (`profile.links.Holding`, in the table `grouped`);
the ledger of links has the first naming of each pair.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import msgspec

from regulars.core.event import Event
from regulars.core.identifier import is_person
from regulars.core.identity_types import Identity
from regulars.core.state import GROUPED, LINK, Changes, StateReader
from regulars.profile.links import COMMANDED, Link, hold, holding_in, holding_out

_Place = tuple[str, str]  # person key, type of group


class Membership(msgspec.Struct, frozen=True):
    """A person in a group from `start` until before `end`, ms; None is without bound."""

    member: str
    group: str
    start: int
    end: int | None


class House(msgspec.Struct, frozen=True, kw_only=True):
    """A household (a group of any type) of a customer, what said so first, and everybody who belongs or belonged to it.

    Members are told by their identifiers alone: nothing that is known of one is another's to read.
    """

    group: str
    member: str  # the customer's identifier that was named with it
    start: int  # ms
    end: int | None
    event: str  # what named the two together first; empty where that is not known any more
    source: str
    members: list[Membership]


#: Members of a group that are told at most.
MOST_MEMBERS = 50


def note_groups(events: Sequence[Event], identity: Identity, state: StateReader, changes: Changes) -> None:
    """Note which groups the events name for their persons."""
    if not identity.group:
        return
    named: dict[_Place, list[Link]] = {}
    prefixes = tuple(f"{kind}:" for kind in identity.group)
    for event in events:
        if len(event.identifiers) < 2:
            continue
        for key in event.identifiers:
            if key.startswith(prefixes) and is_person(event.subject, identity):
                link = Link(key, event.subject, event.time, event.message_id, event.name, source=event.source)
                named.setdefault((event.subject, key.partition(":")[0]), []).append(link)
    if named:
        _store(named, state, changes)


def leave_group(link: Link, state: StateReader, changes: Changes) -> None:
    """Take a membership back: `link.a` the person key, `link.b` the group, of status "revoked"."""
    turned = msgspec.structs.replace(link, a=link.b, b=link.a)
    _store({(link.a, link.b.partition(":")[0]): [turned]}, state, changes)
    changes.put(LINK, msgspec.structs.astuple(link))


def join_group_again(links: Sequence[Link], state: StateReader, changes: Changes) -> None:
    """Take back that a membership was taken back: links as in `leave_group`, of status "restored" and "lifted"."""
    turned = [msgspec.structs.replace(link, a=link.b, b=link.a) for link in links]
    _store({(links[0].a, links[0].b.partition(":")[0]): turned}, state, changes)
    for link in links:
        changes.put(LINK, msgspec.structs.astuple(link))


def _store(named: Mapping[_Place, Iterable[Link]], state: StateReader, changes: Changes) -> None:
    stored = cast(Mapping[_Place, tuple[str, str, bytes]], state.many(GROUPED, named))
    for place, links in named.items():
        row = stored.get(place)
        before = holding_in(row[2] if row else b"")
        after = hold(before, links)
        if after == before:
            continue
        changes.put(GROUPED, (*place, holding_out(after)))
        known = set(before.keys)
        for link in sorted(links, key=lambda link: (link.time, link.message_id)):
            if link.a not in known and link.status not in COMMANDED:
                known.add(link.a)
                changes.put(LINK, msgspec.structs.astuple(msgspec.structs.replace(link, a=link.b, b=link.a)))


def memberships(members: Iterable[str], identity: Identity, state: StateReader) -> list[Membership]:
    """The groups of a profile's person keys, oldest first."""
    places: list[int | str | tuple[int | str, ...]] = [
        (member, kind) for member in members if is_person(member, identity) for kind in identity.group
    ]
    found: list[Membership] = []
    for row in state.many(GROUPED, places).values():
        runs = holding_in(cast(bytes, row[2])).runs()
        ends = [start for start, _ in runs[1:]]
        found += [
            Membership(str(row[0]), group, start, end) for (start, group), end in zip(runs, [*ends, None], strict=True)
        ]
    return sorted(found, key=lambda one: (one.start, one.member, one.group))


def houses(members: Iterable[str], identity: Identity, state: StateReader) -> list[House]:
    """The groups of a profile's person keys, oldest first, each with its members and why."""
    found = []
    for one in memberships(members, identity, state):
        rows = state.select(LINK, {"a": one.member, "b": one.group}, order=("time",))
        first = next((Link(*row) for row in rows if row[6] == ""), None)  # type: ignore[arg-type]  # the table's columns
        found.append(
            House(
                group=one.group,
                member=one.member,
                start=one.start,
                end=one.end,
                event=first.rule if first else "",
                source=first.source if first else "",
                members=members_of(one.group, identity, state)[:MOST_MEMBERS],
            )
        )
    return found


def written(house: House, key: Callable[[str], str]) -> House:
    """The same with identifiers as the reader may see them."""
    return msgspec.structs.replace(
        house,
        group=key(house.group),
        member=key(house.member),
        members=[msgspec.structs.replace(one, member=key(one.member), group=key(one.group)) for one in house.members],
    )


def members_of(group: str, identity: Identity, state: StateReader) -> list[Membership]:
    """Who belongs or belonged to a group, oldest first."""
    keys = {str(row[0]) for row in state.select(LINK, {"b": group})}
    return [one for one in memberships(sorted(keys), identity, state) if one.group == group]
