"""What a decision leaves in the log, and that it can be recomputed."""

import msgspec
import pytest

from regulars.core.decision import DecisionRecord
from regulars.core.definitions import Limit, Placement
from regulars.core.errors import Rejected
from regulars.core.record import Hot
from regulars.decide import reach
from regulars.decide.identity import decision_id, draw, seed_of
from regulars.decide.records import Circumstances, candidates_of, pack, to_record, unpack
from regulars.decide.replay import replay
from regulars.decide.scoring import Responses, scores
from regulars.decide.table import OfferTable
from tests.unit.decide.shop import NOW, customer, decided, encoded, offer, shown, table_of

BOTH = ("hero", "foot")


def recorded(table: OfferTable, hot: Hot, identifier: str, **more: object) -> DecisionRecord:
    one = decided(table, hot, placements=BOTH, identifier=identifier, **more)  # type: ignore[arg-type]
    about = Circumstances(identifier, NOW, 7, table.version, "m1", 99, ["r1"])
    return to_record(one, about, hot, encoded(hot), [["tea"], []])


def shop_with(exploration: float) -> OfferTable:
    return table_of(
        *[offer(f"o{n}", placements=BOTH, value=n % 17, when=f"orders >= {n % 4}") for n in range(40)],
        offer("where", placements=BOTH, when="context.placement = 'foot'", value=99),
        offer("rare", placements=BOTH, value=98, limit=Limit(times=1, days=3)),
        offer("tea", placements=BOTH, value=97, product="tea"),
        placements=[Placement(id=name, exploration=exploration) for name in BOTH],
    )


@pytest.mark.parametrize("exploration", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("with_scores", [True, False])
def test_a_recorded_decision_comes_out_the_same_again(*, exploration: float, with_scores: bool) -> None:
    table = shop_with(exploration)
    again = scores(table.offers, Responses()) if with_scores else None
    seen = decision_id(NOW - 9, bytes(10))
    for number in range(60):
        hot = customer(orders=number % 5)
        limits = reach.fold([], shown=[(seen, "rare", NOW - 9)]) if number % 2 else []
        record = unpack(
            pack(
                recorded(
                    table, hot, decision_id(NOW, bytes([number] * 10)), reach=limits, in_stock={"tea": number % 3 > 0}
                )
            )
        )
        told = replay(record, table, again)
        assert [choice.offer for choice in told] == [table.offers[at].id for _, at, *_ in record.chosen]
        assert [one.id for one in told[0].items] == ["tea"]
        assert sum(candidate.propensity for candidate in told[0].candidates) == pytest.approx(1)


def test_a_record_that_was_changed_does_not_come_out() -> None:
    table = shop_with(0.0)
    record = recorded(table, customer(orders=2), decision_id(NOW, bytes(10)))
    forged = msgspec.structs.replace(record, chosen=[(BOTH[0], 3, 1.0, False, []), record.chosen[1]])
    with pytest.raises(ValueError, match="comes out as"):
        replay(forged, table)
    richer = msgspec.structs.replace(record, hot=encoded(customer(orders=9)))
    with pytest.raises(ValueError, match="gates of the offers"):
        replay(richer, table)
    with pytest.raises(Rejected, match="made with configuration 'v0'"):
        replay(msgspec.structs.replace(record, configuration="v0"), table)


def test_the_record_names_every_candidate_with_its_probability() -> None:
    table = table_of(offer("a", value=3), offer("b", value=5), offer("c", value=4, when="orders > 1"))
    table.placements["hero"] = Placement(id="hero", exploration=0.3)
    one = decided(table)
    about = Circumstances(decision_id(NOW, bytes(10)), NOW, 7, table.version, "", 1)
    record = to_record(one, about, customer(), b"", [[]])
    (listed,) = candidates_of(record, table)
    assert [at for at, _ in listed] == [1, 0]
    assert [share for _, share in listed] == pytest.approx([0.85, 0.15])


def test_a_record_of_300_offers_takes_at_most_2_kb() -> None:
    three = ("hero", "foot", "side")
    table = table_of(
        *[offer(f"offer_{n}", placements=(three[n % 3],), when=f"orders >= {n % 3}", value=n) for n in range(300)],
        placements=[Placement(id=name) for name in three],
    )
    hot = customer(orders=1, segments=[f"segment_{n}" for n in range(25)], consent=["a", "b", "c"])
    hot.values = [n * 1000 for n in range(28)] + [{f"Category {n}": n / 57 for n in range(30)}, 1]
    one = decided(table_of(), placements=())
    assert one.slots == []
    one = decided(table, customer(orders=1), placements=three)
    about = Circumstances(decision_id(NOW, bytes(10)), NOW, 1 << 58, "abcdef12", "v1700000000000", 10**9, ["m" * 36])
    items = [[], [], [f"{1_000_000 + n}" for n in range(10)]]
    assert len(encoded(hot)) > 600
    assert len(pack(to_record(one, about, hot, encoded(hot), items))) <= 2048


def test_the_same_id_gives_the_same_draws_and_another_one_others() -> None:
    ids = [decision_id(NOW, bytes([n] * 10)) for n in range(200)]
    draws = [draw(seed_of(one), "hero") for one in ids]
    assert draws == [draw(seed_of(one), "hero") for one in ids]
    assert all(0 <= one < 1 for one in draws)
    assert len(set(draws)) == 200
    assert 0.4 < sum(draws) / 200 < 0.6
    assert draw(seed_of(ids[0]), "hero") != draw(seed_of(ids[0]), "foot")


def test_exploration_happens_as_often_as_it_says() -> None:
    table = table_of(offer("a", value=2), offer("b", value=1))
    table.placements["hero"] = Placement(id="hero", exploration=0.5)
    chosen = [shown(table, decided(table, identifier=decision_id(NOW, n.to_bytes(2) * 4)))[0] for n in range(4000)]
    assert chosen.count("b") / 4000 == pytest.approx(0.25, abs=0.03)
