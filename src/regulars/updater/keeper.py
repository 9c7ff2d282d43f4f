"""What the updater has done beside folding: sealing into the lake, the profile table, compaction.

The work runs in the child process for analysis, asked by a thread; what it wrote is committed by the thread that folds,
the one writer of the state.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import structlog

from regulars.analyst import bookkeeping
from regulars.analyst.client import AnalystClient
from regulars.core.errors import RegularsError, Unavailable
from regulars.core.lake import Drop
from regulars.core.state import CHANGED, FOLDED, LAKE_DROP, PROFILES_BUILT, SEALED, Changes, State, StateReader
from regulars.flow import generation, lake_drops
from regulars.runtime import Settings
from regulars.updater import sharing
from regulars.updater.eraser import Eraser
from regulars.updater.unlearning import Unlearning

_LOG = structlog.get_logger("regulars.keeper")
_LOOK_SECONDS = 0.5
#: Pause after work failed; seconds.
_RETRY_SECONDS = 10.0


class Listing(NamedTuple):
    """What the child wrote, to be committed by the writer."""

    changes: Callable[[], Changes]  # asked for on the writer's thread
    meta: dict[str, object]
    done: threading.Event


class Keeper:
    """Keeps the lake and the profile table up to date."""

    def __init__(
        self, settings: Settings, state: StateReader, analyst: AnalystClient, *, today: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._state = state
        self._analyst = analyst
        self._today = today
        self._listings: queue.SimpleQueue[Listing] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._unlearning = Unlearning(state, analyst, commit=lambda changes: self._hand_over(changes, {}))
        self._eraser = Eraser(
            settings.data,
            state,
            analyst,
            commit=lambda changes: self._hand_over(changes, {}),
            seal=self._seal_up_to,
            unlearn=self._unlearning.work,
            today=today,
        )
        self.error = ""

    def start(self) -> None:
        """Begin in a thread."""
        self._thread.start()

    def commit(self, state: State) -> bool:
        """Commit what is finished; on the thread that folds. Whether there was anything."""
        try:
            listing = self._listings.get_nowait()
        except queue.Empty:
            return False
        state.commit(listing.changes(), meta=listing.meta)
        listing.done.set()
        return True

    def stop(self) -> None:
        """End the thread and the child; files that are not listed yet are removed at the next start."""
        self._stopping.set()
        self._analyst.close()
        self._thread.join(5)

    def _work(self) -> None:
        settings = self._settings
        now = time.monotonic()
        sealed, counted, compacted = now, now, now
        swept = False
        while not self._stopping.wait(_LOOK_SECONDS):
            now = time.monotonic()
            try:
                if not swept:
                    swept = self._sweep_at_start()
                tail = self._offset(FOLDED) - self._offset(SEALED)
                if tail and (now - sealed >= settings.seal_seconds or tail >= settings.seal_records):
                    self._seal()
                    sealed = now
                self._eraser.work()
                self._unlearning.work()
                if self._state.select(LAKE_DROP, limit=1):
                    self._drop()
                if now - counted >= settings.profile_table_seconds:
                    self._count()
                    counted = now
                if now - compacted >= settings.compact_seconds:
                    self._compact()
                    compacted = now
                self.error = ""
            except (RegularsError, RuntimeError) as error:
                # A defect of the child is told and tried again: folding goes on, and the log keeps what is not sealed.
                if self._stopping.is_set():
                    return
                if str(error) != self.error:
                    _LOG.warning("keeping the lake failed and is tried again", error=str(error))
                self.error = str(error)
                self._stopping.wait(_RETRY_SECONDS)

    def _seal(self) -> None:
        for after, until in self._ranges():
            done = self._analyst.seal(after, until)
            changes, meta = bookkeeping.sealed(done)
            if done.missing:
                _LOG.warning("late events whose records the log has forgotten", events=len(done.missing))
            self._list(changes, meta)

    def _ranges(self) -> Iterator[tuple[int, int]]:
        until = self._offset(FOLDED)
        while not self._stopping.is_set() and (after := self._offset(SEALED)) < until:
            yield after, until

    def _count(self) -> None:
        if self._state.select(CHANGED, limit=1):
            serving = generation.definitions(self._state)
            version = None if serving is None else serving.record_version
            built = self._state.meta(PROFILES_BUILT)
            # After a back-fill every row is another; that the table has the same columns does not tell.
            done = self._analyst.update_profiles(as_of=self._today(), rebuild=built not in (None, version))
            self._list(bookkeeping.profiles(done, self._state), {PROFILES_BUILT: version})

    def _compact(self) -> None:
        done = self._analyst.compact(today=self._today())
        if done.parts or done.replaced:
            self._list(bookkeeping.compacted(done), {})
            self._analyst.sweep()

    def _drop(self) -> None:
        """Take out of the lake what commands and ticks asked for (flow.lake_drops), once what came before is sealed."""
        self._seal_up_to(max(offset for (offset, _), _ in self._waiting()))
        # Read again: what a late consent spared meanwhile may have been sealed just now.
        asked = [(key, drop) for key, drop in self._waiting() if key[0] <= self._offset(SEALED)]
        with contextlib.closing(sharing.Pair(self._state, self._analyst)) as pair:
            done = pair.drop([drop for _, drop in asked])

        def as_asked() -> Changes:
            wanted = set(asked) <= set(self._waiting())
            return bookkeeping.dropped(done, [key for key, _ in asked]) if wanted else Changes()

        self._hand_over(as_asked, {})
        self._analyst.sweep()
        _LOG.info("rows were taken out of the lake", removed=done.removed, files=len(done.replaced))

    def _waiting(self) -> list[tuple[tuple[int, int], Drop]]:
        return list(zip(*lake_drops.waiting(self._state.select(LAKE_DROP)), strict=True))

    def _seal_up_to(self, offset: int) -> None:
        while self._offset(SEALED) < offset and not self._stopping.is_set():
            self._seal()

    def _sweep_at_start(self) -> bool:
        """Remove what a process that died had written and not listed."""
        if any((self._settings.data / "lake").rglob("*.parquet")):
            self._analyst.sweep()
        return True

    def _list(self, changes: Changes, meta: dict[str, object]) -> None:
        self._hand_over(lambda: changes, meta)

    def _hand_over(self, changes: Callable[[], Changes], meta: dict[str, object]) -> None:
        """Hand over what is to be committed, and wait until it is."""
        listing = Listing(changes, meta, threading.Event())
        self._listings.put(listing)
        while not listing.done.wait(0.1):
            if self._stopping.is_set():
                raise Unavailable("the updater stops; what is begun goes on at the next start")

    def _offset(self, key: str) -> int:
        value = self._state.meta(key)
        return value if isinstance(value, int) else 0
