"""Laws of every model that looks at the assortment, whoever asks and whatever is hidden."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regulars.recommend.model import Shopper
from regulars.recommend.registry import fit_all
from tests.unit.recommend.outfitter import ASSORTMENT, CATALOGUE, MATERIAL, TODAY

MODELS = fit_all(MATERIAL)
IDS = st.sampled_from((*CATALOGUE.ids, "nobody_has_it"))
SHOPPERS = st.builds(
    Shopper,
    purchases=st.lists(st.tuples(IDS, st.integers(TODAY - 300, TODAY + 2), st.integers(0, 2)), max_size=6),
    basket=st.lists(IDS, max_size=3),
    viewed=st.lists(IDS, max_size=4),
    left=st.lists(
        st.tuples(IDS, st.sampled_from(["viewed", "basket", "removed", "wished", "heard"]), st.floats(0, 1)), max_size=4
    ),
)


@given(
    shopper=SHOPPERS,
    n=st.integers(0, 8),
    exclude=st.lists(IDS, max_size=4),
    gone=st.sets(st.integers(0, len(CATALOGUE) - 1), max_size=8),
)
def test_rows_keep_what_is_hidden_out_are_best_first_and_say_why(
    shopper: Shopper, n: int, exclude: list[str], gone: set[int]
) -> None:
    allowed = np.ones(len(CATALOGUE), np.bool_)
    allowed[sorted(gone)] = False
    bought = shopper.purchases
    hidden = {*exclude, *shopper.basket, *(CATALOGUE.ids[at] for at in gone)}
    back = {
        item
        for item, day, quantity in shopper.purchases
        if quantity == 0 and day <= TODAY and not any(one == item and day < on <= TODAY and n for one, on, n in bought)
    }
    for name, model in MODELS.items():
        row = model.recommend(shopper, n=n, day=TODAY, exclude=exclude, allowed=allowed)
        items = [one.item for one in row]
        assert len(items) == len(set(items)) <= n
        assert hidden.isdisjoint(items)
        assert back.isdisjoint(items), "nothing comes again that went back and was not bought anew"
        assert [one.score for one in row] == sorted((one.score for one in row), reverse=True)
        kinds = {bool(ASSORTMENT.products[CATALOGUE.position[one]]) for one in items}
        assert kinds <= {name != "guides"}
        assert all(one.reasons and one.model == name for one in row)
        assert all(model.explain(shopper, one.item, day=TODAY) == one.reasons for one in row)
        assert row == model.recommend(shopper, n=n, day=TODAY, exclude=exclude, allowed=allowed)
