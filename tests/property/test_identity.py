"""Laws of identity: who is who depends on what was said, never on when it arrived; what is withdrawn was never there.

A small shop is played twice: at once by `resolve`, and batch by batch by `assign` and `settle` over stored rows.
"""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.event import Event
from regulars.core.identifier import is_person, subject_of
from regulars.core.identity_types import Identity
from regulars.core.record import profile_number
from regulars.profile import links as links_module
from regulars.profile.assignment import IdRow, assign, holders_of, keys_of, profile_of
from regulars.profile.effects import cut_refolds
from regulars.profile.evidence import Facts
from regulars.profile.identity import explain, resolve
from regulars.profile.links import FOREVER, REVOKED, SLOT_MS, Holding, Link, hold, links_in, links_of
from regulars.profile.settlement import Settlement, settle, wanted

IDENTITY = Identity()
SMALL = Identity(max_component=3)
KEYS = ["user_id:1", "user_id:2", "user_id:3", "email:a", "email:b", "loyalty_card:7"]
DEVICES = ["anonymous_id:x", "anonymous_id:y", "anonymous_id:z"]


class Shop:
    """The rows of the state and, as a record of each profile, the message ids that it counted."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.rows: dict[str, IdRow] = {}
        self.ledger: dict[tuple[str, str, int, str], Link] = {}
        self.redirects: dict[int, int] = {}
        self.records: dict[int, list[str]] = {}
        self.folded: list[Event] = []

    def take(self, events: Sequence[Event], withdrawals: Sequence[Link] = ()) -> None:
        rows = {key: self.rows[key] for key in keys_of(events) if key in self.rows}
        rows |= {key: self.rows[key] for key in holders_of(rows)}
        assignment = assign(events, rows, self.identity)
        profiles, puts = assignment.profiles, dict(assignment.puts)
        born = set(assignment.new)
        for name in born:
            self.records[name] = []
        if assignment.unresolved or withdrawals:
            facts = Facts(rows, assignment, events)
            while want := wanted(facts, events, withdrawals, self.identity):
                found = {key: self.rows[key] for key in want.keys if key in self.rows}
                members = {n: [row for row in self.rows.values() if row[1] == n] for n in want.profiles}
                facts.add(want, found, members)
            done = settle(facts, events, withdrawals, self.identity)
            profiles = done.profiles
            puts |= done.puts
            self.apply(done, puts)
        self.rows |= puts
        for event, number in zip(events, profiles, strict=True):
            assert number is not None
            assert number == profile_of(event.subject, event.time, self.rows)
            self.records.setdefault(number, []).append(event.message_id)
        self.folded += events

    def apply(self, done: Settlement, puts: dict[str, IdRow]) -> None:
        times = {event.message_id: event.time for event in self.folded}
        last_seen = {n: max((times[m] for m in ids), default=-1) for n, ids in self.records.items()}
        for old, now in done.moved.items():
            assert now not in self.records
            self.records[now] = self.records.pop(old, [])  # an identifier that no event had as its subject has none
        for source, into in done.merges:
            self.records[into] = self.records.get(into, []) + self.records.pop(source, [])
        rows = self.rows | puts
        for number in done.refolds | cut_refolds(done.cuts, last_seen):
            self.records[number] = [e.message_id for e in self.folded if profile_of(e.subject, e.time, rows) == number]
        for number in done.gone:
            self.records.pop(number, None)
            self.redirects[number] = done.redirects[number]
        for number in done.new:
            self.redirects.pop(number, None)
        for link in done.links_replaced:
            del self.ledger[link.a, link.b, link.time, link.message_id]
        for link in done.links:
            self.ledger[link.a, link.b, link.time, link.message_id] = link


def make_event(number: int, time: int, keys: Sequence[str], source: str = "shop") -> Event:
    subject = subject_of(keys, IDENTITY)
    assert subject
    return Event(f"m{number:03}", source, "Page Viewed", time, time, subject, tuple(keys), (), {}, {}, {})


KEY_SETS = st.one_of(
    st.tuples(st.sampled_from(DEVICES)),
    st.tuples(st.sampled_from(KEYS)),
    st.tuples(st.sampled_from(DEVICES), st.sampled_from(KEYS)),
    st.lists(st.sampled_from(KEYS), min_size=2, max_size=2, unique=True).map(tuple),
    st.lists(st.sampled_from(KEYS + DEVICES), min_size=1, max_size=4, unique=True).map(tuple),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    drawn = draw(st.lists(st.tuples(st.integers(0, 24), KEY_SETS), min_size=1, max_size=14))
    return [make_event(n, time * (SLOT_MS // 3), keys) for n, (time, keys) in enumerate(drawn)]


def arrive(shop: Shop, events: list[Event], seed: int) -> None:
    chance = random.Random(seed)
    order = events[:]
    chance.shuffle(order)
    while order:
        size = chance.randint(1, len(order))
        shop.take(order[:size])
        order = order[size:]


def seen(events: Sequence[Event]) -> dict[str, int]:
    first: dict[str, int] = {}
    for event in events:
        for key in event.identifiers:
            first[key] = min(first.get(key, event.time), event.time)
    return first


def check(shop: Shop, events: Sequence[Event], links: Sequence[Link], *, ledger: bool = True) -> None:
    """The stored rows say what `resolve` says, and each record holds exactly the events of its profile."""
    truth = resolve(links, seen(events), shop.identity)
    for key, first_seen in seen(events).items():
        assert shop.rows[key][2] == first_seen
        for time in range(0, 26 * (SLOT_MS // 3), SLOT_MS // 6):
            assert profile_of(key, time, shop.rows) == truth.profile(key, time), (key, time)
    numbers = {person.number for person in truth.persons}
    for number in numbers:
        counted = sorted(e.message_id for e in events if truth.profile(e.subject, e.time) == number)
        assert sorted(shop.records.get(number, [])) == counted
    assert shop.records.keys() <= numbers
    assert not shop.redirects.keys() & numbers
    for old in shop.redirects:
        target, hops = old, 0
        while target not in numbers:
            target, hops = shop.redirects[target], hops + 1
            assert hops < 50
    refused = {(link.a, link.b) for link, _ in truth.refused if is_person(link.b, shop.identity)}
    # Between two burned keys nothing is noted any more.
    refused = {(a, b) for a, b in refused if b"x" not in (shop.rows[a][3], shop.rows[b][3])}
    told = {
        (x.a, x.b) for x in shop.ledger.values() if x.status.startswith("refused") and is_person(x.b, shop.identity)
    }
    told = {(a, b) for a, b in told if b"x" not in (shop.rows[a][3], shop.rows[b][3])}
    assert told == refused
    if ledger and not any(row[3] == b"x" for row in shop.rows.values()):
        stored = [link for row in shop.rows.values() for link in links_in(row[0], row[3])]
        assert resolve(stored, seen(events), shop.identity).persons == truth.persons


def all_links(events: Sequence[Event], identity: Identity = IDENTITY) -> list[Link]:
    return [link for event in events for link in links_of(event, identity)]


@given(histories(), st.integers(0, 1000), st.sampled_from([IDENTITY, SMALL]))
@settings(max_examples=150)
def test_any_order_and_any_batches_give_the_same_persons(events: list[Event], seed: int, identity: Identity) -> None:
    shop = Shop(identity)
    arrive(shop, events, seed)
    check(shop, events, all_links(events))


@given(histories(), st.integers(0, 1000), st.data())
@settings(max_examples=100)
def test_a_withdrawn_link_leaves_no_trace(events: list[Event], seed: int, data: st.DataObject) -> None:
    pairs = sorted({(link.a, link.b) for link in all_links(events)})
    if not pairs:
        return
    pair = data.draw(st.sampled_from(pairs))
    withdrawal = Link(*pair, 10**9, "unlink", "Unlink", FOREVER, REVOKED)
    shop = Shop(IDENTITY)
    half = data.draw(st.integers(0, len(events)))
    arrive(shop, events[:half], seed)
    if all(key in shop.rows for key in pair):
        shop.take([], [withdrawal])
    else:
        half = len(events)
        shop = Shop(IDENTITY)
        arrive(shop, events, seed)
        shop.take([], [withdrawal])
    arrive(shop, events[half:], seed)
    check(shop, events, [link for link in all_links(events) if (link.a, link.b) != pair])


@given(histories(), st.integers(0, 1000))
@settings(max_examples=60)
def test_shared_devices_and_burned_keys_belong_to_nobody_in_any_order(events: list[Event], seed: int) -> None:
    patch = pytest.MonkeyPatch()
    with patch.context() as limits:
        limits.setattr(links_module, "MAX_HOLDERS", 2)
        shop = Shop(Identity(max_component=2))
        arrive(shop, events, seed)
        check(shop, events, all_links(events))


@given(histories(), st.integers(0, 1000))
@settings(max_examples=60)
def test_what_is_forgotten_of_old_logins_says_nothing_within_the_horizon(events: list[Event], seed: int) -> None:
    horizon = 2 * SLOT_MS
    patch = pytest.MonkeyPatch()
    with patch.context() as limits:
        limits.setattr(links_module, "HORIZON_MS", horizon)
        shop = Shop(IDENTITY)
        # Each event comes late by less than the horizon.
        chance = random.Random(seed)
        late = sorted(events, key=lambda event: event.time + chance.randrange(horizon))
        for event in late:
            shop.take([event])
        check(shop, events, all_links(events), ledger=False)


@given(histories(), st.randoms())
@settings(max_examples=60)
def test_resolve_is_a_function_of_the_set_of_links(events: list[Event], chance: random.Random) -> None:
    links = all_links(events)
    shuffled = links + links
    chance.shuffle(shuffled)
    assert resolve(shuffled, seen(events), IDENTITY) == resolve(links, seen(events), IDENTITY)


@given(histories())
@settings(max_examples=100)
def test_persons_are_disjoint_and_hold_one_value_of_a_unique_type(events: list[Event]) -> None:
    truth = resolve(all_links(events), seen(events), SMALL)
    keys = [key for person in truth.persons for key in person.keys]
    assert sorted(keys) == sorted(key for key in seen(events) if is_person(key, SMALL))
    for person in truth.persons:
        assert len(person.keys) <= SMALL.max_component
        assert sum(key.startswith("user_id:") for key in person.keys) <= 1
        assert person.number == profile_number(person.anchor)
        reasons = explain(person.number, truth, all_links(events))
        joins = sum(code == "joined" for code, _ in reasons)
        members = set(person.keys) | {held.device for held in person.devices}
        assert joins == len(members) - 1


@given(
    st.lists(
        st.tuples(st.integers(0, 400 * 86_400_000), st.sampled_from(["user_id:1", "user_id:1", "user_id:2"])),
        max_size=30,
    )
)
def test_a_login_that_only_repeats_the_holder_is_held_like_any_other(logins: list[tuple[int, str]]) -> None:
    holding = Holding([], [], {})
    for time, key in logins:
        link = Link(key, "anonymous_id:d", time, "m", "r")
        held = hold(holding, [link])
        assert held == hold(holding, [link, link])  # two at once go the longer way
        holding = held
