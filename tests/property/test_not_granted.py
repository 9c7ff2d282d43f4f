"""No way leads from what was not granted to a stored trait, a decision that used it, or a message.

What is granted is read aloud here from what came, apart from the rules of the product. Where a purpose is not granted,
every place that could hold or use something of it is looked at: the parts of the record, real decisions, the last gate.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from regulars.core import state as tables
from regulars.core.definitions import Definitions, Offer, Placement
from regulars.core.event import CONSENT, Event
from regulars.core.record import FIRST_GROUP, HOT, Hot, part_id
from regulars.decide.call import Call
from regulars.decide.sending import Sending
from regulars.flow import generation
from regulars.flow.customer import Customers
from regulars.flow.engine import Engine
from regulars.flow.models import Serving
from regulars.flow.on_decide import OnDecide
from regulars.profile.assignment import IdRow, profile_of
from tests.property import test_policy as policy
from tests.property.lakes import Keeping
from tests.property.test_flow import DAY, START
from tests.property.test_sending import may_send

TRAITS = policy.ENGINE.definitions.traits
PURPOSES = {one.id: msgspec.structs.replace(one, channel="email") for one in policy.ENGINE.definitions.purposes}
#: An offer for each purpose, and one that rests on each trait, each at a place of its own, so that none hides another.
OFFERS = (
    *(Offer(id=f"for {one}", placements=(f"for {one}",), purpose=one, value=1) for one in PURPOSES),
    *(
        Offer(id=one.name, placements=(one.name,), purpose="contract", value=1, when=f"{one.name} >= 1")
        for one in TRAITS
    ),
)
DEFINITIONS: Definitions = msgspec.structs.replace(
    policy.ENGINE.definitions,
    offers=OFFERS,
    placements=tuple(Placement(id=one.id, exploration=0) for one in OFFERS),
    version="v1",
    record_version="r1",
)
ENGINE = Engine(DEFINITIONS)
TILL = DEFINITIONS.sources[0]
NEEDS = {"Product Viewed": "analytics", "Wished": "personalisation"}


class Said(NamedTuple):
    """What was said about one purpose by the identifiers of one person."""

    voices: dict[str, list[tuple[int, bool]]]

    def granted(self, purpose: str, now: int) -> bool:
        """Somebody said yes, not too long ago, and nobody's last word is no; of one instant the no is the last."""
        if PURPOSES[purpose].double_opt_in:
            return False  # nobody confirms anything here
        if any(not max(voice, key=lambda one: (one[0], not one[1]))[1] for voice in self.voices.values()):
            return False
        days = PURPOSES[purpose].expires_days
        yes = [time for voice in self.voices.values() for time, granted in voice if granted]
        return any(days is None or now < time + (days + 1) * DAY for time in yes)  # a grant lapses as a day begins

    def earliest(self) -> int:
        """Before it nothing can count: the last no of anybody, and the first yes."""
        no = [time + 1 for voice in self.voices.values() for time, granted in voice if not granted]
        return max([*no, min(time for voice in self.voices.values() for time, granted in voice if granted)])


def statements(shop: Keeping) -> dict[tuple[int | None, str], Said]:
    """By profile and purpose. A device speaks for whoever held it then."""
    rows = cast(dict[str, IdRow], {str(row[0]): row for row in shop.state.select(tables.IDENTIFIER)})
    found: dict[tuple[int | None, str], Said] = {}
    for event in policy.happened(shop):
        own = event.properties.get("purposes", {}) if event.name == CONSENT else {}
        rides = event.context.get("consent", {}).get("categoryPreferences", {})
        for purpose, granted in (*own.items(), *rides.items()):
            if event.source in policy.PARTNER and purpose != policy.PARTNER[event.source]:
                continue
            said = found.setdefault((profile_of(event.subject, event.time, rows), purpose), Said({}))
            said.voices.setdefault(event.subject, []).append((event.time, granted))
    return found


def not_granted(number: int, said: dict[tuple[int | None, str], Said], now: int) -> set[str]:
    yes = {p for p in PURPOSES if (number, p) in said and said[number, p].granted(p, now)}
    if "partners" not in yes:
        yes -= set(policy.PARTNER.values())
    return PURPOSES.keys() - yes


def counts(
    event: Event, trait: str, purpose: str, number: int, said: dict[tuple[int | None, str], Said], refused: set[str]
) -> bool:
    """Whether an event may count for a trait at all: what lets it in and what the trait is for are both allowed."""
    names = next(one.events for one in TRAITS if one.name == trait)
    admitting = policy.PARTNER.get(event.source) or NEEDS.get(event.name, "contract")
    needs = {purpose, admitting} - {"contract"}
    if event.source == "regent" and needs:
        needs |= {"regent"}
    return (
        event.name in names and not needs & refused and all(event.time >= said[number, one].earliest() for one in needs)
    )


def stored(shop: Keeping, number: int) -> Iterator[tuple[str, str, Any, Any]]:
    """(trait, purpose, value in the hot record, what its part holds)."""
    keys = [part_id(number, part) for part in range(16)]
    parts = {key & 15: data for key, data in shop.state.parts(keys).items()}
    hot = msgspec.msgpack.decode(parts[HOT], type=Hot)
    for at, members in enumerate(ENGINE.fold.groups):
        part = ENGINE.fold.decode_part(parts[FIRST_GROUP + at]) if FIRST_GROUP + at in parts else None
        for place, slot in enumerate(members):
            yield TRAITS[slot].name, TRAITS[slot].purpose, hot.values[slot], part[place] if part else None


def offered(shop: Keeping, folder: Path, now: int, **call: Any) -> set[str]:
    """What a decision shows, at all places at once."""
    serving = generation.Serving(shop.state, DEFINITIONS)
    deciding = OnDecide(serving, shop.state, Serving(folder), monotonic=lambda: 10**6)
    outcome = deciding.decide(Call(placements=[one.id for one in OFFERS], **call), TILL, now=now)
    chosen = [slot.chosen.offer for slot in outcome.answer.decided.slots]
    return {deciding.table.offers[at].id for at in chosen if at >= 0}


def allowed_offers(refused: set[str]) -> set[str]:
    """The offers for which nothing of these purposes is needed."""
    purpose_of = {trait.name: trait.purpose for trait in TRAITS}
    return {one.id for one in OFFERS if purpose_of.get(one.id, one.id.removeprefix("for ")) not in refused}


@policy.quick
@given(policy.steps(), st.sampled_from([0, 0, 1, 8, 10, 30]), st.sampled_from([0, 0, 1, 10]))
def test_what_was_not_granted_is_in_no_trait_no_decision_and_no_message(
    done: list[dict[str, Any]], nights: int, later: int
) -> None:
    """`nights` that the clock told, and days `later` of which it has told nothing yet."""
    shop = policy.played(done, nights=nights, engine=ENGINE)
    folded = START + (14 + nights) * DAY
    now = folded + later * DAY
    said = statements(shop)
    with TemporaryDirectory() as folder:
        for number, (hot, _, events) in policy.of_profiles(shop).items():
            refused = not_granted(number, said, folded)
            assert not refused & hot.consent.keys()
            for trait, purpose, value, held in stored(shop, number):
                assert purpose not in refused or not (value or held), trait
                counted = [one for one in events if counts(one, trait, purpose, number, said, refused)]
                assert (value or 0) <= len(counted), trait
            refused = not_granted(number, said, now)
            for purpose in refused:
                assert (
                    may_send(purpose, "email", hot_of(shop, number, now).consent, PURPOSES, now) is Sending.NO_CONSENT
                )
            if not hot.anchor.startswith("user_id:"):
                continue
            user = hot.anchor.partition(":")[2]
            assert offered(shop, Path(folder), now, user_id=user) <= allowed_offers(refused)


@policy.quick
@given(policy.steps(), st.sampled_from(sorted(PURPOSES)), st.booleans())
def test_a_no_that_rides_along_with_a_decision_holds_for_it_and_for_all_that_follow(
    done: list[dict[str, Any]],
    purpose: str,
    signal: bool,  # noqa: FBT001
) -> None:
    shop = policy.played(done, engine=ENGINE)
    now = START + 14 * DAY + 60_000
    refused = {purpose} | (set(policy.PARTNER.values()) if purpose == "partners" else set())
    if signal:
        no: dict[str, Any] = {"event": "Wished", "context": {"consent": {"categoryPreferences": {purpose: False}}}}
    else:
        no = {"event": CONSENT, "properties": {"purposes": {purpose: False}}}
    yes = {
        "event": CONSENT,
        "properties": {"purposes": dict.fromkeys(PURPOSES, True)},
        "timestamp": "2023-11-14T23:00:00Z",
    }
    with TemporaryDirectory() as folder:
        for user in ("ana", "ben"):
            assert offered(shop, Path(folder), now, user_id=user, events=[no]) <= allowed_offers(refused)
            # A yes of before, told along with it, changes nothing of it.
            assert offered(shop, Path(folder), now, user_id=user, events=[no, yes]) <= allowed_offers(refused)


def hot_of(shop: Keeping, number: int, now: int) -> Hot:
    """The record as whoever sends reads it."""
    hot = msgspec.msgpack.decode(shop.state.parts([part_id(number, HOT)])[part_id(number, HOT)], type=Hot)
    day = ENGINE.calendar.day(now)
    return Customers(ENGINE, shop.state).of(
        number, usable_record=True, key=hot.anchor, events=(), now=now, day=day
    ).hot  # fmt: skip
