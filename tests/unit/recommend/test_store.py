import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from regulars.core.errors import Misconfigured, Rejected
from regulars.recommend.model import Model, Shopper
from regulars.recommend.store import MANIFEST, load, read_manifest, save
from regulars.recommend.training import TrainedSet, train
from tests.unit.recommend.shops import CATALOGUE, grocer

SHOPPER = Shopper(purchases=[["milk", 130, 1], ["milk", 123, 2], ["detergent", 100, 1]], basket=["pasta"])


@pytest.fixture(scope="module")
def trained() -> TrainedSet:
    return train(grocer(), CATALOGUE)


@pytest.mark.parametrize("memory_map", [True, False])
def test_a_loaded_set_answers_as_the_one_that_was_saved(
    trained: TrainedSet, tmp_path: Path, *, memory_map: bool
) -> None:
    save(trained, tmp_path / "models", trained_at=1)
    served = load(tmp_path / "models", memory_map=memory_map)
    assert served.blend.row(SHOPPER, n=6, day=137) == trained.blend.row(SHOPPER, n=6, day=137)
    pairs: list[tuple[Model, Model]] = list(zip(served.models, trained.models, strict=True))
    for model, original in pairs:
        for name, column in original.columns().items():
            assert np.array_equal(model.columns()[name], column)


def test_orders_per_look_are_saved_where_they_are_known(trained: TrainedSet, tmp_path: Path) -> None:
    rates = np.linspace(0.5, 2.0, len(CATALOGUE), dtype=np.float32)
    save(msgspec.structs.replace(trained, orders_per_look=rates), tmp_path / "known", trained_at=1)
    save(trained, tmp_path / "unknown", trained_at=1)
    known = load(tmp_path / "known").orders_per_look
    assert known is not None
    assert np.array_equal(known, rates)
    assert load(tmp_path / "unknown").orders_per_look is None


def test_processes_share_the_arrays_by_memory_map(trained: TrainedSet, tmp_path: Path) -> None:
    save(trained, tmp_path / "models", trained_at=1)
    owner: object = load(tmp_path / "models").models.popular.rate
    while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
        owner = owner.base
    assert isinstance(owner, np.memmap)


def test_the_manifest_holds_the_figures_for_the_console(trained: TrainedSet, tmp_path: Path) -> None:
    written = save(trained, tmp_path / "models", trained_at=1_700_000_000_000)
    manifest = read_manifest(tmp_path / "models")
    assert manifest == written
    assert manifest.trained_at == 1_700_000_000_000
    assert manifest.evaluation == trained.evaluation
    assert load(tmp_path / "models").version == manifest.version


def test_the_version_is_that_of_the_content(trained: TrainedSet, tmp_path: Path) -> None:
    first = save(trained, tmp_path / "first", trained_at=1)
    second = save(trained, tmp_path / "second", trained_at=2)
    other = save(train(grocer(seed=4), CATALOGUE), tmp_path / "third", trained_at=1)
    assert first.version == second.version != other.version


def test_a_set_is_never_overwritten(trained: TrainedSet, tmp_path: Path) -> None:
    save(trained, tmp_path / "models", trained_at=1)
    with pytest.raises(Rejected, match="exists already"):
        save(trained, tmp_path / "models", trained_at=2)


def test_what_an_interrupted_save_left_is_replaced(trained: TrainedSet, tmp_path: Path) -> None:
    (tmp_path / ".models.partial").mkdir()
    (tmp_path / ".models.partial" / "half.npy").write_bytes(b"half")
    save(trained, tmp_path / "models", trained_at=1)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_folder_without_models_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="run the training first"):
        load(tmp_path)


def test_a_folder_of_a_newer_version_says_so(trained: TrainedSet, tmp_path: Path) -> None:
    save(trained, tmp_path / "models", trained_at=1)
    path = tmp_path / "models" / MANIFEST
    path.write_text(json.dumps({"format": 2, "whatever": "comes"}), encoding="utf-8")
    with pytest.raises(Misconfigured, match="format 2, this version reads 1"):
        load(tmp_path / "models")


@pytest.mark.parametrize("name", [MANIFEST, "popular.rate.npy"])
def test_a_damaged_file_is_named(trained: TrainedSet, tmp_path: Path, name: str) -> None:
    save(trained, tmp_path / "models", trained_at=1)
    (tmp_path / "models" / name).write_bytes(b"{")
    with pytest.raises(Misconfigured, match=rf"{name} cannot be read"):
        load(tmp_path / "models")
