"""Deciding with a log and a state: caps, merges, what is recorded, and what the catalogue says."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from regulars.adapters.log.group import GroupCommit
from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.log.sqlite import SqliteLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.catalog.rows import to_row
from regulars.core.catalog import CatalogItem
from regulars.core.definitions import (
    Definitions,
    EventType,
    Limit,
    Offer,
    Placement,
    Purpose,
    Segment,
    Shop,
    Source,
    Trait,
)
from regulars.core.errors import Rejected
from regulars.core.log import DECISION, EVENTS, Log, NewRecord
from regulars.core.state import COUNTER, FOLDED, PRODUCT, Changes
from regulars.decide.call import Call
from regulars.decide.records import unpack
from regulars.decide.replay import replay
from regulars.flow import generation
from regulars.flow.answers import Teller
from regulars.flow.models import Serving
from regulars.flow.on_decide import OnDecide, Outcome
from regulars.flow.updater import Updater

NOW = 1_700_000_000_000
TILL = Source(id="till", kind="server")
WEB = Source(id="web", kind="browser", write_key="wk")
DEFINITIONS = Definitions(
    shop=Shop(name="Corner"),
    sources=(TILL, WEB),
    events=(
        EventType(name="Product Viewed", purpose="contract"),
        EventType(name="Decision Shown", purpose="contract"),
        EventType(name="Promotion Clicked", purpose="contract"),
    ),
    purposes=(Purpose(id="personalisation"),),
    traits=(
        Trait(name="views", kind="count", events=("Product Viewed",)),
        Trait(name="views_2d", kind="count", events=("Product Viewed",), window_days=2),
        Trait(name="liked", kind="count", events=("Product Viewed",), purpose="personalisation"),
    ),
    segments=(Segment(id="lookers", when="views >= 2"),),
    offers=(
        Offer(id="rare", placements=("hero",), purpose="contract", value=9, limit=Limit(times=2, days=7)),
        Offer(id="looked", placements=("foot",), purpose="contract", value=8, when="in_segment('lookers')"),
        Offer(id="lately", placements=("foot",), purpose="contract", value=5, when="views_2d >= 1"),
        Offer(id="liked", placements=("side",), purpose="personalisation", value=5, when="liked >= 1"),
        Offer(id="tea", placements=("tea",), purpose="contract", value=1, product="tea"),
    ),
    placements=(*(Placement(id=name, exploration=0) for name in ("hero", "foot", "side", "tea")),),
    version="v1",
    record_version="r1",
)


class Running:
    """A shop in memory: what is decided goes through the log into the state."""

    log: Log
    state: SqliteState

    def __init__(self, folder: Path, definitions: Definitions = DEFINITIONS, log: Log | None = None) -> None:
        """With a log of its own, the state is a file beside it."""
        self.definitions = definitions
        self.log = MemoryLog() if log is None else log
        self.state = SqliteState(":memory:" if log is None else folder.parent / "state.db")
        self.updater = Updater(definitions, self.log, self.state)
        self.moment = 0
        self.models = folder
        self.deciding = self.begin()

    def begin(self) -> OnDecide:
        """A process that decides, just started."""
        serving = generation.Serving(self.state, self.definitions)
        return OnDecide(serving, self.state, Serving(self.models), monotonic=self._tick)

    def _tick(self) -> int:
        self.moment += 1000
        return self.moment

    def ask(self, *placements: str, source: Source = TILL, now: int = NOW, **who: Any) -> Outcome:
        """A decision whose records are stored at once."""
        outcome = self.deciding.decide(Call(placements=list(placements), **who), source, now=now)
        head = self.log.append(outcome.records)
        if outcome.reservation is not None:
            outcome.reservation.offset = head
        return outcome

    def send(self, *events: dict[str, Any], source: Source = TILL, now: int = NOW) -> None:
        body = json.dumps({"batch": [{"type": "track", **event} for event in events]}).encode()
        self.log.append([NewRecord(EVENTS, source.id, "batch", now, body)])
        self.updater.run()

    def offer(self, outcome: Outcome, place: int = 0) -> str | None:
        at = outcome.answer.decided.slots[place].chosen.offer
        return self.deciding.table.offers[at].id if at >= 0 else None


@pytest.fixture
def shop(tmp_path: Path) -> Running:
    return Running(tmp_path)


def viewed(number: int, **who: str) -> dict[str, Any]:
    return {"event": "Product Viewed", "messageId": f"v{number}", "properties": {"product_id": "tea"}, **who}


def shown(outcome: Outcome, offer: str, **who: str) -> dict[str, Any]:
    said = {"decision_id": outcome.id, "placement": "hero", "offer_id": offer}
    return {"event": "Decision Shown", "messageId": f"shown-{outcome.id}", "properties": said, **who}


def test_a_cap_holds_under_a_hundred_parallel_calls(tmp_path: Path) -> None:
    async def run() -> list[str | None]:
        log, state = SqliteLog(tmp_path / "log.db"), SqliteState(":memory:")
        commit = GroupCommit(log)
        serving = generation.Serving(state, DEFINITIONS)
        deciding = OnDecide(serving, state, Serving(tmp_path), monotonic=lambda: 10**6)
        call = Call(placements=["hero"], user_id="ana")

        async def one() -> str | None:
            await asyncio.sleep(0)
            outcome = deciding.decide(call, TILL, now=NOW)
            await commit.append_many(outcome.records)
            at = outcome.answer.decided.slots[0].chosen.offer
            return deciding.table.offers[at].id if at >= 0 else None

        answers = await asyncio.gather(*(one() for _ in range(100)))
        await commit.close()
        log.close()
        return answers

    answers = asyncio.run(run())
    assert answers.count("rare") == 2
    assert answers.count(None) == 98


@pytest.mark.parametrize("restart", [False, True])
def test_a_cap_holds_after_folding(shop: Running, *, restart: bool) -> None:
    first, second = shop.ask("hero", user_id="ana"), shop.ask("hero", user_id="ana")
    assert (shop.offer(first), shop.offer(second)) == ("rare", "rare")
    shop.updater.run()
    if restart:
        shop.deciding = shop.begin()
    assert shop.offer(shop.ask("hero", user_id="ana")) is None
    assert not len(shop.deciding.reservations)
    later = NOW + 31 * 60_000
    assert shop.offer(shop.ask("hero", user_id="ana", now=later)) == "rare", "never shown, so it lapsed"
    shop.send(shown(first, "rare", userId="ana"), shown(second, "rare", userId="ana"), now=NOW + 1000)
    assert shop.offer(shop.ask("hero", user_id="ana", now=later)) is None
    assert shop.offer(shop.ask("hero", user_id="ana", now=NOW + 8 * 86_400_000)) == "rare"


def test_exposures_follow_a_visitor_who_logs_in(shop: Running) -> None:
    shop.send(viewed(1, anonymousId="phone"))
    for number in range(2):
        outcome = shop.ask("hero", source=WEB, anonymous_id="phone", now=NOW + number)
        assert shop.offer(outcome) == "rare"
        shop.updater.run()
        shop.send(shown(outcome, "rare", anonymousId="phone"), source=WEB, now=NOW + 10)
    shop.send(viewed(2, userId="ana"), now=NOW + 20)
    shop.send({"event": "Product Viewed", "messageId": "both", "userId": "ana", "anonymousId": "phone"}, now=NOW + 30)
    assert shop.offer(shop.ask("hero", user_id="ana", now=NOW + 40)) is None


def test_a_recorded_decision_of_the_log_is_replayed(shop: Running) -> None:
    shop.send(viewed(1, userId="ana"))
    riding = [{"event": "Product Viewed", "properties": {"product_id": "milk"}}]
    outcome = shop.ask("hero", "foot", user_id="ana", events=riding)
    assert shop.offer(outcome, 1) == "looked", "the second view rode along"
    (body,) = [record.body for record in shop.log.read(0) if record.kind == DECISION]
    record = unpack(body)
    again = replay(record, shop.deciding.table)
    assert [choice.offer for choice in again] == ["rare", "looked"]
    assert record.riding
    assert record.anchor == "user_id:ana"
    shop.updater.run()
    assert shop.offer(shop.ask("foot", user_id="ana")) == "looked", "and was logged like any other"


def test_days_pass_before_a_decision_even_when_nothing_happened(shop: Running) -> None:
    shop.send(viewed(1, userId="ana"))
    assert shop.offer(shop.ask("foot", user_id="ana", now=NOW)) == "lately"
    assert shop.offer(shop.ask("foot", user_id="ana", now=NOW + 3 * 86_400_000)) is None


def test_a_withdrawal_that_rides_along_counts_at_once(shop: Running) -> None:
    def consent(number: int, *, granted: bool) -> dict[str, Any]:
        said = {"purposes": {"personalisation": granted}}
        return {"event": "Consent Updated", "messageId": f"c{number}", "userId": "ana", "properties": said}

    shop.send(consent(1, granted=True))
    shop.send(viewed(1, userId="ana"), now=NOW + 10)
    assert shop.offer(shop.ask("side", user_id="ana", now=NOW + 20)) == "liked"
    outcome = shop.ask("side", user_id="ana", now=NOW + 30, events=[consent(2, granted=False)])
    assert shop.offer(outcome) is None
    shop.updater.run()
    assert shop.offer(shop.ask("side", user_id="ana", now=NOW + 40)) is None
    back = shop.ask("side", user_id="ana", now=NOW + 50, events=[consent(3, granted=True)])
    assert shop.offer(back) is None, "a new grant starts from zero"


def test_a_no_that_rides_along_takes_what_a_brand_or_a_partner_told(tmp_path: Path) -> None:
    sources = (
        Source(id="alpina", kind="server", brand="Alpina", own_purpose="brand_alpina"),
        Source(id="acme", kind="server", partner="acme"),
    )
    purposes = ("brand_alpina", "partners", "partners:acme")
    definitions = msgspec.structs.replace(
        DEFINITIONS,
        sources=(*DEFINITIONS.sources, *sources),
        purposes=(
            *DEFINITIONS.purposes, Purpose(id="brand_alpina"), Purpose(id="partners"),
            Purpose(id="partners:acme", partner="acme"),
        ),
    )  # fmt: skip
    shop = Running(tmp_path, definitions)

    def says(number: int, purpose: str, *, granted: bool) -> dict[str, Any]:
        said = {"purposes": {purpose: granted}}
        return {"event": "Consent Updated", "messageId": f"c{number}", "userId": "ana", "properties": said}

    for number, purpose in enumerate(purposes):
        shop.send(says(number, purpose, granted=True))
    for at, source in enumerate(("till", "alpina", "acme")):
        known = {"type": "identify", "userId": "ana", "messageId": f"i{at}", "traits": {f"of_{source}": "x"}}
        shop.log.append([NewRecord(EVENTS, source, "batch", NOW + 1 + at, json.dumps({"batch": [known]}).encode())])
    shop.updater.run()

    def told(*events: dict[str, Any]) -> set[str]:
        hot = shop.ask("hero", user_id="ana", now=NOW + 30, events=list(events)).answer.customer.hot
        return set(hot.facts)

    assert told() == {"of_till", "of_alpina", "of_acme"}
    more = {"type": "identify", "event": "identify", "messageId": "i9", "userId": "ana", "traits": {"city": "Bern"}}
    for purpose, left in (
        ("brand_alpina", {"of_till", "of_acme"}),
        ("partners:acme", {"of_till", "of_alpina"}),
        ("partners", {"of_till", "of_alpina"}),
    ):
        assert told(says(9, purpose, granted=False)) == left
        # What is told along with the no brings nothing of it back.
        assert told(says(9, purpose, granted=False), more) == left | {"city"}
    assert told() == {"of_till", "of_alpina", "of_acme"}, "folding has not come yet"


def test_a_wish_that_rides_along_counts_at_once(shop: Running) -> None:
    shop.send(viewed(1, userId="ana"))
    assert shop.offer(shop.ask("tea", user_id="ana")) == "tea"
    said = {"preferences": {"not_again": ["tea"]}}
    wish = {"event": "Preference Declared", "messageId": "w1", "userId": "ana", "properties": said}
    outcome = shop.ask("tea", user_id="ana", now=NOW + 10, events=[wish])
    assert shop.offer(outcome) is None
    assert shop.offer(shop.ask("hero", user_id="ana", now=NOW + 10)) == "rare"
    shop.updater.run()
    assert shop.offer(shop.ask("tea", user_id="ana", now=NOW + 20)) is None


def test_a_look_leaves_no_trace(shop: Running) -> None:
    shop.send(viewed(1, userId="ana"))
    head = shop.log.head()
    number = shop.ask("hero", user_id="ana").answer.customer.number
    looks = [shop.deciding.preview(number, ["foot"], now=NOW) for _ in range(5)]
    for answer in looks:
        assert shop.deciding.table.offers[answer.decided.slots[0].chosen.offer].id == "lately"
    assert shop.log.head() == head + 1
    told = Teller(shop.deciding).tell(looks[0], "en", verified=True, explain=True)
    assert isinstance(told.placements["foot"].suppressions, list)
    (why,) = told.placements["foot"].suppressions
    assert why.clauses["text"] == "in_segment('lookers')"


def test_stock_gates_an_offer_and_unknown_stock_is_said(shop: Running) -> None:
    teller = Teller(shop.deciding)
    unknown = shop.ask("tea", user_id="ana")
    told = teller.tell(unknown.answer, "en", verified=False)
    assert [note.code for note in told.placements["tea"].notes] == ["stock_unknown"]
    for stock, wanted in ((0, None), (3, "tea")):
        changes = Changes()
        changes.put(PRODUCT, to_row(CatalogItem(id="tea", stock=stock), NOW + stock))
        shop.state.commit(changes, meta={FOLDED: 100 + stock})
        shop.deciding.refresh()
        outcome = shop.ask("tea", user_id="ana")
        assert shop.offer(outcome) == wanted


def test_counts_of_what_was_shown_and_answered(shop: Running) -> None:
    outcome = shop.ask("hero", user_id="ana")
    click = shown(outcome, "rare", userId="ana") | {"event": "Promotion Clicked", "messageId": "click"}
    forged = shown(outcome, "rare", userId="ana") | {"messageId": "forged"}
    forged["properties"] = {**forged["properties"], "decision_id": "d" + "f" * 27}
    shop.send(shown(outcome, "rare", userId="ana"), click, forged)
    counts = {str(row[0]): row[3] for row in shop.state.select(COUNTER) if row[2] == "rare"}
    assert counts == {"decided": 1, "offer_shown": 1, "offer_answered": 1}


def test_a_call_for_nobody_is_rejected(shop: Running) -> None:
    nobodies: tuple[dict[str, Any], ...] = ({}, {"user_id": "0"}, {"anonymous_id": ""})
    for who in nobodies:
        with pytest.raises(Rejected, match="nobody to decide for"):
            shop.ask("hero", **who)
    with pytest.raises(Rejected, match="send an anonymousId"):
        shop.ask("hero", source=WEB, user_id="ana")


def test_an_answer_is_small_json(shop: Running) -> None:
    outcome = shop.ask("hero", "tea", user_id="ana")
    told = msgspec.json.decode(msgspec.json.encode(Teller(shop.deciding).tell(outcome.answer, "de", verified=False)))
    assert set(told) == {"decision_id", "language", "placements"}
    assert told["placements"]["hero"]["offer"]["id"] == "rare"
    assert told["placements"]["hero"]["reasons"][0]["text"] == "Das einzige passende Angebot"


@pytest.mark.parametrize("beside", [True, False])
def test_other_definitions_are_followed(shop: Running, *, beside: bool) -> None:
    """Compiling hundreds of offers takes some tenths of a second, in which nobody else would be answered."""
    seconds = itertools.count()
    serving = generation.Serving(shop.state, DEFINITIONS, clock=lambda: float(next(seconds)))
    shop.deciding = OnDecide(serving, shop.state, Serving(shop.models), monotonic=lambda: 0)
    if beside:
        shop.deciding.refresh()  # somebody looks; at this instant again and again
    before = shop.deciding.table
    changed = msgspec.structs.replace(DEFINITIONS, offers=DEFINITIONS.offers[:1], version="v2")
    Updater(changed, shop.log, shop.state)
    shop.ask("hero", user_id="ana")
    assert (shop.deciding.table is before) == beside
    shop.deciding.refresh()
    assert (shop.deciding.table is before) == beside  # a decision may be under way in another thread
    shop.ask("hero", user_id="ana")
    assert shop.deciding.table.version != before.version
