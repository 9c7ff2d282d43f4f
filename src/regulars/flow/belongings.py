"""What is a profile's: its identifiers, and the devices that it held, each for the time in which it did."""

from collections.abc import Mapping
from typing import NamedTuple, cast

from regulars.core.identifier import is_device, is_person
from regulars.core.identity_types import Identity
from regulars.core.state import IDENTIFIER, LINK, StateReader
from regulars.profile.assignment import IdRow, holders_of


class Belongings(NamedTuple):
    """Identifiers of a profile, and the rows that say whose events are whose."""

    keys: set[str]  # its identifiers
    subjects: list[str]  # and the devices that it held for a while
    rows: dict[str, IdRow]


def belongings(number: int, identity: Identity, state: StateReader, pending: Mapping[str, IdRow]) -> Belongings:
    """What is the profile's; `pending` are identifier rows that are not stored yet."""
    stored = cast(list[IdRow], state.select(IDENTIFIER, {"profile": number}))
    rows = {row[0]: row for row in stored}
    rows.update({key: row for key, row in pending.items() if row[1] == number or key in rows})
    keys = {key for key, row in rows.items() if row[1] == number}
    # Devices that the person held, also those that somebody else held first.
    devices: set[str] = set()
    for key in keys:
        if is_person(key, identity):
            found = (str(row[1]) for row in state.select(LINK, {"a": key}))
            devices |= {other for other in found if is_device(other, identity)}
    devices |= {key for key in pending if is_device(key, identity)}
    for wanted in (devices - rows.keys(), None):
        missing = holders_of(rows) if wanted is None else wanted
        rows.update(cast(dict[str, IdRow], state.many(IDENTIFIER, missing)))
        rows.update({key: pending[key] for key in missing if key in pending})
    return Belongings(keys, sorted(keys | devices), rows)
