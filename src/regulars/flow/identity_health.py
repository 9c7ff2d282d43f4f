"""How well customers are recognised: counted while events are folded, and looked up in a bounded sample of profiles."""

from collections.abc import Sequence
from statistics import median
from typing import cast

import msgspec

from regulars.core.definitions import Identity
from regulars.core.event import Event
from regulars.core.identifier import is_device, is_person
from regulars.core.record import profile_name
from regulars.core.state import COUNTER, IDENTIFIER, Changes, StateReader
from regulars.profile.assignment import IdRow
from regulars.profile.links import BURNED, ONE, SEVERAL, Link

#: Counters by local day: events by whether somebody known did them, and links that were refused, by reason.
STITCHED, LINKS_REFUSED = "stitched", "links_refused"
KNOWN, UNKNOWN = "known", "unknown"
#: Identifiers that are looked at. Profile numbers are hashes, so any stretch of them is a fair sample.
SAMPLE = 20_000
#: Days that a day is compared with, how many there must be, and the smallest number of links that is worth a word.
DAYS, FEWEST_DAYS, FEWEST = 14, 5, 20
_BOUNDS = (1, 2, 3, 5, 10, 20, 50, 100, 200)
_LARGEST = 10
#: The median absolute deviation of a normal distribution times this is its standard deviation.
_MAD_TO_SIGMA = 1.4826
_SIGMAS = 4


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the last seven days and of the sample. Shares are of 1; None where there is nothing to divide by."""

    stitch_rate: float | None  # events of people, not of devices that nobody is known to hold
    devices_held: float | None  # devices with a person
    profiles: int  # in the sample
    complete: bool  # the sample is everybody
    identifiers_per_profile: list[tuple[int, int]]  # (at most so many identifiers, profiles)
    largest: list[tuple[str, int]]  # profile, identifiers
    burned: int  # identifiers that tell nothing any more
    refused: dict[str, int]  # links by reason, seven days
    refused_by_day: list[tuple[int, int]]  # (local day, links)
    sudden: list[str]  # "refused", "stitch_rate": what differs from the days before


def note_events(
    events: Sequence[Event], rows: dict[str, IdRow], identity: Identity, day: int, changes: Changes
) -> None:
    """Count a batch's events by whether somebody known did them."""
    known = 0
    for event in events:
        row = rows.get(event.subject)
        known += is_person(event.subject, identity) or (row is not None and row[3][:1] in (ONE, SEVERAL))
    changes.add(STITCHED, day, KNOWN, known)
    changes.add(STITCHED, day, UNKNOWN, len(events) - known)


def note_refused(refused: Sequence[Link], day: int, changes: Changes) -> None:
    """Count links that were refused."""
    for link in refused:
        changes.add(LINKS_REFUSED, day, link.status.removeprefix("refused:"), 1)


def health(state: StateReader, identity: Identity, today: int) -> Health:
    """The figures as of local day `today`."""
    sizes, devices, burned, complete = _sample(state, identity)
    stitched = _by_day(state, STITCHED, today)
    refused = _by_day(state, LINKS_REFUSED, today)
    week = range(today - 6, today + 1)
    totals = {day: sum(reasons.values()) for day, reasons in refused.items()}
    reasons: dict[str, int] = {}
    for day in week:
        for reason, count in refused.get(day, {}).items():
            reasons[reason] = reasons.get(reason, 0) + count
    return Health(
        stitch_rate=_share([stitched[day] for day in week if day in stitched]),
        devices_held=devices[0] / sum(devices) if sum(devices) else None,
        profiles=len(sizes),
        complete=complete,
        identifiers_per_profile=_histogram(list(sizes.values())),
        largest=[
            (profile_name(number), size)
            for number, size in sorted(sizes.items(), key=lambda one: (-one[1], one[0]))[:_LARGEST]
            if size > 1
        ],
        burned=burned,
        refused=dict(sorted(reasons.items())),
        refused_by_day=[(day, totals.get(day, 0)) for day in range(today - DAYS, today + 1)],
        sudden=_sudden(today, totals, stitched),
    )


def stitch_rate(state: StateReader, today: int) -> float | None:
    """Share of the last seven days' events that somebody known did."""
    return _share([found for day, found in _by_day(state, STITCHED, today).items() if day > today - 7])


def differs(value: float, before: Sequence[float], *, least: float) -> bool:
    """Whether a day differs from those before: by more than four robust standard deviations and by `least`.

    >>> differs(90, [10, 12, 9, 11, 10, 13], least=20), differs(14, [10, 12, 9, 11, 10, 13], least=20)
    (True, False)
    """
    if len(before) < FEWEST_DAYS:
        return False
    middle = median(before)
    spread = _MAD_TO_SIGMA * median(abs(one - middle) for one in before)
    return abs(value - middle) > max(_SIGMAS * spread, least)


def _sudden(today: int, totals: dict[int, int], stitched: dict[int, dict[str, int]]) -> list[str]:
    found = []
    days = [day for day in range(today - DAYS, today) if day in stitched]
    refused = totals.get(today, 0)
    earlier = [totals.get(day, 0) for day in days]
    if earlier and refused > median(earlier) and differs(refused, earlier, least=FEWEST):
        found.append("refused")
    rates = [rate for day in days if (rate := _share([stitched[day]])) is not None]
    now = stitched.get(today)
    rate = _share([now]) if now and sum(now.values()) >= FEWEST else None
    if rate is not None and differs(rate, rates, least=0.1):
        found.append("stitch_rate")
    return found


def _share(days: Sequence[dict[str, int]]) -> float | None:
    known = sum(day.get(KNOWN, 0) for day in days)
    total = known + sum(day.get(UNKNOWN, 0) for day in days)
    return known / total if total else None


def _by_day(state: StateReader, name: str, today: int) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    rows = state.select(COUNTER, {"name": name}, at_least={"day": today - DAYS}, below={"day": today + 1})
    for row in rows:
        found.setdefault(cast(int, row[1]), {})[str(row[2])] = cast(int, row[3])
    return found


def _sample(state: StateReader, identity: Identity) -> tuple[dict[int, int], tuple[int, int], int, bool]:
    """Identifiers by profile, (devices with a person, without), burned identifiers, and whether that is everybody."""
    rows = cast(list[IdRow], state.select(IDENTIFIER, order=("profile",), limit=SAMPLE))
    complete = len(rows) < SAMPLE
    if not complete:  # the last profile may go on
        rows = [row for row in rows if row[1] != rows[-1][1]] or rows
    sizes: dict[int, int] = {}
    held = alone = burned = 0
    for key, number, _, owners in rows:
        sizes[number] = sizes.get(number, 0) + 1
        burned += owners == BURNED
        if is_device(key, identity):
            mine = owners[:1] in (ONE, SEVERAL)
            held, alone = held + mine, alone + (not mine)
    return sizes, (held, alone), burned, complete


def _histogram(sizes: Sequence[int]) -> list[tuple[int, int]]:
    found = []
    low = 0
    for bound in (*_BOUNDS, max([*sizes, _BOUNDS[-1] + 1])):
        found.append((bound, sum(low < size <= bound for size in sizes)))
        low = bound
    return found
