"""Choose and open the adapters of a data folder: files for the log and SQLite for the state on one machine."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import structlog

from regulars.adapters.log.appending import FileLog
from regulars.adapters.log.group import GroupCommit
from regulars.adapters.log.migration import carry_over
from regulars.adapters.log.reading import FileLogReader
from regulars.adapters.state.sqlite import SqliteState, SqliteStateReader
from regulars.core.definitions import Definitions
from regulars.core.errors import Rejected, Unavailable
from regulars.core.log import Log, NewRecord
from regulars.runtime.folder import DataFolder, check_version, open_folder, write_version
from regulars.runtime.services import Analyst, Services
from regulars.runtime.settings import Settings

_LOG = structlog.get_logger("regulars.data")


def prepare(settings: Settings) -> DataFolder:
    """The data folder with log and state made or migrated, so that every process finds them whole."""
    folder = open_folder(settings.data)
    carried = carry_over(folder.log_of_version_1, folder.log)
    if carried:
        _LOG.info("the log was carried over from its old file into files of its own", records=carried)
    write_version(folder)
    open_log(folder, settings).close()
    open_state(folder, settings).close()
    return folder


def open_log(folder: DataFolder, settings: Settings) -> FileLog:
    """The log for the one process that appends."""
    return FileLog(folder.log, max_bytes=settings.log_max_bytes)


def read_log(folder: DataFolder) -> Log:
    """The log for a process that reads; it appends nothing."""
    return cast(Log, FileLogReader(folder.log))


def open_state(folder: DataFolder, settings: Settings) -> SqliteState:
    """The state for its one writer."""
    return SqliteState(folder.state, max_bytes=settings.state_max_bytes)


def read_state(folder: DataFolder) -> SqliteStateReader:
    """The state for a process that reads."""
    return SqliteStateReader(folder.state)


def existing_folder(settings: Settings) -> DataFolder:
    """The folder of a shop that was served before."""
    folder = DataFolder(settings.data)
    if not folder.version.exists():
        raise Rejected(
            f"{settings.data} is no data folder; start `regulars serve {settings.shop}` once, or name it with --data",
            field="--data",
            expected="a data folder",
            got=str(settings.data),
        )
    check_version(folder)
    return folder


def gateway_services(settings: Settings, definitions: Definitions, analyst: Analyst | None = None) -> Services:
    """The services of a gateway process; call it on the running event loop."""
    folder = existing_folder(settings)
    state = read_state(folder)
    log = open_log(folder, settings)
    return Services(
        settings=settings,
        folder=folder,
        definitions=definitions,
        log=log,
        intake=GroupCommit(log),
        state=state,
        analyst=analyst,
    )


def reading_services(settings: Settings, definitions: Definitions) -> Services:
    """Services that read a data folder and append nothing, beside a running server or without one."""
    folder = existing_folder(settings)
    return Services(
        settings=settings,
        folder=folder,
        definitions=definitions,
        log=read_log(folder),
        intake=_NoIntake(),
        state=read_state(folder),
    )


class _NoIntake:
    """Refuses every append."""

    def append(self, record: NewRecord) -> "asyncio.Future[int]":
        raise Unavailable("this process only reads; ask the running server")

    def hand_in(self, record: NewRecord, told: Callable[[int | Exception], None]) -> None:
        raise Unavailable("this process only reads; ask the running server")

    def append_many(self, records: Sequence[NewRecord], *, patient: bool = False) -> "asyncio.Future[int]":
        raise Unavailable("this process only reads; ask the running server")

    def backlog(self) -> tuple[int, int]:
        return 0, 0

    async def close(self) -> None:
        pass
