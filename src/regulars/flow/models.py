"""Which trained recommendation models serve: a pointer file names the folder, and swapping it swaps the models."""

import os
from pathlib import Path

from regulars.recommend.store import Manifest, load, read_manifest
from regulars.recommend.training import TrainedSet

CURRENT = "current"


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
        self.trained: TrainedSet | None = None
        self.version = ""

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
                self.trained = load(recommend_folder(self._models) / version)
                self.version = version
            self._stamp = stamp
        return self.trained
