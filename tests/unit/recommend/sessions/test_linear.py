import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regulars.recommend.interactions import Int32
from regulars.recommend.sessions.data import Sessions
from regulars.recommend.sessions.linear import Linear, Regression
from regulars.recommend.sessions.together import GoesWith, Typed
from tests.unit.recommend.sessions.visits import ITEMS, prefix_of, prefixes, sessions


@given(sessions())
def test_regressions_over_all_products_are_the_closed_form_solution(made: Sessions) -> None:
    """EASE without the target in its own regression: (G + ridge) b = g, product by product."""
    held = np.zeros((len(made), ITEMS))
    for number in range(len(made)):
        held[number, made.items_of(number)] = 1
    held *= np.exp2((made.end - made.end[-1:]) / 10)[:, None] ** 0.5
    both = held.T @ held
    model = Linear.fit(made, ITEMS, Regression(ridge=2, around=ITEMS, age_half_life=10, last=1))
    for target in range(ITEMS):
        near = [other for other in range(ITEMS) if other != target and both[other, target] > 0]
        weight = np.linalg.solve(both[np.ix_(near, near)] + 2 * np.eye(len(near)), both[near, target])
        found = {item: dict(zip(*(column.tolist() for column in model.base.of(item)), strict=True)) for item in near}
        assert np.allclose([found[item][target] for item in near], weight, atol=1e-6)


def test_what_is_explained_by_another_product_gets_less_weight() -> None:
    """Sponges come with detergent and not with milk, however many take milk with detergent."""
    made = Sessions.of_lists([[0, 1, 2]] * 20 + [[0, 1]] * 20 + [[1, 2]] * 20 + [[0]] * 30)
    model = Linear.fit(made, ITEMS, Regression(ridge=1))
    scores = {item: dict(zip(*map(list, model.base.of(item)), strict=True)) for item in (0, 1)}
    assert scores[1][2] > 2 * abs(scores[0][2])
    assert model.recommend(prefix_of(1), 1, review=False).items.tolist() in ([2], [0])


@given(sessions(), prefixes, st.lists(st.integers(-1, ITEMS + 2), max_size=6))
def test_the_compiled_way_tells_the_same_evidence(made: Sessions, prefix: Int32, wanted: list[int]) -> None:
    linear, together = Linear.fit(made, ITEMS), GoesWith.fit(made, ITEMS, Typed(least_together=0, least_ratio=0))
    for model in (linear, together):
        plain = type(model)(model.base, model.settings, compiled=False)
        for _ in range(2):  # what was asked before leaves nothing behind
            assert model.evidence(prefix, wanted) == plain.evidence(prefix, wanted)


def test_long_sessions_count_by_their_last_products() -> None:
    made = Sessions.of_lists([[7, 0, 1, 2, 0]])
    model = Linear.fit(made, ITEMS, Regression(longest=3))
    assert sorted(model.base.item.tolist()) == [0, 0, 1, 1, 2, 2]
    restored = Linear.restore(model.columns())
    assert restored.recommend(prefix_of(0), 5).items.tolist() == model.recommend(prefix_of(0), 5).items.tolist()
