import numpy as np
from hypothesis import given

from regulars.recommend.sessions.data import Kind, Sessions
from regulars.recommend.sessions.together import VIEWED_THEN_BOUGHT, VIEWED_TOGETHER, GoesWith, Typed, count
from tests.unit.recommend.sessions.visits import ITEMS, prefix_of, sessions


@given(sessions())
def test_pairs_are_counted_once_a_session_in_both_directions(made: Sessions) -> None:
    counts = count(made, ITEMS, Typed())
    held = np.zeros((len(made), ITEMS))
    for number in range(len(made)):
        held[number, made.items_of(number)] = 1
    both = held.T @ held
    found = np.zeros((ITEMS, ITEMS))
    found[counts.pairs.first, counts.pairs.second] = counts.pairs.weight
    assert np.array_equal(found, both - np.diag(np.diag(both)))
    assert np.array_equal(counts.first, np.diag(both))


def test_what_is_in_every_visit_goes_with_nothing() -> None:
    """The bag (0) is everywhere; camera (1) and film (2) are not, and come together."""
    made = Sessions.of_lists([[0, 1, 2]] * 30 + [[0, 3]] * 60 + [[0, 4]] * 60)
    model = GoesWith.fit(made, ITEMS, VIEWED_TOGETHER)
    assert model.recommend(prefix_of(1), 5).items.tolist() == [2]
    evidence = model.explain(prefix_of(3, 1), 2)
    assert evidence is not None
    assert evidence.matched == (1,)
    restored = GoesWith.restore(model.columns())
    assert restored.recommend(prefix_of(1), 5).items.tolist() == [2]


def test_kinds_are_told_apart_and_old_meetings_fade() -> None:
    viewed, bought = Kind.VIEW, Kind.BUY
    session = np.repeat(np.arange(90), 3)
    # Who views 0 buys 1 after looking at 2; others buy 3.
    item = np.tile([0, 2, 1, 3, 4, 3], 45)
    kind = np.tile([viewed, viewed, bought, viewed, viewed, bought], 45).astype(np.uint8)
    made = Sessions.of(session, item, kind=kind)
    assert GoesWith.fit(made, ITEMS, VIEWED_THEN_BOUGHT).recommend(prefix_of(0), 5).items.tolist() == [1]
    assert GoesWith.fit(made, ITEMS, VIEWED_TOGETHER).recommend(prefix_of(0), 5).items.tolist() == [2]
    faded = GoesWith.fit(made.where(np.arange(90) < 20).plus(made), ITEMS, Typed(age_half_life=1))
    assert faded.recommend(prefix_of(0), 5).items.tolist() == []
