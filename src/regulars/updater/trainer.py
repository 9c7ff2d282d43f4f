"""Trains the recommendation models again and again, in a niced child of its own: nothing else waits for it."""

import threading
import time
from pathlib import Path

import structlog

from regulars.analyst.client import AnalystClient
from regulars.core.definitions import Definitions
from regulars.core.errors import RegularsError, Rejected
from regulars.flow.models import recommend_folder, versions
from regulars.recommend.store import read_manifest

_LOG = structlog.get_logger("regulars.trainer")
#: What the child runs.
ENTRY = "regulars.analyst.training:train_recommendations"
#: How often the trainer looks, and how long it waits after a training that failed; seconds.
_LOOK_SECONDS, _RETRY_SECONDS = 30.0, 3600.0
#: A shop without models is trained so long after the start; seconds.
FIRST_SECONDS = 600.0


class Trainer:
    """A thread that trains when it is time; nothing happens in a shop that recommends nothing."""

    def __init__(self, data: Path, definitions: Definitions, analyst: AnalystClient, *, hours: float) -> None:
        self._models = data / "models"
        self._wanted = hours > 0 and any(placement.recommend for placement in definitions.placements)
        self._analyst = analyst
        self._seconds = hours * 3600
        self._first = min(FIRST_SECONDS, self._seconds)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="trainer", daemon=True)

    def start(self) -> None:
        """Begin in a thread."""
        if self._wanted:
            self._thread.start()

    def stop(self) -> None:
        """End the thread and the child; a training amid is lost, and what serves goes on serving."""
        self._stopping.set()
        self._analyst.close()
        if self._thread.is_alive():
            self._thread.join(5)

    def _work(self) -> None:
        begun = time.time()
        not_before = begun + self._first
        look = min(_LOOK_SECONDS, self._first)
        while not self._stopping.wait(look):
            if time.time() < max(not_before, self._trained_at() + self._seconds):
                continue
            try:
                figures = self._analyst.train(ENTRY, {})
                _LOG.info("models were trained", **{name: figures[name] for name in _TOLD})
                not_before = time.time()
            except Rejected as error:
                _LOG.info("models were not trained", why=str(error))
                not_before = time.time() + min(_RETRY_SECONDS, self._seconds)
            except (RegularsError, RuntimeError) as error:
                if self._stopping.is_set():
                    return
                _LOG.warning("training failed and is tried again", error=str(error))
                not_before = time.time() + min(_RETRY_SECONDS, self._seconds)

    def _trained_at(self) -> float:
        """When the newest version was trained, s; 0 without any, or where it cannot be read."""
        for name in versions(self._models):
            try:
                return read_manifest(recommend_folder(self._models) / name).trained_at / 1000
            except RegularsError:
                continue
        return 0.0


_TOLD = ("version", "lines", "visits", "products", "seconds")
