"""What each model that looks at the assortment is for, with its evidence."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from regulars.core.merchandising import MODELS, SEARCH
from regulars.recommend.assortment import Assortment, Good
from regulars.recommend.bundles import Bundles
from regulars.recommend.complements import Alternatives, Complements
from regulars.recommend.features import Models
from regulars.recommend.interactions import Catalogue
from regulars.recommend.material import AssortmentModel, Looks, Material
from regulars.recommend.model import Shopper
from regulars.recommend.ranked.learned import RANKER
from regulars.recommend.registry import KINDS, fit_all
from regulars.recommend.sessions import served
from regulars.recommend.store import load, save
from regulars.recommend.training import Settings, train
from regulars.recommend.variants import Variants
from tests.unit.recommend.outfitter import ASSORTMENT, CATALOGUE, GOODS, MATERIAL, TODAY, sales
from tests.unit.recommend.shops import CATALOGUE as GROCERIES
from tests.unit.recommend.shops import grocer

FITTED = fit_all(MATERIAL)
YESTERDAY = TODAY - 1


def names(model: str, shopper: Shopper, n: int = 10, exclude: tuple[str, ...] = ()) -> list[str]:
    return [one.item for one in FITTED[model].recommend(shopper, n=n, day=TODAY, exclude=exclude)]


def why(model: str, shopper: Shopper, item: str) -> dict[str, str | int | float]:
    (reason,) = FITTED[model].explain(shopper, item, day=TODAY)
    return reason.arguments


def test_a_placement_can_name_each_model_that_is_trained() -> None:
    of_sets = {*Models._fields, *(kind.name for kind in KINDS), *served.NAMES} - {"category_rhythm"}
    assert set(MODELS) == of_sets | {"blend", SEARCH, RANKER}


# Complements and alternatives ---------------------------------------------------------------------------------------


def test_the_bag_goes_with_the_camera_and_the_other_camera_is_an_alternative() -> None:
    viewing = Shopper(viewed=["camera_a"])
    assert set(names("complements", viewing)) == {"bag", "tripod"}
    assert names("alternatives", viewing) == ["camera_b"]
    assert why("complements", viewing, "bag") == {"item": "camera_a", "from": "viewed"}
    assert why("alternatives", viewing, "camera_b") == {"item": "camera_a", "from": "viewed"}


def test_what_is_bought_after_is_no_reason_for_what_came_before() -> None:
    later_only = sales()
    later_only = later_only.where(~np.isin(later_only.item, CATALOGUE.encode(["tripod"])))
    (bag,) = CATALOGUE.encode(["bag"])
    same_day = (later_only.item == bag) & np.isin(
        later_only.basket, later_only.basket[np.isin(later_only.item, CATALOGUE.encode(["camera_a", "camera_b"]))]
    )
    model = Complements.fit(Material(later_only.where(~same_day), ASSORTMENT))
    assert [one.item for one in model.recommend(Shopper(viewed=["camera_a"]), n=5, day=TODAY)] == ["bag"]
    assert not model.recommend(Shopper(viewed=["bag"]), n=5, day=TODAY)


def test_whoever_bought_a_camera_is_offered_a_bag_and_no_other_camera() -> None:
    owner = Shopper(purchases=[["camera_a", YESTERDAY, 1]])
    assert "bag" in names("complements", owner)
    assert names("alternatives", owner) == []
    assert why("complements", owner, "bag")["from"] == "history"


def test_two_products_looked_at_in_one_visit_are_alternatives_before_anybody_bought_one() -> None:
    (red, blue) = CATALOGUE.encode(["shirt_red_m", "shirt_blue_m"]).tolist()
    others = CATALOGUE.encode(["camera_a", "camera_b", "coat_summer", "coat_winter"]).tolist()
    visits = [(red, blue)] * 8 + [(others[0], others[1])] * 8 + [(others[2], others[3])] * 8
    looks = Looks(np.repeat(np.arange(len(visits), dtype=np.int32), 2), np.asarray(visits, np.int32).ravel())
    model = Alternatives.fit(Material(sales(), ASSORTMENT, looks))
    assert [one.item for one in model.recommend(Shopper(viewed=["shirt_red_m"]), n=5, day=TODAY)] == ["shirt_blue_m"]


# Bundles --------------------------------------------------------------------------------------------------------------


def test_a_set_is_known_with_its_lift_price_and_margin() -> None:
    model = FITTED["bundles"]
    assert isinstance(model, Bundles)
    pair = next(one for one in model.of("bag") if set(one.items) == {"bag", "tripod"})
    assert (pair.price, pair.margin) == (7_000, 5_000)
    lines = MATERIAL.lines
    held = [set(lines.item[lines.basket == one].tolist()) for one in np.unique(lines.basket)]
    bag, tripod = CATALOGUE.encode(["bag", "tripod"]).tolist()
    both = sum({bag, tripod} <= one for one in held)
    expected = sum(bag in one for one in held) * sum(tripod in one for one in held) / len(held)
    assert pair.baskets == both
    assert pair.lift == pytest.approx(both / expected)


def test_a_basket_is_completed_to_a_set() -> None:
    shopper = Shopper(basket=["tripod"])
    assert "bag" in names("bundles", shopper)
    told = why("bundles", shopper, "bag")
    assert told["item"] == "tripod"
    assert told["from"] == "basket"
    assert "tripod" in str(told["items"])


def test_a_set_that_loses_money_is_none() -> None:
    dear = GOODS | {"bag": Good(price=100, cost=9_000)}
    model = Bundles.fit(Material(sales(), Assortment.of(CATALOGUE, dear)))
    assert all("bag" not in one.items or "tripod" not in one.items for one in model.of("bag") if len(one.items) == 2)


# What the catalogue alone tells ---------------------------------------------------------------------------------------


def test_a_new_colour_comes_in_the_size_that_fitted() -> None:
    shopper = Shopper(purchases=[["shirt_red_m", TODAY - 100, 1]])
    assert names("variants", shopper) == ["shirt_blue_m"], "green comes in L alone"
    assert why("variants", shopper, "shirt_blue_m") == {
        "item": "shirt_red_m", "from": "history", "colour": "blue", "size": "M",
    }  # fmt: skip


#: The same shirts, each one product with its sizes, as most shops have them; nobody can buy a red one in M any more.
IN_SIZES = GOODS | {
    "shirt_red_m": Good(style="shirt", colour="red", sizes=("L",), skus=(("red-m", "M"), ("red-l", "L"))),
    "shirt_blue_m": Good(style="shirt", colour="blue", sizes=("M",), skus=(("blue-m", "M"), ("blue-l", "L"))),
    "shirt_green_l": Good(style="shirt", colour="green", sizes=("L",), skus=(("green-l", "L"),)),
}


def test_the_size_that_fitted_is_that_of_the_variant_that_was_kept(tmp_path: Path) -> None:
    bought = Shopper(purchases=[["shirt_red_m", TODAY - 100, 1]])
    assortment = Assortment.of(CATALOGUE, IN_SIZES)
    more = {"later": ("Clothes > Shirts", Good(style="shirt", colour="black", skus=(("black-m", "M"),), sizes=("M",)))}
    save(train(sales(), CATALOGUE, Settings(holdout_days=0), goods=IN_SIZES), tmp_path / "v1", trained_at=1)
    for model in (Variants(assortment), load(tmp_path / "v1").more["variants"], Variants(assortment.grown(more))):

        def row(*kept: str, model: AssortmentModel = model) -> set[str]:
            shopper = msgspec.structs.replace(bought, kept=kept)
            return {one.item for one in model.recommend(shopper, n=5, day=TODAY)} - {"later"}

        assert row("red-m") == {"shirt_blue_m"}
        assert row("red-l") == {"shirt_green_l"}
        assert row("red-m", "red-l") == {"shirt_blue_m", "shirt_green_l"}
        assert row() == row("of-another-shop") == {"shirt_blue_m", "shirt_green_l"}, (
            "one size is left: it tells nothing"
        )
    (told,) = Variants(assortment).explain(msgspec.structs.replace(bought, kept=["red-m"]), "shirt_blue_m", day=TODAY)
    assert told.arguments["size"] == "M"


def test_who_exchanged_a_size_is_offered_the_other_colours() -> None:
    exchanged = [["shirt_red_m", TODAY - 100, 0], ["shirt_red_m", TODAY - 95, 1]]
    assert names("variants", Shopper(purchases=exchanged)) == ["shirt_blue_m"]
    back_again = [["shirt_red_m", TODAY - 100, 1], ["shirt_red_m", TODAY - 90, 0]]
    assert names("variants", Shopper(purchases=back_again)) == []


def test_the_winter_coat_follows_the_summer_coat() -> None:
    shopper = Shopper(purchases=[["coat_summer", TODAY - 100, 1]])
    assert names("variants", shopper) == ["coat_winter"]
    assert why("variants", shopper, "coat_winter")["season"] == "winter"


def test_a_style_that_went_back_is_not_offered_again() -> None:
    assert names("variants", Shopper(purchases=[["shirt_red_m", TODAY - 100, 0]])) == []
    both = Shopper(purchases=[["shirt_red_m", TODAY - 100, 1], ["shirt_green_l", TODAY - 90, 0]])
    assert names("variants", both) == []


def test_products_are_similar_by_what_is_said_of_them() -> None:
    shopper = Shopper(viewed=["camera_a"])
    assert names("similar", shopper)[:1] == ["camera_b"]
    assert why("similar", shopper, "camera_b")["item"] == "camera_a"
    assert "mug_new" not in names("similar", shopper)
    assert not {"how_to_shoot", "which_camera"} & set(names("similar", shopper)), "content is the guides'"


def test_new_arrivals_match_what_was_bought() -> None:
    shopper = Shopper(purchases=[["camera_a", TODAY - 30, 1]])
    assert names("new_arrivals", shopper) == ["lens_new", "mug_new", "shirt_blue_m"]
    assert why("new_arrivals", shopper, "lens_new") == {"days": 5, "from": "brand", "brand": "Optik"}
    assert names("new_arrivals", Shopper()) == ["mug_new", "lens_new", "shirt_blue_m"], "the newest first"
    assert why("new_arrivals", Shopper(), "mug_new") == {"days": 3}


def test_nothing_is_new_for_ever() -> None:
    later = FITTED["new_arrivals"].recommend(Shopper(), n=5, day=TODAY + 100)
    assert later == []


def test_a_wish_comes_before_a_look_and_what_was_bought_is_not_left_behind() -> None:
    left = [("bag", "viewed", 0.5), ("tripod", "wished", 0.5), ("socks", "basket", 0.3), ("camera_a", "viewed", 0.9)]
    shopper = Shopper(left=left, purchases=[["camera_a", TODAY - 3, 1]])
    assert names("left_behind", shopper) == ["tripod", "socks", "bag"]
    assert why("left_behind", shopper, "tripod") == {"from": "wished"}
    assert FITTED["left_behind"].explain(shopper, "camera_a", day=TODAY) == ()
    bought_long_ago = Shopper(left=left, purchases=[["camera_a", TODAY - 300, 1]])
    assert "camera_a" in names("left_behind", bought_long_ago)


def test_a_video_for_the_owner_an_article_for_whoever_chooses_a_tip_for_the_interested() -> None:
    owner = Shopper(purchases=[["camera_a", YESTERDAY, 1]])
    assert names("guides", owner) == ["how_to_shoot"]
    assert why("guides", owner, "how_to_shoot") == {"item": "camera_a", "from": "history"}
    assert names("guides", Shopper(viewed=["camera_b"])) == ["which_camera"]
    dressed = Shopper(purchases=[["socks", YESTERDAY, 1]])
    assert names("guides", dressed) == ["on_shirts"]
    assert why("guides", dressed, "on_shirts") == {"category": "Clothes > Socks"}


def test_content_about_what_went_back_is_not_shown() -> None:
    assert names("guides", Shopper(purchases=[["camera_a", YESTERDAY, 0]])) == []


# All of them ----------------------------------------------------------------------------------------------------------

SHOPPER = Shopper(
    purchases=[["shirt_red_m", TODAY - 50, 1], ["camera_a", YESTERDAY, 1], ["socks", TODAY - 9, 0]],
    basket=["tripod"],
    viewed=["camera_b", "coat_summer"],
    left=[("mug_new", "viewed", 0.4)],
)


def test_saved_models_answer_as_before(tmp_path: Path) -> None:
    trained = train(sales(), CATALOGUE, Settings(holdout_days=0), goods=GOODS)
    save(trained, tmp_path / "models", trained_at=1)
    served = load(tmp_path / "models").more
    assert served.keys() == FITTED.keys()
    for name, model in served.items():
        row = model.recommend(SHOPPER, n=9, day=TODAY)
        assert row == FITTED[name].recommend(SHOPPER, n=9, day=TODAY)
        assert row or name == "alternatives", "the alternative to the camera owned is viewed already"


def test_without_a_word_of_the_catalogue_nothing_fails(tmp_path: Path) -> None:
    shopper = Shopper(purchases=[["pasta", 100, 1]], viewed=["milk"], left=[("bread", "basket", 1.0)])
    save(train(grocer(), GROCERIES, Settings(holdout_days=0)), tmp_path / "models", trained_at=1)
    more = load(tmp_path / "models").more
    rows = {name: [one.item for one in model.recommend(shopper, n=3, day=137)] for name, model in more.items()}
    assert rows["left_behind"] == ["bread"]
    assert not rows["variants"] + rows["guides"] + rows["new_arrivals"] + rows["similar"]


def test_no_lines_and_no_items_fit_a_model_of_nothing() -> None:
    nothing = Catalogue.of([])
    empty = sales().where(np.zeros(len(sales()), np.bool_))
    for model in fit_all(Material(empty, Assortment.of(nothing, {}))).values():
        assert model.recommend(Shopper(viewed=["milk"], left=[("milk", "viewed", 1.0)]), n=3, day=1) == []
