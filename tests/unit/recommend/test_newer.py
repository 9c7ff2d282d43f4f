import msgspec
import numpy as np
import pytest

from regulars.flow.newcomers import Newcomers
from regulars.recommend.assortment import Assortment, Good
from regulars.recommend.model import Shopper
from regulars.recommend.newer import MOST_NEWER, newer_of
from regulars.recommend.similar import Similar
from regulars.recommend.sources import Sources
from regulars.recommend.training import Settings, TrainedSet, train
from tests.unit.recommend.outfitter import ASSORTMENT, CATALOGUE, GOODS, TODAY, sales


@pytest.fixture(scope="module")
def trained() -> TrainedSet:
    return train(sales(), CATALOGUE, Settings(holdout_days=0), goods=GOODS)


CAMERA = Good(brand="Optik", terms=("spiegelreflex", "kamera", "32", "brand=optik"), since=TODAY)
PINK = Good(style="shirt", colour="pink", sizes=("M",), terms=("hemd",), since=TODAY)


def test_a_newer_product_is_named_as_one_that_was_there_at_the_training_would_be(trained: TrainedSet) -> None:
    newer = newer_of(
        trained.more, {"camera_c": ("Photo > Cameras", CAMERA), "shirt_pink_m": ("Clothes > Shirts", PINK)}, 1
    )
    assert newer is not None
    models = msgspec.structs.replace(trained, newer=newer)
    assert models.known.ids[: len(CATALOGUE)] == CATALOGUE.ids
    sources = Sources(models, Shopper(purchases=[("shirt_red_m", TODAY - 50, 1)], viewed=["camera_a"]), TODAY)
    named = {
        name: [models.known.ids[at] for at, _ in sources.best(name, 9, (), None)]
        for name in ("similar", "new_arrivals", "variants")
    }
    assert set(named["similar"][:2]) == {"camera_b", "camera_c"}
    assert named["new_arrivals"][0] == "camera_c"
    assert "shirt_pink_m" in named["variants"], "a new colour, in the size that fitted"
    at = models.known.position["shirt_pink_m"]
    assert sources.reasons("variants", [at])[0][0].arguments["colour"] == "pink"
    assert sources.reasons("similar", [models.known.position["camera_c"]])[0][0].arguments["item"] == "camera_a"
    from_it = Sources(models, Shopper(viewed=["camera_c"]), TODAY)
    assert {models.known.ids[at] for at, _ in from_it.best("similar", 2, (), None)} == {"camera_a", "camera_b"}
    assert from_it.best("complements", 5, (), None) == [], "what learns from sales knows nothing of it"


def test_growing_changes_nothing_for_what_was_there() -> None:
    grown = ASSORTMENT.grown({"camera_c": ("Photo > Cameras", CAMERA)})
    again = grown.grown({"other": ("Kitchen", Good(terms=("tasse", "unheard")))})
    for one in (grown, again):
        count = len(CATALOGUE)
        assert one.indexed == count
        before, after = Similar(ASSORTMENT), Similar(one)
        for item in ("camera_a", "bag", "lens_new"):
            shopper = Shopper(viewed=[item])
            old = before.recommend(shopper, n=20, day=TODAY)
            new = [told for told in after.recommend(shopper, n=20, day=TODAY) if told.item in CATALOGUE.position]
            assert [(told.item, round(told.score, 6)) for told in old] == [(t.item, round(t.score, 6)) for t in new]
    assert np.array_equal(again.since[: len(CATALOGUE)], ASSORTMENT.since)


def test_a_set_trained_before_words_were_kept_grows_without_them() -> None:
    columns = {name: one for name, one in ASSORTMENT.columns().items() if not name.startswith(("vocabulary", "styles"))}
    grown = Assortment(CATALOGUE, columns).grown({"camera_c": ("Photo > Cameras", CAMERA)})
    assert not len(grown.terms[len(CATALOGUE)])
    assert int(grown.brand[-1]) == int(ASSORTMENT.brand[0])
    assert int(grown.style[-1]) == -1


def test_only_so_many_newer_products_are_known(trained: TrainedSet) -> None:
    many = {f"new{number}": ("Kitchen", Good(since=TODAY)) for number in range(MOST_NEWER + 5)}
    newer = newer_of(trained.more, many, 1)
    assert newer is not None
    assert len(newer.catalogue) == len(CATALOGUE) + MOST_NEWER
    assert "new0" not in newer.catalogue.position
    assert newer_of(trained.more, {}, 1) is None


def test_newcomers_are_those_that_the_models_do_not_know_whichever_serve(trained: TrainedSet) -> None:
    newcomers = Newcomers()
    assert newcomers.known(TODAY) is None
    assert newcomers.follow(trained), "everything is to be read"
    assert not newcomers.follow(trained)
    rows = [(name, msgspec.msgpack.encode({"id": name, "title": "Kamera"})) for name in ("camera_a", "camera_c")]
    newcomers.take(rows)
    first = newcomers.known(TODAY)
    assert first is not None
    assert first.known.ids[len(CATALOGUE) :] == ("camera_c",)
    assert newcomers.known(TODAY) is first, "nothing changed"
    newcomers.take(rows[:1])
    assert newcomers.known(TODAY) is first
    other = msgspec.structs.replace(trained, version="older")
    assert newcomers.follow(other)
    assert newcomers.known(TODAY) is other
