"""Run the updater: fold what the log has, then wait for more; a graceful end after the batch at hand."""

import os
import threading
import time
from collections.abc import Sequence

import structlog

from regulars.analyst.client import AnalystClient
from regulars.core.errors import RegularsError, Unavailable
from regulars.core.state import State
from regulars.flow.updater import Updater
from regulars.runtime import Settings
from regulars.runtime.build import existing_folder, open_state, read_log, read_state
from regulars.runtime.processes import Collecting, end_with_parent, exit_code, logging_to_stderr, stop_on_signals
from regulars.runtime.settings import from_argument
from regulars.runtime.status import StatusFile
from regulars.shop import load
from regulars.updater.beside import Beside, processors
from regulars.updater.keeper import Keeper
from regulars.updater.trainer import Trainer

_LOG = structlog.get_logger("regulars.updater")
#: Pauses while there is nothing to fold: short right after traffic, longer when the shop sleeps; seconds.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.02
#: How often the status is written; seconds.
STATUS_SECONDS = 0.5
#: How long to wait after the disk refused a write; seconds.
RETRY_SECONDS = 1.0


def main(arguments: Sequence[str]) -> int:
    """`SETTINGS PARENT`; the exit code."""
    settings, parent = from_argument(arguments[0]), int(arguments[1])
    end_with_parent(parent)
    # When both cores are busy the gateway goes first: what is acknowledged can be folded a moment later.
    os.nice(10)
    logging_to_stderr()
    stopping = stop_on_signals()
    status = StatusFile(settings.data / "status" / "updater")
    try:
        run(settings, status, stopping)
    except RegularsError as error:
        _LOG.error("the updater cannot go on", error=str(error))
        status.write({"pid": os.getpid(), "ready": False, "error": str(error), "at": time.time()})
        return exit_code(error)
    return 0


def run(settings: Settings, status: StatusFile, stopping: threading.Event) -> None:
    """Fold until told to stop."""
    folder = existing_folder(settings)
    definitions = load(settings.shop)
    log = read_log(folder)
    state = open_state(folder, settings)
    # Two children on demand: a history that a fold waits for must not stand behind a long seal.
    histories = AnalystClient(settings.data, definitions, idle_seconds=60, nice=0)
    analyst = AnalystClient(settings.data, definitions)
    trainer = Trainer(
        settings.data, definitions, AnalystClient(settings.data, definitions, nice=19), hours=settings.train_hours
    )
    beside = Beside(settings.data) if processors() > 1 else None
    keeper: Keeper | None = None
    try:
        updater = Updater(definitions, log, state, sealed=histories.history, beside=beside)

        def today() -> int:
            return updater.engine.calendar.day(updater.clock or time.time_ns() // 1_000_000)

        keeper = Keeper(settings, read_state(folder), analyst, today=today)
        keeper.start()
        trainer.start()
        _loop(updater, state, keeper, _Reporter(status), stopping, (histories, analyst), beside)
    finally:
        if beside is not None:
            beside.close()
        if keeper is not None:
            keeper.stop()
        trainer.stop()
        histories.close()
        state.close()
        log.close()


def _loop(
    updater: Updater,
    state: State,
    keeper: Keeper,
    reporter: "_Reporter",
    stopping: threading.Event,
    analysts: Sequence[AnalystClient],
    beside: Beside | None,
) -> None:
    pause = SHORTEST_PAUSE
    epoch = -1
    collecting = Collecting()
    while not stopping.is_set():
        try:
            folded = updater.step()
            keeper.commit(state)
            reporter.report(folded, error=keeper.error)
            collecting.between()
        except Unavailable as error:
            reporter.report(0, error=str(error))
            stopping.wait(RETRY_SECONDS)
            continue
        if updater.epoch != epoch:
            epoch = updater.epoch
            for analyst in analysts:
                threading.Thread(target=analyst.redefine, args=(updater.engine.definitions,), daemon=True).start()
        if folded or updater.busy:
            pause = SHORTEST_PAUSE
        else:
            if beside is not None:
                beside.rest()
            stopping.wait(pause)
            pause = min(pause * 1.2, LONGEST_PAUSE)


class _Reporter:
    """Tells others now and then how folding goes."""

    def __init__(self, status: StatusFile) -> None:
        self._status = status
        self._records = 0
        self._error = ""
        self._since = time.time()
        self._told = 0.0

    def report(self, folded: int, *, error: str) -> None:
        """Count a step; write the status when it is time, and at once when a failure comes or goes."""
        self._records += folded
        now = time.time()
        if error == self._error and now - self._told < STATUS_SECONDS:
            return
        if error and error != self._error:
            _LOG.warning("folding waits", error=error)
        self._error, self._told = error, now
        self._status.write(
            {
                "pid": os.getpid(),
                "ready": True,
                "since": self._since,
                "at": now,
                "records": self._records,
                "error": error,
            }
        )
