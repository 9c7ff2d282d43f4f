import functools
from collections.abc import Collection
from pathlib import Path

import msgspec
import numpy as np
import pytest

from regulars.core.merchandising import Step
from regulars.decide.words import LANGUAGES, STAFF_NOTES, sentence
from regulars.recommend.assortment import Assortment
from regulars.recommend.interactions import Interactions, Mask
from regulars.recommend.measuring import Latency
from regulars.recommend.model import ReasonCode, Shopper
from regulars.recommend.ranked.examples import CLICKED, Exposed, Happened
from regulars.recommend.ranked.learned import (
    FORM,
    LEAST_EXPOSED,
    LEAST_ROWS,
    MOST_MS,
    RANKER,
    Order,
    Ranked,
    restore,
    timed,
)
from regulars.recommend.ranked.signals import PARTS, SIGNALS, Signaller, facts_of
from regulars.recommend.ranked.teaching import Before, baskets_since, teach, visits_of
from regulars.recommend.sessions.data import Kind, Sessions
from regulars.recommend.sources import Sources, background_of
from regulars.recommend.store import load, save
from regulars.recommend.training import Settings, TrainedSet, train
from tests.unit.recommend.purses import CATALOGUE, GOODS, PRICES, baskets

pytestmark = pytest.mark.slow  # models are trained

ASSORTMENT = Assortment.of(CATALOGUE, GOODS)


@functools.cache
def lines() -> Interactions:
    rows = [
        (person, CATALOGUE.position[product], basket, day)
        for basket, (person, day, products) in enumerate(baskets())
        for product in products
    ]
    person, item, basket, day = np.asarray(rows, np.int32).T
    price = np.asarray([PRICES[CATALOGUE.ids[at]] for at in item.tolist()], np.int64)
    ones = np.ones(len(rows), np.int32)
    return Interactions(person=person, item=item, basket=basket, day=day, quantity=ones, unit_price=price)


@functools.cache
def trained() -> TrainedSet:
    return train(lines(), CATALOGUE, Settings(), goods=GOODS)


@functools.cache
def before() -> Before:
    earlier = trained().earlier
    assert earlier is not None
    return Before(
        trained=earlier,
        lines=lines().before(earlier.last_day + 1),
        sessions=Sessions.of_lists([]),
        looks=None,
        assortment=ASSORTMENT,
    )


@functools.cache
def happened() -> list[Happened]:
    return list(baskets_since(lines(), CATALOGUE, before().trained.last_day + 1))


@functools.cache
def simulated() -> Ranked:
    return teach(before(), happened(), [])


def test_an_order_learned_from_simulated_exposures_says_so_and_serves_because_it_is_better() -> None:
    told = simulated().told
    assert (told.serves, told.why, told.learned_from, told.exposed_rows) == (True, "", "simulated", 0)
    assert told.rows > LEAST_ROWS
    assert told.lead["blend"].low > 0, "prices decide here, and the blend knows none"
    assert set(told.figures) == {RANKER, "all_parts", *PARTS}


def test_the_same_data_teaches_the_same() -> None:
    again = teach(before(), happened(), [])
    assert again.told == simulated().told
    columns = simulated().columns()
    assert columns
    assert all(np.array_equal(one, columns[name]) for name, one in again.columns().items())


def test_without_lightgbm_nothing_is_learned_and_it_is_said_why() -> None:
    found = teach(before(), happened(), [], installed=False)
    assert (found.told.serves, found.told.why, found.trees) == (False, "no_extra", None)


def test_too_little_teaches_nothing() -> None:
    assert teach(before(), happened()[:10], []).told.why == "too_few"


def test_exposures_take_the_place_of_the_simulation_where_there_are_enough() -> None:
    chance = np.random.default_rng(2)
    exposed = []
    for one in happened():
        dear = [PRICES[str(name)] > 1000 for name, _, _ in one.shopper.purchases[:1]]
        items = tuple(chance.choice(CATALOGUE.ids, 8, replace=False).tolist())
        # What fits the purse is clicked, wherever it stands; every slot was drawn with the same chance.
        gains = tuple(CLICKED if dear and (PRICES[item] > 1000) == dear[0] else 0 for item in items)
        exposed.append(Exposed(one.shopper, one.day, one.owner, items, (1 / 72,) * 8, gains))
    assert len(exposed) >= LEAST_EXPOSED
    found = teach(before(), happened(), exposed)
    assert found.told.learned_from == "exposures"
    assert found.told.exposed_rows == len(exposed)
    assert found.told.serves
    few = teach(before(), happened(), exposed[: LEAST_EXPOSED - 1])
    assert (few.told.learned_from, few.told.exposed_rows) == ("simulated", LEAST_EXPOSED - 1)


def test_what_brings_nothing_better_does_not_serve() -> None:
    chance = np.random.default_rng(3)
    exposed = [
        Exposed(one.shopper, one.day, one.owner, items, (1.0,) * 8, tuple(chance.integers(0, 2, 8).tolist()))
        for one in happened()
        if (items := tuple(chance.choice(CATALOGUE.ids, 8, replace=False).tolist()))
    ]
    assert teach(before(), happened(), exposed).told.why == "no_better", "clicks at random order nothing"


def test_the_learned_order_fills_rows_with_the_evidence_of_the_models_and_where_it_comes_from(tmp_path: Path) -> None:
    save(msgspec.structs.replace(trained(), ranked=simulated()), tmp_path / "v1", trained_at=1)
    loaded = load(tmp_path / "v1")
    assert loaded.ranked is not None
    assert loaded.ranked.told == simulated().told
    fitting = {RANKER: 0, "blend": 0}
    for person in range(30):
        bought = [(name, day, 1) for owner, day, names in baskets() if owner == person for name in names]
        sources = Sources(loaded, Shopper(purchases=bought), loaded.last_day + 1)
        best = sources.best(RANKER, 8, (), None)
        assert [score for _, score in best] == sorted((score for _, score in best), reverse=True)
        assert all(score > 0 for _, score in best)
        for name in fitting:
            prices = [PRICES[CATALOGUE.ids[at]] for at, _ in sources.best(name, 8, (), None)]
            fitting[name] += sum(price == (300, 3_000)[person % 2] for price in prices)
        for why in sources.reasons(RANKER, [at for at, _ in best]):
            assert why[-1].code is ReasonCode.RANKED
            assert why[-1].arguments == {"from": "simulated"}
            assert len(why) > 1, "a model named it, and says why"
        assert not {at for at, _ in best} & {at for at, _ in sources.best(RANKER, 8, {at for at, _ in best}, None)}
    assert fitting[RANKER] > 1.1 * fitting["blend"], "more of each person's purse"


@pytest.mark.parametrize("ranked", [None, "rests"])
def test_a_resting_order_leaves_the_row_to_the_blend(ranked: str | None) -> None:
    told = msgspec.structs.replace(simulated().told, serves=False, why="no_better")
    models = msgspec.structs.replace(trained(), ranked=Ranked(told, simulated().trees) if ranked else None)
    sources = Sources(models, Shopper(), 200)
    assert not sources.known(RANKER)
    steps, note = sources.without_resting([Step(((RANKER, 2.0), ("popular", 1.0)))])
    assert [step.models for step in steps] == [(("blend", 2.0), ("popular", 1.0))]
    assert note == ("ranker_rests.no_better" if ranked else "ranker_rests")
    assert sources.best(RANKER, 5, (), None) == []


class Ticking:
    """A clock on which everything takes as long as it says."""

    def __init__(self, milliseconds: float) -> None:
        self._now, self._step = 0.0, milliseconds / 1000

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def test_an_order_that_takes_too_long_rests_and_the_blend_fills_the_row() -> None:
    asked: list[Order] = []
    quick = timed(simulated(), [asked.append] * 20, Ticking(MOST_MS - 0.1))
    assert quick.told.serves
    assert quick.told.cpu_ms == Latency(MOST_MS - 0.1, MOST_MS - 0.1)
    assert len(asked) == 30, "ten to warm up"
    slow = timed(simulated(), [asked.append] * 20, Ticking(MOST_MS + 0.1))
    assert (slow.told.serves, slow.told.why) == (False, "slow")
    sources = Sources(msgspec.structs.replace(trained(), ranked=slow), Shopper(), 200)
    steps, note = sources.without_resting([Step(((RANKER, 1.0),))])
    assert [step.models for step in steps] == [(("blend", 1.0),)]
    assert note == "ranker_rests.slow"
    for language in LANGUAGES:
        assert sentence(note, {}, language) != note
    assert note in STAFF_NOTES, "customers are not told how long we compute"


def test_a_model_that_adds_nothing_is_not_asked() -> None:
    parts = simulated().told.parts
    assert "blend" in parts
    assert not {"neighbours", "viewed_together"} & set(parts), "there were no visits"
    asked: list[str] = []

    class Listening(Sources):
        def best(self, name: str, n: int, hidden: Collection[int], allowed: Mask | None) -> list[tuple[int, float]]:
            asked.append(name)
            return super().best(name, n, hidden, allowed)

    sources = Listening(msgspec.structs.replace(trained(), ranked=simulated()), Shopper(), 200)
    assert sources.best(RANKER, 5, (), None)
    assert set(asked) == {RANKER, *parts} - {"blend"}, "the blend is looked at with its features, once"


def test_an_order_learned_from_other_signals_rests() -> None:
    ranked = simulated()
    old = msgspec.structs.replace(ranked.told, form=FORM - 1)
    assert restore(ranked.columns(), old).trees is None
    assert restore(ranked.columns(), ranked.told).trees is not None


def test_signals_say_how_the_shopper_knows_an_item() -> None:
    sessions = (CATALOGUE.ids[5], CATALOGUE.ids[3])
    shopper = Shopper(purchases=[(CATALOGUE.ids[0], 90, 1)], viewed=sessions, session=sessions)
    sources = Sources(trained(), shopper, 100)
    signaller = Signaller(background_of(trained()), facts_of(ASSORTMENT, 100))
    found = signaller.build(sources, also=[0, 3, 7])
    rows = dict(zip(found.items.tolist(), found.rows.tolist(), strict=True))
    assert found.items.tolist() == sorted(set(found.items.tolist()))
    at = {name: place for place, name in enumerate(SIGNALS)}
    assert rows[0][at["bought_since"]] == pytest.approx(np.log1p(10), abs=1e-5)
    assert rows[3][at["viewed_back"]] == 0
    assert rows[7][at["viewed_back"]] == -1
    assert rows[3][at["margin_share"]] == pytest.approx(0.5)
    assert np.isfinite(found.rows).all()


def test_visits_are_broken_off_and_what_came_after_is_wanted() -> None:
    sessions = Sessions.of(
        np.asarray([1, 1, 1]), np.asarray([4, 5, 6]), kind=np.asarray([Kind.VIEW, Kind.VIEW, Kind.BUY], np.uint8)
    )
    (one,) = visits_of(sessions, CATALOGUE, 50)
    seen = list(one.shopper.session)
    assert seen + [name for name in one.wanted if name not in seen] == [CATALOGUE.ids[at] for at in (4, 5, 6)]
    assert one.wanted[CATALOGUE.ids[6]] == 2
