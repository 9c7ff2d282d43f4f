"""Which profile an event belongs to: the step that every event takes, and only few leave to `settlement`.

rows = state.many(IDENTIFIER, keys_of(events))
rows |= state.many(IDENTIFIER, holders_of(rows))      # empty but for devices that changed hands
assignment = assign(events, rows, identity)
if assignment.unresolved: settlement.settle(...)
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from functools import lru_cache

import msgspec

from regulars.core.event import Event
from regulars.core.identifier import is_device, is_person, is_reference
from regulars.core.identity_types import Identity
from regulars.core.record import profile_number
from regulars.profile.links import (
    SLOT_MS,
    Holding,
    Link,
    evidence_order,
    has_several,
    hold,
    holding_in,
    holding_out,
    is_burned,
    is_hash,
    pairs_of,
    persons_of,
    ties_in,
)

#: A row of the table `identifier`: key, profile, first seen (ms), owners. A device has the profile of its first holder.
IdRow = tuple[str, int, int, bytes]


class Assignment(msgspec.Struct):
    """The profile of each event, as far as the rows tell; `unresolved` are the places of the others."""

    profiles: list[int | None]
    unresolved: list[int]
    puts: dict[str, IdRow]  # new visitors, and logins that repeat who holds the device
    new: set[int]  # profiles of new visitors


def keys_of(events: Iterable[Event]) -> list[str]:
    """The keys to fetch from the table `identifier`."""
    return list({key for event in events for key in event.identifiers})


def holders_of(rows: Mapping[str, IdRow]) -> set[str]:
    """The keys to fetch as well: who held the devices that changed hands."""
    wanted: set[str] = set()
    for row in rows.values():
        if has_several(row[3]):
            wanted.update(key for _, key in holding_in(row[3]).runs())
    return wanted.difference(rows)


def assign(events: Sequence[Event], rows: Mapping[str, IdRow], identity: Identity) -> Assignment:
    """Say the profile of each event where nothing is to be learned; open profiles for new visitors."""
    known: dict[str, IdRow] = dict(rows)
    profiles: list[int | None] = [None] * len(events)
    unresolved: list[int] = []
    fresh: dict[str, list[int]] = {}
    puts: dict[str, IdRow] = {}
    holdings: dict[bytes, Holding] = {}
    shares = any(identity.shares)
    for place, event in enumerate(events):
        keys = event.identifiers
        if shares and not _shared_known(event, known, identity):
            unresolved.append(place)
        elif len(keys) == 1:
            key = keys[0]
            row = known.get(key)
            if row is None:
                if is_person(key, identity) or is_device(key, identity):
                    fresh.setdefault(key, []).append(place)
            elif event.time < row[2]:
                unresolved.append(place)
            elif not has_several(row[3]):
                profiles[place] = row[1]
            else:
                profiles[place] = _profile_at(row, event.time, known, holdings)
        elif keys:
            if _nothing_new(event, known, puts, holdings, identity):
                profiles[place] = profile_of(event.subject, event.time, known, holdings)
            else:
                unresolved.append(place)
    return _open(events, Assignment(profiles, unresolved, puts, set()), fresh)


def profile_of(
    subject: str, time: int, rows: Mapping[str, IdRow], holdings: MutableMapping[bytes, Holding] | None = None
) -> int | None:
    """The profile of a subject at a time, ms; None when its rows are unknown."""
    row = rows.get(subject)
    if row is None:
        return None
    return _profile_at(row, time, rows, {} if holdings is None else holdings) if has_several(row[3]) else row[1]


def _profile_at(
    row: IdRow, time: int, rows: Mapping[str, IdRow], holdings: MutableMapping[bytes, Holding]
) -> int | None:
    holder = _holding(row[3], holdings).holder(time)
    owner = rows.get(holder) if holder else None
    return owner[1] if owner else None


def _holding(owners: bytes, holdings: MutableMapping[bytes, Holding]) -> Holding:
    found = holdings.get(owners)
    if found is None:
        found = holdings[owners] = holding_in(owners)
    return found


def _nothing_new(
    event: Event,
    known: dict[str, IdRow],
    puts: dict[str, IdRow],
    holdings: MutableMapping[bytes, Holding],
    identity: Identity,
) -> bool:
    """Whether an event of several keys tells what is known; a device's repeated login is noted in `puts`."""
    time = event.time
    persons, devices, pairs = _read(event.identifiers, identity)
    for key in (*persons, *devices):
        row = known.get(key)
        if row is None or time < row[2]:
            return False
    if not persons:
        return True
    for one, other, sure, aside in pairs:
        if not _is_tied(event, known[one], known[other], sure=sure, aside=aside):
            return False
    return not devices or _no_new_login(Link(persons[0], "", time, "", ""), devices, known, puts, holdings)


@lru_cache(maxsize=20_000)
def _read(
    identifiers: tuple[str, ...], identity: Identity
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str, float, bool], ...]]:
    """Person keys and devices of an event, and what it ties: (key, key, order of such evidence, whether a reference).

    The same customer comes with the same identifiers again and again.
    """
    persons = persons_of(identifiers, identity)
    devices = tuple(key for key in identifiers if is_device(key, identity))
    pairs = tuple(
        (one, other, -1.0 if is_hash(one, other, identity) else 0.0, is_reference(other, identity))
        for one, other in pairs_of(persons, identity)
    )
    return tuple(persons), devices, pairs


def _no_new_login(
    login: Link,
    devices: Iterable[str],
    known: dict[str, IdRow],
    puts: dict[str, IdRow],
    holdings: MutableMapping[bytes, Holding],
) -> bool:
    repeated: list[str] = []
    for device in devices:
        owners = known[device][3]
        if is_burned(owners):
            continue
        verdict = _login(_holding(owners, holdings), login.a, login.time)
        if verdict is None:
            return False
        if verdict:
            repeated.append(device)
    for device in repeated:
        row = known[device]
        holding = hold(_holding(row[3], holdings), [login])
        known[device] = puts[device] = (device, row[1], row[2], holding_out(holding))
    return True


def _login(holding: Holding, key: str, time: int) -> bool | None:
    """False: the login is known; True: it repeats who holds the device now; None: it may move the past."""
    logins = holding.standing()
    if time < holding.until.get(key, 0):
        slot = time // SLOT_MS
        kept = any(
            start <= time and start // SLOT_MS == slot and holding.keys[at] == key for start, at in holding.logins
        )
        return not kept  # what is withdrawn now may be believed again
    if not logins or holding.holder(time) != key:
        return None
    newest = logins[-1]
    if time >= newest[0]:
        return time // SLOT_MS != newest[0] // SLOT_MS
    slot = time // SLOT_MS
    for start, place in reversed(logins):
        if start // SLOT_MS < slot:
            return None
        if start <= time and start // SLOT_MS == slot and holding.keys[place] == key:
            return False
    return None


def _is_tied(event: Event, row: IdRow, other: IdRow, *, sure: float, aside: bool) -> bool:
    """Whether the first evidence of the pair is known and not later than this event.

    `aside`: the other is a reference; one that a single key named is known on its own side only.
    """
    one, two = is_burned(row[3]), is_burned(other[3])
    if one and two:
        return True
    owners, name = (other[3], row[0]) if one or (aside and not two) else (row[3], other[0])
    for tie in ties_in(owners):
        if tie.other == name:
            if event.time < tie.until:
                found = tie.withheld
                return found is not None and evidence_order(found) <= (sure, event.time, event.message_id)
            return tie.time >= 0 and evidence_order(tie) <= (sure, event.time, event.message_id)
    return False


def _shared_known(event: Event, known: Mapping[str, IdRow], identity: Identity) -> bool:
    """Whether every device that the event shows to be shared is known as belonging to nobody."""
    sources, devices = identity.shares
    for key in event.identifiers:
        if (event.source in sources or key in devices) and is_device(key, identity):
            row = known.get(key)
            if row is None or not is_burned(row[3]):
                return False
    return True


def _open(events: Sequence[Event], assignment: Assignment, fresh: dict[str, list[int]]) -> Assignment:
    """New visitors with one key, whom no other event of the batch mentions."""
    if not fresh:
        return assignment
    elsewhere = {key for place in assignment.unresolved for key in events[place].identifiers}
    for key, places in fresh.items():
        if key in elsewhere:
            assignment.unresolved.extend(places)
            continue
        number = profile_number(key)
        assignment.puts[key] = (key, number, min(events[place].time for place in places), b"")
        assignment.new.add(number)
        for place in places:
            assignment.profiles[place] = number
    assignment.unresolved.sort()
    return assignment
