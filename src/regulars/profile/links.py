"""Links: the evidence that two identifiers mean one customer, and the two short forms in which it is kept.

A person key keeps its *ties* (one per other person key: the first evidence), a device its *holding* (who was logged in
from when). Both are semilattices: adding evidence twice or in another order gives the same. They live in the column
`owners` of the table `identifier`; the table `link` is the ledger for people.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from regulars.core.event import Event
from regulars.core.identifier import hashed, is_device, is_person, is_reference, rank
from regulars.core.identity_types import Identity

#: Of the logins of one person on one device within a slot the first counts, ms: fewer writes, same owners.
SLOT_MS = 300_000
#: How late an event may come and still find every login, ms; older repeated logins of one person are forgotten.
HORIZON_MS = 7 * 86_400_000
#: A device that more person keys than this have used belongs to nobody: a kiosk, a till, a shop tablet.
MAX_HOLDERS = 50
#: What surely more people than this have used is nobody's, be it a device, a card, an address or a telephone.
MAX_PEOPLE = 10
#: As often may a device change hands before it belongs to nobody.
MAX_CHANGES = 1000
NO_LIMITS: Mapping[str, int] = MappingProxyType({})
#: A withdrawal until then is for good, ms.
FOREVER = 1 << 62
REVOKED, WITHDRAWN = "revoked", "withdrawn"  # the row that withdraws; a row that stands no longer because of it
RESTORED, LIFTED = "restored", "lifted"  # the row that takes withdrawals of its pair back; a withdrawal that was
COMMANDED = frozenset({REVOKED, RESTORED, LIFTED})  # rows that staff made: they are no evidence
SHARED = "shared"  # a mark on a device, no link: it was named where devices are shared
HASH = "hash"  # the rule that joins a value with its hashed form: they are one identifier
SPELLING = "spelling"  # the rule that joins what is stored of a value with how changed rules spell it
ONE_VALUE = frozenset({HASH, SPELLING})  # both sides are one value: no limit tells them apart, and nobody takes it back


class Link(msgspec.Struct, frozen=True, array_like=True):
    """A row of the ledger: `a` is a person key, `b` a person key (then a < b) or a device.

    A row of status "revoked" withdraws every link of its pair that is earlier than `until`; one of status "restored"
    takes that back, and the withdrawals before it are "lifted" from then on.
    """

    a: str
    b: str
    time: int  # ms
    message_id: str
    rule: str  # the event that said so, or the rule that somebody applied ("similar")
    until: int = 0  # ms, of a withdrawal
    status: str = ""  # "", "refused:<reason>", "revoked", "withdrawn", "restored", "lifted"
    score: float = 1.0  # how sure, 0..1; 1: the two were named together
    note: str = ""  # who said it and why, where a person or a command did
    source: str = ""  # where the event came from that said so; empty in what older versions stored


def evidence_order(evidence: "Link | Tie | Withheld") -> tuple[float, int, str]:
    """Which evidence of a pair counts, and the order in which links are followed: the surest first, then the earliest.

    >>> sure, likely = Link("a", "b", 5, "m", "Identify"), Link("a", "b", 3, "n", "similar", score=0.9)
    >>> evidence_order(sure) < evidence_order(likely)
    True
    """
    return -1.0 if evidence.rule in ONE_VALUE else 1.0 - evidence.score, evidence.time, evidence.message_id


class Withheld(msgspec.Struct, array_like=True, gc=False):
    """The evidence of a pair that would count if its withdrawal were taken back."""

    time: int
    message_id: str
    rule: str
    said: tuple[float, str] | None = None
    source: str = ""

    @property
    def score(self) -> float:
        """How sure, 0..1."""
        return self.said[0] if self.said else 1.0


class Tie(msgspec.Struct, array_like=True, gc=False):
    """What a person key knows of another one: the first evidence that stands. `time` -1: all of it was withdrawn."""

    other: str
    time: int
    message_id: str
    rule: str
    until: int = 0
    status: str = ""
    said: tuple[float, str] | None = None  # score and note, of what was not simply named together
    source: str = ""
    withheld: Withheld | None = None

    @property
    def score(self) -> float:
        """How sure, 0..1."""
        return self.said[0] if self.said else 1.0

    def learn(self, link: Link) -> None:
        """Take in one more link, withdrawal or restoration of the pair."""
        if link.status == REVOKED:
            self.until = max(self.until, link.until)
            if 0 <= self.time < self.until:
                self._withhold(Withheld(self.time, self.message_id, self.rule, self.said, self.source))
                self.time, self.message_id, self.rule, self.said, self.source = -1, "", "", None, ""
        elif link.status == RESTORED:
            self.until, again, self.withheld = 0, self.withheld, None
            if again is not None:
                self._believe(again)
        elif link.status != LIFTED:
            said = (link.score, link.note) if link.score < 1 or link.note else None
            found = Withheld(link.time, link.message_id, link.rule, said, link.source)
            (self._believe if link.time >= self.until else self._withhold)(found)

    def _believe(self, found: Withheld) -> None:
        if self.time < 0 or evidence_order(found) < evidence_order(self):
            self.time, self.message_id, self.rule = found.time, found.message_id, found.rule
            self.said, self.source = found.said, found.source

    def _withhold(self, found: Withheld) -> None:
        if self.withheld is None or evidence_order(found) < evidence_order(self.withheld):
            self.withheld = found

    def link(self, pair: tuple[str, str], *, status: str = "", until: int = 0) -> Link:
        """The evidence as a row of the ledger."""
        score, note = self.said or (1.0, "")
        return Link(*pair, self.time, self.message_id, self.rule, until, status, score, note, self.source)

    def withheld_link(self, pair: tuple[str, str]) -> Link:
        """The evidence that was withdrawn as a row of the ledger."""
        found = self.withheld or Withheld(-1, "", "")
        score, note = found.said or (1.0, "")
        return Link(*pair, found.time, found.message_id, found.rule, self.until, WITHDRAWN, score, note, found.source)

    def copy(self, other: str) -> "Tie":
        """The same as `other`'s side keeps it."""
        return Tie(
            other, self.time, self.message_id, self.rule, self.until, self.status, self.said, self.source, self.withheld
        )


class Holding(msgspec.Struct, array_like=True, gc=False):
    """Who held a device: logins (time, place in `keys`), sorted by (time, key).

    Logins of a key before its `until` are withdrawn: they tell nothing, and are kept for the day that is taken back.
    """

    keys: list[str] = []
    logins: list[tuple[int, int]] = []
    until: dict[str, int] = {}  # withdrawn logins of a key: those before this time, ms

    def standing(self) -> list[tuple[int, int]]:
        """The logins that were not withdrawn."""
        until = self.until
        if not until:
            return self.logins
        return [login for login in self.logins if login[0] >= until.get(self.keys[login[1]], 0)]

    def holder(self, time: int) -> str | None:
        """The key of the last login at or before `time`; before the first login that of the first."""
        logins = self.standing()
        if not logins:
            return None
        return self.keys[logins[max(bisect_right(logins, time, key=_login_time) - 1, 0)][1]]

    def first(self) -> str | None:
        """Who held it first: the device counts as theirs."""
        logins = self.standing()
        return self.keys[logins[0][1]] if logins else None

    def runs(self) -> list[tuple[int, str]]:
        """The changes of hands: (from, key); the first one holds before it, too."""
        found: list[tuple[int, str]] = []
        for time, place in self.standing():
            key = self.keys[place]
            if not found or found[-1][1] != key:
                found.append((time, key))
        return found

    def shared(self, limits: Mapping[str, int] = NO_LIMITS) -> bool:
        """Whether so many use it that it tells nothing about anyone; `limits` tell how many people the keys are."""
        if len(self.keys) > MAX_PEOPLE and too_many_people(Counter(key.partition(":")[0] for key in self.keys), limits):
            return True
        return len(self.keys) > MAX_HOLDERS or (len(self.logins) > MAX_CHANGES and len(self.runs()) > MAX_CHANGES)


def too_many_people(values: Mapping[str, int], limits: Mapping[str, int]) -> bool:
    """Whether so many values of each type surely are of more than `MAX_PEOPLE` people.

    One person has at most so many values of a type as its limit says, so the number of values tells how many people
    there are at least.

    >>> limits = {"user_id": 1, "email": 5}
    >>> too_many_people({"user_id": 11}, limits), too_many_people({"email": 50}, limits)
    (True, False)
    """
    return any(count > MAX_PEOPLE * limits[kind] for kind, count in values.items() if kind in limits)


def _login_time(login: tuple[int, int]) -> int:
    return login[0]


# The first byte of the `owners` column tells how to read it, so that most events need not.
PERSON, ONE, SEVERAL, NOBODY, BURNED = b"p", b"1", b"m", b"n", b"x"
_several = SEVERAL[0]
_tie_decoder = msgspec.msgpack.Decoder(list[Tie])
_holding_decoder = msgspec.msgpack.Decoder(Holding)
_encode = msgspec.msgpack.Encoder().encode


def is_burned(owners: bytes) -> bool:
    """Whether so many others were tied to the key that it tells nothing any more."""
    return owners == BURNED


def has_several(owners: bytes) -> bool:
    """Whether the row's profile depends on the time of the event."""
    return bool(owners) and owners[0] == _several


def ties_in(owners: bytes) -> list[Tie]:
    """The ties of a person key."""
    return _tie_decoder.decode(memoryview(owners)[1:]) if owners[:1] == PERSON else []


def ties_out(ties: Iterable[Tie]) -> bytes:
    """The inverse of `ties_in`."""
    ordered = sorted(ties, key=lambda tie: tie.other)
    return PERSON + _encode(ordered) if ordered else b""


def holding_in(owners: bytes) -> Holding:
    """The holding of a device."""
    if owners[:1] in (ONE, SEVERAL, NOBODY):
        return _holding_decoder.decode(memoryview(owners)[1:])
    return Holding([], [], {})


def holding_out(holding: Holding) -> bytes:
    """The inverse of `holding_in`; a device that is shared by too many is burned."""
    if holding.shared():
        return BURNED
    if not holding.keys:
        return b""
    distinct = len({place for _, place in holding.standing()})
    return (NOBODY if not distinct else ONE if distinct == 1 else SEVERAL) + _encode(holding)


def hold(holding: Holding, links: Iterable[Link]) -> Holding:
    """The holding with more logins, withdrawals or restorations of this device.

    Per key and slot the first login stays. Logins older than `HORIZON_MS` before the newest that only repeat the holder
    are dropped; owners do not change by that, whichever withdrawals are taken back.
    """
    links = list(links)
    if len(links) == 1 and _repeats(holding, links[0]):
        return _held_on(holding, links[0].time)
    logins = [(time, holding.keys[place]) for time, place in holding.logins]
    until, keys = dict(holding.until), set(holding.keys)
    for link in links:
        if link.status in (SHARED, LIFTED):
            continue
        keys.add(link.a)
        if link.status == REVOKED:
            until[link.a] = max(until.get(link.a, 0), link.until)
        elif link.status == RESTORED:
            until.pop(link.a, None)
        else:
            logins.append((link.time, link.a))
    names = sorted(keys)
    places = {key: place for place, key in enumerate(names)}
    first_of_slot: set[tuple[str, int, bool]] = set()
    kept: list[tuple[int, int, bool]] = []
    for time, key in sorted(logins):
        withdrawn = time < until.get(key, 0)
        slot = (key, time // SLOT_MS, withdrawn)
        if slot not in first_of_slot:
            first_of_slot.add(slot)
            kept.append((time, places[key], withdrawn))
    return Holding(names, [(time, place) for time, place, _ in _forget_repeated(kept)], until)


def _repeats(holding: Holding, link: Link) -> bool:
    """Whether it is a login of the only one who ever held the device, and the newest: nearly all logins are."""
    return (
        not link.status and not holding.until and holding.keys == [link.a]
        and bool(holding.logins) and link.time >= holding.logins[-1][0]
    )  # fmt: skip


def _held_on(holding: Holding, time: int) -> Holding:
    """What `hold` makes of such a login."""
    logins = holding.logins
    if time // SLOT_MS == logins[-1][0] // SLOT_MS:
        return holding
    kept = _forget_repeated([(at, 0, False) for at, _ in (*logins, (time, 0))])
    return Holding(holding.keys, [(at, 0) for at, _, _ in kept], {})


def _forget_repeated(logins: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    if not logins or logins[0][0] >= (old := logins[-1][0] - HORIZON_MS):
        return logins
    kept = logins[:1]
    for login in logins[1:]:
        if login[0] >= old or login[1:] != kept[-1][1:]:
            kept.append(login)
    return kept


def links_in(key: str, owners: bytes) -> list[Link]:
    """The links that a stored row holds, withdrawals included: what `identity.resolve` and `explain` need of it.

    Logins are stored without their event, so their message id and rule are empty; the ledger has those of the first.
    """
    found: list[Link] = []
    for tie in ties_in(owners):
        pair = min(key, tie.other), max(key, tie.other)
        if tie.until:
            found.append(Link(*pair, tie.until, "", "", tie.until, REVOKED))
        if tie.withheld is not None:
            found.append(tie.withheld_link(pair))
        if tie.time >= 0:
            found.append(tie.link(pair))
    holding = holding_in(owners)
    found += [Link(a, key, until, "", "", until, REVOKED) for a, until in sorted(holding.until.items())]
    found += [Link(holding.keys[place], key, time, "", "") for time, place in holding.logins]
    return found


def links_of(event: Event, identity: Identity) -> list[Link]:
    """The links of an event: from its first person key to each other one and to the device. Claims link nothing.

    A device that is shared (by its source, or by name) is marked so instead: a link to itself of status "shared".
    """
    identifiers = event.identifiers
    sources, devices = identity.shares
    if len(identifiers) < 2 and not (sources or devices):
        return []
    found: list[Link] = []
    persons = persons_of(identifiers, identity)
    for a, b in pairs_of(persons, identity):
        rule = HASH if b.partition(":")[0] in identity.hashes and is_hash(a, b, identity) else _told_by(event)
        found.append(Link(min(a, b), max(a, b), event.time, event.message_id, rule, source=event.source))
    for device in sorted({k for k in identifiers if is_device(k, identity)}):
        if event.source in sources or device in devices:
            mark = Link(device, device, event.time, event.message_id, event.name, 0, SHARED, source=event.source)
            found.append(mark)
        elif persons:
            login = Link(persons[0], device, event.time, event.message_id, event.name, source=event.source)
            found.append(login)
    return found


def _told_by(event: Event) -> str:
    """The rule of what an event says: its name, which is none of those that make two identifiers one value."""
    return event.name.upper() if event.name in ONE_VALUE else event.name


def persons_of(identifiers: Iterable[str], identity: Identity) -> list[str]:
    """The person keys and references of an event, by priority."""
    found = {k for k in identifiers if is_person(k, identity)}
    return list(found) if len(found) < 2 else sorted(found, key=lambda key: (rank(key, identity), key))


def pairs_of(persons: list[str], identity: Identity) -> list[tuple[str, str]]:
    """Which of an event's person keys are linked: the first with each other one, a value with its hashed form."""
    if len(persons) < 2 or is_reference(persons[0], identity):  # orders alone join nobody
        return []
    hashes = identity.hashes
    if not hashes:
        return [(persons[0], other) for other in persons[1:]]
    found = []
    for other in persons[1:]:
        kind = hashes.get(other.partition(":")[0])
        bases = (key for key in persons if key.partition(":")[0] == kind) if kind else ()
        base = next((key for key in bases if is_hash(key, other, identity)), persons[0])
        found.append((base, other))
    return found


def is_hash(key: str, other: str, identity: Identity) -> bool:
    """Whether the second key is the hashed form of the first."""
    kind = other.partition(":")[0]
    return identity.hashes.get(kind) == key.partition(":")[0] and hashed(key, kind) == other
