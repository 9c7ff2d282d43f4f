"""What tells of health, faith and the like reaches no trait, no wish, no hot record and no decision."""

import json
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.core.calendar import DAY_MS
from regulars.core.definitions import Definitions, EventType, Purpose, Segment, Sensitive, Shop, Source, Trait
from regulars.core.event import Event
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.core.record import HOT, PERSON, Person
from regulars.core.sensitive import Detector
from regulars.core.state import LINK
from regulars.flow import generation, replay
from regulars.flow.customer import Customers, asking
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from regulars.profile.fold import Fold
from tests.profiles import CALENDAR, FIRST_DAY, event

VIEW, START = "Product Viewed", FIRST_DAY * DAY_MS
HARMLESS = ("Tea", "Sport > Bikes", "Health & Beauty", "p-17")
SENSITIVE = ("Diabetes test", "Schwangerschaft > Kleid", "Halal", "Church candles", "keto")
WORDS = Sensitive(words=("keto",))
KINDS: tuple[dict[str, Any], ...] = (
    {"name": "topic", "kind": "last", "of": "topic", "type": "text"},
    {"name": "first_topic", "kind": "first", "of": "topic", "type": "text"},
    {"name": "largest_topic", "kind": "max", "of": "topic", "type": "text"},
    {"name": "topics", "kind": "distinct", "of": "topic"},
    {"name": "line_topics", "kind": "distinct", "of": "products.topic"},
    {"name": "listed_topics", "kind": "distinct", "of": "tags"},
    {"name": "interest", "kind": "affinity", "of": "topic"},
    {"name": "line_interest", "kind": "affinity", "of": "products.topic"},
)
TRAITS = tuple(Trait(events=(VIEW,), **kind) for kind in KINDS)
SHOP = Definitions(
    shop=Shop(name="Corner", time_zone="UTC", clock="records"),
    sources=(Source(id="till", kind="server", key_sha256="0" * 64),),
    events=(EventType(name=VIEW, purpose="contract"),),
    traits=TRAITS,
    segments=(
        Segment(id="tea", when="prefers('topics', 'Tea')"),
        Segment(id="keto", when="prefers('topics', 'keto') or topic = 'keto'"),
    ),
    strict_plan=False,
    sensitive=WORDS,
    record_version="now",
)
NEEDLES = [text.encode() for text in SENSITIVE]
texts = st.sampled_from(HARMLESS + SENSITIVE)


@st.composite
def seen(draw: st.DrawFn) -> dict[str, Any]:
    lines = draw(st.lists(texts, max_size=3))
    return {"topic": draw(texts), "tags": draw(st.lists(texts, max_size=3)), "products": [{"topic": t} for t in lines]}


def without(properties: dict[str, Any]) -> dict[str, Any]:
    """The same, told by somebody who knows nothing sensitive."""
    good = set(HARMLESS)
    return {
        **({"topic": properties["topic"]} if properties["topic"] in good else {}),
        "tags": [tag for tag in properties["tags"] if tag in good],
        "products": [line for line in properties["products"] if line["topic"] in good],
    }


def record(events: Sequence[Event], definitions: Definitions = SHOP) -> bytes:
    """Hot record and parts, as they are stored."""
    fold = Fold(definitions, CALENDAR, {})
    hot, parts = fold.new("user_id:ana", START, FIRST_DAY), dict[int, list[Any]]()
    fold.fold(hot, parts, events, since={"health": 0}, day=FIRST_DAY)
    fold.evaluate(hot, parts, FIRST_DAY + 1)
    return fold.encode([msgspec.to_builtins(hot), sorted(parts.items())])


@given(st.lists(seen(), max_size=6))
def test_a_record_is_that_of_events_which_tell_nothing_sensitive(told: list[dict[str, Any]]) -> None:
    stored = record([event(VIEW, 0, one, f"m{at}") for at, one in enumerate(told)])
    plain = record([event(VIEW, 0, without(one), f"m{at}") for at, one in enumerate(told)])
    assert msgspec.msgpack.decode(stored) == msgspec.msgpack.decode(plain)
    assert not [needle for needle in NEEDLES if needle in stored]


def test_a_purpose_that_customers_were_asked_for_explicitly_keeps_it() -> None:
    explicit = msgspec.structs.replace(
        SHOP,
        purposes=(Purpose(id="health", sensitive=True),),
        traits=tuple(msgspec.structs.replace(one, purpose="health") for one in TRAITS),
    )
    told = [event(VIEW, 0, {"topic": "Diabetes test"})]
    assert b"Diabetes test" in record(told, explicit)
    assert b"Diabetes test" not in record(told)


def call(at: int, name: str, properties: dict[str, Any]) -> NewRecord:
    said = {"type": "track", "userId": "ana", "event": name, "messageId": f"m{at}", "properties": properties}
    return NewRecord(EVENTS, "till", "track", START + at, json.dumps(said).encode())


wishes = st.fixed_dictionaries(
    {},
    optional={
        "topics": st.lists(texts, max_size=4) | st.none(),
        "sizes": st.lists(texts, max_size=2),
        "channel": st.sampled_from(["email", "post"]),
    },
)


def stored(state: SqliteState) -> tuple[list[bytes], dict[str, Any], list[str]]:
    """What serves: every part of every record, the facts, and the segments."""
    own = generation.tables(state)
    rows = state.select(own.part)
    parts = {int(row[0]) & 15: row[1] for row in rows if isinstance(row[0], int) and isinstance(row[1], bytes)}
    hot = Fold.decode_hot(parts[HOT])
    person = msgspec.msgpack.decode(parts[PERSON], type=Person)
    assert hot.facts == {name: fact[2] for name, fact in person.facts.items() if fact[2] is not None}
    return list(parts.values()), dict(hot.facts), sorted(hot.segments)


@settings(max_examples=40, deadline=None)
@given(st.lists(wishes, min_size=1, max_size=4), st.lists(seen(), max_size=3), st.integers(1, 3))
def test_no_wish_keeps_it_and_no_decision_reads_it(
    said: list[dict[str, Any]], told: list[dict[str, Any]], batch: int
) -> None:
    records = [call(at, "Preference Declared", {"preferences": one}) for at, one in enumerate(said)]
    records += [call(100 + at, VIEW, one) for at, one in enumerate(told)]
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(TICK, "clock", "", START, b""), *records])
    Updater(SHOP, log, state, records=batch).run()
    rows, facts, _ = stored(state)
    assert not [needle for needle in NEEDLES for row in rows if needle in row]
    latest = next((one["topics"] for one in reversed(said) if "topics" in one), None)
    assert facts.get("pref.topics", []) == sorted({one for one in latest or [] if one in HARMLESS})
    # A call that brings its events along is answered from the same fold.
    engine = Engine(SHOP)
    riding = event(VIEW, 0.5, {"topic": "Halal", "tags": ["Halal"]}, "riding")
    wish = event("Preference Declared", 0.5, {"preferences": {"topics": ["keto", "Tea"]}}, "wish")
    who = asking(engine, verified=True, user_id="ana")
    found = Customers(engine, state).read(
        who, [riding, wish], now=START + DAY_MS, day=FIRST_DAY + 1, purchases=False, reach=False
    )
    assert found.hot.facts["pref.topics"] == ["Tea"]
    assert not [needle for needle in NEEDLES if needle in Fold.encode(found.hot)]


PLAIN_NAMES = ("city", "size", "loyaltyTier", "pref_store")
SENSITIVE_NAMES = (
    "religion",
    "Konfession",
    "healthScore",
    "is_pregnant",
    "keto",
    "glaube",
    "juedisch",
    "blutgruppe",
    "gewerkschaftsMitglied",
)
told_facts = st.dictionaries(st.sampled_from((*PLAIN_NAMES, *SENSITIVE_NAMES)), st.sampled_from(["x", 7, True]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), told_facts), min_size=1, max_size=4), st.integers(1, 3))
def test_no_fact_is_kept_whose_name_tells_of_it(said: list[tuple[bool, dict[str, Any]]], batch: int) -> None:
    """A shop system that sends `religion` with every customer, or staff who put it right, fill no record with it."""
    records = []
    for at, (corrects, facts) in enumerate(said):
        who = {"userId": "ana", "messageId": f"m{at}"}
        tells = {"event": "Fact Corrected", "type": "track", "properties": {"facts": facts}}
        body = json.dumps(who | (tells if corrects else {"type": "identify", "traits": facts})).encode()
        records.append(NewRecord(EVENTS, "till", "track" if corrects else "identify", START + at, body))
    log, state = MemoryLog(), SqliteState(":memory:")
    log.append([NewRecord(TICK, "clock", "", START, b""), *records])
    Updater(SHOP, log, state, records=batch).run()
    rows, kept, _ = stored(state)
    assert not [name for name in SENSITIVE_NAMES for row in rows if name.encode() in row]
    wanted: dict[str, Any] = {}
    for _, facts in said:
        wanted |= facts
    assert kept == {name: value for name, value in wanted.items() if name in PLAIN_NAMES}


def test_what_was_asked_not_to_be_shown_again_stays_so_whatever_it_is() -> None:
    """Leaving something out at somebody's word infers nothing; without the word it would be shown again."""
    log, state = MemoryLog(), SqliteState(":memory:")
    refusal = {"not_again": ["category:Baby > Schwangerschaft"]}
    log.append([NewRecord(TICK, "clock", "", START, b""), call(1, "Preference Declared", {"preferences": refusal})])
    Updater(SHOP, log, state).run()
    assert stored(state)[1] == {"pref.not_again": ["category:Baby > Schwangerschaft"]}


def test_who_declared_topics_before_conditions_asked_for_them_is_a_member_after_the_upgrade() -> None:
    """Older versions stored wishes and moved nobody: records are built anew, and memberships with them."""
    before = msgspec.structs.replace(SHOP, segments=(), record_version="before")
    log, state = MemoryLog(), SqliteState(":memory:")
    wish = {"preferences": {"topics": ["Tea"]}}
    log.append([NewRecord(TICK, "clock", "", START, b""), call(1, "Preference Declared", wish)])
    Updater(before, log, state).run()
    assert stored(state)[1:] == ({"pref.topics": ["Tea"]}, [])
    with patch.multiple(replay, KEEP_SECONDS=0.0):
        Updater(SHOP, log, state).run()
    assert stored(state)[1:] == ({"pref.topics": ["Tea"]}, ["tea"])


@settings(max_examples=15, deadline=None)
@given(st.lists(seen(), min_size=1, max_size=4))
def test_a_word_that_the_shop_adds_takes_what_is_known_out_of_every_record(told: list[dict[str, Any]]) -> None:
    """As an edition with more words does: records are built anew, beside those that serve."""
    before = msgspec.structs.replace(SHOP, sensitive=Sensitive(), record_version="before")
    log, state = MemoryLog(), SqliteState(":memory:")
    wish = {"preferences": {"topics": ["Tea", "keto"], "sizes": ["keto"]}}
    records = [call(at, VIEW, {**one, "tags": [*one["tags"], "keto"]}) for at, one in enumerate(told)]
    log.append([NewRecord(TICK, "clock", "", START, b""), call(50, "Preference Declared", wish), *records])
    Updater(before, log, state).run()
    rows, facts, segments = stored(state)
    assert any(b"keto" in row for row in rows)
    assert (facts["pref.topics"], segments[:1]) == (["Tea", "keto"], ["keto"])
    with patch.multiple(replay, KEEP_SECONDS=0.0):
        Updater(SHOP, log, state).run()
    rows, facts, segments = stored(state)
    assert not [row for row in rows if b"keto" in row]
    assert (facts, segments) == ({"pref.topics": ["Tea"]}, ["tea"])
    assert not state.select(LINK)


LETTERS = st.text("aeghiklmnorstuäüß_->/ .TEH1", max_size=14)
LISTED = st.sampled_from(
    [*HARMLESS, *SENSITIVE, "hiv", "HIV", "mental health", "mentalHealth", "Gay", "Gayle", "keto x"]
)


@given(LETTERS, LISTED, LETTERS, st.sampled_from([(), ("ke*", "ab"), ("keto x", "geschenk*")]))
def test_the_quick_look_finds_what_the_search_finds(before: str, listed: str, after: str, own: tuple[str, ...]) -> None:
    detector = Detector(Sensitive(words=own, categories=("Tea > Herbal", "p")))
    for text in (before + listed + after, f"{before} {listed}", before, after):
        assert detector.unwanted(text) == bool(detector.category(text)), text


def test_the_same_words_are_found_however_often_they_come() -> None:
    detector = Detector(WORDS)
    for _ in range(2):
        assert [text for text in HARMLESS + SENSITIVE if detector.unwanted(text)] == list(SENSITIVE)
    for at in range(21_000):
        assert not detector.unwanted(f"p-{at}")
    assert detector.unwanted("keto")
