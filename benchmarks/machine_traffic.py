"""A day of made-up devices whose truth is known: people of several habits, and machines of several makers.

Pauses of people are log-normal with breaks between visits, as reading times are (Liu, White, Dumais, "Understanding Web
Browsing Behaviors through Weibull Analysis of Dwell Time", SIGIR 2010, finds the same heavy tail). Machines are told by
what their makers wrote: a fixed pause, a pause with an even spread, several pages at once, one look at each watched
product every few minutes, and, hardest, pauses drawn like those of people. A tenth of the people comes through a
VPN, and the machines, but for one kind, from where people do, so that what they do must tell.
"""

import random
from collections.abc import Callable, Iterator

import msgspec

from regulars.collect.machines import said_of
from regulars.core.event import Event
from regulars.core.machine import VERDICT

DAY = 86_400_000
START = 19_700 * DAY
MINUTE, HOUR = 60_000, 3_600_000
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "python-requests/2.32.3",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
)


class Step(msgspec.Struct, frozen=True):
    """Something that a device does: when, and what with which product."""

    time: int
    name: str
    product: int | None = None


class Device(msgspec.Struct, frozen=True):
    """A device, what it is in truth, and what it did."""

    kind: str
    machine: bool
    events: list[Event]


def devices(count: int, seed: int = 7) -> Iterator[Device]:
    """So many of each kind."""
    dice = random.Random(seed)
    for kind, machine, steps in KINDS:
        for number in range(count):
            yield _device(kind, number, machine=machine, steps=sorted(steps(dice), key=lambda s: s.time), dice=dice)


def _device(kind: str, number: int, *, machine: bool, steps: list[Step], dice: random.Random) -> Device:
    agent = dice.choice(CRAWLERS) if kind == "crawler" else BROWSER
    driven = kind == "driven_browser"
    # Half of the shops use our SDK, which tells of hands; a machine's browser has none at work.
    tells = dice.random() < 0.5
    hand = (not machine) if tells else None
    context = said_of(agent, webdriver=driven, hand=hand, signs=_signs(kind, machine=machine, dice=dice))
    subject = f"anonymous_id:{kind}-{number}"
    events = [
        Event(
            message_id=f"{kind}-{number}-{at}", source="web", name=step.name, time=step.time, received_at=step.time,
            subject=subject, identifiers=(subject,), claims=(), traits={},
            properties={} if step.product is None else {"product_id": f"p{step.product}"},
            context={} if context is None else {VERDICT: context}, offset=number + 1, index=at,
        )
        for at, step in enumerate(steps)
    ]  # fmt: skip
    return Device(kind, machine, events)


def _signs(kind: str, *, machine: bool, dice: random.Random) -> str:
    """What the door sees: of ten people one comes through a VPN, of a hundred some change their browser's name."""
    if machine:
        return "data_centre,bare" if kind == "scraper_short" else ""
    place, head = dice.random() < 0.1, dice.random() < 0.02
    return ",".join(["data_centre"] * place + ["mismatch"] * head)


# People -------------------------------------------------------------------------------------------------------------


def _visit(dice: random.Random, start: float, views: int, *, pause: float, acts: float) -> list[Step]:
    """Pauses of about `pause` s; the share `acts` of what is looked at is put into the basket."""
    found, time = [], start
    own = [dice.randrange(20_000) for _ in range(max(views // 3, 2))]
    for _ in range(views):
        time += dice.lognormvariate(0, 1) * pause * 1_000
        product = dice.choice(own)
        found.append(Step(int(time), "Product Viewed" if dice.random() < 0.7 else "Product List Viewed", product))
        if dice.random() < acts:
            found.append(Step(int(time) + 2_000, "Product Added", product))
    return found


def _shopper(dice: random.Random) -> list[Step]:
    visits = dice.choice((1, 1, 2, 3))
    return [
        step
        for _ in range(visits)
        for step in _visit(dice, START + dice.uniform(7, 22) * HOUR, dice.randint(5, 40), pause=25, acts=0.06)
    ]


def _comparing(dice: random.Random) -> list[Step]:
    """Opens everything in tabs at once, reads, opens the next; hundreds of looks, little done."""
    found, time = list[Step](), START + dice.uniform(9, 18) * HOUR
    for _ in range(dice.randint(6, 12)):
        for _ in range(dice.randint(10, 40)):
            time += dice.uniform(0.3, 2.5) * 1_000
            found.append(Step(int(time), "Product Viewed", dice.randrange(20_000)))
        time += dice.lognormvariate(0, 0.8) * 6 * MINUTE
    return found + [Step(int(time), "Product Added", 1)] * (dice.random() < 0.5)


def _looking(dice: random.Random) -> list[Step]:
    """Scrolls for hours and touches nothing that a vendor's client tells of."""
    return _visit(dice, START + dice.uniform(18, 20) * HOUR, dice.randint(80, 350), pause=12, acts=0.0)


def _sleepless(dice: random.Random) -> list[Step]:
    return [
        step
        for hour in range(dice.randint(8, 15))
        for step in _visit(dice, START + (hour + dice.random()) * HOUR, dice.randint(3, 25), pause=30, acts=0.03)
    ]


def _kiosk(dice: random.Random) -> list[Step]:
    """A tablet in the store, from nine to nine, that nobody listed as shared."""
    return [
        step
        for hour in range(12)
        for _ in range(dice.randint(2, 8))
        for step in _visit(dice, START + (9 + hour + dice.random()) * HOUR, dice.randint(4, 20), pause=8, acts=0.02)
    ]


# Machines -----------------------------------------------------------------------------------------------------------


def _paced(dice: random.Random, views: int, pause: Callable[[], float], start: float) -> list[Step]:
    found, time, first = [], start, dice.randrange(20_000)
    for at in range(views):
        time += pause() * 1_000
        if time >= START + DAY:
            break
        found.append(Step(int(time), "Product Viewed", first + at))
    return found


def _fixed(dice: random.Random) -> list[Step]:
    pause = dice.uniform(1, 15)
    return _paced(dice, dice.randint(400, 3_000), lambda: pause, START + dice.uniform(0, 12) * HOUR)


def _spread(dice: random.Random) -> list[Step]:
    pause = dice.uniform(2, 10)
    return _paced(
        dice, dice.randint(400, 3_000), lambda: dice.uniform(0.5, 1.5) * pause, START + dice.uniform(0, 12) * HOUR
    )


def _at_once(dice: random.Random) -> list[Step]:
    """Eight pages at a time."""
    pause = dice.uniform(0.05, 0.4)
    return _paced(dice, dice.randint(1_000, 4_000), lambda: dice.expovariate(1 / pause), START + 3 * HOUR)


def _watching(dice: random.Random) -> list[Step]:
    """Some products, all day long."""
    watched, every = [dice.randrange(20_000) for _ in range(dice.randint(1, 12))], dice.uniform(5, 15) * MINUTE
    return [
        Step(int(START + round_ * every + at * 1_500), "Product Viewed", product)
        for round_ in range(int(DAY / every))
        for at, product in enumerate(watched)
    ]


def _stealthy(dice: random.Random) -> list[Step]:
    """Pauses like those of people, and night and day."""
    return _paced(dice, 3_000, lambda: dice.lognormvariate(0, 1) * 20, START)


def _crawling(dice: random.Random) -> list[Step]:
    return _paced(dice, dice.randint(3, 300), lambda: dice.expovariate(1 / 30), START + dice.uniform(0, 20) * HOUR)


KINDS: tuple[tuple[str, bool, Callable[[random.Random], list[Step]]], ...] = (
    ("shopper", False, _shopper), ("comparing", False, _comparing), ("looking", False, _looking),
    ("sleepless", False, _sleepless), ("kiosk", False, _kiosk),
    ("crawler", True, _crawling), ("driven_browser", True, _crawling), ("scraper_fixed", True, _fixed),
    ("scraper_spread", True, _spread), ("scraper_at_once", True, _at_once), ("price_watch", True, _watching),
    ("scraper_stealthy", True, _stealthy), ("scraper_short", True, _crawling),
)  # fmt: skip
