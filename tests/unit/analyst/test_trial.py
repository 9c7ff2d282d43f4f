"""A rule is tried on recorded decisions: what it changed, what is too little to tell, and what rules did to one."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from regulars.adapters.log.appending import FileLog
from regulars.analyst.client import DECODER
from regulars.analyst.protocol import RowRules, Setup
from regulars.analyst.trial import dry_run, recorded_row_rules
from regulars.analyst.work import Workbench
from regulars.core.definitions import Definitions
from regulars.core.log import DECISION
from regulars.core.merchandising import Rule, Trial
from tests.unit.flow.test_on_decide import NOW
from tests.unit.flow.test_rules_in_decisions import Corner

DAY = 86_400_000
TIP = Rule(id="tip", kind="pin", items=("p40",), position=1, placements=("home",))
DEAR = Rule(id="dear", kind="exclude", when="item.id in ('p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8', 'p9')")


class Shop:
    """Forty customers who were decided for, saw their rows, and clicked on what stood first."""

    def __init__(self, root: Path) -> None:
        models = root / "models"
        self.root = root
        self.corner = Corner(models, (TIP, DEAR), log=FileLog(root / "log"))
        self.ids: list[str] = []
        for number in range(40):
            who = f"c{number}"
            bought = [{"product_id": f"p{number * 3 % 160}", "quantity": 1, "price": 9.9}]
            properties = {"order_id": f"o{who}", "total": 9.9, "products": bought}
            order = {"event": "Order Completed", "messageId": f"o{who}", "properties": properties, "userId": who}
            self.corner.send(order, now=NOW - 9 * DAY)
            outcome = self.corner.ask("home", user_id=who)
            self.ids.append(outcome.id)
            said = {"decision_id": outcome.id, "placement": "home"}
            first = self.corner.row(outcome)[0]
            clicked = {**said, "product_id": first, "position": 1}
            self.corner.send(
                {"event": "Decision Shown", "messageId": f"s{who}", "properties": said, "userId": who},
                {"event": "Product Clicked", "messageId": f"k{who}", "properties": clicked, "userId": who},
                now=NOW + 1,
            )
        self.corner.updater.run()

    @property
    def definitions(self) -> Definitions:
        return self.corner.definitions

    def bench(self) -> Workbench:
        setup = Setup(definitions=self.definitions, decoder=DECODER, memory="200MB", threads=1)
        return Workbench(self.root, setup)

    def tried(self, *rules: Rule, ids: list[str]) -> Trial:
        other = msgspec.structs.replace(self.definitions, rules=rules)
        return dry_run(
            self.bench(), definitions=self.definitions, other=other, tried=ids, since=NOW - 1000, until=NOW + DAY
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("trial"))
    yield made
    made.corner.state.close()


def test_rows_come_out_as_recorded_by_the_rules_of_then(shop: Shop) -> None:
    found = shop.tried(TIP, ids=["dear"])
    assert (found.decisions, found.rows, found.untold) == (40, 40, {})
    assert found.agreement == 1.0


def test_a_rule_that_is_taken_away_tells_what_it_had_changed_with_its_cost_in_clicks(shop: Shop) -> None:
    (home,) = shop.tried(DEAR, ids=["tip"]).placements
    assert (home.placement, home.rows, home.seen, home.recorded_clicks) == ("home", 40, 40, 40)
    assert home.changed == 40, "the pin stands first in every row"
    assert home.added == 40, "with the rule, the pinned item is in"
    assert home.clicks is not None
    assert home.clicks.low <= home.clicks.value <= home.clicks.high
    assert home.clicks.value > 0, "what was clicked is what the rule put there"
    assert home.margin is None, "no order followed a click: not enough data"


def test_a_new_rule_is_tried_before_it_is_in_the_shop(shop: Shop) -> None:
    popular = Rule(id="less", kind="exclude", when="item.id in ('p0', 'p10', 'p12', 'p20', 'p24')")
    (home,) = shop.tried(TIP, DEAR, popular, ids=["less"]).placements
    assert home.rows == 40
    assert home.removed > 0
    nothing = Rule(id="none", kind="exclude", when="item.price < 0")
    (same,) = shop.tried(TIP, DEAR, nothing, ids=["none"]).placements
    assert (same.changed, same.removed, same.added) == (0, 0, 0)
    assert same.clicks is not None
    assert same.clicks.value == 0


def test_where_nothing_was_decided_nothing_is_told(shop: Shop) -> None:
    other = msgspec.structs.replace(shop.definitions, rules=(DEAR,))
    until = NOW + 1
    found = dry_run(
        shop.bench(), definitions=shop.definitions, other=other, tried=["tip"], since=until, until=until + 1
    )
    assert found.rows == 0
    assert found.placements == []


def test_a_recorded_decision_says_which_rule_took_what_out_and_moved_what(shop: Shop) -> None:
    raw = recorded_row_rules(shop.bench(), shop=msgspec.to_builtins(shop.definitions), decision=shop.ids[3], since=NOW)
    (row,) = msgspec.convert(raw, list[RowRules])
    assert row.placement == "home"
    assert row.moved["tip"] == ["p40"]
    assert set(row.removed) <= {"dear"}
    record = next(one for one in shop.corner.log.read(0, records=1000) if one.kind == DECISION)
    assert len(record.body) <= 2048
