"""Machines from the door to traits, decisions and the lake."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.analyst.sealing import Harvest
from regulars.core import state as tables
from regulars.core.definitions import Definitions, EventType, Limit, Offer, Placement, Shop, Source, Trait
from regulars.core.event import Event
from regulars.core.log import DECISION, EVENTS, TICK, NewRecord
from regulars.core.machine import verdict_of
from regulars.core.record import profile_number
from regulars.decide.call import Call
from regulars.decide.records import unpack
from regulars.decide.replay import replay
from regulars.flow import generation
from regulars.flow.machines import with_hindsight
from regulars.flow.models import Serving
from regulars.flow.on_decide import OnDecide
from regulars.flow.updater import Updater

NOW = 19_700 * 86_400_000 + 12 * 3_600_000
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
WEB = Source(id="web", kind="browser", write_key="wk")
DEFINITIONS = Definitions(
    shop=Shop(name="Corner", currency="EUR", time_zone="Europe/Berlin"),
    sources=(WEB, Source(id="test", kind="browser", write_key="tk", machines="count")),
    events=(
        EventType(name="Product Viewed", purpose="contract"), EventType(name="Order Completed", purpose="contract"),
        EventType(name="Decision Shown", purpose="contract"),
    ),
    traits=(
        Trait(name="views", kind="count", events=("Product Viewed",)),
        Trait(name="orders", kind="count", events=("Order Completed",)),
    ),
    offers=(
        Offer(id="everybodys", placements=("hero", "foot"), purpose="contract", value=1, limit=Limit(times=9, days=7)),
        Offer(id="plain", placements=("hero",), purpose="contract", value=0),
        Offer(id="seen", placements=("hero",), purpose="contract", value=9, when="views >= 1"),
        Offer(id="people", placements=("side",), purpose="contract", value=5, when="not context.machine"),
        Offer(id="robots", placements=("side",), purpose="contract", value=4, when="context.machine"),
    ),
    placements=(
        Placement(id="hero", exploration=1.0), Placement(id="side", exploration=0), Placement(id="foot", exploration=0),
    ),
    version="v1", record_version="r1",
)  # fmt: skip


def call(at: int, time: int, device: str = "c1", agent: str = BROWSER, **said: Any) -> dict[str, Any]:
    """A look at a product."""
    context = {"userAgent": agent, **said.pop("context", {})}
    one = {
        "type": "track", "event": "Product Viewed", "anonymousId": device, "messageId": f"{device}-{at}",
        "timestamp": time, "context": context, "properties": {"product_id": f"p{at}"},
    }  # fmt: skip
    return one | said


class Shopping:
    """A shop in memory."""

    def __init__(self) -> None:
        self.log, self.state = MemoryLog(), SqliteState(":memory:")
        self.log.append([NewRecord(TICK, "clock", "", NOW, b"")])
        self.updater = Updater(DEFINITIONS, self.log, self.state)

    def comes(self, calls: list[dict[str, Any]], *, source: str = "web", size: int = 50, records: int = 400) -> None:
        """Take calls in, so many in a record, and fold so many records at a time."""
        for at in range(0, len(calls), size):
            body = json.dumps({"batch": calls[at : at + size]}).encode()
            self.log.append([NewRecord(EVENTS, source, "batch", NOW + 3_600_000, body)])
        self.updater = Updater(DEFINITIONS, self.log, self.state, records=records)
        self.updater.run()

    def values(self, device: str = "c1") -> dict[str, Any]:
        """The traits of the device's profile."""
        number = profile_number(f"anonymous_id:{device}")
        data = self.state.parts([number << 4])[number << 4]
        fold = self.updater.engine.fold
        return dict(zip(fold.names, fold.decode_hot(data).values, strict=True))

    def counted(self, name: str) -> int:
        """The sum of a counter."""
        return sum(cast(int, row[3]) for row in self.state.select(tables.COUNTER, {"name": name}))

    def sealed(self) -> list[Event]:
        """What the next sealing takes."""
        engine, last = self.updater.engine, self.log.head()
        harvest = Harvest(engine.calendar, engine.plain_decoder)
        harvest.gather(self.log, self.state, after=0, until=last, limit=100_000)
        return harvest.events

    def decides(self) -> OnDecide:
        """The flow of decisions."""
        return OnDecide(generation.Serving(self.state, DEFINITIONS), self.state, Serving(Path()), monotonic=lambda: 0)


def scraped(count: int, *, start: int = NOW, device: str = "c1") -> list[dict[str, Any]]:
    """Looks with the name of a browser, ten seconds apart, no hand at work."""
    return [call(at, start + at * 10_000, device, context={"hand": False}) for at in range(count)]


def test_what_a_crawler_looks_at_counts_for_nobody_and_is_kept_with_the_reason() -> None:
    shop = Shopping()
    shop.comes([call(0, NOW), call(1, NOW, agent=CRAWLER), call(2, NOW, context={"webdriver": True})])
    assert shop.values()["views"] == 1
    assert [verdict_of(event) for event in shop.sealed()] == [
        ("unknown", []), ("machine", ["agent:search-engine"]), ("machine", ["webdriver"]),
    ]  # fmt: skip
    assert (shop.counted("arrived"), shop.counted("arrived_machine")) == (1, 2)


def test_an_order_counts_whoever_sent_it() -> None:
    shop = Shopping()
    order = {"event": "Order Completed", "properties": {"order_id": "A1", "total": 12}}
    shop.comes([call(0, NOW, agent=CRAWLER) | order])
    assert shop.values() == {"views": 0, "orders": 1}
    assert shop.counted("orders") == 1


def test_what_a_sender_claims_in_the_context_is_no_verdict() -> None:
    shop = Shopping()
    forged = {"machine": {"verdict": "human", "why": ["hand"]}}
    shop.comes([call(0, NOW, agent=CRAWLER, context=forged)])
    assert verdict_of(shop.sealed()[0])[0] == "machine"


def test_a_source_may_count_everything() -> None:
    shop = Shopping()
    shop.comes([call(0, NOW, agent=CRAWLER), *scraped(300)], source="test")
    assert shop.values()["views"] == 300  # the first of them came before with the same id
    assert all(verdict_of(event)[0] == "unknown" for event in shop.sealed())


def test_a_scraper_is_found_out_and_what_it_did_before_goes_when_its_history_is_read_again() -> None:
    shop = Shopping()
    shop.comes(scraped(300))
    at_once = shop.values()["views"]
    assert 100 < at_once < 250
    assert shop.counted("arrived") == at_once
    past = shop.updater.history.of(profile_number("anonymous_id:c1"), {})
    assert {verdict_of(event)[0] for event in past.events} == {"machine"}


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(1, 300), st.sampled_from([1, 2, 400]))
def test_neither_batches_nor_restarts_change_a_verdict(size: int, records: int) -> None:
    first, shop = Shopping(), Shopping()
    calls = sorted([*scraped(200), *scraped(40, device="c2")], key=lambda one: (one["timestamp"], one["messageId"]))
    first.comes(calls, size=300)
    for half in (calls[:90], calls[90:]):
        shop.comes(half, size=size, records=records)
    told = {event.message_id: verdict_of(event) for event in first.sealed()}
    assert {event.message_id: verdict_of(event) for event in shop.sealed()} == told
    assert shop.values() == first.values()


def test_the_reading_of_the_log_and_of_the_lake_agree() -> None:
    shop = Shopping()
    shop.comes(scraped(300))
    sealed = shop.sealed()
    with_hindsight(sealed)
    past = shop.updater.history.of(profile_number("anonymous_id:c1"), {}).events
    assert sorted(past, key=lambda one: one.message_id) == sorted(sealed, key=lambda one: one.message_id)


def test_hindsight_reaches_a_month_and_no_other_device() -> None:
    shop = Shopping()
    long_ago = call(9_999, NOW - 40 * 86_400_000)
    shop.comes([long_ago, call(9_998, NOW - 20 * 86_400_000), call(1, NOW, "c2"), *scraped(300)])
    past = shop.updater.history.of(profile_number("anonymous_id:c1"), {}).events
    assert [verdict_of(event)[0] for event in past[:2]] == ["unknown", "machine"]
    assert shop.values("c2")["views"] == 1


def machine_call(agent: str | None = None) -> Call:
    return Call(
        placements=["hero", "side", "foot"], anonymous_id="c1", context={} if agent is None else {"userAgent": agent}
    )


@pytest.mark.parametrize("how", ["header", "context", "device"])
def test_a_machine_gets_what_everybody_gets_and_nothing_is_learned_reserved_or_counted(how: str) -> None:
    shop = Shopping()
    shop.comes(scraped(300) if how == "device" else [call(0, NOW)])
    flow = shop.decides()
    said = machine_call(CRAWLER if how == "context" else None)
    outcome = flow.decide(said, WEB, now=NOW + 4_000_000, agent=CRAWLER if how == "header" else BROWSER)
    hero, side, foot = outcome.answer.decided.slots
    offers = DEFINITIONS.offers
    assert (offers[hero.chosen.offer].id, hero.chosen.explored, hero.chosen.propensity) == ("everybodys", False, 1.0)
    assert offers[side.chosen.offer].id == "robots"
    assert foot.chosen.offer == -1
    assert outcome.reservation is None
    record = unpack(outcome.records[-1].body)
    assert record.machine
    assert [choice.offer for choice in replay(record, flow.table)] == ["everybodys", "robots", None]
    gates = {s.offer: s.gate for choice in replay(record, flow.table) for s in choice.suppressions}
    assert gates["seen"] == "machine"
    shop.log.append([NewRecord(DECISION, "web", "", NOW, outcome.records[-1].body)])
    shop.updater.run()
    assert (shop.counted("decided"), shop.counted("decided_machine")) == (0, 1)


def test_a_person_gets_what_is_meant_for_people_and_the_record_says_so() -> None:
    shop = Shopping()
    shop.comes([call(0, NOW)])
    outcome = shop.decides().decide(machine_call(), WEB, now=NOW, agent="python-httpx/0.28")  # the shop's own code
    assert DEFINITIONS.offers[outcome.answer.decided.slots[1].chosen.offer].id == "people"
    assert not unpack(outcome.records[-1].body).machine
