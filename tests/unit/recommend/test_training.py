import numpy as np
import pytest

from regulars.core.errors import Rejected
from regulars.recommend.interactions import Interactions
from regulars.recommend.material import Looks
from regulars.recommend.model import Shopper
from regulars.recommend.training import Settings, train, without_lines
from tests.unit.recommend import outfitter
from tests.unit.recommend.shops import CATALOGUE, grocer, lines_of


def test_training_reports_how_good_it_is_on_weeks_it_has_not_seen() -> None:
    trained = train(grocer(), CATALOGUE, Settings(k=2))
    evaluation = trained.evaluation
    assert evaluation is not None
    assert evaluation.cases == 60
    assert evaluation.lead["overall_popularity"]["precision"].low > 0
    assert trained.learned_from > 100
    assert (trained.first_day, trained.last_day) == (0, 19 * 7 + 6)


def test_the_held_out_weeks_do_not_reach_the_evaluated_models() -> None:
    lines = grocer()
    cut = lines.last_day + 1 - 28
    scrambled = lines.item.copy()
    scrambled[lines.day >= cut] = CATALOGUE.position["caviar"]
    columns = {name: getattr(lines, name) for name in lines.__struct_fields__} | {"item": scrambled}
    evaluation = train(Interactions(**columns), CATALOGUE).evaluation
    assert evaluation is not None
    assert evaluation.figures["blend"]["hit_rate"].mean == 0  # nobody bought caviar before, so nobody could know


def test_training_twice_gives_the_same_weights() -> None:
    settings = Settings(holdout_days=0)
    first, second = (train(grocer(), CATALOGUE, settings).blend.weights for _ in range(2))
    assert np.array_equal(first, second)


def test_a_shop_of_one_week_serves_with_the_starting_weights() -> None:
    trained = train(lines_of([(1, 3, ["milk", "bread"]), (2, 5, ["milk"])]), CATALOGUE)
    assert trained.learned_from == 0
    assert trained.evaluation is None
    assert trained.blend.row(Shopper(), n=1, day=6).items[0].item == "milk"


def test_returns_are_not_learned_from() -> None:
    sold = lines_of([(1, 3, ["milk"])])
    returned = lines_of([(1, 3, ["caviar"])], quantity=0)
    both = Interactions(
        **{name: np.concatenate((getattr(sold, name), getattr(returned, name))) for name in sold.__struct_fields__}
    )
    row = train(both, CATALOGUE).blend.row(Shopper(), n=5, day=6)
    assert [item.item for item in row.items] == ["milk"]


def test_training_without_orders_says_so() -> None:
    with pytest.raises(Rejected, match="no order lines to train on"):
        train(lines_of([]), CATALOGUE)


def test_a_line_of_a_product_outside_the_catalogue_is_refused() -> None:
    lines = lines_of([(1, 3, ["milk"])])
    columns = {name: getattr(lines, name) for name in lines.__struct_fields__} | {"item": np.asarray([99], np.int32)}
    with pytest.raises(Rejected, match="names item 99, the catalogue has 10 items"):
        train(Interactions(**columns), CATALOGUE)


def test_columns_of_different_length_are_refused() -> None:
    lines = lines_of([(1, 3, ["milk", "bread"])])
    columns = {name: getattr(lines, name) for name in lines.__struct_fields__} | {"day": np.asarray([3], np.int32)}
    with pytest.raises(Rejected, match="differ in length"):
        Interactions(**columns)


def test_a_shop_without_orders_still_knows_what_is_said_and_what_is_looked_at_together() -> None:
    place = outfitter.CATALOGUE.position
    seen = [place[one] for pair in [("camera_a", "camera_b")] * 20 + [("tripod", "socks")] * 40 for one in pair]
    looks = Looks(np.repeat(np.arange(60, dtype=np.int32), 2), np.asarray(seen, np.int32))
    trained = without_lines(outfitter.CATALOGUE, goods=outfitter.GOODS, looks=looks)
    named = {
        name: [one.item for one in model.recommend(Shopper(viewed=["camera_a"]), n=1, day=outfitter.TODAY)]
        for name, model in trained.more.items()
    }
    assert named["alternatives"] == ["camera_b"]
    assert named["similar"] == ["camera_b"]
    assert named["guides"] == ["which_camera"]
    assert named["new_arrivals"] == ["lens_new"]
