"""A whole installation in this process: log, state and lake on disk, sealed and erased by the product's own code."""

from pathlib import Path
from typing import Any

import msgspec

from regulars.adapters.log.appending import FileLog
from regulars.adapters.state.sqlite import SqliteState
from regulars.analyst import bookkeeping, server
from regulars.analyst.client import AnalystClient
from regulars.analyst.protocol import Request, Setup
from regulars.analyst.work import Workbench
from regulars.core.erasure import Erasure
from regulars.core.log import COMMAND, NewRecord
from regulars.core.state import ERASURE, FOLDED, SEALED
from regulars.flow.engine import Engine
from regulars.flow.updater import Updater
from regulars.runtime.folder import open_folder
from regulars.updater.eraser import Eraser
from regulars.updater.unlearning import Unlearning

_ERASURE = msgspec.msgpack.Decoder(Erasure)


class Beside(AnalystClient):
    """Answers questions as the child would, without one: through the same loop's code and encoding."""

    def __init__(self, data: Path, engine: Engine) -> None:
        super().__init__(data, engine.definitions)
        self._bench = Workbench(data, self._setup)
        self._engine = engine
        assert isinstance(self._setup, Setup)

    def twin(self) -> "Beside":
        """Another that answers beside this one."""
        return Beside(self._bench.data, self._engine)

    def _answer(self, method: str, args: dict[str, Any], seconds: float) -> msgspec.Raw:
        sent = msgspec.msgpack.decode(msgspec.msgpack.encode(Request(0, method, args)), type=Request)
        return msgspec.Raw(msgspec.msgpack.encode(server._answer(self._bench, sent)))  # noqa: SLF001


class Installation:
    """A data folder that is written as gateway and updater write it."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.data = open_folder(root).root
        self.log = FileLog(self.data / "log")
        self.state = SqliteState(self.data / "state.db")
        self.analyst = Beside(self.data, engine)
        self.updater = Updater(engine, self.log, self.state, sealed=self.analyst.history, records=50)
        self._unlearning = Unlearning(self.state, self.analyst, commit=lambda changes: self.state.commit(changes()))
        self.eraser = Eraser(
            self.data,
            self.state,
            self.analyst,
            commit=lambda changes: self.state.commit(changes()),
            seal=self.seal,
            unlearn=self._unlearning.work,
            today=lambda: engine.calendar.day(self.updater.clock),
        )

    def take(self, *records: NewRecord) -> None:
        """Append and fold."""
        self.log.append(list(records))
        self.updater.run()

    def command(self, name: str, time: int, **args: Any) -> None:
        """Append a command, and fold it."""
        body = msgspec.json.encode({"name": name, "args": args, "by": "eva"})
        self.take(NewRecord(COMMAND, "eva", name, time, body))

    def seal(self, until: int | None = None) -> None:
        """Bring the lake up to an offset, or to what is folded."""
        wanted = until if until is not None else int(str(self.state.meta(FOLDED) or 0))
        while (after := int(str(self.state.meta(SEALED) or 0))) < wanted:
            changes, meta = bookkeeping.sealed(self.analyst.seal(after, wanted))
            self.state.commit(changes, meta=meta)

    def erased(self) -> list[Erasure]:
        """Carry out the erasures that wait; all certificates, oldest first."""
        self.eraser.work()
        return [_ERASURE.decode(bytes(row[3])) for row in self.state.select(ERASURE, order=("offset",))]  # type: ignore[arg-type]

    def close(self) -> None:
        """Let go of the files."""
        self.log.close()
        self.state.close()
