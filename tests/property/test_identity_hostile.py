"""What an attacker or a broken system sends as identifiers costs a bounded amount of work, and is refused clearly."""

import json
from collections.abc import Iterable, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.collect.call import Call, Context, ExternalId
from regulars.collect.identifiers import MAX_IDENTIFIERS, Identifiers
from regulars.collect.segment import Decoder
from regulars.core import state as tables
from regulars.core.definitions import Definitions, Shop, Source
from regulars.core.event import Event, FailedEvent
from regulars.core.identifier import usable
from regulars.core.identity_types import Identity
from regulars.core.log import EVENTS, NewRecord, Record
from regulars.flow.updater import Updater
from regulars.profile import evidence as evidence_module
from regulars.profile import settlement as settlement_module
from regulars.profile.assignment import IdRow, assign, holders_of, keys_of
from regulars.profile.evidence import Facts
from regulars.profile.identity import BURNED_KEY, CONFLICT, LIMIT, SHARED_DEVICE, TOO_MANY
from regulars.profile.links import is_burned
from regulars.profile.reasons import CODES, reason_in_words
from regulars.profile.settlement import MAX_REFERENCES, MAX_STEPS, REACH, settle, wanted
from tests.property.test_identity import make_event

IDENTITY = Identity()


class Counted:
    """Rows in memory, and how many of them each batch looked at and in how many rounds."""

    def __init__(self) -> None:
        self.rows: dict[str, IdRow] = {}
        self.of_profile: dict[int, set[str]] = {}
        self.looked_at: list[int] = []
        self.rounds: list[int] = []
        self.refused: dict[tuple[str, str], str] = {}

    def take(self, events: Sequence[Event]) -> None:
        rows = {key: self.rows[key] for key in keys_of(events) if key in self.rows}
        rows |= {key: self.rows[key] for key in holders_of(rows)}
        assignment = assign(events, rows, IDENTITY)
        puts, looked_at, rounds = dict(assignment.puts), len(rows), 0
        if assignment.unresolved:
            facts = Facts(rows, assignment, events)
            while want := wanted(facts, events, (), IDENTITY):
                rounds += 1
                found = {key: self.rows[key] for key in want.keys if key in self.rows}
                members = {n: [self.rows[key] for key in self.of_profile.get(n, ())] for n in want.profiles}
                looked_at += len(found) + sum(map(len, members.values()))
                facts.add(want, found, members)
            done = settle(facts, events, (), IDENTITY)
            puts |= done.puts
            self.refused |= {(link.a, link.b): link.status.removeprefix("refused:") for link in done.refused}
        for key, row in puts.items():
            if key in self.rows:
                self.of_profile[self.rows[key][1]].discard(key)
            self.rows[key] = row
            self.of_profile.setdefault(row[1], set()).add(key)
        self.looked_at.append(looked_at)
        self.rounds.append(rounds)

    def take_all(self, events: Iterable[Event], batch: int) -> None:
        held: list[Event] = []
        for event in events:
            held.append(event)
            if len(held) == batch:
                self.take(held)
                held = []
        self.take(held)


#: Rows that settling one person's event may look at: everybody whom ties reach, and the identifiers of their profiles.
PER_PERSON = REACH * IDENTITY.max_component + MAX_REFERENCES


@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand_links_at_once_makes_no_giant() -> None:
    chain = [make_event(n, n, [f"loyalty_card:{n}", f"loyalty_card:{n + 1}"]) for n in range(1, 100_001)]
    shop = Counted()
    shop.take(chain)
    assert max(map(len, shop.of_profile.values())) <= IDENTITY.limits["loyalty_card"]
    assert set(shop.refused.values()) == {LIMIT}


def test_a_growing_chain_costs_each_batch_a_bounded_look() -> None:
    chain = (make_event(n, n, [f"phone:+49{n}", f"phone:+49{n + 1}"]) for n in range(100, 3_100))
    shop = Counted()
    shop.take_all(chain, batch=10)
    assert max(shop.looked_at) <= 10 + 2 * (MAX_STEPS + 10) * IDENTITY.limits["phone"]
    assert max(shop.rounds) <= MAX_STEPS + 3
    assert set(shop.refused.values()) <= {LIMIT, TOO_MANY}
    assert TOO_MANY in shop.refused.values()


@pytest.mark.parametrize("batch", [20_000, 50])
def test_a_star_on_one_card_burns_the_card_and_nobody_else(batch: int) -> None:
    star = (make_event(n, n, [f"user_id:u{n}", "loyalty_card:till"]) for n in range(1, 20_001))
    shop = Counted()
    shop.take_all(star, batch=batch)
    assert is_burned(shop.rows["loyalty_card:till"][3])
    assert set(shop.refused.values()) <= {CONFLICT, BURNED_KEY}
    assert sum(len(keys) > 1 for keys in shop.of_profile.values()) == 0
    assert max(shop.looked_at) <= 3 * (batch + IDENTITY.max_component + 2)


def test_a_person_of_endless_devices_gets_no_more_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_module, "MAX_MEMBERS", 100)
    robot = (make_event(n, n, ["user_id:robot", f"anonymous_id:d{n}"]) for n in range(1, 1_001))
    shop = Counted()
    shop.take_all(robot, batch=10)
    assert max(shop.looked_at) <= 2 * (100 + 10 + 2)
    assert max(map(len, shop.of_profile.values())) <= 100 + 10 + 2
    assert set(shop.refused.values()) == {TOO_MANY}


def test_a_person_of_endless_addresses_is_nobody_and_each_address_stays_its_own() -> None:
    robot = (make_event(n, n, ["user_id:robot", f"email:e{n}@example.org"]) for n in range(1, 10_001))
    shop = Counted()
    shop.take_all(robot, batch=50)
    assert is_burned(shop.rows["user_id:robot"][3])
    assert max(shop.looked_at) <= 3 * (50 + IDENTITY.max_component + 2)
    assert max(map(len, shop.of_profile.values())) == 1
    assert set(shop.refused.values()) == {BURNED_KEY}


def test_a_storm_of_merges_among_few_keys_stays_within_the_limits() -> None:
    dice = Random(5)
    pairs = ((f"phone:+49{dice.randrange(200)}", f"loyalty_card:{dice.randrange(200)}") for _ in range(1_500))
    shop = Counted()
    shop.take_all((make_event(n, n, list(pair)) for n, pair in enumerate(pairs, 1)), batch=20)
    limits = IDENTITY.limits
    assert max(map(len, shop.of_profile.values())) <= limits["phone"] + limits["loyalty_card"]
    assert max(shop.looked_at) <= 20 * PER_PERSON
    assert max(shop.rounds) <= MAX_STEPS + 3
    assert set(shop.refused.values()) <= {LIMIT, TOO_MANY, BURNED_KEY}


def test_what_is_not_looked_into_is_told_once_for_each_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same two again and again, beyond the bounds of work, add nothing to the ledger."""
    monkeypatch.setattr(settlement_module, "REACH", 0)
    log, state = MemoryLog(), SqliteState(":memory:")
    source = Source(id="till", kind="server")
    updater = Updater(Definitions(shop=Shop(name="x"), sources=(source,), strict_plan=False), log, state)
    for n in range(30):
        named = {"userId": f"u{n % 3}", "traits": {"phone": "+49170123456"}}
        body = {"type": "identify", "messageId": f"m{n}", **named}
        log.append([NewRecord(EVENTS, "till", "batch", 1_750_000_000_000 + n, json.dumps({"batch": [body]}).encode())])
        updater.run()
    rows = state.select(tables.LINK)
    assert {str(row[6]) for row in rows} == {f"refused:{TOO_MANY}"}
    assert len(rows) == 3


def decoded(body: object) -> Event | FailedEvent:
    source = Source(id="shop", kind="server", key_sha256="0" * 64)
    decoder = Decoder(Definitions(shop=Shop(name="x"), sources=(source,), strict_plan=False))
    return decoder.decode(Record(1, EVENTS, "shop", "track", 1_700_000_000_000, json.dumps(body).encode()))[0]


def test_an_event_of_very_many_identifiers_is_refused_with_the_number() -> None:
    ids = [{"type": "user_id", "id": f"u{n}"} for n in range(MAX_IDENTIFIERS + 1)]
    found = decoded({"event": "X", "userId": "1", "context": {"externalIds": ids}})
    assert isinstance(found, FailedEvent)
    assert (found.reason, found.field) == ("invalid_value", "context.externalIds")
    assert (found.expected, found.got) == ("at most 50 identifiers of one customer", "51 identifiers")
    assert isinstance(decoded({"event": "X", "context": {"externalIds": ids[1:]}}), Event)


def test_a_megabyte_is_neither_read_nor_remembered() -> None:
    reader = Identifiers(IDENTITY)
    for kind in ("user_id", "email", "phone", "x" * 1_000_000):
        assert reader.key(kind, "a" * 1_000_000) is None
        call = Call(user_id="7" * 1_000_000, context=Context(external_ids=[ExternalId(id="1" * 1_000_000, type=kind)]))
        assert reader.of(call, {"email": "e" * 1_000_000}, public=False) == (None, [], [])
    assert reader._found == {}  # noqa: SLF001 - what it holds is what is bounded


def test_invented_types_are_not_remembered() -> None:
    reader = Identifiers(IDENTITY)
    for n in range(1_000):
        reader.of(Call(context=Context(external_ids=[ExternalId(id="1", type=f"t{n}")])), {}, public=True)
    assert reader._found == {}  # noqa: SLF001


@given(
    st.text(max_size=20),
    st.sampled_from("\x00\x07\n\x7f\u200b\u200d\u202e\u2066\u2069\ufeff\ue000\ud7ff"),
    st.text(max_size=20),
)
@settings(max_examples=200)
def test_control_and_direction_marks_within_a_value_identify_nobody(before: str, mark: str, after: str) -> None:
    assert not usable(f"user_id:a{before}{mark}{after}z", IDENTITY)


ALIKE = [
    ("paul@example.org", "p\u0430ul@example.org"),  # a Cyrillic a
    ("scope", "sc\u03bfpe"),  # a Greek omicron
    ("oscar", "\u0585scar"),  # an Armenian o
]


@pytest.mark.parametrize(("plain", "alike"), ALIKE)
def test_a_word_of_two_alphabets_is_refused(plain: str, alike: str) -> None:
    reader = Identifiers(IDENTITY)
    at = "" if "@" in plain else "@example.org"
    for kind, end in (("email", at), ("user_id", "")):
        assert reader.key(kind, plain + end) is not None
        assert reader.key(kind, alike + end) is None


def test_a_word_of_one_other_alphabet_is_somebody_else() -> None:
    reader = Identifiers(IDENTITY)
    latin, cyrillic = reader.key("user_id", "cocoa"), reader.key("user_id", "\u0441\u043e\u0441\u043e\u0430")
    assert latin is not None
    assert cyrillic is not None
    assert latin != cyrillic
    assert reader.key("user_id", "\uff43ocoa") == latin  # the same letter, drawn wide


def test_every_refusal_can_be_said_in_both_languages() -> None:
    assert {CONFLICT, LIMIT, TOO_MANY, BURNED_KEY, SHARED_DEVICE} <= CODES
    for code in CODES:
        assert reason_in_words(code, "de") != reason_in_words(code, "en")
