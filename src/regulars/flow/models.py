"""Which trained recommendation models serve: a pointer file names the folder, and swapping it swaps the models."""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from regulars.core.errors import Rejected, Unavailable
from regulars.flow.visits import Visits
from regulars.recommend.store import MANIFEST, Manifest, load, read_manifest
from regulars.recommend.training import TrainedSet

CURRENT = "current"
#: Versions that are kept, so that the ones before can serve again.
KEPT = 3
#: What a training does, in this order.
STEPS = ("reading", "orders", "visits", "saving")
_PROGRESS = ".progress.json"
_FORGOTTEN = ".forgotten.json"


def recommend_folder(models: Path) -> Path:
    """Where the recommendation models of a data folder lie: one folder a version, and the pointer."""
    return models / "recommend"


def point(models: Path, version: str) -> None:
    """Let `version` (a folder name) serve; atomic, and durable on return."""
    folder = recommend_folder(models)
    partial = folder / f".{CURRENT}.partial"
    with partial.open("w") as file:
        file.write(version)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / CURRENT)


def versions(models: Path) -> list[str]:
    """The names of the versions that are kept, the newest first."""
    folder = recommend_folder(models)
    if not folder.is_dir():
        return []
    found = (path.name for path in folder.iterdir() if path.is_dir() and (path / MANIFEST).is_file())
    return sorted((name for name in found if not name.startswith(".")), reverse=True)


def prune(models: Path, *, keep: int = KEPT) -> list[str]:
    """Remove all but the newest versions and the one that serves; which ones."""
    serving = current(models)
    gone = [name for name in versions(models)[keep:] if name != serving]
    for name in gone:
        shutil.rmtree(recommend_folder(models) / name)
    return gone


@contextlib.contextmanager
def training(models: Path) -> Iterator[None]:
    """Hold the models against other trainings; readers need nothing. Raises Unavailable while one runs."""
    with _held(recommend_folder(models) / "lock", wait=False):
        with writing(models):  # what was noted for a training that died; this one reads what there is now
            (recommend_folder(models) / _FORGOTTEN).unlink(missing_ok=True)
        yield


@contextlib.contextmanager
def writing(models: Path) -> Iterator[None]:
    """Hold the files against others who write them, for as long as that takes; a training computes without it."""
    with _held(recommend_folder(models) / "writing", wait=True):
        yield


@contextlib.contextmanager
def _held(path: Path, *, wait: bool) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("models are being trained on this data; try again once that is through") from None
        yield


class _Forgotten(msgspec.Struct):
    """Whom a training that runs has to leave out: hashes that only tell whether an owner is meant."""

    salt: str
    hashes: list[str]

    def hashed(self, owner: int) -> str:
        """How an owner is named here."""
        return hashlib.blake2b(owner.to_bytes(8, "big"), digest_size=16, salt=bytes.fromhex(self.salt)).hexdigest()


def note_forgotten(models: Path, owners: Iterable[int]) -> None:
    """Tell the training that runs, if any, to leave these owners out; while `writing` is held."""
    with contextlib.suppress(Unavailable), _held(recommend_folder(models) / "lock", wait=False):
        return
    noted = _noted(models) or _Forgotten(os.urandom(16).hex(), [])
    noted.hashes = sorted({*noted.hashes, *map(noted.hashed, owners)})
    partial = recommend_folder(models) / f"{_FORGOTTEN}.partial"
    partial.write_bytes(msgspec.json.encode(noted))
    partial.replace(recommend_folder(models) / _FORGOTTEN)


def forgotten(models: Path, owners: Iterable[int]) -> list[int]:
    """Which of these owners were to be forgotten since the training that runs began; while `writing` is held."""
    noted = _noted(models)
    if noted is None:
        return []
    hashes = frozenset(noted.hashes)
    return [owner for owner in owners if noted.hashed(owner) in hashes]


def _noted(models: Path) -> _Forgotten | None:
    try:
        return msgspec.json.decode((recommend_folder(models) / _FORGOTTEN).read_bytes(), type=_Forgotten)
    except FileNotFoundError:
        return None


def use(models: Path, version: str) -> str:
    """Let a version that is kept serve; the one that served before.

    Raises Rejected for any other version, Unavailable amid a training.
    """
    known = versions(models)
    if version not in known:
        kept = ", ".join(known) or "none; train first with `regulars train`"
        raise Rejected(f"no version {version!r} is kept; there is {kept}", field="VERSION", expected=kept, got=version)
    with training(models), writing(models):
        before = current(models) or ""
        load(recommend_folder(models) / version)  # what cannot be read must not serve
        point(models, version)
    return before


def earlier(models: Path) -> str | None:
    """The newest version before the one that serves, to roll back to; None where none is kept."""
    serving = current(models)
    return next((name for name in versions(models) if serving is not None and name < serving), None)


class Progress(msgspec.Struct, frozen=True):
    """A training that runs."""

    step: int  # of `STEPS`, from 0
    began: int  # UTC ms
    process: int

    @property
    def name(self) -> str:
        """What is being done."""
        return STEPS[min(self.step, len(STEPS) - 1)]


def note_progress(models: Path, progress: Progress | None) -> None:
    """Tell others how far a training is; None: it is over."""
    path = recommend_folder(models) / _PROGRESS
    if progress is None:
        path.unlink(missing_ok=True)
        return
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(progress))
    partial.replace(path)


def progress(models: Path) -> Progress | None:
    """How far the training that runs is; None while none does. What a dead process left says nothing."""
    try:
        found = msgspec.json.decode((recommend_folder(models) / _PROGRESS).read_bytes(), type=Progress)
        os.kill(found.process, 0)
    except (OSError, msgspec.MsgspecError):
        return None
    return found


def current(models: Path) -> str | None:
    """The name of the serving version; None before the first training."""
    try:
        return (recommend_folder(models) / CURRENT).read_text().strip() or None
    except FileNotFoundError:
        return None


def current_manifest(models: Path) -> Manifest | None:
    """What serves, and how good it is on days that it had not seen."""
    version = current(models)
    return None if version is None else read_manifest(recommend_folder(models) / version)


class Serving:
    """The serving models, memory-mapped; looked for anew when the pointer changes."""

    def __init__(self, models: Path) -> None:
        self._models = models
        self._stamp: tuple[int, int] | None = None
        self.loaded: TrainedSet | None = None  # as it was trained
        self.trained: TrainedSet | None = None  # the same, with what is known since where somebody follows that
        self.version = ""
        self._with = -1  # version of the visits that session models know

    def refresh(self) -> TrainedSet | None:
        """The models that serve now; one `stat` when nothing changed."""
        try:
            stat = (recommend_folder(self._models) / CURRENT).stat()
        except FileNotFoundError:
            return None
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            version = current(self._models)
            if version is not None:
                trained = load(recommend_folder(self._models) / version)
                if trained.sessions is not None:
                    trained.sessions.warm()
                self.loaded = self.trained = trained
                self.version = version
                self._with = -1
            self._stamp = stamp
        return self.trained

    def follow(self, visits: Visits) -> None:
        """Let session models know what came since they were learned, and pass over who is forgotten."""
        trained = self.trained
        if trained is None or trained.sessions is None:
            return
        changed = visits.delta(trained.catalogue, trained.until, self._with)
        if changed is not None:
            self._with, delta = changed
            trained.sessions.use(delta)
