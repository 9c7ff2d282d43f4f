from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regulars.recommend.interactions import Int32
from regulars.recommend.model import Column, Scored
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours
from tests.unit.recommend.sessions.visits import ITEMS, Changed, changes, prefix_of, prefixes, sessions, settings

WAYS = (False, True)


def lists(scored: Scored) -> tuple[list[int], list[float]]:
    return scored.items.tolist(), scored.scores.tolist()


@given(sessions(), settings, prefixes)
def test_the_compiled_walk_gives_the_same_lists_and_scores(made: Sessions, how: Neighbouring, prefix: Int32) -> None:
    plain, compiled = (Neighbours.fit(made, ITEMS, how, compiled=way) for way in WAYS)
    for review in (True, False):
        assert lists(plain.recommend(prefix, 5, review=review)) == lists(compiled.recommend(prefix, 5, review=review))


@given(changes(), settings, prefixes)
def test_the_compiled_way_tells_the_same_evidence(changed: Changed, how: Neighbouring, prefix: Int32) -> None:
    plain, compiled = (Neighbours.fit(changed.base, ITEMS, how, compiled=way) for way in WAYS)
    wanted = [3, 0, 7, 3, ITEMS + 2]
    assert plain.evidence(prefix, wanted) == compiled.evidence(prefix, wanted)
    plain, compiled = (model.with_delta(changed.delta) for model in (plain, compiled))
    assert plain.evidence(prefix, wanted) == compiled.evidence(prefix, wanted)


@given(changes(), settings, st.lists(st.tuples(prefixes, st.booleans()), max_size=4))
def test_what_was_asked_before_changes_no_answer(
    changed: Changed, how: Neighbouring, asked: list[tuple[Int32, bool]]
) -> None:
    for way in WAYS:
        one = Neighbours.fit(changed.base, ITEMS, how, compiled=way).with_delta(changed.delta)
        for prefix, review in asked:
            fresh = Neighbours.fit(changed.base, ITEMS, how, compiled=way).with_delta(changed.delta)
            assert lists(one.recommend(prefix, ITEMS, review=review)) == lists(
                fresh.recommend(prefix, ITEMS, review=review)
            )
            assert one.evidence(prefix, [2, 5]) == fresh.evidence(prefix, [2, 5])


@given(changes(), settings, prefixes)
def test_base_and_delta_answer_like_a_fresh_fit(changed: Changed, how: Neighbouring, prefix: Int32) -> None:
    fresh = Neighbours.fit(changed.delta.apply(changed.base), ITEMS, how, compiled=False)
    for way in WAYS:
        late = Neighbours.fit(changed.base, ITEMS, how, compiled=way).with_delta(changed.delta)
        assert late.recommend(prefix, 6).items.tolist() == fresh.recommend(prefix, 6).items.tolist()
        assert late.explain(prefix, 3) == fresh.explain(prefix, 3)


@given(changes(), settings, settings, prefixes)
def test_an_index_beside_another_answers_like_one_of_its_own(
    changed: Changed, how: Neighbouring, other: Neighbouring, prefix: Int32
) -> None:
    one = Neighbours.fit(changed.base, ITEMS, how)
    own = Neighbours.fit(changed.base, ITEMS, other).with_delta(changed.delta)
    beside = one.with_settings(other).with_delta_of(one.with_delta(changed.delta))
    after = one.with_delta(changed.delta).with_settings(other)
    for found in (beside, after):
        assert lists(found.recommend(prefix, ITEMS)) == lists(own.recommend(prefix, ITEMS))
        assert found.evidence(prefix, [3, 0]) == own.evidence(prefix, [3, 0])


@given(changes(), prefixes)
def test_nothing_of_a_forgotten_owner_remains(changed: Changed, prefix: Int32) -> None:
    delta = changed.delta.then(Delta(forgotten=frozenset((1, 2, 3, 4))))
    late = Neighbours.fit(changed.base, ITEMS, compiled=False).with_delta(delta)
    held_by_nobody = changed.delta.apply(changed.base)
    held_by_nobody = held_by_nobody.where(held_by_nobody.owner == 0)
    assert set(late.recommend(prefix, ITEMS).items.tolist()) <= set(held_by_nobody.item.tolist())


@given(sessions(), settings, prefixes)
def test_filters_hold_and_nothing_comes_twice(made: Sessions, how: Neighbouring, prefix: Int32) -> None:
    model = Neighbours.fit(made, ITEMS, how)
    allowed = np.arange(ITEMS) % 3 > 0
    found = model.recommend(prefix, 4, exclude=prefix_of(1), allowed=allowed, review=False).items.tolist()
    assert len(set(found)) == len(found) <= 4
    assert not set(found) & {1, *prefix.tolist()}
    assert all(allowed[item] for item in found)


def test_what_the_nearest_and_newest_visits_went_on_to_comes_first() -> None:
    made = Sessions.of_lists([[0, 1, 4], [0, 1, 2], [0, 3], [5, 6]], ends=[0, 1000, 1000, 1000])
    model = Neighbours.fit(made, ITEMS, Neighbouring(age_half_life=100))
    found = model.recommend(prefix_of(0, 1), 3, review=False)
    assert found.items.tolist() == [2, 3, 4]
    assert model.recommend(prefix_of(7), 3).items.tolist() == []


def test_the_evidence_names_the_shared_products_and_the_share_of_visits() -> None:
    made = Sessions.of_lists([[0, 1, 2], [1, 2], [1, 3]], ends=[86_400_000, 2 * 86_400_000, 3 * 86_400_000])
    evidence = Neighbours.fit(made, ITEMS, Neighbouring(length=0)).explain(prefix_of(0, 1), 2)
    assert evidence is not None
    assert evidence.matched == (1, 0)
    assert evidence.visits == 2
    assert 2 / 3 < evidence.share < 1
    assert evidence.days_ago(4 * 86_400_000) == 2
    assert Neighbours.fit(made, ITEMS).explain(prefix_of(0), 7) is None


def test_a_model_is_its_columns_also_off_a_memory_map(tmp_path: Path) -> None:
    made = Sessions.of_lists([[0, 1, 2], [1, 2], [1, 3]], owners=[1, 2, 3])
    model = Neighbours.fit(made, ITEMS)
    columns: dict[str, Column] = {}
    for name, column in model.columns().items():
        np.save(tmp_path / f"{name}.npy", column)
        columns[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r").view(np.ndarray)
    for way in WAYS:
        restored = Neighbours.restore(columns, compiled=way).with_delta(model.forget(3))
        assert restored.settings == model.settings
        assert restored.recommend(prefix_of(1), 3).items.tolist() == [2, 0, 1]


@given(changes(), settings, prefixes)
def test_evidence_of_several_items_is_that_of_each(changed: Changed, how: Neighbouring, prefix: Int32) -> None:
    late = Neighbours.fit(changed.base, ITEMS, how).with_delta(changed.delta)
    wanted = [3, 0, 7, 3]
    assert late.evidence(prefix, wanted) == [late.explain(prefix, item) for item in wanted]
    held = set(late.recommend(prefix, ITEMS).items.tolist())
    for item, evidence in zip(wanted, late.evidence(prefix, wanted), strict=True):
        assert (evidence is not None) == (item in held)
