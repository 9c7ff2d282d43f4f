"""What conditions ask of the moment: sound tracking and the programme, as decided, recorded and replayed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from regulars.core.condition import InvalidCondition, compile_condition
from regulars.core.condition.words import expected_in_words
from regulars.core.definitions import Definitions, Goal, Offer, Placement, Segment, Shop, Source
from regulars.core.errors import Misconfigured
from regulars.core.event import ORDER_EVENTS
from regulars.core.log import EVENTS, NewRecord
from regulars.core.record import Hot
from regulars.core.schema import Rows
from regulars.decide.call import Call
from regulars.decide.records import unpack
from regulars.decide.replay import replay
from regulars.flow import generation
from regulars.flow.answers import Teller
from regulars.flow.models import Serving
from regulars.flow.moments import LOOK_MS
from regulars.flow.on_decide import OnDecide, Outcome
from regulars.understand.segments import SegmentSet
from tests.unit.flow.test_on_decide import Running

TILL = Source(id="till", kind="server")
NOW = 1_778_000_000_000
OFFERS = (
    Offer(id="counted", placements=("hero",), purpose="contract", value=9, when="tracking_sound('orders')"),
    Offer(id="coffee", placements=("air",), purpose="contract", value=9,
          when="context.on_air = 'Coffee Hour' and context.station = 'Corner TV'"),
    Offer(id="trains", placements=("air",), purpose="contract", value=8, when="context.on_air = 'Trains'"),
)  # fmt: skip
DEFINITIONS = Definitions(
    shop=Shop(name="Corner"),
    sources=(TILL,),
    goals=(Goal(id="orders", event=ORDER_EVENTS[0]), Goal(id="visits", event="Product Viewed")),
    offers=OFFERS,
    placements=(Placement(id="hero", exploration=0), Placement(id="air", exploration=0)),
    version="v1",
)


class Moment:
    """A shop whose tracking is as it says."""

    def __init__(self, folder: Path, definitions: Definitions = DEFINITIONS) -> None:
        self.running = Running(folder, definitions)
        self.tracking: Mapping[str, bool | None] = {}
        self.looks = 0
        self.milliseconds = 0
        self.deciding = OnDecide(
            generation.Serving(self.running.state, definitions), self.running.state, Serving(folder),
            monotonic=lambda: self.milliseconds, sound=self.sound,
        )  # fmt: skip

    def sound(self) -> Mapping[str, bool | None]:
        self.looks += 1
        return self.tracking

    def later(self) -> None:
        self.milliseconds += LOOK_MS
        self.deciding.refresh()

    def ask(self, place: str, now: int = NOW, **context: Any) -> Outcome:
        """A decision, whose record comes out the same whatever the moment is when it is replayed."""
        call = Call(placements=[place], user_id="ana", context=context)
        outcome = self.deciding.decide(call, TILL, now=now, explain=True)
        record = unpack(outcome.records[-1].body)
        (again,) = replay(record, self.deciding.table)
        assert again.offer == self.offer(outcome)
        return outcome

    def offer(self, outcome: Outcome) -> str | None:
        at = outcome.answer.decided.slots[0].chosen.offer
        return OFFERS[at].id if at >= 0 else None


@pytest.fixture
def shop(tmp_path: Path) -> Moment:
    return Moment(tmp_path)


@pytest.mark.parametrize(("sound", "actual"), [(True, True), (False, False), (None, None)])
def test_an_offer_that_rests_on_tracking_goes_out_only_while_it_is_sound(
    shop: Moment, *, sound: bool | None, actual: bool | None
) -> None:
    shop.tracking = {"orders": sound, "visits": not sound}
    shop.later()
    outcome = shop.ask("hero")
    assert shop.offer(outcome) == ("counted" if sound else None)
    told = Teller(shop.deciding).tell(outcome.answer, "en", verified=True, explain=True).placements["hero"]
    if not sound:
        assert isinstance(told.suppressions, list)
        (one,) = told.suppressions
        assert (one.gate, one.detail) == ("eligibility", "tracking_sound('orders')")
        assert one.clauses["names"] == (("tracking_sound('orders')", actual),)


def test_before_anybody_looked_nothing_is_known(shop: Moment) -> None:
    shop.tracking = {"orders": True}
    assert shop.offer(shop.ask("hero")) is None


def test_tracking_is_asked_beside_and_not_by_each_decision(shop: Moment) -> None:
    shop.tracking = {"orders": True}
    shop.later()
    for _ in range(20):
        shop.ask("hero")
        shop.deciding.refresh()
    assert shop.looks == 1
    shop.later()
    assert shop.looks == 2


def test_a_record_keeps_what_was_seen_and_nothing_where_no_condition_asks(shop: Moment, tmp_path: Path) -> None:
    shop.tracking = {"orders": False, "visits": True}
    shop.later()
    hot = msgspec.msgpack.decode(unpack(shop.ask("hero").records[-1].body).hot, type=Hot)
    assert hot.moment is not None
    assert sorted(hot.moment) == ["context.on_air", "context.station", "context.tracking orders"]
    plain = msgspec.structs.replace(DEFINITIONS, offers=(msgspec.structs.replace(OFFERS[0], when=""),))
    quiet = Moment(tmp_path, plain)
    quiet.later()
    assert msgspec.msgpack.decode(unpack(quiet.ask("hero").records[-1].body).hot, type=Hot).moment is None
    assert quiet.looks == 0


def test_what_is_on_air_is_known_by_station(shop: Moment) -> None:
    day = "2026-05-05T"
    rows = [
        {"station": "Corner TV", "title": "Coffee Hour", "starts": f"{day}16:00:00Z", "ends": f"{day}17:00:00Z"},
        {"station": "Rail TV", "title": "Trains", "starts": f"{day}16:30:00Z", "ends": f"{day}18:00:00Z"},
    ]
    begins = 1_777_996_800_000  # 2026-05-05T16:00:00Z
    shop.running.log.append([NewRecord(EVENTS, "till", "touch:programme", begins, msgspec.json.encode(rows))])
    shop.running.updater.run()
    shop.ask("air", now=begins)
    shop.later()
    minute = 60_000

    def seen(minutes: int, **context: Any) -> str | None:
        return shop.offer(shop.ask("air", now=begins + minutes * minute, **context))

    assert seen(-1) is None
    assert seen(1) == "coffee"
    seen(25)
    shop.later()
    assert seen(40) == "trains"  # the newest of any station
    assert seen(40, station="corner tv") is None  # the title is there, but conditions compare texts as they are
    assert seen(40, station="Corner TV") == "coffee"
    assert seen(40, station="Nowhere FM") is None
    assert seen(40, station={"$ne": ""}) == "trains"  # no text says nothing
    assert seen(61, station="Corner TV") is None


def test_conditions_name_goals_that_there_are() -> None:
    schema = Rows(DEFINITIONS).schema
    condition = compile_condition("not tracking_sound('orders') or tracking_sound('visits') is null", schema)
    assert condition.normal_text() == "not tracking_sound('orders') or tracking_sound('visits') is null"
    explained = compile_condition("tracking_sound('orders')", schema).explain([None] * 30)
    assert [expected_in_words(explained, one) for one in ("en", "de")] == ["yes", "ja"]
    with pytest.raises(InvalidCondition, match=r"unknown goal 'order'.*did you mean 'orders'"):
        compile_condition("tracking_sound('order')", schema)
    for wrong in ("tracking_sound(1)", "tracking_sound('orders', 'visits')", "tracking_sound('orders') > 1"):
        with pytest.raises(InvalidCondition):
            compile_condition(wrong, schema)
    without = Rows(msgspec.structs.replace(DEFINITIONS, goals=())).schema
    compile_condition("tracking_sound('Order Completed')", without)


def test_a_segment_cannot_ask_about_the_moment() -> None:
    asking = msgspec.structs.replace(DEFINITIONS, segments=(Segment(id="now", when="tracking_sound('orders')"),))
    with pytest.raises(Misconfigured, match=r"tracking_sound\('orders'\) exists only while deciding"):
        SegmentSet(asking, Rows(asking))
