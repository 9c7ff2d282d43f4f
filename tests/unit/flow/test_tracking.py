"""Tracking health through the fold: calls go in, and what is counted of them tells what broke and what that costs."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from regulars.adapters.log.memory import MemoryLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.collect.tracking import LEARNING_HOURS
from regulars.core.definitions import Definitions
from regulars.core.log import EVENTS, TICK, NewRecord
from regulars.core.state import COUNTER, FAILED, Changes
from regulars.decide.call import Call
from regulars.flow import generation
from regulars.flow.answers import Teller
from regulars.flow.arrivals import COUNTED, KEEP_DAYS
from regulars.flow.models import Serving
from regulars.flow.on_decide import OnDecide
from regulars.flow.tracking import Tracking, TrackingHealth
from regulars.flow.updater import Updater
from regulars.shop.load import build

FILES = {
    "shop.toml": '[shop]\nname = "Corner"\ntime_zone = "Europe/Berlin"\nclock = "records"\n',
    "sources.toml": '[sources.web]\nkind = "browser"\nwrite_key = "wk_corner"\n'
    f'[sources.erp]\nkind = "server"\nkey_sha256 = "{hashlib.sha256(b"sk").hexdigest()}"\n',
    "consent.toml": '[purposes.analytics]\ntext = { de = "Wozu", en = "What for" }\n',
    "events.toml": """
        [events."Product Viewed"]
        purpose = "contract"
        properties = { product_id = "id", category = "text", colour = "text" }
        required = ["product_id"]
        [events."Product Added"]
        purpose = "contract"
        properties = { product_id = "id" }
        [events."Order Completed"]
        purpose = "contract"
        properties = { order_id = "id", total = "number", payment = "text" }
        required = ["order_id"]
        """,
    "traits.toml": """
        [traits.likes]
        kind = "affinity"
        events = ["Product Viewed"]
        of = "category"
        half_life_days = 30
        [traits.revenue]
        kind = "sum"
        events = ["Order Completed"]
        of = "total"
        """,
    "segments.toml": '[segments.buyers]\nwhen = "revenue > 0"\n',
    "goals.toml": '[goals.purchase]\nevent = "Order Completed"\n'
    '[goals.by_card]\nevent = "Order Completed"\nwhere = { payment = "card" }\n',
}
HOUR = 3_600_000
BEGIN = int(datetime(2024, 3, 4, tzinfo=UTC).timestamp() * 1000)
DAYS = 24
#: When faults begin: on the last day at ten.
BREAKS = BEGIN + (DAYS - 1) * 24 * HOUR + 9 * HOUR


def definitions(**changed: str) -> Definitions:
    found, mistakes = build({name: text.encode() for name, text in (FILES | changed).items()})
    assert found is not None, mistakes
    return found


class Shop:
    """Some weeks of calls, folded."""

    def __init__(self, definitions: Definitions) -> None:
        self.log, self.state = MemoryLog(), SqliteState(":memory:")
        self.updater = Updater(definitions, self.log, self.state)
        self.health = TrackingHealth(definitions)
        self._count = 0
        self._waiting: list[NewRecord] = []

    def hour(self, time: int, calls: list[tuple[str, str, dict[str, Any]]], *, fold: bool = True) -> None:
        """The calls (source, event, properties) of an hour, folded with those of the hours before."""
        by_source: dict[str, list[dict[str, Any]]] = {}
        for source, event, properties in calls:
            self._count += 1
            at = datetime.fromtimestamp(time / 1000 + 60, UTC).isoformat()
            who = {"anonymousId": f"d{self._count % 50}"} if source == "web" else {"userId": f"u{self._count % 50}"}
            call = {"type": "track", "event": event, "messageId": f"m{self._count}", "timestamp": at, **who}
            by_source.setdefault(source, []).append({**call, "properties": properties})
        records = [] if self._waiting else [NewRecord(TICK, "clock", "", time, b"")]
        for source, batch in by_source.items():
            body = json.dumps({"batch": batch}).encode()
            records.append(NewRecord(EVENTS, source, "batch", time + 120_000, body))
        self._waiting += records
        if fold:
            self.log.append(self._waiting)
            self._waiting = []
            self.updater.run()

    def look(self, time: int, language: str = "en") -> Tracking:
        return self.health.look(self.state, now=time, language=language)


def test_a_place_of_stock_is_a_finding_until_it_is_named() -> None:
    source = '[sources.online]\nkind = "server"\n[sources.online.webhook]\nshop = "shopify"\nsecret = "env:X"\n'
    shop = Shop(definitions(**{"sources.toml": FILES["sources.toml"] + source}))
    changes = Changes()
    for offset, place in enumerate(("12", "13")):
        row = (offset, 0, "online", BEGIN + offset * HOUR, f"place-{place}", "stock", "undeclared_place", "location_id",
               "", place, b"{}", "", "stock", b"", "")  # fmt: skip
        changes.put(FAILED, row)
    shop.state.commit(changes)
    (found,) = (one for one in shop.look(BEGIN + DAYS * HOUR, "de").troubles)
    assert (found.finding.code, found.finding.state, found.finding.source) == ("undeclared_place", "degraded", "online")
    assert found.says == "online meldet den Bestand von 2 Lagerorten ohne Namen: 12, 13"
    assert found.since == BEGIN
    named = source + 'stores = { "12" = "Graz" }\n'
    again = TrackingHealth(definitions(**{"sources.toml": FILES["sources.toml"] + named}))
    (found,) = again.look(shop.state, now=BEGIN + DAYS * HOUR).troubles
    assert found.says.endswith(": 13")


class Hears(Protocol):
    """Takes the calls of an hour."""

    def hour(self, time: int, calls: list[tuple[str, str, dict[str, Any]]], *, fold: bool = True) -> None: ...


def weeks(shop: Hears, *, fault: str = "", until: int = BREAKS + 6 * HOUR) -> None:
    """Views, baskets and orders; orders are told by the browser and by the ERP. Several faults are parted by blanks."""
    random = np.random.default_rng(7)
    orders = 0
    for time in range(BEGIN, until, HOUR):
        broken = fault.split() if time >= BREAKS else []
        open_hours = 6 <= time // HOUR % 24 < 20
        calls: list[tuple[str, str, dict[str, Any]]] = []
        for at in range(int(random.poisson(14 if open_hours else 2))):
            category = "kind" if "renamed" in broken else "category"
            product = "id" if "failing" in broken else "product_id"
            calls.append(("web", "Product Viewed", {product: f"p{at}", category: "Bikes"}))
        added = 0 if "step" in broken else int(random.poisson(8 if open_hours else 1))
        calls += [("web", "Product Added", {"product_id": "p1"})] * added * (2 if "double" in broken else 1)
        for _ in range(int(random.poisson(4 if open_hours else 0.5))):
            orders += 1
            order = {"order_id": f"o{orders}", "total": 50.0, "payment": "card"}
            if "orders" not in broken:
                calls.append(("web", "Order Completed", order))
            calls.append(("erp", "Order Completed", order))
        if "silent" in broken:
            calls = [call for call in calls if call[0] != "web"]
        shop.hour(time, calls, fold=time >= BREAKS or time // HOUR % 24 == 23 or time + HOUR >= until)


@pytest.fixture
def shop() -> Shop:
    return Shop(definitions())


def test_sound_weeks_are_sound(shop: Shop) -> None:
    weeks(shop)
    found = shop.look(BREAKS + 6 * HOUR)
    assert [(one.health.source, one.health.state) for one in found.sources] == [("erp", "sound"), ("web", "sound")]
    assert [(one.goal, one.state) for one in found.goals] == [("purchase", "sound"), ("by_card", "sound")]
    assert found.troubles == []
    uses = {(one.event, one.field): one for one in shop.health.fields(shop.state, now=BREAKS) if one.source == "web"}
    assert uses["Product Viewed", "category"].used_for == ["trait likes"]
    assert (uses["Product Viewed", "colour"].empty_share, uses["Product Viewed", "colour"].used_for) == (1.0, [])
    assert uses["Order Completed", "payment"].used_for == ["goal by_card"]


@pytest.mark.parametrize(
    ("fault", "code", "source", "goals"),
    [
        ("silent", "silent", "web", {"purchase": "broken", "by_card": "broken"}),
        ("step", "step_lost", "web", {"purchase": "sound", "by_card": "sound"}),
        ("failing", "failing", "web", {"purchase": "sound", "by_card": "sound"}),
        ("renamed", "field_empty", "web", {"purchase": "sound", "by_card": "sound"}),
    ],
)
def test_each_fault_is_found_within_six_hours(
    shop: Shop, fault: str, code: str, source: str, goals: dict[str, str]
) -> None:
    weeks(shop, fault=fault)
    found = shop.look(BREAKS + 6 * HOUR)
    first = next(one for one in found.troubles if one.finding.code == code)
    assert (first.finding.source, first.finding.state) == (source, "broken")
    assert abs(first.since - BREAKS) <= HOUR
    assert {one.goal: one.state for one in found.goals} == goals
    assert first.missing > 15
    assert first.howto == f"howto/mend-tracking.md#{code.replace('_', '-')}"
    german = shop.look(BREAKS + 6 * HOUR, "de").troubles
    assert {one.says for one in german}.isdisjoint(one.says for one in found.troubles)


def test_what_breaks_says_what_it_costs(shop: Shop) -> None:
    weeks(shop, fault="renamed")
    (one,) = shop.look(BREAKS + 6 * HOUR).troubles
    assert one.affects == ["trait likes"]
    assert "affects trait likes" in one.cost
    (german,) = shop.health.look(shop.state, now=BREAKS + 6 * HOUR, language="de").troubles
    assert "betrifft Merkmal likes" in german.cost
    assert one.says.startswith("category is missing or empty in 100 % of Product Viewed from web since Mar 27, 10:00")


def test_orders_that_the_browser_no_longer_tells_cost_money_and_break_the_goal(shop: Shop) -> None:
    weeks(shop, fault="orders", until=BREAKS + 24 * HOUR)
    found = shop.look(BREAKS + 24 * HOUR)
    lost = next(one for one in found.troubles if one.finding.code == "step_lost")
    unseen = next(one for one in found.troubles if one.finding.code == "orders_unseen")
    assert (lost.finding.source, unseen.finding.source) == ("web", "erp")
    assert unseen.money is not None
    assert unseen.money.minor == 5000 * unseen.missing
    assert lost.money is not None
    assert lost.money.minor == pytest.approx(5000 * lost.missing, rel=0.05)
    assert "goal purchase" in lost.affects
    assert next(one.state for one in found.goals if one.goal == "purchase") == "broken"


def test_before_two_weeks_nothing_is_known(shop: Shop) -> None:
    weeks(shop, until=BEGIN + (LEARNING_HOURS - 30) * HOUR)
    found = shop.look(BEGIN + (LEARNING_HOURS - 30) * HOUR)
    assert (found.state, found.troubles) == ("unknown", [])
    assert {one.state for one in found.goals} == {"unknown"}
    assert shop.health.goal(shop.state, "nothing", now=BREAKS) is None


def test_counts_are_forgotten_and_hold_nothing_that_a_sender_chose(shop: Shop) -> None:
    call = ("web", "Ana's own event", {"email": "ana@example.org"})
    shop.hour(BEGIN, [call, ("web", "Product Viewed", {"product_id": "ana@example.org"})])
    kept = [row for row in shop.state.select(COUNTER) if row[0] in COUNTED]
    assert kept
    assert not [row for row in kept if "ana" in str(row[2]).lower()]
    shop.hour(BEGIN + (KEEP_DAYS + 2) * 24 * HOUR, [])
    assert not [row for row in shop.state.select(COUNTER) if row[0] in COUNTED]


def test_closed_days_and_goals_are_checked() -> None:
    wrong = {
        "sources.toml": FILES["sources.toml"] + 'closed = ["12-25", "Christmas"]\n',
        "goals.toml": '[goals.sale]\nevent = "Order Complete"\n[goals.gift]\nevent = "Order Completed"\n'
        'where = { wrapping = "gift" }\n',
    }
    mistakes = build({name: text.encode() for name, text in (FILES | wrong).items()})[1]
    said = {f"{one.file} {one.key}": one for one in mistakes}
    assert set(said) == {
        "goals.toml goals.sale.event",
        "goals.toml goals.gift.where",
        "sources.toml sources.erp.closed",
    }
    assert said["goals.toml goals.sale.event"].suggestion == "Order Completed"
    assert "'Christmas'" in said["sources.toml sources.erp.closed"].message


def imports(shop: Shop, days: int, *, tick_days: int = 28, start: int = BEGIN) -> int:
    """A history, as the demo brings it: receipts of years later, a clock that moves on in leaps. When it ends."""
    received = start + 3_000 * 24 * HOUR
    for day in range(days):
        begin = start + day * 24 * HOUR
        batch = [
            {
                "type": "track", "event": "Order Completed", "messageId": f"h{day}-{at}", "userId": f"u{at}",
                "timestamp": datetime.fromtimestamp((begin + at * 600_000) / 1000, UTC).isoformat(),
                "properties": {"order_id": f"h{day}-{at}", "total": 10.0},
            }
            for at in range(40, 80)
        ]  # fmt: skip
        shop.log.append([NewRecord(EVENTS, "erp", "import", received, json.dumps({"batch": batch}).encode())])
        if (day + 1) % tick_days == 0 or day + 1 == days:
            shop.log.append([NewRecord(TICK, "clock", "", begin + 24 * HOUR, b"")])
    shop.updater.run()
    return start + days * 24 * HOUR


def test_an_import_of_history_is_learned_from_and_no_alarm(shop: Shop) -> None:
    end = imports(shop, 90)
    for later in (0, 5, 24 * 6):  # nobody imports any more
        found = shop.look(end + later * HOUR)
        assert found.troubles == []
    health = next(one.health for one in shop.look(end).sources if one.health.source == "erp")
    assert (health.state, health.imported, health.share) == ("sound", True, None)
    assert health.learned_days >= 60
    assert next(one.state for one in shop.look(end).goals if one.goal == "purchase") == "sound"


def test_a_source_that_is_heard_live_is_not_compared_with_what_it_imported(shop: Shop) -> None:
    end = imports(shop, 30)
    for hour in range(20 * 24):
        shop.hour(end + hour * HOUR, [("erp", "Order Completed", {"order_id": f"l{hour}", "total": 1.0})], fold=False)
    shop.hour(end + 20 * 24 * HOUR, [])
    health = next(one for one in shop.look(end + 20 * 24 * HOUR).sources if one.health.source == "erp")
    assert (health.health.state, health.health.imported, health.troubles) == ("sound", False, [])
    assert health.health.learned_days == 20


def test_a_source_whose_events_only_fail_says_so(shop: Shop) -> None:
    shop.hour(BEGIN, [("web", "Product Viewed", {"id": "p1"})] * 3)
    web = next(one.health for one in shop.look(BEGIN + HOUR).sources if one.health.source == "web")
    assert (web.state, web.came, web.failed_share) == ("unknown", 0, 1.0)


def test_machines_are_told_by_source_and_are_in_no_baseline(shop: Shop) -> None:
    weeks(shop)
    crawler = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}}
    at = datetime.fromtimestamp(BREAKS / 1000 + 5 * 3600 + 60, UTC).isoformat()
    looks = [
        {"type": "track", "event": "Product Viewed", "messageId": f"g{n}", "anonymousId": "g", "timestamp": at,
         "properties": {"product_id": "p1"}, **crawler}
        for n in range(400)
    ]  # fmt: skip
    before = {one.health.source: one.health.came for one in shop.look(BREAKS + 6 * HOUR).sources}
    body = json.dumps({"batch": looks}).encode()
    shop.log.append([NewRecord(EVENTS, "web", "batch", BREAKS + 6 * HOUR, body)])
    shop.updater.run()
    found = shop.look(BREAKS + 6 * HOUR)
    web = next(one for one in found.sources if one.health.source == "web")
    assert web.health.came == before["web"]
    assert 0.2 < web.health.machine_share < 0.9
    assert [one.finding.code for one in web.troubles] in ([], ["machines"])
    assert next(one.state for one in found.goals if one.goal == "purchase") == "sound"


@pytest.mark.parametrize(("fault", "goes_out"), [("", True), ("silent", False)])
def test_an_offer_that_rests_on_broken_tracking_does_not_go_out(tmp_path: Path, fault: str, *, goes_out: bool) -> None:
    offers = {
        "placements.toml": "[placements.hero]\nexploration = 0.0\n",
        "offers/all.toml": '[offers.by_orders]\npurpose = "contract"\nplacements = ["hero"]\nvalue = 5\n'
        "when = \"tracking_sound('purchase')\"\n",
    }
    shop = Shop(definitions(**offers))
    weeks(shop, fault=fault)
    now = BREAKS + 6 * HOUR

    def sound() -> dict[str, bool | None]:
        goals = shop.look(now).goals
        return {one.goal: None if one.state == "unknown" else one.state == "sound" for one in goals}

    serving = generation.Serving(shop.state, shop.health.definitions)
    deciding = OnDecide(serving, shop.state, Serving(tmp_path), monotonic=lambda: 0, sound=sound)
    deciding.refresh()
    source = next(one for one in shop.health.definitions.sources if one.id == "erp")
    answer = deciding.decide(Call(placements=["hero"], user_id="u1"), source, now=now, explain=True).answer
    (slot,) = answer.decided.slots
    assert (slot.chosen.offer >= 0) == goes_out
    told = Teller(deciding).tell(answer, "de", verified=True, explain=True).placements["hero"].suppressions
    assert isinstance(told, list)
    assert [one.detail for one in told] == ([] if goes_out else ["tracking_sound('purchase')"])
