"""What of other people's identifier rows speaks of an erased person, and when a shared device was whose."""

from collections.abc import Collection

from regulars.core.erasure import Stretch
from regulars.profile.assignment import IdRow
from regulars.profile.links import Holding, holding_in, holding_out, ties_in, ties_out


def stretches(holding: Holding, erased: Collection[str]) -> list[Stretch]:
    """When the device was in the hands of the erased keys; the first holder's time begins with the device."""
    runs = holding.runs()
    found: list[Stretch] = []
    for place, (start, key) in enumerate(runs):
        if key in erased:
            end = runs[place + 1][0] if place + 1 < len(runs) else None
            found.append(Stretch(start if place else None, end))
    return found


def shared(holding: Holding, erased: Collection[str]) -> bool:
    """Whether somebody else held the device, too."""
    return any(key not in erased for _, key in holding.runs())


def device_without(row: IdRow, erased: Collection[str], owner: int | None) -> IdRow:
    """The row of a shared device as if only the others had used it; `owner` is the profile of the first of them.

    It then counts as seen from just after the login of its first holder: the profile that they have keeps its number.
    """
    holding = holding_in(row[3])
    keys = [key for key in holding.keys if key not in erased]
    logins = [
        (time, keys.index(holding.keys[place])) for time, place in holding.logins if holding.keys[place] not in erased
    ]
    until = {key: time for key, time in holding.until.items() if key not in erased}
    rest = Holding(keys, logins, until)
    standing = rest.standing()
    first_seen = standing[0][0] + 1 if standing and row[1] != owner else row[2]
    return (row[0], row[1] if owner is None else owner, first_seen, holding_out(rest))


def person_without(row: IdRow, erased: Collection[str]) -> IdRow:
    """The row of another person's key without refused ties to the erased keys."""
    ties = ties_in(row[3])
    kept = [tie for tie in ties if tie.other not in erased]
    return row if len(kept) == len(ties) else (*row[:3], ties_out(kept))
