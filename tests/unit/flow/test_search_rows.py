"""Rows that answer a search: in an order for the customer where that is allowed, and by the shop's rules."""

from pathlib import Path
from typing import Any

import pytest

from regulars.catalog.rows import to_row
from regulars.core.catalog import CatalogItem
from regulars.core.definitions import Definitions, EventType, Placement, Purpose, Shop
from regulars.core.errors import Rejected
from regulars.core.log import DECISION
from regulars.core.merchandising import Rule
from regulars.core.state import PRODUCT, Changes
from regulars.decide.call import Call
from regulars.decide.records import unpack
from regulars.flow.answers import Teller
from regulars.flow.models import point, recommend_folder
from regulars.flow.on_decide import Outcome
from regulars.flow.pools import unpack_pool
from regulars.recommend.search import FoundItem, Search
from regulars.recommend.store import save
from tests.property.test_quick_blend import CATALOGUE, TRAINED
from tests.unit.flow.test_on_decide import NOW, TILL, WEB, Running

DAY = 86_400_000
PERSONAL = Placement(id="search", offers=False, recommend="search", items=10, purpose="personalisation")
CONSENT = {"event": "Consent Updated", "properties": {"purposes": {"personalisation": True}}, "userId": "ana"}
#: As relevant as one another, but for the first; in an order that tells nothing of customers.
FOUND = Search([FoundItem("p99", 9.0, exact=True), *(FoundItem(f"p{at}", 5.0) for at in range(100, 112))])


class Asking(Running):
    """A shop that answers searches, with models or without."""

    def __init__(self, folder: Path, *rules: Rule, trained: bool = True, place: Placement = PERSONAL) -> None:
        if trained:
            recommend_folder(folder).mkdir(parents=True, exist_ok=True)
            save(TRAINED, recommend_folder(folder) / "v1", trained_at=1)
            point(folder, "v1")
        names = ("Product Viewed", "Order Completed", "Consent Updated", "Decision Shown")
        definitions = Definitions(
            shop=Shop(name="Corner"),
            sources=(TILL, WEB),
            events=tuple(EventType(name=name, purpose="contract") for name in names),
            purposes=(Purpose(id="personalisation"),),
            placements=(Placement(id="home", offers=False, recommend=("blend", "popular"), items=4), place),
            rules=rules,
            version="v1",
            record_version="r1",
        )
        super().__init__(folder, definitions)
        self.put(*(CatalogItem(id=one, title=one.upper(), price=1000, cost=500) for one in (*CATALOGUE.ids, "newest")))

    def put(self, *items: CatalogItem, at: int = 1) -> None:
        changes = Changes()
        for one in items:
            changes.put(PRODUCT, to_row(one, at))
        self.state.commit(changes, meta={"folded_offset": 10**6 + at})
        self.deciding.refresh()

    def find(self, search: Search | None = FOUND, *, record: bool = True, **said: Any) -> Outcome:
        call = Call(placements=["search"], user_id="ana", query=None if search is None else "words", **said)
        outcome = self.deciding.decide(call, TILL, now=NOW, search=search)
        if record:
            self.log.append(outcome.records)
        return outcome

    def buys(self, *products: str) -> None:
        lines = [{"product_id": one, "quantity": 1, "price": 9.9} for one in products]
        order = {"order_id": "o1", "total": 9.9, "products": lines}
        self.send({"event": "Order Completed", "messageId": "o1", "properties": order, "userId": "ana"},
                  now=NOW - DAY)  # fmt: skip


def shown(outcome: Outcome, place: int = 0) -> list[str]:
    return [one.item for one in outcome.answer.rows[place].items]


def notes(outcome: Outcome) -> list[str]:
    return [code for code, _ in outcome.answer.rows[0].notes]


def test_what_goes_with_the_customers_purchases_comes_first_after_what_matches_exactly(tmp_path: Path) -> None:
    shop = Asking(tmp_path)
    everybodys = shown(shop.find())
    shop.send({**CONSENT, "messageId": "c"}, now=NOW - 2 * DAY)
    shop.buys("p111")
    own = shop.find()
    assert everybodys[0] == shown(own)[0] == "p99"
    assert everybodys[1] == "p101", "sells best"
    assert shown(own)[1] == "p108", "goes with what was bought, and sells less"
    codes = [[reason.code for reason in one.reasons] for one in own.answer.rows[0].items]
    assert codes[0][0] == codes[1][0] == "found"
    assert codes[1][1] == "bought_together"
    teller = Teller(shop.deciding)
    texts = [
        teller.tell(own.answer, language, verified=True).placements["search"].items[1].reasons[0].text  # type: ignore[index]
        for language in ("en", "de")
    ]
    assert texts == ["Fits your search", "Passt zu Ihrer Suche"]


def test_without_consent_the_order_is_everybodys_and_says_so(tmp_path: Path) -> None:
    shop = Asking(tmp_path)
    shop.buys("p111")
    told = shop.find(basket=["p108"])
    assert notes(told)[0] == "no_consent.search"
    assert shown(told) == shown(shop.find())
    assert not told.answer.rows[0].personal
    assert len(shown(told)) == 10


def test_a_search_is_answered_before_the_first_model_is_trained(tmp_path: Path) -> None:
    shop = Asking(tmp_path, trained=False)
    told = shop.find()
    assert shown(told) == [hit.id for hit in FOUND.hits][:10]
    assert "no_model" not in notes(told)
    home = shop.ask("home", user_id="ana")
    assert [code for code, _ in home.answer.rows[0].notes] == ["no_model"]


def test_a_product_newer_than_the_models_is_found(tmp_path: Path) -> None:
    shop = Asking(tmp_path)
    assert shown(shop.find(Search([FoundItem("newest", 3.0), FoundItem("p3", 1.0)])))[0] == "newest"


def test_what_is_in_the_basket_was_viewed_or_is_sold_out_is_found(tmp_path: Path) -> None:
    shop = Asking(tmp_path)
    shop.put(CatalogItem(id="p100", title="P100", price=1000, stock=0), at=2)
    found = Search([FoundItem("p100", 1.0), FoundItem("p101", 1.0)])
    assert set(shown(shop.find(found, basket=["p101"]))) == {"p100", "p101"}


def test_what_stands_elsewhere_on_the_page_is_found(tmp_path: Path) -> None:
    shop = Asking(tmp_path)
    home = shown(shop.ask("home", user_id="ana"))
    call = Call(placements=["home", "search"], user_id="ana", query="words")
    search = Search([FoundItem(one, 1.0) for one in home])
    page = shop.deciding.decide(call, TILL, now=NOW, search=search)
    assert set(shown(page, 1)) == set(shown(page)) == set(home)
    basket = Call(placements=["home", "search"], user_id="bea", query="words", basket=["p1"])
    beside = shop.deciding.decide(basket, TILL, now=NOW, search=Search([])).answer.rows[0]
    assert {code for code, _ in beside.notes} <= {"no_consent"}, "the search is said of its own row alone"
    assert len(beside.items) == 4


@pytest.mark.parametrize(
    ("found", "note"),
    [
        (None, "no_query"),
        (Search([]), "short.found"),
        (Search([FoundItem("p1", 1.0)]), "short.found"),
        (Search([FoundItem("p1", 1.0)], partly=True), "search.partly"),
        (Search([FoundItem("gone", 1.0)]), "short.found"),
    ],
)
def test_an_empty_or_short_answer_says_why(tmp_path: Path, found: Search | None, note: str) -> None:
    assert note in notes(Asking(tmp_path).find(found))


def test_rules_hold_and_those_that_would_hide_what_was_asked_for_only_by_name(tmp_path: Path) -> None:
    rules = (
        Rule(id="no_sharp_knives", kind="exclude", when="item.id = 'p100'"),
        Rule(id="own", kind="boost", when="item.id = 'p107'", factor=50),
        Rule(id="once_only", kind="cool_down", days=30),
        Rule(id="fresh", kind="no_repeat", days=7),
        Rule(id="tip", kind="pin", items=("p5",)),
        Rule(id="one_kind", kind="diversity", per="kind", most=1),
    )
    shop = Asking(tmp_path, *rules)
    shop.send({**CONSENT, "messageId": "c"}, now=NOW - 2 * DAY)
    shop.buys("p101")
    row = shown(shop.find())
    assert "p100" not in row
    assert "p101" in row, "bought a day ago, and asked for now"
    assert "p5" not in row, "nobody asked for it"
    assert row[:2] == ["p99", "p107"], "a boost does not pass what matches exactly"
    named = Asking(tmp_path / "named", *rules[:2], Rule(id="tip", kind="pin", items=("p5",), placements=("search",)))
    assert shown(named.find())[0] == "p5"


def test_the_record_keeps_candidates_and_no_words(tmp_path: Path) -> None:
    shop = Asking(tmp_path)
    told = shop.find(Search([FoundItem("p1", 1.0), FoundItem("p2", 0.5)]))
    (record,) = [unpack(one.body) for one in told.records if one.kind == DECISION]
    assert {CATALOGUE.ids[one.at] for one in unpack_pool(record.rows[0].pool)} == {"p1", "p2"}
    assert b"words" not in told.records[-1].body


def test_a_query_that_no_placement_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="answers a query") as refused:
        Asking(tmp_path).ask("home", user_id="ana", query="milk")
    assert refused.value.field == "query"


def test_as_many_as_the_page_asks_for(tmp_path: Path) -> None:
    told = Asking(tmp_path).find(FOUND._replace(most=3))
    assert len(shown(told)) == 3
    assert "short.found" not in notes(told)
