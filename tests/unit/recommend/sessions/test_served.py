from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from regulars.recommend.interactions import Catalogue
from regulars.recommend.sessions.blend import Mixing
from regulars.recommend.sessions.compiled import compiled
from regulars.recommend.sessions.data import Delta, Sessions
from regulars.recommend.sessions.neighbours import Neighbouring, Neighbours
from regulars.recommend.sessions.ranker import Ranking
from regulars.recommend.sessions.search import Search
from regulars.recommend.sessions.served import NAMES, Served, without_owners
from regulars.recommend.store import forget, load, read_manifest, save
from regulars.recommend.training import TrainedSet, without_lines
from tests.unit.recommend.sessions.visits import ITEMS, prefixes, sessions

HABITS = [[0, 1, 2], [0, 1], [3, 4, 5], [3, 5], [1, 2]]


def visits(count: int = 60) -> Sessions:
    owners = [1 + number % 7 for number in range(count)]
    return Sessions.of_lists([HABITS[number % len(HABITS)] for number in range(count)], owners=owners)


@pytest.fixture
def trained() -> TrainedSet:
    found = without_lines(Catalogue.of((f"p{number}", "") for number in range(ITEMS)))
    return replace(found, sessions=Served.fit(visits(), ITEMS), until=17)


def test_a_saved_set_answers_the_same(trained: TrainedSet, tmp_path: Path) -> None:
    save(trained, tmp_path / "v1", trained_at=1, seconds=2.5)
    found = load(tmp_path / "v1")
    assert found.sessions is not None
    assert trained.sessions is not None
    assert found.until == 17
    prefix = np.asarray([0], np.int32)
    for name in NAMES:
        told, expected = (one.sessions.model(name).recommend(prefix, 4) for one in (found, trained) if one.sessions)
        assert told.items.tolist() == expected.items.tolist()
        assert np.allclose(told.scores, expected.scores)


def test_with_few_visits_the_neighbours_stand_in_for_the_blend(trained: TrainedSet) -> None:
    assert trained.sessions is not None
    assert trained.sessions.model("session_blend") is trained.sessions.model("neighbours")


@given(found=sessions(least=1), prefix=prefixes, gone=st.sets(st.integers(1, 4), max_size=3))
def test_an_index_without_owners_answers_like_one_that_never_knew_them(
    found: Sessions, prefix: np.ndarray[tuple[int], np.dtype[np.int32]], gone: set[int]
) -> None:
    base = Neighbours.fit(found, ITEMS, compiled=False)
    columns, count = without_owners(base.columns(), np.asarray(sorted(gone), np.int64))
    assert count == int(found.owned_by(gone).sum())
    told = Neighbours.restore(columns, compiled=False).recommend(prefix, 5)
    masked = base.with_delta(Delta(forgotten=frozenset(gone))).recommend(prefix, 5)
    assert told.items.tolist() == masked.items.tolist()
    assert np.allclose(told.scores, masked.scores)


def test_who_is_forgotten_is_in_no_file_of_the_folder(trained: TrainedSet, tmp_path: Path) -> None:
    manifest = save(trained, tmp_path / "v1", trained_at=1)
    key = (3).to_bytes(8, "little")
    assert any(key in path.read_bytes() for path in (tmp_path / "v1").glob("*owner.npy"))
    gone = forget(tmp_path / "v1", [3])
    assert gone == int(visits().owned_by([3]).sum()) > 0
    assert not any(key in path.read_bytes() for path in (tmp_path / "v1").glob("*owner.npy"))
    assert read_manifest(tmp_path / "v1").visits == manifest.visits - gone
    assert forget(tmp_path / "v1", [3]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_once_warm_no_customer_waits_for_a_compiler(trained: TrainedSet, tmp_path: Path) -> None:
    from regulars.recommend.sessions import fast, fast_index, fast_order, fast_signals, fast_sums, fast_trees

    loops = (
        fast.walk, fast.evidence, fast_order.best, fast_signals.signals, fast_trees.score, fast_sums.told,
        fast_index.indexed,
    )  # fmt: skip
    few = Mixing(search=Search(rounds=((2, 20),)), ranking=Ranking(trees=3, least=2))
    blended = Served.fit(visits(400), ITEMS, few, least=10, neighbours=Neighbouring())
    assert blended.blended
    save(replace(trained, sessions=blended), tmp_path / "v1", trained_at=1)
    found = load(tmp_path / "v1").sessions
    assert found is not None
    found.warm()
    before = [len(one.signatures) for one in loops]
    assert all(before)
    found.use(Delta(added=Sessions.of_lists([[1, 2]], owners=[9]), forgotten=frozenset((3,))))
    mask = np.ones(ITEMS, np.bool_)
    for prefix in ([0], [1, 2, 3], [ITEMS - 1]):
        for name in NAMES:
            asked = np.asarray(prefix, np.int32)
            found.model(name).recommend(asked, 4, review=False)
            found.model(name).recommend(asked, ITEMS + 4, exclude=asked[:1], allowed=mask)
            found.model(name).evidence(asked, (1, 2))
            found.model(name).evidence(asked, (ITEMS - 1, ITEMS + 3))
    assert [len(one.signatures) for one in loops] == before


def test_a_numba_that_does_not_work_here_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        raise RuntimeError(f"cannot cache {name}: no locator available")

    monkeypatch.setattr("regulars.recommend.sessions.compiled.import_module", fails)
    compiled.cache_clear()
    try:
        assert compiled() is None
        assert Neighbours.fit(visits(), ITEMS).recommend(np.asarray([0], np.int32), 2).items.tolist()
    finally:
        compiled.cache_clear()
