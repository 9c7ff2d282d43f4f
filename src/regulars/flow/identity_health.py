"""How well customers are recognised: counted while events are folded, and over all identifiers that are stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Literal, cast

import msgspec

from regulars.core.event import Event
from regulars.core.identifier import is_person
from regulars.core.identity_types import Identity
from regulars.core.record import profile_name
from regulars.core.state import COUNTER, IDENTIFIER, Changes, StateReader
from regulars.profile.assignment import IdRow
from regulars.profile.effects import Effects
from regulars.profile.links import BURNED, ONE, SEVERAL, Link

#: Counters by local day: events by whether somebody known did them, and links that were refused, by reason.
STITCHED, LINKS_REFUSED = "stitched", "links_refused"
KNOWN, UNKNOWN = "known", "unknown"
#: Counters by local day: profiles that went into another one, by hour; identifiers that tell nothing from then on.
MERGED, BURNED_THAT_DAY = "identities_merged", "identifiers_burned"
#: They count what happened, not what is: another order of arrival may count otherwise.
ARRIVALS = frozenset({STITCHED, LINKS_REFUSED, MERGED, BURNED_THAT_DAY})
#: Devices that are looked at. Any stretch of random names is a fair sample.
SAMPLE = 20_000
#: Days that a day is compared with, how many there must be, and the smallest number of links that is worth a word.
DAYS, FEWEST_DAYS, FEWEST = 14, 5, 20
_BOUNDS = (1, 2, 3, 5, 10, 20, 50, 100, 200)
_LARGEST = 10
#: The median absolute deviation of a normal distribution times this is its standard deviation.
_MAD_TO_SIGMA = 1.4826
_SIGMAS = 4


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of today beside its own history; None where there is too little of it."""

    name: Literal["refused", "stitch_rate", "merges_per_hour", "burned"]
    value: float | None
    usual: float | None  # the median of the days before
    threshold: float | None  # so far from the usual it is sudden; only upwards but for the stitch rate
    sudden: bool


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the last seven days and of now. Shares are of 1; None where there is nothing to divide by."""

    stitch_rate: float | None  # events of people, not of devices that nobody is known to hold
    devices_held: float | None  # devices with a person
    profiles: int
    complete: bool  # `devices_held` is of all devices, not of a sample
    identifiers_per_profile: list[tuple[int, int]]  # (at most so many identifiers, profiles)
    largest: list[tuple[str, int]]  # profile, identifiers
    burned: int  # identifiers that tell nothing any more
    nobodys: list[tuple[str, str]]  # some of those that are no devices: profile, type
    refused: dict[str, int]  # links by reason, seven days
    refused_by_day: list[tuple[int, int]]  # (local day, links)
    watched: list[Watch]
    sudden: list[str]  # names of those of `watched` that are


def note_events(
    events: Sequence[Event], rows: dict[str, IdRow], identity: Identity, day: int, changes: Changes
) -> None:
    """Count a batch's events by whether somebody known did them."""
    known = 0
    for subject, count in Counter([event.subject for event in events]).items():
        row = rows.get(subject)
        if is_person(subject, identity) or (row is not None and row[3][:1] in (ONE, SEVERAL)):
            known += count
    changes.add(STITCHED, day, KNOWN, known)
    changes.add(STITCHED, day, UNKNOWN, len(events) - known)


def note_refused(refused: Sequence[Link], day: int, changes: Changes) -> None:
    """Count links that were refused."""
    for link in refused:
        changes.add(LINKS_REFUSED, day, link.status.removeprefix("refused:"), 1)


def note_settled(
    settlement: Effects,
    puts: Mapping[str, IdRow],
    before: Mapping[str, IdRow],
    *,
    hour: int,
    day: int,
    changes: Changes,
) -> None:
    """Count profiles that went into others, and identifiers that have come to tell nothing."""
    merged = len(settlement.merges)
    burned = sum(
        row[3] == BURNED and (known := before.get(key)) is not None and known[3] != BURNED for key, row in puts.items()
    )
    if merged:
        changes.add(MERGED, day, f"{hour:02}", merged)
    if burned:
        changes.add(BURNED_THAT_DAY, day, "", burned)


def health(state: StateReader, identity: Identity, today: int) -> Health:
    """The figures as of local day `today`."""
    sizes, largest = state.groups(IDENTIFIER, "profile", largest=_LARGEST)
    devices, complete = _devices(state, identity)
    watched = watch(state, today)
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
        profiles=sum(sizes.values()),
        complete=complete,
        identifiers_per_profile=_histogram(sizes),
        largest=[(profile_name(cast(int, number)), size) for number, size in largest if size > 1],
        burned=state.count(IDENTIFIER, {"owners": BURNED}).get(None, 0),
        nobodys=_nobodys(state, identity),
        refused=dict(sorted(reasons.items())),
        refused_by_day=[(day, totals.get(day, 0)) for day in range(today - DAYS, today + 1)],
        watched=watched,
        sudden=[one.name for one in watched if one.sudden],
    )


def stitch_rate(state: StateReader, today: int) -> float | None:
    """Share of the last seven days' events that somebody known did."""
    return _share([found for day, found in _by_day(state, STITCHED, today).items() if day > today - 7])


def threshold(before: Sequence[float], *, least: float) -> float | None:
    """How far from the median of the days before is sudden: four robust standard deviations, `least` at least.

    >>> threshold([10, 12, 9, 11, 10, 13], least=20), threshold([10, 12], least=20)
    (20, None)
    """
    if len(before) < FEWEST_DAYS:
        return None
    middle = median(before)
    return max(_SIGMAS * _MAD_TO_SIGMA * median(abs(one - middle) for one in before), least)


def differs(value: float, before: Sequence[float], *, least: float) -> bool:
    """Whether a day differs from those before.

    >>> differs(90, [10, 12, 9, 11, 10, 13], least=20), differs(14, [10, 12, 9, 11, 10, 13], least=20)
    (True, False)
    """
    beyond = threshold(before, least=least)
    return beyond is not None and abs(value - median(before)) > beyond


def watch(state: StateReader, today: int) -> list[Watch]:
    """What local day `today` shows beside the two weeks before it; reads counters only."""
    stitched = _by_day(state, STITCHED, today)
    days = [day for day in range(today - DAYS, today) if day in stitched]  # days on which anything came
    rates = [rate for day in days if (rate := _share([stitched[day]])) is not None]
    now = stitched.get(today)
    rate = _share([now]) if now and sum(now.values()) >= FEWEST else None
    found = [_watched("stitch_rate", rate, rates, least=0.1)]
    for name, counter, of in (
        ("refused", LINKS_REFUSED, sum),
        ("merges_per_hour", MERGED, max),
        ("burned", BURNED_THAT_DAY, sum),
    ):
        counted = {day: float(of(keys.values())) for day, keys in _by_day(state, counter, today).items()}
        before = [counted.get(day, 0.0) for day in days]
        found.append(_watched(cast(Any, name), counted.get(today, 0.0), before, least=FEWEST))
    return sorted(found, key=lambda one: one.name)


def _watched(name: Any, value: float | None, before: Sequence[float], *, least: float) -> Watch:
    beyond = threshold(before, least=least)
    usual = median(before) if beyond is not None else None
    sudden = value is not None and differs(value, before, least=least)
    if name != "stitch_rate" and usual is not None and value is not None:
        sudden = sudden and value > usual
    return Watch(name=name, value=value, usual=usual, threshold=beyond, sudden=sudden)


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


def _devices(state: StateReader, identity: Identity) -> tuple[tuple[int, int], bool]:
    """Devices with a person and without, and whether these are all."""
    held = alone = 0
    complete = True
    for kind in sorted(identity.device):
        low, beyond = f"{kind}:", f"{kind};"  # the character after the colon
        rows = cast(
            list[IdRow],
            state.select(IDENTIFIER, at_least={"key": low}, below={"key": beyond}, order=("key",), limit=SAMPLE),
        )
        mine = sum(row[3][:1] in (ONE, SEVERAL) for row in rows)
        held, alone = held + mine, alone + len(rows) - mine
        complete = complete and len(rows) < SAMPLE
    return (held, alone), complete


def _nobodys(state: StateReader, identity: Identity) -> list[tuple[str, str]]:
    """Some identifiers that more people are named with than can be one: what a shop had better declare."""
    found: list[tuple[str, str]] = []
    for kind in identity.person:
        low, beyond = f"{kind}:", f"{kind};"  # the character after the colon
        rows = state.select(
            IDENTIFIER, {"owners": BURNED}, at_least={"key": low}, below={"key": beyond}, order=("key",), limit=_LARGEST
        )
        found += [(profile_name(cast(int, row[1])), kind) for row in rows]
    return found[:_LARGEST]


def _histogram(sizes: Mapping[int, int]) -> list[tuple[int, int]]:
    found = []
    low = 0
    for bound in (*_BOUNDS, max([*sizes, _BOUNDS[-1] + 1])):
        found.append((bound, sum(count for size, count in sizes.items() if low < size <= bound)))
        low = bound
    return found
