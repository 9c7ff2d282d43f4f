"""Who a profile is, with the evidence: read from the ledger of links and the rows of identifiers."""

from collections.abc import Iterable
from typing import cast

import msgspec

from regulars.core.identifier import is_device, is_person
from regulars.core.identity_types import Identity
from regulars.core.state import CONSENT, IDENTIFIER, LINK, StateReader
from regulars.flow.groups import House, houses
from regulars.profile.assignment import IdRow, holders_of, profile_of
from regulars.profile.links import Link, is_burned
from regulars.profile.why import SaidOf, Step, Stretch, discarded, steps, stretches

#: Identifiers and links of a profile that are read at most; beyond, the answer says that it is not complete.
MOST_KEYS, MOST_LINKS = 500, 2_000


class KnownKey(msgspec.Struct, frozen=True):
    """An identifier of the profile, or a device that it held for a while."""

    key: str
    first_seen: int  # ms
    burned: bool  # named with so many others that it tells nothing


class WhoIs(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence of one profile."""

    number: int
    keys: list[KnownKey]
    steps: list[Step]
    discarded: dict[tuple[str, str], tuple[str, ...]]  # pair of a withdrawn link -> purposes
    held: list[Stretch]
    groups: list[House]
    complete: bool


def whois(number: int, identity: Identity, state: StateReader) -> WhoIs:
    """Why the identifiers of a profile are one person."""
    own_rows = cast(list[IdRow], state.select(IDENTIFIER, {"profile": number}, limit=MOST_KEYS + 1))
    complete = len(own_rows) <= MOST_KEYS
    rows = {row[0]: row for row in own_rows[:MOST_KEYS]}
    ledger = _ledger(rows, state)
    complete = complete and len(ledger) <= MOST_LINKS
    ledger = ledger[:MOST_LINKS]
    own = set(rows)
    persons = {key for key in own if is_person(key, identity)}
    about = {key for link in ledger for key in (link.a, link.b)} - own
    others = cast(dict[str, IdRow], state.many(IDENTIFIER, about))
    devices = [row for row in (*rows.values(), *others.values()) if is_device(row[0], identity)]
    held = stretches(own, devices)
    known = {**rows, **{row[0]: row for row in devices if row[0] in {one.device for one in held}}}
    found = steps({**rows, **others}, ledger, identity)
    return WhoIs(
        number=number,
        keys=[
            KnownKey(row[0], row[2], is_burned(row[3])) for row in sorted(known.values(), key=lambda r: (r[2], r[0]))
        ],
        steps=found,
        discarded=_discarded(found, own, others, state),
        held=held,
        groups=houses(sorted(persons), identity, state),
        complete=complete,
    )


def _first_seen(row: IdRow) -> tuple[int, str]:
    return row[2], row[0]


def _ledger(rows: Iterable[str], state: StateReader) -> list[Link]:
    found: dict[tuple[str, str, int, str], Link] = {}
    for key in rows:
        for side in ("a", "b"):
            for row in state.select(LINK, {side: key}, limit=MOST_LINKS + 1):
                link = Link(*row)  # type: ignore[arg-type]  # the columns of the table are the fields
                found[link.a, link.b, link.time, link.message_id] = link
        if len(found) > MOST_LINKS:
            break
    return list(found.values())


def _discarded(
    found: Iterable[Step], own: set[str], others: dict[str, IdRow], state: StateReader
) -> dict[tuple[str, str], tuple[str, ...]]:
    """What the narrower consent left out while two that are linked no more were one."""
    back = [step for step in found if step.withdrawal is not None and (step.a in own) != (step.b in own)]
    if not back:
        return {}
    mine = _said(own, state)
    told: dict[tuple[str, str], tuple[str, ...]] = {}
    for step in back:
        other = others.get(step.b if step.a in own else step.a)
        if other is None or step.withdrawal is None:
            continue
        row_set = {other[0]: other}
        held = holders_of(row_set)
        row_set.update(cast(dict[str, IdRow], state.many(IDENTIFIER, held)) if held else {})
        number = profile_of(other[0], step.time, row_set) or other[1]
        keys = [str(row[0]) for row in state.select(IDENTIFIER, {"profile": number}, limit=MOST_KEYS)]
        purposes = discarded(mine, _said({*keys, other[0]}, state), step.time, step.withdrawal.time)
        if purposes:
            told[step.a, step.b] = purposes
    return told


def _said(keys: Iterable[str], state: StateReader) -> list[SaidOf]:
    return [
        (str(row[0]), str(row[1]), cast(int, row[2]), bool(row[4]))
        for key in keys
        for row in state.select(CONSENT, {"identifier": key}, limit=MOST_LINKS)
    ]
