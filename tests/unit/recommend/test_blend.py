import numpy as np
import pytest

from regulars.core.errors import Rejected
from regulars.recommend.blend import Blend, Shortfall, learn_weights, starting_weights
from regulars.recommend.evaluation import next_baskets
from regulars.recommend.features import FEATURES, FeatureBuilder
from regulars.recommend.model import ReasonCode, Shopper, visit_of
from regulars.recommend.training import Settings, TrainedSet, train
from tests.unit.recommend.shops import CATALOGUE, grocer

REGULAR = Shopper(purchases=[[product, day, 1] for day in (108, 115, 122, 129) for product in ("milk", "bread")])


@pytest.fixture(scope="module")
def trained() -> TrainedSet:
    return train(grocer(), CATALOGUE, Settings(holdout_days=0))


def test_a_regular_sees_the_own_favourites_first_with_the_rhythm_as_reason(trained: TrainedSet) -> None:
    row = trained.blend.row(REGULAR, n=4, day=136)
    assert {item.item for item in row.items[:2]} == {"milk", "bread"}
    assert row.items[0].reasons[0].code is ReasonCode.OWN_RHYTHM
    assert row.shortfall is None


def test_scores_are_chances_and_fall(trained: TrainedSet) -> None:
    scores = [item.score for item in trained.blend.recommend(REGULAR, n=5, day=136)]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)


def test_over_many_shoppers_scores_add_up_to_what_is_bought() -> None:
    lines = grocer(people=150)
    cut = lines.last_day + 1 - 28
    blend = train(lines.before(cut), CATALOGUE, Settings(holdout_days=0)).blend
    cases = list(next_baskets(lines, since=cut))
    foretold = sum(float(blend.score(case.visit).scores.sum()) for case in cases)
    assert foretold == pytest.approx(sum(len(case.bought) for case in cases), rel=0.1)


def test_what_lies_in_the_basket_is_not_recommended_and_what_goes_with_it_rises(trained: TrainedSet) -> None:
    without = {item.item: item.score for item in trained.blend.recommend(REGULAR, n=10, day=136)}
    shopper = Shopper(purchases=REGULAR.purchases, basket=["pasta", "milk"])
    within = {item.item: item for item in trained.blend.recommend(shopper, n=10, day=136)}
    assert not {"pasta", "milk"} & within.keys()
    assert within["sauce"].score > without["sauce"]
    assert within["sauce"].reasons[0].arguments == {"item": "pasta", "from": "basket"}


def test_a_new_shopper_sees_what_is_popular(trained: TrainedSet) -> None:
    row = trained.blend.row(Shopper(), n=3, day=136)
    assert len(row.items) == 3
    assert {reason.code for item in row.items for reason in item.reasons} <= {ReasonCode.POPULAR, ReasonCode.TRENDING}


def test_excluded_products_stay_away_and_the_row_stays_full(trained: TrainedSet) -> None:
    row = trained.blend.row(REGULAR, n=4, day=136, exclude=["milk", "bread", "unknown"])
    assert not {"milk", "bread"} & {item.item for item in row.items}
    assert len(row.items) == 4


def test_a_filter_that_leaves_too_few_is_named(trained: TrainedSet) -> None:
    row = trained.blend.row(REGULAR, n=4, day=136, allowed=CATALOGUE.mask(["sponges", "milk", "detergent"]))
    assert [item.item for item in row.items] == ["milk", "detergent"]  # nobody ever bought sponges
    assert row.shortfall is Shortfall.FILTERED


def test_asking_for_more_than_was_ever_sold_is_named(trained: TrainedSet) -> None:
    row = trained.blend.row(REGULAR, n=50, day=136)
    assert row.shortfall is Shortfall.NOTHING_SOLD
    assert len({item.item for item in row.items}) == len(row.items) == 7


def test_products_that_the_models_have_not_seen_do_not_disturb(trained: TrainedSet) -> None:
    more = Shopper(purchases=[*REGULAR.purchases, ["unicorn", 130, 1]], basket=["unicorn"])
    assert trained.blend.row(more, n=4, day=136) == trained.blend.row(REGULAR, n=4, day=136)


def test_purchases_after_the_day_are_not_known_yet(trained: TrainedSet) -> None:
    early = Shopper(purchases=[line for line in REGULAR.purchases if line[1] <= 115])
    assert trained.blend.row(REGULAR, n=4, day=120) == trained.blend.row(early, n=4, day=120)


def test_own_features_are_zero_for_items_never_bought(trained: TrainedSet) -> None:
    visit = visit_of(CATALOGUE, REGULAR, 136)
    candidates = FeatureBuilder(CATALOGUE, trained.models).build(visit)
    own = [name for name in FEATURES if name.startswith("own")]
    new = ~np.isin(candidates.items, visit.own)
    assert not candidates.rows[[FEATURES.index(name) for name in own]][:, new].any()
    assert np.isfinite(candidates.rows).all()


def test_with_too_few_baskets_the_starting_weights_serve(trained: TrainedSet) -> None:
    weights, learned_from = learn_weights(CATALOGUE, trained.models, [])
    assert learned_from == 0
    assert weights.tolist() == starting_weights().tolist()
    row = Blend(CATALOGUE, trained.models, weights).row(REGULAR, n=3, day=136)
    assert {item.item for item in row.items[:2]} == {"milk", "bread"}


def test_weights_of_another_version_are_refused(trained: TrainedSet) -> None:
    with pytest.raises(Rejected, match="has 3 weights"):
        Blend(CATALOGUE, trained.models, np.zeros(3))


def test_a_shop_whose_first_weeks_these_are_starts_with_the_starting_weights() -> None:
    lines = grocer(people=150)
    first = lines.before(int(lines.day.min()) + 14)  # all of it within the days that weights are learned on
    assert train(first, CATALOGUE, Settings(holdout_days=0)).learned_from == 0
