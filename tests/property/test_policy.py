"""What a source allows at most, and what a partner tells: no history leads around it, with merges, parting and time."""

import json
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.core import state as tables
from regulars.core.definitions import Definitions, EventType, Placement, Purpose, Segment, Shop, Source, Trait
from regulars.core.event import CONSENT, IDENTIFY, Event
from regulars.core.log import COMMAND, EVENTS, NewRecord
from regulars.core.record import HOT, PERSON, PURCHASES, Hot, Person, part_id
from regulars.core.traces import patterns
from regulars.decide.sending import Sending
from regulars.flow.counts import CAME, SOURCE_REFUSED, by_source
from regulars.flow.customer import Customers
from regulars.flow.engine import Engine
from regulars.profile.assignment import IdRow, profile_of
from regulars.profile.purchases import triples
from tests.property.lakes import Keeping
from tests.property.test_consent_flow import tick
from tests.property.test_flow import DAY, START
from tests.property.test_sending import may_send

VIEWED, ORDERED = ("Product Viewed",), ("Order Completed",)
ASKED = ("analytics", "personalisation", "partners", "partners:acme", "partners:beta", "regent", "news")
PARTNER = {"acme": "partners:acme", "beta": "partners:beta"}
ENGINE = Engine(
    Definitions(
        shop=Shop(name="Corner"),
        sources=(
            Source(id="till", kind="server"),
            Source(id="kiosk", kind="server", consent="required"),
            Source(id="crm", kind="server", purposes=("analytics",)),
            Source(id="regent", kind="server", brand="Regent", own_purpose="regent"),
            Source(id="acme", kind="server", partner="acme"),
            Source(id="beta", kind="server", partner="beta"),
        ),
        events=(
            EventType(name="Product Viewed"),
            EventType(name="Order Completed", purpose="contract"),
            EventType(name="Wished", purpose="personalisation"),
        ),
        purposes=(
            Purpose(id="analytics", channel="email"), Purpose(id="personalisation", expires_days=9),
            Purpose(id="partners", expires_days=20),
            Purpose(id="partners:acme", partner="acme"), Purpose(id="partners:beta", partner="beta"),
            Purpose(id="regent", expires_days=12), Purpose(id="news", double_opt_in=True),
        ),
        traits=(
            Trait(name="views", kind="count", events=VIEWED, purpose="analytics"),
            Trait(name="seen", kind="count", events=VIEWED, purpose="personalisation"),
            Trait(name="any_views", kind="count", events=VIEWED),
            Trait(name="wishes", kind="count", events=("Wished",), purpose="personalisation"),
            Trait(name="orders", kind="count", events=ORDERED),
            Trait(name="tastes", kind="count", events=ORDERED, purpose="personalisation"),
            Trait(name="of_acme", kind="count", events=VIEWED, purpose="partners:acme"),
            Trait(name="of_regent", kind="count", events=VIEWED, purpose="regent"),
            Trait(name="for_news", kind="count", events=VIEWED, purpose="news"),
            Trait(name="of_beta", kind="count", events=VIEWED, purpose="partners:beta"),
        ),
        segments=(Segment(id="acmes", when="of_acme >= 1", purpose="partners:acme"),),
        placements=(Placement(id="p", recommend="blend", purpose="personalisation"),),
    )
)  # fmt: skip
TRAITS = ENGINE.definitions.traits
quick = settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
users = st.sampled_from(["ana", "ben"])
Step = dict[str, Any]


@st.composite
def steps(draw: st.DrawFn, most: int = 16) -> list[Step]:
    """What customers and staff do: calls of all sources, statements, wrong links and their end, and nights."""
    found: list[Step] = []
    for number in range(draw(st.integers(1, most))):
        hour = draw(st.integers(0, 14 * 24))
        stamp = datetime.fromtimestamp(START / 1000 + hour * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        call: Step = {"messageId": f"m{number}", "timestamp": stamp, "type": "track"}
        kind = draw(
            st.sampled_from(["view", "view", "order", "wish", "facts", "say", "say", "say", "link", "part", "lake"])
        )
        source = draw(st.sampled_from(["till", "till", "kiosk", "crm", "regent", "acme", "beta"]))
        call["userId"] = draw(users)
        if draw(st.booleans()):
            call["anonymousId"] = draw(st.sampled_from(["d1", "d2"]))
            if draw(st.booleans()) and kind != "order":
                del call["userId"]
        if kind in ("part", "lake"):
            found.append({"step": kind, "user": draw(users)})
            continue
        if kind == "view":
            call |= {"event": "Product Viewed", "properties": {"product_id": "p"}}
        elif kind == "wish":
            call |= {"event": "Wished", "properties": {}}
        elif kind == "order":
            properties = {"order_id": f"{call['userId']}-{draw(st.sampled_from('AB'))}", "total": 3, "currency": "EUR"}
            call |= {"event": "Order Completed", "properties": {**properties, "products": [{"product_id": "p"}]}}
        elif kind == "facts":
            call |= {"type": "identify", "traits": {"city": source}}
        elif kind == "link":
            # A wrong address joins two people until it is taken back.
            call |= {"type": "identify", "userId": draw(users), "traits": {"email": "both@example.org"}}
        else:
            said = draw(st.dictionaries(st.sampled_from(ASKED), st.booleans(), min_size=1))
            call |= {"event": CONSENT, "properties": {"purposes": said}}
        if draw(st.integers(0, 3)) == 0:
            said = draw(st.dictionaries(st.sampled_from(ASKED), st.booleans(), min_size=1))
            call["context"] = {"consent": {"categoryPreferences": said}}
        found.append({"step": source, "call": call})
    return found


def played(done: list[Step], *, nights: int = 0, engine: Engine = ENGINE) -> Keeping:
    """A shop after these steps, and after so many nights."""
    shop = Keeping(engine)
    now = START + 14 * DAY
    shop.log.append([tick(now)])
    for one in done:
        if one["step"] == "lake":
            shop.keep()
        elif one["step"] == "part":
            args = {"a": f"user_id:{one['user']}", "b": "email:both@example.org", "reason": "another person"}
            body = json.dumps({"name": "unlink", "args": args, "by": "eva"}).encode()
            shop.log.append([NewRecord(COMMAND, "eva", "unlink", now, body)])
        else:
            batch = json.dumps({"batch": [one["call"]]}).encode()
            shop.log.append([NewRecord(EVENTS, one["step"], "batch", now, batch)])
        shop.updater.run()
    if nights:
        shop.log.append([tick(now + nights * DAY)])
        shop.updater.run()
    shop.keep()
    return shop


def happened(shop: Keeping) -> list[Event]:
    """Every event that came, each once."""
    decoded = (one for record in shop.log.read(0, records=1_000) for one in ENGINE.plain_decoder.decode(record))
    found: dict[tuple[str, str], Event] = {}
    for event in decoded:
        if isinstance(event, Event):
            found.setdefault((event.source, event.message_id), event)
    return list(found.values())


def of_profiles(shop: Keeping) -> dict[int, tuple[Hot, Person, list[Event]]]:
    rows = cast(dict[str, IdRow], {str(row[0]): row for row in shop.state.select(tables.IDENTIFIER)})
    events: dict[int, list[Event]] = {}
    for event in happened(shop):
        number = profile_of(event.subject, event.time, rows) if event.subject in rows else None
        if number is not None:
            events.setdefault(number, []).append(event)
    found = {}
    for number in {row[1] for row in rows.values()}:
        parts = shop.state.parts([part_id(number, HOT), part_id(number, PERSON)])
        if part_id(number, HOT) in parts:
            hot = msgspec.msgpack.decode(parts[part_id(number, HOT)], type=Hot)
            person = msgspec.msgpack.decode(parts[part_id(number, PERSON)], type=Person)
            found[number] = hot, person, events.get(number, [])
    return found


def yes_of(event: Event) -> set[str]:
    """The purposes to which an event itself says yes and not no, whoever sent it."""
    said = [event.properties.get("purposes", {})] if event.name == CONSENT else []
    said.append(event.context.get("consent", {}).get("categoryPreferences", {}))
    return {p for one in said for p, yes in one.items() if yes} - {
        p for one in said for p, yes in one.items() if not yes
    }


def may(event: Event, purpose: str, hot: Hot) -> bool:
    """Whether an event may be used for a purpose: told apart from how the product does it."""
    if event.source in PARTNER:
        if purpose != PARTNER[event.source] or event.name in ORDERED:
            return False
    elif purpose in PARTNER.values():
        return False
    if purpose == "contract":
        return True
    if event.source == "regent" and not agreed_to_brand(event, hot):
        return False
    if event.source == "crm" and purpose != "analytics":
        return False
    if event.source == "kiosk" and purpose not in yes_of(event):
        return False
    return purpose in hot.consent and event.time >= hot.consent[purpose]


def agreed_to_brand(event: Event, hot: Hot) -> bool:
    return "regent" in hot.consent and event.time >= hot.consent["regent"]


def admitted(event: Event, hot: Hot) -> bool:
    """Whether it may be kept at all."""
    if event.source in PARTNER:
        return may(event, PARTNER[event.source], hot)
    if event.source == "regent" and event.name == IDENTIFY and not agreed_to_brand(event, hot):
        return False
    needs = {"Product Viewed": "analytics", "Wished": "personalisation"}.get(event.name, "contract")
    return may(event, needs, hot)


@quick
@given(steps(), st.sampled_from([0, 0, 1, 8, 30]))
def test_nothing_is_stored_that_source_and_customer_did_not_allow(done: list[Step], nights: int) -> None:
    shop = played(done, nights=nights)
    for hot, person, events in of_profiles(shop).values():
        for slot, trait in enumerate(TRAITS):
            fitting = [e for e in events if e.name in trait.events and admitted(e, hot) and may(e, trait.purpose, hot)]
            most = len({e.properties["order_id"] for e in fitting}) if trait.events == ORDERED else len(fitting)
            assert (hot.values[slot] or 0) <= most, trait.name
            if trait.purpose != "contract" and trait.purpose not in hot.consent:
                assert not hot.values[slot], trait.name
        assert "acmes" not in hot.segments or "partners:acme" in hot.consent
        for name, fact in person.facts.items():
            told = [e for e in events if e.message_id == fact[1] and e.name == IDENTIFY and name in e.traits]
            assert any(admitted(event, hot) for event in told), name
            if name == "city" and any(event.source in PARTNER for event in told):
                assert fact[3] == f"partners:{fact[2]}"
            if name == "city" and any(event.source == "regent" for event in told):
                assert fact[2:] == ["regent", "brand:Regent"]
    everybody = of_profiles(shop)
    by_event = {(e.offset, e.index): hot for hot, _, events in everybody.values() for e in events}
    for place, event in shop.sealed.items():
        assert place in by_event
        assert admitted(event, by_event[place]), event


@quick
@given(
    steps(10),
    steps(10),
    st.sampled_from(["partners:acme", "partners", "analytics", "personalisation", "regent", "regent"]),
    st.booleans(),
)
def test_what_was_revoked_never_returns(first: list[Step], then: list[Step], purpose: str, merged: bool) -> None:  # noqa: FBT001
    """Neither by later grants and statements of other identifiers, nor by joining, parting, or time."""
    no = {
        "type": "track", "event": CONSENT, "messageId": "no", "timestamp": "2023-11-28T22:13:20.000Z",
        "properties": {"purposes": {purpose: False}},
    }  # fmt: skip
    ends = [{"step": "till", "call": no | {"userId": user, "messageId": f"no-{user}"}} for user in ("ana", "ben")]
    again = [
        one | ({"call": one["call"] | {"messageId": f"again-{at}"}} if "call" in one else {})
        for at, one in enumerate(then)
    ]
    shop = played([*first, *ends, *again] if merged else [*ends, *first, *again])
    theirs = {"partners": set(PARTNER.values())}.get(purpose, {purpose})
    for hot, person, _ in of_profiles(shop).values():
        if not {"user_id:ana", "user_id:ben"} & set(person.identifiers):
            continue
        for name in theirs:
            assert hot.consent.get(name, START + 15 * DAY) > START + 14 * DAY
        for slot, trait in enumerate(TRAITS):
            if trait.purpose in theirs:
                assert not hot.values[slot], trait.name
        if theirs & set(PARTNER.values()):
            assert not [fact for fact in person.facts.values() if len(fact) > 3 and fact[3] in theirs]
        if "regent" in theirs:
            assert not [fact for fact in person.facts.values() if len(fact) > 3 and fact[3] == "brand:Regent"]
    owned = [event for event in shop.sealed.values() if event.subject.startswith("user_id:")]
    if "regent" in theirs:
        assert {e.name for e in owned if e.source == "regent"} <= {CONSENT, "Order Completed"}
    assert not [e for e in owned if PARTNER.get(e.source, "") in theirs]
    if "analytics" in theirs:
        assert not [e for e in owned if e.name == "Product Viewed" and e.source not in PARTNER]


@quick
@given(steps(), st.sampled_from([0, 8, 30]))
def test_no_decision_uses_and_no_message_needs_what_was_not_granted(done: list[Step], nights: int) -> None:
    shop = played(done)
    now = START + (14 + nights) * DAY
    customers = Customers(ENGINE, shop.state)
    purposes = {one.id: one for one in ENGINE.definitions.purposes}
    for number, (stored, _, _) in of_profiles(shop).items():
        seen = customers.of(
            number, usable_record=True, key=stored.anchor, events=(), now=now, day=ENGINE.calendar.day(now)
        )
        for slot, trait in enumerate(TRAITS):
            if trait.purpose != "contract" and trait.purpose not in seen.hot.consent:
                assert not seen.hot.values[slot], trait.name
        assert "acmes" not in seen.hot.segments or "partners:acme" in seen.hot.consent
        if nights == 30:
            assert seen.hot.consent.keys() <= {"analytics"}
        if may_send("analytics", "email", seen.hot.consent, purposes, now) is Sending.ALLOWED:
            assert "analytics" in seen.hot.consent


@quick
@given(steps())
def test_a_revoked_partner_leaves_and_all_else_stays(done: list[Step]) -> None:
    """As if the partner had never told anything."""
    no = {
        "type": "track", "event": CONSENT, "messageId": "no", "timestamp": "2023-11-28T22:13:20.000Z",
        "properties": {"purposes": {"partners:acme": False}},
    }  # fmt: skip
    ends = [{"step": "till", "call": no | {"userId": user, "messageId": f"no-{user}"}} for user in ("ana", "ben")]
    ends += [{"step": "till", "call": no | {"anonymousId": name, "messageId": f"no-{name}"}} for name in ("d1", "d2")]
    silent = [one for one in done if not (one["step"] == "acme" and one["call"].get("event") != CONSENT)]
    with_it, without = played([*done, *ends]), played([*silent, *ends])

    def told(shop: Keeping) -> dict[tuple[str, ...], Any]:
        found = {}
        for hot, person, _ in of_profiles(shop).values():
            facts = {name: fact for name, fact in person.facts.items() if name == "city"}
            found[tuple(person.identifiers)] = hot.values, facts, hot.segments
        return found

    left, never = told(with_it), told(without)
    assert {keys: left[keys] for keys in never} == never
    places = [(e.source, e.message_id) for e in with_it.sealed.values()]
    assert not [place for place in places if place[0] == "acme"]
    assert sorted(places) == sorted((e.source, e.message_id) for e in without.sealed.values())


@quick
@given(steps())
def test_counts_hold_nothing_of_a_person(done: list[Step]) -> None:
    shop = played(done)
    rows = shop.state.select(tables.COUNTER)
    marks = patterns(["user_id:ana-very-long", "anonymous_id:d1", "email:both@example.org"])
    for row in rows:
        assert not [mark for mark in marks if mark in msgspec.msgpack.encode(row)]
        if row[0] in (CAME, SOURCE_REFUSED):
            assert str(row[2]).partition(":")[0] in ENGINE.source_ids
    came = [count for _, _, count, _ in by_source(shop.state, since=0, until=1 << 30)]
    assert sum(came) == len(happened(shop))


@quick
@given(st.lists(st.sampled_from(["Product Viewed", "Wished"]), min_size=1, max_size=6))
def test_events_without_consent_leave_nothing_but_counts(names: list[str]) -> None:
    calls = [
        {
            "type": "track", "event": name, "messageId": f"m{at}", "userId": "erika-mustermann",
            "anonymousId": "kiosk-device-1", "properties": {"email": "erika@example.org"},
            "timestamp": "2023-11-20T10:00:00.000Z",
        }
        for at, name in enumerate(names)
    ]  # fmt: skip
    shop = played([{"step": "kiosk", "call": call} for call in calls])
    marks = patterns(["user_id:erika-mustermann", "anonymous_id:kiosk-device-1", "email:erika@example.org"])
    for table in tables.TABLES:
        for row in shop.state.select(table):
            data = msgspec.msgpack.encode(row)
            assert not [kind for mark, kind in marks.items() if mark in data], (table.name, row)
    assert not shop.state.select(tables.IDENTIFIER)
    assert not shop.sealed
    (found,) = by_source(shop.state, since=0, until=1 << 30)
    assert found[1:] == ("kiosk", len(names), {"no_own_consent": len(names)})


def test_orders_of_a_limited_source_are_kept_and_not_learned_from() -> None:
    def order(number: int, source: str) -> Step:
        properties = {"order_id": f"o{number}", "total": 5, "currency": "EUR", "products": [{"product_id": "p"}]}
        return {
            "step": source,
            "call": {
                "type": "track", "event": "Order Completed", "messageId": f"o{number}", "userId": "ana",
                "timestamp": "2023-11-20T10:00:00.000Z", "properties": properties,
            },
        }  # fmt: skip

    yes = {
        "type": "track", "event": CONSENT, "messageId": "yes", "userId": "ana", "timestamp": "2023-11-19T10:00:00.000Z",
        "properties": {"purposes": {"personalisation": True}},
    }  # fmt: skip
    shop = played(
        [{"step": "till", "call": yes}, order(1, "till"), order(2, "kiosk"), order(3, "crm"), order(4, "acme")]
    )
    ((number, (hot, _, _)),) = of_profiles(shop).items()
    values = dict(zip((trait.name for trait in TRAITS), hot.values, strict=True))
    assert (values["orders"], values["tastes"]) == (3, 1)
    bought = msgspec.msgpack.decode(shop.state.parts([part_id(number, PURCHASES)])[part_id(number, PURCHASES)])
    assert [quantity for _, _, quantity in triples(bought)] == [1]
    assert {str(row[0]) for row in shop.state.select(tables.ORDER)} == {"o1", "o2", "o3"}


def test_a_consent_that_comes_late_admits_what_was_refused_within_the_horizon_and_nothing_older() -> None:
    def at(hour: int, name: str, number: str, **properties: Any) -> NewRecord:
        stamp = datetime.fromtimestamp((START + hour * 3_600_000) / 1000, UTC).isoformat()
        call = {"type": "track", "event": name, "messageId": number, "userId": "ana", "timestamp": stamp}
        return NewRecord(
            EVENTS, "till", "track", START + hour * 3_600_000, json.dumps(call | {"properties": properties}).encode()
        )

    def views(shop: Keeping) -> int:
        ((hot, _, _),) = of_profiles(shop).values()
        return hot.values[0] or 0

    for hours, wanted in ((20, 2), (23, 2), (26, 1), (70, 0)):
        shop = Keeping(ENGINE)
        shop.log.append([tick(START), at(1, "Product Viewed", "m1"), at(4, "Product Viewed", "m2")])
        shop.updater.run()
        shop.keep()
        late = json.dumps(
            {
                "type": "track", "event": CONSENT, "messageId": "yes", "userId": "ana",
                "timestamp": datetime.fromtimestamp(START / 1000, UTC).isoformat(),
                "properties": {"purposes": {"analytics": True}},
            }
        ).encode()  # fmt: skip
        now = START + hours * 3_600_000
        shop.log.append([tick(now), NewRecord(EVENTS, "till", "track", now, late)])
        shop.updater.run()
        assert views(shop) == wanted, hours
        shop.keep()
        kept = [event for event in shop.sealed.values() if event.name == "Product Viewed"]
        assert len(kept) == wanted
