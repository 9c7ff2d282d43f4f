"""Merchandising rules where decisions are made: what was shown on any channel, what is recorded, who is told what."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from regulars.catalog.rows import to_row
from regulars.core.catalog import CatalogItem, Variant
from regulars.core.definitions import Definitions, EventType, Placement, Purpose, Shop
from regulars.core.log import DECISION, Log
from regulars.core.merchandising import Rule
from regulars.core.state import PRODUCT, Changes
from regulars.decide.records import unpack
from regulars.flow.answers import Teller
from regulars.flow.models import point, recommend_folder
from regulars.flow.on_decide import Outcome
from regulars.flow.pools import unpack_pool
from regulars.recommend.store import save
from tests.property.test_quick_blend import CATALOGUE, TRAINED
from tests.unit.flow.test_on_decide import NOW, TILL, WEB, Running

DAY = 86_400_000
LETTER = Placement(id="letter", channel="post", offers=False, recommend="blend", items=4, counts="decided")
HOME = Placement(id="home", offers=False, recommend=("blend", "popular"), items=4)
APP = Placement(id="app", channel="app", offers=False, recommend=("blend", "popular"), items=4, explore=0.3)
RULES = (
    Rule(id="fresh_post", kind="no_repeat", days=7, channels=("post", "web")),
    Rule(id="earns", kind="margin_floor", share=0.1, title={"en": "Earns enough", "de": "Bringt genug ein"}),
    Rule(
        id="tip",
        kind="pin",
        items=("p40",),
        position=1,
        placements=("home",),
        reason={"en": "Freshly in", "de": "Frisch da"},
    ),
)


class Corner(Running):
    """A shop with trained models and a catalogue."""

    def __init__(
        self, folder: Path, rules: tuple[Rule, ...] = RULES, home: Placement = HOME, log: Log | None = None
    ) -> None:
        recommend_folder(folder).mkdir(parents=True, exist_ok=True)
        save(TRAINED, recommend_folder(folder) / "v1", trained_at=1)
        point(folder, "v1")
        self.definitions = Definitions(
            shop=Shop(name="Corner"),
            sources=(TILL, WEB),
            events=(
                EventType(name="Product Viewed", purpose="contract"),
                EventType(name="Order Completed", purpose="contract"),
                EventType(name="Decision Shown", purpose="contract"),
                EventType(name="Product Clicked", purpose="contract"),
            ),
            purposes=(Purpose(id="personalisation"),),
            placements=(LETTER, home, APP),
            rules=rules,
            version="v1",
            record_version="r1",
        )
        super().__init__(folder, self.definitions, log)
        changes = Changes()
        for one in CATALOGUE.ids:
            changes.put(PRODUCT, to_row(CatalogItem(id=one, price=1000, cost=500), 1))
        self.state.commit(changes)
        self.deciding.refresh()

    def change(self, *items: CatalogItem, at: int = 2) -> None:
        changes = Changes()
        for one in items:
            changes.put(PRODUCT, to_row(one, at))
        self.state.commit(changes, meta={"folded_offset": 10**6 + at})
        self.deciding.refresh()

    def row(self, outcome: Outcome, place: int = 0) -> list[str]:
        return [one.item for one in outcome.answer.rows[place].items]

    def buy(self, *products: str, now: int = NOW - 3 * DAY) -> None:
        lines = [{"product_id": one, "quantity": 1, "price": 9.9} for one in products]
        properties = {"order_id": f"o{now}", "total": 9.9, "products": lines}
        event = {"event": "Order Completed", "messageId": f"o{now}", "properties": properties, "userId": "ana"}
        self.send(event, now=now)


@pytest.fixture
def shop(tmp_path: Path) -> Corner:
    return Corner(tmp_path)


def test_what_a_letter_decided_is_not_shown_on_the_home_page_nor_in_the_next_letter(shop: Corner) -> None:
    shop.buy("p3", "p7")
    letter = shop.row(shop.ask("letter", user_id="ana"))
    home = shop.ask("home", user_id="ana")
    assert len(letter) == 4
    assert not set(letter) & set(shop.row(home)), "the decision of this process counts before it is folded"
    shop.updater.run()
    again = shop.begin()
    again.refresh()
    shop.deciding = again
    assert not set(letter) & set(shop.row(shop.ask("letter", user_id="ana"))), "folded, after a restart"
    later = shop.row(shop.ask("home", user_id="ana", now=NOW + 8 * DAY))
    assert set(letter) & set(later), "after the rule's days they may come again"


def test_letter_and_insert_of_one_call_differ_without_consent_and_no_record_of_the_person_is_used(
    tmp_path: Path,
) -> None:
    insert = Placement(
        id="home", channel="post", offers=False, recommend="blend", items=4, purpose="personalisation", counts="decided"
    )
    shop = Corner(tmp_path, home=insert)
    shop.buy("p3", "p7")
    both = shop.ask("letter", "home", user_id="ana")
    assert len(shop.row(both, 1)) == 4
    assert not set(shop.row(both, 0)) & set(shop.row(both, 1)), "what stands on one job needs no profile"
    alone = shop.row(shop.ask("home", user_id="ana"))
    assert alone == shop.row(shop.ask("home", user_id="ana")), "what an earlier job printed is not looked up"
    assert alone == shop.row(shop.ask("home", user_id="nobody-knows")), "it is everybody's row"


def test_a_row_of_the_web_shop_counts_once_it_was_seen(shop: Corner) -> None:
    shop.buy("p3", "p7")
    first = shop.ask("home", user_id="ana")
    shop.updater.run()
    assert shop.row(shop.ask("home", user_id="ana")) == shop.row(first)
    seen = {"event": "Decision Shown", "properties": {"decision_id": first.id, "placement": "home"}, "userId": "ana"}
    riding = shop.ask("home", user_id="ana", events=[{**seen, "messageId": "s0"}])
    assert not set(shop.row(first)) & set(shop.row(riding)), "the event that rides along counts at once"
    shop.send({**seen, "messageId": "s1"}, now=NOW)
    assert not set(shop.row(first)) & set(shop.row(shop.ask("home", user_id="ana")))
    assert shop.row(shop.ask("home", user_id="bea")), "of somebody else nothing was shown"


def test_a_changed_cost_changes_the_rows_with_the_next_refresh(shop: Corner) -> None:
    shop.buy("p3", "p7")
    before = shop.row(shop.ask("app", user_id="ana", now=NOW + 30 * DAY))
    dear = [CatalogItem(id=one, price=1000, cost=990) for one in before]
    shop.change(*dear)
    assert not set(before) & set(shop.row(shop.ask("app", user_id="ana", now=NOW + 30 * DAY)))


def test_a_product_newer_than_the_models_can_be_pinned_and_drawn(tmp_path: Path) -> None:
    pin = Rule(id="launch", kind="pin", items=("brand-new",), position=2)
    shop = Corner(tmp_path, (pin,))
    shop.buy("p3", "p7")
    assert any(code == "pin.lost" for code, _ in shop.ask("home", user_id="ana").answer.rows[0].notes)
    shop.change(CatalogItem(id="brand-new", price=500, stock=3))
    assert shop.row(shop.ask("home", user_id="ana"))[1] == "brand-new"
    shop.change(CatalogItem(id="brand-new", price=500, stock=0), at=3)
    lost = shop.ask("home", user_id="ana")
    assert "brand-new" not in shop.row(lost)
    assert any(code == "pin.lost" for code, _ in lost.answer.rows[0].notes)


def test_the_record_holds_pool_and_probabilities_within_its_two_kilobytes(shop: Corner) -> None:
    shop.buy("p3", "p7")
    shop.ask("letter", "home", "app", user_id="ana")
    record = next(one for one in shop.log.read(0) if one.kind == DECISION)
    assert len(record.body) <= 2048
    decision = unpack(record.body)
    assert [row.place for row in decision.rows] == [0, 1, 2]
    for row in decision.rows:
        shown = decision.chosen[row.place][4]
        assert row.propensities == [] or len(row.propensities) == len(shown)
        assert {CATALOGUE.ids[one.at] for one in unpack_pool(row.pool)} & set(shown)
    assert decision.rows[2].propensities, "the placement explores"
    assert decision.rows[1].moved[0] == [2], "the pin moved the first item"


def test_staff_read_what_rules_did_and_customers_only_what_is_meant_for_them(shop: Corner) -> None:
    shop.change(*(CatalogItem(id=one, price=1000, cost=990) for one in CATALOGUE.ids[:20]))
    shop.buy("p3", "p7")
    outcome = shop.ask("home", user_id="ana")
    teller = Teller(shop.deciding)
    staff = {language: teller.tell(outcome.answer, language, verified=True, explain=True) for language in ("en", "de")}
    told = {one.rule: one for one in _rules(staff["en"].placements["home"].rules)}
    assert told["earns"].text.startswith("Earns enough took out what earns too little: ")
    assert told["tip"].text == "tip pinned p40"
    german = {one.rule: one for one in _rules(staff["de"].placements["home"].rules)}
    assert german["earns"].text.startswith("Bringt genug ein nahm heraus, woran zu wenig verdient wird: ")
    customer = teller.tell(outcome.answer, "de", verified=False)
    body = msgspec.json.encode(customer).decode()
    assert "earns" not in body
    assert "verdient" not in body
    assert "Frisch da" in body


def test_without_consent_everybody_gets_the_same_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    shop = Corner(tmp_path, home=msgspec.structs.replace(HOME, purpose="personalisation"))
    first = shop.ask("home", user_id="ana")
    assert not first.reservation
    other = shop.ask("home", user_id="bea")
    assert shop.row(first) == shop.row(other)
    decision = unpack(shop.log.read(0)[-1].body)
    assert not decision.rows[0].personal


def _rules(told: Any) -> list[Any]:
    assert isinstance(told, list)
    return told


def test_the_store_of_a_call_picks_what_is_in_stock_there(tmp_path: Path) -> None:
    rule = Rule(id="here", kind="in_stock", match={"store": "context.store"}, unknown="remove")
    shop = Corner(tmp_path, (rule,))

    def item(name: str, store: str) -> CatalogItem:
        return CatalogItem(id=name, variants=(Variant(sku=f"{name}-{store}", attributes={"store": store}, stock=1),))

    shop.change(*(item(one, "north" if at % 2 else "south") for at, one in enumerate(CATALOGUE.ids)))
    found = shop.ask("home", user_id="ana", context={"store": "North"})
    assert shop.row(found)
    assert all(CATALOGUE.position[one] % 2 for one in shop.row(found))


def test_a_consent_given_anew_begins_from_zero_also_for_what_was_shown(tmp_path: Path) -> None:
    shop = Corner(tmp_path, home=msgspec.structs.replace(HOME, purpose="personalisation", counts="decided"))

    def agree(granted: bool, at: int) -> None:  # noqa: FBT001 - what the event says
        said = {"purposes": {"personalisation": granted}}
        shop.send(
            {"event": "Consent Updated", "messageId": f"c{at}", "properties": said, "userId": "ana"}, now=NOW + at
        )

    agree(True, 1)
    shop.buy("p3", "p7", now=NOW + 2)
    first = shop.ask("home", user_id="ana", now=NOW + 10)
    assert first.answer.rows[0].personal
    shop.updater.run()
    assert not set(shop.row(first)) & set(shop.row(shop.ask("home", user_id="ana", now=NOW + 20)))
    agree(False, 30)
    agree(True, 40)
    shop.buy("p3", "p7", now=NOW + 45)
    assert set(shop.row(first)) & set(shop.row(shop.ask("home", user_id="ana", now=NOW + 50)))
