from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.recommend.interactions import Int32
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.rules import Rules, Ruling
from tests.unit.recommend.sessions.visits import ITEMS, prefix_of, prefixes, sessions


@given(sessions(), sessions(), st.sampled_from(["association", "sequence"]), st.integers(1, 4), prefixes)
def test_rules_with_a_delta_are_those_of_a_fresh_fit(
    base: Sessions, added: Sessions, kind: Any, owner: int, prefix: Int32
) -> None:
    settings = Ruling(kind=kind, kept=None, last=3, age_half_life=7)
    model = Rules.fit(base, ITEMS, settings)
    delta = model.forget(owner, base).then(model.add(added))
    fresh = Rules.fit(delta.apply(base), ITEMS, settings).score(prefix)
    late = model.with_delta(delta).score(prefix)
    shares = [dict(zip(one.items.tolist(), one.scores / one.scores.sum(), strict=True)) for one in (fresh, late)]
    assert shares[0] == pytest.approx(shares[1])


def test_a_sequence_points_forward_and_an_association_both_ways() -> None:
    made = Sessions.of_lists([[0, 1, 2], [0, 1]])
    sequence, association = (Rules.fit(made, ITEMS, Ruling(kind=kind)) for kind in ("sequence", "association"))
    assert sequence.recommend(prefix_of(0), 5).items.tolist() == [1, 2]
    assert sequence.recommend(prefix_of(2), 5).items.tolist() == []
    assert association.recommend(prefix_of(2), 5).items.tolist() == [0, 1]
    evidence = sequence.explain(prefix_of(0), 1)
    assert evidence is not None
    assert evidence.matched == (0,)


def test_rules_are_their_columns() -> None:
    model = Rules.fit(Sessions.of_lists([[0, 1, 2]]), ITEMS, Ruling(last=2))
    restored = Rules.restore(model.columns())
    assert restored.settings == model.settings
    assert restored.recommend(prefix_of(0), 5).items.tolist() == model.recommend(prefix_of(0), 5).items.tolist()


def test_a_forgotten_owner_is_out_of_a_delta_of_deltas() -> None:
    base = Sessions.of_lists([[0, 1], [0, 2]], owners=[1, 2])
    delta = Delta.forget(base, [1]).then(Delta.forget(base, [1, 2]))
    assert len(delta.removed) == 2
    assert Rules.fit(base, ITEMS, Ruling(kept=None)).with_delta(delta).recommend(prefix_of(0), 5).items.tolist() == []
