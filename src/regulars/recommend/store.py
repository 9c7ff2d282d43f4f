"""A trained set as a folder: one .npy file per array, which processes share by memory map, and a manifest.

The folder is written beside its place under another name and then renamed, so that a reader finds a whole set or none.
"""

import hashlib
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from io import BufferedWriter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from regulars.core.errors import Misconfigured, Rejected
from regulars.recommend.assortment import Assortment, packed, unpacked
from regulars.recommend.blend import Blend
from regulars.recommend.bought_together import BoughtTogether
from regulars.recommend.buy_again import BuyAgain
from regulars.recommend.evaluation import Evaluation
from regulars.recommend.features import FEATURES, Models
from regulars.recommend.interactions import Catalogue
from regulars.recommend.model import Column
from regulars.recommend.popular import Popular, Trending
from regulars.recommend.ranked import learned
from regulars.recommend.ranked.learned import RankerTold
from regulars.recommend.registry import columns_of, restore_all
from regulars.recommend.sessions.served import Served, without_owners
from regulars.recommend.training import TrainedSet

FORMAT = 1
MANIFEST = "manifest.json"
_SESSIONS = "sessions"  # begins the names of their arrays
_RANKER = "ranker"  # likewise
_CONVERSION = "orders_per_look"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of models holds, and how good it is."""

    format: int
    version: str  # hash of all arrays: the same lines and settings give the same version
    trained_at: int  # UTC ms
    first_day: int  # shop-local day numbers of the lines
    last_day: int
    lines: int
    learned_from: int  # baskets that the weights were learned from; 0: the starting weights serve
    items: int
    features: tuple[str, ...]
    weights: tuple[float, ...]  # by feature, then the intercept
    arrays: tuple[str, ...]
    evaluation: Evaluation | None  # of a set trained the same way without the held-out days
    visits: int = 0  # that session models were learned from
    blended: bool = False  # whether there were enough to learn an order of theirs
    visits_evaluation: Evaluation | None = None  # of session models fitted without the newest visits
    until: int = 0  # log offset up to which visits were learned from
    seconds: float = 0.0  # that training took
    ranker: RankerTold | None = (
        None  # what the order of all candidates was learned from, how good it is, whether it serves
    )


def save(trained: TrainedSet, folder: Path, *, trained_at: int, seconds: float = 0.0) -> Manifest:
    """Write the set to `folder`, which must not exist yet; `trained_at` is in UTC ms, `seconds` what training took."""
    if folder.exists():
        raise Rejected(f"{folder} exists already; a set is never overwritten, choose a new folder name", field="folder")
    columns = _columns(trained)
    partial = _partial(folder)
    digest = hashlib.sha256()
    for name, column in columns.items():
        digest.update(name.encode() + str(column.dtype).encode() + np.ascontiguousarray(column).tobytes())
        _write(partial, name, column)
    manifest = Manifest(
        format=FORMAT,
        version=digest.hexdigest()[:12],
        trained_at=trained_at,
        first_day=trained.first_day,
        last_day=trained.last_day,
        lines=trained.lines,
        learned_from=trained.learned_from,
        items=len(trained.catalogue),
        features=FEATURES,
        weights=tuple(trained.blend.weights.tolist()),
        arrays=tuple(columns),
        evaluation=trained.evaluation,
        visits=0 if trained.sessions is None else trained.sessions.visits,
        blended=trained.sessions is not None and trained.sessions.blended,
        visits_evaluation=trained.visits_evaluation,
        until=trained.until,
        seconds=seconds,
        ranker=None if trained.ranked is None else trained.ranked.told,
    )
    _write_manifest(partial, manifest)
    partial.rename(folder)
    return manifest


def forget(folder: Path, owners: Collection[int]) -> int:
    """Take the visits of these owners out of the arrays of a folder, which is replaced whole; how many visits.

    Who has the old arrays mapped keeps them until it loads the folder anew; on disk they are gone.
    """
    manifest = read_manifest(folder)
    keys = np.asarray(sorted(owners), np.int64)
    owned = [name for name in manifest.arrays if name.startswith(_SESSIONS) and _of_owners(name)]
    if not any(np.isin(_read(folder / f"{name}.npy", memory_map=True), keys).any() for name in owned):
        return 0
    columns = {name: _read(folder / f"{name}.npy", memory_map=True) for name in manifest.arrays}
    changed, gone = without_owners(_of(columns, _SESSIONS), keys)
    partial = _partial(folder)
    for name, column in columns.items():
        kept = changed[name.removeprefix(_SESSIONS + ".")] if name.startswith(_SESSIONS) else column
        if kept is column:
            (partial / f"{name}.npy").hardlink_to(folder / f"{name}.npy")
        else:
            _write(partial, name, kept)
    _write_manifest(partial, msgspec.structs.replace(manifest, visits=manifest.visits - gone))
    leaving = folder.with_name(f".{folder.name}.leaving")
    shutil.rmtree(leaving, ignore_errors=True)
    folder.rename(leaving)
    partial.rename(folder)
    shutil.rmtree(leaving)
    return gone


def owners_of(trained: TrainedSet) -> list[int]:
    """Whose visits the set holds."""
    columns = {} if trained.sessions is None else trained.sessions.columns()
    owned = [column for name, column in columns.items() if _of_owners(name)]
    return np.unique(np.concatenate(owned)).tolist() if owned else []


def without_visits(trained: TrainedSet, owners: Collection[int]) -> TrainedSet:
    """A set that is not saved yet without the visits of these owners."""
    if trained.sessions is None or not owners:
        return trained
    columns, gone = without_owners(trained.sessions.columns(), np.asarray(sorted(owners), np.int64))
    left = Served.restore(columns) if gone < trained.sessions.visits else None
    return msgspec.structs.replace(trained, sessions=left)


def _of_owners(name: str) -> bool:
    return name.endswith("neighbours.owner")


def _partial(folder: Path) -> Path:
    """An empty folder beside, to be renamed."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _write(folder: Path, name: str, column: Column) -> None:
    with (folder / f"{name}.npy").open("wb") as file:
        np.save(file, column, allow_pickle=False)
        _to_disk(file)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    with (folder / MANIFEST).open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)))
        _to_disk(file)


def read_manifest(folder: Path) -> Manifest:
    """What the folder holds, without loading it."""
    path = folder / MANIFEST
    try:
        found = msgspec.json.decode(path.read_bytes())
        if isinstance(found, dict) and found.get("format", 0) > FORMAT:
            raise Misconfigured(
                f"{path} has format {found['format']}, this version reads {FORMAT}; upgrade Regulars or train again"
            )
        return msgspec.convert(found, Manifest)
    except FileNotFoundError:
        raise Rejected(f"{folder} holds no trained models ({MANIFEST} is missing); run the training first") from None
    except msgspec.MsgspecError as error:
        raise Misconfigured(f"{path} cannot be read: {error}; remove the folder and train again") from None


def load(folder: Path, *, memory_map: bool = True) -> TrainedSet:
    """The set of a folder; with `memory_map` its arrays stay on disk and are shared by all processes that load it."""
    manifest = read_manifest(folder)
    if manifest.features != FEATURES:
        raise Misconfigured(f"{folder} was trained with other features than this version has; train again")
    columns = {name: _read(folder / f"{name}.npy", memory_map=memory_map) for name in manifest.arrays}
    catalogue = Catalogue.of(
        zip(
            unpacked(columns, "catalogue.ids"),
            _picked(unpacked(columns, "catalogue.categories"), columns["catalogue.category"]),
            strict=True,
        )
    )
    categories = Catalogue.of((name, "") for name in catalogue.categories)
    models = Models(
        popular=Popular.restore(catalogue, _of(columns, "popular")),
        trending=Trending.restore(catalogue, _of(columns, "trending")),
        buy_again=BuyAgain.restore(catalogue, _of(columns, "buy_again")),
        category_rhythm=BuyAgain.restore(categories, _of(columns, "category_rhythm")),
        bought_together=BoughtTogether.restore(catalogue, _of(columns, "bought_together")),
    )
    told = _of(columns, "assortment")  # sets trained before there was one have none
    return TrainedSet(
        catalogue=catalogue,
        more=restore_all(Assortment(catalogue, told), columns) if told else {},
        blend=Blend(catalogue, models, np.asarray(manifest.weights)),
        first_day=manifest.first_day,
        last_day=manifest.last_day,
        lines=manifest.lines,
        learned_from=manifest.learned_from,
        evaluation=manifest.evaluation,
        version=manifest.version,
        sessions=Served.restore(_of(columns, _SESSIONS)) if manifest.visits else None,
        visits_evaluation=manifest.visits_evaluation,
        until=manifest.until,
        orders_per_look=columns[_CONVERSION].astype(np.float32, copy=False) if _CONVERSION in columns else None,
        ranked=None if manifest.ranker is None else learned.restore(_of(columns, _RANKER), manifest.ranker),
    )


def _columns(trained: TrainedSet) -> dict[str, Column]:
    """Every array of the set by file name."""
    catalogue = trained.catalogue
    columns: dict[str, Column] = {"catalogue.category": catalogue.category}
    for name, texts in (("ids", catalogue.ids), ("categories", catalogue.categories)):
        columns |= packed(f"catalogue.{name}", texts)
    for name, model in trained.models._asdict().items():
        columns |= {f"{name}.{part}": column for part, column in model.columns().items()}
    columns["blend.weights"] = trained.blend.weights
    if trained.sessions is not None:
        columns |= {f"{_SESSIONS}.{part}": column for part, column in trained.sessions.columns().items()}
    if trained.ranked is not None:
        columns |= {f"{_RANKER}.{part}": column for part, column in trained.ranked.columns().items()}
    if trained.orders_per_look is not None:
        columns[_CONVERSION] = trained.orders_per_look
    return columns | columns_of(trained.more)


def _of(columns: Mapping[str, Column], model: str) -> dict[str, Column]:
    """The arrays of one model."""
    return {name.removeprefix(f"{model}."): column for name, column in columns.items() if name.startswith(f"{model}.")}


def _picked(names: Sequence[str], numbers: Column) -> list[str]:
    return [names[number] for number in numbers.tolist()]


def _read(path: Path, *, memory_map: bool) -> Column:
    """One array; an unreadable file names itself."""
    try:
        found: Any = np.load(path, mmap_mode="r" if memory_map else None, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}; remove its folder and train again") from None
    # A plain view: the class `memmap` makes each small operation slower, and the mapping stays the same.
    return np.asarray(found).view(np.ndarray)


def _to_disk(file: BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())
