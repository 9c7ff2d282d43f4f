"""What behaves like a machine, told by what a device did on one day.

No sign is enough by itself: somebody opens forty tabs, a family shops on one tablet from breakfast to midnight. Two
that have nothing to do with each other are. What is kept is the newest day of a device, and what happens on that day
adds up: the order and the batches in which its events come change nothing.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import exp, sqrt
from zlib import crc32

from regulars.core.event import DECISION_SHOWN, PAGE, SCREEN, Event
from regulars.core.machine import OF_HEAD, OF_PLACE, STANDS_DAYS, Pace

#: What is looking, and not doing.
LOOKING = frozenset({PAGE, SCREEN, DECISION_SHOWN, "Product Viewed", "Product List Viewed", "Products Searched"})
#: The signs.
FAST, STEADY, TIRELESS, COVERING, HANDS_OFF = "fast", "steady", "tireless", "covering", "hands_off"
SIGNS = frozenset({FAST, STEADY, TIRELESS, COVERING, HANDS_OFF})
NEEDED = 2
#: Those that few people ever show: one of them and a sign of the door are enough.
_RARE = frozenset({STEADY, TIRELESS, COVERING})
#: Nothing is said of a device that looked at less on a day.
LEAST_VIEWS = 50
#: So many minutes on end with so many views each, or this many in one: pages that nobody can have read. Somebody who
#: opens forty tabs at once reads them before the next forty.
FAST_MINUTES, FAST_VIEWS, BURST_VIEWS = 10, 20, 120
#: Views by the minute vary less than by chance (variance by mean; 1 for chance, more for people), for so many minutes;
#: or the pauses between views do (standard deviation by mean).
STEADY_MINUTES, STEADY_SPREAD = 20, 0.3
#: Hours of one day with views. Shops and their kiosks are open for fewer.
TIRELESS_HOURS = 16
#: Different products of one day.
COVERING_PRODUCTS = 500
#: Looks without anything done; where the browser tells whether there was a hand, fewer are enough.
ONLY_LOOKS, LOOKS_WITHOUT_HAND = 150, 30
DAY_MS = 86_400_000
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
_KEPT_MINUTES = 60
_BOXES, _BITS = 256, 64
_MOST = 255
_HOUR_BITS = tuple(1 << hour for hour in range(24))
_BITS_OF = tuple((box // _BITS, 1 << box % _BITS) for box in range(_BOXES))
#: The signs of the door: nothing of them adds up over a day, and each is one of two that are needed.
PLACE, HEAD = "place", "head"


def note(pace: Pace, event: Event, *, hand: bool | None = None, door: int = 0) -> None:
    """Add an event of the device; one of an earlier day tells nothing any more.

    `hand`: whether one was at work; `door`: what the door saw of its request (`seen_at_door`).
    """
    day, rest = divmod(event.time, DAY_MS)
    if day != pace.day:
        if day < pace.day:
            return
        pace.day, pace.views, pace.acts, pace.told, pace.hand, pace.hours, pace.door = day, 0, 0, 0, False, 0, 0
        pace.minutes, pace.seen = [], []
    if hand:
        pace.hand = True
    if door:
        pace.door |= door
    if event.name not in LOOKING:
        pace.acts += 1
        return
    pace.views += 1
    if hand is not None:
        pace.told += 1
    pace.hours |= _HOUR_BITS[rest // _HOUR_MS]
    minutes, minute = pace.minutes, rest // _MINUTE_MS
    if minutes and minutes[-1] >> 8 == minute:  # events come in order, nearly all of them
        if minutes[-1] & _MOST < _MOST:
            minutes[-1] += 1
    else:
        _count(minutes, minute, 1)
    product = event.properties.get("product_id")
    if product.__class__ is str or product.__class__ is int:
        seen = pace.seen
        if not seen:
            seen = pace.seen = [0] * (_BOXES // _BITS)
        place, bit = _BITS_OF[crc32(str(product).encode()) & _BOXES - 1]
        if not seen[place] & bit:
            seen[place] |= bit


def seen_at_door(why: Sequence[str]) -> int:
    """What of a verdict's reasons the door saw: 1 for the place, 2 for the head."""
    return (not OF_PLACE.isdisjoint(why)) | (not OF_HEAD.isdisjoint(why)) << 1


def merge(one: Pace, other: Pace) -> Pace:
    """What two devices did that are one."""
    found = max(one.found, other.found)
    if one.day != other.day:
        newer = one if one.day > other.day else other
        return Pace(
            newer.day, newer.views, newer.acts, newer.told, newer.hand, newer.hours,
            list(newer.minutes), list(newer.seen), found, newer.door,
        )  # fmt: skip
    minutes = list(one.minutes)
    for packed in other.minutes:
        _count(minutes, packed >> 8, packed & _MOST)
    seen = [a | b for a, b in zip(one.seen, other.seen, strict=True)] if one.seen and other.seen else None
    return Pace(
        one.day, one.views + other.views, one.acts + other.acts, one.told + other.told, one.hand or other.hand,
        one.hours | other.hours, minutes, list(one.seen or other.seen) if seen is None else seen, found,
        one.door | other.door,
    )  # fmt: skip


def joined(ours: dict[int, Pace] | None, theirs: dict[int, Pace] | None) -> dict[int, Pace] | None:
    """The devices of two profiles that are one."""
    if not ours or not theirs:
        return ours or theirs
    both = {key: merge(ours[key], theirs[key]) for key in ours.keys() & theirs.keys()}
    return {**ours, **theirs, **both}


def device_number(device: str) -> int:
    """How a device is called in a record."""
    return crc32(device.encode())


def judge(pace: Pace) -> list[str]:
    """The signs of a machine in what a device did on its day, where there are enough of them; else none.

    What the door saw is one beside what people do not do, behind whatever VPN: by itself it is judged request by
    request, and whoever opens forty tabs or only looks may well sit behind one.
    """
    if pace.views < LEAST_VIEWS:
        return []
    found = signs(pace)
    if len(found) < NEEDED:
        return []
    behaved = SIGNS.intersection(found)
    rare = not _RARE.isdisjoint(behaved) or (HANDS_OFF in behaved and pace.told >= LOOKS_WITHOUT_HAND)
    return found if len(behaved) >= NEEDED or rare else []


def stands(pace: Pace, day: int) -> bool:
    """Whether the device was found to be a machine not long before `day`."""
    return 0 <= day - pace.found < STANDS_DAYS


def signs(pace: Pace) -> list[str]:
    """Every sign, whether enough or not."""
    minutes = [(packed >> 8, packed & _MOST) for packed in pace.minutes]
    answers = (
        (FAST, _is_fast(minutes)),
        (STEADY, _is_steady(minutes)),
        (TIRELESS, pace.hours.bit_count() >= TIRELESS_HOURS),
        (COVERING, _free_boxes(pace) <= _BOXES * exp(-COVERING_PRODUCTS / _BOXES)),
        (HANDS_OFF, _is_hands_off(pace)),
        (PLACE, pace.door & 1),
        (HEAD, pace.door & 2),
    )
    return [name for name, met in answers if met]


def _is_fast(minutes: list[tuple[int, int]]) -> bool:
    run, before = 0, -1
    for minute, views in minutes:
        if views >= BURST_VIEWS:
            return True
        run = (run + 1 if minute == before + 1 else 1) if views >= FAST_VIEWS else 0
        before = minute
        if run >= FAST_MINUTES:
            return True
    return False


def _is_steady(minutes: list[tuple[int, int]]) -> bool:
    if len(minutes) < STEADY_MINUTES:
        return False
    inner = minutes[1:-1]  # the first and the last one are not whole
    span = inner[-1][0] - inner[0][0] + 1
    mean = sum(views for _, views in inner) / span
    squares = sum(views * views for _, views in inner) / span
    if mean >= 1:
        return (squares - mean * mean) / mean < STEADY_SPREAD
    pauses = [late - early for (early, _), (late, _) in pairwise(minutes)]
    usual = sum(pauses) / len(pauses)
    spread = sqrt(sum((pause - usual) ** 2 for pause in pauses) / len(pauses))
    return usual >= 2 and spread < STEADY_SPREAD * usual


def _is_hands_off(pace: Pace) -> bool:
    if pace.acts or pace.hand:
        return False
    return pace.views >= ONLY_LOOKS or pace.told >= LOOKS_WITHOUT_HAND


def _free_boxes(pace: Pace) -> int:
    """Linear counting: of n different products e^(-n/m) of m boxes stay free (Whang and others, 1990)."""
    return _BOXES - sum(bits.bit_count() for bits in pace.seen)


def _count(minutes: list[int], minute: int, views: int) -> None:
    """Add views of a minute; of the minutes the newest stay."""
    at = len(minutes)
    while at and minutes[at - 1] >> 8 > minute:
        at -= 1
    if at and minutes[at - 1] >> 8 == minute:
        minutes[at - 1] = minute << 8 | min((minutes[at - 1] & _MOST) + views, _MOST)
        return
    minutes.insert(at, minute << 8 | min(views, _MOST))
    if len(minutes) > _KEPT_MINUTES:
        del minutes[0]
