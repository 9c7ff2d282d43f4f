"""What a customer is shown, and why not the rest."""

from datetime import date

import pytest

from regulars.core.condition import compile_condition
from regulars.core.decision import Suppression
from regulars.core.definitions import Limit, Placement
from regulars.core.errors import Rejected
from regulars.decide import gates, reach
from regulars.decide.call import read_call
from regulars.decide.gates import Gate
from regulars.decide.identity import decided_at, decision_id
from regulars.decide.replay import suppressions
from regulars.decide.reservations import Reservations
from regulars.decide.scoring import response_rate
from regulars.decide.words import item_reason, sentence, spoken
from tests.unit.decide.shop import NOW, customer, decided, offer, shown, table_of

DAY = 86_400_000


def test_each_gate_answers_with_nothing_or_a_suppression() -> None:
    one = offer("o", purpose="personalisation", product="tea", limit=Limit(times=2, days=7), starts="2024-01-01")
    condition = compile_condition("orders >= 3", table_of().rows.schema)
    row = table_of().rows.row([2], frozenset())
    assert gates.placement_gate(one, "foot") == Suppression("o", "placement", "is shown at hero")
    assert gates.placement_gate(one, "hero") is None
    assert gates.schedule_gate(one, date(2023, 12, 31)) == Suppression("o", "schedule", "starts on 2024-01-01")
    assert gates.schedule_gate(one, date(2024, 1, 1)) is None
    assert gates.consent_gate(one, {"analytics": 0}, NOW) == Suppression("o", "consent", "personalisation")
    assert gates.consent_gate(one, {"personalisation": NOW + 1}, NOW) is not None
    assert gates.consent_gate(one, {"personalisation": NOW}, NOW) is None
    assert gates.eligibility_gate(one, condition, row) is not None
    assert gates.eligibility_gate(one, None, row) is None
    assert gates.stock_gate(one, in_stock=False) == Suppression("o", "stock", "tea")
    assert gates.stock_gate(one, in_stock=None) is None
    assert gates.limit_gate(one, 2) == Suppression("o", "limit", "2 of 2 in 7 days")
    assert gates.limit_gate(one, 1) is None
    assert gates.first_no([None, gates.limit_gate(one, 2), gates.stock_gate(one, in_stock=False)]) is not None


def test_the_first_gate_that_says_no_is_the_reason() -> None:
    table = table_of(
        offer("late", starts="2023-11-16", purpose="personalisation"),
        offer("private", purpose="personalisation", when="orders > 5"),
        offer("loyal", when="orders > 5", product="tea"),
        offer("tea", product="tea"),
        offer("elsewhere", placements=("foot",)),
    )
    one = decided(table, in_stock={"tea": False})
    assert shown(table, one) == [None]
    told = {suppression.offer: suppression.gate for suppression in suppressions(table, one, 0)}
    assert told == {"late": "schedule", "private": "consent", "loyal": "eligibility", "tea": "stock"}
    assert one.codes[4] == Gate.PLACEMENT


def test_who_does_not_want_to_be_profiled_gets_what_everybody_gets() -> None:
    offers = (
        offer("private", purpose="personalisation"),
        offer("loyal", when="orders >= 1"),
        offer("over", when="orders >= 1", ends="2020-01-01"),
        offer("everybodys", product="tea"),
    )
    table = table_of(*offers)
    hot = customer(orders=3, consent=["personalisation"])
    hot.restricted = True
    one = decided(table, hot=hot, in_stock={"tea": True})
    assert shown(table, one) == ["everybodys"]
    told = {suppression.offer: suppression.gate for suppression in suppressions(table, one, 0)}
    assert told == {"private": "restricted", "loyal": "restricted", "over": "schedule"}
    assert gates.restriction_gate(offers[0], restricted=True) == Suppression("private", "restricted")
    assert gates.restriction_gate(offers[3], restricted=True) is None


def test_what_a_customer_does_not_want_is_not_offered() -> None:
    table = table_of(offer("tea", product="tea"), offer("near"), offer("fine"))
    hot = customer()
    hot.facts = {"pref.not_again": ["tea"], "pref.too_close": ["near"]}
    one = decided(table, hot=hot, in_stock={"tea": True})
    assert shown(table, one) == ["fine"]
    told = {suppression.offer: suppression.gate for suppression in suppressions(table, one, 0)}
    assert told == {"tea": "not_wanted", "near": "too_close"}


def test_the_hot_path_gives_what_the_single_gates_give() -> None:
    table = table_of(
        offer("a", starts="2023-11-14", ends="2023-11-14"),
        offer("b", ends="2023-11-13"),
        offer("c", purpose="personalisation", when="orders >= 1"),
        offer("d", product="tea", limit=Limit(times=1, days=1)),
    )
    hot = customer(orders=1, consent=["personalisation"])
    seen = decision_id(NOW - 5, bytes(10))
    state = reach.fold([], shown=[(seen, "d", NOW - 5)])
    one = decided(table, hot, reach=state, in_stock={"tea": True})
    row = table.rows.row(hot.values, frozenset())
    for at, each in enumerate(table.offers):
        answer = gates.first_no(
            [
                gates.placement_gate(each, "hero"),
                gates.schedule_gate(each, date(2023, 11, 14)),
                gates.consent_gate(each, hot.consent, NOW),
                gates.eligibility_gate(each, table.conditions[at], row),
                gates.stock_gate(each, in_stock=True),
                gates.limit_gate(each, 1 if each.id == "d" else 0),
            ]
        )
        assert Gate(one.codes[at]).name.lower() == (answer.gate if answer else "passed")


def test_unknown_stock_passes_and_is_said() -> None:
    table = table_of(offer("tea", product="tea"))
    assert decided(table).unknown_stock == (0,)
    assert shown(table, decided(table)) == ["tea"]
    assert decided(table, in_stock={"tea": True}).unknown_stock == ()


def test_the_worth_of_a_reaction_times_its_rate_decides() -> None:
    table = table_of(offer("often", value=100, response_rate=0.05), offer("dear", value=900, response_rate=0.005))
    assert shown(table, decided(table)) == ["often"]


def test_one_call_shows_no_offer_twice() -> None:
    both = ("hero", "foot")
    table = table_of(offer("best", placements=both, value=2), offer("second", placements=both, value=1))
    assert shown(table, decided(table, placements=both)) == ["best", "second"]
    assert shown(table, decided(table, placements=("foot", "hero"))) == ["best", "second"]
    one = decided(table, placements=both)
    assert suppressions(table, one, 1) == [Suppression("best", "placement", "chosen for a placement before")]


def test_a_condition_may_ask_where_it_is_shown() -> None:
    both = ("hero", "foot")
    table = table_of(
        offer("o", placements=both, when="context.placement = 'foot'"),
        offer("mail", placements=both, when="context.channel = 'email'"),
    )
    one = decided(table, placements=both)
    assert shown(table, one) == [None, "o"]
    assert [s.gate for s in suppressions(table, one, 0)] == ["eligibility", "eligibility"]
    assert shown(table, decided(table)) == [None]


def test_days_of_a_limit_are_days_of_the_shop() -> None:
    table = table_of(offer("o", limit=Limit(times=1, days=1)))
    # 23:13 in Berlin: fifty minutes later it is tomorrow, and the limit of one a day is free again.
    seen = decision_id(NOW - 1, bytes(10))
    state = reach.fold([], shown=[(seen, "o", NOW)])
    assert shown(table, decided(table, reach=state, now=NOW + 60_000)) == [None]
    assert shown(table, decided(table, reach=state, now=NOW + 50 * 60_000)) == ["o"]


def test_a_reservation_that_was_never_shown_lapses() -> None:
    table = table_of(offer("o", limit=Limit(times=1, days=7)))
    made = decision_id(NOW, bytes(10))
    state = reach.fold([], decided=[(made, "o")])
    assert shown(table, decided(table, reach=state, now=NOW + reach.LAPSE_MS)) == [None]
    assert shown(table, decided(table, reach=state, now=NOW + reach.LAPSE_MS + 1)) == ["o"]
    state = reach.fold(state, shown=[(made, "o", NOW + 1)])
    assert shown(table, decided(table, reach=state, now=NOW + reach.LAPSE_MS + 1)) == [None]


def test_a_reservation_of_this_process_that_was_folded_counts_once() -> None:
    table = table_of(offer("o", limit=Limit(times=2, days=7)))
    made = decision_id(NOW, bytes(10))
    state = reach.fold([], decided=[(made, "o")])
    assert shown(table, decided(table, reach=state, own=[(made, "o")])) == ["o"]
    other = decision_id(NOW, bytes([1] * 8))
    assert shown(table, decided(table, reach=state, own=[(other, "o")])) == [None]


def test_a_reservation_leaves_when_its_record_is_folded_or_it_lapsed() -> None:
    held = Reservations()
    first = held.reserve(1, "d1", ["o"], time=NOW)
    held.reserve(1, "d2", ["o"], time=NOW)
    held.forget(folded=100, now=NOW)
    assert len(held) == 2, "an offset of 0 is no offset yet"
    first.offset = 7
    held.forget(folded=6, now=NOW)
    assert len(held) == 2
    held.forget(folded=7, now=NOW)
    assert held.of(1) == [("d2", "o")]
    held.forget(folded=7, now=NOW + reach.LAPSE_MS + 1)
    assert not len(held)
    assert held.of(1) == ()


def test_an_exposure_of_a_made_up_decision_is_not_believed() -> None:
    made = decision_id(NOW, bytes(10))
    assert reach.believable(made, NOW + 5)
    assert not reach.believable(made, NOW - 2 * 3_600_000)
    assert not reach.believable("d", NOW)
    assert not reach.believable("x" + made[1:], NOW)


def test_ids_sort_by_time_and_hold_it() -> None:
    early, late = decision_id(NOW, b"\xff" * 8), decision_id(NOW + 1, bytes(10))
    assert early < late
    assert (decided_at(early), decided_at(late)) == (NOW, NOW + 1)


def test_few_showings_change_an_expected_rate_little() -> None:
    assert response_rate(0.02, 5, 5) == pytest.approx(0.0297, abs=1e-4)
    assert response_rate(0.02, 1_000_000, 50_000) == pytest.approx(0.05, abs=1e-3)
    assert response_rate(0.02, 0, 9) == pytest.approx(0.02), "answers without showings are not believed"


def test_a_placement_that_does_not_exist_is_named() -> None:
    with pytest.raises(Rejected, match=r"no placement 'heroo'; known are foot, hero") as caught:
        table_of().plan(["hero", "heroo"], 0)
    assert caught.value.field == "placements[1]"
    with pytest.raises(Rejected, match="asked for twice"):
        table_of().plan(["hero", "hero"], 0)


def test_a_placement_without_offers_gets_none() -> None:
    table = table_of(offer("o"), placements=[Placement(id="hero", offers=False, recommend="blend")])
    assert shown(table, decided(table)) == [None]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b"{}", "placements"),
        (b'{"placements": "hero"}', "placements"),
        (b'{"placements": []}', "placements"),
        (b'{"placements": ["a"], "userid": 1}', "userid"),
        (b'{"placements": ["a"], "basket": [{}]}', "basket[0]"),
        (b'{"placements": ["a"], "events": [1]}', "events[0]"),
        (b'{"placements": ["a"], "context": []}', "context"),
        (b'{"placements": [' + b'"a",' * 60 + b'"a"]}', "placements"),
    ],
)
def test_a_wrong_body_names_its_field(body: bytes, field: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_call(body)
    assert caught.value.field == field


def test_a_basket_holds_texts_numbers_or_lines() -> None:
    call = read_call(b'{"placements": ["a"], "basket": ["tea", 7, {"product_id": "milk", "quantity": 2}]}')
    assert call.products() == ["tea", "7", "milk"]


def test_sentences_in_the_language_of_the_customer() -> None:
    assert spoken("de", "en", ("en", "de")) == "de"
    assert spoken(None, "", ("en", "de")) == "en"
    assert spoken(None, "*;q=x, it", ("de", "en")) == "de"
    together = {"item": "1", "from": "basket"}
    assert item_reason("bought_together", together, {"1": "Tea"}, "en") == "Goes well with Tea in your basket"
    assert item_reason("bought_together", together, {}, "de") == "Wird oft zu Ihren Einkäufen gekauft"
    assert sentence("short.filtered", {"count": 2, "asked": 10}, "de").startswith("2 von 10 Artikeln")
