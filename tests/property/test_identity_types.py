"""Laws of identifier types: limits, hashed forms, references and shared devices hold in any order of arrival."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.core.event import Event
from regulars.core.identifier import hashed, is_person, is_reference
from regulars.core.identity_types import BUILT_IN_TYPES, Identity
from regulars.profile import identity as identity_module
from regulars.profile.identity import CONFLICT, LIMIT, resolve
from regulars.profile.links import SLOT_MS, Link, is_burned, links_of
from tests.property.test_identity import Shop, all_links, arrive, check, make_event, seen

TYPES = tuple(msgspec.structs.replace(one, limit=2) if one.id == "email" else one for one in BUILT_IN_TYPES)
IDENTITY = Identity(types=TYPES, shared_sources=("kiosk",), shared_devices=("anonymous_id:till",))
MAILS = [f"email:{name}@x.org" for name in "abc"]
HASHES = [hashed(mail, "email_sha256") for mail in MAILS]
USERS = ["user_id:1", "user_id:2"]
ORDERS = ["order_id:A", "order_id:B"]
DEVICES = ["anonymous_id:x", "anonymous_id:y", "anonymous_id:till"]
EVERYTHING = [*MAILS, *HASHES, *USERS, *ORDERS, *DEVICES, "loyalty_card:7"]


def at_the_door(keys: Sequence[str]) -> tuple[str, ...]:
    """As collecting gives them: an address comes with its hashed form."""
    return tuple(dict.fromkeys([*keys, *(hashed(key, "email_sha256") for key in keys if key.startswith("email:"))]))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    keys = st.lists(st.sampled_from(EVERYTHING), min_size=1, max_size=4, unique=True)
    source = st.sampled_from(["shop", "shop", "shop", "kiosk"])
    drawn = draw(st.lists(st.tuples(st.integers(0, 24), keys, source), min_size=1, max_size=14))
    return [make_event(n, t * (SLOT_MS // 3), at_the_door(k), where) for n, (t, k, where) in enumerate(drawn)]


@given(
    histories(), st.integers(0, 1000), st.sampled_from([IDENTITY, msgspec.structs.replace(IDENTITY, max_component=4)])
)
@settings(max_examples=250, deadline=None)
def test_any_order_and_any_batches_give_the_same_persons(events: list[Event], seed: int, identity: Identity) -> None:
    shop = Shop(identity)
    arrive(shop, events, seed)
    check(shop, events, all_links(events, identity), ledger=False)


@given(histories(), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_an_order_that_everybody_names_joins_nobody_in_any_order(events: list[Event], seed: int) -> None:
    with pytest.MonkeyPatch().context() as limits:
        limits.setattr(identity_module, "MAX_NAMERS", 1)
        shop = Shop(IDENTITY)
        arrive(shop, events, seed)
        check(shop, events, all_links(events, IDENTITY), ledger=False)


@given(histories(), st.randoms())
@settings(max_examples=100, deadline=None)
def test_a_person_keeps_within_every_limit(events: list[Event], chance: random.Random) -> None:
    links = all_links(events, IDENTITY)
    truth = resolve(links, seen(events), IDENTITY)
    chance.shuffle(links)
    assert resolve(links, seen(events), IDENTITY) == truth
    for person in truth.persons:
        digests = {hashed(key, "email_sha256") for key in person.keys if key.startswith("email:")}
        digests |= {key for key in person.keys if key.startswith("email_sha256:")}
        assert len(digests) <= 2
        assert sum(key.startswith("user_id:") for key in person.keys) <= 1
        assert not any(held.device == "anonymous_id:till" for held in person.devices) or not person.keys
    assert {reason for _, reason in truth.refused} <= {CONFLICT, LIMIT, "shared_device"}


@given(histories())
@settings(max_examples=100, deadline=None)
def test_an_address_and_its_hash_are_one_person(events: list[Event]) -> None:
    truth = resolve(all_links(events, IDENTITY), seen(events), IDENTITY)
    for mail, digest in zip(MAILS, HASHES, strict=True):
        if mail in truth.numbers:
            assert truth.numbers[mail] == truth.numbers[digest]


@given(histories())
@settings(max_examples=100, deadline=None)
def test_a_device_named_where_devices_are_shared_belongs_to_nobody(events: list[Event]) -> None:
    truth = resolve(all_links(events, IDENTITY), seen(events), IDENTITY)
    for event in events:
        for device in (key for key in event.identifiers if key in DEVICES):
            if event.source == "kiosk" or device == "anonymous_id:till":
                assert truth.holdings.get(device) is None


def person_of(*events: Event) -> dict[str, int]:
    return resolve(all_links(events, IDENTITY), seen(events), IDENTITY).numbers


def test_a_guest_order_and_a_later_call_are_one_customer() -> None:
    guest = make_event(1, 10, at_the_door(["email:a@x.org", "order_id:A"]))
    hotline = make_event(2, 20, ["user_id:1", "order_id:A"])
    found = person_of(guest, hotline)
    assert found["email:a@x.org"] == found["user_id:1"] == found["order_id:A"]


def test_an_order_stays_with_the_account_that_named_it_first() -> None:
    found = person_of(make_event(1, 10, ["user_id:1", "order_id:A"]), make_event(2, 20, ["user_id:2", "order_id:A"]))
    assert found["order_id:A"] == found["user_id:1"] != found["user_id:2"]


def test_orders_take_no_room_and_no_row_grows_by_them() -> None:
    events = [make_event(n, n, ["user_id:1", f"order_id:{n}"]) for n in range(1, 301)]
    shop = Shop(IDENTITY)
    arrive(shop, events, seed=1)
    assert {row[1] for row in shop.rows.values()} == {shop.rows["user_id:1"][1]}
    assert not is_burned(shop.rows["user_id:1"][3])
    assert len(shop.rows["user_id:1"][3]) < 100


def test_what_is_of_lower_priority_in_one_message_is_dropped_first() -> None:
    first = make_event(1, 10, at_the_door(["loyalty_card:7", "email:a@x.org", "email:b@x.org"]))
    both = make_event(2, 20, at_the_door(["user_id:1", "loyalty_card:7", "email:c@x.org"]))
    found = person_of(first, both)
    assert found["user_id:1"] == found["loyalty_card:7"] != found["email:c@x.org"]


def test_a_login_of_somebody_else_on_the_same_browser_moves_only_the_session() -> None:
    day = 86_400_000
    events = [
        make_event(1, day, ["user_id:1", "anonymous_id:x"]),
        make_event(2, 2 * day, ["user_id:2", "anonymous_id:x"]),
        make_event(3, 3 * day, ["user_id:1", "anonymous_id:x"]),
    ]
    truth = resolve(all_links(events, IDENTITY), seen(events), IDENTITY)
    one, two = truth.numbers["user_id:1"], truth.numbers["user_id:2"]
    assert one != two
    owners = [truth.profile("anonymous_id:x", time) for time in (0, day + 5, 2 * day, 2 * day + 5, 3 * day, 9 * day)]
    assert owners == [one, one, two, two, one, one]


def test_a_household_joins_nobody() -> None:
    found = person_of(make_event(1, 10, ["user_id:1", "household:H"]), make_event(2, 20, ["user_id:2", "household:H"]))
    assert found["user_id:1"] != found["user_id:2"]
    assert "household:H" not in found


def test_a_link_of_a_shared_source_is_a_mark() -> None:
    event = make_event(1, 10, ["user_id:1", "anonymous_id:x"], "kiosk")
    assert links_of(event, IDENTITY) == [
        Link("anonymous_id:x", "anonymous_id:x", 10, "m001", "Page Viewed", 0, "shared", source="kiosk")
    ]
    assert is_person("order_id:A", IDENTITY)
    assert is_reference("order_id:A", IDENTITY)
