"""When a subject's events are a profile's: always, or, of a device of many hands, for the time in which it held it."""

from collections.abc import Mapping

from regulars.profile.assignment import IdRow
from regulars.profile.links import has_several, holding_in


def stretches(subject: str, number: int, rows: Mapping[str, IdRow]) -> list[tuple[int | None, int | None]]:
    """From-until (ms, None without bound) of the subject's events that are the profile's."""
    row = rows.get(subject)
    if row is None:
        return []
    if not has_several(row[3]):
        return [(None, None)] if row[1] == number else []
    runs = holding_in(row[3]).runs()
    found: list[tuple[int | None, int | None]] = []
    for place, (start, holder) in enumerate(runs):
        owner = rows.get(holder)
        if owner is None or owner[1] != number:
            continue
        begin = start if place else None
        end = runs[place + 1][0] if place + 1 < len(runs) else None
        if found and found[-1][1] == begin:
            begin = found.pop()[0]
        found.append((begin, end))
    return found
