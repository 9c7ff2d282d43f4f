"""Visits of made-up customers whose truth is known, with what leads identity astray in retail; rules to compare.

A visit is what one call carries: time, source, identifiers. Traps: a family with one e-mail and one tablet; a kiosk in
the store; a guest order before the account; gifts with the phone of who gets them; a phone number with a new owner; a
typing error that is somebody else's address; a cashier's own card drawn for customers without one; marketplace orders
with an alias address each and one hotline number for all. What a guest types into a form is kept apart (`typed`):
Regulars takes it for a claim until it is confirmed, the other systems for an identifier.

The other rules follow published documentation, as small as it allows, on the same visits: Segment Unify (documentation
"Identity Resolution Settings": limits of user_id 1 and others 5, the lowest priority is dropped from the event until it
fits, 100 merges of a profile at most); PostHog (handbook "Person processing", documentation "Ingestion warnings": the
anonymous person joins the identified one, an identified person is never merged into another); Apache Unomi (action
mergeProfilesOnProperty: profiles with the same value merge, 50 at most; another value on the same browser moves only
the session).
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from regulars.core.event import Event
from regulars.core.identifier import subject_of, usable
from regulars.core.identity_types import Identity
from regulars.profile.identity import resolve
from regulars.profile.links import links_of

DAY = 86_400_000
START = 1_700_000_000_000
KIOSK, CASHIER, HOTLINE = "anonymous_id:kiosk", "loyalty_card:2900000000017", "phone:+49800555000"
PRIORITY = ("user_id", "email", "phone", "loyalty_card", "anonymous_id")


class Visit(msgspec.Struct, frozen=True):
    """One call and whose it truly is."""

    time: int  # ms
    source: str
    keys: tuple[str, ...]
    person: int
    trap: str
    typed: tuple[str, ...] = ()  # typed into a form and confirmed by nobody

    @property
    def all(self) -> tuple[str, ...]:
        """Every identifier, for rules that make no difference."""
        return self.keys + self.typed


def visits(people: int, seed: int = 11) -> list[Visit]:
    """About nine visits for each person, in order of time; half of the people meet no trap."""
    dice = random.Random(seed)
    found = [visit for person in range(people) for visit in _plain(person, dice)]
    rest = list(range(people))
    dice.shuffle(rest)
    groups = iter(rest)
    share = max(people // 40, 4)
    for _ in range(share // 2):
        found += _family([next(groups) for _ in range(3)], dice)
    for _ in range(share):
        found += _guest(next(groups))
        giver, getter = next(groups), next(groups)
        phone = f"phone:+49171{getter:07}"
        found.append(Visit(START + 20 * DAY, "web", (f"user_id:{getter}", phone), getter, "gift"))
        gift = (f"user_id:{giver}", f"anonymous_id:web{giver}", phone)
        found.append(Visit(_time(dice), "web", gift, giver, "gift"))
        before, after = next(groups), next(groups)
        number = f"phone:+49172{before:07}"
        found.append(Visit(START + 10 * DAY, "web", (f"user_id:{before}", number), before, "recycled"))
        found.append(Visit(START + 300 * DAY, "web", (f"user_id:{after}", number), after, "recycled"))
        typist, victim = next(groups), next(groups)
        address = f"email:v{victim}@example.org"
        found.append(Visit(_time(dice), "web", (f"user_id:{victim}", address), victim, "typo"))
        found.append(Visit(_time(dice), "web", (f"anonymous_id:web{typist}",), typist, "typo", (address,)))
    for person in [next(groups) for _ in range(share)]:
        found.append(Visit(_time(dice), "store", (f"user_id:{person}", KIOSK), person, "kiosk"))
        found.append(Visit(_time(dice), "till", (CASHIER, f"email:r{person}@example.org"), person, "employee"))
        found.append(
            Visit(_time(dice), "web", (f"user_id:{person}", f"email:r{person}@example.org"), person, "employee")
        )
        for order in range(2):
            alias = f"email:{person}-{order}@market.example"
            found.append(Visit(_time(dice), "market", (alias, HOTLINE), person, "marketplace"))
    return sorted(found, key=lambda visit: (visit.time, visit.person, visit.keys))


def _plain(person: int, dice: random.Random) -> Iterator[Visit]:
    """Browsing, logging in, buying with the card: what every rule gets right."""
    browser, user = f"anonymous_id:web{person}", f"user_id:{person}"
    for keys in (
        (browser,),
        (browser, user),
        (browser,),
        (user, f"loyalty_card:1{person:06}"),
        (f"loyalty_card:1{person:06}",),
    ):
        yield Visit(_time(dice), "web", keys, person, "")


def _guest(person: int) -> Iterator[Visit]:
    """Looks around, orders as a guest, opens an account a month later."""
    browser, address = f"anonymous_id:new{person}", f"email:g{person}@example.org"
    yield Visit(START + 20 * DAY, "web", (browser,), person, "guest")
    yield Visit(START + 50 * DAY, "web", (browser,), person, "guest", (address,))
    yield Visit(START + 80 * DAY, "web", (browser, f"user_id:{person}", address), person, "guest")


def _family(members: Sequence[int], dice: random.Random) -> Iterator[Visit]:
    address, tablet = f"email:f{members[0]}@example.org", f"anonymous_id:tablet{members[0]}"
    for person in members:
        for _ in range(2):
            yield Visit(_time(dice), "web", (f"user_id:{person}", address, tablet), person, "family")


def _time(dice: random.Random) -> int:
    return START + dice.randrange(365 * DAY)


# Rules: each says the profile of every visit ------------------------------------------------------------------------


def regulars(stream: Sequence[Visit], identity: Identity) -> list[object]:
    """The rules of the product, as it applies them to events."""
    events = [_event(place, visit, identity) for place, visit in enumerate(stream)]
    seen: dict[str, int] = {}
    for event in events:
        for key in event.identifiers:
            seen[key] = min(seen.get(key, event.time), event.time)
    links = [link for event in events for link in links_of(event, identity)]
    resolution = resolve(links, seen, identity)
    return [
        ("nobody", place) if event.subject in resolution.nobody else resolution.profile(event.subject, event.time)
        for place, event in enumerate(events)
    ]


def _event(place: int, visit: Visit, identity: Identity) -> Event:
    keys = tuple(key for key in visit.keys if usable(key, identity))
    subject = subject_of(keys, identity) or visit.keys[0]
    return Event(f"m{place:08}", visit.source, "Visit", visit.time, visit.time, subject, keys, visit.typed, {}, {}, {})


class Union:
    """Profiles that merge."""

    def __init__(self) -> None:
        self.parent: list[int] = []

    def new(self) -> int:
        """Another profile."""
        self.parent.append(len(self.parent))
        return len(self.parent) - 1

    def root(self, one: int) -> int:
        """The profile that it became."""
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one


def segment(stream: Sequence[Visit]) -> list[object]:
    """Match any identifier; drop the lowest priority while a merge would exceed a limit."""
    union, owner, merges = Union(), dict[str, int](), Counter[int]()
    held: dict[int, set[str]] = defaultdict(set)
    placed: list[int] = []
    for visit in stream:
        keys = sorted(visit.all, key=lambda key: PRIORITY.index(_kind(key)))
        while True:
            roots = sorted({union.root(owner[key]) for key in keys if key in owner})
            together = set(keys).union(*(held[root] for root in roots))
            count = Counter(map(_kind, together))
            fits = all(number <= (1 if kind == "user_id" else 5) for kind, number in count.items())
            if len(keys) == 1 or (fits and sum(merges[root] for root in roots) + len(roots) - 1 <= 100):
                break
            keys = keys[:-1]
        target = roots[0] if roots else union.new()
        if len(roots) > 1:
            merges[target] = sum(merges[root] for root in roots) + len(roots) - 1
            for root in roots[1:]:
                union.parent[root] = target
                held[target] |= held.pop(root)
        held[target] |= set(keys)
        owner.update(dict.fromkeys(keys, target))
        placed.append(target)
    return [union.root(one) for one in placed]


def posthog(stream: Sequence[Visit]) -> list[object]:
    """One distinct id a call, the best known one; identify joins the browser's person unless that is identified."""
    union, owner = Union(), dict[str, int]()
    identified: set[int] = set()
    placed: list[int] = []
    for visit in stream:
        keys = sorted(visit.all, key=lambda key: PRIORITY.index(_kind(key)))
        distinct, browser = keys[0], keys[-1]
        for key in (distinct, browser):
            if key not in owner:
                owner[key] = union.new()
        mine, theirs = union.root(owner[distinct]), union.root(owner[browser])
        if _kind(distinct) != "anonymous_id":
            if mine != theirs and _kind(browser) == "anonymous_id" and theirs not in identified:
                union.parent[theirs] = mine
            identified.add(mine)
        placed.append(union.root(mine))
    return [union.root(one) for one in placed]


def unomi(stream: Sequence[Visit]) -> list[object]:
    """A profile for each browser; the same e-mail merges profiles; another e-mail on the browser moves the session."""
    union, session, by_value = Union(), dict[str, int](), dict[str, int]()
    value_of: dict[int, str] = {}
    merged: Counter[int] = Counter()
    placed: list[int] = []
    for visit in stream:
        browser = next((key for key in visit.all if _kind(key) == "anonymous_id"), "")
        known = sorted((k for k in visit.all if _kind(k) != "anonymous_id"), key=lambda k: PRIORITY.index(_kind(k)))
        value = next((key for key in known if _kind(key) == "email"), known[0] if known else "")
        current = union.root(session[browser]) if browser in session else None
        if value:
            other = union.root(by_value[value]) if value in by_value else None
            if (current is not None and value_of.get(current, value) != value) or current is None:
                current = other if other is not None else union.new()
            elif other is not None and other != current and merged[other] + merged[current] < 50:
                union.parent[current] = other
                merged[other] += 1 + merged[current]
                current = other
            value_of[current] = value_of.get(current, value)
            by_value.setdefault(value, current)
        current = union.new() if current is None else current
        if browser:
            session[browser] = current
        placed.append(current)
    return [union.root(one) for one in placed]


def _kind(key: str) -> str:
    return key.partition(":")[0]


# Figures ------------------------------------------------------------------------------------------------------


def figures(stream: Sequence[Visit], profiles: Sequence[object]) -> dict[str, float]:
    """Over pairs of visits: precision and recall; and profiles that hold more than one person, of 10,000."""
    both = Counter(zip(profiles, (visit.person for visit in stream), strict=True))
    said, true = Counter(profiles), Counter(visit.person for visit in stream)
    good = _pairs(both)
    mixed = Counter(profile for profile, _ in both)
    return {
        "precision": good / max(_pairs(said), 1),
        "recall": good / max(_pairs(true), 1),
        "false_merges_per_10000": 10_000 * sum(number > 1 for number in mixed.values()) / len(said),
        "profiles": float(len(said)),
    }


def _pairs(counts: "Counter[object] | Counter[int] | Counter[tuple[object, int]]") -> int:
    return sum(number * (number - 1) // 2 for number in counts.values())
